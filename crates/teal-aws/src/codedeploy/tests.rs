use crate::testing::{Script, id};
use serde_json::{Value, json};
use teal::deployment::DeploymentId;
use teal::hook::{Asked, HookAnswer, HookAsked, HookCall, HookEvent, HookTicket, HookWait, InstanceHook};
use teal::plan::ShiftedBy;
use teal::ports::{DeploymentReading, DeploymentStage, DeploymentState, Deployments, Hearing, Hooks, PortError};
use teal::units::Span;

const ID: &str = "d-ABC123XYZ";
const ROLLBACK: &str = "d-BACK00001";

fn deployment_id(text: &str) -> DeploymentId {
    text.parse().unwrap()
}

fn by() -> ShiftedBy {
    let app_spec = json!({"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service"}}]});
    let shift = json!({"codeDeploy": {"application": "shop", "deploymentGroup": "checkout", "appSpec": app_spec}});
    serde_json::from_value(shift).unwrap()
}

/// What GetDeployment shows, with `changes` laid over it.
fn info(id: &str, status: &str, changes: Value) -> Value {
    let mut info = json!({
        "applicationName": "shop", "deploymentGroupName": "checkout", "deploymentId": id, "status": status,
        "creator": "user", "createTime": 1_795_000_000.5, "computePlatform": "ECS",
    });
    let Value::Object(changes) = changes else { panic!() };
    info.as_object_mut().unwrap().extend(changes);
    info
}

fn shown(info: &Value) -> Value {
    json!({"deploymentInfo": info})
}

/// A target of ECS at the first event that has not passed.
fn ecs_target(at: &str) -> Value {
    const EVENTS: [&str; 8] = [
        "BeforeInstall",
        "Install",
        "AfterInstall",
        "AllowTestTraffic",
        "AfterAllowTestTraffic",
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
    ];
    let now = EVENTS.iter().position(|event| *event == at).unwrap_or(EVENTS.len());
    let events = EVENTS.iter().enumerate().map(|(place, event)| {
        let status = match place.cmp(&now) {
            std::cmp::Ordering::Less => "Succeeded",
            std::cmp::Ordering::Equal => "InProgress",
            std::cmp::Ordering::Greater => "Pending",
        };
        json!({"lifecycleEventName": event, "status": status})
    });
    let target =
        json!({"targetId": "prod:checkout", "status": "InProgress", "lifecycleEvents": events.collect::<Vec<_>>()});
    json!({"deploymentTargetType": "ECSTarget", "ecsTarget": target})
}

fn lambda_target(at: &str, status: &str) -> Value {
    json!({"deploymentTargetType": "LambdaTarget", "lambdaTarget": {
        "targetId": "checkout", "lifecycleEvents": [{"lifecycleEventName": at, "status": status}],
        "lambdaFunctionInfo": {"functionName": "checkout", "functionAlias": "live", "currentVersion": "6", "targetVersion": "7"},
    }})
}

/// A target of a deployment that a stack update began.
fn stack_target(at: &str) -> Value {
    json!({"deploymentTargetType": "CloudFormationTarget", "cloudFormationTarget": {
        "targetId": "stack", "resourceType": "AWS::Lambda::Alias", "targetVersionWeight": 0.0,
        "lifecycleEvents": [{"lifecycleEventName": at, "status": "InProgress"}],
    }})
}

fn error(code: &str) -> String {
    json!({"__type": code, "message": "said so"}).to_string()
}

/// GetDeployment, and where it is asked for the targets, these.
fn script(info: &Value, targets: &[Value]) -> Script {
    let script = Script::default().json(&shown(info));
    if targets.is_empty() {
        return script;
    }
    script.json(&json!({"targetIds": ["prod:checkout"]})).json(&json!({"deploymentTargets": targets}))
}

async fn reading(script: &Script) -> Result<DeploymentReading, PortError> {
    script.aws().deployment(&by(), &deployment_id(ID)).await
}

#[tokio::test]
async fn a_deployment_is_begun_once_with_the_plans_app_spec() {
    let script = Script::default().json(&json!({"deployments": []})).json(&json!({"deploymentId": ID}));
    assert_eq!(script.aws().begin_deployment(&by(), &id("r-1")).await, Ok(deployment_id(ID)));
    let sent = script.sent();
    assert_eq!(script.operations(), ["ListDeployments", "CreateDeployment"]);
    assert_eq!(sent[1].headers["x-amz-target"], "CodeDeploy_20141006.CreateDeployment");
    let mut created = sent[1].json();
    let content = created["revision"]["appSpecContent"]["content"].take();
    let content: Value = serde_json::from_str(content.as_str().unwrap()).unwrap();
    assert_eq!(content["Resources"][0]["TargetService"]["Type"], "AWS::ECS::Service");
    let expected = json!({
        "applicationName": "shop", "deploymentGroupName": "checkout", "description": "Teal release r-1",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": null}},
        "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]},
    });
    assert_eq!(created, expected);
}

#[tokio::test]
async fn the_deployment_of_a_release_is_found_again_by_its_description() {
    let ids: Vec<String> = (0..26).map(|number| format!("d-{number:09}")).collect();
    let listed = |ids: &[String], token: Option<&str>| match token {
        None => json!({"deployments": ids}),
        Some(token) => json!({"deployments": ids, "nextToken": token}),
    };
    let described = |id: &str, at: f64, text: &str, creator: &str| {
        info(id, "Failed", json!({"createTime": at, "description": text, "creator": creator}))
    };
    let first = json!({"deploymentsInfo": [
        described("d-1", 1.0, "Teal release r-10", "user"), described("d-2", 2.0, "Teal release r-1", "user"),
    ]});
    let second = json!({"deploymentsInfo": [
        described("d-3", 3.0, "Teal release r-1", "user"), described("d-4", 4.0, "Teal release r-1", "codeDeployRollback"),
    ]});
    let script = Script::default().json(&listed(&ids[..20], Some("t"))).json(&listed(&ids[20..], None));
    let script = script.json(&first).json(&second);
    assert_eq!(script.aws().begin_deployment(&by(), &id("r-1")).await, Ok(deployment_id("d-3")));
    let sent = script.sent();
    assert_eq!(sent[1].json()["nextToken"], "t");
    assert!(sent[0].json()["createTimeRange"]["start"].is_number());
    assert_eq!(sent[2].json(), json!({"deploymentIds": ids[..25]}));
    assert_eq!(sent[3].json(), json!({"deploymentIds": ids[25..]}));
}

#[tokio::test]
async fn a_deployment_that_another_run_began_meanwhile_is_this_ones_too() {
    let none = json!({"deployments": []});
    let ours = json!({"deploymentsInfo": [info(ID, "Created", json!({"description": "Teal release r-1"}))]});
    let limit = error("DeploymentLimitExceededException");
    let script =
        Script::default().json(&none).answers(400, limit.clone()).json(&json!({"deployments": [ID]})).json(&ours);
    assert_eq!(script.aws().begin_deployment(&by(), &id("r-1")).await, Ok(deployment_id(ID)));
    // Somebody else's.
    let script = Script::default().json(&none).answers(400, limit).json(&none);
    let Err(PortError::Refused { message, .. }) = script.aws().begin_deployment(&by(), &id("r-1")).await else {
        panic!()
    };
    assert!(message.contains("Another deployment") && message.contains("checkout of shop"), "{message}");
}

#[tokio::test]
async fn a_deployment_whose_answer_was_lost_is_not_begun_again_in_the_same_call() {
    let script = Script::default().json(&json!({"deployments": []})).breaks_off();
    let begun = script.aws_with_retries().begin_deployment(&by(), &id("r-1")).await;
    assert!(matches!(begun, Err(PortError::Unavailable { .. })), "{begun:?}");
    assert_eq!(script.operations(), ["ListDeployments", "CreateDeployment"]);
}

#[tokio::test]
async fn the_one_under_way_is_found_by_its_status() {
    let script = Script::default().json(&json!({"deployments": [ID]})).json(&json!({"deployments": []}));
    let aws = script.aws();
    assert_eq!(aws.deployment_under_way(&by()).await, Ok(Some(deployment_id(ID))));
    assert_eq!(aws.deployment_under_way(&by()).await, Ok(None));
    let asked = json!({
        "applicationName": "shop", "deploymentGroupName": "checkout",
        "includeOnlyStatuses": ["Created", "Queued", "InProgress", "Baking", "Ready"],
    });
    assert_eq!(script.sent()[0].json(), asked);
}

#[tokio::test]
async fn a_deployment_of_another_group_is_none() {
    let other = info(ID, "InProgress", json!({"deploymentGroupName": "search"}));
    assert!(matches!(reading(&script(&other, &[])).await, Err(PortError::NotFound { .. })));
    let missing = Script::default().answers(400, error("DeploymentDoesNotExistException"));
    assert!(matches!(reading(&missing).await, Err(PortError::NotFound { .. })));
}

#[tokio::test]
async fn how_far_it_has_come_is_told_by_its_lifecycle_events() {
    use DeploymentStage::{Installed, Installing, Shifted};
    for (target, stage) in [
        (ecs_target("BeforeInstall"), Installing),
        (ecs_target("Install"), Installing),
        (ecs_target("AfterInstall"), Installed),
        (ecs_target("AllowTraffic"), Installed),
        (ecs_target("AfterAllowTraffic"), Shifted),
        (lambda_target("BeforeAllowTraffic", "InProgress"), Installed),
        (lambda_target("AllowTraffic", "InProgress"), Installed),
        (lambda_target("AllowTraffic", "Succeeded"), Shifted),
        (stack_target("BeforeAllowTraffic"), Installed),
    ] {
        let found = reading(&script(&info(ID, "InProgress", json!({})), std::slice::from_ref(&target))).await.unwrap();
        assert_eq!((found.state, found.stage, found.waits), (DeploymentState::UnderWay, stage, false), "{target}");
    }
    // Before it has started there is nothing to ask.
    let fresh = script(&info(ID, "Created", json!({})), &[]).answers(400, error("DeploymentNotStartedException"));
    assert_eq!(reading(&fresh).await.unwrap().stage, Installing);
}

#[tokio::test]
async fn what_it_does_is_told_beside_the_one_that_takes_it_back() {
    use DeploymentState::{GaveUp, Succeeded, TakingBack, UnderWay};
    let back = json!({"rollbackInfo": {"rollbackDeploymentId": ROLLBACK, "rollbackMessage": "taken back"}});
    let target = || [ecs_target("AllowTraffic")];
    for (status, rollback, state) in [
        ("Queued", None, UnderWay),
        ("Baking", None, UnderWay),
        ("Failed", None, GaveUp),
        ("Stopped", None, GaveUp),
        ("Stopped", Some("InProgress"), TakingBack),
        ("Failed", Some("Created"), TakingBack),
        ("Failed", Some("Succeeded"), GaveUp),
        ("Stopped", Some("Failed"), GaveUp),
    ] {
        let found = match rollback {
            None => script(&info(ID, status, json!({})), &target()),
            Some(of_rollback) => {
                let rollback = info(ROLLBACK, of_rollback, json!({"creator": "codeDeployRollback"}));
                let script = Script::default().json(&shown(&info(ID, status, back.clone()))).json(&shown(&rollback));
                script.json(&json!({"targetIds": ["a:b"]})).json(&json!({"deploymentTargets": target()}))
            }
        };
        let found = reading(&found).await.unwrap();
        assert_eq!(found.state, state, "{status} {rollback:?}");
        assert_eq!(found.taken_back_by.is_some(), rollback.is_some());
        assert_eq!(found.is_active(), [UnderWay, TakingBack].contains(&state));
    }
    let done = reading(&script(&info(ID, "Succeeded", json!({})), &[])).await.unwrap();
    assert_eq!((done.state, done.stage), (Succeeded, DeploymentStage::Shifted));
    // One that takes another one back brings green nothing.
    let rollback = |status| script(&info(ID, status, json!({"creator": "codeDeployRollback"})), &target());
    assert_eq!(reading(&rollback("InProgress")).await.unwrap().state, TakingBack);
    assert_eq!(reading(&rollback("Succeeded")).await.unwrap().state, GaveUp);
    let odd = reading(&script(&info(ID, "Pondering", json!({})), &[])).await;
    assert!(matches!(odd, Err(PortError::Unavailable { .. })), "{odd:?}");
}

#[tokio::test]
async fn one_that_is_ready_waits_and_one_that_failed_says_why() {
    let ready = reading(&script(&info(ID, "Ready", json!({})), &[ecs_target("BeforeAllowTraffic")])).await.unwrap();
    assert!(ready.waits && ready.state == DeploymentState::UnderWay);
    let error = json!({"errorInformation": {"code": "HOOK_EXECUTION_FAILURE", "message": "The hook failed"}});
    let failed = reading(&script(&info(ID, "Failed", error), &[ecs_target("AfterAllowTestTraffic")])).await.unwrap();
    assert_eq!(failed.why.as_deref(), Some("HOOK_EXECUTION_FAILURE: The hook failed"));
}

#[tokio::test]
async fn what_waits_goes_on_and_what_waits_no_more_is_left() {
    let script = Script::default()
        .answers(200, "")
        .answers(400, error("DeploymentIsNotInReadyStateException"))
        .answers(400, error("DeploymentAlreadyCompletedException"))
        .answers(400, error("UnsupportedActionForDeploymentTypeException"));
    let aws = script.aws();
    for expected in [true, true, true, false] {
        assert_eq!(aws.continue_deployment(&by(), &deployment_id(ID)).await.is_ok(), expected);
    }
    assert_eq!(script.sent()[0].json(), json!({"deploymentId": ID, "deploymentWaitType": "READY_WAIT"}));
}

#[tokio::test]
async fn going_on_is_not_tried_again_within_the_call() {
    let script = Script::default().breaks_off();
    assert!(script.aws_with_retries().continue_deployment(&by(), &deployment_id(ID)).await.is_err());
    assert_eq!(script.operations(), ["ContinueDeployment"]);
}

#[tokio::test]
async fn stopping_takes_back_and_what_has_ended_is_left() {
    let script = Script::default()
        .json(&json!({"status": "Pending"}))
        .answers(400, error("DeploymentAlreadyCompletedException"))
        .answers(400, error("DeploymentDoesNotExistException"));
    let aws = script.aws();
    assert_eq!(aws.stop_deployment(&by(), &deployment_id(ID)).await, Ok(()));
    assert_eq!(aws.stop_deployment(&by(), &deployment_id(ID)).await, Ok(()));
    let gone = aws.stop_deployment(&by(), &deployment_id(ID)).await;
    assert!(matches!(gone, Err(PortError::NotFound { .. })));
    assert_eq!(script.sent()[0].json(), json!({"deploymentId": ID, "autoRollbackEnabled": true}));
}

#[tokio::test]
async fn how_long_blue_is_kept_is_read() {
    let end =
        |end: Value| json!({"blueGreenDeploymentConfiguration": {"terminateBlueInstancesOnDeploymentSuccess": end}});
    for (changes, expected) in [
        (end(json!({"action": "TERMINATE", "terminationWaitTimeInMinutes": 60})), Some(Span::hours(1))),
        (end(json!({"action": "KEEP_ALIVE", "terminationWaitTimeInMinutes": 60})), None),
        (json!({}), None),
    ] {
        let targets = [lambda_target("BeforeAllowTraffic", "Pending")];
        let found = reading(&script(&info(ID, "InProgress", changes.clone()), &targets)).await.unwrap();
        assert_eq!(found.keeps_blue, expected, "{changes}");
    }
}

#[tokio::test]
async fn a_hook_is_told_once() {
    let ticket = HookTicket {
        event: HookEvent::AfterAllowTestTraffic,
        deployment: deployment_id(ID),
        execution: "e".into(),
        asked_at: "2026-11-22T10:00:00Z".parse().unwrap(),
    };
    let told = json!({"lifecycleEventHookExecutionId": "e"});
    let script = Script::default()
        .json(&told)
        .json(&told)
        .answers(400, error("LifecycleEventAlreadyCompletedException"))
        .answers(400, error("InvalidLifecycleEventHookExecutionIdException"))
        .json(&shown(&info(ID, "Stopped", json!({}))))
        .answers(400, error("InvalidLifecycleEventHookExecutionIdException"))
        .json(&shown(&info(ID, "InProgress", json!({}))));
    let aws = script.aws();
    let (heard, too_late) = (Ok(Hearing::Heard), Ok(Hearing::TooLate));
    assert_eq!(aws.answer_hook(&ticket, HookAnswer::Succeeded).await, heard);
    assert_eq!(aws.answer_hook(&ticket, HookAnswer::Failed).await, heard);
    assert_eq!(aws.answer_hook(&ticket, HookAnswer::Failed).await, too_late, "the first answer stands");
    assert_eq!(aws.answer_hook(&ticket, HookAnswer::Failed).await, too_late, "nobody waits for it any more");
    assert!(matches!(aws.answer_hook(&ticket, HookAnswer::Failed).await, Err(PortError::Refused { .. })));
    let sent = script.sent();
    let expected = |status: &str| json!({"deploymentId": ID, "lifecycleEventHookExecutionId": "e", "status": status});
    assert_eq!((sent[0].json(), sent[1].json()), (expected("Succeeded"), expected("Failed")));
}

async fn asked(script: &Script) -> Result<Asked, PortError> {
    let hook = HookAsked::CodeDeploy { deployment: deployment_id(ID), execution: "e".into() };
    script.aws().asked(&hook).await
}

#[tokio::test]
async fn which_event_a_hook_asks_about_is_found_out() {
    let begun = json!({"description": "Teal release r-1"});
    let found = asked(&script(&info(ID, "InProgress", begun), &[ecs_target("AfterAllowTestTraffic")])).await;
    let Ok(Asked::Hook(hook)) = found else { panic!("{found:?}") };
    assert_eq!((hook.event, hook.is_rollback), (HookEvent::AfterAllowTestTraffic, false));
    let waits = HookWait { execution: "e".to_owned(), since: None };
    assert_eq!((hook.begun_for, hook.waits), (Some(id("r-1")), Some(waits)));
    assert_eq!(hook.plan.to_string(), "ssm:/teal/codedeploy/shop/checkout");
    let back = json!({"creator": "codeDeployRollback"});
    let target = lambda_target("BeforeAllowTraffic", "InProgress");
    let found = asked(&script(&info(ID, "InProgress", back), &[target])).await;
    let Ok(Asked::Hook(hook)) = found else { panic!("{found:?}") };
    assert_eq!((hook.event, hook.is_rollback, hook.begun_for), (HookEvent::BeforeAllowTraffic, true, None));
    assert_eq!(hook.function_version.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_hook_waits_since_its_event_began() {
    let mut target = ecs_target("BeforeAllowTraffic");
    for event in target["ecsTarget"]["lifecycleEvents"].as_array_mut().unwrap() {
        let has_begun = event["status"] != "Pending";
        event["startTime"] = if has_begun { json!(1_795_341_600.25) } else { Value::Null };
    }
    let found = asked(&script(&info(ID, "InProgress", json!({})), &[target])).await;
    let Ok(Asked::Hook(HookCall { waits: Some(waits), .. })) = found else { panic!("{found:?}") };
    let began = "2026-11-22T10:00:00.25Z".parse().unwrap();
    assert_eq!(waits.since, Some(began));
    let (sooner, later) = ("2026-11-22T09:59:59Z".parse().unwrap(), "2026-11-22T10:22:00Z".parse().unwrap());
    let asked_at = |now| waits.ticket(HookEvent::BeforeAllowTraffic, &deployment_id(ID), now).asked_at;
    assert_eq!((asked_at(later), asked_at(sooner)), (began, sooner), "not later than it is by Teal's clock");
}

fn on_instance(instance: Option<&str>) -> HookAsked {
    HookAsked::Instance(InstanceHook {
        deployment: deployment_id(ID),
        application: "shop".to_owned(),
        deployment_group: "checkout".to_owned(),
        event: "ValidateService".to_owned(),
        instance: instance.map(str::to_owned),
    })
}

#[tokio::test]
async fn an_instance_that_asks_must_be_the_deployments_and_is_where_ec2_says() {
    const INSTANCE: &str = "i-0123456789abcdef0";
    let hook = on_instance(Some(INSTANCE));
    let target = |id: &str, status: &str| {
        let events = json!([
            {"lifecycleEventName": "ApplicationStart", "status": "Succeeded"},
            {"lifecycleEventName": "ValidateService", "status": status},
        ]);
        json!({"deploymentTargets": [{"deploymentTargetType": "InstanceTarget", "instanceTarget": {"targetId": id, "lifecycleEvents": events}}]})
    };
    let script = |target: &Value| {
        let info = json!({"deploymentInfo": info(ID, "InProgress", json!({}))});
        let address = "<A><requestId>1</requestId><reservationSet><item><instancesSet><item><instanceState><name>running</name></instanceState>\
                       <privateIpAddress>10.0.1.7</privateIpAddress></item></instancesSet></item></reservationSet></A>";
        (Script::default().json(&info).json(target), address)
    };
    let (good, found) = script(&target(INSTANCE, "InProgress"));
    let good = good.answers(200, found);
    let address = Some("10.0.1.7".parse().unwrap());
    assert_eq!(good.aws().asked(&hook).await, Ok(Asked::InPlace { address }));
    assert_eq!(good.operations(), ["GetDeployment", "BatchGetDeploymentTargets", "DescribeInstances"]);
    assert_eq!(good.sent()[1].json(), json!({"deploymentId": ID, "targetIds": [INSTANCE]}));
    // No address is looked up of what is none of the deployment's, or at another point of it.
    for (answer, is_refused) in
        [(target("i-0fedcba9876543210", "InProgress"), true), (json!({}), true), (target(INSTANCE, "Pending"), false)]
    {
        let (script, _) = script(&answer);
        let found = script.aws().asked(&hook).await;
        match is_refused {
            true => assert!(matches!(found, Err(PortError::Refused { .. })), "{found:?}"),
            false => assert!(matches!(found, Err(PortError::Unavailable { .. })), "{found:?}"),
        }
        assert_eq!(script.operations(), ["GetDeployment", "BatchGetDeploymentTargets"]);
    }
}

#[tokio::test]
async fn an_instance_asks_in_place_for_its_group_and_a_rollback_is_told_apart() {
    let hook = on_instance(None);
    let table = [
        (json!({}), Ok(Asked::InPlace { address: None })),
        (json!({"creator": "autoscaling"}), Ok(Asked::InPlace { address: None })),
        (json!({"creator": "codeDeployRollback"}), Ok(Asked::Back { deployment: deployment_id(ID) })),
    ];
    for (changes, expected) in table {
        let script = script(&info(ID, "InProgress", changes), &[]);
        assert_eq!(script.aws().asked(&hook).await, expected);
        assert_eq!(script.operations(), ["GetDeployment"]);
    }
    let of_another = script(&info(ID, "InProgress", json!({"deploymentGroupName": "other"})), &[]);
    let refused = of_another.aws().asked(&hook).await;
    assert!(matches!(refused, Err(PortError::Refused { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_hook_of_a_stack_update_is_known_too_but_not_which_version_it_brings() {
    let target = [stack_target("BeforeAllowTraffic")];
    let found = asked(&script(&info(ID, "InProgress", json!({"creator": "CloudFormation"})), &target)).await;
    let Ok(Asked::Hook(hook)) = found else { panic!("{found:?}") };
    assert_eq!((hook.event, hook.is_rollback, hook.function_version), (HookEvent::BeforeAllowTraffic, false, None));
    let back = info(ID, "InProgress", json!({"creator": "CloudFormationRollback"}));
    let Ok(Asked::Hook(hook)) = asked(&script(&back, &target)).await else { panic!() };
    assert!(hook.is_rollback);
}

#[tokio::test]
async fn a_hook_that_nobody_waits_for_is_over_and_one_that_is_not_shown_yet_is_asked_again() {
    let over = asked(&script(&info(ID, "Stopped", json!({})), &[])).await;
    assert!(matches!(over, Ok(Asked::Over { .. })), "{over:?}");
    for at in ["AllowTraffic", "nothing"] {
        let early = asked(&script(&info(ID, "InProgress", json!({})), &[ecs_target(at)])).await;
        assert!(matches!(early, Err(PortError::Unavailable { .. })), "{early:?}");
    }
    let odd = info(ID, "InProgress", json!({"applicationName": "shop,eu"}));
    let refused = asked(&script(&odd, &[ecs_target("BeforeInstall")])).await;
    assert!(matches!(refused, Err(PortError::Refused { .. })), "{refused:?}");
}
