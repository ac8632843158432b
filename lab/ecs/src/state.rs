//! What exists: clusters, task definitions, services, deployments and tasks.

mod service;
mod task;
mod task_set;

pub(crate) use service::{Deployment, DeploymentBounds, LoadBalancer, Rollout, Service, ServiceStatus};
pub(crate) use task::{Ending, Task, TaskStatus};
pub(crate) use task_set::{MOST_TASK_SETS, TaskSet, TaskSetStatus};

use crate::names;
use crate::protocol::{Members, Tag};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use teal_lab_wire::{AwsFault, Millis};

/// Everything, behind one lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) clusters: BTreeMap<String, Cluster>,
    /// Revisions by family; revision n is at index n - 1.
    pub(crate) task_definitions: BTreeMap<String, Vec<TaskDefinition>>,
    /// By cluster and name. One that is INACTIVE stays until its name is used again.
    pub(crate) services: BTreeMap<(String, String), Service>,
    /// By id. Stopped ones stay for an hour of lab time.
    pub(crate) tasks: BTreeMap<String, Task>,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    /// Members of CreateCluster that are given back as they came.
    pub(crate) settings: Members,
    pub(crate) tags: Vec<Tag>,
}

/// A task definition's name: family and revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskDefinitionId {
    pub(crate) family: String,
    pub(crate) revision: u32,
}

impl TaskDefinitionId {
    pub(crate) fn arn(&self) -> String {
        names::arn(&format!("task-definition/{self}"))
    }
}

impl fmt::Display for TaskDefinitionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.family, self.revision)
    }
}

#[derive(Debug)]
pub(crate) struct TaskDefinition {
    pub(crate) id: TaskDefinitionId,
    /// Members of RegisterTaskDefinition that are given back as they came.
    pub(crate) settings: Members,
    pub(crate) tags: Vec<Tag>,
    pub(crate) registered_at: Millis,
    /// Set once it is INACTIVE.
    pub(crate) deregistered_at: Option<Millis>,
}

impl TaskDefinition {
    pub(crate) fn containers(&self) -> &[Value] {
        self.settings.get("containerDefinitions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The container that becomes the task's process: the one named, else the first essential one.
    pub(crate) fn main_container(&self, name: Option<&str>) -> Option<&Value> {
        let containers = self.containers();
        name.and_then(|name| containers.iter().find(|container| container["name"] == name))
            .or_else(|| containers.iter().find(|container| container["essential"] != false))
            .or_else(|| containers.first())
    }

    pub(crate) fn uses_awsvpc(&self) -> bool {
        self.settings.get("networkMode").is_some_and(|mode| mode == "awsvpc")
    }
}

/// A revision among those of every family.
pub(crate) fn find_definition<'a>(
    definitions: &'a BTreeMap<String, Vec<TaskDefinition>>,
    id: &TaskDefinitionId,
) -> Option<&'a TaskDefinition> {
    definitions.get(&id.family)?.get((id.revision as usize).checked_sub(1)?)
}

impl State {
    /// # Errors
    /// ClusterNotFoundException.
    pub(crate) fn cluster(&self, reference: Option<&str>) -> Result<&Cluster, AwsFault> {
        self.clusters
            .get(names::cluster_name(reference))
            .ok_or_else(|| AwsFault::client("ClusterNotFoundException", "Cluster not found."))
    }

    /// Finds a service by name or ARN, in any status.
    ///
    /// # Errors
    /// ClusterNotFoundException, ServiceNotFoundException, or InvalidParameterException for another cluster's ARN.
    pub(crate) fn service_mut(&mut self, cluster: Option<&str>, reference: &str) -> Result<&mut Service, AwsFault> {
        let cluster = self.cluster(cluster)?.name.clone();
        let name = names::in_cluster(reference, &cluster)?.to_owned();
        self.services
            .get_mut(&(cluster, name))
            .ok_or_else(|| AwsFault::client("ServiceNotFoundException", "Service not found."))
    }

    /// Finds a task definition by `family` (its latest active revision), `family:revision` or ARN.
    pub(crate) fn task_definition(&self, reference: &str) -> Option<&TaskDefinition> {
        let name = names::last_part(reference);
        match name.split_once(':') {
            Some((family, revision)) => {
                let index = revision.parse::<usize>().ok()?.checked_sub(1)?;
                self.task_definitions.get(family)?.get(index)
            }
            None => self.task_definitions.get(name)?.iter().rev().find(|it| it.deregistered_at.is_none()),
        }
    }

    pub(crate) fn definition(&self, id: &TaskDefinitionId) -> Option<&TaskDefinition> {
        find_definition(&self.task_definitions, id)
    }

    /// The tasks of a deployment, in any status.
    pub(crate) fn tasks_of<'a>(&'a self, deployment: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.values().filter(move |task| task.deployment == deployment)
    }
}
