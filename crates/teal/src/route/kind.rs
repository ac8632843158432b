//! What every kind of route says of itself, and the enums that are made of their lists.

use super::{Destination, DestinationKind, Meter, Named, PartRef, RouteKind};
use crate::fleet::Green;
use crate::plan::check::{Fields, Findings};
use crate::plan::problem::Path;
use crate::plan::texts::TextKind;
use crate::units::Span;

/// What the rest of Teal must know of a kind of route.
pub struct RouteFacts {
    /// What it sends traffic to.
    pub sends_to: DestinationKind,
    /// In what portions it splits traffic.
    pub granularity: Granularity,
    /// Who publishes metrics about its traffic.
    pub meter: Meter,
    /// How long after it was written a weight may not be in force everywhere, beyond moments.
    pub propagation: Span,
    /// How long after all was given back some requests may still go where they went before.
    pub given_back_within: Span,
    /// Whether there are such parts that nobody can send HTTP to: those that take nothing but UDP.
    pub may_take_no_http: bool,
    /// Whether what a release left is to stay so until the next one.
    pub is_kept_between_releases: bool,
    /// Whether a destination without traffic stands on the route, at weight 0. Otherwise it is on the route only while it has some, and
    /// nothing is attached.
    pub lists_idle: bool,
    /// How green is reached for tests before it takes traffic, besides what a plan names for that in `traffic.test`.
    pub green_reached: GreenReached,
    /// Whose deployments can move its traffic.
    pub moved_by: MovedBy,
    /// What of it is written as one string in a plan.
    pub(crate) texts: &'static [TextKind],
    /// Reports what its fields must not say together, where a plan has it: the first argument is its place.
    pub(crate) check: fn(&Path, &Fields<'_>, &mut Findings),
}

/// In what portions a route can split its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// In steps of 0.1 %.
    Permille,
    /// All of it goes to one side or to the other.
    Whole,
}

/// How green is reached for tests before it takes traffic, besides what a plan names for that in `traffic.test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreenReached {
    /// By nothing else.
    OnlyByTest,
    /// At an address of its own.
    AtItsAddress,
    /// It has no address; it is invoked by its name.
    ByInvocation,
}

/// Whose deployments can move a route's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedBy {
    /// In which portions CodeDeploy's do; `None` where they cannot.
    pub code_deploy: Option<Granularity>,
    /// Whether ECS's own do.
    pub ecs: bool,
}

impl MovedBy {
    /// Nobody's.
    pub(super) const NOBODY: Self = Self { code_deploy: None, ecs: false };
}

/// One kind of route, as a plan has it.
pub(crate) trait PlannedRoute {
    const FACTS: RouteFacts;

    /// The places where the traffic is split.
    fn parts(&self) -> Vec<PartRef>;

    /// What the plan says of the two destinations.
    fn named(&self, green: &Green) -> Named;
}

impl RouteKind {
    /// Where a plan has it.
    pub(crate) fn path(self) -> Path {
        Path::of("traffic").field(self.field())
    }
}

/// One kind of place where weights are set.
pub(super) trait SplitsTraffic {
    /// What kind of thing it is, in words.
    fn noun(&self) -> &'static str;

    /// Of which kind of route it is.
    fn kind(&self) -> RouteKind;

    /// What names it among all parts of all routes of one account.
    fn key(&self) -> &str;

    /// What metrics call it.
    fn name_in_metrics(&self) -> &str {
        self.key()
    }

    /// The parameter that stack templates set it by, below a path, and its value: where it is one and not the weights of a pair.
    fn parameter(&self, _serving: &Destination) -> Option<(String, String)> {
        None
    }
}

/// One kind of what traffic can be sent to.
pub(super) trait TakesTraffic {
    /// What kind of thing it is, in words.
    const NOUN: &'static str;
    /// Several of them, in words.
    const PLURAL: &'static str;

    /// What names it, in full.
    fn full_name(&self) -> &str;

    /// What people call it.
    fn name(&self) -> &str {
        self.full_name()
    }

    /// What metrics call it.
    fn name_in_metrics(&self) -> &str {
        self.name()
    }

    /// The version of a function that it is.
    fn function_version(&self) -> Option<&super::FunctionVersion> {
        None
    }

    /// Whether somebody brings up what answers there, and takes it in when it gets no traffic any more.
    fn has_units(&self) -> bool {
        true
    }
}

/// The list of all kinds of routes, for `$made`: each with its field in a plan's `traffic`, what is written there, and what the plan's
/// schema says of it.
macro_rules! routes {
    ($made:ident) => {
        $made! {
            /// An Application Load Balancer's part of it.
            Alb alb(AlbRoute);
            /// A Network Load Balancer's part of it. It splits flows, not requests, and takes up to ten minutes until new weights are in force
            /// everywhere: every bake is longer by that.
            Nlb nlb(NlbRoute);
            /// A feature flag of AWS AppConfig: what is released is a behaviour that the running version has already, to users in steps. Clients
            /// poll for it, so every bake is a minute longer.
            Flag flag(FlagRoute);
            /// The domain name that two Elastic Beanstalk environments swap. Everybody goes to one of them or to the other: it takes no steps.
            /// Resolvers keep an answer for 60 seconds: every bake is longer by that.
            Cname cname(CnameRoute);
            /// An alias of a Lambda function. It splits invocations; green is `green.lambda`.
            Lambda lambda(AliasRoute);
        }
    };
}

/// The enum of the kinds of routes.
macro_rules! kinds_of_routes {
    ($($(#[$meta:meta])* $kind:ident $field:ident($plan:ident);)+) => {
        /// A kind of route.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum RouteKind {
            $(#[doc = concat!("See [`", stringify!($plan), "`].")] $kind,)+
        }

        impl RouteKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Its field in a plan's `traffic`.
            #[must_use]
            pub const fn field(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($field),)+
                }
            }

            /// What the rest of Teal must know of it.
            #[must_use]
            pub const fn facts(self) -> &'static RouteFacts {
                match self {
                    $(Self::$kind => &<$plan as kind::PlannedRoute>::FACTS,)+
                }
            }
        }
    };
}

/// From the list of all kinds of places where weights are set: their enum, and what goes through its variants. The first token is a dollar
/// sign, for the macro that this one makes.
macro_rules! parts {
    (($d:tt) $($(#[$meta:meta])* $name:ident($part:ty);)+) => {
        /// One place where weights are set: the default action of a listener, a rule, an alias of a function. Each kind of route has its
        /// own kinds of places.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum PartRef {
            $($(#[$meta])* $name($part),)+
        }

        /// The same expression for whatever place weights are set at: `for_part!(part, it => it.method())`.
        #[macro_export]
        macro_rules! for_part {
            ($d part:expr, $d it:ident => $d then:expr) => {
                match $d part {
                    $($crate::route::PartRef::$name($d it) => $d then,)+
                }
            };
        }
    };
}

/// From the list of all kinds of what traffic can be sent to: their enums, and what goes through their variants. They are read from texts
/// in the order of the list. The first token is a dollar sign, for the macro that this one makes.
macro_rules! destinations {
    (($d:tt) $($(#[$meta:meta])* $name:ident($destination:ident);)+) => {
        /// One of the two things that share the traffic of a route. It is written as one string, whose form says what it is.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Destination {
            $($(#[$meta])* $name($destination),)+
        }

        /// A kind of what traffic can be sent to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DestinationKind {
            $($(#[$meta])* $name,)+
        }

        impl DestinationKind {
            /// Several of them, in words.
            #[must_use]
            pub const fn plural(self) -> &'static str {
                match self {
                    $(Self::$name => <$destination as TakesTraffic>::PLURAL,)+
                }
            }
        }

        impl Destination {
            /// What kind of thing it is, in words.
            #[must_use]
            pub const fn noun(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => <$destination as TakesTraffic>::NOUN,)+
                }
            }
        }

        impl std::str::FromStr for Destination {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $(if let Ok(found) = text.parse() {
                    return Ok(Self::$name(found));
                })+
                Err(format!("{text:?} is no destination of traffic"))
            }
        }

        $(impl From<$destination> for Destination {
            fn from(destination: $destination) -> Self {
                Self::$name(destination)
            }
        })+

        /// The same expression for whatever traffic can be sent to: `for_destination!(destination, it => it.method())`.
        #[macro_export]
        macro_rules! for_destination {
            ($d destination:expr, $d it:ident => $d then:expr) => {
                match $d destination {
                    $($crate::route::Destination::$name($d it) => $d then,)+
                }
            };
        }
    };
}

pub(crate) use routes;
pub(super) use {destinations, kinds_of_routes, parts};
