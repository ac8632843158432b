use crate::testing::Script;
use serde_json::{Value, json};
use teal::plan::Green;
use teal::ports::{Fleet, PortError, Router, TargetHealth};
use teal::route::{Action, Colours, PartRef};

const BLUE: &str = "checkout:41";
const GREEN: &str = "checkout:42";

fn alias() -> PartRef {
    PartRef::Alias("checkout:live".parse().unwrap())
}

fn colours() -> Colours {
    Colours { blue: BLUE.parse().unwrap(), green: GREEN.parse().unwrap() }
}

fn forward(versions: &[(&str, u16)]) -> Vec<Action> {
    let groups: Vec<Value> =
        versions.iter().map(|(version, weight)| json!({"targetGroup": version, "weight": weight})).collect();
    serde_json::from_value(json!([{"forward": {"groups": groups}}])).unwrap()
}

/// An alias as Lambda shows it.
fn shown(version: &str, weights: &Value, revision: &str) -> Value {
    json!({
        "AliasArn": "arn:aws:lambda:eu-central-1:123456789012:function:checkout:live",
        "Name": "live",
        "FunctionVersion": version,
        "RoutingConfig": {"AdditionalVersionWeights": weights},
        "RevisionId": revision,
    })
}

#[tokio::test]
async fn an_alias_is_one_forward_action_without_what_is_idle() {
    for (version, weights, expected) in [
        ("41", Value::Null, vec![(BLUE, 1000)]),
        ("41", json!({"42": 0.0}), vec![(BLUE, 1000)]),
        ("41", json!({"42": 0.05}), vec![(BLUE, 950), (GREEN, 50)]),
        ("42", json!({"41": 0.001}), vec![(BLUE, 1), (GREEN, 999)]),
        ("42", json!({"41": 0.0003}), vec![(BLUE, 1), (GREEN, 999)]),
        ("41", json!({"42": 1.0}), vec![(GREEN, 1000)]),
    ] {
        let script = Script::default().json(&shown(version, &weights, "r-1"));
        assert_eq!(script.aws().actions(&alias()).await, Ok(forward(&expected)), "{version} {weights}");
        let sent = &script.sent()[0];
        assert_eq!(sent.uri, "https://lambda.eu-central-1.amazonaws.com/2015-03-31/functions/checkout/aliases/live");
    }
    let script = Script::default().json(&shown("$LATEST", &Value::Null, "r-1"));
    let error = script.aws().actions(&alias()).await.unwrap_err();
    assert!(error.to_string().contains("points to $LATEST"), "{error}");
}

/// What is sent when an alias is set that was read as `before`.
async fn written(before: &Value, versions: &[(&str, u16)]) -> Value {
    let script = Script::default().json(before).json(before);
    let aws = script.aws();
    aws.actions(&alias()).await.unwrap();
    aws.set_actions(&alias(), &forward(versions)).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent.len(), 2, "one request to read it, one to set it");
    sent[1].json()
}

#[tokio::test]
async fn an_alias_is_set_on_condition_that_it_is_as_it_was_read() {
    let body = |version: &str, weights: Value| {
        let routing = json!({"AdditionalVersionWeights": weights});
        json!({"FunctionVersion": version, "RoutingConfig": routing, "RevisionId": "r-1"})
    };
    let whole = shown("41", &Value::Null, "r-1");
    let split = shown("41", &json!({"42": 0.9}), "r-1");
    let over = shown("42", &Value::Null, "r-1");
    let table = [
        (&whole, vec![(BLUE, 950), (GREEN, 50)], body("41", json!({"42": 0.05}))),
        (&whole, vec![(BLUE, 100), (GREEN, 900)], body("41", json!({"42": 0.9}))),
        (&split, vec![(GREEN, 1000)], body("42", json!({}))),
        (&split, vec![(BLUE, 1000)], body("41", json!({}))),
        (&over, vec![(BLUE, 1000)], body("41", json!({}))),
    ];
    for (before, versions, expected) in table {
        assert_eq!(written(before, &versions).await, expected);
    }
}

#[tokio::test]
async fn the_next_write_stands_on_what_the_last_one_left() {
    let half = shown("41", &json!({"42": 0.5}), "r-2");
    let script = Script::default().json(&shown("41", &Value::Null, "r-1")).json(&half).json(&half);
    let aws = script.aws();
    aws.actions(&alias()).await.unwrap();
    aws.set_actions(&alias(), &forward(&[(BLUE, 500), (GREEN, 500)])).await.unwrap();
    aws.set_actions(&alias(), &forward(&[(BLUE, 1000)])).await.unwrap();
    assert_eq!(script.sent()[2].json()["RevisionId"], json!("r-2"));
}

#[tokio::test]
async fn an_alias_that_somebody_else_has_changed_is_read_again() {
    let refused = json!({"__type": "PreconditionFailedException", "Message": "The Revision Id provided does not match the latest Revision Id"});
    let script = Script::default().json(&shown("41", &Value::Null, "r-1")).answers(412, refused.to_string());
    let aws = script.aws_with_retries();
    aws.actions(&alias()).await.unwrap();
    let error = aws.set_actions(&alias(), &forward(&[(GREEN, 1000)])).await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}");
    assert_eq!(script.sent().len(), 2, "the same write would be refused again");
    for wrong in [forward(&[(BLUE, 500)]), forward(&[(BLUE, 500), (GREEN, 400), ("checkout:43", 100)]), Vec::new()] {
        let script = Script::default().json(&shown("41", &Value::Null, "r-1"));
        let error = script.aws().set_actions(&alias(), &wrong).await.unwrap_err();
        assert!(matches!(error, PortError::Refused { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_version_is_healthy_once_it_can_be_invoked() {
    for (configuration, health) in [
        (json!({"State": "Active", "LastUpdateStatus": "Successful"}), TargetHealth::Healthy),
        (json!({}), TargetHealth::Healthy),
        (json!({"State": "Pending", "StateReasonCode": "Creating"}), TargetHealth::Initial),
        (json!({"State": "Active", "LastUpdateStatus": "InProgress"}), TargetHealth::Initial),
        (json!({"State": "Failed", "StateReason": "no such image"}), TargetHealth::Unhealthy),
        (json!({"State": "Active", "LastUpdateStatus": "Failed"}), TargetHealth::Unhealthy),
        (json!({"State": "Inactive"}), TargetHealth::Unhealthy),
    ] {
        let script = Script::default().json(&configuration);
        let targets = script.aws().targets(&colours().green).await.unwrap();
        assert_eq!((targets.len(), targets[0].health), (1, health), "{configuration}");
        let path = "/2015-03-31/functions/checkout/configuration?Qualifier=42";
        assert!(script.sent()[0].uri.ends_with(path), "{}", script.sent()[0].uri);
    }
    let gone = json!({"__type": "ResourceNotFoundException", "Message": "Function not found"});
    let script = Script::default().answers(404, gone.to_string());
    let error = script.aws().targets(&colours().green).await.unwrap_err();
    assert_eq!(error, PortError::NotFound { what: "function version checkout:42".to_owned() });
}

fn green() -> Green {
    serde_json::from_value(json!({"lambda": {"functionVersion": "42"}})).unwrap()
}

#[tokio::test]
async fn what_differs_between_the_versions_is_told_without_secrets() {
    let of = |memory: u32, secret: &str| {
        let variables = json!({"Variables": {"TOKEN": secret}});
        json!({"Role": "arn:role", "Runtime": "provided.al2023", "MemorySize": memory, "Environment": variables})
    };
    let script = Script::default().json(&of(128, "s3cret")).json(&of(256, "other"));
    let aws = script.aws();
    let survey = aws.survey(&green(), &colours()).await.unwrap();
    assert_eq!((survey.blue.desired, survey.runs.as_str()), (1, "42"));
    assert_eq!(survey.green.to_string(), "function version checkout:42");
    assert_eq!((&survey.blue_version["MemorySize"], &survey.green_version["MemorySize"]), (&json!(128), &json!(256)));
    assert_eq!(survey.green_version["Environment"], json!(["TOKEN"]));
    assert!(!format!("{survey:?}").contains("s3cret"));
    assert_eq!(aws.scaling(&survey.green).await, Ok(None));
}

#[tokio::test]
async fn versions_that_an_alias_cannot_hold_together_are_refused() {
    for (member, other) in [("Role", json!("arn:other")), ("DeadLetterConfig", json!({"TargetArn": "arn:queue"}))] {
        let blue = json!({"Role": "arn:role"});
        let mut wanted = blue.clone();
        wanted[member] = other;
        let script = Script::default().json(&blue).json(&wanted);
        let error = script.aws().survey(&green(), &colours()).await.unwrap_err();
        assert!(error.to_string().contains("an alias cannot share its traffic"), "{error}");
    }
}
