//! Services as ECS describes them: what Teal goes by, beside the whole document.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Service {
    pub(super) service_name: String,
    /// ACTIVE, DRAINING or INACTIVE.
    pub(super) status: String,
    pub(super) desired_count: u32,
    pub(super) running_count: u32,
    pub(super) task_definition: String,
    pub(super) load_balancers: Vec<LoadBalancer>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) events: Vec<Event>,
    /// Every member that ECS answered with.
    #[serde(skip)]
    pub(super) document: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LoadBalancer {
    pub(super) target_group_arn: Option<String>,
    /// Of a classic load balancer.
    pub(super) load_balancer_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Deployment {
    /// PRIMARY for the one that ECS works towards.
    pub(super) status: String,
    pub(super) task_definition: String,
    pub(super) running_count: u32,
    pub(super) pending_count: u32,
    /// COMPLETED, FAILED or IN_PROGRESS.
    pub(super) rollout_state: String,
    pub(super) rollout_state_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    pub(super) message: Option<String>,
}

impl Service {
    /// # Errors
    /// The member that cannot be read.
    pub(super) fn read(document: Value) -> serde_json::Result<Self> {
        // From its text, as records are read: a function carries the code for one of both.
        let service: Self = serde_json::from_slice(document.to_string().as_bytes())?;
        Ok(Self { document, ..service })
    }

    pub(super) fn is_active(&self) -> bool {
        self.status == "ACTIVE"
    }

    /// The deployment that ECS works towards.
    pub(super) fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.is_primary())
    }

    pub(super) fn is_behind(&self, group: &str) -> bool {
        self.load_balancers.iter().any(|load_balancer| load_balancer.target_group_arn.as_deref() == Some(group))
    }

    /// A member that is set: ECS answers with empty lists for what is not.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.document.get(name).filter(|value| !is_empty(value))
    }

    /// The same of the deployment that ECS works towards.
    pub(super) fn member_of_primary(&self, name: &str) -> Option<&Value> {
        let place = self.deployments.iter().position(Deployment::is_primary)?;
        self.document.get("deployments")?.get(place)?.get(name).filter(|value| !is_empty(value))
    }
}

impl Deployment {
    pub(super) fn is_primary(&self) -> bool {
        self.status == "PRIMARY"
    }

    pub(super) fn is_failed(&self) -> bool {
        self.rollout_state == "FAILED"
    }
}

/// Whether a value says nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
