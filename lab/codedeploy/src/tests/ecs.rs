//! Deployments to a service.

use super::world::{Lab, answer, events};
use serde_json::{Value, json};

const ALL: [&str; 5] =
    ["BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"];

fn rolling_back_on(event: &str) -> Value {
    json!({"autoRollbackConfiguration": {"enabled": true, "events": [event]}})
}

fn waiting(minutes: u32) -> Value {
    json!({"blueGreenDeploymentConfiguration": {
        "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": minutes},
        "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 0},
    }})
}

fn names(sets: &[(String, String)]) -> Vec<(&str, &str)> {
    sets.iter().map(|(id, status)| (id.as_str(), status.as_str())).collect()
}

/// Checks that a deployment was rolled back by another one, each naming the other, and that everything is on blue.
async fn is_rolled_back(lab: &Lab, info: &Value) {
    let id = info["rollbackInfo"]["rollbackDeploymentId"].as_str().unwrap().to_owned();
    let rollback = lab.until(&id, "Succeeded").await;
    assert_eq!(rollback["creator"], "codeDeployRollback");
    assert_eq!(rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"], info["deploymentId"]);
    assert_eq!(lab.weights().last(), Some(&[100, 0]));
    assert_eq!(names(&lab.task_sets()), [("ecs-svc/1", "PRIMARY")]);
    let of_events = events(&lab.target(&id).await);
    assert!(
        of_events.iter().all(|(name, status)| status == if name == "AllowTraffic" { "Succeeded" } else { "Skipped" })
    );
}

#[tokio::test]
async fn a_deployment_runs_its_events_in_order_and_shifts_in_increments() {
    let lab = Lab::start(json!({})).await;
    let id = lab.deploy("ECSCanary10Percent5Minutes", &ALL).await;
    assert!(
        lab.next_hook(1).await["function"] == "CodeDeployHook_onBeforeInstall" && lab.task_sets().len() == 1,
        "before Install"
    );
    let functions = lab.answer_hooks(&["Succeeded"; 5]).await;
    assert_eq!(functions, ALL.map(|event| format!("CodeDeployHook_on{event}")));
    assert_eq!(lab.weights(), [[90, 10], [0, 100]]);
    let info = lab.until(&id, "Succeeded").await;
    assert_eq!((&info["creator"], &info["description"]), (&json!("user"), &json!("Teal release r-1")));
    let shifted = info["completeTime"].as_f64().unwrap() - info["startTime"].as_f64().unwrap();
    assert!(shifted >= 600.0, "five minutes of the canary, five until the original is taken in: {shifted} s");
    assert_eq!(names(&lab.task_sets()), [("ecs-svc/2", "PRIMARY")]);
    let expected = [
        "BeforeInstall",
        "Install",
        "AfterInstall",
        "AllowTestTraffic",
        "AfterAllowTestTraffic",
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
    ];
    assert_eq!(events(&lab.target(&id).await), expected.map(|name| (name.to_owned(), "Succeeded".to_owned())));
    let group =
        lab.call("GetDeploymentGroup", json!({"applicationName": "shop", "deploymentGroupName": "checkout"})).await;
    assert_eq!(group["deploymentGroupInfo"]["lastSuccessfulDeployment"]["deploymentId"], id.as_str());
    assert_eq!(
        lab.refused("StopDeployment", json!({"deploymentId": id})).await.code,
        "DeploymentAlreadyCompletedException"
    );
}

#[tokio::test]
async fn the_test_listener_leads_to_the_replacement_before_production_does() {
    let lab = Lab::start(json!({})).await;
    let id = lab.deploy("ECSAllAtOnce", &["AfterInstall", "AfterAllowTestTraffic"]).await;
    let event = lab.next_hook(1).await;
    assert_eq!((lab.test_actions()[0]["TargetGroupArn"].as_str(), lab.task_sets().len()), (Some("tg/blue/1"), 2));
    lab.answer_hook(&event, "Succeeded").await;
    lab.next_hook(2).await;
    let groups = json!([{"TargetGroupArn": "tg/green/2", "Weight": 100}, {"TargetGroupArn": "tg/blue/1", "Weight": 0}]);
    assert_eq!(lab.test_actions()[0]["ForwardConfig"]["TargetGroups"], groups);
    assert!(lab.weights().is_empty(), "production is not touched");
    let sets = &lab.target(&id).await["ecsTarget"]["taskSetsInfo"];
    assert_eq!((&sets[0]["taskSetLabel"], &sets[0]["trafficWeight"]), (&json!("Blue"), &json!(100.0)));
    assert_eq!((&sets[1]["taskSetLabel"], &sets[1]["targetGroup"]["name"]), (&json!("Green"), &json!("green")));
}

#[tokio::test]
async fn a_hook_that_fails_rolls_back_where_that_is_configured() {
    let lab = Lab::start(rolling_back_on("DEPLOYMENT_FAILURE")).await;
    let id = lab.deploy("ECSAllAtOnce", &["AfterAllowTraffic"]).await;
    lab.answer_hooks(&["Failed"]).await;
    let info = lab.until(&id, "Failed").await;
    assert_eq!(info["errorInformation"]["code"], "HOOK_EXECUTION_FAILURE");
    is_rolled_back(&lab, &info).await;
    let last = events(&lab.target(&id).await).pop();
    assert_eq!(last, Some(("AfterAllowTraffic".to_owned(), "Failed".to_owned())));
}

#[tokio::test]
async fn without_a_rollback_everything_stays_as_it_is() {
    let lab = Lab::start(json!({})).await;
    let id = lab.deploy("ECSAllAtOnce", &["AfterAllowTraffic"]).await;
    lab.answer_hooks(&["Failed"]).await;
    assert!(lab.until(&id, "Failed").await["rollbackInfo"].is_null());
    assert_eq!((lab.weights(), lab.task_sets().len()), (vec![[0, 100]], 2));
    let next = lab.deploy("ECSAllAtOnce", &[]).await;
    assert_eq!(lab.until(&next, "Failed").await["errorInformation"]["code"], "INVALID_ECS_SERVICE", "two task sets");
}

#[tokio::test]
async fn before_install_there_is_nothing_to_roll_back() {
    let lab = Lab::start(rolling_back_on("DEPLOYMENT_FAILURE")).await;
    let id = lab.deploy("ECSAllAtOnce", &["BeforeInstall"]).await;
    lab.answer_hooks(&["Failed"]).await;
    let info = lab.until(&id, "Failed").await;
    assert!(info["rollbackInfo"]["rollbackDeploymentId"].is_null(), "{info}");
    assert!(lab.weights().is_empty() && lab.task_sets().len() == 1);
}

#[tokio::test]
async fn a_hook_is_waited_for_an_hour_and_answered_once() {
    let lab = Lab::start(json!({})).await;
    let id = lab.deploy("ECSAllAtOnce", &["AfterInstall", "BeforeAllowTraffic"]).await;
    let event = lab.next_hook(1).await;
    let put = "PutLifecycleEventHookExecutionStatus";
    assert_eq!(
        lab.refused(put, answer(&event, "Skipped")).await.code,
        "InvalidLifecycleEventHookExecutionStatusException"
    );
    let mut other = answer(&event, "Succeeded");
    other["lifecycleEventHookExecutionId"] = json!("?");
    assert_eq!(lab.refused(put, other).await.code, "InvalidLifecycleEventHookExecutionIdException");
    lab.answer_hook(&event, "Succeeded").await;
    assert_eq!(lab.refused(put, answer(&event, "Failed")).await.code, "LifecycleEventAlreadyCompletedException");
    let unanswered = lab.next_hook(2).await;
    let info = lab.until(&id, "Failed").await;
    assert!(info["completeTime"].as_f64().unwrap() - info["startTime"].as_f64().unwrap() >= 3600.0);
    let late = lab.refused(put, answer(&unanswered, "Succeeded")).await;
    assert_eq!(late.code, "LifecycleEventAlreadyCompletedException");
    let failed = lab.target(&id).await["ecsTarget"]["lifecycleEvents"][5].take();
    assert_eq!(failed["diagnostics"]["errorCode"], "ScriptTimedOut", "{failed}");
}

#[tokio::test]
async fn stopped_with_rollback_it_goes_back_and_without_it_stays() {
    for rolls_back in [true, false] {
        let lab = Lab::start(json!({})).await;
        let id = lab.deploy("ECSLinear10PercentEvery3Minutes", &[]).await;
        assert_eq!(lab.until_shifted(2).await, [80, 20]);
        let stop = json!({"deploymentId": id, "autoRollbackEnabled": rolls_back});
        assert_eq!(lab.call("StopDeployment", stop).await["status"], "Pending");
        let info = lab.until(&id, "Stopped").await;
        assert_eq!(info["errorInformation"]["code"], "MANUAL_STOP");
        if rolls_back {
            is_rolled_back(&lab, &info).await;
        } else {
            assert!(info["rollbackInfo"].is_null());
            lab.lab_minutes(10).await;
            assert_eq!((lab.weights().last().map(|weights| weights[1] < 100), lab.task_sets().len()), (Some(true), 2));
        }
    }
}

#[tokio::test]
async fn the_original_is_kept_for_its_time_and_can_be_gone_back_to() {
    for goes_back in [true, false] {
        let lab = Lab::start(json!({"blueGreenDeploymentConfiguration": {
            "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
            "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 2880},
        }}))
        .await;
        let id = lab.deploy("ECSAllAtOnce", &[]).await;
        lab.until_shifted(1).await;
        let waits = async || lab.deployment(&id).await["instanceTerminationWaitTimeStarted"] == true;
        while !waits().await {
            tokio::task::yield_now().await;
        }
        assert_eq!((lab.deployment(&id).await["status"].as_str(), lab.task_sets().len()), (Some("InProgress"), 2));
        if goes_back {
            lab.call("StopDeployment", json!({"deploymentId": id, "autoRollbackEnabled": true})).await;
            let info = lab.until(&id, "Stopped").await;
            is_rolled_back(&lab, &info).await;
        } else {
            lab.call("ContinueDeployment", json!({"deploymentId": id, "deploymentWaitType": "TERMINATION_WAIT"})).await;
            lab.until(&id, "Succeeded").await;
            assert_eq!(names(&lab.task_sets()), [("ecs-svc/2", "PRIMARY")]);
        }
    }
}

#[tokio::test]
async fn a_deployment_that_is_ready_waits_to_be_continued() {
    let lab = Lab::start(waiting(2880)).await;
    let id = lab.deploy("ECSAllAtOnce", &["AfterAllowTestTraffic", "BeforeAllowTraffic"]).await;
    let go_on = json!({"deploymentId": id, "deploymentWaitType": "READY_WAIT"});
    let event = lab.next_hook(1).await;
    assert_eq!(lab.refused("ContinueDeployment", go_on.clone()).await.code, "DeploymentIsNotInReadyStateException");
    let unknown = json!({"deploymentId": id, "deploymentWaitType": "LUNCH"});
    assert_eq!(lab.refused("ContinueDeployment", unknown).await.code, "InvalidDeploymentWaitTypeException");
    lab.answer_hook(&event, "Succeeded").await;
    let info = lab.until(&id, "Ready").await;
    assert_eq!(info["deploymentOverview"]["Ready"], 1);
    lab.lab_minutes(30).await;
    assert!(lab.weights().is_empty());
    lab.call("ContinueDeployment", go_on.clone()).await;
    let event = lab.next_hook(2).await;
    assert_eq!(event["function"], "CodeDeployHook_onBeforeAllowTraffic");
    lab.answer_hook(&event, "Succeeded").await;
    lab.until(&id, "Succeeded").await;
    assert_eq!(lab.refused("ContinueDeployment", go_on).await.code, "DeploymentAlreadyCompletedException");
}

#[tokio::test]
async fn a_deployment_that_nobody_continues_is_stopped() {
    let lab = Lab::start(waiting(5)).await;
    let id = lab.deploy("ECSAllAtOnce", &[]).await;
    lab.until(&id, "Stopped").await;
    assert!(lab.weights().is_empty());
}

#[tokio::test]
async fn an_alarm_stops_it() {
    let mut settings = rolling_back_on("DEPLOYMENT_STOP_ON_ALARM");
    settings["alarmConfiguration"] = json!({"enabled": true, "alarms": [{"name": "bad-share"}]});
    let lab = Lab::start(settings).await;
    let id = lab.deploy("ECSCanary10Percent15Minutes", &[]).await;
    lab.until_shifted(1).await;
    lab.fire();
    let info = lab.until(&id, "Stopped").await;
    assert_eq!(info["errorInformation"]["code"], "ALARM_ACTIVE");
    assert!(info["errorInformation"]["message"].as_str().unwrap().contains("bad-share"));
    is_rolled_back(&lab, &info).await;
}

#[tokio::test]
async fn one_deployment_at_a_time_and_lists_of_them() {
    let lab = Lab::start(json!({})).await;
    let id = lab.deploy("ECSCanary10Percent15Minutes", &[]).await;
    let spec = json!({"Resources": [{"web": {"Type": "AWS::ECS::Service", "Properties": {
        "TaskDefinition": "web:3", "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": 80}}}}]});
    let again = json!({"applicationName": "shop", "deploymentGroupName": "checkout",
        "revision": {"revisionType": "String", "string": {"content": spec.to_string()}}});
    let refused = lab.refused("CreateDeployment", again).await;
    assert!(refused.code == "DeploymentLimitExceededException" && refused.message.contains(&id), "{refused:?}");
    lab.until_shifted(1).await;
    let in_group = |more: Value| {
        let mut body = json!({"applicationName": "shop", "deploymentGroupName": "checkout"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let list = async |more: Value| lab.call("ListDeployments", in_group(more)).await["deployments"].take();
    assert_eq!(list(json!({"includeOnlyStatuses": ["Created", "InProgress", "Ready"]})).await, json!([id]));
    assert_eq!(list(json!({"includeOnlyStatuses": ["Succeeded"]})).await, json!([]));
    let created = lab.deployment(&id).await["createTime"].as_f64().unwrap();
    assert_eq!(list(json!({"createTimeRange": {"start": created - 1.0}})).await, json!([id]));
    assert_eq!(list(json!({"createTimeRange": {"end": created - 1.0}})).await, json!([]));
    let described = lab.call("BatchGetDeployments", json!({"deploymentIds": [id, "d-000000000"]})).await;
    assert_eq!(described["deploymentsInfo"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_keeps_a_deployment_from_shifting_fails_it() {
    let lab = Lab::start(json!({})).await;
    lab.set_protocol("TCP");
    let id = lab.deploy("ECSCanary10Percent5Minutes", &[]).await;
    let info = lab.until(&id, "Failed").await;
    assert_eq!(info["errorInformation"]["code"], "ELASTIC_LOAD_BALANCING_INVALID");
    let id = lab.deploy("ECSAllAtOnce", &[]).await;
    lab.until(&id, "Succeeded").await;

    let lab = Lab::start(rolling_back_on("DEPLOYMENT_FAILURE")).await;
    lab.make_never_steady();
    let id = lab.deploy("ECSAllAtOnce", &[]).await;
    let info = lab.until(&id, "Failed").await;
    assert_eq!(info["errorInformation"]["code"], "TIMEOUT");
    is_rolled_back(&lab, &info).await;
}
