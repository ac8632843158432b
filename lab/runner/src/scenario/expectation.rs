//! What must come of a scenario.

use crate::pipeline::ActionStatus;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use teal::error::ErrorName;
use teal::state::State;

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The execution succeeded.
    Promoted,
    /// The execution failed in RolledBack, or it was stopped from outside and the release was rolled back behind it.
    RolledBack,
    /// Accept refused the plan.
    Refused,
    /// Teal could not restore the route.
    NeedsHuman,
    /// The scenario's limit passed first.
    Unfinished,
}

/// What must be true at the end. What is not said is not checked, except what always must hold: a promoted release leaves
/// everything on green and any other everything on blue, only weights of production actions differ from the start, green
/// gets no request after the traffic went back, and no function did what its policy does not allow.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    pub outcome: Outcome,
    /// The error the release ended with.
    #[serde(default)]
    pub error: Option<ErrorName>,
    /// Each of these texts occurs in the reasons.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// These states were entered in this order, others between them or not.
    #[serde(default)]
    pub states: Vec<State>,
    /// These states were never entered.
    #[serde(default)]
    pub never: Vec<State>,
    /// Requests answered, by service.
    #[serde(default)]
    pub requests: BTreeMap<String, Bounds>,
    /// 5xx answers and missing answers, by service.
    #[serde(default)]
    pub errors: BTreeMap<String, Bounds>,
    /// Requests that the load balancer itself answered with 5xx, or nobody answered.
    #[serde(default)]
    pub wrongly_served: Option<Bounds>,
    /// Lab seconds from the first alarm or bad verdict until every listener and rule was wholly on blue.
    #[serde(default)]
    pub seconds_to_blue: Option<Bounds>,
    /// Requests that green answered after everything was on blue; none, where nothing is said.
    #[serde(default)]
    pub green_after_blue: Option<Bounds>,
    /// The most requests that on-alarm sent for one listener or rule from the moment its intent was recorded until it had
    /// read it back, retries included.
    #[serde(default)]
    pub restoring_requests: Option<Bounds>,
    /// The same without those that were refused for their rate.
    #[serde(default)]
    pub restoring_answered: Option<Bounds>,
    /// That no function called Elastic Load Balancing more often than docs/faults.md says for the route's parts and a test
    /// listener, itself or by a role.
    #[serde(default)]
    pub within_budget: bool,
    /// How often rolling back was decided of the release.
    #[serde(default)]
    pub setbacks: Option<Bounds>,
    /// How often a function changed the weights of the route's listeners and rules, by its name.
    #[serde(default)]
    pub weight_changes: BTreeMap<String, Bounds>,
    /// Lab seconds from the start of the execution to its end.
    #[serde(default)]
    pub seconds: Option<Bounds>,
    /// State transitions, which AWS bills.
    #[serde(default)]
    pub state_transitions: Option<Bounds>,
    /// Whether a sweep at the end finds parts of the route elsewhere than the release left them.
    #[serde(default)]
    pub drifted: Option<bool>,
    /// The alarms on Teal itself, by their logical ids in template.yaml, that go off. Others may, in a lab with other scenarios; an empty
    /// list is for a lab without them, and means that none goes off.
    #[serde(default)]
    pub alarms_on_teal: Option<Vec<String>>,
    /// How the route ends, where it is not what the outcome says: for scenarios in which somebody else changes it.
    #[serde(default)]
    pub final_route: Option<FinalRoute>,
    /// What the pipeline shows of its action at the end.
    #[serde(default)]
    pub pipeline: Option<PipelineExpectation>,
    /// How the deployment ends that moves the traffic. It is waited for.
    #[serde(default)]
    pub deployment: Option<DeploymentExpectation>,
}

/// How a deployment is to end.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentExpectation {
    /// As its service names it: `Succeeded`, `ROLLBACK_SUCCESSFUL`, ...
    pub status: String,
    /// The status of CodeDeploy's deployment that rolls it back; without it there is none.
    #[serde(default)]
    pub rollback: Option<String>,
}

/// How a pipeline's action is to end.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineExpectation {
    pub status: ActionStatus,
    /// Each of these texts occurs in the message of the failure.
    #[serde(default)]
    pub message: Vec<String>,
    /// Output variables with their values; others may be there, too.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// How the route is to be at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FinalRoute {
    /// Exactly the actions of the start.
    Original,
    /// Those of the start with the two weights exchanged.
    Exchanged,
    /// Not compared.
    Any,
}

/// An inclusive range; an end that is not given is open.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bounds {
    #[serde(default)]
    pub min: Option<f64>,
    #[serde(default)]
    pub max: Option<f64>,
}

impl Bounds {
    /// Whether the value lies within.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => write!(f, "{min}"),
            (Some(min), Some(max)) => write!(f, "{min} to {max}"),
            (Some(min), None) => write!(f, "at least {min}"),
            (None, Some(max)) => write!(f, "at most {max}"),
            (None, None) => write!(f, "anything"),
        }
    }
}
