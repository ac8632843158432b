//! The kinds of routes, and what is particular about each.

use super::Meter;
use crate::units::Span;

/// How long an Application Load Balancer is given until all of it knows new weights. AWS gives no figure.
pub const WEIGHTS_KNOWN_WITHIN: Span = Span::seconds(15);

/// A kind of route. What the rest of Teal must know of a kind is asked of it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Listeners and rules of an Application Load Balancer.
    Alb,
    /// Listeners of a Network Load Balancer.
    Nlb,
    /// A feature flag of AWS AppConfig.
    Flag,
    /// The domain name that two Elastic Beanstalk environments swap.
    Cname,
    /// An alias of a Lambda function.
    Lambda,
}

/// In what portions a route can split its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// In steps of 0.1 %.
    Permille,
    /// All of it goes to one side or to the other.
    Whole,
}

impl RouteKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Alb, Self::Nlb, Self::Flag, Self::Cname, Self::Lambda];

    /// Its field in a plan's `traffic`.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Alb => "alb",
            Self::Nlb => "nlb",
            Self::Flag => "flag",
            Self::Cname => "cname",
            Self::Lambda => "lambda",
        }
    }

    /// In what portions it splits traffic.
    #[must_use]
    pub const fn granularity(self) -> Granularity {
        match self {
            Self::Alb | Self::Nlb | Self::Flag | Self::Lambda => Granularity::Permille,
            Self::Cname => Granularity::Whole,
        }
    }

    /// Who publishes metrics about its traffic.
    #[must_use]
    pub const fn meter(self) -> Meter {
        match self {
            Self::Alb => Meter::ApplicationLoadBalancer,
            Self::Nlb => Meter::NetworkLoadBalancer,
            Self::Flag => Meter::AppConfig,
            Self::Cname => Meter::OwnLoadBalancer,
            Self::Lambda => Meter::Lambda,
        }
    }

    /// How long after it was written a weight may not be in force everywhere, beyond moments.
    #[must_use]
    pub const fn propagation(self) -> Span {
        match self {
            Self::Alb | Self::Lambda => Span::ZERO,
            // ECS waits as long after shifting a Network Load Balancer's traffic, and asks everybody to expect it.
            // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/nlb-resources-for-blue-green.html
            Self::Nlb => Span::minutes(10),
            // Clients poll: AppConfig's agent every 45 s unless it is told otherwise.
            // https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-integration-lambda-extensions-config.html
            Self::Flag => Span::minutes(1),
            // The record's time to live. Blue must answer until the records that are kept have expired.
            // https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/using-features.CNAMESwap.html
            Self::Cname => Span::minutes(1),
        }
    }

    /// How long after all was given back some requests may still go where they went before.
    #[must_use]
    pub const fn given_back_within(self) -> Span {
        match self {
            Self::Alb => WEIGHTS_KNOWN_WITHIN,
            Self::Nlb | Self::Flag | Self::Cname | Self::Lambda => self.propagation(),
        }
    }

    /// Whether there are such parts that nobody can send HTTP to: those that take nothing but UDP.
    #[must_use]
    pub const fn may_take_no_http(self) -> bool {
        match self {
            Self::Nlb => true,
            Self::Alb | Self::Flag | Self::Cname | Self::Lambda => false,
        }
    }

    /// Whether what a release left is to stay so until the next one. A flag is its owners' to turn at any time.
    #[must_use]
    pub const fn is_kept_between_releases(self) -> bool {
        match self {
            Self::Alb | Self::Nlb | Self::Cname | Self::Lambda => true,
            Self::Flag => false,
        }
    }

    /// Whether a destination without traffic stands on the route, at weight 0. Otherwise it is on the route only while it has some, and
    /// nothing is attached.
    #[must_use]
    pub const fn lists_idle(self) -> bool {
        match self {
            Self::Alb | Self::Nlb | Self::Flag | Self::Cname => true,
            Self::Lambda => false,
        }
    }
}
