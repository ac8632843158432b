//! The kinds of routes, and what is particular about each.

use super::Meter;
use crate::units::Span;

/// A kind of route. What the rest of Teal must know of a kind is asked of it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Listeners and rules of an Application Load Balancer.
    Alb,
    /// Listeners of a Network Load Balancer.
    Nlb,
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
    pub const ALL: [Self; 2] = [Self::Alb, Self::Nlb];

    /// Its field in a plan's `traffic`.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Alb => "alb",
            Self::Nlb => "nlb",
        }
    }

    /// In what portions it splits traffic.
    #[must_use]
    pub const fn granularity(self) -> Granularity {
        match self {
            Self::Alb | Self::Nlb => Granularity::Permille,
        }
    }

    /// Who publishes metrics about its traffic.
    #[must_use]
    pub const fn meter(self) -> Meter {
        match self {
            Self::Alb => Meter::ApplicationLoadBalancer,
            Self::Nlb => Meter::NetworkLoadBalancer,
        }
    }

    /// How long after it was written a weight may not be in force everywhere, beyond moments.
    #[must_use]
    pub const fn propagation(self) -> Span {
        match self {
            Self::Alb => Span::ZERO,
            // ECS waits as long after shifting a Network Load Balancer's traffic, and asks everybody to expect it.
            // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/nlb-resources-for-blue-green.html
            Self::Nlb => Span::minutes(10),
        }
    }
}
