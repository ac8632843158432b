//! Metrics, and the protocols.

use super::*;

#[test]
fn get_metric_data_over_cbor_answers_tagged_timestamps_and_floats() {
    let lab = lab();
    lab.requests(START, 3);
    let stat = map(vec![
        (
            "Metric",
            map(vec![
                ("Namespace", text("AWS/ApplicationELB")),
                ("MetricName", text("RequestCount")),
                (
                    "Dimensions",
                    Cbor::Array(vec![map(vec![("Name", text("LoadBalancer")), ("Value", text("app/lab/1"))])]),
                ),
            ]),
        ),
        ("Period", Cbor::Integer(60.into())),
        ("Stat", text("Sum")),
    ]);
    let body = map(vec![
        ("StartTime", tagged(START / 1000)),
        ("EndTime", tagged(START / 1000 + 120)),
        ("MetricDataQueries", Cbor::Array(vec![map(vec![("Id", text("requests")), ("MetricStat", stat)])])),
    ]);
    let answer = lab.service.answer(&cbor_request("GetMetricData", &body), START);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["smithy-protocol"], "rpc-v2-cbor");
    let document: Cbor = ciborium::from_reader(answer.body.as_ref()).unwrap();
    let result = &member(&document, "MetricDataResults").as_array().unwrap()[0];
    assert_eq!(member(result, "Values"), &Cbor::Array(vec![Cbor::Float(100.0)]));
    let time = Cbor::Tag(1, Box::new(Cbor::Integer((START / 1000).into())));
    assert_eq!(member(result, "Timestamps"), &Cbor::Array(vec![time]));
    assert_eq!(member(result, "StatusCode"), &text("Complete"));
}

#[test]
fn errors_have_the_protocols_form() {
    let lab = lab();
    let answer = lab.service.answer(
        &cbor_request(
            "SetAlarmState",
            &map(vec![("AlarmName", text("absent")), ("StateValue", text("OK")), ("StateReason", text("test"))]),
        ),
        START,
    );
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.headers["x-amzn-query-error"], "ResourceNotFound;Sender");
    let document: Cbor = ciborium::from_reader(answer.body.as_ref()).unwrap();
    assert_eq!(member(&document, "__type"), &text("com.amazonaws.cloudwatch#ResourceNotFound"));

    let (status, document) =
        lab.json("GetMetricData", &json!({"StartTime": 2, "EndTime": 1, "MetricDataQueries": []}), START);
    assert_eq!((status, document["__type"].as_str()), (StatusCode::BAD_REQUEST, Some("ValidationException")));

    let garbage = AwsRequest { body: Bytes::from_static(&[0xff, 0x00]), ..cbor_request("ListMetrics", &Cbor::Null) };
    assert_eq!(lab.service.answer(&garbage, START).status, StatusCode::BAD_REQUEST);
    let (_, document) = lab.json("PutAnomalyDetector", &json!({}), START);
    assert_eq!(document["__type"], "UnknownOperationException");
}

#[test]
fn metric_math_and_pages_of_get_metric_data() {
    let lab = lab();
    for minute in 0..4 {
        lab.requests(START + minute * MINUTE, if minute == 1 { 20 } else { 0 });
    }
    let stat = |name: &str| {
        let dimensions = [json!({"Name": "LoadBalancer", "Value": "app/lab/1"})];
        let metric = json!({"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions});
        json!({"Metric": metric, "Period": 60, "Stat": "Sum"})
    };
    let mut body = json!({
        "StartTime": START / 1000 + 5, // rounded down to the minute
        "EndTime": START / 1000 + 240,
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            {"Id": "all", "MetricStat": stat("RequestCount"), "ReturnData": false},
            {"Id": "bad", "MetricStat": stat("HTTPCode_Target_5XX_Count")},
            {"Id": "share", "Expression": "100 * FILL(bad, 0) / all", "Label": "bad share"},
        ],
    });
    let answer = lab.ok("GetMetricData", &body, START);
    let results = answer["MetricDataResults"].as_array().unwrap();
    assert_eq!(results[0]["Values"], json!([20.0]));
    assert_eq!(results[0]["Timestamps"], json!([START / 1000 + 60]));
    assert_eq!((&results[1]["Label"], &results[1]["Values"]), (&json!("bad share"), &json!([0.0, 20.0, 0.0, 0.0])));

    body["MaxDatapoints"] = json!(2);
    let mut pages = Vec::new();
    loop {
        let answer = lab.ok("GetMetricData", &body, START);
        pages.push(answer["MetricDataResults"].clone());
        match answer.get("NextToken") {
            Some(token) => body["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(pages.len(), 3);
    assert_eq!(pages[0][1]["StatusCode"], "PartialData");
    assert_eq!((&pages[2][0]["Id"], &pages[2][0]["Values"]), (&json!("share"), &json!([0.0])));

    body["NextToken"] = json!("nonsense");
    assert_eq!(lab.json("GetMetricData", &body, START).1["__type"], "InvalidNextToken");
}

#[test]
fn newest_data_comes_first_unless_asked_otherwise() {
    let lab = lab();
    lab.ok(
        "PutMetricData",
        &json!({"Namespace": "Shop", "MetricData": [
            {"MetricName": "Orders", "Timestamp": START / 1000, "Value": 1.0},
            {"MetricName": "Orders", "Timestamp": START / 1000 + 60, "Values": [2.0, 3.0], "Counts": [1.0, 2.0]},
        ]}),
        START,
    );
    let metric = json!({"Namespace": "Shop", "MetricName": "Orders"});
    let query = json!({"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}});
    let body = json!({"StartTime": START / 1000, "EndTime": START / 1000 + 120, "MetricDataQueries": [query]});
    let answer = lab.ok("GetMetricData", &body, START);
    assert_eq!(answer["MetricDataResults"][0]["Values"], json!([8.0, 1.0]));

    let body = json!({"Namespace": "Shop", "MetricName": "Orders", "Period": 60, "ExtendedStatistics": ["p50"],
        "StartTime": "2026-11-22T20:00:00Z", "EndTime": "2026-11-22T20:02:00Z"});
    let answer = lab.ok("GetMetricStatistics", &body, START);
    assert_eq!(answer["Datapoints"][1]["ExtendedStatistics"], json!({"p50": 3.0}));

    let answer = lab.ok("ListMetrics", &json!({"Namespace": "Shop"}), START);
    assert_eq!(answer["Metrics"], json!([{"Namespace": "Shop", "MetricName": "Orders", "Dimensions": []}]));
}

#[test]
fn calls_that_cloudwatch_refuses() {
    let lab = lab();
    let table = [
        ("PutMetricData", json!({"Namespace": "AWS/ECS", "MetricData": []}), "InvalidParameterValueException"),
        (
            "PutMetricData",
            json!({"Namespace": "A", "MetricData": [{"MetricName": "m"}]}),
            "InvalidParameterCombinationException",
        ),
        (
            "PutMetricData",
            json!({"Namespace": "A", "MetricData": [{"MetricName": "m", "Value": 1.0, "Timestamp": 0}]}),
            "InvalidParameterValueException",
        ),
        (
            "GetMetricStatistics",
            json!({"Namespace": "A", "MetricName": "m", "StartTime": 0, "EndTime": 60, "Period": 61, "Statistics": ["Sum"]}),
            "ValidationException",
        ),
        (
            "GetMetricStatistics",
            json!({"Namespace": "A", "MetricName": "m", "StartTime": 0, "EndTime": 600_000, "Period": 60, "Statistics": ["Sum"]}),
            "InvalidParameterCombinationException",
        ),
        (
            "GetMetricData",
            json!({"StartTime": 0, "EndTime": 60, "MetricDataQueries": [{"Id": "Upper", "Expression": "1"}]}),
            "ValidationException",
        ),
        (
            "GetMetricData",
            json!({"StartTime": 0, "EndTime": 60, "MetricDataQueries": [{"Id": "a", "Expression": "b"}]}),
            "ValidationException",
        ),
        (
            "GetMetricData",
            json!({"StartTime": 0, "EndTime": 60, "MetricDataQueries": [{"Id": "a", "Expression": "a + 1"}]}),
            "ValidationException",
        ),
        (
            "GetMetricStatistics",
            json!({"Namespace": "A", "MetricName": "m", "StartTime": 0, "EndTime": 60, "Period": i64::MAX / 60 * 60, "Statistics": ["Sum"]}),
            "ValidationException",
        ),
        (
            "PutMetricAlarm",
            json!({"AlarmName": "a", "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}),
            "ValidationException",
        ),
        (
            "PutMetricAlarm",
            json!({"AlarmName": "a", "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "Above"}),
            "ValidationException",
        ),
        ("PutCompositeAlarm", json!({"AlarmName": "a", "AlarmRule": "ALARM(absent)"}), "ValidationException"),
        ("DeleteAlarms", json!({"AlarmNames": ["absent"]}), "ResourceNotFound"),
        ("DescribeAlarms", json!({"MaxRecords": 101}), "ValidationException"),
        ("GetDashboard", json!({"DashboardName": "absent"}), "DashboardNotFoundError"),
    ];
    for (operation, body, expected) in table {
        let (status, answer) = lab.json(operation, &body, START);
        assert!(status.is_client_error(), "{operation} {body}");
        assert_eq!(answer["__type"], expected, "{operation} {body}: {answer}");
    }
}

#[test]
fn large_requests_come_compressed() {
    use std::io::Write;
    let lab = lab();
    let body =
        json!({"Namespace": "Shop", "MetricData": [{"MetricName": "Orders", "Timestamp": START / 1000, "Value": 1.0}]});
    let mut request = json_request("PutMetricData", &body);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&request.body).unwrap();
    request.body = encoder.finish().unwrap().into();
    request.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    assert_eq!(lab.service.answer(&request, START).status, StatusCode::OK);
    assert_eq!(lab.ok("ListMetrics", &json!({}), START)["Metrics"][0]["MetricName"], "Orders");
}

#[test]
fn a_token_from_nowhere_is_an_empty_page_or_an_error() {
    let lab = lab();
    lab.requests(START, 1);
    let token = format!("after-{}", usize::MAX);
    let query = json!({"Id": "e", "Expression": "FILL(METRICS(), 0)"});
    for (operation, body) in [
        ("ListMetrics", json!({"NextToken": token})),
        ("DescribeAlarms", json!({"NextToken": token})),
        ("GetMetricData", json!({"NextToken": token, "StartTime": 0, "EndTime": 60, "MetricDataQueries": [query]})),
    ] {
        let answer = lab.service.answer(&json_request(operation, &body), START);
        assert!(!answer.status.is_server_error(), "{operation}");
    }
}

#[test]
fn expressions_that_double_each_other_are_computed_once() {
    let lab = lab();
    let mut queries = vec![json!({"Id": "e0", "Expression": "1"})];
    for number in 1..15 {
        let previous = format!("e{} + e{}", number - 1, number - 1);
        queries.push(json!({"Id": format!("e{number}"), "Expression": previous, "ReturnData": number == 14}));
    }
    let body = json!({"StartTime": 0, "EndTime": 60, "MetricDataQueries": queries});
    let answer = lab.ok("GetMetricData", &body, START);
    assert_eq!(answer["MetricDataResults"][1]["Values"], json!([16_384.0]));
}
