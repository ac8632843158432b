//! What there is: applications, deployment groups, configurations, deployments.

mod config;
mod deployment;
mod instances;

pub(crate) use config::{Config, HealthyHosts, Shift};
pub(crate) use deployment::{Begun, Creator, Deployment, Event, EventStatus, HookExecution, Order, Status, Trouble};
pub(crate) use instances::{InstanceStatus, InstanceTarget};

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use teal_lab_wire::Millis;

/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateApplication.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Ecs,
    Lambda,
    /// EC2 and on-premises.
    Server,
}

impl Platform {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ECS",
            Self::Lambda => "Lambda",
            Self::Server => "Server",
        }
    }

    /// The events in which functions run.
    pub(crate) const fn hooks(self) -> &'static [&'static str] {
        match self {
            Self::Ecs => {
                &["BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"]
            }
            Self::Lambda => &["BeforeAllowTraffic", "AfterAllowTraffic"],
            // Scripts do on the instances.
            Self::Server => &[],
        }
    }

    /// The lifecycle events of a deployment in their order; on servers each instance has its own.
    pub(crate) fn events(self, with_test_traffic: bool) -> Vec<&'static str> {
        match self {
            Self::Server => Vec::new(),
            Self::Lambda => vec!["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"],
            Self::Ecs => {
                let mut events = vec!["BeforeInstall", "Install", "AfterInstall"];
                if with_test_traffic {
                    events.extend(["AllowTestTraffic", "AfterAllowTestTraffic"]);
                }
                events.extend(["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"]);
                events
            }
        }
    }

    /// Without a configuration in group and deployment.
    pub(crate) const fn default_config(self) -> &'static str {
        match self {
            Self::Ecs => "CodeDeployDefault.ECSAllAtOnce",
            Self::Lambda => "CodeDeployDefault.LambdaAllAtOnce",
            Self::Server => "CodeDeployDefault.OneAtATime",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: String,
    /// Members of CreateDeploymentGroup that are given back as they came.
    pub(crate) settings: Map<String, Value>,
    /// The deployment of each kind that was the last one.
    pub(crate) last_attempted: Option<String>,
    pub(crate) last_successful: Option<String>,
    /// Of each instance that was deployed to the deployment whose revision it has; nothing where the last one failed.
    pub(crate) installed: BTreeMap<String, Option<String>>,
}

impl Group {
    pub(crate) fn setting(&self, name: &str) -> &Value {
        self.settings.get(name).unwrap_or(&Value::Null)
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) applications: BTreeMap<String, Platform>,
    /// By application and name.
    pub(crate) groups: BTreeMap<(String, String), Group>,
    pub(crate) configs: BTreeMap<String, Config>,
    /// Oldest first.
    pub(crate) deployments: Vec<Deployment>,
}

impl State {
    pub(crate) fn new(now: Millis) -> Self {
        let (applications, groups, deployments) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { applications, groups, configs: config::predefined(now), deployments }
    }

    pub(crate) fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.id == id)
    }

    pub(crate) fn deployment_mut(&mut self, id: &str) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|one| one.id == id)
    }

    /// The deployment of a group that has not ended.
    pub(crate) fn active(&self, application: &str, group: &str) -> Option<&Deployment> {
        let mut active = self.deployments.iter().filter(|one| !one.status.has_ended());
        active.find(|one| one.application == application && one.group == group)
    }

    /// Keeps a deployment that begins.
    pub(crate) fn add(&mut self, deployment: Deployment) {
        let key = (deployment.application.clone(), deployment.group.clone());
        if let Some(group) = self.groups.get_mut(&key) {
            group.last_attempted = Some(deployment.id.clone());
        }
        self.deployments.push(deployment);
    }

    pub(crate) fn group_of(&self, deployment: &Deployment) -> Option<&Group> {
        self.groups.get(&(deployment.application.clone(), deployment.group.clone()))
    }

    /// The last deployment of the same group that succeeded.
    pub(crate) fn last_good(&self, deployment: &Deployment) -> Option<&Deployment> {
        self.deployment(self.group_of(deployment)?.last_successful.as_deref()?)
    }

    /// Notes with its group how a deployment to an instance went.
    pub(crate) fn note_installed(&mut self, deployment: &Deployment, instance: &str, succeeded: bool) {
        let key = (deployment.application.clone(), deployment.group.clone());
        if let Some(group) = self.groups.get_mut(&key) {
            group.installed.insert(instance.to_owned(), succeeded.then(|| deployment.id.clone()));
        }
    }

    /// Notes with its group that a deployment was the last one to succeed, if it did.
    pub(crate) fn note_success(&mut self, id: &str) {
        let succeeded = self.deployment(id).filter(|one| one.status == Status::Succeeded);
        let Some(key) = succeeded.map(|one| (one.application.clone(), one.group.clone())) else { return };
        if let Some(group) = self.groups.get_mut(&key) {
            group.last_successful = Some(id.to_owned());
        }
    }
}

/// A UUID's form.
pub(crate) fn new_uuid() -> String {
    let hex = format!("{:032x}", fastrand::u128(..));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// `d-` and nine letters or digits.
pub(crate) fn new_deployment_id() -> String {
    let letters = std::iter::repeat_with(|| fastrand::alphanumeric().to_ascii_uppercase());
    std::iter::once('d').chain(std::iter::once('-')).chain(letters.take(9)).collect()
}
