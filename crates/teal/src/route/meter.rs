//! Who publishes metrics about a route's traffic, and under which names.

/// Who publishes metrics about a route's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meter {
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
    ApplicationLoadBalancer,
    /// It counts flows; the metrics of a target group are about its targets' health.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html>
    NetworkLoadBalancer,
    /// It hands flags out and sees no requests: the service counts its own.
    AppConfig,
    /// The Application Load Balancer that green alone is behind: an environment's own. What metrics call it is known when it is there.
    OwnLoadBalancer,
    /// It counts the invocations of an alias by the version that was executed.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
    Lambda,
}

/// The metrics that tell how a colour's requests went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestMetrics {
    /// All requests (`Sum`).
    pub requests: &'static str,
    /// How they went.
    pub outcome: Outcome,
    /// How long they took.
    pub duration: &'static str,
    /// How many of its units are a second.
    units_per_second: u32,
}

/// The metrics that tell good requests from bad ones (`Sum` of each).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Those that went well: every other one did not.
    Good([&'static str; 3]),
    /// Those that did not.
    Bad(&'static str),
}

impl RequestMetrics {
    /// The statistic that counts the requests that took longer.
    #[must_use]
    pub fn slower_than(&self, seconds: f64) -> String {
        // To the nanosecond, so that an edge in another unit shows no binary fraction.
        format!("TC({}:)", (seconds * f64::from(self.units_per_second) * 1e6).round() / 1e6)
    }

    /// A datum of the duration in seconds.
    #[must_use]
    pub fn seconds(&self, datum: f64) -> f64 {
        datum / f64::from(self.units_per_second)
    }
}

impl Meter {
    /// CloudWatch's namespace.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Meter::ApplicationLoadBalancer | Meter::OwnLoadBalancer => "AWS/ApplicationELB",
            Meter::NetworkLoadBalancer => "AWS/NetworkELB",
            Meter::AppConfig => "AWS/AppConfig",
            Meter::Lambda => "AWS/Lambda",
        }
    }

    /// What tells how a colour's requests went; `None` where the metrics do not tell the colours apart, or know no requests.
    #[must_use]
    pub const fn of_requests(self) -> Option<RequestMetrics> {
        match self {
            Meter::ApplicationLoadBalancer | Meter::OwnLoadBalancer => Some(RequestMetrics {
                requests: "RequestCount",
                outcome: Outcome::Good([
                    "HTTPCode_Target_2XX_Count",
                    "HTTPCode_Target_3XX_Count",
                    "HTTPCode_Target_4XX_Count",
                ]),
                duration: "TargetResponseTime",
                units_per_second: 1,
            }),
            Meter::NetworkLoadBalancer | Meter::AppConfig => None,
            Meter::Lambda => Some(RequestMetrics {
                requests: "Invocations",
                outcome: Outcome::Bad("Errors"),
                duration: "Duration",
                units_per_second: 1000,
            }),
        }
    }

    /// What it counts in place of a colour's requests, in words.
    #[must_use]
    pub const fn counts(self) -> &'static str {
        match self {
            Meter::ApplicationLoadBalancer => "counts requests by colour",
            Meter::OwnLoadBalancer => "counts green's requests",
            Meter::NetworkLoadBalancer => "counts flows, which have no status, and not by colour",
            Meter::AppConfig => "counts no requests: AppConfig hands out the flag and does not see who is served",
            Meter::Lambda => "counts invocations by colour",
        }
    }

    /// Whether it counts what failed before any destination was chosen, for the route as a whole.
    #[must_use]
    pub const fn counts_unrouted(self) -> bool {
        match self {
            Meter::ApplicationLoadBalancer | Meter::OwnLoadBalancer => true,
            Meter::NetworkLoadBalancer | Meter::AppConfig | Meter::Lambda => false,
        }
    }

    /// Whether it tells Availability Zones apart.
    #[must_use]
    pub const fn knows_zones(self) -> bool {
        match self {
            Meter::ApplicationLoadBalancer | Meter::OwnLoadBalancer | Meter::NetworkLoadBalancer => true,
            Meter::AppConfig | Meter::Lambda => false,
        }
    }

    /// The dimensions that name a destination's part of a route's traffic: `route` and `destination` are their names in metrics.
    #[must_use]
    pub fn dimensions(self, route: &str, destination: &str) -> Vec<(String, String)> {
        let function = route.split(':').next().unwrap_or_default();
        let dimensions = match self {
            Meter::ApplicationLoadBalancer | Meter::NetworkLoadBalancer => {
                vec![("LoadBalancer", route), ("TargetGroup", destination)]
            }
            Meter::OwnLoadBalancer => vec![("LoadBalancer", route)],
            Meter::AppConfig => vec![("Flag", route), ("Variant", destination)],
            Meter::Lambda => vec![("FunctionName", function), ("Resource", route), ("ExecutedVersion", destination)],
        };
        dimensions.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}
