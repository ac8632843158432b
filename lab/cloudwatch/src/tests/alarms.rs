//! Alarms.

use super::*;
use crate::alarms::EVALUATION_LAG;

#[test]
fn an_alarm_goes_to_alarm_and_back_and_says_so() {
    let lab = lab();
    lab.put_alarm(&json!({}));
    for (minute, bad) in [0, 0, 20, 20, 0, 0, 0, 0].into_iter().enumerate() {
        lab.requests(START + minute as Millis * MINUTE, bad);
    }
    let mut states = Vec::new();
    for minute in 1..=8 {
        // A period counts only when it is over and the lag has passed.
        lab.service.evaluate_alarms(START + minute * MINUTE + EVALUATION_LAG - 1);
        lab.service.evaluate_alarms(START + minute * MINUTE + EVALUATION_LAG);
        states.push(lab.state("checkout-5xx", START));
    }
    // The two bad minutes count until they leave the evaluation range, because minutes without errors have no data.
    assert_eq!(states, ["OK", "OK", "OK", "ALARM", "ALARM", "ALARM", "ALARM", "OK"]);

    let events = lock(&lab.events);
    let values: Vec<_> = events.iter().map(|event| event["detail"]["state"]["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["OK", "ALARM", "OK"]);
    let alarm = &events[1];
    assert_eq!(alarm["source"], "aws.cloudwatch");
    assert_eq!(alarm["detail-type"], "CloudWatch Alarm State Change");
    assert_eq!(alarm["resources"], json!(["arn:aws:cloudwatch:us-east-1:000000000000:alarm:checkout-5xx"]));
    assert_eq!(alarm["time"], "2026-11-22T20:04:02Z");
    let detail = &alarm["detail"];
    assert_eq!(detail["alarmName"], "checkout-5xx");
    assert_eq!(detail["previousState"]["value"], "OK");
    assert_eq!(
        detail["state"]["reason"],
        "Threshold Crossed: 2 out of the last 3 datapoints [20.0 (22/11/26 20:03:00), 20.0 (22/11/26 20:02:00)] were \
         greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    assert_eq!(detail["state"]["timestamp"], "2026-11-22T20:04:02.000+0000");
    let data: Value = serde_json::from_str(detail["state"]["reasonData"].as_str().unwrap()).unwrap();
    assert_eq!((&data["statistic"], &data["period"], &data["threshold"]), (&json!("Sum"), &json!(60), &json!(5.0)));
    assert_eq!(
        detail["configuration"]["metrics"][0]["metricStat"]["metric"],
        json!({"namespace": "AWS/ApplicationELB", "name": "HTTPCode_Target_5XX_Count", "dimensions": {"LoadBalancer": "app/lab/1"}})
    );
    drop(events);

    let history =
        lab.ok("DescribeAlarmHistory", &json!({"AlarmName": "checkout-5xx", "HistoryItemType": "StateUpdate"}), START);
    assert_eq!(history["AlarmHistoryItems"][1]["HistorySummary"], "Alarm updated from OK to ALARM");
}

#[test]
fn alarms_of_other_dimensions_stay_out() {
    let lab = lab();
    lab.put_alarm(
        &json!({"Dimensions": [{"Name": "LoadBalancer", "Value": "app/other/1"}], "TreatMissingData": "missing"}),
    );
    lab.requests(START, 50);
    lab.service.evaluate_alarms(START + 2 * MINUTE);
    assert_eq!(lab.state("checkout-5xx", START), "INSUFFICIENT_DATA");
}

#[test]
fn a_metric_math_alarm_watches_a_share() {
    let lab = lab();
    let stat = |id: &str, name: &str| {
        let dimensions = [json!({"Name": "LoadBalancer", "Value": "app/lab/1"})];
        let metric = json!({"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions});
        json!({"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": false})
    };
    let alarm = json!({
        "AlarmName": "share",
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Metrics": [
            stat("all", "RequestCount"),
            stat("bad", "HTTPCode_Target_5XX_Count"),
            {"Id": "share", "Expression": "IF(all > 50, 100 * FILL(bad, 0) / all, 0)", "Label": "share"},
        ],
    });
    lab.ok("PutMetricAlarm", &alarm, START);
    lab.requests(START, 4);
    lab.requests(START + MINUTE, 5);
    lab.service.evaluate_alarms(START + MINUTE + EVALUATION_LAG);
    assert_eq!(lab.state("share", START), "OK");
    lab.service.evaluate_alarms(START + 2 * MINUTE + EVALUATION_LAG);
    assert_eq!(lab.state("share", START), "ALARM");
}

#[test]
fn ten_second_alarms_look_every_ten_seconds() {
    let lab = lab();
    lab.put_alarm(&json!({"Namespace": "Shop", "MetricName": "Failures", "Dimensions": [], "Period": 10, "EvaluationPeriods": 1, "DatapointsToAlarm": 1}));
    lab.ok(
        "PutMetricData",
        &json!({"Namespace": "Shop", "MetricData": [
            {"MetricName": "Failures", "Timestamp": START / 1000 + 13, "Value": 9.0, "StorageResolution": 1},
        ]}),
        START,
    );
    lab.service.evaluate_alarms(START + 12_000);
    assert_eq!(lab.state("checkout-5xx", START), "OK");
    lab.service.evaluate_alarms(START + 22_000);
    assert_eq!(lab.state("checkout-5xx", START), "ALARM");
}

#[test]
fn a_set_state_holds_until_the_next_evaluation_and_composites_follow() {
    let lab = lab();
    lab.put_alarm(&json!({}));
    let composite = json!({"AlarmName": "any", "AlarmRule": "ALARM(checkout-5xx) OR ALARM(\"any\")"});
    assert_eq!(lab.json("PutCompositeAlarm", &composite, START).0, StatusCode::BAD_REQUEST);
    lab.ok("PutCompositeAlarm", &json!({"AlarmName": "any", "AlarmRule": "ALARM(checkout-5xx)"}), START);
    let set = json!({"AlarmName": "checkout-5xx", "StateValue": "ALARM", "StateReason": "drill"});
    assert!(lab.service.in_alarm(&["checkout-5xx".to_owned()]).is_empty());
    lab.ok("SetAlarmState", &set, START + 10_000);
    let watched = ["nobody-s".to_owned(), "checkout-5xx".to_owned()];
    assert_eq!(lab.service.in_alarm(&watched), ["checkout-5xx"], "as a service reads it");
    assert_eq!((lab.state("checkout-5xx", START), lab.state("any", START)), ("ALARM".into(), "ALARM".into()));
    lab.service.evaluate_alarms(START + 20_000);
    assert_eq!(lab.state("checkout-5xx", START), "ALARM");
    lab.service.evaluate_alarms(START + MINUTE + EVALUATION_LAG);
    assert_eq!((lab.state("checkout-5xx", START), lab.state("any", START)), ("OK".into(), "OK".into()));
    let names: Vec<_> = lock(&lab.events).iter().map(|event| event["detail"]["alarmName"].clone()).collect();
    assert_eq!(names, ["checkout-5xx", "any", "checkout-5xx", "any"]);
}

#[test]
fn alarms_are_found_by_prefix_state_and_page() {
    let lab = lab();
    for number in 0..5 {
        lab.put_alarm(&json!({"AlarmName": format!("shop-{number}")}));
    }
    lab.put_alarm(&json!({"AlarmName": "other", "Tags": [{"Key": "team", "Value": "shop"}]}));
    let first = lab.ok("DescribeAlarms", &json!({"AlarmNamePrefix": "shop-", "MaxRecords": 3}), START);
    assert_eq!(first["MetricAlarms"].as_array().unwrap().len(), 3);
    let next = json!({"AlarmNamePrefix": "shop-", "MaxRecords": 3, "NextToken": first["NextToken"]});
    let second = lab.ok("DescribeAlarms", &next, START);
    assert_eq!((second["MetricAlarms"][1]["AlarmName"].as_str(), second.get("NextToken")), (Some("shop-4"), None));
    let none = lab.ok("DescribeAlarms", &json!({"StateValue": "ALARM"}), START);
    assert_eq!(none["MetricAlarms"], json!([]));
    let arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:other";
    let tags = lab.ok("ListTagsForResource", &json!({"ResourceARN": arn}), START);
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "shop"}]));
    assert_eq!(lab.service.resource_tags(arn)["team"], "shop");
    lab.ok("DeleteAlarms", &json!({"AlarmNames": ["other"]}), START);
    assert!(lab.service.resource_tags(arn).is_empty());
    assert_eq!(lab.json("ListTagsForResource", &json!({"ResourceARN": arn}), START).0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn run_evaluates_as_time_passes() {
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    // An hour of the lab passes in six seconds.
    let service = Arc::new(CloudWatch::new(LabClock::starting_now(600.0), move |event| {
        let _ = send.send(event);
    }));
    let alarm = json!({"AlarmName": "quiet", "Namespace": "Shop", "MetricName": "Orders", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"});
    let answer = service.handle(json_request("PutMetricAlarm", &alarm)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let runner = Arc::clone(&service);
    let task = tokio::spawn(async move { runner.run().await });
    let event = receive.recv().await.unwrap();
    assert_eq!(event["detail"]["state"]["value"], "ALARM");
    task.abort();
}
