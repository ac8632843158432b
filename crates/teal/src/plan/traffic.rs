//! What splits the traffic between blue and green.

use super::{
    AliasRoute, BaseUrl, EnvironmentDomain, EnvironmentName, FlagRoute, Green, ListenerArn, ParameterPath, RuleArn,
    ShiftedBy, TargetGroupArn,
};
use crate::route::{CnamePart, Destination, FunctionAlias, FunctionVersion, Named, PartRef, RouteKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;

/// What splits the traffic between blue and green, and how green is reached before it takes any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TrafficForm", into = "TrafficForm")]
pub struct Traffic {
    /// What splits production traffic.
    pub route: RoutePlan,
    /// Who moves the traffic, where it is not Teal.
    pub shifted_by: Option<ShiftedBy>,
    /// How green is reached before it takes production traffic.
    pub test: Option<TestRoute>,
    /// Where Teal writes the weights that stack templates are to set.
    pub weight_parameters: Option<ParameterPath>,
}

/// What splits production traffic: one of the kinds of routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoutePlan {
    Alb(AlbRoute),
    Nlb(NlbRoute),
    Flag(FlagRoute),
    Cname(CnameRoute),
    Lambda(AliasRoute),
}

/// What splits the traffic between blue and green (exactly one of `alb`, `nlb`, `flag`, `cname` and `lambda`), and how green is reached before it
/// takes any.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TrafficForm {
    /// An Application Load Balancer's part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alb: Option<AlbRoute>,
    /// A Network Load Balancer's part of it. It splits flows, not requests, and takes up to ten minutes until new weights are in force
    /// everywhere: every bake is longer by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nlb: Option<NlbRoute>,
    /// A feature flag of AWS AppConfig: what is released is a behaviour that the running version has already, to users in steps. Clients
    /// poll for it, so every bake is a minute longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flag: Option<FlagRoute>,
    /// The domain name that two Elastic Beanstalk environments swap. Everybody goes to one of them or to the other: it takes no steps.
    /// Resolvers keep an answer for 60 seconds: every bake is longer by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cname: Option<CnameRoute>,
    /// An alias of a Lambda function. It splits invocations; green is `green.lambda`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lambda: Option<AliasRoute>,
    /// Who moves the traffic, where it is not Teal: a deployment of CodeDeploy or of ECS, which Teal judges, lets go on and stops. Not with
    /// `flag` and `cname`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shifted_by: Option<ShiftedBy>,
    /// How green is reached before it takes production traffic. Needed when `validate` has checks; a version of a function is invoked
    /// without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test: Option<TestRoute>,
    /// Where Teal writes what stack templates are to set: SSM parameters below this path, one for each target group by its name, `100` for
    /// the one with the traffic and `0` for the other; of an alias one, `function/alias`, with the version that has the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight_parameters: Option<ParameterPath>,
}

impl TryFrom<TrafficForm> for Traffic {
    type Error = &'static str;

    fn try_from(form: TrafficForm) -> Result<Self, Self::Error> {
        let routes = [
            form.alb.map(RoutePlan::Alb),
            form.nlb.map(RoutePlan::Nlb),
            form.flag.map(RoutePlan::Flag),
            form.cname.map(RoutePlan::Cname),
            form.lambda.map(RoutePlan::Lambda),
        ];
        let mut routes = routes.into_iter().flatten();
        let (Some(route), None) = (routes.next(), routes.next()) else {
            return Err("exactly one thing splits the traffic");
        };
        let TrafficForm { shifted_by, test, weight_parameters, .. } = form;
        Ok(Self { route, shifted_by, test, weight_parameters })
    }
}

impl From<Traffic> for TrafficForm {
    fn from(traffic: Traffic) -> Self {
        let Traffic { shifted_by, test, weight_parameters, route } = traffic;
        let form = Self { shifted_by, test, weight_parameters, ..Self::default() };
        match route {
            RoutePlan::Alb(alb) => Self { alb: Some(alb), ..form },
            RoutePlan::Nlb(nlb) => Self { nlb: Some(nlb), ..form },
            RoutePlan::Flag(flag) => Self { flag: Some(flag), ..form },
            RoutePlan::Cname(cname) => Self { cname: Some(cname), ..form },
            RoutePlan::Lambda(lambda) => Self { lambda: Some(lambda), ..form },
        }
    }
}

impl RoutePlan {
    /// Which kind of route it is.
    #[must_use]
    pub const fn kind(&self) -> RouteKind {
        match self {
            RoutePlan::Alb(_) => RouteKind::Alb,
            RoutePlan::Nlb(_) => RouteKind::Nlb,
            RoutePlan::Flag(_) => RouteKind::Flag,
            RoutePlan::Cname(_) => RouteKind::Cname,
            RoutePlan::Lambda(_) => RouteKind::Lambda,
        }
    }

    /// The places where the traffic is split.
    #[must_use]
    pub fn parts(&self) -> Vec<PartRef> {
        match self {
            RoutePlan::Alb(alb) => {
                let listeners = alb.listeners.iter().cloned().map(PartRef::Listener);
                listeners.chain(alb.rules.iter().cloned().map(PartRef::Rule)).collect()
            }
            RoutePlan::Nlb(nlb) => nlb.listeners.iter().cloned().map(PartRef::Listener).collect(),
            RoutePlan::Flag(flag) => vec![PartRef::Flag(flag.part())],
            RoutePlan::Cname(cname) => {
                let CnameRoute { name, environments } = cname.clone();
                vec![PartRef::Cname(Box::new(CnamePart { name, environments }))]
            }
            RoutePlan::Lambda(lambda) => vec![PartRef::Alias(FunctionAlias::from(lambda))],
        }
    }

    /// What the plan says of the two destinations.
    pub(super) fn named(&self, green: &Green) -> Named {
        match (self, green) {
            (RoutePlan::Alb(AlbRoute { target_groups, .. }) | RoutePlan::Nlb(NlbRoute { target_groups, .. }), _) => {
                target_groups.clone().map_or(Named::Nothing, |groups| Named::Pair(groups.map(Destination::from)))
            }
            (RoutePlan::Flag(flag), _) => Named::Green(Destination::Flag(flag.green())),
            (RoutePlan::Cname(cname), _) => Named::Pair(cname.environments.clone().map(Destination::Environment)),
            (RoutePlan::Lambda(route), Green::Lambda(green)) => {
                Named::Green(FunctionVersion::from((&route.function, &green.function_version)).into())
            }
            // Such a plan is refused.
            (RoutePlan::Lambda(_), _) => Named::Nothing,
        }
    }
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

/// The domain name that two Elastic Beanstalk environments swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CnameRoute {
    /// The domain name that the service's clients use. The environment that has it is blue.
    pub name: EnvironmentDomain,
    /// The two environments, in any order. The one that does not have the name need not exist.
    pub environments: [EnvironmentName; 2],
}

/// How green is reached before it takes production traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TestRoute {
    /// A listener for tests. Its default action forwards to the same two target groups, like production; Teal points it at
    /// green when green is ready. One of a Network Load Balancer is spoken to in HTTP behind TCP, in HTTPS behind TLS.
    Listener(ListenerArn),
    /// A rule for tests, for example one that asks for a header. Its action forwards to the same two target groups, like
    /// production; Teal points it at green when green is ready.
    Rule(RuleArn),
    /// An address at which green answers directly.
    Url(BaseUrl),
    /// The instance that asks, at its private address: for deployments in place by CodeDeploy, of which no release is.
    Instance(InstanceTest),
}

/// How the new version is reached on the instance that it is deployed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceTest {
    /// The port on which the service listens there. It is spoken to in HTTP.
    pub port: NonZeroU16,
}

impl TestRoute {
    /// The part of a route that sends test traffic, where it is one.
    #[must_use]
    pub fn part(&self) -> Option<PartRef> {
        match self {
            TestRoute::Listener(arn) => Some(PartRef::Listener(arn.clone())),
            TestRoute::Rule(arn) => Some(PartRef::Rule(arn.clone())),
            TestRoute::Url(_) | TestRoute::Instance(_) => None,
        }
    }
}
