//! What a hook is called with, in each dialect, before anything else is known of it.

use super::HookCall;
use crate::deployment::DeploymentId;
use crate::plan::PlanRef;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A hook as it asks. What it does not say itself, [`crate::ports::Hooks`] finds out.
#[derive(Clone, Debug, PartialEq)]
pub enum HookAsked {
    /// CodeDeploy, about an ECS service or a Lambda function. It says which hook it is by an opaque text.
    CodeDeploy { deployment: DeploymentId, execution: String },
    /// ECS, about a deployment of its own.
    Ecs(EcsHook),
    /// A script in an EC2 deployment of CodeDeploy, on the instance.
    Instance(InstanceHook),
}

/// What ECS says when it asks.
#[derive(Clone, Debug, PartialEq)]
pub struct EcsHook {
    /// The deployment. One of the two forms that ECS's pages show does not have it.
    pub deployment: Option<DeploymentId>,
    /// The stage, by ECS's name; in one of the two forms the deployment must be asked for it.
    pub stage: Option<String>,
    /// The service, as the ARN has it.
    pub cluster: String,
    pub service: String,
    /// The revision that is deployed.
    pub target: String,
    /// The weights by revision, in percent. They may be missing where nothing is shifted.
    pub test: BTreeMap<String, f64>,
    pub production: BTreeMap<String, f64>,
    /// The plan that the hook's details name.
    pub plan: Option<PlanRef>,
    /// What takes the place of the plan's version, by the hook's details.
    pub version: Option<String>,
}

impl EcsHook {
    /// Whether this shift takes traffic from the revision that is deployed: then the deployment is being taken back.
    #[must_use]
    pub fn shifts_back(&self) -> bool {
        let weights = match self.stage.as_deref() {
            Some("PRODUCTION_TRAFFIC_SHIFT") => &self.production,
            Some("TEST_TRAFFIC_SHIFT") => &self.test,
            _ => return false,
        };
        weights.get(&self.target).is_some_and(|weight| *weight <= 0.0) && weights.values().any(|weight| *weight > 0.0)
    }
}

/// What the script on an instance says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceHook {
    pub deployment: DeploymentId,
    pub application: String,
    pub deployment_group: String,
    /// Of any name that an AppSpec for EC2 can have.
    pub event: String,
    /// The instance, by its id. A server that is none of EC2's has none.
    pub instance: Option<String>,
}

/// What a hook turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Hook(HookCall),
    /// Nobody waits for it any more.
    Over {
        deployment: DeploymentId,
        why: String,
    },
    /// The service is deployed for the first time: there is no blue to compare with or to go back to.
    First {
        deployment: DeploymentId,
    },
    /// The deployment on an instance takes another one back: nobody stands in its way.
    Back {
        deployment: DeploymentId,
    },
    /// A deployment on an instance: what is there is replaced in place, and no release is about it.
    InPlace {
        /// The private address of the instance that asks, as EC2 knows it, where the script says which it is.
        address: Option<IpAddr>,
    },
}

/// What a hook is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookTold {
    pub status: HookStatus,
    /// One sentence, for the log and for whoever reads the answer.
    pub message: Option<String>,
}

/// The answer to a hook. One of CodeDeploy that is in progress is answered later, by a call; the others ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HookStatus {
    InProgress,
    Succeeded,
    Failed,
}
