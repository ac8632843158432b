//! A deployment and its lifecycle events.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html>

use super::{Config, Group, InstanceStatus, InstanceTarget, Platform, new_deployment_id};
use crate::appspec::{AppSpec, Resource};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use teal_lab_wire::Millis;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Created,
    InProgress,
    /// Waits until somebody continues it.
    Ready,
    Succeeded,
    Failed,
    Stopped,
}

impl Status {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::InProgress => "InProgress",
            Self::Ready => "Ready",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
        }
    }

    pub(crate) const fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Stopped)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creator {
    User,
    Rollback,
}

/// Why a deployment did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// One of <https://docs.aws.amazon.com/codedeploy/latest/userguide/error-codes.html>.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Trouble {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What somebody wants of a deployment that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) why: Trouble,
    pub(crate) rolls_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventStatus {
    Pending,
    InProgress,
    Succeeded,
    Failed,
    Skipped,
}

impl EventStatus {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) status: EventStatus,
    pub(crate) started: Option<Millis>,
    pub(crate) ended: Option<Millis>,
    /// Why it failed: a code of <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_Diagnostics.html>, and a sentence.
    pub(crate) failure: Option<(&'static str, String)>,
    /// On an instance: the script that ran last, and the end of what the event's scripts wrote.
    pub(crate) script: String,
    pub(crate) log: String,
}

impl Event {
    /// Ends it with the deployment: one that is under way gets this status, one that was to come is skipped.
    pub(crate) fn end(&mut self, under_way: EventStatus, now: Millis) {
        match self.status {
            EventStatus::Pending => self.status = EventStatus::Skipped,
            EventStatus::InProgress => (self.status, self.ended) = (under_way, Some(now)),
            EventStatus::Succeeded | EventStatus::Failed | EventStatus::Skipped => {}
        }
    }
}

/// One invocation of a hook's function.
#[derive(Clone, Debug)]
pub(crate) struct HookExecution {
    /// What it answered.
    pub(crate) succeeded: Option<bool>,
    /// Whether nobody waits for the answer any more.
    pub(crate) is_over: bool,
}

/// Where a deployment goes, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    /// ECS: the original task set and the replacement.
    pub(crate) original: Option<String>,
    pub(crate) replacement: Option<String>,
    /// Their target groups, by ARN.
    pub(crate) groups: Option<[String; 2]>,
    /// What percentage the replacement gets.
    pub(crate) share: u8,
    /// Whether the replacement is what serves now by its service, too.
    pub(crate) is_primary: bool,
    pub(crate) updated: Option<Millis>,
}

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) application: String,
    pub(crate) group: String,
    pub(crate) platform: Platform,
    pub(crate) config: Config,
    pub(crate) description: Option<String>,
    pub(crate) creator: Creator,
    pub(crate) content: String,
    pub(crate) app_spec: AppSpec,
    /// The group's settings when it was created, with what it brought itself.
    pub(crate) settings: Map<String, Value>,
    pub(crate) status: Status,
    pub(crate) created: Millis,
    pub(crate) started: Option<Millis>,
    pub(crate) completed: Option<Millis>,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) rolls_back: Option<String>,
    pub(crate) rolled_back_by: Option<String>,
    pub(crate) rollback_message: Option<String>,
    /// Of all but servers, where each instance has its own.
    pub(crate) events: Vec<Event>,
    /// On servers: in the order in which they are deployed to, from the deployment's start on.
    pub(crate) instances: Vec<InstanceTarget>,
    /// By their ids.
    pub(crate) hooks: BTreeMap<String, HookExecution>,
    pub(crate) target: Target,
    pub(crate) order: Option<Order>,
    /// Whether somebody has continued it where it waits before and after its traffic is shifted.
    pub(crate) ready_continued: bool,
    pub(crate) termination_continued: bool,
    /// Whether it waits until the original task set may go.
    pub(crate) waits_for_termination: bool,
}

/// What a deployment is created with.
pub(crate) struct Begun {
    pub(crate) config: Config,
    pub(crate) description: Option<String>,
    pub(crate) content: String,
    pub(crate) app_spec: AppSpec,
    pub(crate) own_settings: Map<String, Value>,
    pub(crate) at: Millis,
}

impl Deployment {
    pub(crate) fn begin(application: &str, name: &str, group: &Group, platform: Platform, begun: Begun) -> Self {
        let mut settings = group.settings.clone();
        settings.extend(begun.own_settings);
        let with_test_traffic = test_listener(&settings).is_some();
        Self {
            id: new_deployment_id(),
            application: application.to_owned(),
            group: name.to_owned(),
            platform,
            config: begun.config,
            description: begun.description,
            creator: Creator::User,
            content: begun.content,
            app_spec: begun.app_spec,
            settings,
            status: Status::Created,
            created: begun.at,
            started: None,
            completed: None,
            trouble: None,
            rolls_back: None,
            rolled_back_by: None,
            rollback_message: None,
            events: pending(&platform.events(with_test_traffic)),
            instances: Vec::new(),
            hooks: BTreeMap::new(),
            target: Target::default(),
            order: None,
            ready_continued: false,
            termination_continued: false,
            waits_for_termination: false,
        }
    }

    /// The deployment that undoes this one.
    pub(crate) fn rollback(&self, at: Millis) -> Self {
        let id = new_deployment_id();
        Self {
            creator: Creator::Rollback,
            description: None,
            status: Status::Created,
            created: at,
            started: None,
            completed: None,
            trouble: None,
            rolls_back: Some(self.id.clone()),
            rolled_back_by: None,
            rollback_message: Some(format!("Deployment {id} is rolling back deployment {}.", self.id)),
            events: pending(&self.platform.events(false)),
            instances: Vec::new(),
            hooks: BTreeMap::new(),
            order: None,
            waits_for_termination: false,
            id,
            ..self.clone()
        }
    }

    pub(crate) fn setting(&self, path: &str) -> Option<&Value> {
        let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let value = self.settings.get(first)?;
        rest.map_or(Some(value), |rest| value.pointer(&format!("/{rest}")))
    }

    /// Whether an event is configured to roll it back.
    pub(crate) fn rolls_back_on(&self, event: &str) -> bool {
        let enabled = self.setting("autoRollbackConfiguration/enabled").is_some_and(|enabled| *enabled == true);
        let events = self.setting("autoRollbackConfiguration/events").and_then(Value::as_array);
        enabled && events.is_some_and(|events| events.iter().any(|one| one == event))
    }

    pub(crate) fn production_listener(&self) -> Option<&str> {
        self.setting("loadBalancerInfo/targetGroupPairInfoList/0/prodTrafficRoute/listenerArns/0")?.as_str()
    }

    pub(crate) fn test_listener(&self) -> Option<&str> {
        test_listener(&self.settings)
    }

    /// Cluster and service, or function and alias.
    pub(crate) fn target_names(&self) -> (String, String) {
        match &self.app_spec.resource {
            Resource::Lambda { function, alias, .. } => (function.clone(), alias.clone()),
            Resource::Bundle(_) => Default::default(),
            Resource::Ecs { .. } => {
                let name = |member: &str| {
                    let found = self.setting(&format!("ecsServices/0/{member}")).and_then(Value::as_str);
                    found.unwrap_or_default().to_owned()
                };
                (name("clusterName"), name("serviceName"))
            }
        }
    }

    /// As ListDeploymentTargets lists them: `cluster:service`, the function's name, or the instances' ids.
    pub(crate) fn target_ids(&self) -> Vec<String> {
        let (first, second) = self.target_names();
        match self.platform {
            Platform::Ecs => vec![format!("{first}:{second}")],
            Platform::Lambda => vec![first],
            Platform::Server => self.instances.iter().map(|instance| instance.id.clone()).collect(),
        }
    }

    /// How many of its instances have this status.
    pub(crate) fn count(&self, status: InstanceStatus) -> usize {
        self.instances.iter().filter(|instance| instance.status == status).count()
    }
}

/// Events that are to come.
pub(super) fn pending(names: &[&'static str]) -> Vec<Event> {
    let pending = |name: &&'static str| Event {
        name,
        status: EventStatus::Pending,
        started: None,
        ended: None,
        failure: None,
        script: String::new(),
        log: String::new(),
    };
    names.iter().map(pending).collect()
}

fn test_listener(settings: &Map<String, Value>) -> Option<&str> {
    let route = "/targetGroupPairInfoList/0/testTrafficRoute/listenerArns/0";
    settings.get("loadBalancerInfo")?.pointer(route)?.as_str()
}
