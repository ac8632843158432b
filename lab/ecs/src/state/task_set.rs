//! Task sets: what a service with the CODE_DEPLOY controller has instead of deployments.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html>

use crate::protocol::Tag;
use crate::state::{Deployment, LoadBalancer, Service, TaskDefinitionId};
use serde_json::json;
use teal_lab_wire::Millis;

/// A service has at most two task sets at a time: the original one and the replacement.
pub(crate) const MOST_TASK_SETS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskSetStatus {
    /// It serves production traffic.
    Primary,
    /// It serves none, or not all of it yet.
    Active,
    /// Its tasks are being stopped.
    Draining,
}

impl TaskSetStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
        }
    }
}

#[derive(Debug)]
pub(crate) struct TaskSet {
    /// What starts its tasks. Its id is the task set's.
    pub(crate) deployment: Deployment,
    pub(crate) status: TaskSetStatus,
    /// CodeDeploy's deployment.
    pub(crate) external_id: Option<String>,
    /// In percent of the service's desired count.
    pub(crate) scale: f64,
    /// Whether as many tasks run as are wanted, and the load balancer finds them in order; since when that is so, or is not.
    pub(crate) steady: bool,
    pub(crate) steady_at: Millis,
    pub(crate) tags: Vec<Tag>,
}

impl TaskSet {
    /// How many tasks it is to have where its service is to have so many. Always rounded up.
    pub(crate) fn desired(&self, of_service: u32) -> u64 {
        match self.status {
            TaskSetStatus::Draining => 0,
            TaskSetStatus::Primary | TaskSetStatus::Active => {
                (f64::from(of_service) * self.scale / 100.0).ceil() as u64
            }
        }
    }
}

impl Service {
    /// Whether CodeDeploy deploys to it.
    pub(crate) fn has_task_sets(&self) -> bool {
        self.setting("deploymentController")["type"] == "CODE_DEPLOY"
    }

    pub(crate) fn task_set_mut(&mut self, id: &str) -> Option<&mut TaskSet> {
        self.task_sets.iter_mut().find(|set| set.deployment.id == id)
    }

    /// Begins a task set of a task definition behind load balancers; the first one of a service is its primary one.
    pub(crate) fn add_task_set(
        &mut self,
        task_definition: TaskDefinitionId,
        load_balancers: Option<Vec<LoadBalancer>>,
        now: Millis,
    ) -> &mut TaskSet {
        self.deploy(task_definition, now);
        // The one that was begun just now.
        let mut deployment = self.deployments.remove(0);
        if let Some(load_balancers) = load_balancers {
            deployment.load_balancers = load_balancers;
        }
        let status = if self.task_sets.is_empty() { TaskSetStatus::Primary } else { TaskSetStatus::Active };
        let set = TaskSet {
            deployment,
            status,
            external_id: None,
            scale: 100.0,
            steady: false,
            steady_at: now,
            tags: Vec::new(),
        };
        let place = self.task_sets.len();
        self.task_sets.push(set);
        &mut self.task_sets[place]
    }

    /// Makes a task set the primary one. Its load balancers are the service's from now on.
    pub(crate) fn set_primary(&mut self, id: &str, now: Millis) {
        for set in self.task_sets.iter_mut().filter(|set| set.status != TaskSetStatus::Draining) {
            set.status = if set.deployment.id == id { TaskSetStatus::Primary } else { TaskSetStatus::Active };
            set.deployment.updated_at = now;
        }
        let primary = self.task_sets.iter().find(|set| set.deployment.id == id);
        if let Some(primary) = primary.map(|set| json!(set.deployment.load_balancers)) {
            self.settings.insert("loadBalancers".to_owned(), primary);
        }
    }
}
