//! The neighbours of an ECS that shifts traffic: listeners that take notes, functions that answer as told, alarms that fire when told.

use crate::common::{Lab, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use teal_lab_ecs::Neighbours;
use teal_lab_wire::{AlarmReader, FunctionAnswer, FunctionInvoker, TrafficShifter};

pub(crate) const BLUE: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/blue/1";
pub(crate) const GREEN: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/green/2";
pub(crate) const PRODUCTION: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/lab/1/2/3";
pub(crate) const TEST: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/lab/1/2/4";
pub(crate) const HOOK: &str = "arn:aws:lambda:us-east-1:000000000000:function:hook";

/// What was done, in order: weights that were set, and stages at which the hook was asked.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) lines: Vec<String>,
    pub(crate) events: Vec<Value>,
    weights: BTreeMap<String, Vec<(String, u16)>>,
    /// By stage; what is asked oftener succeeds.
    answers: BTreeMap<String, Vec<Result<Value, String>>>,
    firing: Vec<String>,
}

#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<Notes>>);

impl World {
    pub(crate) async fn lab(&self) -> Lab {
        let neighbours = Neighbours {
            functions: Some(Arc::new(self.clone())),
            traffic: Some(Arc::new(self.clone())),
            alarms: Some(Arc::new(self.clone())),
        };
        Lab::with(64, neighbours).await
    }

    /// What the hook answers at a stage, one after the other.
    pub(crate) fn answers(&self, stage: &str, answers: impl IntoIterator<Item = Result<Value, String>>) {
        self.0.lock().unwrap().answers.insert(stage.to_owned(), answers.into_iter().collect());
    }

    pub(crate) fn fire(&self, alarm: &str) {
        self.0.lock().unwrap().firing.push(alarm.to_owned());
    }

    pub(crate) fn recover(&self) {
        self.0.lock().unwrap().firing.clear();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().lines.clone()
    }

    pub(crate) fn forget(&self) {
        let mut notes = self.0.lock().unwrap();
        notes.lines.clear();
        notes.events.clear();
    }

    /// The events of a stage, oldest first.
    pub(crate) fn events(&self, stage: &str) -> Vec<Value> {
        self.0.lock().unwrap().events.iter().filter(|event| event["lifecycleStage"] == stage).cloned().collect()
    }

    /// The green target group's weight of all, on a listener or rule.
    pub(crate) fn share(&self, arn: &str) -> u16 {
        let notes = self.0.lock().unwrap();
        notes.weights[arn].iter().find(|(group, _)| group == GREEN).map_or(0, |(_, weight)| *weight)
    }
}

impl TrafficShifter for World {
    fn shift(&self, arn: &str, weights: &[(String, u16)], by: &str) -> Result<(), String> {
        assert_eq!(by, "ecs.amazonaws.com");
        let mut notes = self.0.lock().unwrap();
        let name = match arn {
            TEST => "test",
            PRODUCTION => "production",
            other => return Err(format!("there is no listener and no rule {other}")),
        };
        let weight = |group: &str| weights.iter().find(|(known, _)| known == group).unwrap().1;
        notes.lines.push(format!("{name} {}/{}", weight(BLUE), weight(GREEN)));
        notes.weights.insert(arn.to_owned(), weights.to_vec());
        Ok(())
    }

    fn weights(&self, arn: &str) -> Result<Vec<(String, u16)>, String> {
        Ok(self.0.lock().unwrap().weights[arn].clone())
    }
}

impl FunctionInvoker for World {
    fn invoke(&self, function: &str, payload: &Value) -> FunctionAnswer {
        assert_eq!(function, HOOK);
        let mut notes = self.0.lock().unwrap();
        let stage = payload["lifecycleStage"].as_str().unwrap().to_owned();
        notes.events.push(payload.clone());
        let answers = notes.answers.get_mut(&stage).filter(|answers| !answers.is_empty());
        let answer = answers.map_or_else(|| Ok(json!({"hookStatus": "SUCCEEDED"})), |answers| answers.remove(0));
        notes.lines.push(stage);
        Box::pin(async move { answer })
    }

    fn invoke_later(&self, _: &str, _: &Value) -> FunctionAnswer {
        panic!("ECS waits for its hooks")
    }
}

impl AlarmReader for World {
    fn in_alarm(&self, names: &[String]) -> Vec<String> {
        let notes = self.0.lock().unwrap();
        names.iter().filter(|name| notes.firing.contains(name)).cloned().collect()
    }
}

/// Load balancers with two target groups, and deployments as `configuration` says.
pub(crate) fn shifting(configuration: &Value) -> Value {
    json!({
        "loadBalancers": [{"targetGroupArn": BLUE, "containerName": "app", "containerPort": 8080,
            "advancedConfiguration": {"alternateTargetGroupArn": GREEN, "productionListenerRule": PRODUCTION,
                "testListenerRule": TEST, "roleArn": "arn:aws:iam::000000000000:role/balancing"}}],
        "deploymentConfiguration": configuration,
    })
}

/// A hook at these stages.
pub(crate) fn hook(stages: &[&str]) -> Value {
    json!({"hookTargetArn": HOOK, "roleArn": "arn:aws:iam::000000000000:role/hooks", "lifecycleStages": stages})
}

pub(crate) fn pause(stages: &[&str]) -> Value {
    json!({"targetType": "PAUSE", "lifecycleStages": stages})
}

/// The latest service deployment of the service `web`.
pub(crate) async fn latest(lab: &Lab) -> Value {
    let listed = lab.call("ListServiceDeployments", json!({"cluster": "prod", "service": "web"})).await;
    let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
    lab.call("DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]})).await["serviceDeployments"][0]
        .take()
}

/// Waits until the latest one is as it should be.
pub(crate) async fn until_deployment(lab: &Lab, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
    until(what, || async {
        let deployment = latest(lab).await;
        condition(&deployment).then_some(deployment)
    })
    .await
}

pub(crate) async fn until_status(lab: &Lab, status: &str) -> Value {
    until_deployment(lab, status, |deployment| deployment["status"] == status).await
}

/// A service of two blue tasks whose first deployment is over, and the definition of green ones.
pub(crate) async fn with_blue(lab: &Lab, world: &World, configuration: Value) -> String {
    let blue = lab.define(&[("COLOUR", "blue")]).await;
    let green = lab.define(&[("COLOUR", "green")]).await;
    let mut first = configuration.clone();
    first["lifecycleHooks"] = json!([]);
    lab.create(&blue, 2, shifting(&first)).await;
    until_status(lab, "SUCCESSFUL").await;
    world.forget();
    lab.update(json!({"deploymentConfiguration": configuration})).await;
    green
}

/// The stages that have hooks in every deployment.
pub(crate) const ALL_STAGES: [&str; 7] = [
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
];

pub(crate) fn blue_green(hooks: &Value) -> Value {
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": hooks})
}

/// The weights of an event, production's or the test's: green's (the target's), then blue's.
pub(crate) fn told(event: &Value, weights: &str) -> Vec<i64> {
    let details = &event["executionDetails"];
    let target = details["targetServiceRevisionArn"].as_str().unwrap();
    let weights = details[weights].as_object().unwrap();
    let mut all: Vec<_> = weights.iter().collect();
    all.sort_by_key(|(arn, _)| *arn != target);
    all.into_iter().map(|(_, weight)| weight.as_i64().unwrap()).collect()
}

pub(crate) async fn stop(lab: &Lab, deployment: &Value) {
    let arn = &deployment["serviceDeploymentArn"];
    lab.call("StopServiceDeployment", json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"})).await;
}

pub(crate) fn two_tasks_in(lab: &Lab, group: &str) -> bool {
    let other = if group == BLUE { GREEN } else { BLUE };
    (lab.registry.in_group(group).len(), lab.registry.in_group(other).len()) == (2, 0)
}
