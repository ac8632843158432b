//! What runs the colours.

use super::PortResult;
use crate::plan::EcsGreen;
use crate::route::Destination;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The services that run blue and green.
pub trait Fleet {
    /// What runs now behind the two target groups.
    async fn survey(&self, green: &EcsGreen, blue_group: &Destination) -> PortResult<Survey>;

    /// What automatic scaling may do with a service; `None` where it is not scaled automatically.
    async fn scaling(&self, cluster: &str, service: &str) -> PortResult<Option<Scaling>>;

    /// Keeps automatic scaling from taking tasks from a service; scaling out goes on. Done twice it changes nothing, nor where
    /// the service is not scaled automatically.
    async fn hold_capacity(&self, cluster: &str, service: &str, hold: &CapacityHold) -> PortResult<()>;

    /// Ends the hold: what [`Fleet::hold_capacity`] set goes back to what was found, what somebody else set since stays. Done
    /// twice it changes nothing, nor where nothing was held.
    async fn free_capacity(&self, cluster: &str, service: &str, hold: &CapacityHold) -> PortResult<()>;

    /// Brings green up, or on towards what is ordered: the service exists, runs the task definition at the ordered size in
    /// green's target group, and scales like blue, but not in while the order's hold lasts. Done twice it changes nothing.
    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()>;

    /// How far green has come to what was ordered. A service that cannot be seen yet has come nowhere: what was created a moment
    /// ago may not be shown.
    async fn progress_of_green(&self, order: &GreenOrder) -> PortResult<Progress>;

    /// How far a service has come, whatever it runs.
    async fn progress(&self, cluster: &str, service: &str) -> PortResult<Progress>;

    /// Brings a service that has fewer tasks up to so many. Done twice it changes nothing.
    async fn scale_out(&self, cluster: &str, service: &str, tasks: u32) -> PortResult<()>;

    /// Takes a service to zero tasks and keeps automatic scaling from raising it again. Done twice it changes nothing.
    async fn scale_in(&self, cluster: &str, service: &str) -> PortResult<()>;
}

/// What runs now behind the two target groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub blue: ServiceReading,
    /// The name of the service that is to be green.
    pub green_name: String,
    /// That service, where it exists.
    pub green: Option<ServiceReading>,
    /// What of blue green will not have, in words.
    pub lacking: Vec<String>,
    /// What the plan's task definition is, in full, and what blue's is: under ECS's own names.
    pub green_task: BTreeMap<String, serde_json::Value>,
    pub blue_task: BTreeMap<String, serde_json::Value>,
}

/// A service as ECS describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceReading {
    pub name: String,
    pub task_definition: String,
    /// Tasks wanted.
    pub desired: u32,
    /// Tasks running.
    pub running: u32,
    /// Everything a person may have set on it besides task definition, size and target group, under ECS's own names.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// What automatic scaling may do with a service's number of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    /// Tasks that it leaves at least.
    pub min_capacity: u32,
    /// Tasks that it gives at most.
    pub max_capacity: u32,
    /// Whether its policies take no tasks away.
    /// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-suspend-resume-scaling.html>
    pub scale_in_suspended: bool,
}

/// Capacity that automatic scaling may not take while a release is under way: blue at 5 % of the traffic would soon be too small
/// to take all of it back, and green at 5 % too small for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapacityHold {
    /// Blue's scaling when the release began.
    pub found: Scaling,
    /// The scaling of both colours while it is under way.
    pub held: Scaling,
}

impl CapacityHold {
    /// Holds so many tasks, as far as the service may have so many.
    #[must_use]
    pub fn of(found: Scaling, tasks: u32) -> Self {
        let min_capacity = tasks.min(found.max_capacity).max(found.min_capacity);
        Self { found, held: Scaling { min_capacity, scale_in_suspended: true, ..found } }
    }

    /// The scaling under the hold: no less than somebody else may have set since.
    #[must_use]
    pub fn begun(&self, present: Scaling) -> Scaling {
        let min_capacity = self.held.min_capacity.min(present.max_capacity).max(present.min_capacity);
        Scaling { min_capacity, scale_in_suspended: self.held.scale_in_suspended, ..present }
    }

    /// The scaling after the hold: what it set is as it was found, and what somebody else set since (a schedule, say) stays.
    #[must_use]
    pub fn ended(&self, present: Scaling) -> Scaling {
        let min_is_ours = present.min_capacity == self.held.min_capacity;
        let suspension_is_ours = present.scale_in_suspended == self.held.scale_in_suspended;
        Scaling {
            min_capacity: if min_is_ours { self.found.min_capacity } else { present.min_capacity },
            scale_in_suspended: if suspension_is_ours {
                self.found.scale_in_suspended
            } else {
                present.scale_in_suspended
            },
            ..present
        }
    }
}

/// What green is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GreenOrder {
    pub cluster: String,
    pub blue_service: String,
    pub green_service: String,
    pub task_definition: String,
    pub green_group: Destination,
    pub blue_group: Destination,
    /// Tasks: blue's size when the release began.
    pub desired: u32,
    /// What automatic scaling may not take; nothing where blue is not scaled automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<CapacityHold>,
}

/// How far a service has come to what was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub desired: u32,
    /// Tasks that run: of green only those of what was ordered.
    pub running: u32,
    /// Whether no task of another version runs any more: as long as one does, a healthy target may be that one.
    pub current: bool,
    /// The newest deployment failed for good (ECS's circuit breaker).
    pub failed: Option<String>,
    /// ECS's newest events about the service, for people.
    pub events: Vec<String>,
}
