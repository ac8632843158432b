//! Deployments that ECS rolls back.

mod common;

use common::world::{
    ALL_STAGES, BLUE, GREEN, PRODUCTION, TEST, World, blue_green, hook, latest, pause, stop, told, two_tasks_in,
    until_deployment, until_status, with_blue,
};
use serde_json::{Value, json};

#[tokio::test]
async fn whatever_else_a_function_answers_rolls_back_with_the_weights_the_other_way() {
    for answer in
        [Ok(json!({"hookStatus": "FAILED"})), Ok(json!({"status": "SUCCEEDED"})), Err("it crashed".to_owned())]
    {
        let world = World::default();
        let lab = world.lab().await;
        let green = with_blue(&lab, &world, blue_green(&json!([hook(&ALL_STAGES)]))).await;
        world.answers("POST_PRODUCTION_TRAFFIC_SHIFT", [answer]);
        lab.update(json!({"taskDefinition": green})).await;
        let back = until_status(&lab, "ROLLBACK_SUCCESSFUL").await;
        assert!(two_tasks_in(&lab, BLUE));
        assert_eq!((world.share(PRODUCTION), world.share(TEST)), (0, 0));
        let lines = world.lines();
        let after = lines.iter().position(|line| line == "POST_PRODUCTION_TRAFFIC_SHIFT").unwrap();
        assert_eq!(
            lines[after + 1..],
            ["production 100/0", "PRODUCTION_TRAFFIC_SHIFT", "test 100/0", "TEST_TRAFFIC_SHIFT"]
        );
        let last = world.events("PRODUCTION_TRAFFIC_SHIFT").pop().unwrap();
        assert_eq!(told(&last, "productionTrafficWeights"), [0, 100], "the target is green still");
        let target = &last["executionDetails"]["targetServiceRevisionArn"];
        assert_eq!(*target, back["targetServiceRevision"]["arn"]);
        assert_eq!(back["rollback"]["serviceRevisionArn"], back["sourceServiceRevisions"][0]["arn"]);
        assert!(back["statusReason"].as_str().unwrap().contains("POST_PRODUCTION_TRAFFIC_SHIFT"), "{back:#}");
        let service = lab.until_steady(2).await;
        assert!(!service["taskDefinition"].as_str().unwrap().ends_with(&green), "blue is PRIMARY again");
    }
}

#[tokio::test]
async fn a_hook_that_fails_in_a_roll_back_leaves_it_failed_with_traffic_on_blue() {
    let world = World::default();
    let lab = world.lab().await;
    let green = with_blue(&lab, &world, blue_green(&json!([hook(&["PRODUCTION_TRAFFIC_SHIFT"])]))).await;
    let failed = || Ok(json!({"hookStatus": "FAILED"}));
    world.answers("PRODUCTION_TRAFFIC_SHIFT", [failed(), failed()]);
    lab.update(json!({"taskDefinition": green})).await;
    until_status(&lab, "ROLLBACK_FAILED").await;
    assert_eq!(world.share(PRODUCTION), 0);
}

#[tokio::test]
async fn a_pause_rolls_back_when_told_to_and_times_out_as_configured() {
    for (told, action, expected) in [
        (true, "ROLLBACK", "ROLLBACK_SUCCESSFUL"),
        (false, "ROLLBACK", "ROLLBACK_SUCCESSFUL"),
        (false, "CONTINUE", "SUCCESSFUL"),
    ] {
        let world = World::default();
        let lab = world.lab().await;
        let mut waits = pause(&["POST_TEST_TRAFFIC_SHIFT"]);
        let minutes = if told { 60 } else { 1 };
        waits["timeoutConfiguration"] = json!({"timeoutInMinutes": minutes, "action": action});
        let green = with_blue(&lab, &world, blue_green(&json!([waits]))).await;
        lab.update(json!({"taskDefinition": green})).await;
        if told {
            let waits = |it: &Value| it["lifecycleHookDetails"][0]["status"] == "AWAITING_ACTION";
            let paused = until_deployment(&lab, "paused", waits).await;
            let hook = &paused["lifecycleHookDetails"][0]["hookId"];
            let body =
                json!({"serviceDeploymentArn": paused["serviceDeploymentArn"], "hookId": hook, "action": action});
            lab.call("ContinueServiceDeployment", body).await;
        }
        until_status(&lab, expected).await;
        assert!(two_tasks_in(&lab, if expected == "SUCCESSFUL" { GREEN } else { BLUE }));
    }
}

#[tokio::test]
async fn stopping_rolls_back_at_any_stage_and_only_while_it_is_under_way() {
    for stage in ["TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"] {
        let world = World::default();
        let lab = world.lab().await;
        let canary = json!({"strategy": "CANARY", "bakeTimeInMinutes": 60, "canaryConfiguration":
            {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": if stage == "BAKE_TIME" { 0 } else { 60 }}});
        let mut configuration = canary;
        let waits = if stage == "TEST_TRAFFIC_SHIFT" { json!([hook(&[stage])]) } else { json!([]) };
        configuration["lifecycleHooks"] = waits;
        let green = with_blue(&lab, &world, configuration).await;
        world.answers("TEST_TRAFFIC_SHIFT", [Ok(json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 3600}))]);
        lab.update(json!({"taskDefinition": green})).await;
        let shifted = |it: &Value| {
            it["lifecycleStage"] == stage
                && (stage != "PRODUCTION_TRAFFIC_SHIFT"
                    || it["targetServiceRevision"]["requestedProductionTrafficWeight"] == 10.0)
        };
        let deployment = until_deployment(&lab, stage, shifted).await;
        stop(&lab, &deployment).await;
        assert!(latest(&lab).await["status"].as_str().unwrap().starts_with("ROLLBACK_"));
        let back = until_status(&lab, "ROLLBACK_SUCCESSFUL").await;
        assert_eq!(back["statusReason"], "The service deployment was stopped by a user.");
        assert!(two_tasks_in(&lab, BLUE));
        assert!(
            world
                .lines()
                .iter()
                .rfind(|line| line.starts_with("production"))
                .is_none_or(|line| line == "production 100/0")
        );
        let arn = &deployment["serviceDeploymentArn"];
        let fault = lab.fault("StopServiceDeployment", json!({"serviceDeploymentArn": arn})).await;
        assert_eq!(fault.0, "ConflictException");
    }
}

#[tokio::test]
async fn an_alarm_rolls_back_unless_one_fired_when_the_deployment_began() {
    for fires_at_start in [false, true] {
        let world = World::default();
        let lab = world.lab().await;
        let mut configuration = blue_green(&json!([]));
        configuration["alarms"] = json!({"alarmNames": ["late", "early"], "enable": true, "rollback": true});
        let green = with_blue(&lab, &world, configuration).await;
        if fires_at_start {
            world.fire("early");
        }
        lab.update(json!({"taskDefinition": green})).await;
        until_deployment(&lab, "baking", |it| it["lifecycleStage"] == "BAKE_TIME").await;
        world.fire("late");
        if fires_at_start {
            let done = until_status(&lab, "SUCCESSFUL").await;
            assert_eq!(done["alarms"]["status"], "DISABLED");
        } else {
            let back = until_status(&lab, "ROLLBACK_SUCCESSFUL").await;
            assert_eq!(
                (&back["alarms"]["status"], &back["alarms"]["triggeredAlarmNames"]),
                (&json!("TRIGGERED"), &json!(["late"]))
            );
        }
        world.recover();
    }
}

#[tokio::test]
async fn tasks_that_do_not_start_break_the_circuit() {
    let world = World::default();
    let lab = world.lab().await;
    let mut configuration = blue_green(&json!([]));
    configuration["deploymentCircuitBreaker"] = json!({"enable": true, "rollback": true});
    with_blue(&lab, &world, configuration).await;
    let broken = lab.define(&[("TASK_FAILS", "3")]).await;
    lab.update(json!({"taskDefinition": broken})).await;
    let back = until_status(&lab, "ROLLBACK_SUCCESSFUL").await;
    assert_eq!(back["deploymentCircuitBreaker"]["status"], "TRIGGERED");
    assert!(two_tasks_in(&lab, BLUE));
}
