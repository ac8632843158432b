//! What the core asks of the world. Adapters answer; tests answer from memory.
//!
//! The futures need not be `Send`: a function serves one event at a time on one thread.
#![allow(async_fn_in_trait, reason = "no caller needs to name these futures or send them to another thread")]

mod account;
mod deployments;
mod fleet;
mod hooks;
mod plans;
mod router;
mod testers;

pub use account::{Held, Side};
pub use deployments::{DeploymentReading, DeploymentStage, DeploymentState, Deployments, Hearing};
pub use fleet::{CapacityHold, Fleet, Progress, RunnerReading, Scaling, Survey};
pub use hooks::Hooks;
pub use plans::{MAX_STORED_PLAN, PlanStore, StoredPlan};
pub use router::{DestinationReading, Endpoint, Entrance, Router, Target, TargetHealth};
pub use testers::{BuildOrder, BuildReading, BuildState, Testers};

use crate::drift::RouteLeft;
use crate::error::{ErrorName, TealError};
use crate::hook::HookTicket;
use crate::pipeline::JobAnswer;
use crate::plan::{Account, AlarmName, HttpCheck};
use crate::release::{Release, ReleaseId, Summary};
use crate::request::{Request, Requests};
use crate::story::{Announcement, StoryEntry};
use crate::time::Timestamp;
use crate::units::Span;
use serde::{Deserialize, Serialize};
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
    /// The role of the service's account could not be assumed: nothing there was read or changed. What to do comes first, since an execution's
    /// cause may be cut off.
    #[error(
        "the role {role} could not be assumed. Its trust policy must let the roles of Teal's functions in, the external id that it asks for must be account.externalId of the plan, and the parameter ReleaseRoles of Teal's stack must match its ARN. sts:AssumeRole: {message}"
    )]
    NotAssumed { role: String, message: String },
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
            PortError::Denied { .. } | PortError::NotAssumed { .. } => ErrorName::AccessDenied,
            PortError::NotFound { .. } => ErrorName::NotFound,
            PortError::Stale { .. } => ErrorName::RecordChanged,
            PortError::Refused { .. } => ErrorName::CallRefused,
        };
        TealError::new(name, error.to_string())
    }
}

/// What a call to the world gives.
pub type PortResult<T> = Result<T, PortError>;

/// Everything at once: what a step runs against. What is Teal's own is asked of the world itself; what belongs to the service, of its
/// side ([`World::side`]), which may be another account.
pub trait World: Ledger + Prober + Announcer + PlanStore {
    /// What belongs to a service.
    type Side: Side;

    /// What time it is by now, by the clock that also said when the run began.
    fn time(&self) -> Timestamp;

    /// The side of services in Teal's own account: for what is in no other one.
    fn own_side(&self) -> &Self::Side;

    /// The side of the service that a release is about: Teal's own account, or another one by a role there. `release` is whom calls are
    /// made for, as the other account's trail shows it.
    ///
    /// # Errors
    /// [`PortError::NotAssumed`] when the role may not be assumed; [`PortError::Throttled`], [`PortError::Unavailable`].
    async fn side(&self, account: Option<&Account>, release: &ReleaseId) -> PortResult<Held<'_, Self::Side>>;
}

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

    /// Appends a line to the story of a release without touching the record: for what runs beside its steps, which must not make their
    /// writes fail. A function has one such line for each revision; what it tells next replaces it.
    async fn tell(&self, release: &Release, entry: &StoryEntry) -> PortResult<()>;

    /// What people asked of this release (approve, reject, abort).
    async fn requests(&self, release: &ReleaseId) -> PortResult<Requests>;

    /// Writes a request; asking the same again changes nothing, unless what is there cannot be read.
    async fn ask(&self, release: &ReleaseId, request: &Request) -> PortResult<()>;

    /// Keeps a hook that waits for its answer, whether there is a record of the release yet or not; kept again it changes nothing.
    async fn keep_hook(&self, release: &ReleaseId, ticket: &HookTicket) -> PortResult<()>;

    /// The hooks that were kept for a release, answered or not.
    async fn hooks(&self, release: &ReleaseId) -> PortResult<Vec<HookTicket>>;

    /// The releases under way that watch an alarm, by the alarm's name: one of Teal's own account, or of another one by its number. Two
    /// accounts may have alarms of one name.
    async fn watching(&self, account: Option<&str>, alarm: &AlarmName) -> PortResult<Vec<ReleaseId>>;

    /// The release that holds a lock, by its key ([`Release::lock_keys`]).
    async fn holder(&self, key: &str) -> PortResult<Option<ReleaseId>>;

    /// Every release that holds a lock now, or whose ending nobody was told of yet.
    async fn active(&self) -> PortResult<Vec<ReleaseId>>;

    /// What releases that have ended left on the parts of their routes: the last one of each part, written by [`Ledger::save`] when it
    /// ended.
    async fn left(&self) -> PortResult<Vec<RouteLeft>>;

    /// Writes what is known of a part of a route over what was read of it, or forgets it. Nothing happens where something else is on record
    /// by now: a release has ended there.
    async fn replace_left(&self, read: &RouteLeft, new: Option<&RouteLeft>) -> PortResult<()>;

    /// The newest releases first, of one service or of all. Eventually consistent: for people, not for decisions.
    async fn list(&self, service: Option<&str>, limit: usize) -> PortResult<Vec<Summary>>;

    /// The whole story of a release, oldest first.
    async fn story(&self, release: &ReleaseId) -> PortResult<Vec<StoryEntry>>;
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
    /// Since when it is in this state, where CloudWatch says so.
    pub since: Option<Timestamp>,
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reads {
    Statistic(Statistic),
    /// Metric math over other queries of the same call, by their ids.
    Expression(String),
}

/// A statistic of one metric.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// What services write into their logs.
pub trait Logs {
    /// What each search finds, in their order. Lines that arrived moments ago may not be found yet.
    ///
    /// # Errors
    /// [`PortError::Unavailable`] too when a search takes longer than a look may wait for it.
    async fn search_logs(&self, searches: &[LogSearch]) -> PortResult<Vec<LogFinding>>;
}

/// What to look for in logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSearch {
    /// Names of log groups.
    pub groups: Vec<String>,
    /// Commands of Logs Insights that leave the lines that are meant.
    pub commands: String,
    /// Lines written from then on.
    pub from: Timestamp,
    /// Lines written before.
    pub to: Timestamp,
    pub gives: LogGives,
}

/// What of the lines is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogGives {
    /// How many there are in each period of so many seconds.
    Counts { period: u32 },
    /// The newest ones themselves: so many, each with the field that has the message and the field that tells requests apart, of both so many
    /// characters.
    Lines { most: u32, longest: u32, message: String, request: Option<String> },
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFinding {
    /// The beginnings of periods, each with the number of lines; none where there are no lines.
    Counts(Vec<(Timestamp, u64)>),
    Lines(Vec<LogLine>),
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub at: Timestamp,
    /// Its message.
    pub text: String,
    /// The request that it is about.
    pub request: Option<String>,
}

/// The status of an execution that Step Functions does not know: it does not exist any more, or was started a moment ago.
pub const EXECUTION_GONE: &str = "GONE";

/// Executions of the state machine.
pub trait Executions {
    /// The status that an execution has ended with (`FAILED`, `ABORTED`, …), [`EXECUTION_GONE`] where there is none; `None` while it runs.
    async fn ended_with(&self, execution: &str) -> PortResult<Option<String>>;
}

/// Parameters that stack templates read.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html>
pub trait Parameters {
    /// The value of a parameter; `None` where there is none of this name.
    async fn parameter_value(&self, name: &str) -> PortResult<Option<String>>;

    /// Sets a parameter, which is made where there is none.
    async fn set_parameter(&self, name: &str, value: &str) -> PortResult<()>;
}

/// Pipelines that wait for releases, and the executions that they start.
pub trait Pipelines {
    /// Starts an execution with this name and input. Where there is one of that name already, nothing happens.
    async fn start_execution(&self, state_machine: &str, name: &ReleaseId, input: &str) -> PortResult<()>;

    /// Why an execution ended, in words; `None` while it runs, or where it cannot be seen yet.
    async fn end_of(&self, state_machine: &str, name: &ReleaseId) -> PortResult<Option<String>>;

    /// Answers a job of a pipeline's action. A job that was answered before keeps its answer.
    async fn answer_job(&self, job: &str, answer: &JobAnswer) -> PortResult<()>;
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
