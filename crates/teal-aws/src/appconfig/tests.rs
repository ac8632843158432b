use crate::testing::Script;
use serde_json::{Value, json};
use teal::ports::{PortError, Router};
use teal::route::{Action, PartRef};

const FLAG: &str = "appconfig:shop123/prod123/flag123/new-checkout";
const FLAGS: &str = "/applications/shop123/environments/prod123/deployments";

fn part() -> PartRef {
    PartRef::Flag(FLAG.parse().unwrap())
}

fn actions(on: u16) -> Vec<Action> {
    let group = |state: &str, weight: u16| json!({"targetGroup": format!("{FLAG}#{state}"), "weight": weight});
    serde_json::from_value(json!([{"forward": {"groups": [group("off", 1000 - on), group("on", on)]}}])).unwrap()
}

fn document(value: &Value) -> Value {
    json!({
        "version": "1",
        "flags": {
            "new-checkout": {
                "name": "New checkout",
                "attributes": {"percentage": {"constraints": {"type": "number"}}, "colour": {"constraints": {"type": "string"}}},
            },
            "search": {"name": "Search"},
        },
        "values": {"new-checkout": value, "search": {"enabled": true, "_updatedAt": "2026-11-01T00:00:00Z"}},
    })
}

fn deployment(number: u64, profile: &str, version: &str, state: &str) -> Value {
    json!({"DeploymentNumber": number, "ConfigurationProfileId": profile, "ConfigurationVersion": version, "State": state})
}

fn listed(deployments: &[Value]) -> Value {
    json!({ "Items": deployments })
}

#[tokio::test]
async fn what_is_deployed_is_read_and_not_what_was_kept_last_or_undone() {
    let deployments = [
        deployment(9, "other12", "3", "COMPLETE"),
        deployment(8, "flag123", "7", "ROLLED_BACK"),
        deployment(7, "flag123", "6", "REVERTED"),
        deployment(6, "flag123", "5", "COMPLETE"),
    ];
    for (value, on) in [
        (json!({"enabled": true, "percentage": 12.5}), 125),
        (json!({"enabled": false, "percentage": 12.5}), 0),
        (json!({"enabled": true}), 1000),
        (json!({}), 0),
    ] {
        let script = Script::default().json(&listed(&deployments)).json(&document(&value));
        assert_eq!(script.aws().actions(&part()).await, Ok(actions(on)), "{value}");
        let sent = script.sent();
        assert!(sent[0].uri.ends_with(&format!("{FLAGS}?max_results=50")), "{}", sent[0].uri);
        assert!(
            sent[1].uri.ends_with("/configurationprofiles/flag123/hostedconfigurationversions/5"),
            "{}",
            sent[1].uri
        );
    }
}

#[tokio::test]
async fn a_version_on_its_way_to_clients_counts_as_deployed() {
    let deployments = [deployment(7, "flag123", "6", "BAKING"), deployment(6, "flag123", "5", "COMPLETE")];
    let value = json!({"enabled": true, "percentage": 50, "salt": "1"});
    let script = Script::default().json(&listed(&deployments)).json(&document(&value));
    let found = script.aws().actions(&part()).await.unwrap();
    assert_eq!(found[0], actions(500)[0]);
    assert!(serde_json::to_string(&found[1]).unwrap().contains(r#""salt":"1""#), "another salt would be another route");
    assert!(script.sent()[1].uri.ends_with("/6"));
}

#[tokio::test]
async fn a_flag_that_cannot_be_turned_is_refused_with_what_to_do() {
    let mut without_percentage = document(&json!({"enabled": false}));
    without_percentage["flags"]["new-checkout"]["attributes"] = json!({});
    let mut without_flag = document(&json!({}));
    without_flag["flags"] = json!({});
    let variants = document(&json!({"_variants": []}));
    let wrong = document(&json!({"enabled": true, "percentage": 101}));
    for (document, word) in [
        (without_percentage, "no attribute `percentage`"),
        (without_flag, "no flag"),
        (variants, "variants"),
        (wrong, "0 to 100"),
    ] {
        let script = Script::default().json(&listed(&[deployment(1, "flag123", "1", "COMPLETE")])).json(&document);
        let error = script.aws().actions(&part()).await.unwrap_err();
        assert!(matches!(&error, PortError::Refused { message, .. } if message.contains(word)), "{error}");
    }
    let script = Script::default().json(&listed(&[deployment(1, "other12", "1", "COMPLETE")]));
    assert!(matches!(script.aws().actions(&part()).await, Err(PortError::NotFound { .. })));
}

#[tokio::test]
async fn only_the_flags_own_attributes_change_and_only_if_nothing_was_deployed_in_between() {
    let deployments = [deployment(9, "other12", "3", "COMPLETE"), deployment(6, "flag123", "5", "COMPLETE")];
    let value = json!({"enabled": false, "percentage": 0, "users": ["qa"], "colour": "red", "_createdAt": "x"});
    let script = Script::default()
        .json(&listed(&deployments))
        .json(&document(&value))
        .with_header("Version-Number", "12")
        .json(&deployment(10, "flag123", "12", "DEPLOYING"))
        .json(&deployment(10, "flag123", "12", "COMPLETE"));
    script.aws().set_actions(&part(), &actions(125)).await.unwrap();
    let sent = script.sent();
    let mut expected = document(&value);
    expected["values"]["new-checkout"]["enabled"] = json!(true);
    expected["values"]["new-checkout"]["percentage"] = json!(12.5);
    assert_eq!(sent[2].json(), expected);
    let started = sent[3].json();
    assert_eq!(started["LatestDeploymentNumber"], 9, "of any profile");
    assert_eq!(started["ConfigurationVersion"], "12");
    assert_eq!(started["DeploymentStrategyId"], "atonce1");
}

#[tokio::test]
async fn what_is_so_already_is_not_deployed_again() {
    let value = json!({"enabled": true, "percentage": 5});
    let script = Script::default().json(&listed(&[deployment(6, "flag123", "5", "COMPLETE")])).json(&document(&value));
    script.aws().set_actions(&part(), &actions(50)).await.unwrap();
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test]
async fn what_others_have_under_way_is_told_before_a_step() {
    let over = deployment(6, "flag123", "5", "COMPLETE");
    for (newest, expected) in [
        (deployment(7, "other12", "3", "BAKING"), Some("deployment 7 is under way in the environment")),
        (deployment(7, "flag123", "6", "ROLLING_BACK"), Some("deployment 7 is under way in the environment")),
        (deployment(7, "other12", "3", "COMPLETE"), None),
    ] {
        let script = Script::default().json(&listed(&[newest, over.clone()]));
        let told = script.aws().in_the_way(&part()).await.unwrap();
        assert_eq!(told.is_some(), expected.is_some(), "{told:?}");
        assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()));
        assert_eq!(script.sent().len(), 1);
    }
}

#[tokio::test]
async fn a_deployment_of_others_is_waited_for_by_a_shift_and_stopped_by_a_rollback() {
    let under_way = [deployment(7, "other12", "6", "BAKING"), deployment(6, "flag123", "5", "COMPLETE")];
    let script = Script::default().json(&listed(&under_way));
    let error = script.aws().set_actions(&part(), &actions(50)).await.unwrap_err();
    assert!(matches!(&error, PortError::Unavailable { message, .. } if message.contains("deployment 7")), "{error}");

    let stopped = [deployment(7, "other12", "6", "ROLLED_BACK"), deployment(6, "flag123", "5", "COMPLETE")];
    let script = Script::default()
        .json(&listed(&under_way))
        .json(&deployment(7, "other12", "6", "ROLLING_BACK"))
        .json(&deployment(7, "other12", "6", "ROLLED_BACK"))
        .json(&listed(&stopped))
        .json(&document(&json!({"enabled": true, "percentage": 5})))
        .with_header("Version-Number", "12")
        .json(&deployment(8, "flag123", "12", "DEPLOYING"))
        .json(&deployment(8, "flag123", "12", "COMPLETE"));
    let told = script.aws().restore_actions(&part(), &actions(0)).await.unwrap().unwrap();
    assert!(told.contains("deployment 7") && told.contains("other12"), "{told}");
    let sent = script.sent();
    assert!(sent[1].uri.ends_with(&format!("{FLAGS}/7")));
    assert_eq!(sent[1].headers.get("allow-revert").map(String::as_str), Some("true"), "it bakes");
    assert_eq!(sent[5].json()["values"]["new-checkout"]["enabled"], json!(false), "off for listed users, too");
    assert_eq!(sent[6].json()["LatestDeploymentNumber"], 7);
}

#[tokio::test]
async fn the_deployment_of_an_earlier_run_is_waited_for_and_not_stopped() {
    let under_way = [deployment(7, "flag123", "6", "DEPLOYING"), deployment(6, "flag123", "5", "COMPLETE")];
    let off = document(&json!({"enabled": false, "percentage": 0}));
    let script = Script::default()
        .json(&listed(&under_way))
        .json(&off)
        .json(&deployment(7, "flag123", "6", "COMPLETE"))
        .json(&listed(&[deployment(7, "flag123", "6", "COMPLETE")]))
        .json(&off);
    assert_eq!(script.aws().restore_actions(&part(), &actions(0)).await, Ok(None));
    assert_eq!(script.sent().len(), 5);
}

#[tokio::test]
async fn a_race_that_was_lost_is_tried_again_later_and_a_deployment_that_was_rolled_back_is_not() {
    let begun = || {
        Script::default()
            .json(&listed(&[deployment(6, "flag123", "5", "COMPLETE")]))
            .json(&document(&json!({"enabled": false})))
            .with_header("Version-Number", "12")
    };
    let script = begun().answers(409, r#"{"__type": "ConflictException", "message": "in progress"}"#);
    let error = script.aws().set_actions(&part(), &actions(50)).await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable { .. }), "{error}");
    let script =
        begun().json(&deployment(7, "flag123", "12", "DEPLOYING")).json(&deployment(7, "flag123", "12", "ROLLED_BACK"));
    let error = script.aws().set_actions(&part(), &actions(50)).await.unwrap_err();
    assert!(matches!(&error, PortError::Refused { message, .. } if message.contains("rolled back")), "{error}");
}
