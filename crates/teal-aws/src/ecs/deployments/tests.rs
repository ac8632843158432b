use crate::testing::{Script, id};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal::deployment::DeploymentId;
use teal::hook::{Asked, EcsHook, HookAsked, HookEvent};
use teal::plan::ShiftedBy;
use teal::ports::{DeploymentReading, DeploymentStage, DeploymentState, Deployments, Hooks, PortError};
use teal::units::Span;

const ARN: &str = "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/checkout/TFX5sH9q9XDboDTOv0rIt";
const OTHER: &str = "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/checkout/AFX5sH9q9XDboDTOv0rIt";
const GREEN: &str = "arn:aws:ecs:eu-central-1:123456789012:service-revision/prod/checkout/2";
const BLUE: &str = "arn:aws:ecs:eu-central-1:123456789012:service-revision/prod/checkout/1";

fn by() -> ShiftedBy {
    serde_json::from_value(json!({"ecs": {"cluster": "prod", "service": "checkout"}})).unwrap()
}

fn deployment_id() -> DeploymentId {
    ARN.parse().unwrap()
}

fn shown(status: &str, stage: &str, changes: &Value) -> Value {
    let mut found = json!({
        "serviceDeploymentArn": ARN, "serviceArn": "arn:aws:ecs:eu-central-1:123456789012:service/prod/checkout",
        "clusterArn": "arn:aws:ecs:eu-central-1:123456789012:cluster/prod", "status": status, "lifecycleStage": stage,
        "sourceServiceRevisions": [{"arn": BLUE}], "targetServiceRevision": {"arn": GREEN},
    });
    found.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    json!({"serviceDeployments": [found], "failures": []})
}

fn paused(ids: &[&str]) -> Value {
    let hook = |id: &&str| json!({"hookId": id, "targetType": "PAUSE", "status": "AWAITING_ACTION"});
    let mut hooks: Vec<Value> = ids.iter().map(hook).collect();
    hooks.push(json!({"hookId": "old", "targetType": "PAUSE", "status": "SUCCEEDED"}));
    hooks.push(json!({"hookId": "function", "targetType": "AWS_LAMBDA", "status": "IN_PROGRESS"}));
    shown("IN_PROGRESS", "POST_TEST_TRAFFIC_SHIFT", &json!({"lifecycleHookDetails": hooks}))
}

fn under_way() -> Value {
    shown("IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", &json!({}))
}

fn error(code: &str) -> String {
    json!({"__type": code, "message": "said so"}).to_string()
}

async fn reading(answer: &Value) -> Result<DeploymentReading, PortError> {
    Script::default().json(answer).aws().deployment(&by(), &deployment_id()).await
}

#[tokio::test]
async fn how_long_blue_is_kept_is_read() {
    let kept = |configuration: Value| json!({"deploymentConfiguration": configuration});
    for (changes, expected) in
        [(kept(json!({"bakeTimeInMinutes": 30})), Some(Span::minutes(30))), (kept(json!({})), None), (json!({}), None)]
    {
        let found = reading(&shown("IN_PROGRESS", "SCALE_UP", &changes)).await.unwrap();
        assert_eq!(found.keeps_blue, expected, "{changes}");
    }
}

#[tokio::test]
async fn every_status_and_stage_is_read() {
    use DeploymentStage::{Installed, Installing, Shifted};
    use DeploymentState::{GaveUp, Succeeded, TakingBack, UnderWay};
    for (status, stage, expected) in [
        ("PENDING", "RECONCILE_SERVICE", (UnderWay, Installing)),
        ("IN_PROGRESS", "SCALE_UP", (UnderWay, Installing)),
        ("IN_PROGRESS", "POST_SCALE_UP", (UnderWay, Installed)),
        ("STOP_REQUESTED", "PRODUCTION_TRAFFIC_SHIFT", (UnderWay, Installed)),
        ("IN_PROGRESS", "POST_PRODUCTION_TRAFFIC_SHIFT", (UnderWay, Shifted)),
        ("IN_PROGRESS", "BAKE_TIME", (UnderWay, Shifted)),
        ("ROLLBACK_REQUESTED", "BAKE_TIME", (TakingBack, Shifted)),
        ("ROLLBACK_IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", (TakingBack, Installed)),
        ("SUCCESSFUL", "", (Succeeded, Shifted)),
        ("STOPPED", "SOMETHING_NEW", (GaveUp, Installing)),
        ("ROLLBACK_SUCCESSFUL", "CLEAN_UP", (GaveUp, Shifted)),
        ("ROLLBACK_FAILED", "CLEAN_UP", (GaveUp, Shifted)),
    ] {
        let found = reading(&shown(status, stage, &json!({}))).await.unwrap();
        assert_eq!((found.state, found.stage), expected, "{status} {stage}");
    }
    let odd = reading(&shown("PONDERING", "SCALE_UP", &json!({}))).await;
    assert!(matches!(odd, Err(PortError::Unavailable { .. })), "{odd:?}");
}

#[tokio::test]
async fn it_asks_again_until_its_last_stage_with_hooks_is_over() {
    for (status, stage, expected) in [
        ("IN_PROGRESS", "RECONCILE_SERVICE", true),
        ("IN_PROGRESS", "POST_PRODUCTION_TRAFFIC_SHIFT", true),
        ("IN_PROGRESS", "BAKE_TIME", false),
        ("IN_PROGRESS", "SOMETHING_NEW", false),
        ("ROLLBACK_IN_PROGRESS", "POST_PRODUCTION_TRAFFIC_SHIFT", false),
        ("SUCCESSFUL", "", false),
    ] {
        let found = reading(&shown(status, stage, &json!({}))).await.unwrap();
        assert_eq!(found.asks_again, expected, "{status} {stage}");
    }
}

#[tokio::test]
async fn it_waits_at_a_pause_hook_only() {
    assert!(reading(&paused(&["p-1"])).await.unwrap().waits);
    assert!(!reading(&paused(&[])).await.unwrap().waits);
}

#[tokio::test]
async fn why_it_is_taken_back_is_told() {
    let why =
        json!({"rollback": {"reason": "Service deployment rolled back because of a hook"}, "statusReason": "stopped"});
    let found = reading(&shown("ROLLBACK_IN_PROGRESS", "SCALE_UP", &why)).await.unwrap();
    assert_eq!(found.why.as_deref(), Some("Service deployment rolled back because of a hook. stopped"));
}

#[tokio::test]
async fn a_deployment_of_another_service_or_cluster_is_none() {
    let other = json!({"serviceArn": "arn:aws:ecs:eu-central-1:123456789012:service/prod/checkout-b"});
    assert!(matches!(reading(&shown("PENDING", "", &other)).await, Err(PortError::NotFound { .. })));
    let none = json!({"serviceDeployments": [], "failures": [{"arn": ARN, "reason": "MISSING"}]});
    assert!(matches!(reading(&none).await, Err(PortError::NotFound { .. })));
    let elsewhere =
        json!({"ecs": {"cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/prod", "service": "checkout"}});
    let elsewhere: ShiftedBy = serde_json::from_value(elsewhere).unwrap();
    let found = Script::default().json(&under_way()).aws().deployment(&elsewhere, &deployment_id()).await;
    assert!(matches!(found, Err(PortError::NotFound { .. })));
}

#[tokio::test]
async fn the_newest_of_those_under_way_is_the_one() {
    let brief = |arn: &str, at: f64| json!({"serviceDeploymentArn": arn, "createdAt": at, "status": "IN_PROGRESS"});
    let list = json!({"serviceDeployments": [brief(OTHER, 1.5), brief(ARN, 2.5)]});
    let script = Script::default().json(&list).json(&json!({"serviceDeployments": []}));
    let aws = script.aws();
    assert_eq!(aws.deployment_under_way(&by()).await, Ok(Some(deployment_id())));
    assert_eq!(aws.deployment_under_way(&by()).await, Ok(None));
    let asked = json!({"cluster": "prod", "service": "checkout", "status": [
        "PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS",
    ]});
    assert_eq!(script.sent()[0].json(), asked);
}

#[tokio::test]
async fn teal_begins_none() {
    let begun = Script::default().aws().begin_deployment(&by(), &id("r-1")).await;
    assert!(matches!(begun, Err(PortError::Refused { .. })));
    assert_eq!(Script::default().aws().deployment_begun_for(&by(), &id("r-1")).await, Ok(None));
}

#[tokio::test]
async fn every_pause_is_passed_and_where_there_is_none_nothing_happens() {
    let script = Script::default().json(&paused(&["p-1", "p-2"])).json(&json!({})).json(&json!({}));
    assert_eq!(script.aws().continue_deployment(&by(), &deployment_id()).await, Ok(()));
    let expected = |hook: &str| json!({"serviceDeploymentArn": ARN, "hookId": hook, "action": "CONTINUE"});
    assert_eq!((script.sent()[1].json(), script.sent()[2].json()), (expected("p-1"), expected("p-2")));
    for nothing in
        [under_way(), shown("ROLLBACK_IN_PROGRESS", "SCALE_UP", &json!({})), shown("SUCCESSFUL", "", &json!({}))]
    {
        let script = Script::default().json(&nothing);
        assert_eq!(script.aws().continue_deployment(&by(), &deployment_id()).await, Ok(()));
        assert_eq!(script.operations(), ["DescribeServiceDeployments"]);
    }
}

#[tokio::test]
async fn a_pause_that_somebody_passed_meanwhile_is_passed() {
    let refused = error("InvalidParameterException");
    let script = Script::default().json(&paused(&["p-1"])).answers(400, refused.clone()).json(&under_way());
    assert_eq!(script.aws().continue_deployment(&by(), &deployment_id()).await, Ok(()));
    let script = Script::default().json(&paused(&["p-1"])).answers(400, refused).json(&paused(&["p-1"]));
    assert!(matches!(script.aws().continue_deployment(&by(), &deployment_id()).await, Err(PortError::Refused { .. })));
    let script = Script::default().json(&paused(&["p-1"])).breaks_off();
    assert!(script.aws_with_retries().continue_deployment(&by(), &deployment_id()).await.is_err());
    assert_eq!(script.operations().len(), 2, "not tried again");
}

#[tokio::test]
async fn stopping_takes_back_also_from_a_pause() {
    let script = Script::default().json(&under_way()).json(&json!({"serviceDeploymentArn": ARN}));
    assert_eq!(script.aws().stop_deployment(&by(), &deployment_id()).await, Ok(()));
    assert_eq!(script.sent()[1].json(), json!({"serviceDeploymentArn": ARN, "stopType": "ROLLBACK"}));
    let script = Script::default().json(&paused(&["p-1"])).json(&json!({}));
    assert_eq!(script.aws().stop_deployment(&by(), &deployment_id()).await, Ok(()));
    assert_eq!(script.sent()[1].json(), json!({"serviceDeploymentArn": ARN, "hookId": "p-1", "action": "ROLLBACK"}));
    for ended in ["SUCCESSFUL", "STOPPED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL"] {
        let script = Script::default().json(&shown(ended, "CLEAN_UP", &json!({})));
        assert_eq!(script.aws().stop_deployment(&by(), &deployment_id()).await, Ok(()), "{ended}");
        assert_eq!(script.operations(), ["DescribeServiceDeployments"]);
    }
}

#[tokio::test]
async fn a_stop_that_meets_another_is_looked_at_again() {
    let conflict = error("ConflictException");
    let stop = async |after: &Value, more: Option<&Value>| {
        let script = Script::default().json(&under_way()).answers(400, conflict.clone()).json(after);
        let script = more.map_or(script.clone(), |more| script.json(more));
        let stopped = script.aws().stop_deployment(&by(), &deployment_id()).await;
        (stopped, script.operations())
    };
    let (stopped, _) = stop(&shown("ROLLBACK_REQUESTED", "SCALE_UP", &json!({})), None).await;
    assert_eq!(stopped, Ok(()));
    let (stopped, _) = stop(&under_way(), None).await;
    assert!(matches!(stopped, Err(PortError::Refused { .. })));
    let (stopped, operations) = stop(&paused(&["p-1"]), Some(&json!({}))).await;
    assert_eq!((stopped, operations[3].as_str()), (Ok(()), "ContinueServiceDeployment"));
}

fn hook() -> EcsHook {
    EcsHook {
        deployment: Some(deployment_id()),
        stage: Some("POST_TEST_TRAFFIC_SHIFT".into()),
        cluster: "prod".into(),
        service: "checkout".into(),
        target: GREEN.into(),
        test: BTreeMap::new(),
        production: BTreeMap::new(),
        plan: None,
        version: None,
    }
}

async fn asked(script: &Script, hook: EcsHook) -> Result<Asked, PortError> {
    script.aws().asked(&HookAsked::Ecs(hook)).await
}

#[tokio::test]
async fn a_hook_is_known_by_its_stage_and_its_plan_by_the_service() {
    let found = asked(&Script::default().json(&under_way()), hook()).await;
    let Ok(Asked::Hook(known)) = found else { panic!("{found:?}") };
    assert_eq!((known.event, known.is_rollback, known.waits), (HookEvent::AfterAllowTestTraffic, false, None));
    assert_eq!((known.deployment, known.plan.to_string()), (deployment_id(), "ssm:/teal/ecs/prod/checkout".into()));
    let plan = "ssm:/teal/plans/checkout".parse().unwrap();
    let with_plan = EcsHook { plan: Some(plan), version: Some("2.4.0".into()), ..hook() };
    let Ok(Asked::Hook(known)) = asked(&Script::default().json(&under_way()), with_plan).await else { panic!() };
    assert_eq!((known.plan.to_string(), known.version.as_deref()), ("ssm:/teal/plans/checkout".into(), Some("2.4.0")));
}

#[tokio::test]
async fn what_the_flat_form_does_not_say_is_asked() {
    let list = json!({"serviceDeployments": [{"serviceDeploymentArn": ARN, "createdAt": 1.0}]});
    let script = Script::default().json(&list).json(&under_way());
    let flat = EcsHook { deployment: None, stage: None, ..hook() };
    let Ok(Asked::Hook(known)) = asked(&script, flat).await else { panic!() };
    assert_eq!(known.event, HookEvent::BeforeAllowTraffic);
    assert_eq!(script.operations(), ["ListServiceDeployments", "DescribeServiceDeployments"]);
}

#[tokio::test]
async fn a_deployment_on_its_way_back_is_known_by_its_status_or_its_weights() {
    let back = shown("ROLLBACK_IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", &json!({}));
    let Ok(Asked::Hook(known)) = asked(&Script::default().json(&back), hook()).await else { panic!() };
    assert!(known.is_rollback);
    let production = BTreeMap::from([(GREEN.to_owned(), 0.0), (BLUE.to_owned(), 100.0)]);
    let shift = EcsHook { stage: Some("PRODUCTION_TRAFFIC_SHIFT".into()), production, ..hook() };
    let Ok(Asked::Hook(known)) = asked(&Script::default().json(&under_way()), shift).await else { panic!() };
    assert!(known.is_rollback);
}

#[tokio::test]
async fn a_first_deployment_one_that_ended_and_a_stage_without_hooks_are_told_apart() {
    let first = shown("IN_PROGRESS", "POST_SCALE_UP", &json!({"sourceServiceRevisions": []}));
    let found = asked(&Script::default().json(&first), hook()).await;
    assert!(matches!(found, Ok(Asked::First { .. })), "{found:?}");
    let over = shown("SUCCESSFUL", "CLEAN_UP", &json!({}));
    assert!(matches!(asked(&Script::default().json(&over), hook()).await, Ok(Asked::Over { .. })));
    let bake = EcsHook { stage: Some("BAKE_TIME".into()), ..hook() };
    assert!(matches!(asked(&Script::default().json(&under_way()), bake).await, Err(PortError::Refused { .. })));
    let other = EcsHook { service: "search".into(), ..hook() };
    assert!(matches!(asked(&Script::default().json(&under_way()), other).await, Err(PortError::Refused { .. })));
}
