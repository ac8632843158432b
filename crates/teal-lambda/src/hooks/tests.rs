use super::*;
use crate::logs::Labels;
use crate::testing::any_json;
use proptest::prelude::*;
use teal::steps::Invocation;
use teal::time::Timestamp;

const SECRET: &str = "wJalrXUtnFEMI-secret";
const SERVICE: &str = "arn:aws:ecs:eu-central-1:123456789012:service/prod/checkout";
const DEPLOYMENT: &str = "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/checkout/TFX5sH9q9XDboDTOv0rIt";
const GREEN: &str = "arn:aws:ecs:eu-central-1:123456789012:service-revision/prod/checkout/9386398427419951854";
const BLUE: &str = "arn:aws:ecs:eu-central-1:123456789012:service-revision/prod/checkout/7865212312345678901";

fn code_deploy() -> Value {
    json!({"DeploymentId": "d-ABC123XYZ", "LifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi"})
}

fn details() -> Value {
    json!({
        "serviceArn": SERVICE, "targetServiceRevisionArn": GREEN,
        "testTrafficWeights": {GREEN: 100, BLUE: 0}, "productionTrafficWeights": {GREEN: 10.5, BLUE: 89.5},
    })
}

fn nested() -> Value {
    json!({
        "executionId": "a635edb5-a66b-4f44-bf3f-fcee4b3641a5", "lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT",
        "resourceArn": DEPLOYMENT, "executionDetails": details(),
        "hookDetails": {"planRef": "ssm:/teal/plans/checkout", "version": "2.4.0", "token": SECRET},
    })
}

fn script() -> Value {
    json!({
        "teal": "ec2", "deploymentId": "d-ABC123XYZ", "application": "shop", "deploymentGroup": "checkout",
        "lifecycleEvent": "ValidateService",
    })
}

fn ecs_hook(event: &Value) -> EcsHook {
    match decode_hook(event) {
        Ok(HookAsked::Ecs(hook)) => hook,
        other => panic!("{other:?}"),
    }
}

#[test]
fn code_deploy_asks_by_two_ids() {
    let hook = decode_hook(&code_deploy()).unwrap();
    let deployment = "d-ABC123XYZ".parse().unwrap();
    assert_eq!(hook, HookAsked::CodeDeploy { deployment, execution: "eyJlbmNyeXB0ZWREYXRhIjoi".into() });
}

#[test]
fn ecs_asks_in_a_nested_form() {
    let hook = ecs_hook(&nested());
    assert_eq!(hook.deployment, Some(DEPLOYMENT.parse().unwrap()));
    assert_eq!(hook.stage.as_deref(), Some("PRODUCTION_TRAFFIC_SHIFT"));
    assert_eq!((hook.cluster.as_str(), hook.service.as_str(), hook.target.as_str()), ("prod", "checkout", GREEN));
    assert_eq!(hook.production, BTreeMap::from([(GREEN.to_owned(), 10.5), (BLUE.to_owned(), 89.5)]));
    assert_eq!(hook.test[GREEN], 100.0);
    assert_eq!(hook.plan, Some("ssm:/teal/plans/checkout".parse().unwrap()));
    assert_eq!(hook.version.as_deref(), Some("2.4.0"));
    assert!(!hook.shifts_back());
}

#[test]
fn ecs_asks_in_a_flat_form_too_which_says_less() {
    let hook = ecs_hook(&details());
    assert_eq!((hook.deployment, hook.stage, hook.plan), (None, None, None));
    assert_eq!((hook.service.as_str(), hook.target.as_str()), ("checkout", GREEN));
    // A stage at which nothing is shifted.
    let bare = json!({"serviceArn": SERVICE, "targetServiceRevisionArn": GREEN, "testTrafficWeights": null});
    assert!(ecs_hook(&bare).test.is_empty());
}

#[test]
fn details_of_a_hook_may_be_a_text_of_json() {
    let mut event = nested();
    event["hookDetails"] = json!("{\"version\": \"3.0.0\"}");
    assert_eq!(ecs_hook(&event).version.as_deref(), Some("3.0.0"));
    event["hookDetails"] = json!("[]");
    assert!(decode_hook(&event).unwrap_err().message.contains("hookDetails"));
}

#[test]
fn a_shift_from_green_is_one_back() {
    let weights = |green: f64, blue: f64| json!({GREEN: green, BLUE: blue});
    let mut event = nested();
    event["executionDetails"]["productionTrafficWeights"] = weights(0.0, 100.0);
    assert!(ecs_hook(&event).shifts_back());
    // Before traffic green has none, and nothing is taken back.
    event["lifecycleStage"] = json!("PRE_PRODUCTION_TRAFFIC_SHIFT");
    assert!(!ecs_hook(&event).shifts_back());
    event["lifecycleStage"] = json!("TEST_TRAFFIC_SHIFT");
    event["executionDetails"]["testTrafficWeights"] = weights(0.0, 100.0);
    assert!(ecs_hook(&event).shifts_back());
    event["executionDetails"]["testTrafficWeights"] = json!({});
    assert!(!ecs_hook(&event).shifts_back(), "no weights say nothing");
}

#[test]
fn the_script_on_an_instance_says_everything() {
    let Ok(HookAsked::Instance(hook)) = decode_hook(&script()) else { panic!() };
    assert_eq!((hook.application.as_str(), hook.deployment_group.as_str()), ("shop", "checkout"));
    assert_eq!((hook.deployment.as_str(), hook.event.as_str()), ("d-ABC123XYZ", "ValidateService"));
    assert_eq!(hook.instance, None);
    let with = |instance: Value| {
        let mut event = script();
        event["instance"] = instance;
        decode_hook(&event)
    };
    let Ok(HookAsked::Instance(hook)) = with(json!("i-0123456789abcdef0")) else { panic!() };
    assert_eq!(hook.instance.as_deref(), Some("i-0123456789abcdef0"));
    for no_id in [json!("169.254.169.254"), json!("i-"), json!("i-0123456789abcdeg0"), json!(["i-0123456789abcdef0"])] {
        assert!(with(no_id).unwrap_err().message.contains("instance"));
    }
}

fn told(status: HookStatus) -> TealResult<HookTold> {
    Ok(HookTold { status, message: Some("green is validated".into()) })
}

#[test]
fn each_is_answered_in_its_own_form() {
    let [code_deploy, ecs, script] = [code_deploy(), nested(), script()].map(|event| decode_hook(&event).unwrap());
    let answer = |hook: &HookAsked, status| hook_answer(hook, told(status)).unwrap();
    assert_eq!(answer(&ecs, HookStatus::Succeeded), json!({"hookStatus": "SUCCEEDED"}));
    assert_eq!(answer(&ecs, HookStatus::Failed), json!({"hookStatus": "FAILED"}));
    let again = json!({
        "hookStatus": "IN_PROGRESS", "callBackDelay": 30,
        "hookDetails": {"planRef": "ssm:/teal/plans/checkout", "version": "2.4.0"},
    });
    assert_eq!(answer(&ecs, HookStatus::InProgress), again);
    let flat = decode_hook(&details()).unwrap();
    assert_eq!(answer(&flat, HookStatus::InProgress), json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 30}));
    assert_eq!(answer(&script, HookStatus::Failed), json!({"status": "FAILED", "message": "green is validated"}));
    assert_eq!(answer(&script, HookStatus::InProgress)["status"], "IN_PROGRESS");
    assert_eq!(answer(&code_deploy, HookStatus::InProgress)["status"], "inProgress");
}

#[test]
fn what_passes_lets_those_ask_again_who_do() {
    let failed = |name| Err(TealError::new(name, "ssm:GetParameter was throttled"));
    let [code_deploy, ecs, script] = [code_deploy(), nested(), script()].map(|event| decode_hook(&event).unwrap());
    assert_eq!(hook_answer(&ecs, failed(ErrorName::Throttled)).unwrap()["hookStatus"], "IN_PROGRESS");
    assert_eq!(hook_answer(&script, failed(ErrorName::Throttled)).unwrap()["status"], "IN_PROGRESS");
    // Lambda calls again.
    assert!(hook_answer(&code_deploy, failed(ErrorName::Throttled)).is_err());
    assert!(hook_answer(&ecs, failed(ErrorName::PlanInvalid)).is_err());
}

#[test]
fn every_field_that_is_needed_is_named_when_it_is_missing() {
    let cases: [(Value, &[&str]); 3] = [
        (code_deploy(), &["LifecycleEventHookExecutionId"]),
        (details(), &["serviceArn", "targetServiceRevisionArn"]),
        (script(), &["deploymentId", "application", "deploymentGroup", "lifecycleEvent"]),
    ];
    for (event, fields) in cases {
        for field in fields {
            let mut event = event.clone();
            event.as_object_mut().unwrap().remove(*field);
            assert!(decode_hook(&event).unwrap_err().message.contains(field), "{field}");
        }
    }
    let error = decode_hook(&json!({"something": "else"})).unwrap_err();
    assert!(error.message.contains("AppSpec"), "{error}");
}

#[test]
fn nothing_that_is_logged_or_answered_of_a_hook_holds_its_details() {
    let now = Timestamp::UNIX_EPOCH;
    let call = Invocation { id: "r".into(), function: "on-lifecycle-hook".into(), now, act_by: now, account: None };
    let labels = format!("{:?}", Labels::of(&nested(), &call));
    assert!(labels.contains("on-lifecycle-hook") && !labels.contains(SECRET), "{labels}");
    let hook = decode_hook(&nested()).unwrap();
    assert!(!format!("{hook:?}").contains(SECRET));
    assert!(!hook_answer(&hook, told(HookStatus::InProgress)).unwrap().to_string().contains(SECRET));
}

fn any_event() -> impl Strategy<Value = Value> {
    let names = "(DeploymentId|LifecycleEventHookExecutionId|teal|executionDetails|serviceArn|hookDetails|planRef|lifecycleStage|\
                 testTrafficWeights|.{0,4})";
    let text = prop_oneof![
        "(ec2|d-[A-Z]{9}|.{0,300})".prop_map(Value::from),
        Just(Value::from(SERVICE)),
        Just(Value::from(GREEN)),
    ];
    any_json(names, text)
}

/// The member of an event at a path, where there may be anything.
const PLACES: &[&str] = &[
    "/DeploymentId",
    "/LifecycleEventHookExecutionId",
    "/executionId",
    "/lifecycleStage",
    "/resourceArn",
    "/executionDetails",
    "/executionDetails/serviceArn",
    "/executionDetails/targetServiceRevisionArn",
    "/executionDetails/testTrafficWeights",
    "/executionDetails/productionTrafficWeights",
    "/serviceArn",
    "/targetServiceRevisionArn",
    "/testTrafficWeights",
    "/productionTrafficWeights",
    "/hookDetails",
    "/hookDetails/planRef",
    "/hookDetails/version",
    "/teal",
    "/deploymentId",
    "/application",
    "/deploymentGroup",
    "/lifecycleEvent",
];

proptest! {
    #[test]
    fn any_event_is_read_or_refused(event in any_event()) {
        let _ = decode_hook(&event);
    }

    #[test]
    fn a_field_with_something_else_in_it_is_named_or_read_and_never_repeated(
        event in prop::sample::select(vec![code_deploy(), nested(), details(), script()]),
        place in prop::sample::select(PLACES),
        other in prop_oneof![any_event(), Just(json!(SECRET)), Just(json!([SECRET])), Just(json!({"a": SECRET}))],
    ) {
        let mut event = event;
        let Some(found) = event.pointer_mut(place) else { return Ok(()) };
        *found = other;
        if let Err(error) = decode_hook(&event) {
            let field = place.rsplit('/').next().unwrap();
            // What the details must hold is named in the place of an object that holds something else.
            let within = ["serviceArn", "targetServiceRevisionArn", "TrafficWeights"];
            let named = error.message.contains(field)
                || field == "executionDetails" && within.iter().any(|field| error.message.contains(field));
            prop_assert!(named, "{}", error);
            prop_assert!(!error.message.contains(SECRET), "{}", error);
        }
    }
}
