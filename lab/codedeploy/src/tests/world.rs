//! A CodeDeploy with an application `shop` for ECS, one for Lambda, and what they deploy to.

use super::fleet::Fleet;
use crate::{Call, CodeDeploy, Services};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use teal_lab_wire::{AlarmReader, AwsFault, AwsRequest, FunctionAnswer, FunctionInvoker, LabClock};

/// Longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// An hour of the lab's takes a bit more than a second.
const SCALE: f64 = 3000.0;

/// What there is, and what was done to it.
#[derive(Default)]
pub(super) struct World(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    /// The task sets of the service, as ECS describes them.
    task_sets: Vec<Value>,
    never_steady: bool,
    protocol: &'static str,
    /// Actions of both listeners: production, test.
    actions: [Value; 2],
    /// The production listener's weights of blue and green, or the alias's of versions 1 and 2, each time that they were set.
    weights: Vec<[u64; 2]>,
    alias: Value,
    /// Events that functions were handed.
    events: Vec<Value>,
    firing: bool,
}

pub(super) struct Lab {
    pub(super) world: Arc<World>,
    pub(super) fleet: Arc<Fleet>,
    codedeploy: CodeDeploy,
    clock: LabClock,
}

#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: String,
    pub(super) message: String,
}

fn set(id: &str, status: &str, group: &str) -> Value {
    json!({"id": id, "status": status, "loadBalancers": [{"targetGroupArn": group}], "stabilityStatus": "STEADY_STATE",
        "computedDesiredCount": 1, "pendingCount": 0, "runningCount": 1})
}

impl Lab {
    /// With a deployment group `checkout` of `shop` with more settings.
    pub(super) async fn start(more: Value) -> Self {
        Self::start_at(SCALE, more).await
    }

    /// The same with another clock.
    pub(super) async fn start_at(scale: f64, more: Value) -> Self {
        let world = Arc::<World>::default();
        {
            let mut notes = world.0.lock().unwrap();
            notes.protocol = "HTTP";
            notes.task_sets = vec![set("ecs-svc/1", "PRIMARY", "tg/blue/1")];
            notes.actions = [(); 2].map(|()| json!([{"Type": "forward", "TargetGroupArn": "tg/blue/1"}]));
            notes.alias = json!({"FunctionVersion": "1"});
        }
        let clock = LabClock::starting_now(scale);
        let fleet = Arc::<Fleet>::default();
        let codedeploy = CodeDeploy::new(
            clock.clone(),
            Arc::<World>::clone(&world),
            Arc::<World>::clone(&world),
            Arc::<World>::clone(&world),
            Arc::<Fleet>::clone(&fleet),
        );
        let lab = Self { world, fleet, codedeploy, clock };
        lab.call("CreateApplication", json!({"applicationName": "shop", "computePlatform": "ECS"})).await;
        lab.call("CreateDeploymentGroup", lab.group("checkout", &more)).await;
        lab.call("CreateApplication", json!({"applicationName": "functions", "computePlatform": "Lambda"})).await;
        let mut group = json!({"applicationName": "functions", "deploymentGroupName": "f", "serviceRoleArn": "r"});
        group["autoRollbackConfiguration"] = more["autoRollbackConfiguration"].clone();
        lab.call("CreateDeploymentGroup", group).await;
        lab
    }

    pub(super) fn group(&self, name: &str, more: &Value) -> Value {
        let mut body = json!({
            "applicationName": "shop", "deploymentGroupName": name, "serviceRoleArn": "arn:aws:iam::1:role/r",
            "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            "ecsServices": [{"clusterName": "prod", "serviceName": "web"}],
            "loadBalancerInfo": {"targetGroupPairInfoList": [{
                "targetGroups": [{"name": "blue"}, {"name": "green"}],
                "prodTrafficRoute": {"listenerArns": ["production"]}, "testTrafficRoute": {"listenerArns": ["test"]},
            }]},
            "blueGreenDeploymentConfiguration": {
                "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
                "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5},
            },
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    async fn answer(&self, operation: &str, body: &Value) -> (StatusCode, Value) {
        let mut headers = HeaderMap::new();
        let target = HeaderValue::from_str(&format!("CodeDeploy_20141006.{operation}")).unwrap();
        headers.insert("x-amz-target", target);
        let body = body.to_string().into();
        let request = AwsRequest { method: Method::POST, uri: Uri::from_static("/"), headers, body };
        let answer = self.codedeploy.handle(request).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    pub(super) async fn call(&self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.answer(operation, &body).await;
        assert_eq!(status, StatusCode::OK, "{operation} {body}: {answer}");
        answer
    }

    pub(super) async fn refused(&self, operation: &str, body: Value) -> Refused {
        let (status, answer) = self.answer(operation, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{operation} {body}: {answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Refused { code: text("__type"), message: text("message") }
    }

    /// Begins a deployment of `shop` with hooks in these events.
    pub(super) async fn deploy(&self, config: &str, hooks: &[&str]) -> String {
        let hooks: Vec<_> = hooks.iter().map(|event| json!({(*event): format!("CodeDeployHook_on{event}")})).collect();
        let properties =
            json!({"TaskDefinition": "web:2", "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": 80}});
        let service = json!({"Type": "AWS::ECS::Service", "Properties": properties});
        self.deploy_resource("shop", "checkout", config, json!({"Resources": [{"web": service}], "Hooks": hooks})).await
    }

    pub(super) async fn deploy_resource(&self, application: &str, group: &str, config: &str, spec: Value) -> String {
        let body = json!({"applicationName": application, "deploymentGroupName": group,
            "deploymentConfigName": format!("CodeDeployDefault.{config}"), "description": "Teal release r-1",
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": spec.to_string()}}});
        self.call("CreateDeployment", body).await["deploymentId"].as_str().unwrap().to_owned()
    }

    pub(super) async fn deployment(&self, id: &str) -> Value {
        self.call("GetDeployment", json!({"deploymentId": id})).await["deploymentInfo"].take()
    }

    pub(super) async fn eventually<T>(&self, what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found().await {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The deployment once it has this status.
    pub(super) async fn until(&self, id: &str, status: &str) -> Value {
        self.eventually(&format!("{id} {status}"), async || {
            let info = self.deployment(id).await;
            let other_end =
                ["Succeeded", "Failed", "Stopped"].iter().any(|end| info["status"] == *end && *end != status);
            assert!(!other_end, "{info:#}");
            (info["status"] == status).then_some(info)
        })
        .await
    }

    /// Once the weights have been set so often: those of the last time.
    pub(super) async fn until_shifted(&self, times: usize) -> [u64; 2] {
        self.eventually(&format!("{times} shifts"), async || {
            let weights = self.weights();
            (weights.len() >= times).then(|| weights[times - 1])
        })
        .await
    }

    /// What the next function to be invoked was handed: it is the one of the event that is under way.
    pub(super) async fn next_hook(&self, number: usize) -> Value {
        self.eventually(&format!("hook {number}"), async || {
            self.world.0.lock().unwrap().events.get(number - 1).cloned()
        })
        .await
    }

    /// Answers hooks from the first one on; gives the functions' names in the order in which they were invoked.
    pub(super) async fn answer_hooks(&self, answers: &[&str]) -> Vec<String> {
        let mut functions = Vec::new();
        for (place, answer) in answers.iter().enumerate() {
            let event = self.next_hook(place + 1).await;
            self.answer_hook(&event, answer).await;
            functions.push(event["function"].as_str().unwrap().to_owned());
        }
        functions
    }

    pub(super) async fn answer_hook(&self, event: &Value, status: &str) {
        let answered = self.call("PutLifecycleEventHookExecutionStatus", answer(event, status)).await;
        let execution = &event["LifecycleEventHookExecutionId"];
        assert_eq!(answered, json!({"lifecycleEventHookExecutionId": execution}));
    }

    pub(super) async fn target(&self, id: &str) -> Value {
        let targets = self.call("ListDeploymentTargets", json!({"deploymentId": id})).await;
        let body = json!({"deploymentId": id, "targetIds": targets["targetIds"]});
        self.call("BatchGetDeploymentTargets", body).await["deploymentTargets"][0].take()
    }

    pub(super) async fn lab_minutes(&self, minutes: u64) {
        self.clock.sleep(Duration::from_secs(60 * minutes)).await;
    }

    pub(super) fn weights(&self) -> Vec<[u64; 2]> {
        self.world.0.lock().unwrap().weights.clone()
    }

    /// Ids and statuses.
    pub(super) fn task_sets(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let notes = self.world.0.lock().unwrap();
        notes.task_sets.iter().map(|set| (text(&set["id"]), text(&set["status"]))).collect()
    }

    pub(super) fn make_never_steady(&self) {
        self.world.0.lock().unwrap().never_steady = true;
    }

    pub(super) fn set_protocol(&self, protocol: &'static str) {
        self.world.0.lock().unwrap().protocol = protocol;
    }

    pub(super) fn fire(&self) {
        self.world.0.lock().unwrap().firing = true;
    }

    pub(super) fn test_actions(&self) -> Value {
        self.world.0.lock().unwrap().actions[1].clone()
    }
}

/// An answer to a hook.
pub(super) fn answer(event: &Value, status: &str) -> Value {
    json!({"deploymentId": event["DeploymentId"], "status": status,
        "lifecycleEventHookExecutionId": event["LifecycleEventHookExecutionId"]})
}

/// The statuses of lifecycle events, by their names in their order.
pub(super) fn events(target: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let target = ["ecsTarget", "lambdaTarget"].iter().find_map(|kind| target.get(kind)).unwrap();
    let events = target["lifecycleEvents"].as_array().unwrap();
    events.iter().map(|event| (text(&event["lifecycleEventName"]), text(&event["status"]))).collect()
}

fn weight(action: &Value, group: &str) -> u64 {
    let groups = action["ForwardConfig"]["TargetGroups"].as_array();
    groups.and_then(|groups| groups.iter().find(|one| one["TargetGroupArn"] == group)?["Weight"].as_u64()).unwrap_or(0)
}

impl Notes {
    fn call(&mut self, action: &str, input: &Value) -> Result<Value, AwsFault> {
        let place = usize::from(
            ["/ListenerArns/0", "/ListenerArn"].iter().any(|path| input.pointer(path) == Some(&json!("test"))),
        );
        Ok(match action {
            "DescribeServices" if input["services"][0] == "web" => {
                json!({"services": [{"deploymentController": {"type": "CODE_DEPLOY"}, "taskSets": self.task_sets}]})
            }
            "DescribeServices" => json!({"services": [{"deploymentController": {"type": "ECS"}}]}),
            "CreateTaskSet" => {
                let id = format!("ecs-svc/{}", self.task_sets.len() + 1);
                let mut made = set(&id, "ACTIVE", input["loadBalancers"][0]["targetGroupArn"].as_str().unwrap());
                if self.never_steady {
                    made["stabilityStatus"] = json!("STABILIZING");
                }
                self.task_sets.push(made.clone());
                json!({"taskSet": made})
            }
            "UpdateServicePrimaryTaskSet" => {
                for set in &mut self.task_sets {
                    set["status"] = if set["id"] == input["primaryTaskSet"] { "PRIMARY" } else { "ACTIVE" }.into();
                }
                json!({})
            }
            "DeleteTaskSet" => {
                self.task_sets.retain(|set| set["id"] != input["taskSet"]);
                json!({})
            }
            "DescribeTargetGroups" => {
                json!({"TargetGroups": [{"TargetGroupArn": "tg/green/2"}, {"TargetGroupArn": "tg/blue/1"}]})
            }
            "DescribeListeners" => {
                json!({"Listeners": [{"Protocol": self.protocol, "DefaultActions": self.actions[place]}]})
            }
            "DescribeRules" => json!({"Rules": [{"IsDefault": "true", "Actions": self.actions[place]}]}),
            "ModifyListener" => {
                self.actions[place] = input["DefaultActions"].clone();
                if place == 0 {
                    let action = &input["DefaultActions"][0];
                    self.weights.push(["tg/blue/1", "tg/green/2"].map(|group| weight(action, group)));
                }
                json!({})
            }
            other => return Err(AwsFault::client("InvalidAction", other)),
        })
    }
}

impl Services for World {
    fn call(&self, _: &'static str, action: &'static str, parameters: Value) -> Call {
        let answer = self.0.lock().unwrap().call(action, &parameters);
        Box::pin(async move { answer })
    }

    fn lambda(&self, method: Method, path: String, body: Value) -> Call {
        assert_eq!(path, "/2015-03-31/functions/f/aliases/live");
        let mut notes = self.0.lock().unwrap();
        if method == Method::PUT {
            let additional = body["RoutingConfig"]["AdditionalVersionWeights"]["2"].as_f64().unwrap_or(0.0);
            let share = if body["FunctionVersion"] == "2" { 100 } else { (additional * 100.0).round() as u64 };
            notes.weights.push([100 - share, share]);
            notes.alias = body;
        }
        let alias = notes.alias.clone();
        Box::pin(async move { Ok(alias) })
    }
}

impl FunctionInvoker for World {
    fn invoke(&self, _: &str, _: &Value) -> FunctionAnswer {
        Box::pin(async { Err("hooks are invoked asynchronously".to_owned()) })
    }

    fn invoke_later(&self, function: &str, payload: &Value) -> FunctionAnswer {
        let mut event = payload.clone();
        assert_eq!(event.as_object().unwrap().len(), 2, "{event}");
        event["function"] = function.into();
        self.0.lock().unwrap().events.push(event);
        let gone = function == "CodeDeployHook_gone";
        Box::pin(async move { if gone { Err("there is no such function".to_owned()) } else { Ok(Value::Null) } })
    }
}

impl AlarmReader for World {
    fn in_alarm(&self, names: &[String]) -> Vec<String> {
        if self.0.lock().unwrap().firing { names.to_vec() } else { Vec::new() }
    }
}
