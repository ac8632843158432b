//! ECS's own blue/green, canary and linear deployments.

mod common;

use common::world::{
    ALL_STAGES, BLUE, GREEN, PRODUCTION, World, blue_green, hook, latest, pause, shifting, stop, told, two_tasks_in,
    until_deployment, until_status, with_blue,
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_first_deployment_passes_every_stage_and_takes_all_traffic_at_once() {
    let world = World::default();
    let lab = world.lab().await;
    let definition = lab.define(&[]).await;
    let canary = json!({"strategy": "CANARY", "bakeTimeInMinutes": 60, "lifecycleHooks": [hook(&ALL_STAGES)]});
    lab.create(&definition, 2, shifting(&canary)).await;
    let deployment = until_status(&lab, "SUCCESSFUL").await;
    assert!(two_tasks_in(&lab, BLUE));
    assert_eq!(deployment["sourceServiceRevisions"], json!([]));
    assert_eq!(
        world.lines(),
        [
            "PRE_SCALE_UP",
            "POST_SCALE_UP",
            "test 100/0",
            "TEST_TRAFFIC_SHIFT",
            "POST_TEST_TRAFFIC_SHIFT",
            "PRE_PRODUCTION_TRAFFIC_SHIFT",
            "production 100/0",
            "PRODUCTION_TRAFFIC_SHIFT",
            "POST_PRODUCTION_TRAFFIC_SHIFT",
        ]
    );
}

#[tokio::test]
async fn blue_green_brings_green_up_shifts_all_bakes_and_takes_blue_in() {
    let world = World::default();
    let lab = world.lab().await;
    let green = with_blue(&lab, &world, blue_green(&json!([hook(&ALL_STAGES)]))).await;
    let before = lab.service().await;
    assert!(before["currentServiceDeployment"].is_null(), "nothing is under way");
    let updated = lab.update(json!({"taskDefinition": green})).await;
    let statuses: Vec<_> = updated["deployments"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, ["PRIMARY", "ACTIVE"]);

    let baking = until_deployment(&lab, "baking", |it| it["lifecycleStage"] == "BAKE_TIME").await;
    assert_eq!(lab.service().await["currentServiceDeployment"], baking["serviceDeploymentArn"]);
    assert_eq!((lab.registry.in_group(BLUE).len(), lab.registry.in_group(GREEN).len()), (2, 2), "both are up");
    assert_eq!(baking["targetServiceRevision"]["requestedProductionTrafficWeight"], 100.0);
    assert_eq!(baking["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"], 0.0);
    assert_eq!(baking["sourceServiceRevisions"][0]["runningTaskCount"], 2);

    let done = until_status(&lab, "SUCCESSFUL").await;
    assert!(two_tasks_in(&lab, GREEN));
    assert!(done["finishedAt"].as_f64().unwrap() - done["startedAt"].as_f64().unwrap() >= 60.0, "it has baked");
    let service = lab.until_steady(2).await;
    assert!(service["taskDefinition"].as_str().unwrap().ends_with(&green));
    assert_eq!(
        world.lines(),
        [
            "PRE_SCALE_UP",
            "POST_SCALE_UP",
            "test 0/100",
            "TEST_TRAFFIC_SHIFT",
            "POST_TEST_TRAFFIC_SHIFT",
            "PRE_PRODUCTION_TRAFFIC_SHIFT",
            "production 0/100",
            "PRODUCTION_TRAFFIC_SHIFT",
            "POST_PRODUCTION_TRAFFIC_SHIFT",
        ]
    );
    let revision = &done["targetServiceRevision"]["arn"];
    let revisions = lab.call("DescribeServiceRevisions", json!({"serviceRevisionArns": [revision]})).await;
    let resolved = &revisions["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"][0];
    assert_eq!((&resolved["targetGroupArn"], &resolved["productionListenerRule"]), (&json!(GREEN), &json!(PRODUCTION)));

    // The next one goes back to the first target group.
    world.forget();
    lab.update(json!({"forceNewDeployment": true})).await;
    until_status(&lab, "SUCCESSFUL").await;
    assert!(two_tasks_in(&lab, BLUE));
    assert_eq!(
        world.lines().iter().filter(|line| line.starts_with("production")).collect::<Vec<_>>(),
        ["production 100/0"]
    );
}

#[tokio::test]
async fn events_are_nested_and_tell_weights_where_traffic_is_shifted() {
    let world = World::default();
    let lab = world.lab().await;
    let mut asked = hook(&ALL_STAGES);
    asked["hookDetails"] = json!({"planRef": "ssm:/teal/shop"});
    let green = with_blue(&lab, &world, blue_green(&json!([asked]))).await;
    lab.update(json!({"taskDefinition": green})).await;
    let done = until_status(&lab, "SUCCESSFUL").await;
    let event = |stage: &str| world.events(stage).remove(0);
    let first = event("PRE_SCALE_UP");
    assert_eq!(first["resourceArn"], done["serviceDeploymentArn"]);
    assert_eq!(first["executionDetails"]["serviceArn"], "arn:aws:ecs:us-east-1:000000000000:service/prod/web");
    assert_eq!(first["executionDetails"]["targetServiceRevisionArn"], done["targetServiceRevision"]["arn"]);
    assert_eq!(first["hookDetails"], json!({"planRef": "ssm:/teal/shop"}));
    for (stage, test, production) in [
        ("PRE_SCALE_UP", vec![], vec![]),
        ("TEST_TRAFFIC_SHIFT", vec![100, 0], vec![]),
        ("POST_TEST_TRAFFIC_SHIFT", vec![], vec![]),
        ("PRE_PRODUCTION_TRAFFIC_SHIFT", vec![], vec![0, 100]),
        ("PRODUCTION_TRAFFIC_SHIFT", vec![], vec![100, 0]),
        ("POST_PRODUCTION_TRAFFIC_SHIFT", vec![], vec![]),
    ] {
        let event = event(stage);
        assert_eq!(told(&event, "testTrafficWeights"), test, "{stage}");
        assert_eq!(told(&event, "productionTrafficWeights"), production, "{stage}");
    }
}

#[tokio::test]
async fn a_canary_and_linear_steps_ask_their_hooks_before_and_at_each_step() {
    for (configuration, steps) in [
        (
            json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 2.5, "canaryBakeTimeInMinutes": 1}}),
            vec!["production 975/25", "production 0/100"],
        ),
        (
            json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 1}}),
            vec!["production 60/40", "production 20/80", "production 0/100"],
        ),
    ] {
        let world = World::default();
        let lab = world.lab().await;
        let mut configuration = configuration;
        configuration["lifecycleHooks"] = json!([hook(&["PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"])]);
        let green = with_blue(&lab, &world, configuration).await;
        lab.update(json!({"taskDefinition": green})).await;
        let done = until_status(&lab, "SUCCESSFUL").await;
        let mut expected = vec!["test 0/100"];
        for step in &steps {
            expected.extend(["PRE_PRODUCTION_TRAFFIC_SHIFT", step, "PRODUCTION_TRAFFIC_SHIFT"]);
        }
        assert_eq!(world.lines(), expected);
        let baked = done["finishedAt"].as_f64().unwrap() - done["startedAt"].as_f64().unwrap();
        assert!(baked >= 60.0 * (steps.len() - 1) as f64, "each step but the last has baked: {baked} s");
        let pre = world.events("PRE_PRODUCTION_TRAFFIC_SHIFT");
        assert_eq!(told(&pre[0], "productionTrafficWeights"), [0, 100]);
    }
}

#[tokio::test]
async fn a_function_that_is_in_progress_is_asked_again_with_what_it_said() {
    let world = World::default();
    let lab = world.lab().await;
    let mut asked = hook(&["POST_TEST_TRAFFIC_SHIFT"]);
    asked["hookDetails"] = json!({"plan": "a"});
    let green = with_blue(&lab, &world, blue_green(&json!([asked]))).await;
    let answer = json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 120, "hookDetails": {"seen": 1}});
    world.answers("POST_TEST_TRAFFIC_SHIFT", [Ok(answer), Ok(json!({"hookStatus": "IN_PROGRESS"}))]);
    lab.update(json!({"taskDefinition": green})).await;
    let waiting = until_deployment(&lab, "asked", |it| it["lifecycleHookDetails"][0]["status"] == "IN_PROGRESS").await;
    assert_eq!(waiting["lifecycleStage"], "POST_TEST_TRAFFIC_SHIFT");
    assert_eq!(waiting["lifecycleHookDetails"][0]["timeoutAction"], "ROLLBACK");
    let done = until_status(&lab, "SUCCESSFUL").await;
    assert!(done["finishedAt"].as_f64().unwrap() - done["startedAt"].as_f64().unwrap() >= 120.0 + 30.0 + 60.0);
    let events = world.events("POST_TEST_TRAFFIC_SHIFT");
    let details: Vec<_> = events.iter().map(|event| event["hookDetails"].clone()).collect();
    let merged = json!({"plan": "a", "seen": 1});
    assert_eq!(details, [json!({"plan": "a"}), merged.clone(), merged]);
    assert!(events.iter().all(|event| event["executionId"] == events[0]["executionId"]));
}

#[tokio::test]
async fn a_pause_waits_for_somebody_at_each_step() {
    let world = World::default();
    let lab = world.lab().await;
    let mut canary =
        json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 0}});
    canary["lifecycleHooks"] = json!([pause(&["PRE_PRODUCTION_TRAFFIC_SHIFT"])]);
    let green = with_blue(&lab, &world, canary).await;
    lab.update(json!({"taskDefinition": green})).await;
    let mut seen: Vec<Value> = Vec::new();
    for share in [0, 10] {
        let waits = |it: &Value| {
            let hook = &it["lifecycleHookDetails"][0];
            hook["status"] == "AWAITING_ACTION" && !seen.contains(&hook["hookId"])
        };
        let paused = until_deployment(&lab, "paused", waits).await;
        assert_eq!(paused["targetServiceRevision"]["requestedProductionTrafficWeight"], f64::from(share));
        let hook = paused["lifecycleHookDetails"][0].clone();
        assert_eq!((&hook["targetType"], &hook["targetArn"]), (&json!("PAUSE"), &Value::Null));
        assert!(hook["hookId"].as_str().unwrap().starts_with("ecs-pause-"));
        let arn = &paused["serviceDeploymentArn"];
        let go_on = json!({"serviceDeploymentArn": arn, "hookId": hook["hookId"], "action": "CONTINUE"});
        lab.call("ContinueServiceDeployment", go_on.clone()).await;
        assert_eq!(lab.fault("ContinueServiceDeployment", go_on).await.0, "InvalidParameterException", "once only");
        seen.push(hook["hookId"].clone());
    }
    until_status(&lab, "SUCCESSFUL").await;
}

#[tokio::test]
async fn a_later_deployment_takes_the_place_of_one_under_way() {
    let world = World::default();
    let lab = world.lab().await;
    let canary = json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1440},
        "lifecycleHooks": [hook(&["RECONCILE_SERVICE"])]});
    let green = with_blue(&lab, &world, canary).await;
    lab.update(json!({"taskDefinition": green})).await;
    let first = until_deployment(&lab, "the canary", |it| {
        it["targetServiceRevision"]["requestedProductionTrafficWeight"] == 10.0
    })
    .await;
    let better = lab.define(&[("COLOUR", "better")]).await;
    lab.update(
        json!({"taskDefinition": better, "deploymentConfiguration": blue_green(&json!([hook(&["RECONCILE_SERVICE"])]))}),
    )
    .await;
    until_status(&lab, "SUCCESSFUL").await;
    assert!(two_tasks_in(&lab, GREEN));
    assert!(lab.ecs.tasks().iter().all(|task| task.task_definition == better));
    assert_eq!(world.events("RECONCILE_SERVICE").len(), 1, "only where there are several revisions");
    let shifts: Vec<_> = world.lines().into_iter().filter(|line| line.starts_with("production")).collect();
    assert_eq!(shifts, ["production 90/10", "production 100/0", "production 0/100"]);
    let arn = &first["serviceDeploymentArn"];
    let described = lab
        .call(
            "DescribeServiceDeployments",
            json!({"serviceDeploymentArns": [arn, format!("{}x", arn.as_str().unwrap())]}),
        )
        .await;
    assert_eq!(described["serviceDeployments"][0]["status"], "STOPPED");
    assert_eq!(described["failures"][0]["reason"], "MISSING");
}

#[tokio::test]
async fn a_rolling_update_is_a_service_deployment_without_stages() {
    let world = World::default();
    let lab = world.lab().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 1, json!({})).await;
    lab.until_steady(1).await;
    let done = latest(&lab).await;
    assert_eq!((&done["status"], &done["lifecycleStage"]), (&json!("SUCCESSFUL"), &Value::Null));
    let broken = lab.define(&[("TASK_FAILS", "3")]).await;
    lab.update(json!({"taskDefinition": broken})).await;
    let under_way = latest(&lab).await;
    assert_eq!(under_way["status"], "IN_PROGRESS");
    stop(&lab, &under_way).await;
    lab.until_steady(1).await;
    let back = until_status(&lab, "ROLLBACK_SUCCESSFUL").await;
    assert_eq!(back["serviceDeploymentArn"], under_way["serviceDeploymentArn"], "it is the same deployment");
    let query = json!({"cluster": "prod", "service": "web", "status": ["SUCCESSFUL"]});
    let listed = lab.call("ListServiceDeployments", query).await;
    assert_eq!(listed["serviceDeployments"].as_array().unwrap().len(), 1);
}
