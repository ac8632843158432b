//! The real binary as the tasks of a service of the lab's ECS, where this package's binary is at hand.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use teal_lab_ecs::{Ecs, EcsOptions, TaskView};
use teal_lab_wire::{AwsRequest, LabClock, TargetAddress, TargetRegistry};

/// Longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// There is no load balancer.
struct NoTargets;

impl TargetRegistry for NoTargets {
    fn register(&self, _: &str, _: TargetAddress) -> Result<(), String> {
        Ok(())
    }

    fn deregister(&self, _: &str, _: &TargetAddress) -> Result<(), String> {
        Ok(())
    }

    fn is_unhealthy(&self, _: &str, _: &TargetAddress) -> bool {
        false
    }

    fn is_draining(&self, _: &str, _: &TargetAddress) -> bool {
        false
    }
}

async fn call(ecs: &Ecs, operation: &str, body: &Value) -> Value {
    let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-target", HeaderValue::from_str(&target).unwrap());
    let body = Bytes::from(body.to_string());
    let answer = ecs.handle(AwsRequest { method: Method::POST, uri: Uri::from_static("/"), headers, body }).await;
    assert!(answer.status.is_success(), "{operation}: {:?}", answer.body);
    serde_json::from_slice(&answer.body).unwrap()
}

/// A revision of the family `web` whose tasks say `version` and have `errorRate`.
async fn define(ecs: &Ecs, version: &str, error_rate: f64) -> Value {
    let behaviour = json!({"seed": 1, "phases": [{"errorRate": error_rate}]}).to_string();
    let environment = json!([
        {"name": "TEAL_DEMO_VERSION", "value": version}, {"name": "TEAL_DEMO_BEHAVIOUR", "value": behaviour},
    ]);
    let container = json!({"name": "app", "image": "demo", "environment": environment});
    let body = json!({"family": "web", "containerDefinitions": [container]});
    call(ecs, "RegisterTaskDefinition", &body).await["taskDefinition"]["taskDefinitionArn"].take()
}

async fn until(ecs: &Ecs, condition: impl Fn(&[TaskView]) -> bool) -> Vec<TaskView> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tasks = ecs.tasks();
        if condition(&tasks) {
            return tasks;
        }
        assert!(Instant::now() < deadline, "still {tasks:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_task_definition_decides_how_its_tasks_behave() {
    let options = EcsOptions::new(env!("CARGO_BIN_EXE_teal-lab-demo"));
    let ecs = Ecs::new(LabClock::starting_now(60.0), Arc::new(NoTargets), options);
    call(&ecs, "CreateCluster", &json!({"clusterName": "prod"})).await;
    let (good, bad) = (define(&ecs, "1.0", 0.0).await, define(&ecs, "2.0", 1.0).await);
    let service = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": good, "desiredCount": 2});
    call(&ecs, "CreateService", &service).await;
    let running = |tasks: &[TaskView], definition: &str| {
        tasks.len() == 2 && tasks.iter().all(|it| it.last_status == "RUNNING" && it.task_definition == definition)
    };
    for task in until(&ecs, |tasks| running(tasks, "web:1")).await {
        let answer = get(task.address.unwrap());
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-version: 1.0"), "{answer}");
        assert!(answer.contains(&format!("x-task: {}", task.id)), "{answer}");
    }

    call(&ecs, "UpdateService", &json!({"cluster": "prod", "service": "web", "taskDefinition": bad})).await;
    for task in until(&ecs, |tasks| running(tasks, "web:2")).await {
        let answer = get(task.address.unwrap());
        assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("x-version: 2.0"), "{answer}");
    }

    let tasks = ecs.tasks();
    ecs.shutdown().await;
    for task in tasks {
        assert!(TcpStream::connect(task.address.unwrap()).is_err(), "nothing listens after the shutdown");
    }
}
