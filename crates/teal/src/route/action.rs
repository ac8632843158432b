//! The action list of one part of a route: of a listener or rule as Elastic Load Balancing has it. Other kinds of routes have one forward
//! action.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html>

use super::Destination;
use serde::{Deserialize, Serialize};

/// One action. ELB replaces the whole list at each change, so Teal keeps all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// ELB's `Order`, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<i32>,
    #[serde(flatten)]
    pub kind: ActionKind,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActionKind {
    /// Splits traffic between destinations, which stand in the order of their names: ELB promises none.
    Forward {
        groups: Vec<WeightedDestination>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stickiness: Option<Stickiness>,
    },
    /// Anything else (authentication, redirect, fixed response): kept as it is, never looked into.
    Kept {
        /// ELB's `Type`, for example `authenticate-oidc`.
        kind: String,
        /// Its settings under ELB's own member names.
        settings: serde_json::Value,
    },
}

/// A destination and its weight in a forward action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightedDestination {
    /// Records have it under the name that it had when there were only target groups.
    #[serde(rename = "targetGroup")]
    pub destination: Destination,
    /// 0 to 1000; Elastic Load Balancing takes 999 at most.
    pub weight: u16,
}

/// Target-group stickiness of a forward action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stickiness {
    pub enabled: bool,
    /// 1 to 604,800 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i32>,
}

impl Action {
    /// The destinations of a forward action; none for any other.
    #[must_use]
    pub fn groups(&self) -> &[WeightedDestination] {
        match &self.kind {
            ActionKind::Forward { groups, .. } => groups,
            ActionKind::Kept { .. } => &[],
        }
    }

    /// Whether the forward action keeps clients on a target group by cookie.
    #[must_use]
    pub fn is_sticky(&self) -> bool {
        matches!(&self.kind, ActionKind::Forward { stickiness: Some(stickiness), .. } if stickiness.enabled)
    }

    pub(crate) fn groups_mut(&mut self) -> &mut [WeightedDestination] {
        match &mut self.kind {
            ActionKind::Forward { groups, .. } => groups,
            ActionKind::Kept { .. } => &mut [],
        }
    }
}
