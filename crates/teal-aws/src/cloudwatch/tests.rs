use crate::testing::{Script, Sent};
use ciborium::{Value, cbor};
use teal::ports::{AlarmState, MetricQuery, PortError, Reads, Series, Signals, Statistic};
use teal::time::Timestamp;

/// CloudWatch speaks CBOR.
fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn decoded(sent: &Sent) -> Value {
    ciborium::from_reader(sent.body.as_slice()).unwrap()
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_map()?.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

/// Seconds as CBOR's type for a time.
fn time(seconds: f64) -> Value {
    Value::Tag(1, Box::new(Value::Float(seconds)))
}

fn result(id: &str, status: &str, points: &[(f64, f64)]) -> Value {
    let times = points.iter().map(|(at, _)| time(*at)).collect::<Vec<_>>();
    let values = points.iter().map(|(_, value)| *value).collect::<Vec<_>>();
    cbor!({"Id" => id, "StatusCode" => status, "Timestamps" => times, "Values" => values}).unwrap()
}

fn page(results: &[Value], next: Option<&str>) -> Vec<u8> {
    let page = match next {
        Some(next) => cbor!({"MetricDataResults" => results, "NextToken" => next}),
        None => cbor!({"MetricDataResults" => results}),
    };
    encoded(&page.unwrap())
}

fn query(id: &str) -> MetricQuery {
    MetricQuery {
        id: id.into(),
        reads: Reads::Statistic(Statistic {
            namespace: "AWS/ApplicationELB".into(),
            metric: "RequestCount".into(),
            dimensions: vec![("LoadBalancer".into(), "app/shop/1".into())],
            statistic: "Sum".into(),
        }),
        period: 60,
        returned: true,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

async fn metrics(script: &Script, ids: &[&str]) -> Result<Vec<Series>, PortError> {
    let queries: Vec<MetricQuery> = ids.iter().map(|id| query(id)).collect();
    script.aws().metrics(&queries, at(600), at(900)).await
}

#[tokio::test]
async fn all_series_come_from_one_question_over_all_its_pages() {
    let script = Script::default()
        .answers(200, page(&[result("a", "PartialData", &[(600.0, 1.0)]), result("b", "Complete", &[])], Some("more")))
        .answers(200, page(&[result("a", "Complete", &[(660.0, 2.0)])], None));
    let series = metrics(&script, &["a", "b"]).await.unwrap();
    let expected = [
        Series { id: "a".into(), points: vec![(at(600), 1.0), (at(660), 2.0)] },
        Series { id: "b".into(), points: vec![] },
    ];
    assert_eq!(series, expected);

    let sent = script.sent();
    assert_eq!(sent[0].operation, "GetMetricData");
    let request = decoded(&sent[0]);
    assert_eq!(member(&request, "MetricDataQueries").and_then(Value::as_array).map(Vec::len), Some(2));
    assert_eq!(member(&request, "ScanBy").and_then(Value::as_text), Some("TimestampAscending"));
    assert_eq!(member(&decoded(&sent[1]), "NextToken").and_then(Value::as_text), Some("more"));
}

#[tokio::test]
async fn what_only_an_expression_uses_is_neither_returned_nor_missed() {
    let script = Script::default().answers(200, page(&[result("sum", "Complete", &[(600.0, 3.0)])], None));
    let input = MetricQuery { returned: false, ..query("a") };
    let sum = MetricQuery { reads: Reads::Expression("a * 2".into()), ..query("sum") };
    let series = script.aws().metrics(&[input, sum], at(600), at(900)).await.unwrap();
    assert_eq!(series, [Series { id: "sum".into(), points: vec![(at(600), 3.0)] }]);
    let request = decoded(&script.sent()[0]);
    let queries = member(&request, "MetricDataQueries").and_then(Value::as_array).unwrap();
    assert_eq!(member(&queries[0], "ReturnData"), Some(&Value::Bool(false)));
    assert_eq!(member(&queries[1], "Expression").and_then(Value::as_text), Some("a * 2"));
    assert_eq!(member(&queries[1], "MetricStat"), None);
}

#[tokio::test]
async fn a_series_that_is_not_complete_is_no_data_at_all() {
    for status in ["PartialData", "InternalError", "Forbidden"] {
        let script = Script::default().answers(200, page(&[result("a", status, &[(600.0, 1.0)])], None));
        let error = metrics(&script, &["a"]).await.unwrap_err();
        assert!(matches!(error, PortError::Unavailable { .. }) && error.to_string().contains(status), "{error}");
    }
    let script = Script::default().answers(200, page(&[result("a", "Complete", &[])], None));
    assert!(
        matches!(metrics(&script, &["a", "b"]).await, Err(PortError::Unavailable { .. })),
        "b is not in the answer"
    );
}

#[tokio::test]
async fn no_question_needs_no_call() {
    let script = Script::default();
    assert_eq!(metrics(&script, &[]).await, Ok(vec![]));
    assert!(script.sent().is_empty());
}

#[tokio::test]
async fn alarms_of_both_kinds_are_read_over_all_pages() {
    let alarm = |name: &str, state: &str| {
        cbor!({"AlarmName" => name, "StateValue" => state, "StateReason" => "because"}).unwrap()
    };
    let first = cbor!({"MetricAlarms" => [alarm("a", "OK")], "CompositeAlarms" => [alarm("b", "ALARM")], "NextToken" => "more"});
    let second = cbor!({"MetricAlarms" => [alarm("c", "INSUFFICIENT_DATA"), alarm("d", "CONFUSED")]});
    let script = Script::default().answers(200, encoded(&first.unwrap())).answers(200, encoded(&second.unwrap()));
    let names = ["a", "b", "c", "d", "e"].map(|name| name.parse().unwrap());
    let readings = script.aws().alarms(&names).await.unwrap();
    let states: Vec<(&str, AlarmState)> = readings.iter().map(|alarm| (alarm.name.as_str(), alarm.state)).collect();
    let expected = [
        ("a", AlarmState::Ok),
        ("b", AlarmState::Alarm),
        ("c", AlarmState::InsufficientData),
        ("d", AlarmState::InsufficientData),
    ];
    assert_eq!(states, expected, "e does not exist");
    assert_eq!(readings[1].reason, "because");
    let types = member(&decoded(&script.sent()[0]), "AlarmTypes").and_then(Value::as_array).cloned().unwrap();
    assert_eq!(types, [Value::from("MetricAlarm"), Value::from("CompositeAlarm")], "composite ones must be asked for");
}

#[tokio::test]
async fn a_refused_call_keeps_its_meaning() {
    let error = cbor!({"__type" => "com.amazonaws.cloudwatch#AccessDeniedException", "message" => "no"}).unwrap();
    let script = Script::default().answers(403, encoded(&error));
    assert!(matches!(script.aws().alarms(&["a".parse().unwrap()]).await, Err(PortError::Denied { .. })));
}
