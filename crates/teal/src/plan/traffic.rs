//! What splits the traffic between blue and green.

use super::{BaseUrl, Green, ListenerArn, ParameterPath, RuleArn, ShiftedBy};
use crate::route::kind::{PlannedRoute, routes};
use crate::route::{AlbRoute, AliasRoute, CnameRoute, FlagRoute, Named, NlbRoute, PartRef, RouteKind};
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

/// What splits production traffic, and the form in which a plan has all of it.
macro_rules! traffic {
    ($($(#[$meta:meta])* $kind:ident $field:ident($plan:ident);)+) => {
        /// What splits production traffic: one of the kinds of routes.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum RoutePlan {
            $($kind($plan),)+
        }

        impl RoutePlan {
            /// Which kind of route it is.
            #[must_use]
            pub const fn kind(&self) -> RouteKind {
                match self {
                    $(RoutePlan::$kind(_) => RouteKind::$kind,)+
                }
            }

            /// The places where the traffic is split.
            #[must_use]
            pub fn parts(&self) -> Vec<PartRef> {
                match self {
                    $(RoutePlan::$kind(planned) => planned.parts(),)+
                }
            }

            /// What the plan says of the two destinations.
            pub(super) fn named(&self, green: &Green) -> Named {
                match self {
                    $(RoutePlan::$kind(planned) => planned.named(green),)+
                }
            }
        }

        /// What splits the traffic between blue and green (exactly one of `alb`, `nlb`, `flag`, `cname` and `lambda`), and how green is reached before it
        /// takes any.
        #[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct TrafficForm {
            $($(#[$meta])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            $field: Option<$plan>,)+
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
                let routes = [$(form.$field.map(RoutePlan::$kind),)+];
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
                    $(RoutePlan::$kind(planned) => Self { $field: Some(planned), ..form },)+
                }
            }
        }
    };
}

routes!(traffic);

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
