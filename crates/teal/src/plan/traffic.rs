//! What splits the traffic between blue and green.

use super::{BaseUrl, ListenerArn, RuleArn, TargetGroupArn};
use crate::route::{Destination, Meter, PartRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What splits the traffic between blue and green, and how green is reached before it takes any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Traffic {
    /// The Application Load Balancer's part of it.
    pub alb: AlbRoute,
    /// How green is reached before it takes production traffic. Needed when `validate` has checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestRoute>,
}

/// The listeners and rules of one Application Load Balancer that split the traffic between the same two target groups.
/// At least one of either; together at most 20.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlbRoute {
    /// Listeners whose default action forwards to the two target groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerArn>,
    /// Rules whose action forwards to the two target groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleArn>,
    /// The two target groups, in any order. Without this, Teal takes those that the actions forward to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_groups: Option<[TargetGroupArn; 2]>,
}

impl Traffic {
    /// The places where production traffic is split.
    #[must_use]
    pub fn parts(&self) -> Vec<PartRef> {
        let listeners = self.alb.listeners.iter().cloned().map(PartRef::Listener);
        listeners.chain(self.alb.rules.iter().cloned().map(PartRef::Rule)).collect()
    }

    /// The two destinations that share the traffic, where the plan names them.
    #[must_use]
    pub fn pair(&self) -> Option<[Destination; 2]> {
        self.alb.target_groups.clone().map(|groups| groups.map(Destination::from))
    }

    /// Who publishes metrics about the traffic.
    #[must_use]
    pub const fn meter(&self) -> Meter {
        Meter::ApplicationLoadBalancer
    }
}

/// How green is reached before it takes production traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TestRoute {
    /// A listener for tests. Its default action forwards to the same two target groups, like production; Teal points it at
    /// green when green is ready.
    Listener(ListenerArn),
    /// A rule for tests, for example one that asks for a header. Its action forwards to the same two target groups, like
    /// production; Teal points it at green when green is ready.
    Rule(RuleArn),
    /// An address at which green answers directly.
    Url(BaseUrl),
}

impl TestRoute {
    /// The part of a route that sends test traffic, where it is one.
    #[must_use]
    pub fn part(&self) -> Option<PartRef> {
        match self {
            TestRoute::Listener(arn) => Some(PartRef::Listener(arn.clone())),
            TestRoute::Rule(arn) => Some(PartRef::Rule(arn.clone())),
            TestRoute::Url(_) => None,
        }
    }
}
