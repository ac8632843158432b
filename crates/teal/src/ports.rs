//! What the core asks of the world. Adapters answer; tests answer from memory.
//!
//! The futures need not be `Send`: a function serves one event at a time on one thread.
#![allow(async_fn_in_trait, reason = "no caller needs to name these futures or send them to another thread")]

use crate::drift::RouteLeft;
use crate::error::{ErrorName, TealError};
use crate::plan::{AlarmName, EcsGreen, HttpCheck, TargetGroupArn};
use crate::release::{Release, ReleaseId, Summary};
use crate::request::Request;
use crate::route::{Action, PartRef};
use crate::story::{Announcement, StoryEntry};
use crate::time::Timestamp;
use crate::units::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Why a call to the world failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    #[error("{call} was throttled")]
    Throttled { call: &'static str },
    /// No answer, or a fault of the service; the effect may have happened.
    #[error("{call} did not succeed: {message}")]
    Unavailable { call: &'static str, message: String },
    #[error("{call} was denied: {message}. Give the function's role this permission")]
    Denied { call: &'static str, message: String },
    #[error("{what} does not exist")]
    NotFound { what: String },
    /// The record is not as it was read.
    #[error("the record of {release} was changed by another function")]
    Stale { release: ReleaseId },
    #[error("{call} was refused: {message}")]
    Refused { call: &'static str, message: String },
}

impl From<PortError> for TealError {
    fn from(error: PortError) -> Self {
        let name = match &error {
            PortError::Throttled { .. } => ErrorName::Throttled,
            PortError::Unavailable { .. } => ErrorName::Unavailable,
            PortError::Denied { .. } => ErrorName::AccessDenied,
            PortError::NotFound { .. } => ErrorName::NotFound,
            PortError::Stale { .. } => ErrorName::RecordChanged,
            PortError::Refused { .. } => ErrorName::CallRefused,
        };
        TealError::new(name, error.to_string())
    }
}

/// What a call to the world gives.
pub type PortResult<T> = Result<T, PortError>;

/// Everything at once: what a step runs against.
pub trait World: Ledger + LoadBalancer + Fleet + Signals + Prober + Announcer {}
impl<T: Ledger + LoadBalancer + Fleet + Signals + Prober + Announcer> World for T {}

/// What opening a release came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    Opened,
    /// The release is on record already: the step is run again.
    AlreadyOpen,
    /// Another release holds something that this one needs.
    Busy {
        key: String,
        holder: ReleaseId,
    },
}

/// Releases, the locks on their routes, and what people ask of them. Every read here is consistent and of the base
/// table, except [`Ledger::list`], which decides nothing.
pub trait Ledger {
    /// The record of a release, if there is one.
    async fn load(&self, release: &ReleaseId) -> PortResult<Option<Release>>;

    /// Writes the record, its locks and its alarm watches, all or nothing.
    async fn open(&self, release: &Release) -> PortResult<Opening>;

    /// Writes the record if its revision is still the one that was read, and appends to its story; then the record
    /// carries the next revision. A record in a terminal phase also gives up its locks and watches, in the same write; it is
    /// active until its outbox is empty.
    ///
    /// # Errors
    /// [`PortError::Stale`] when another function wrote in between. Any error after which the record carries the next revision:
    /// it is written, but not all that goes with it.
    async fn save(&self, release: &mut Release, story: &[StoryEntry]) -> PortResult<()>;

    /// What people asked of this release (approve, reject, abort), oldest first.
    async fn requests(&self, release: &ReleaseId) -> PortResult<Vec<Request>>;

    /// Writes a request; asking the same again changes nothing.
    async fn ask(&self, release: &ReleaseId, request: &Request) -> PortResult<()>;

    /// The releases under way that watch an alarm, by the alarm's name.
    async fn watching(&self, alarm: &AlarmName) -> PortResult<Vec<ReleaseId>>;

    /// Every release that holds a lock now, or whose ending nobody was told of yet.
    async fn active(&self) -> PortResult<Vec<ReleaseId>>;

    /// What releases that have ended left on the parts of their routes: the last one of each part, written by [`Ledger::save`] when it
    /// ended.
    async fn left(&self) -> PortResult<Vec<RouteLeft>>;

    /// The newest releases first, of one service or of all. Eventually consistent: for people, not for decisions.
    async fn list(&self, service: Option<&str>, limit: usize) -> PortResult<Vec<Summary>>;

    /// The whole story of a release, oldest first.
    async fn story(&self, release: &ReleaseId) -> PortResult<Vec<StoryEntry>>;
}

/// Listeners, rules and target groups.
pub trait LoadBalancer {
    /// The action list of one listener or rule: one request.
    async fn actions(&self, part: &PartRef) -> PortResult<Vec<Action>>;

    /// Replaces the whole action list of one listener or rule: one request. It is not tried again within the call unless the
    /// first attempt certainly had no effect: a second one that succeeds would say that all is done while the first may
    /// still happen.
    async fn set_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<()>;

    /// Target groups with their settings, in the order asked for.
    async fn target_groups(&self, groups: &[TargetGroupArn]) -> PortResult<Vec<TargetGroup>>;

    /// The targets of a group with their health.
    async fn targets(&self, group: &TargetGroupArn) -> PortResult<Vec<Target>>;

    /// The Availability Zones of the load balancer of this listener or rule, as metrics name them.
    async fn zones(&self, part: &PartRef) -> PortResult<Vec<String>>;

    /// Where a request must go to reach this listener or rule.
    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint>;
}

/// A target group.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetGroup {
    pub arn: TargetGroupArn,
    /// The load balancers that use it. ELB allows one.
    pub load_balancers: Vec<String>,
    pub sticky: bool,
    /// Everything a person may have set on it (port, protocol, health check, attributes), under ELB's own names.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// A registered target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub id: String,
    pub port: Option<u16>,
    pub health: TargetHealth,
    /// ELB's reason code and description, where it gives them.
    pub reason: Option<String>,
}

/// A target's state.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetHealth {
    Healthy,
    Initial,
    Unhealthy,
    Unused,
    Draining,
    /// Health checks are off, or ELB cannot tell.
    Unavailable,
}

/// Where requests to a listener or rule go, and what they must carry to match it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and port, without a path.
    pub url: String,
    /// Headers that the rule's conditions ask for.
    pub headers: Vec<(String, String)>,
    /// The path patterns of the rule's conditions, of which a request must match one; none where any path does. `*` stands for any
    /// characters, `?` for one.
    pub paths: Vec<String>,
}

/// The services that run blue and green.
pub trait Fleet {
    /// What runs now behind the two target groups.
    async fn survey(&self, green: &EcsGreen, blue_group: &TargetGroupArn) -> PortResult<Survey>;

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
    pub green_group: TargetGroupArn,
    pub blue_group: TargetGroupArn,
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

/// Alarms and metrics.
pub trait Signals {
    /// The states of the alarms that could be found, metric and composite. One that is missing in the answer does not exist.
    async fn alarms(&self, names: &[AlarmName]) -> PortResult<Vec<AlarmReading>>;

    /// The series of all queries that are to be returned, over `[from, to)`, in one call. A series that CloudWatch gave
    /// incompletely is an error.
    async fn metrics(&self, queries: &[MetricQuery], from: Timestamp, to: Timestamp) -> PortResult<Vec<Series>>;
}

/// An alarm's state at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmReading {
    pub name: AlarmName,
    pub state: AlarmState,
    /// CloudWatch's reason for the state.
    pub reason: String,
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

/// One series to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricQuery {
    /// Starts with a lower-case letter, as CloudWatch asks; unique in a call.
    pub id: String,
    pub reads: Reads,
    /// Seconds.
    pub period: u32,
    /// Whether the series is wanted itself, and not only for expressions.
    pub returned: bool,
}

/// Where a series comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    Statistic(Statistic),
    /// Metric math over other queries of the same call, by their ids.
    Expression(String),
}

/// A statistic of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistic {
    pub namespace: String,
    pub metric: String,
    pub dimensions: Vec<(String, String)>,
    /// A CloudWatch statistic: `Sum`, `p99`, `TC(0.5:)`, …
    pub statistic: String,
}

/// The points of one series, oldest first. Where CloudWatch has no datum there is no point.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub id: String,
    /// The beginning of the period, and its value.
    pub points: Vec<(Timestamp, f64)>,
}

/// Executions of the state machine.
pub trait Executions {
    /// The status that an execution has ended with (`FAILED`, `ABORTED`, …), `GONE` when it does not exist any more; `None` while it runs.
    async fn ended_with(&self, execution: &str) -> PortResult<Option<String>>;
}

/// HTTP requests for validation.
pub trait Prober {
    /// Sends one request; redirects are not followed.
    ///
    /// # Errors
    /// A sentence: what went wrong on the way. An answer of any status is not an error.
    async fn probe(&self, endpoint: &Endpoint, check: &HttpCheck) -> Result<ProbeAnswer, String>;

    /// Waits between two attempts.
    async fn pause(&self, span: Span);
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAnswer {
    pub status: u16,
    /// The first 64 KiB of the body, undecodable bytes replaced.
    pub body: String,
    pub elapsed: Duration,
}

/// Tells the rest of the account what happens.
pub trait Announcer {
    /// Puts events on the bus. Told twice, they carry the same id.
    async fn announce(&self, announcements: &[Announcement]) -> PortResult<()>;
}
