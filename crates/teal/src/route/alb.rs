//! Listeners and rules of an Application Load Balancer, and target groups.

use super::kind::{Granularity, GreenReached, MovedBy, PlannedRoute, RouteFacts, SplitsTraffic, TakesTraffic};
use super::meter::{DimensionOf, Meter, Outcome, RequestMetrics};
use super::{Destination, DestinationKind, Named, PartRef, RouteKind};
use crate::fleet::Green;
use crate::plan::check::{Fields, Findings, check_duplicates};
use crate::plan::limits::MAX_ROUTE_PARTS;
use crate::plan::problem::{Path, Problem};
use crate::plan::{ListenerArn, RuleArn, TargetGroupArn};
use crate::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long an Application Load Balancer is given until all of it knows new weights. AWS gives no figure.
pub const WEIGHTS_KNOWN_WITHIN: Span = Span::seconds(15);

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

impl Meter {
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
    pub const APPLICATION_LOAD_BALANCER: Self = Self {
        namespace: "AWS/ApplicationELB",
        of_requests: Some(RequestMetrics {
            requests: "RequestCount",
            outcome: Outcome::Good([
                "HTTPCode_Target_2XX_Count",
                "HTTPCode_Target_3XX_Count",
                "HTTPCode_Target_4XX_Count",
            ]),
            duration: "TargetResponseTime",
            units_per_second: 1,
        }),
        counts: "counts requests by colour",
        counts_unrouted: true,
        knows_zones: true,
        is_greens_own: false,
        dimensions: &[("LoadBalancer", DimensionOf::Route), ("TargetGroup", DimensionOf::Destination)],
    };
}

impl PlannedRoute for AlbRoute {
    const FACTS: RouteFacts = RouteFacts {
        sends_to: DestinationKind::TargetGroup,
        granularity: Granularity::Permille,
        meter: Meter::APPLICATION_LOAD_BALANCER,
        propagation: Span::ZERO,
        given_back_within: WEIGHTS_KNOWN_WITHIN,
        may_take_no_http: false,
        is_kept_between_releases: true,
        lists_idle: true,
        green_reached: GreenReached::OnlyByTest,
        moved_by: MovedBy { code_deploy: Some(Granularity::Permille), ecs: true },
        texts: &[],
        check,
    };

    fn parts(&self) -> Vec<PartRef> {
        let listeners = self.listeners.iter().cloned().map(PartRef::Listener);
        listeners.chain(self.rules.iter().cloned().map(PartRef::Rule)).collect()
    }

    fn named(&self, _green: &Green) -> Named {
        pair_of(self.target_groups.as_ref())
    }
}

/// The two target groups, where a plan names them.
pub(super) fn pair_of(target_groups: Option<&[TargetGroupArn; 2]>) -> Named {
    target_groups.map_or(Named::Nothing, |groups| Named::Pair(groups.clone().map(Destination::from)))
}

fn check(alb: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    check_listeners(RouteKind::Alb, alb, fields, findings);
    check_duplicates(&fields.items::<RuleArn>(&alb.field("rules")), findings);
    check_number(alb, fields, findings);
}

/// Reports listeners of another kind of load balancer, and what stands twice among listeners and target groups.
pub(super) fn check_listeners(kind: RouteKind, route: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    let listeners = fields.items::<ListenerArn>(&route.field("listeners"));
    let (listeners, others): (Vec<_>, Vec<_>) =
        listeners.into_iter().partition(|(_, listener)| listener.kind() == kind);
    for (path, listener) in &others {
        let balancer = match listener.is_of_network_load_balancer() {
            true => "a Network Load Balancer",
            false => "an Application Load Balancer",
        };
        let remedy = format!("Write it under `{}`", listener.kind().path());
        findings.problem(Problem::new(path.clone(), format!("it belongs to {balancer}"), remedy).showing(listener));
    }
    check_duplicates(&listeners, findings);
    check_duplicates(&fields.items::<TargetGroupArn>(&route.field("targetGroups")), findings);
}

fn check_number(alb: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    let lists = [alb.field("listeners"), alb.field("rules")];
    // A list that is not a list was reported as such.
    if lists.iter().any(|list| fields.is_present(list) && fields.get::<Vec<Value>>(list).is_none()) {
        return;
    }
    let number: usize = lists.iter().map(|list| fields.len(list)).sum();
    if number == 0 {
        findings.problem(Problem::new(
            alb.clone(),
            "it names nothing that splits traffic",
            "Add at least one listener to `listeners` or one rule to `rules`",
        ));
    } else if number > MAX_ROUTE_PARTS {
        findings.problem(Problem::new(
            alb.clone(),
            format!("it names {number} listeners and rules; Elastic Load Balancing takes {MAX_ROUTE_PARTS} changes at once, and rolling back must not queue"),
            format!("Name at most {MAX_ROUTE_PARTS}"),
        ));
    }
}

impl SplitsTraffic for ListenerArn {
    fn noun(&self) -> &'static str {
        "listener"
    }

    fn kind(&self) -> RouteKind {
        if self.is_of_network_load_balancer() { RouteKind::Nlb } else { RouteKind::Alb }
    }

    fn key(&self) -> &str {
        self.as_str()
    }

    fn name_in_metrics(&self) -> &str {
        self.load_balancer()
    }
}

impl SplitsTraffic for RuleArn {
    fn noun(&self) -> &'static str {
        "rule"
    }

    fn kind(&self) -> RouteKind {
        RouteKind::Alb
    }

    fn key(&self) -> &str {
        self.as_str()
    }

    fn name_in_metrics(&self) -> &str {
        self.load_balancer()
    }
}

impl TakesTraffic for TargetGroupArn {
    const NOUN: &'static str = "target group";
    const PLURAL: &'static str = "target groups";

    fn full_name(&self) -> &str {
        self.as_str()
    }

    fn name(&self) -> &str {
        TargetGroupArn::name(self)
    }

    fn name_in_metrics(&self) -> &str {
        self.dimension()
    }
}
