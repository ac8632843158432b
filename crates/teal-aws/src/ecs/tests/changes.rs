//! Creating and changing services, and how they come along.

use super::*;

/// Answers of Application Auto Scaling where nothing scales.
fn unscaled(script: Script) -> Script {
    script.json(&json!({"ScalableTargets": []}))
}

/// What is sent to bring green up, besides the reading of the services and what scales them.
async fn bring_up(list: &[Value], answer: Option<Value>) -> Option<(String, Value)> {
    let script = Script::default().json(&services(list));
    let script = match &answer {
        Some(answer) => script.json(answer),
        None => script,
    };
    let script = unscaled(script);
    script.aws().bring_up(&order()).await.unwrap();
    let change = script.sent().into_iter().find(|sent| sent.operation.ends_with("Service"));
    change.map(|sent| (sent.operation.clone(), sent.json()))
}

#[tokio::test]
async fn green_is_created_like_blue() {
    let (operation, request) = bring_up(&[blue()], Some(json!({"service": {}}))).await.unwrap();
    assert_eq!(operation, "CreateService");
    let original = blue();
    for same in [
        "launchType",
        "platformVersion",
        "networkConfiguration",
        "deploymentConfiguration",
        "deploymentController",
        "schedulingStrategy",
        "healthCheckGracePeriodSeconds",
        "enableECSManagedTags",
        "propagateTags",
        "enableExecuteCommand",
    ] {
        assert_eq!(request[same], original[same], "{same}");
    }
    assert_eq!(request["serviceName"], "checkout-b");
    assert_eq!(request["taskDefinition"], "checkout:42");
    assert_eq!(request["desiredCount"], 4);
    assert_eq!(request["loadBalancers"][0]["targetGroupArn"], GREEN_GROUP);
    assert_eq!(request["loadBalancers"].as_array().map(Vec::len), Some(1));
    assert_eq!(request["tags"], json!([{"key": "team", "value": "shop"}]), "AWS's own tags cannot be given");
    assert_eq!(request.get("role"), None, "ECS refuses its own role");
    assert!(request["clientToken"].as_str().is_some_and(|token| (1..=36).contains(&token.len())));
}

#[tokio::test]
async fn green_has_settings_that_are_newer_than_teal() {
    let blue = with(blue(), "/networkConfiguration/awsvpcConfiguration/madeUp", json!({"depth": 2}));
    let (_, request) = bring_up(std::slice::from_ref(&blue), Some(json!({"service": {}}))).await.unwrap();
    assert_eq!(request["networkConfiguration"], blue["networkConfiguration"]);
    let found = survey(&[blue]).await.unwrap();
    assert_eq!(found.blue.settings["networkConfiguration"]["awsvpcConfiguration"]["madeUp"], json!({"depth": 2}));
}

#[tokio::test]
async fn a_capacity_provider_strategy_takes_the_place_of_the_launch_type() {
    let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]);
    let blue = with(blue(), "/capacityProviderStrategy", strategy.clone());
    let (_, request) = bring_up(&[blue], Some(json!({"service": {}}))).await.unwrap();
    assert_eq!(request["capacityProviderStrategy"], strategy);
    assert_eq!(request.get("launchType"), None);
}

#[tokio::test]
async fn an_earlier_green_gets_blues_capacity_provider_strategy_by_a_new_deployment() {
    let strategy = |provider| json!([{"capacityProvider": provider, "weight": 1, "base": 0}]);
    let green = || service("checkout-b", GREEN_GROUP, 42, 4);
    let by_provider = |service: Value, provider| {
        let mut service = with(service, "/capacityProviderStrategy", strategy(provider));
        service.as_object_mut().unwrap().remove("launchType");
        service
    };
    for (blue, green, expected) in [
        (by_provider(blue(), "ec2-a"), by_provider(green(), "ec2-b"), strategy("ec2-a")),
        (by_provider(blue(), "ec2-a"), green(), strategy("ec2-a")),
        (blue(), by_provider(green(), "ec2-b"), json!([])),
    ] {
        let (operation, request) = bring_up(&[blue, green], Some(json!({"service": {}}))).await.unwrap();
        let expected = json!({
            "cluster": "prod", "service": "checkout-b", "capacityProviderStrategy": expected, "forceNewDeployment": true,
        });
        assert_eq!((operation.as_str(), request), ("UpdateService", expected));
    }
    let same = [by_provider(blue(), "ec2-a"), by_provider(green(), "ec2-a")];
    assert_eq!(bring_up(&same, None).await, None);
}

#[tokio::test]
async fn a_green_that_is_as_ordered_is_left_alone() {
    let green = service("checkout-b", GREEN_GROUP, 42, 4);
    assert_eq!(bring_up(&[blue(), green], None).await, None);
}

#[tokio::test]
async fn a_green_of_an_earlier_release_is_brought_to_the_order_and_to_blues_settings() {
    let old = service("checkout-b", GREEN_GROUP, 40, 0);
    let old = with(old, "/healthCheckGracePeriodSeconds", json!(5));
    let (operation, request) = bring_up(&[blue(), old], Some(json!({"service": {}}))).await.unwrap();
    assert_eq!(operation, "UpdateService");
    let expected = json!({
        "cluster": "prod", "service": "checkout-b", "taskDefinition": "checkout:42", "desiredCount": 4,
        "healthCheckGracePeriodSeconds": 60,
    });
    assert_eq!(request, expected, "nothing but what differs");
}

#[tokio::test]
async fn a_failed_deployment_is_begun_anew_by_the_next_release_only() {
    let failed = |desired| {
        let service = service("checkout-b", GREEN_GROUP, 42, desired);
        with(service, "/deployments/0/rolloutState", json!("FAILED"))
    };
    let (_, request) = bring_up(&[blue(), failed(0)], Some(json!({"service": {}}))).await.unwrap();
    assert_eq!(request["forceNewDeployment"], true);

    let script = Script::default().json(&services(&[blue(), failed(4)]));
    script.aws().bring_up(&order()).await.unwrap();
    assert_eq!(script.operations(), ["DescribeServices"], "it stays failed, so that the release sees it");
}

#[tokio::test]
async fn creating_at_the_same_time_as_another_run_is_no_error() {
    let error = json!({"__type": "InvalidParameterException", "message": "Creation of service was not idempotent."});
    let script = unscaled(Script::default().json(&services(&[blue()])).answers(400, error.to_string()));
    assert_eq!(script.aws().bring_up(&order()).await, Ok(()));

    let draining = with(service("checkout-b", GREEN_GROUP, 40, 0), "/status", json!("DRAINING"));
    let script = Script::default().json(&services(&[blue(), draining]));
    assert!(matches!(script.aws().bring_up(&order()).await, Err(PortError::Unavailable { .. })));
}

#[tokio::test]
async fn progress_tells_of_a_deployment_that_ecs_gave_up_on() {
    let healthy = service("checkout-b", GREEN_GROUP, 42, 4);
    let failed = with(healthy.clone(), "/deployments/0/rolloutState", json!("FAILED"));
    let failed = with(failed, "/deployments/0/rolloutStateReason", json!("tasks failed to start"));
    let rolling_back = json!("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.");
    let rolled_back = with(healthy.clone(), "/deployments/0/rolloutStateReason", rolling_back.clone());
    let script = Script::default()
        .json(&services(&[healthy]))
        .json(&services(&[failed]))
        .json(&services(&[rolled_back]))
        .json(&services(&[]));
    let aws = script.aws();
    let progress = aws.progress(&runner("checkout-b")).await.unwrap();
    assert_eq!((progress.desired, progress.running, progress.failed), (4, 4, None));
    assert_eq!(progress.events, ["has reached a steady state"]);
    let progress = aws.progress(&runner("checkout-b")).await.unwrap();
    assert_eq!(progress.failed.as_deref(), Some("tasks failed to start"));
    let progress = aws.progress(&runner("checkout-b")).await.unwrap();
    assert_eq!(progress.failed.as_deref(), rolling_back.as_str());
    assert!(matches!(aws.progress(&runner("checkout-b")).await, Err(PortError::NotFound { .. })));
}

#[tokio::test]
async fn tasks_of_the_version_before_are_not_what_was_ordered() {
    let running = service("checkout-b", GREEN_GROUP, 40, 4);
    // Right after UpdateService: first as it was, then with the order beside what still runs, then with that alone.
    let deployment = |status: &str, revision: u32, running: i32, state: &str| {
        json!({
            "id": format!("d-{revision}"), "status": status, "desiredCount": 4, "runningCount": running, "rolloutState": state,
            "taskDefinition": format!("{TASKS}/checkout:{revision}"),
        })
    };
    let rolling = |newest: i32, older: i32| {
        let list =
            json!([deployment("PRIMARY", 42, newest, "IN_PROGRESS"), deployment("ACTIVE", 40, older, "COMPLETED")]);
        with(with(running.clone(), "/deployments", list), "/taskDefinition", json!(format!("{TASKS}/checkout:42")))
    };
    let failed_before = with(running.clone(), "/deployments", json!([deployment("PRIMARY", 40, 4, "FAILED")]));
    let script = Script::default()
        .json(&services(&[]))
        .json(&services(&[failed_before]))
        .json(&services(&[rolling(0, 4)]))
        .json(&services(&[rolling(4, 1)]))
        .json(&services(&[rolling(4, 0)]));
    let aws = script.aws();
    let expected = [(0, 0, false), (4, 0, true), (4, 0, false), (4, 4, false), (4, 4, true)];
    for (step, expected) in expected.into_iter().enumerate() {
        let found = aws.progress_of_green(&order()).await.unwrap();
        assert_eq!((found.desired, found.running, found.current), expected, "{step}");
        assert_eq!(found.failed, None, "{step}");
    }
}

#[tokio::test]
async fn scaling_in_suspends_first_and_then_takes_the_tasks() {
    let target = json!({"ScalableTargets": [{
        "ServiceNamespace": "ecs", "ResourceId": "service/prod/checkout-a", "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 2, "MaxCapacity": 8, "RoleARN": "arn:r", "CreationTime": 1.0,
    }]});
    let script =
        Script::default().json(&services(&[blue()])).json(&target).json(&json!({})).json(&json!({"service": {}}));
    script.aws().scale_in(&runner("checkout-a")).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent[2].operation, "RegisterScalableTarget");
    let register = sent[2].json();
    assert_eq!(register["MinCapacity"], 0);
    assert_eq!(register.get("MaxCapacity"), None, "unchanged");
    let all = json!({"DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": true, "ScheduledScalingSuspended": true});
    assert_eq!(register["SuspendedState"], all);
    assert_eq!(sent[3].json(), json!({"cluster": "prod", "service": "checkout-a", "desiredCount": 0}));
}

#[tokio::test]
async fn scaling_in_twice_changes_nothing() {
    let all = json!({"DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": true, "ScheduledScalingSuspended": true});
    let target = json!({"ScalableTargets": [{
        "ServiceNamespace": "ecs", "ResourceId": "service/prod/checkout-a", "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 0, "MaxCapacity": 8, "RoleARN": "arn:r", "CreationTime": 1.0, "SuspendedState": all,
    }]});
    let script = Script::default().json(&services(&[service("checkout-a", BLUE_GROUP, 41, 0)])).json(&target);
    script.aws().scale_in(&runner("checkout-a")).await.unwrap();
    assert_eq!(script.operations(), ["DescribeServices", "DescribeScalableTargets"]);

    let gone = Script::default().json(&services(&[]));
    assert!(matches!(gone.aws().scale_in(&runner("checkout-a")).await, Err(PortError::NotFound { .. })));
}
