//! Answers of AWS that are not what its documentation says: whatever comes back, no port panics, and what cannot be read is an error.

use crate::Aws;
use crate::testing::{BLUE_GROUP, GREEN_GROUP, LISTENER, RULE, Script, colours, group, id, order, release, runner};
use fastrand::Rng;
use serde_json::{Map, Value, json};
use std::fmt::Debug;
use std::time::Duration;
use teal::fleet::{AutoScalingGroup, BeanstalkEnvironment, GreenOrder, Runner};
use teal::hook::{HookAnswer, HookAsked, HookTicket};
use teal::plan::{Account, Green, ShiftedBy};
use teal::ports::{
    BuildOrder, CapacityHold, Deployments, Executions, Fleet, Hooks, Ledger, LogGives, LogSearch, Logs, MetricQuery,
    Parameters, Pipelines, PlanStore, PortResult, Reads, Router, Scaling, Signals, Statistic, Testers, World,
};
use teal::request::{Ask, Request};
use teal::route::{Action, CnamePart, Destination, PartRef};
use teal::time::Timestamp;

const FLAG: &str = "appconfig:shop123/prod123/flag123/new-checkout";
const NAME: &str = "checkout.eu-central-1.elasticbeanstalk.com";
const ROLE: &str = "arn:aws:iam::222222222222:role/TealRelease-checkout";
const DEPLOYMENTS: [&str; 2] =
    ["d-ABC123XYZ", "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/checkout/9I4IlcQ5Z2JTUvV2XD4Rp"];

/// What ports made of a script's answers: the names of those that took them, with what they were about.
struct Asked {
    script: Script,
    taken: Vec<String>,
}

impl Asked {
    /// What asks nobody has no answer to take.
    async fn note<T: Debug>(&mut self, name: impl Into<String>, call: impl Future<Output = PortResult<T>>) {
        let before = self.script.count();
        // Some wait for what never comes.
        let answer = tokio::time::timeout(Duration::from_millis(50), call).await;
        if self.script.count() > before && matches!(answer, Ok(Ok(_))) {
            self.taken.push(name.into());
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn parts() -> Vec<PartRef> {
    let environments = ["checkout-a", "checkout-b"].map(|name| name.parse().unwrap());
    vec![
        PartRef::Listener(LISTENER.parse().unwrap()),
        PartRef::Rule(RULE.parse().unwrap()),
        PartRef::Flag(FLAG.parse().unwrap()),
        PartRef::Cname(Box::new(CnamePart { name: NAME.parse().unwrap(), environments })),
        PartRef::Alias("checkout:live".parse().unwrap()),
    ]
}

fn destinations() -> Vec<Destination> {
    vec![group(BLUE_GROUP), group("checkout-a"), group("checkout:41")]
}

fn runners() -> Vec<Runner> {
    vec![
        runner("checkout-b"),
        Runner::External(group(GREEN_GROUP)),
        Runner::AutoScaling(AutoScalingGroup { group: "checkout-b".to_owned() }),
        Runner::Beanstalk(BeanstalkEnvironment { environment: "checkout-b".to_owned(), kept: false }),
        Runner::FunctionVersion("checkout:42".parse().unwrap()),
    ]
}

fn greens() -> Vec<Green> {
    let services = json!({"cluster": "prod", "services": ["checkout-a", "checkout-b"], "taskDefinition": "checkout:2"});
    [
        json!({"ecs": services}),
        json!({"external": {}}),
        json!({"autoScaling": {"groups": ["checkout-a", "checkout-b"], "launchTemplateVersion": "7"}}),
        json!({"beanstalk": {"versionLabel": "v2", "blue": "terminate"}}),
        json!({"lambda": {"functionVersion": "42"}}),
    ]
    .map(read)
    .into()
}

fn movers() -> Vec<(ShiftedBy, &'static str)> {
    let code_deploy =
        json!({"application": "shop", "deploymentGroup": "checkout", "appSpec": {"version": 0.0, "Resources": []}});
    let movers = [json!({"codeDeploy": code_deploy}), json!({"ecs": {"cluster": "prod", "service": "checkout"}})];
    movers.map(read).into_iter().zip(DEPLOYMENTS).collect()
}

async fn ask_fleet(aws: &Aws, asked: &mut Asked) {
    let found = Scaling { min_capacity: 1, max_capacity: 9, scale_in_suspended: false };
    let hold = CapacityHold::of(found, 3);
    for green in greens() {
        asked.note(format!("survey {}", green.path()), aws.survey(&green, &colours())).await;
    }
    for runner in runners() {
        asked.note(format!("scaling {runner}"), aws.scaling(&runner)).await;
        asked.note(format!("hold_capacity {runner}"), aws.hold_capacity(&runner, &hold)).await;
        asked.note(format!("free_capacity {runner}"), aws.free_capacity(&runner, &hold)).await;
        asked.note(format!("progress {runner}"), aws.progress(&runner)).await;
        asked.note(format!("scale_out {runner}"), aws.scale_out(&runner, 3)).await;
        asked.note(format!("scale_in {runner}"), aws.scale_in(&runner)).await;
        let order = GreenOrder { green: runner.clone(), ..order() };
        asked.note(format!("bring_up {runner}"), aws.bring_up(&order)).await;
        asked.note(format!("bring_on {runner}"), aws.bring_on(&order)).await;
        asked.note(format!("progress_of_green {runner}"), aws.progress_of_green(&order)).await;
    }
}

async fn ask_router(aws: &Aws, asked: &mut Asked) {
    let groups = json!([{"targetGroup": BLUE_GROUP, "weight": 1}, {"targetGroup": GREEN_GROUP, "weight": 1}]);
    let actions: Vec<Action> = read(json!([{"forward": {"groups": groups}}]));
    for part in parts() {
        asked.note(format!("actions {part}"), aws.actions(&part)).await;
        asked.note(format!("reading {part}"), aws.reading(&part)).await;
        asked.note(format!("set_actions {part}"), aws.set_actions(&part, &actions)).await;
        asked.note(format!("restore_actions {part}"), aws.restore_actions(&part, &actions)).await;
        asked.note(format!("zones {part}"), aws.zones(&part)).await;
        asked.note(format!("endpoint {part}"), aws.endpoint(&part)).await;
    }
    for destination in destinations() {
        asked.note(format!("destination {destination}"), aws.destination(&destination)).await;
        asked.note(format!("targets {destination}"), aws.targets(&destination)).await;
        asked.note(format!("entrance {destination}"), aws.entrance(&destination)).await;
    }
}

async fn ask_deployments(aws: &Aws, asked: &mut Asked) {
    for (by, deployment) in movers() {
        let deployment = deployment.parse().unwrap();
        asked.note(format!("begin_deployment {by}"), aws.begin_deployment(&by, &id("r-1"))).await;
        asked.note(format!("deployment_begun_for {by}"), aws.deployment_begun_for(&by, &id("r-1"))).await;
        asked.note(format!("deployment_under_way {by}"), aws.deployment_under_way(&by)).await;
        asked.note(format!("deployment {by}"), aws.deployment(&by, &deployment)).await;
        asked.note(format!("continue_deployment {by}"), aws.continue_deployment(&by, &deployment)).await;
        asked.note(format!("stop_deployment {by}"), aws.stop_deployment(&by, &deployment)).await;
    }
    let asked_at = "2026-11-22T10:00:00Z";
    let ticket: HookTicket =
        read(json!({"event": "BeforeInstall", "deployment": DEPLOYMENTS[0], "execution": "e-1", "askedAt": asked_at}));
    asked.note("answer_hook", aws.answer_hook(&ticket, HookAnswer::Failed)).await;
    let hook = HookAsked::CodeDeploy { deployment: DEPLOYMENTS[0].parse().unwrap(), execution: "e-1".to_owned() };
    asked.note("asked", aws.asked(&hook)).await;
}

async fn ask_signals(aws: &Aws, asked: &mut Asked) {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    asked.note("alarms", aws.alarms(&["a".parse().unwrap()])).await;
    let statistic = Statistic {
        namespace: "AWS/ApplicationELB".to_owned(),
        metric: "RequestCount".to_owned(),
        dimensions: Vec::new(),
        statistic: "Sum".to_owned(),
    };
    let query = MetricQuery { id: "q".to_owned(), reads: Reads::Statistic(statistic), period: 60, returned: true };
    asked.note("metrics", aws.metrics(&[query], now, now)).await;
    let search = LogSearch {
        groups: vec!["/checkout".to_owned()],
        commands: "fields @message".to_owned(),
        from: now,
        to: now,
        gives: LogGives::Counts { period: 60 },
    };
    asked.note("search_logs", aws.search_logs(&[search])).await;
    let within = Duration::from_secs(1);
    let build = BuildOrder { project: "p".to_owned(), environment: Vec::new(), within, token: "t".to_owned() };
    asked.note("start_build", aws.start_build(&build)).await;
    asked.note("build", aws.build("p:1")).await;
    asked.note("test_by_function", aws.test_by_function("check", &json!({}), within)).await;
    asked.note("parameter_value", aws.parameter_value("/weights/a")).await;
    asked.note("set_parameter", aws.set_parameter("/weights/a", "1")).await;
    asked.note("stored_plan ssm", aws.stored_plan(&"ssm:/teal/plans/checkout".parse().unwrap())).await;
    let account: Account = read(json!({"role": ROLE, "externalId": "teal-7f3c"}));
    asked.note("side", async { aws.side(Some(&account), &id("r-1")).await.map(drop) }).await;
}

async fn ask_ledger(aws: &Aws, asked: &mut Asked) {
    let (release, at) = (release(1), "2026-11-22T10:00:00Z".parse().unwrap());
    let execution = "arn:aws:states:eu-central-1:123456789012:execution:teal:checkout-7";
    let machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:teal";
    asked.note("load", aws.load(&release.id)).await;
    asked.note("open", aws.open(&release)).await;
    asked.note("save", async { aws.save(&mut release.clone(), &[]).await }).await;
    asked.note("requests", aws.requests(&release.id)).await;
    let request = Request { ask: Ask::Abort, by: "ada".to_owned(), at, note: None };
    asked.note("ask", aws.ask(&release.id, &request)).await;
    asked.note("hooks", aws.hooks(&release.id)).await;
    asked.note("watching", aws.watching(None, &"a".parse().unwrap())).await;
    asked.note("holder", aws.holder(LISTENER)).await;
    asked.note("active", aws.active()).await;
    asked.note("left", aws.left()).await;
    asked.note("list", aws.list(None, 5)).await;
    asked.note("story", aws.story(&release.id)).await;
    asked.note("ended_with", aws.ended_with(execution)).await;
    asked.note("start_execution", aws.start_execution(machine, &release.id, "{}")).await;
    asked.note("end_of", aws.end_of(machine, &release.id)).await;
}

/// Asks every port of an AWS that answers everything alike.
async fn ask_all(body: &str) -> Vec<String> {
    let script = Script::always(body);
    let aws = script.aws();
    let mut asked = Asked { script, taken: Vec::new() };
    ask_fleet(&aws, &mut asked).await;
    ask_router(&aws, &mut asked).await;
    ask_deployments(&aws, &mut asked).await;
    ask_signals(&aws, &mut asked).await;
    ask_ledger(&aws, &mut asked).await;
    asked.taken
}

#[tokio::test]
async fn what_is_no_document_is_an_error() {
    for body in ["[]", "\"x\"", "7", "true", "{\"services\": [", "<DescribeThings><Result>", "\u{0}"] {
        // A function that tests green answers what it likes.
        assert_eq!(ask_all(body).await, ["test_by_function"], "{body}");
    }
}

/// Members that are read of documents, service by service: of ECS, CodeDeploy, CloudWatch with its logs, Auto Scaling, Elastic Beanstalk with
/// EC2, Lambda with CodeBuild and AppConfig, DynamoDB with Step Functions and Systems Manager, Elastic Load Balancing with STS.
const MEMBERS: [&str; 8] = [
    "services serviceDeployments failures serviceName serviceArn clusterArn status lifecycleStage lifecycleHookDetails \
     hookId targetType deploymentConfiguration bakeTimeInMinutes deployments desiredCount runningCount taskDefinition \
     rolloutState loadBalancers targetGroupArn tags key networkConfiguration awsvpcConfiguration capacityProviderStrategy \
     createdAt serviceDeploymentArn sourceServiceRevisions rollback reason events message containerDefinitions nextToken \
     arn",
    "deploymentInfo deployments deploymentsInfo deploymentId status description applicationName deploymentGroupName \
     rollbackInfo rollbackDeploymentId rollbackMessage errorInformation code createTime deploymentTargets targetIds \
     deploymentTargetType ecsTarget lambdaTarget lifecycleEvents lifecycleEventName startTime blueGreenDeploymentConfiguration \
     terminateBlueInstancesOnDeploymentSuccess creator terminationWaitTimeInMinutes lambdaFunctionInfo targetVersion \
     instanceTarget message nextToken",
    "MetricAlarms CompositeAlarms AlarmName StateValue StateReason StateTransitionedTimestamp MetricDataResults Id \
     StatusCode Timestamps Values Messages NextToken queryId status results field value statistics FailedEntryCount \
     Entries ErrorCode ErrorMessage",
    "ScalableTargets MinCapacity MaxCapacity SuspendedState DynamicScalingInSuspended ScalingPolicies PolicyName \
     PolicyType ScheduledActions AutoScalingGroups AutoScalingGroupName MinSize MaxSize DesiredCapacity Instances \
     LifecycleState HealthStatus TargetGroupARNs SuspendedProcesses ProcessName LaunchTemplate Version \
     MixedInstancesPolicy Tags Key Value Activities NextToken",
    "Environments EnvironmentName EnvironmentId CNAME Status Health VersionLabel Tier Name EnvironmentResources \
     AutoScalingGroups LoadBalancers Instances Id ConfigurationSettings OptionSettings Namespace OptionName Value \
     ApplicationVersions Events EndpointURL Result reservationSet instancesSet item privateIpAddress instanceId \
     instanceState NextToken",
    "FunctionVersion RoutingConfig AdditionalVersionWeights RevisionId State LastUpdateStatus Version Configuration \
     MemorySize Layers VpcConfig Environment Variables builds id buildStatus phases phaseStatus contexts logs deepLink \
     Items DeploymentNumber ConfigurationVersion flags values attributes enabled percentage Role DeadLetterConfig 41",
    "Item Items pk sk record entry request ticket holder S N BOOL L M NULL LastEvaluatedKey Attributes until onGreen left \
     status error cause executionArn startDate Parameter Type Value revision CancellationReasons Responses",
    "Listeners Rules Actions DefaultActions ForwardConfig TargetGroups TargetGroupArn Weight TargetHealthDescriptions \
     Target Id Port TargetHealth State Reason Conditions Field Values Priority IsDefault LoadBalancers DNSName \
     AvailabilityZones ZoneName Type Order Credentials AccessKeyId SecretAccessKey SessionToken Expiration Arn Account",
];

fn leaf(rng: &mut Rng) -> Value {
    const LEAVES: &str = r#"[null, true, 0, -1, 1e300, 18446744073709551615, "", "x", "41", "ACTIVE", "2026-11-22T10:00:00Z", "checkout-b", [], {},
        [[]], [null], "\u00fc\u0000"]"#;
    let leaves: Vec<Value> = serde_json::from_str(LEAVES).unwrap();
    leaves[rng.usize(0..leaves.len())].clone()
}

/// A document with some of a service's members, each of any kind.
fn document(rng: &mut Rng, members: &[&str], depth: u32) -> Value {
    let share = if depth == 2 { 0.8 } else { 0.35 };
    let mut document = Map::new();
    for name in members {
        if rng.f64() > share {
            continue;
        }
        let value = match rng.u8(0..3) {
            0 if depth > 0 => document_in(rng, members, depth),
            1 if depth > 0 => (0..rng.usize(1..3)).map(|_| document_in(rng, members, depth)).collect(),
            _ => leaf(rng),
        };
        document.insert((*name).to_owned(), value);
    }
    document.into()
}

fn document_in(rng: &mut Rng, members: &[&str], depth: u32) -> Value {
    document(rng, members, depth - 1)
}

/// The same document as the Query protocol has it.
fn xml(name: &str, value: &Value) -> String {
    let inner = match value {
        Value::Object(members) => members.iter().map(|(name, value)| xml(name, value)).collect(),
        Value::Array(elements) => elements.iter().map(|element| xml("member", element)).collect(),
        Value::String(text) => text.replace('\0', ""),
        other => other.to_string(),
    };
    // A name of an element begins with a letter.
    if name.starts_with(|first: char| first.is_ascii_digit()) { inner } else { format!("<{name}>{inner}</{name}>") }
}

/// The first part of a text, cut off anywhere.
fn cut_off(rng: &mut Rng, text: &str) -> String {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    text[..rng.choice(ends).unwrap_or(0)].to_owned()
}

#[tokio::test]
async fn no_answer_makes_a_port_panic() {
    let mut rng = Rng::with_seed(7);
    for members in MEMBERS {
        let members: Vec<&str> = members.split_whitespace().collect();
        let document = document(&mut rng, &members, 2);
        let (json, xml) = (document.to_string(), xml("Response", &json!({"Result": document})));
        for body in [cut_off(&mut rng, &json), cut_off(&mut rng, &xml), json, xml] {
            ask_all(&body).await;
        }
    }
}
