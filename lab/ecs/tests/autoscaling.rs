//! Application Auto Scaling: what it keeps, and how its bounds act on a service.

mod common;

use common::Lab;
use serde_json::{Value, json};

/// A request about the service `web`.
fn about_web(more: Value) -> Value {
    let web = json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/prod/web", "ScalableDimension": "ecs:service:DesiredCount"
    });
    let (Value::Object(mut body), Value::Object(more)) = (web, more) else { panic!("the members are an object") };
    body.extend(more);
    Value::Object(body)
}

fn target_tracking(name: &str) -> Value {
    about_web(json!({"PolicyName": name, "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 60.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}}))
}

async fn lab_with_service(desired_count: u32) -> Lab {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, desired_count, json!({})).await;
    lab
}

#[tokio::test]
async fn registering_brings_the_desired_count_within_the_bounds() {
    let lab = lab_with_service(0).await;
    lab.scaling("RegisterScalableTarget", about_web(json!({"MinCapacity": 2, "MaxCapacity": 4}))).await;
    lab.until_steady(2).await;
    lab.scaling("RegisterScalableTarget", about_web(json!({"MinCapacity": 0, "MaxCapacity": 1}))).await;
    lab.until_steady(1).await;
}

#[tokio::test]
async fn an_update_changes_only_what_it_names() {
    let lab = lab_with_service(1).await;
    let suspend = json!({"DynamicScalingInSuspended": true, "ScheduledScalingSuspended": true});
    let first = lab
        .scaling(
            "RegisterScalableTarget",
            about_web(json!({"MinCapacity": 1, "MaxCapacity": 4, "Tags": {"team": "shop"}, "SuspendedState": suspend})),
        )
        .await;
    let again = json!({"MaxCapacity": 6, "SuspendedState": {"DynamicScalingInSuspended": false}});
    let second = lab.scaling("RegisterScalableTarget", about_web(again)).await;
    assert_eq!(first["ScalableTargetARN"], second["ScalableTargetARN"]);
    let described = lab.scaling("DescribeScalableTargets", json!({"ServiceNamespace": "ecs"})).await;
    let target = &described["ScalableTargets"][0];
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(1), &json!(6)));
    assert_eq!(
        target["SuspendedState"],
        json!({"DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": true})
    );
    let tags = lab.scaling("ListTagsForResource", json!({"ResourceARN": target["ScalableTargetARN"]})).await;
    assert_eq!(tags["Tags"], json!({"team": "shop"}));
}

#[tokio::test]
async fn a_policy_raises_a_count_below_the_minimum_unless_scaling_out_is_suspended() {
    let lab = lab_with_service(1).await;
    lab.scaling("RegisterScalableTarget", about_web(json!({"MinCapacity": 1, "MaxCapacity": 4}))).await;
    lab.scaling("PutScalingPolicy", target_tracking("cpu")).await;
    lab.until_steady(1).await;

    let suspended = json!({"SuspendedState": {"DynamicScalingOutSuspended": true}});
    lab.scaling("RegisterScalableTarget", about_web(suspended)).await;
    lab.update(json!({"desiredCount": 0})).await;
    let at_zero = lab.until_steady(0).await["events"][0]["createdAt"].as_f64().unwrap();
    // Two lab minutes later the policy has acted at least once.
    let later = lab.until_lab_time(at_zero + 121.0).await;
    assert_eq!(later["desiredCount"], 0);

    // Registering acts too, so the bound is lifted while scaling is resumed.
    let resumed = json!({"MinCapacity": 0, "SuspendedState": {"DynamicScalingOutSuspended": false}});
    lab.scaling("RegisterScalableTarget", about_web(resumed)).await;
    assert_eq!(lab.service().await["desiredCount"], 0);
    lab.scaling("RegisterScalableTarget", about_web(json!({"MinCapacity": 1}))).await;
    lab.update(json!({"desiredCount": 0})).await;
    lab.until(|service| service["desiredCount"] == 1).await;
}

#[tokio::test]
async fn without_a_policy_nothing_acts() {
    let lab = lab_with_service(1).await;
    lab.scaling("RegisterScalableTarget", about_web(json!({"MinCapacity": 1, "MaxCapacity": 4}))).await;
    let updated = lab.update(json!({"desiredCount": 0})).await;
    let since = updated["deployments"][0]["updatedAt"].as_f64().unwrap();
    assert_eq!(lab.until_lab_time(since + 121.0).await["desiredCount"], 0);
}

#[tokio::test]
async fn policies_and_scheduled_actions_are_kept_and_go_with_their_target() {
    let lab = lab_with_service(1).await;
    lab.scaling("RegisterScalableTarget", about_web(json!({"MinCapacity": 1, "MaxCapacity": 4}))).await;
    let put = lab.scaling("PutScalingPolicy", target_tracking("cpu")).await;
    assert_eq!(put["Alarms"].as_array().unwrap().len(), 2);
    let steps = json!({"AdjustmentType": "ChangeInCapacity", "Cooldown": 60,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]});
    lab.scaling("PutScalingPolicy", about_web(json!({"PolicyName": "steps", "StepScalingPolicyConfiguration": steps})))
        .await;
    let action = json!({"ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)", "Timezone": "Europe/Berlin",
        "ScalableTargetAction": {"MinCapacity": 0, "MaxCapacity": 1}});
    lab.scaling("PutScheduledAction", about_web(action)).await;

    let only = json!({"ServiceNamespace": "ecs", "ResourceId": "service/prod/web"});
    let policies = lab.scaling("DescribeScalingPolicies", only.clone()).await;
    let policies = policies["ScalingPolicies"].as_array().unwrap();
    assert_eq!(policies[0]["PolicyARN"], put["PolicyARN"]);
    assert_eq!(policies[0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"], 60.0);
    assert_eq!(
        (&policies[1]["PolicyType"], &policies[1]["StepScalingPolicyConfiguration"]),
        (&json!("StepScaling"), &steps)
    );
    let actions = lab.scaling("DescribeScheduledActions", only.clone()).await;
    assert_eq!(actions["ScheduledActions"][0]["Schedule"], "cron(0 22 * * ? *)");
    assert_eq!(actions["ScheduledActions"][0]["ScalableTargetAction"], json!({"MinCapacity": 0, "MaxCapacity": 1}));

    let again = lab.scaling("PutScalingPolicy", target_tracking("cpu")).await;
    assert_eq!(again, put, "an update keeps ARN and alarms");
    lab.scaling("DeleteScalingPolicy", about_web(json!({"PolicyName": "steps"}))).await;
    lab.scaling("DeregisterScalableTarget", about_web(json!({}))).await;
    for (operation, list) in [
        ("DescribeScalableTargets", "ScalableTargets"),
        ("DescribeScalingPolicies", "ScalingPolicies"),
        ("DescribeScheduledActions", "ScheduledActions"),
    ] {
        assert_eq!(lab.scaling(operation, json!({"ServiceNamespace": "ecs"})).await[list], json!([]), "{operation}");
    }
}

#[tokio::test]
async fn lists_are_paginated() {
    let lab = lab_with_service(1).await;
    lab.scaling("RegisterScalableTarget", about_web(json!({"MinCapacity": 1, "MaxCapacity": 4}))).await;
    for n in 0..3 {
        lab.scaling("PutScalingPolicy", target_tracking(&format!("p{n}"))).await;
    }
    let first = lab.scaling("DescribeScalingPolicies", json!({"ServiceNamespace": "ecs", "MaxResults": 2})).await;
    assert_eq!(first["ScalingPolicies"].as_array().unwrap().len(), 2);
    let body = json!({"ServiceNamespace": "ecs", "MaxResults": 2, "NextToken": first["NextToken"]});
    let second = lab.scaling("DescribeScalingPolicies", body).await;
    assert_eq!(second["ScalingPolicies"][0]["PolicyName"], "p2");
    assert_eq!(second.get("NextToken"), None);
    let fault =
        lab.scaling_fault("DescribeScalingPolicies", json!({"ServiceNamespace": "ecs", "NextToken": "x"})).await;
    assert_eq!(fault.0, "InvalidNextTokenException");
}

#[tokio::test]
async fn what_is_refused() {
    let lab = lab_with_service(1).await;
    let bounds = json!({"MinCapacity": 1, "MaxCapacity": 4});
    let elsewhere = |mut members: Value| {
        members["MinCapacity"] = json!(1);
        members["MaxCapacity"] = json!(4);
        about_web(members)
    };
    for (operation, body, code) in [
        ("RegisterScalableTarget", about_web(json!({"MinCapacity": 1})), "ValidationException"),
        ("RegisterScalableTarget", about_web(json!({"MinCapacity": 5, "MaxCapacity": 4})), "ValidationException"),
        ("RegisterScalableTarget", about_web(json!({"MinCapacity": -1, "MaxCapacity": 4})), "ValidationException"),
        ("RegisterScalableTarget", elsewhere(json!({"ServiceNamespace": "dynamodb"})), "ValidationException"),
        ("RegisterScalableTarget", elsewhere(json!({"ScalableDimension": "ecs:task"})), "ValidationException"),
        ("RegisterScalableTarget", elsewhere(json!({"ResourceId": "web"})), "ValidationException"),
        ("RegisterScalableTarget", elsewhere(json!({"ResourceId": "service/prod/gone"})), "ValidationException"),
        ("PutScalingPolicy", target_tracking("cpu"), "ObjectNotFoundException"),
        ("DeregisterScalableTarget", about_web(json!({})), "ObjectNotFoundException"),
        ("DeleteScalingPolicy", about_web(json!({"PolicyName": "cpu"})), "ObjectNotFoundException"),
        ("DeleteScheduledAction", about_web(json!({"ScheduledActionName": "x"})), "ObjectNotFoundException"),
        ("DescribeScalableTargets", json!({}), "ValidationException"),
        ("ListTagsForResource", json!({"ResourceARN": "arn:none"}), "ResourceNotFoundException"),
    ] {
        assert_eq!(lab.scaling_fault(operation, body.clone()).await.0, code, "{operation} {body}");
    }
    lab.scaling("RegisterScalableTarget", about_web(bounds)).await;
    let nameless = about_web(json!({"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling"}));
    assert_eq!(lab.scaling_fault("PutScalingPolicy", nameless).await.0, "ValidationException");
}
