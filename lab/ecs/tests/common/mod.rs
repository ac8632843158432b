//! An ECS with a registry that only takes notes, and tasks that are a shell script.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod world;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use teal_lab_ecs::{Ecs, EcsOptions, Neighbours, TaskView};
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock, TargetAddress, TargetRegistry};

/// Longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/blue/0123456789abcdef";

/// Knows every target group but those named `unknown`.
#[derive(Default)]
pub(crate) struct Registry(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    registered: HashSet<(String, TargetAddress)>,
    draining: HashSet<TargetAddress>,
    drains: bool,
}

impl Registry {
    /// From now on, targets that are deregistered drain until they are let go.
    pub(crate) fn start_draining(&self) {
        self.0.lock().unwrap().drains = true;
    }

    pub(crate) fn let_go(&self) {
        self.0.lock().unwrap().draining.clear();
    }

    /// The targets of one group.
    pub(crate) fn in_group(&self, group: &str) -> Vec<TargetAddress> {
        let notes = self.0.lock().unwrap();
        notes.registered.iter().filter(|(of, _)| of == group).map(|(_, target)| target.clone()).collect()
    }

    pub(crate) fn targets(&self) -> Vec<TargetAddress> {
        self.0.lock().unwrap().registered.iter().map(|(_, target)| target.clone()).collect()
    }
}

impl TargetRegistry for Registry {
    fn register(&self, group: &str, target: TargetAddress) -> Result<(), String> {
        if group == "unknown" {
            return Err("the target group does not exist".to_owned());
        }
        assert!(self.0.lock().unwrap().registered.insert((group.to_owned(), target)), "registered twice");
        Ok(())
    }

    fn deregister(&self, group: &str, target: &TargetAddress) -> Result<(), String> {
        let mut notes = self.0.lock().unwrap();
        notes.registered.remove(&(group.to_owned(), target.clone()));
        if notes.drains {
            notes.draining.insert(target.clone());
        }
        Ok(())
    }

    fn is_unhealthy(&self, _: &str, _: &TargetAddress) -> bool {
        false
    }

    fn is_draining(&self, _: &str, target: &TargetAddress) -> bool {
        self.0.lock().unwrap().draining.contains(target)
    }
}

pub(crate) struct Lab {
    clock: LabClock,
    pub(crate) ecs: Arc<Ecs>,
    pub(crate) registry: Arc<Registry>,
}

impl Lab {
    /// With the cluster `prod`, and lab time sixty times as fast as real time.
    pub(crate) async fn start() -> Self {
        Self::with_task_limit(64).await
    }

    pub(crate) async fn with_task_limit(task_limit: usize) -> Self {
        Self::with(task_limit, Neighbours::default()).await
    }

    pub(crate) async fn with(task_limit: usize, neighbours: Neighbours) -> Self {
        let registry = Arc::new(Registry::default());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/task.sh");
        let options = EcsOptions { task_limit, neighbours, ..EcsOptions::new(script) };
        let clock = LabClock::starting_now(60.0);
        let ecs = Ecs::new(clock.clone(), Arc::<Registry>::clone(&registry), options);
        let lab = Self { clock, ecs, registry };
        lab.call("CreateCluster", json!({"clusterName": "prod"})).await;
        lab
    }

    /// An ECS operation that is to succeed.
    pub(crate) async fn call(&self, operation: &str, body: Value) -> Value {
        let answer = self.ecs.handle(request("AmazonEC2ContainerServiceV20141113", operation, &body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{operation}: {:?}", answer.body);
        decoded(&answer)
    }

    /// The error code and message of an ECS operation that is to fail.
    pub(crate) async fn fault(&self, operation: &str, body: Value) -> (String, String) {
        fault(&self.ecs.handle(request("AmazonEC2ContainerServiceV20141113", operation, &body)).await)
    }

    pub(crate) async fn scaling(&self, operation: &str, body: Value) -> Value {
        let answer = self.ecs.handle_autoscaling(request("AnyScaleFrontendService", operation, &body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{operation}: {:?}", answer.body);
        decoded(&answer)
    }

    pub(crate) async fn scaling_fault(&self, operation: &str, body: Value) -> (String, String) {
        fault(&self.ecs.handle_autoscaling(request("AnyScaleFrontendService", operation, &body)).await)
    }

    /// Registers a revision of the family `web`; gives `family:revision`.
    pub(crate) async fn define(&self, environment: &[(&str, &str)]) -> String {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let answer = self
            .call(
                "RegisterTaskDefinition",
                json!({"family": "web", "containerDefinitions": [{
                    "name": "app", "image": "app:1", "portMappings": [{"containerPort": 8080}],
                    "environment": environment, "stopTimeout": 60,
                }]}),
            )
            .await;
        format!("web:{}", answer["taskDefinition"]["revision"])
    }

    /// Creates the service `web` in `prod` with `more` members.
    pub(crate) async fn create(&self, task_definition: &str, desired_count: u32, more: Value) -> Value {
        let mut body = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": task_definition,
            "desiredCount": desired_count});
        merge(&mut body, more);
        self.call("CreateService", body).await["service"].take()
    }

    pub(crate) async fn update(&self, more: Value) -> Value {
        let mut body = json!({"cluster": "prod", "service": "web"});
        merge(&mut body, more);
        self.call("UpdateService", body).await["service"].take()
    }

    /// The service `web`.
    pub(crate) async fn service(&self) -> Value {
        self.call("DescribeServices", json!({"cluster": "prod", "services": ["web"]})).await["services"][0].take()
    }

    /// Waits until the service `web` is as `condition` says.
    pub(crate) async fn until(&self, condition: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let service = self.service().await;
            if condition(&service) {
                return service;
            }
            assert!(Instant::now() < deadline, "still {service:#}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until one deployment runs `count` tasks and nothing else is running.
    pub(crate) async fn until_steady(&self, count: u32) -> Value {
        let service = self
            .until(|it| {
                it["deployments"].as_array().is_some_and(|it| it.len() == 1)
                    && it["deployments"][0]["rolloutState"] == "COMPLETED"
                    && it["runningCount"] == count
                    && it["pendingCount"] == 0
            })
            .await;
        assert_eq!(service["desiredCount"], count);
        service
    }

    /// Waits until the lab's clock shows `at` (Unix seconds) and gives the service `web` of then.
    pub(crate) async fn until_lab_time(&self, at: f64) -> Value {
        let left = (at - self.clock.now_millis() as f64 / 1000.0).max(0.0);
        self.clock.sleep(Duration::from_secs_f64(left)).await;
        self.service().await
    }

    pub(crate) async fn until_tasks(&self, condition: impl Fn(&[TaskView]) -> bool) -> Vec<TaskView> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let tasks = self.ecs.tasks();
            if condition(&tasks) {
                return tasks;
            }
            assert!(Instant::now() < deadline, "still {tasks:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits until something is as it should be.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Load balancers with one target group.
pub(crate) fn behind(group: &str) -> Value {
    json!({"loadBalancers": [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]})
}

fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}

pub(crate) fn request(prefix: &str, operation: &str, body: &Value) -> AwsRequest {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-target", HeaderValue::from_str(&format!("{prefix}.{operation}")).unwrap());
    AwsRequest { method: Method::POST, uri: Uri::from_static("/"), headers, body: Bytes::from(body.to_string()) }
}

pub(crate) fn decoded(answer: &AwsAnswer) -> Value {
    assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.1");
    serde_json::from_slice(&answer.body).unwrap()
}

fn fault(answer: &AwsAnswer) -> (String, String) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{:?}", answer.body);
    let body = decoded(answer);
    (body["__type"].as_str().unwrap().to_owned(), body["message"].as_str().unwrap().to_owned())
}

/// Whether a process exists.
pub(crate) fn is_alive(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}
