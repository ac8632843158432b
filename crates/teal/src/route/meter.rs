//! Who publishes metrics about a route's traffic, and under which names.

/// Who publishes metrics about a route's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    /// CloudWatch's namespace.
    pub(crate) namespace: &'static str,
    /// What tells how a colour's requests went; `None` where the metrics do not tell the colours apart, or know no requests.
    pub(crate) of_requests: Option<RequestMetrics>,
    /// What it counts: a colour's requests, or what stands in their place.
    pub(crate) counts: &'static str,
    /// Whether it counts what failed before any destination was chosen, for the route as a whole.
    pub(crate) counts_unrouted: bool,
    /// Whether it tells Availability Zones apart.
    pub(crate) knows_zones: bool,
    /// Whether it is green's alone, so that what metrics call it is known only when green is there.
    pub(crate) is_greens_own: bool,
    /// The dimensions that name a destination's part of a route's traffic, by their names in order: a plan's own are sorted, and what is the
    /// same is read once.
    pub(crate) dimensions: &'static [(&'static str, DimensionOf)],
}

/// Whose name in metrics is a dimension's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DimensionOf {
    Route,
    /// What stands before the first colon of the route's.
    Function,
    Destination,
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
    pub(crate) units_per_second: u32,
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
    /// The dimensions that name a destination's part of a route's traffic: `route` and `destination` are their names in metrics.
    #[must_use]
    pub fn dimensions(&self, route: &str, destination: &str) -> Vec<(String, String)> {
        let value = |of| match of {
            DimensionOf::Route => route,
            DimensionOf::Function => route.split(':').next().unwrap_or_default(),
            DimensionOf::Destination => destination,
        };
        self.dimensions.iter().map(|(name, of)| ((*name).to_owned(), value(*of).to_owned())).collect()
    }
}
