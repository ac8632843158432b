use super::*;
use crate::Urgency;
use crate::testing::{Script, id};
use teal::ports::{Ledger, Signals};

const ROLE: &str = "arn:aws:iam::222222222222:role/TealRelease-checkout";
const SECRET: &str = "wJalrXUtnFEMI-secret";

fn account() -> Account {
    serde_json::from_value(json!({"role": ROLE, "externalId": "teal-7f3c", "deploymentStrategy": "atonce2"})).unwrap()
}

fn assumed(key: &str) -> String {
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>token-{key}</SessionToken>\
         <Expiration>2026-11-22T10:15:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

fn refused(code: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>User is not authorized</Message>\
         </Error></ErrorResponse>"
    )
}

#[tokio::test]
async fn what_is_the_services_is_called_with_the_roles_credentials_and_the_table_with_teals_own() {
    let alarms = json!({"MetricAlarms": [], "CompositeAlarms": []});
    let script =
        Script::default().answers(200, assumed("ASIA1")).json(&alarms).json(&alarms).json(&json!({"Items": []}));
    let aws = script.aws();
    let names = ["a".parse().unwrap()];
    for _ in 0..2 {
        let side = aws.side(Some(&account()), &id("checkout-7")).await.unwrap();
        side.alarms(&names).await.unwrap();
        assert_eq!(side.settings.deployment_strategy.as_deref(), Some("atonce2"));
    }
    // Not that anybody may: the core cannot ask a side for it.
    aws.side(Some(&account()), &id("checkout-7")).await.unwrap().active().await.unwrap();
    let sent = script.sent();
    let form: Vec<(String, String)> = sent[0].form();
    let expected =
        [("DurationSeconds", "900"), ("ExternalId", "teal-7f3c"), ("RoleArn", ROLE), ("RoleSessionName", "checkout-7")];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(sent[0].uri, "https://sts.eu-central-1.amazonaws.com/");
    let keys: Vec<bool> = sent.iter().map(|sent| sent.headers["authorization"].contains("ASIA1")).collect();
    assert_eq!(keys, [false, true, true, false], "assumed once");
    assert_eq!(sent[1].headers["x-amz-security-token"], "token-ASIA1");
    assert!(!sent[3].headers.contains_key("x-amz-security-token"));
}

#[tokio::test]
async fn each_release_and_each_run_has_its_own_session() {
    let script =
        Script::default().answers(200, assumed("ASIA1")).answers(200, assumed("ASIA2")).answers(200, assumed("ASIA3"));
    let aws = script.aws();
    for release in ["r-1", "r-2", "r-1"] {
        aws.side(Some(&account()), &id(release)).await.unwrap();
    }
    aws.begin_run(Urgency::Restores, Duration::from_secs(30)).await.unwrap();
    aws.side(Some(&account()), &id("r-1")).await.unwrap();
    assert_eq!(script.operations(), ["AssumeRole"; 3]);
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_no_missing_permission_of_a_function_alone() {
    for (status, code) in [(403, "AccessDenied"), (404, "NoSuchEntity"), (400, "MalformedPolicyDocument")] {
        let script = Script::default().answers(status, refused(code));
        let error = script.aws().side(Some(&account()), &id("r-1")).await.unwrap_err();
        assert!(matches!(&error, PortError::NotAssumed { role, .. } if role == ROLE), "{error}");
        let text = error.to_string();
        for expected in ["trust policy", "externalId", "ReleaseRoles", ROLE] {
            assert!(text.contains(expected), "{text}");
        }
        assert!(!text.contains("teal-7f3c"), "{text}");
    }
    let script = Script::default().answers(400, refused("Throttling"));
    let error = script.aws().side(Some(&account()), &id("r-1")).await.unwrap_err();
    assert_eq!(error, PortError::Throttled { call: ASSUME_ROLE });
    let script = Script::default().answers(200, "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>");
    let error = script.aws().side(Some(&account()), &id("r-1")).await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_function_that_only_looks_assumes_the_role_for_looking() {
    for (function, policy) in [("evaluate-health", crate::session_policy("evaluate-health")), ("on-alarm", None)] {
        let script = Script::default().answers(200, assumed("ASIA1"));
        let aws = script.aws().for_function(function);
        aws.side(Some(&account()), &id("r-1")).await.unwrap();
        let form: Vec<(String, String)> = script.sent()[0].form();
        let sent = form.into_iter().find_map(|(name, value)| (name == "Policy").then_some(value));
        assert_eq!(sent, policy, "{function}");
        assert_eq!(sent.is_some(), function == "evaluate-health");
    }
}

#[tokio::test]
async fn without_an_account_nobody_is_asked() {
    let script = Script::default();
    let aws = script.aws();
    assert!(matches!(aws.side(None, &id("r-1")).await, Ok(Held::Own(_))));
    assert!(script.sent().is_empty());
}

#[test]
fn sessions_are_named_by_the_release() {
    for (release, name) in [("checkout-7", "checkout-7"), ("r", "r-"), ("a/b:ü", "a-b--"), ("c", "c-")] {
        assert_eq!(session_name(&id(release)), name);
    }
    assert_eq!(session_name(&id(&"x".repeat(80))), "x".repeat(64));
}

/// The credentials that a request was signed with, by their access key's id.
fn key_of(sent: &crate::testing::Sent) -> &str {
    let (_, rest) = sent.headers["authorization"].split_once("Credential=").unwrap();
    rest.split('/').next().unwrap()
}

#[tokio::test]
async fn who_gives_a_route_back_asks_until_there_is_a_session_and_others_come_back_later() {
    for passing in ["Throttling", "ServiceUnavailable"] {
        let script = Script::default().answers(503, refused(passing)).answers(200, assumed("ASIA1"));
        let aws = script.aws();
        aws.begin_run(Urgency::Restores, Duration::from_secs(30)).await.unwrap();
        aws.side(Some(&account()), &id("r-1")).await.unwrap();
        assert_eq!(script.operations(), ["AssumeRole"; 2], "{passing}");
        let script = Script::default().answers(503, refused(passing));
        let aws = script.aws();
        aws.begin_run(Urgency::Beside, Duration::from_secs(30)).await.unwrap();
        aws.side(Some(&account()), &id("r-1")).await.unwrap_err();
        assert_eq!(script.operations(), ["AssumeRole"], "{passing}");
    }
}

#[tokio::test]
async fn patience_ends_with_the_run_and_a_role_that_is_refused_is_not_asked_for_again() {
    let script = Script::default().answers(400, refused("Throttling"));
    let aws = script.aws();
    aws.begin_run(Urgency::Restores, Duration::from_millis(100)).await.unwrap();
    let error = aws.side(Some(&account()), &id("r-1")).await.unwrap_err();
    assert_eq!(error, PortError::Throttled { call: ASSUME_ROLE });
    assert_eq!(script.operations(), ["AssumeRole"]);
    let script = Script::default().answers(403, refused("AccessDenied"));
    let aws = script.aws();
    aws.begin_run(Urgency::Restores, Duration::from_secs(30)).await.unwrap();
    assert!(matches!(aws.side(Some(&account()), &id("r-1")).await, Err(PortError::NotAssumed { .. })));
    assert_eq!(script.operations(), ["AssumeRole"]);
}

#[tokio::test]
async fn a_session_that_is_over_midway_calls_nobody_and_the_next_run_has_another_one() {
    let script = Script::default()
        .answers(200, assumed("ASIA1"))
        .answers(400, r#"{"__type": "ExpiredTokenException", "message": "The security token is expired"}"#)
        .answers(200, assumed("ASIA2"))
        .json(&json!({"MetricAlarms": [], "CompositeAlarms": []}));
    let aws = script.aws();
    let alarms = ["checkout-5xx".parse().unwrap()];
    let error = aws.side(Some(&account()), &id("r-1")).await.unwrap().alarms(&alarms).await.unwrap_err();
    assert!(matches!(&error, PortError::Unavailable { message, .. } if message.contains("expired")), "{error}");
    aws.begin_run(Urgency::Restores, Duration::from_secs(30)).await.unwrap();
    aws.side(Some(&account()), &id("r-1")).await.unwrap().alarms(&alarms).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent.iter().map(key_of).collect::<Vec<_>>(), ["AKID", "ASIA1", "AKID", "ASIA2"]);
}

#[tokio::test]
async fn teals_own_credentials_that_are_over_are_no_fault_of_the_role() {
    let script = Script::default().answers(403, refused("ExpiredToken"));
    let error = script.aws().side(Some(&account()), &id("r-1")).await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable { call: ASSUME_ROLE, .. }), "{error}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_put_right_by_the_answer_and_the_call_made_again() {
    let skewed = refused("SignatureDoesNotMatch");
    let script = Script::default()
        .answers_with(403, ("date", "Tue, 01 Jan 2030 00:00:00 GMT"), skewed)
        .answers(200, assumed("ASIA1"));
    script.aws_with_retries().side(Some(&account()), &id("r-1")).await.unwrap();
    let sent = script.sent();
    assert!(!sent[0].headers["x-amz-date"].starts_with("20300101"), "{:?}", sent[0]);
    assert!(sent[1].headers["x-amz-date"].starts_with("20300101T0000"), "{:?}", sent[1]);
}

#[tokio::test]
async fn no_error_holds_what_an_answer_with_credentials_does() {
    let whole = assumed("ASIA1");
    let secret_at = whole.find("</SecretAccessKey>").unwrap();
    let answers = [&whole[..secret_at], &whole.replace("SessionToken", "Token")];
    for answer in answers {
        let script = Script::default().answers(200, answer);
        let error = script.aws().side(Some(&account()), &id("r-1")).await.unwrap_err();
        assert!(matches!(error, PortError::Unavailable { call: ASSUME_ROLE, .. }), "{error}");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(SECRET) && !text.contains("ASIA1"), "{text}");
        }
    }
    let script = Script::default().answers(200, whole);
    let aws = script.aws();
    aws.side(Some(&account()), &id("r-1")).await.unwrap();
    assert!(!format!("{aws:?}").contains(SECRET));
}
