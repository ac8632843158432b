//! Listeners of a Network Load Balancer.

use super::alb::{check_listeners, pair_of};
use super::kind::{Granularity, GreenReached, MovedBy, PlannedRoute, RouteFacts};
use super::meter::{DimensionOf, Meter};
use super::{DestinationKind, Named, PartRef, RouteKind};
use crate::fleet::Green;
use crate::plan::check::{Fields, Findings};
use crate::plan::problem::Path;
use crate::plan::{ListenerArn, TargetGroupArn};
use crate::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The listeners of one Network Load Balancer that split the traffic between the same two target groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NlbRoute {
    /// Listeners (TCP, TLS, UDP or TCP_UDP) whose default action forwards to the two target groups.
    #[schemars(length(min = 1, max = 20))]
    pub listeners: Vec<ListenerArn>,
    /// The two target groups, in any order. Without this, Teal takes those that the actions forward to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_groups: Option<[TargetGroupArn; 2]>,
}

/// ECS waits as long after shifting a Network Load Balancer's traffic, and asks everybody to expect it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/nlb-resources-for-blue-green.html>
const PROPAGATION: Span = Span::minutes(10);

impl Meter {
    /// It counts flows; the metrics of a target group are about its targets' health.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html>
    pub const NETWORK_LOAD_BALANCER: Self = Self {
        namespace: "AWS/NetworkELB",
        of_requests: None,
        counts: "counts flows, which have no status, and not by colour",
        counts_unrouted: false,
        knows_zones: true,
        is_greens_own: false,
        dimensions: &[("LoadBalancer", DimensionOf::Route), ("TargetGroup", DimensionOf::Destination)],
    };
}

impl PlannedRoute for NlbRoute {
    const FACTS: RouteFacts = RouteFacts {
        sends_to: DestinationKind::TargetGroup,
        granularity: Granularity::Permille,
        meter: Meter::NETWORK_LOAD_BALANCER,
        propagation: PROPAGATION,
        given_back_within: PROPAGATION,
        may_take_no_http: true,
        is_kept_between_releases: true,
        lists_idle: true,
        green_reached: GreenReached::OnlyByTest,
        // CodeDeploy has no canary there.
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-bluegreen.html
        moved_by: MovedBy { code_deploy: Some(Granularity::Whole), ecs: true },
        texts: &[],
        check,
    };

    fn parts(&self) -> Vec<PartRef> {
        self.listeners.iter().cloned().map(PartRef::Listener).collect()
    }

    fn named(&self, _green: &Green) -> Named {
        pair_of(self.target_groups.as_ref())
    }
}

fn check(nlb: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    check_listeners(RouteKind::Nlb, nlb, fields, findings);
}
