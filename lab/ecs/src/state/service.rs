//! A service and its deployments.

use crate::deployments::{self, History};
use crate::names;
use crate::protocol::{Members, Tag};
use crate::state::{TaskDefinitionId, TaskSet, TaskSetStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;
use teal_lab_wire::Millis;

/// How many events DescribeServices gives back.
const EVENTS_KEPT: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceStatus {
    Active,
    /// Deleted, tasks are still running.
    Draining,
    /// Deleted; the name may be used again.
    Inactive,
}

impl ServiceStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) cluster: String,
    pub(crate) name: String,
    pub(crate) status: ServiceStatus,
    /// Members that are given back as they came, defaults filled in.
    pub(crate) settings: Members,
    /// The whole request that created it: the same request again gives back the service.
    pub(crate) creation: Members,
    pub(crate) tags: Vec<Tag>,
    pub(crate) desired_count: u32,
    /// The PRIMARY one first. Others leave when their last task stops.
    pub(crate) deployments: Vec<Deployment>,
    /// What there is instead of deployments where CodeDeploy is the controller.
    pub(crate) task_sets: Vec<TaskSet>,
    /// Revisions and deployments so far. Where CodeDeploy deploys there are none.
    pub(crate) history: History,
    /// What the circuit breaker goes back to.
    pub(crate) last_completed: Option<TaskDefinitionId>,
    /// Newest first.
    pub(crate) events: VecDeque<Event>,
    pub(crate) created_at: Millis,
    /// Tasks started so far.
    pub(crate) tasks_started: u64,
    /// Tasks that ended by themselves, one after another.
    pub(crate) early_endings: u32,
    /// No task is started before this time.
    pub(crate) not_before: Millis,
    /// Whether the event that says so was written for the present state.
    pub(crate) said_steady: bool,
    /// Likewise for an event that says that there is no capacity.
    pub(crate) said_no_capacity: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) at: Millis,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

impl Rollout {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    /// The service revision whose tasks these are.
    pub(crate) revision: String,
    /// Where traffic is shifted from revision to revision: whether as many tasks as the service's are wanted, or none.
    pub(crate) wanted: Option<bool>,
    pub(crate) task_definition: TaskDefinitionId,
    /// Members of the service that a deployment repeats, as they were when it began.
    pub(crate) settings: Members,
    pub(crate) load_balancers: Vec<LoadBalancer>,
    pub(crate) created_at: Millis,
    pub(crate) updated_at: Millis,
    pub(crate) rollout: Rollout,
    pub(crate) reason: String,
    /// Tasks that failed to start, one after another; not counted any more once a task has run.
    pub(crate) failed_tasks: u32,
    pub(crate) has_run_a_task: bool,
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadBalancer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_group_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) container_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) container_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advanced_configuration: Option<AdvancedConfiguration>,
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AdvancedConfiguration.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AdvancedConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alternate_target_group_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) production_listener_rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) test_listener_rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role_arn: Option<String>,
}

/// Bounds of a deployment, in percent of the desired count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeploymentBounds {
    pub(crate) minimum_healthy: u64,
    pub(crate) maximum: u64,
}

impl Service {
    pub(crate) fn arn(&self) -> String {
        names::service_arn(&self.cluster, &self.name)
    }

    /// The PRIMARY deployment, or that of the primary task set.
    pub(crate) fn primary(&self) -> Option<&Deployment> {
        let of_set =
            || self.task_sets.iter().find(|set| set.status == TaskSetStatus::Primary).map(|set| &set.deployment);
        self.deployments.first().or_else(of_set)
    }

    pub(crate) fn say(&mut self, at: Millis, message: String) {
        tracing::debug!(cluster = self.cluster, "{message}");
        self.events.push_front(Event { id: names::new_uuid(), at, message });
        self.events.truncate(EVENTS_KEPT);
    }

    /// A lower or higher count is not a deployment; the scheduler acts on it.
    pub(crate) fn set_desired_count(&mut self, count: u32, now: Millis) {
        if self.desired_count != count {
            self.desired_count = count;
            self.said_steady = false;
            if let Some(deployment) = self.deployments.first_mut() {
                deployment.updated_at = now;
            }
        }
    }

    pub(crate) fn setting(&self, name: &str) -> &Value {
        self.settings.get(name).unwrap_or(&Value::Null)
    }

    pub(crate) fn has_load_balancers(&self) -> bool {
        self.setting("loadBalancers").as_array().is_some_and(|list| !list.is_empty())
    }

    pub(crate) fn bounds(&self) -> DeploymentBounds {
        let configuration = self.setting("deploymentConfiguration");
        DeploymentBounds {
            minimum_healthy: configuration["minimumHealthyPercent"].as_u64().unwrap_or(100),
            maximum: configuration["maximumPercent"].as_u64().unwrap_or(200),
        }
    }

    /// `(enabled, rolls back)`.
    pub(crate) fn circuit_breaker(&self) -> (bool, bool) {
        let breaker = &self.setting("deploymentConfiguration")["deploymentCircuitBreaker"];
        (breaker["enable"] == true, breaker["rollback"] == true)
    }

    /// How many tasks may fail to start, one after another, until the circuit breaker acts: half the desired count, at least 3 and at
    /// most 200.
    pub(crate) fn circuit_threshold(&self) -> u32 {
        self.desired_count.div_ceil(2).clamp(3, 200)
    }

    /// Begins a deployment of `task_definition` with the service's present settings; the one before becomes ACTIVE.
    pub(crate) fn deploy(&mut self, task_definition: TaskDefinitionId, now: Millis) {
        let before = self.deployments.first().map(|it| it.load_balancers.clone());
        self.place(task_definition, now);
        if self.setting("deploymentController")["type"] == "CODE_DEPLOY" {
            return;
        }
        let shifts = self.shifts_traffic();
        for (place, deployment) in self.deployments.iter_mut().enumerate() {
            // Whoever drives the deployment says when the new tasks are wanted; those of before are until then.
            deployment.wanted = shifts.then(|| place > 0 && deployment.wanted != Some(false));
        }
        // A rolling update stays in the target groups in which the tasks are.
        if let (Some(first), Some(before), false) = (self.deployments.first_mut(), before, shifts) {
            first.load_balancers = deployments::same_groups(std::mem::take(&mut first.load_balancers), &before);
        }
        deployments::began(self, now);
    }

    /// Puts a deployment of `task_definition` with the service's present settings first. Gives its revision.
    pub(crate) fn place(&mut self, task_definition: TaskDefinitionId, now: Millis) -> String {
        /// What a Deployment has in common with its service. Service Connect and volumes are only given back here.
        const REPEATED: [&str; 8] = [
            "capacityProviderStrategy",
            "launchType",
            "networkConfiguration",
            "platformFamily",
            "platformVersion",
            "serviceConnectConfiguration",
            "volumeConfigurations",
            "vpcLatticeConfigurations",
        ];
        let settings =
            REPEATED.iter().filter_map(|name| Some(((*name).to_owned(), self.settings.get(*name)?.clone()))).collect();
        let load_balancers = self.load_balancers();
        let id = names::new_deployment_id();
        let revision = deployments::revised(self, &task_definition, now);
        let reason = format!("ECS deployment {id} in progress.");
        self.deployments.insert(
            0,
            Deployment {
                id,
                revision: revision.clone(),
                wanted: None,
                task_definition,
                settings,
                load_balancers,
                created_at: now,
                updated_at: now,
                rollout: Rollout::InProgress,
                reason,
                failed_tasks: 0,
                has_run_a_task: false,
            },
        );
        self.early_endings = 0;
        self.not_before = now;
        self.said_steady = false;
        revision
    }

    /// The load balancers in the settings; they were checked when they came in.
    pub(crate) fn load_balancers(&self) -> Vec<LoadBalancer> {
        serde_json::from_value(self.setting("loadBalancers").clone()).unwrap_or_default()
    }
}
