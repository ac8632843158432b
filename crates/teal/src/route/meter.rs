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
}

/// The metrics that tell how a colour's requests went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestMetrics {
    /// All requests (`Sum`).
    pub requests: &'static str,
    /// Those that went well (`Sum` of each): every other one did not.
    pub good: [&'static str; 3],
    /// How long they took, in seconds.
    pub seconds: &'static str,
}

impl Meter {
    /// CloudWatch's namespace.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Meter::ApplicationLoadBalancer | Meter::OwnLoadBalancer => "AWS/ApplicationELB",
            Meter::NetworkLoadBalancer => "AWS/NetworkELB",
            Meter::AppConfig => "AWS/AppConfig",
        }
    }

    /// What tells how a colour's requests went; `None` where the metrics do not tell the colours apart, or know no requests.
    #[must_use]
    pub const fn of_requests(self) -> Option<RequestMetrics> {
        match self {
            Meter::ApplicationLoadBalancer | Meter::OwnLoadBalancer => Some(RequestMetrics {
                requests: "RequestCount",
                good: ["HTTPCode_Target_2XX_Count", "HTTPCode_Target_3XX_Count", "HTTPCode_Target_4XX_Count"],
                seconds: "TargetResponseTime",
            }),
            Meter::NetworkLoadBalancer | Meter::AppConfig => None,
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
        }
    }

    /// The dimensions that name a destination's part of a route's traffic: `route` and `destination` are their names in metrics.
    #[must_use]
    pub fn dimensions(self, route: &str, destination: &str) -> Vec<(String, String)> {
        let [of_route, of_destination] = match self {
            Meter::ApplicationLoadBalancer | Meter::NetworkLoadBalancer => ["LoadBalancer", "TargetGroup"],
            Meter::AppConfig => ["Flag", "Variant"],
            Meter::OwnLoadBalancer => return vec![("LoadBalancer".to_owned(), route.to_owned())],
        };
        vec![(of_route.to_owned(), route.to_owned()), (of_destination.to_owned(), destination.to_owned())]
    }
}
