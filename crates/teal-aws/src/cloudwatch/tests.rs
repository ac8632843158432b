use crate::testing::Script;
use serde_json::{Value, json};
use teal::ports::{AlarmState, MetricQuery, PortError, Reads, Series, Signals, Statistic};
use teal::time::Timestamp;

fn result(id: &str, status: &str, points: &[(f64, f64)]) -> Value {
    let times: Vec<f64> = points.iter().map(|(at, _)| *at).collect();
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    json!({"Id": id, "StatusCode": status, "Timestamps": times, "Values": values})
}

fn page(results: &[Value], next: Option<&str>) -> Value {
    json!({"MetricDataResults": results, "NextToken": next})
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
        .json(&page(&[result("a", "PartialData", &[(600.0, 1.0)]), result("b", "Complete", &[])], Some("more")))
        .json(&page(&[result("a", "Complete", &[(660.0, 2.0)])], None));
    let series = metrics(&script, &["a", "b"]).await.unwrap();
    let expected = [
        Series { id: "a".into(), points: vec![(at(600), 1.0), (at(660), 2.0)] },
        Series { id: "b".into(), points: vec![] },
    ];
    assert_eq!(series, expected);

    let sent = script.sent();
    assert_eq!(sent[0].operation, "GetMetricData");
    assert_eq!(sent[0].headers["content-type"], "application/x-amz-json-1.0");
    assert_eq!(sent[0].headers["x-amz-target"], "GraniteServiceVersion20100801.GetMetricData");
    let of_query = |id: &str| {
        json!({
            "Id": id,
            "ReturnData": true,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ApplicationELB",
                    "MetricName": "RequestCount",
                    "Dimensions": [{"Name": "LoadBalancer", "Value": "app/shop/1"}],
                },
                "Stat": "Sum",
                "Period": 60,
            },
        })
    };
    let asked = json!({
        "MetricDataQueries": [of_query("a"), of_query("b")],
        "StartTime": 600.0,
        "EndTime": 900.0,
        "ScanBy": "TimestampAscending",
    });
    assert_eq!(sent[0].json(), asked);
    assert_eq!(sent[1].json()["NextToken"], "more");
}

#[tokio::test]
async fn what_only_an_expression_uses_is_neither_returned_nor_missed() {
    let script = Script::default().json(&page(&[result("sum", "Complete", &[(600.0, 3.0)])], None));
    let input = MetricQuery { returned: false, ..query("a") };
    let sum = MetricQuery { reads: Reads::Expression("a * 2".into()), ..query("sum") };
    let series = script.aws().metrics(&[input, sum], at(600), at(900)).await.unwrap();
    assert_eq!(series, [Series { id: "sum".into(), points: vec![(at(600), 3.0)] }]);
    let queries = &script.sent()[0].json()["MetricDataQueries"];
    assert_eq!(queries[0]["ReturnData"], false);
    assert_eq!(queries[1], json!({"Id": "sum", "ReturnData": true, "Expression": "a * 2", "Period": 60}));
}

#[tokio::test]
async fn a_datum_that_is_no_number_is_not_taken_for_one() {
    let odd = json!({"Id": "a", "StatusCode": "Complete", "Timestamps": [600, 660.5], "Values": ["NaN", "Infinity"]});
    let series = metrics(&Script::default().json(&page(&[odd], None)), &["a"]).await.unwrap();
    let [(first, nan), (second, infinite)] = series[0].points.as_slice() else { panic!("{series:?}") };
    assert_eq!((first.as_second(), second.as_millisecond()), (600, 660_500));
    assert!(nan.is_nan() && infinite.is_infinite());
}

#[tokio::test]
async fn a_series_that_is_not_complete_is_no_data_at_all() {
    for status in ["PartialData", "InternalError", "Forbidden"] {
        let script = Script::default().json(&page(&[result("a", status, &[(600.0, 1.0)])], None));
        let error = metrics(&script, &["a"]).await.unwrap_err();
        assert!(matches!(error, PortError::Unavailable { .. }) && error.to_string().contains(status), "{error}");
    }
    let script = Script::default().json(&page(&[result("a", "Complete", &[])], None));
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
        json!({
            "AlarmName": name, "StateValue": state, "StateReason": "because",
            "StateTransitionedTimestamp": 600.5, "StateUpdatedTimestamp": 900.0,
        })
    };
    let first =
        json!({"MetricAlarms": [alarm("a", "OK")], "CompositeAlarms": [alarm("b", "ALARM")], "NextToken": "more"});
    let second = json!({"MetricAlarms": [alarm("c", "INSUFFICIENT_DATA"), alarm("d", "CONFUSED")]});
    let script = Script::default().json(&first).json(&second);
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
    assert_eq!(
        readings[1].since,
        Some("1970-01-01T00:10:00.5Z".parse().unwrap()),
        "the change, not the last evaluation"
    );
    let asked = script.sent()[0].json();
    assert_eq!(asked["AlarmTypes"], json!(["MetricAlarm", "CompositeAlarm"]), "composite ones must be asked for");
    assert_eq!(asked["AlarmNames"], json!(["a", "b", "c", "d", "e"]));
}

#[tokio::test]
async fn a_refused_call_keeps_its_meaning() {
    let error = json!({"__type": "com.amazonaws.cloudwatch#AccessDeniedException", "message": "no"});
    let script = Script::default().answers(403, error.to_string());
    assert!(matches!(script.aws().alarms(&["a".parse().unwrap()]).await, Err(PortError::Denied { .. })));
}
