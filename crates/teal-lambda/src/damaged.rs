//! Every event that a function is called with, damaged at every place: it is read or refused, never a panic, and who reads the error knows
//! where to look.

use crate::{decode_alarm_change, decode_execution_change, decode_hook, decode_pipeline_call, decode_weights_due};
use serde_json::{Value, json};
use std::fmt::Debug;
use teal::error::TealResult;

const SERVICE: &str = "arn:aws:ecs:eu-central-1:123456789012:service/prod/checkout";
const GREEN: &str = "arn:aws:ecs:eu-central-1:123456789012:service-revision/prod/checkout/9386398427419951854";

/// A way in which events come.
struct Dialect {
    name: &'static str,
    sample: Value,
    read: fn(&Value) -> TealResult<Box<dyn Debug>>,
    /// Pointers to what is looked at. Whatever becomes of anything else, the event is read.
    asked: &'static [&'static str],
}

fn boxed<T: Debug + 'static>(read: TealResult<T>) -> TealResult<Box<dyn Debug>> {
    read.map(|read| Box::new(read) as Box<dyn Debug>)
}

/// An event as EventBridge hands it over.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
fn bridged(source: &str, detail_type: &str, detail: &Value) -> Value {
    json!({
        "version": "0", "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92", "detail-type": detail_type, "source": source,
        "account": "123456789012", "time": "2019-10-02T17:04:40Z", "region": "us-east-1",
        "resources": ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:checkout-5xx"], "detail": detail,
    })
}

fn of_event_bridge() -> [Dialect; 5] {
    let alarm = json!({
        "alarmName": "checkout-5xx",
        "state": {"value": "ALARM", "reason": "Threshold Crossed", "reasonData": "{}", "timestamp": "2019-10-02T17:04:40.985+0000"},
        "previousState": {"value": "OK"}, "configuration": {"metrics": [{"id": "m1"}]},
    });
    let execution = json!({
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:teal:r-1", "stateMachineArn": "arn:x", "name": "r-1",
        "status": "ABORTED", "startDate": 1_551_225_271_984_i64, "error": "Teal.Regression", "cause": "why",
    });
    let phase = json!({"id": "r-1-7", "release": "r-1", "state": "Bake", "greenShare": "100%"});
    let stage = json!({
        "pipeline": "checkout", "stage": "Verify", "state": "FAILED", "version": 3.0,
        "execution-id": "01234567-0123-0123-0123-012345678901",
    });
    [
        Dialect {
            name: "alarm",
            sample: bridged("aws.cloudwatch", "CloudWatch Alarm State Change", &alarm),
            read: |event| boxed(decode_alarm_change(event)),
            asked: &["/account", "/detail/alarmName", "/detail/state/value"],
        },
        Dialect {
            name: "execution",
            sample: bridged("aws.states", "Step Functions Execution Status Change", &execution),
            read: |event| boxed(decode_execution_change(event)),
            asked: &["/account", "/detail/executionArn", "/detail/name", "/detail/status"],
        },
        Dialect {
            name: "phase",
            sample: bridged("teal", "Teal Release Phase Change", &phase),
            read: |event| boxed(decode_weights_due(event)),
            asked: &["/account", "/source", "/detail/release"],
        },
        Dialect {
            name: "schedule",
            sample: bridged("aws.events", "Scheduled Event", &json!({})),
            read: |event| boxed(decode_weights_due(event)),
            asked: &["/account", "/source"],
        },
        Dialect {
            name: "stage",
            sample: bridged("aws.codepipeline", "CodePipeline Stage Execution State Change", &stage),
            read: |event| boxed(decode_pipeline_call(event)),
            asked: &["/detail-type", "/detail/pipeline", "/detail/stage", "/detail/state", "/detail/execution-id"],
        },
    ]
}

fn of_jobs_and_hooks() -> [Dialect; 5] {
    let job = json!({"CodePipeline.job": {
        "id": "11111111-abcd-1111-abcd-111111abcdef", "accountId": "123456789012",
        "data": {
            "actionConfiguration": {"configuration": {"FunctionName": "f", "UserParameters": "{\"planRef\": \"ssm:/p\"}"}},
            "inputArtifacts": [{"name": "source", "location": {"type": "S3"}}],
            "artifactCredentials": {"accessKeyId": "AKIA"}, "continuationToken": "{}",
        },
    }});
    let details = json!({
        "serviceArn": SERVICE, "targetServiceRevisionArn": GREEN,
        "testTrafficWeights": {GREEN: 100}, "productionTrafficWeights": {GREEN: 10.5},
    });
    let nested = json!({
        "executionId": "a635edb5-a66b-4f44-bf3f-fcee4b3641a5", "lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT",
        "resourceArn": "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/checkout/TFX5sH9q9XDboDTOv0rIt",
        "executionDetails": details,
        "hookDetails": {"planRef": "ssm:/teal/plans/checkout", "version": "2.4.0", "theirs": "x"},
    });
    let script = json!({
        "teal": "ec2", "deploymentId": "d-ABC123XYZ", "application": "shop", "deploymentGroup": "checkout",
        "lifecycleEvent": "ValidateService", "instance": "i-0123456789abcdef0",
    });
    let hook = |event: &Value| boxed(decode_hook(event));
    [
        Dialect {
            name: "job",
            sample: job,
            read: |event| boxed(decode_pipeline_call(event)),
            asked: &["/CodePipeline.job/id"],
        },
        Dialect {
            name: "CodeDeploy's hook",
            sample: json!({"DeploymentId": "d-ABC123XYZ", "LifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi"}),
            read: hook,
            asked: &["/DeploymentId", "/LifecycleEventHookExecutionId"],
        },
        Dialect {
            name: "ECS's hook",
            sample: nested,
            read: hook,
            asked: &["/lifecycleStage", "/resourceArn", "/executionDetails", "/hookDetails"],
        },
        Dialect {
            name: "ECS's flat hook",
            sample: details,
            read: hook,
            asked: &["/serviceArn", "/targetServiceRevisionArn", "/testTrafficWeights", "/productionTrafficWeights"],
        },
        Dialect {
            name: "the script's hook",
            sample: script,
            read: hook,
            asked: &["/teal", "/deploymentId", "/application", "/deploymentGroup", "/lifecycleEvent", "/instance"],
        },
    ]
}

/// Pointers to all that is in a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut add = |name: &str, part: &Value| {
        let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(place.clone());
        places(part, &place, found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, part)| add(name, part)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, part)| add(&index.to_string(), part)),
        _ => {}
    }
}

fn damages() -> Vec<Option<Value>> {
    let nest = (0..50).fold(json!(1), |inner, _| json!([inner]));
    let wrong = [
        json!(null),
        json!(true),
        json!(-7),
        json!(1e300),
        json!(""),
        json!([]),
        json!({}),
        json!(["x"]),
        json!({"x": 1}),
    ];
    let huge = [json!("x".repeat(100_000)), json!("\u{0}é\"\\".repeat(50_000)), json!({"x".repeat(100_000): 1}), nest];
    [None].into_iter().chain(wrong.into_iter().chain(huge).map(Some)).collect()
}

/// The event with something else at the place, or nothing.
fn damaged(sample: &Value, place: &str, damage: Option<&Value>) -> Value {
    let mut event = sample.clone();
    if let Some(damage) = damage {
        *event.pointer_mut(place).unwrap() = damage.clone();
        return event;
    }
    let (parent, name) = place.rsplit_once('/').unwrap();
    match event.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(&name.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        _ => unreachable!("{place} is within something"),
    }
    event
}

/// Whether one of two places is in the other, or both are the same.
fn is_along(one: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(one, other) || within(other, one)
}

#[test]
fn an_event_damaged_anywhere_is_read_or_refused_with_the_place_in_short() {
    for Dialect { name, sample, read, asked } in of_event_bridge().into_iter().chain(of_jobs_and_hooks()) {
        assert!(read(&sample).is_ok(), "{name}: {:?}", read(&sample).err());
        let mut all = Vec::new();
        places(&sample, "", &mut all);
        for place in asked {
            assert!(all.iter().any(|one| one == place), "{name}: the sample has no {place}");
        }
        for place in &all {
            for damage in damages() {
                let Err(error) = read(&damaged(&sample, place, damage.as_ref())) else { continue };
                let shown = damage.map_or("nothing".to_owned(), |value| value.to_string().chars().take(40).collect());
                let what = format!("{name}, {place}, {shown}: {error}");
                let asked: Vec<&&str> = asked.iter().filter(|asked| is_along(asked, place)).collect();
                assert!(!asked.is_empty(), "it could have been read: {what}");
                // What is around the place, or what is missing in it.
                let around = place
                    .split('/')
                    .chain(all.iter().filter(|one| is_along(one, place)).flat_map(|one| one.split('/')));
                let mut names = around.filter(|name| !name.is_empty());
                assert!(names.any(|name| error.message.contains(name)), "it names no field: {what}");
                assert!(error.message.chars().count() < 1_500, "{} characters: {name}, {place}", error.message.len());
            }
        }
        for damage in damages().into_iter().flatten() {
            let _ = read(&damage);
        }
    }
}
