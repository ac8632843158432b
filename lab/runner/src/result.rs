//! What came of a scenario: the JSON that `cargo lab run --json` prints.

use crate::deployments::DeploymentResult;
use crate::load::Totals;
use crate::pipeline::ActionResult;
use crate::scenario::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything about one run. Times are lab seconds since the load began, durations lab seconds, unless a name says
/// otherwise.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioResult {
    pub scenario: String,
    pub description: String,
    /// Whether every expectation was met.
    pub passed: bool,
    pub expectations: Vec<Check>,
    /// The release under test.
    pub release: ReleaseResult,
    /// The action of the pipeline that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<ActionResult>,
    /// Other actions of pipelines that events began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub later_actions: Vec<ActionResult>,
    /// The deployment that moved its traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentResult>,
    /// Releases that events started.
    pub other_releases: Vec<ReleaseResult>,
    /// Green's share of each listener and rule, whenever it changed.
    pub weights: Vec<WeightChange>,
    /// Answers by service (`blue`, `green`, ...).
    pub requests: BTreeMap<String, Totals>,
    /// Answers of the load balancer itself, whatever their status.
    pub load_balancer: Totals,
    /// Requests that got no answer.
    pub unanswered: u64,
    /// 5xx of the load balancer itself, and requests without an answer.
    pub wrongly_served: u64,
    /// Alarm transitions during the run.
    pub alarms: Vec<AlarmChange>,
    /// Listeners and rules that a sweep at the end found elsewhere than their last release had left them, where the scenario asks.
    pub drifted: Vec<String>,
    /// The alarms on Teal itself that went off, by their logical ids in template.yaml, where the scenario asks.
    pub alarms_on_teal: Vec<String>,
    /// What Teal's functions should not have logged, or the table should not keep: a sentence each.
    pub indiscretions: Vec<String>,
    /// What these were sought in, and for.
    pub searched: Searched,
    /// When the first alarm or the verdict that led to rolling back came.
    pub first_trouble_at: Option<f64>,
    /// From then until every listener and rule was wholly on blue.
    pub seconds_to_blue: Option<f64>,
    /// Requests that green answered although they were due after that moment.
    pub green_after_blue: Option<u64>,
    /// What users got at each percentage of the route's flags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flag_steps: Vec<FlagStep>,
    /// The most requests that on-alarm sent for one listener or rule from its intent's record until it had read it back,
    /// retries included; absent if it restored nothing.
    pub restoring_requests: Option<u64>,
    /// The same without those that were refused for their rate.
    pub restoring_answered: Option<u64>,
    /// What functions called of Elastic Load Balancing beyond their share of the release's budget: a sentence each.
    pub over_budget: Vec<String>,
    /// Traffic over time, in intervals of 30 lab seconds.
    pub traffic: Vec<TrafficInterval>,
    /// AWS calls by function: operation and count.
    pub calls: BTreeMap<String, BTreeMap<String, u64>>,
    /// Calls that the function's policy does not allow.
    pub policy_violations: Vec<String>,
    /// By function, the actions its policies allow that no call has needed so far in this lab.
    pub unused_permissions: BTreeMap<String, Vec<String>>,
    /// Lab seconds in a real second.
    pub scale: f64,
    pub real_seconds: f64,
}

/// Where secrets were looked for, and whose.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Searched {
    /// Whose secrets were known: `AWS_SECRET_ACCESS_KEY of accept`.
    pub secrets: Vec<String>,
    /// Items of the table about this scenario, by what their partition keys begin with.
    pub items: BTreeMap<String, usize>,
}

/// What became of one release.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseResult {
    /// The name of its execution.
    pub id: String,
    pub outcome: Outcome,
    /// As Step Functions names it: SUCCEEDED, FAILED, ABORTED, ...
    pub execution_status: String,
    pub error: Option<String>,
    pub cause: Option<String>,
    /// Why it ended so, in the order of time: looks that decided something, what was decided, and what remains to do.
    pub reasons: Vec<String>,
    /// The release's own story, line by line.
    pub story: Vec<String>,
    /// How often the story tells that rolling back was decided.
    pub setbacks: u64,
    pub started_at: f64,
    pub seconds: f64,
    pub states: Vec<StateVisit>,
    /// What AWS bills: states entered, and retries.
    pub state_transitions: u64,
    pub history_events: u64,
}

impl ReleaseResult {
    /// Everything that was said about it: the cause and the story.
    #[must_use]
    pub fn told(&self) -> String {
        let mut lines: Vec<_> = self.cause.iter().map(String::as_str).collect();
        lines.extend(self.story.iter().map(String::as_str));
        lines.join("\n")
    }
}

/// One visit of a state of the machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateVisit {
    pub state: String,
    pub entered_at: f64,
    /// Absent while it lasts.
    pub left_at: Option<f64>,
}

/// A change of weights as the load balancer accepted it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightChange {
    pub at: f64,
    /// The listener's or rule's ARN.
    pub part: String,
    /// 0 to 1.
    pub green_share: f64,
    /// Who asked for it: a function, or `lab` for the scenario's own calls.
    pub by: String,
}

/// What users got while a flag had one percentage, from when on all clients had it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlagStep {
    /// The flag's whole name.
    pub flag: String,
    /// 0 to 100.
    pub percentage: f64,
    pub requests: u64,
    /// Users who sent them.
    pub users: u64,
    /// Users who got the behaviour of those for whom the flag is on, once at least.
    pub on: u64,
    /// Requests answered otherwise than the rule says for their user.
    pub wrong: u64,
}

/// The traffic of 30 lab seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficInterval {
    pub from: f64,
    /// By service; the load balancer's own answers are under `load balancer`, missing ones under `nobody`.
    pub requests: BTreeMap<String, u64>,
    pub errors: BTreeMap<String, u64>,
}

/// An alarm's transition.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmChange {
    pub at: f64,
    pub alarm: String,
    pub state: String,
    pub reason: String,
}

/// One expectation and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub what: String,
    pub expected: String,
    pub found: String,
    pub passed: bool,
}
