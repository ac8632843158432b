//! What brings the colours up, sizes them and takes them in.

use super::PortResult;
use crate::fleet::{GreenOrder, Runner};
use crate::plan::Green;
use crate::route::Colours;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What runs blue and green.
pub trait Fleet {
    /// What runs now behind the two destinations, and what is to run green.
    async fn survey(&self, green: &Green, colours: &Colours) -> PortResult<Survey>;

    /// What automatic scaling may do with a runner; `None` where it is not scaled automatically.
    async fn scaling(&self, runner: &Runner) -> PortResult<Option<Scaling>>;

    /// Keeps automatic scaling from taking units from a runner; scaling out goes on. Done twice it changes nothing, nor where
    /// the runner is not scaled automatically.
    async fn hold_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()>;

    /// Ends the hold: what [`Fleet::hold_capacity`] set goes back to what was found, what somebody else set since stays. Done
    /// twice it changes nothing, nor where nothing was held.
    async fn free_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()>;

    /// Brings green up, or on towards what is ordered: its runner exists, runs what is ordered at the ordered size at
    /// green's destination, and scales like blue, but not in while the order's hold lasts. Done twice it changes nothing.
    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()>;

    /// Does what of the order can only be done once green is there; called again and again until it is ready, where
    /// [`RunnerFacts::comes_in_stages`](crate::fleet::RunnerFacts::comes_in_stages). Done twice it changes nothing.
    async fn bring_on(&self, order: &GreenOrder) -> PortResult<()>;

    /// How far green has come to what was ordered. A runner that cannot be seen yet has come nowhere: what was created a moment
    /// ago may not be shown.
    async fn progress_of_green(&self, order: &GreenOrder) -> PortResult<Progress>;

    /// How far a runner has come, whatever it runs.
    async fn progress(&self, runner: &Runner) -> PortResult<Progress>;

    /// Brings a runner that has fewer units up to so many. Done twice it changes nothing.
    async fn scale_out(&self, runner: &Runner, units: u32) -> PortResult<()>;

    /// Takes a runner to no units and keeps automatic scaling from raising it again. Done twice it changes nothing.
    async fn scale_in(&self, runner: &Runner) -> PortResult<()>;
}

/// What runs now behind the two destinations, and what is to run green.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub blue: RunnerReading,
    /// What is to run green.
    pub green: Runner,
    /// The same as it is now, where it exists.
    pub present: Option<RunnerReading>,
    /// What green is to run, as orders have it.
    pub runs: String,
    /// What of blue green will not have, in words.
    pub lacking: Vec<String>,
    /// What that version is, in full, and what blue's is: under the service's own names.
    pub green_version: BTreeMap<String, serde_json::Value>,
    pub blue_version: BTreeMap<String, serde_json::Value>,
}

/// A runner as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct RunnerReading {
    pub runner: Runner,
    /// Units wanted.
    pub desired: u32,
    /// Everything a person may have set on it besides version, size and destination, under the service's own names.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// What automatic scaling may do with a runner's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    /// Units that it leaves at least.
    pub min_capacity: u32,
    /// Units that it gives at most.
    pub max_capacity: u32,
    /// Whether its policies take no units away.
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
    /// Holds so many units, as far as the runner may have so many.
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

/// How far a runner has come to what was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub desired: u32,
    /// Units that run: of green only those of what was ordered.
    pub running: u32,
    /// Whether no unit of another version runs any more: as long as one does, a healthy target may be that one.
    pub current: bool,
    /// Why it will never come that far: ECS's circuit breaker, for example.
    pub failed: Option<String>,
    /// The newest events about it, for people.
    pub events: Vec<String>,
}
