//! The service as its clients see it, with a time that the test sets.

mod alarms;
mod metrics;

use super::*;
use bytes::Bytes;
use ciborium::Value as Cbor;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;
use std::sync::Arc;

const MINUTE: Millis = 60_000;
/// 2026-11-22T20:00:00Z.
const START: Millis = 1_795_377_600_000;

struct Lab {
    service: CloudWatch,
    events: Arc<Mutex<Vec<Value>>>,
}

fn lab() -> Lab {
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let service = CloudWatch::new(LabClock::starting_now(1.0), move |event| lock(&sink).push(event));
    Lab { service, events }
}

fn json_request(operation: &str, body: &Value) -> AwsRequest {
    let mut headers = HeaderMap::new();
    let target = format!("GraniteServiceVersion20100801.{operation}");
    headers.insert("x-amz-target", HeaderValue::from_str(&target).unwrap());
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.0"));
    AwsRequest { method: Method::POST, uri: "/".parse().unwrap(), headers, body: body.to_string().into() }
}

fn cbor_request(operation: &str, body: &Cbor) -> AwsRequest {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).unwrap();
    let uri = format!("/service/GraniteServiceVersion20100801/operation/{operation}").parse().unwrap();
    AwsRequest { method: Method::POST, uri, headers: HeaderMap::new(), body: Bytes::from(bytes) }
}

fn map(members: Vec<(&str, Cbor)>) -> Cbor {
    Cbor::Map(members.into_iter().map(|(name, value)| (Cbor::Text(name.to_owned()), value)).collect())
}

fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

/// A timestamp as the SDKs write it.
fn tagged(seconds: i64) -> Cbor {
    Cbor::Tag(1, Box::new(Cbor::Float(seconds as f64)))
}

fn member<'a>(document: &'a Cbor, name: &str) -> &'a Cbor {
    let members = document.as_map().unwrap();
    &members.iter().find(|(key, _)| key.as_text() == Some(name)).unwrap_or_else(|| panic!("{name} is absent")).1
}

impl Lab {
    fn json(&self, operation: &str, body: &Value, now: Millis) -> (StatusCode, Value) {
        let answer = self.service.answer(&json_request(operation, body), now);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    fn ok(&self, operation: &str, body: &Value, now: Millis) -> Value {
        let (status, answer) = self.json(operation, body, now);
        assert_eq!(status, StatusCode::OK, "{operation}: {answer}");
        answer
    }

    /// Publishes `bad` of 100 requests of the minute that begins at `at`.
    fn requests(&self, at: Millis, bad: u32) {
        let record = |name, count: u32| {
            let dimensions = vec![("LoadBalancer", "app/lab/1".to_owned())];
            let count = f64::from(count);
            self.service.record(MetricSample {
                namespace: "AWS/ApplicationELB",
                name,
                dimensions,
                at,
                value: 1.0,
                count,
            });
        };
        record("RequestCount", 100);
        // As on AWS: a count of nothing is no data.
        if bad > 0 {
            record("HTTPCode_Target_5XX_Count", bad);
        }
    }

    fn put_alarm(&self, changes: &Value) {
        let mut alarm = json!({
            "AlarmName": "checkout-5xx",
            "Namespace": "AWS/ApplicationELB",
            "MetricName": "HTTPCode_Target_5XX_Count",
            "Dimensions": [{"Name": "LoadBalancer", "Value": "app/lab/1"}],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2,
            "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        });
        for (name, value) in changes.as_object().unwrap() {
            alarm[name] = value.clone();
        }
        self.ok("PutMetricAlarm", &alarm, START);
    }

    fn state(&self, name: &str, now: Millis) -> String {
        let types = ["MetricAlarm", "CompositeAlarm"];
        let answer = self.ok("DescribeAlarms", &json!({"AlarmNames": [name], "AlarmTypes": types}), now);
        let alarm = answer["MetricAlarms"].get(0).or_else(|| answer["CompositeAlarms"].get(0)).unwrap();
        alarm["StateValue"].as_str().unwrap().to_owned()
    }
}
