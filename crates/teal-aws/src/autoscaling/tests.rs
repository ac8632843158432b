use crate::ecs::ServiceOrder;
use crate::testing::{Script, Sent, order, runner};
use serde_json::{Value, json};
use teal::fleet::{GreenOrder, Runner};
use teal::ports::{CapacityHold, Fleet, PortError, Scaling};

const BLUE: &str = "service/prod/checkout-a";
const GREEN: &str = "service/prod/checkout-b";

/// An order as ECS takes it.
fn taken(order: &GreenOrder) -> ServiceOrder<'_> {
    let Runner::Ecs(green) = &order.green else { panic!("{order:?}") };
    ServiceOrder::new(order, green)
}

fn target(id: &str, min: i32, max: i32, suspended: bool) -> Value {
    json!({
        "ServiceNamespace": "ecs", "ResourceId": id, "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": min,
        "MaxCapacity": max, "RoleARN": "arn:r", "CreationTime": 1.0, "SuspendedState": {
            "DynamicScalingInSuspended": suspended, "DynamicScalingOutSuspended": suspended,
            "ScheduledScalingSuspended": suspended,
        },
    })
}

fn policy(id: &str, name: &str, configuration: &Value) -> Value {
    json!({
        "PolicyARN": format!("arn:{id}:{name}"), "PolicyName": name, "ServiceNamespace": "ecs", "ResourceId": id,
        "ScalableDimension": "ecs:service:DesiredCount", "PolicyType": "TargetTrackingScaling", "CreationTime": 1.0,
        "TargetTrackingScalingPolicyConfiguration": configuration,
    })
}

fn requests_per_target(group: &str) -> Value {
    json!({"TargetValue": 100.0, "DisableScaleIn": false, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": format!("app/shop/50dc/targetgroup/{group}"),
    }})
}

fn queue_length(service: &str) -> Value {
    json!({"TargetValue": 5.0, "CustomizedMetricSpecification": {
        "MetricName": "Queue", "Namespace": "Shop", "Statistic": "Average",
        "Dimensions": [{"Name": "Service", "Value": service}, {"Name": "Region", "Value": "eu"}],
    }})
}

fn scheduled(id: &str, name: &str, schedule: &str) -> Value {
    json!({
        "ScheduledActionName": name, "ScheduledActionARN": format!("arn:{id}:{name}"), "ServiceNamespace": "ecs",
        "Schedule": schedule, "ResourceId": id, "CreationTime": 1.0, "ScalableTargetAction": {"MinCapacity": 6},
    })
}

const BLUE_IN_LABEL: &str = "checkout-a/73e2d6bc24d8a067";
const GREEN_IN_LABEL: &str = "checkout-b/0123456789abcdef";

fn changes(script: &Script) -> Vec<Sent> {
    script.sent().into_iter().filter(|sent| !sent.operation.starts_with("Describe")).collect()
}

#[tokio::test]
async fn a_new_green_gets_blues_target_policies_and_schedules() {
    let script = Script::default()
        .json(&json!({"ScalableTargets": [target(BLUE, 2, 8, false)]}))
        .json(&json!({}))
        .json(&json!({"ScalingPolicies": []}))
        .json(&json!({"ScalingPolicies": [policy(BLUE, "requests", &requests_per_target(BLUE_IN_LABEL))], "NextToken": "more"}))
        .json(&json!({"ScalingPolicies": [policy(BLUE, "queue", &queue_length("checkout-a"))]}))
        .json(&json!({"PolicyARN": "arn:1"}))
        .json(&json!({"PolicyARN": "arn:2"}))
        .json(&json!({"ScheduledActions": []}))
        .json(&json!({"ScheduledActions": [scheduled(BLUE, "morning", "cron(0 7 * * ? *)")]}))
        .json(&json!({}));
    script.aws().scale_like_blue(&taken(&order())).await.unwrap();

    let changes = changes(&script);
    let operations: Vec<&str> = changes.iter().map(|sent| sent.operation.as_str()).collect();
    assert_eq!(operations, ["RegisterScalableTarget", "PutScalingPolicy", "PutScalingPolicy", "PutScheduledAction"]);
    assert!(changes.iter().all(|sent| sent.json()["ResourceId"] == GREEN));
    assert_eq!((&changes[0].json()["MinCapacity"], &changes[0].json()["MaxCapacity"]), (&json!(2), &json!(8)));
    let configuration = |index: usize| changes[index].json()["TargetTrackingScalingPolicyConfiguration"].clone();
    assert_eq!(configuration(1), requests_per_target(GREEN_IN_LABEL), "it follows green's requests, not blue's");
    assert_eq!(configuration(2), queue_length("checkout-b"));
    assert_eq!(changes[3].json()["ScalableTargetAction"], json!({"MinCapacity": 6}));
}

#[tokio::test]
async fn a_green_that_scales_like_blue_is_left_alone() {
    let script = Script::default()
        .json(&json!({"ScalableTargets": [target(GREEN, 2, 8, false), target(BLUE, 2, 8, false)]}))
        .json(&json!({"ScalingPolicies": [policy(GREEN, "requests", &requests_per_target(GREEN_IN_LABEL))]}))
        .json(&json!({"ScalingPolicies": [policy(BLUE, "requests", &requests_per_target(BLUE_IN_LABEL))]}))
        .json(&json!({"ScheduledActions": [scheduled(GREEN, "morning", "cron(0 7 * * ? *)")]}))
        .json(&json!({"ScheduledActions": [scheduled(BLUE, "morning", "cron(0 7 * * ? *)")]}));
    script.aws().scale_like_blue(&taken(&order())).await.unwrap();
    assert!(changes(&script).is_empty());
}

#[tokio::test]
async fn a_green_that_was_taken_in_scales_again_and_loses_what_blue_does_not_have() {
    let missing = json!({"__type": "ObjectNotFoundException", "message": "gone"}).to_string();
    let script = Script::default()
        .json(&json!({"ScalableTargets": [target(BLUE, 2, 8, false), target(GREEN, 0, 8, true)]}))
        .json(&json!({}))
        .json(&json!({"ScalingPolicies": [policy(GREEN, "old", &queue_length("checkout-b"))]}))
        .json(&json!({"ScalingPolicies": []}))
        .answers(400, missing)
        .json(&json!({"ScheduledActions": [scheduled(GREEN, "night", "cron(0 22 * * ? *)")]}))
        .json(&json!({"ScheduledActions": []}))
        .json(&json!({}));
    script.aws().scale_like_blue(&taken(&order())).await.unwrap();
    let changes = changes(&script);
    let none = json!({"DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false});
    assert_eq!(changes[0].json()["SuspendedState"], none);
    assert_eq!(
        (changes[1].operation.as_str(), &changes[1].json()["PolicyName"]),
        ("DeleteScalingPolicy", &json!("old"))
    );
    let deleted = changes[2].json();
    assert_eq!(
        (changes[2].operation.as_str(), &deleted["ScheduledActionName"]),
        ("DeleteScheduledAction", &json!("night"))
    );
}

#[tokio::test]
async fn where_blue_does_not_scale_green_does_not_either() {
    let neither = Script::default().json(&json!({"ScalableTargets": []}));
    neither.aws().scale_like_blue(&taken(&order())).await.unwrap();

    let left_over = Script::default().json(&json!({"ScalableTargets": [target(GREEN, 1, 8, false)]})).json(&json!({}));
    left_over.aws().scale_like_blue(&taken(&order())).await.unwrap();
    assert_eq!(changes(&left_over)[0].json()["SuspendedState"]["DynamicScalingOutSuspended"], true);
}

fn scaling(min_capacity: u32, scale_in_suspended: bool) -> Scaling {
    Scaling { min_capacity, max_capacity: 8, scale_in_suspended }
}

fn with_min_and_suspension(min: i32, suspended: bool) -> Script {
    let mut target = target(BLUE, min, 8, false);
    target["SuspendedState"]["DynamicScalingInSuspended"] = json!(suspended);
    Script::default().json(&json!({"ScalableTargets": [target]})).json(&json!({}))
}

#[tokio::test]
async fn blue_is_held_at_its_size_and_nothing_else_of_its_scaling_is_touched() {
    let hold = CapacityHold::of(scaling(2, false), 5);
    assert_eq!(hold.held, scaling(5, true));
    let script = with_min_and_suspension(2, false);
    script.aws().hold_capacity(&runner("checkout-a"), &hold).await.unwrap();
    let expected = json!({
        "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": BLUE, "MinCapacity": 5,
        "SuspendedState": {"DynamicScalingInSuspended": true},
    });
    assert_eq!(changes(&script)[0].json(), expected);

    let again = Script::default().json(&json!({"ScalableTargets": [{
        "ServiceNamespace": "ecs", "ResourceId": BLUE, "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 5,
        "MaxCapacity": 8, "RoleARN": "arn:r", "CreationTime": 1.0, "SuspendedState": {"DynamicScalingInSuspended": true},
    }]}));
    again.aws().hold_capacity(&runner("checkout-a"), &hold).await.unwrap();
    assert!(changes(&again).is_empty(), "done twice it changes nothing");
}

#[tokio::test]
async fn what_was_held_is_as_it_was_found_and_what_others_set_stays() {
    let hold = CapacityHold::of(scaling(2, false), 5);
    for (min, suspended, expected) in [(5, true, Some((2, false))), (6, true, Some((6, false))), (2, false, None)] {
        let script = with_min_and_suspension(min, suspended);
        script.aws().free_capacity(&runner("checkout-a"), &hold).await.unwrap();
        if expected.is_none() {
            continue;
        }
        let sent = changes(&script)[0].json();
        let set = (sent["MinCapacity"].as_i64(), sent["SuspendedState"]["DynamicScalingInSuspended"].as_bool());
        assert_eq!((set.0.unwrap(), set.1.unwrap()), expected.unwrap(), "found at {min}, {suspended}");
    }
}

#[tokio::test]
async fn a_size_beyond_the_most_that_blue_scales_to_is_held_as_far_as_it_goes() {
    assert_eq!(CapacityHold::of(scaling(2, false), 20).held, scaling(8, true));
    let unscaled = Script::default().json(&json!({"ScalableTargets": []}));
    let hold = CapacityHold::of(scaling(2, false), 5);
    unscaled.aws().hold_capacity(&runner("checkout-a"), &hold).await.unwrap();
    assert!(changes(&unscaled).is_empty());
}

#[tokio::test]
async fn green_scales_like_blue_but_not_in_while_the_release_is_under_way() {
    let order = GreenOrder { hold: Some(CapacityHold::of(scaling(2, false), 4)), ..order() };
    let script = Script::default()
        .json(&json!({"ScalableTargets": [target(BLUE, 4, 8, false)]}))
        .json(&json!({}))
        .json(&json!({"ScalingPolicies": []}))
        .json(&json!({"ScalingPolicies": []}))
        .json(&json!({"ScheduledActions": []}))
        .json(&json!({"ScheduledActions": []}));
    script.aws().scale_like_blue(&taken(&order)).await.unwrap();
    let sent = changes(&script)[0].json();
    assert_eq!(
        (&sent["ResourceId"], &sent["MinCapacity"], &sent["MaxCapacity"]),
        (&json!(GREEN), &json!(4), &json!(8))
    );
    let suspended = json!({"DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false});
    assert_eq!(sent["SuspendedState"], suspended);
}

#[tokio::test]
async fn a_scheduled_action_whose_time_is_over_is_not_missed() {
    let refused = json!({"__type": "ValidationException", "message": "the schedule is in the past"}).to_string();
    let run = async |schedule: &str| {
        let script = Script::default()
            .json(&json!({"ScheduledActions": []}))
            .json(&json!({"ScheduledActions": [scheduled(BLUE, "sale", schedule)]}))
            .answers(400, refused.clone());
        script.aws().copy_scheduled_actions(BLUE, GREEN).await
    };
    assert_eq!(run("at(2020-01-01T00:00:00)").await, Ok(()));
    assert!(matches!(run("cron(bad)").await, Err(PortError::Refused { .. })));
}

#[test]
fn a_cluster_may_be_given_by_its_arn() {
    let arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/prod";
    assert_eq!(super::resource_id(arn, "checkout-a"), super::resource_id("prod", "checkout-a"));
}

#[tokio::test]
async fn a_service_that_is_not_shown_yet_is_worth_another_try() {
    let unseen =
        json!({"__type": "ValidationException", "message": "ECS service doesn't exist: service/prod/checkout-b"});
    let script = Script::default()
        .json(&json!({"ScalableTargets": [target(BLUE, 2, 8, false)]}))
        .answers(400, unseen.to_string());
    assert!(matches!(script.aws().scale_like_blue(&taken(&order())).await, Err(PortError::Unavailable { .. })));
}
