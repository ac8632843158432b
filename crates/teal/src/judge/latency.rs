//! Latency as counts: how many requests took longer than an edge.

/// The percentiles of blue's latency, before the release, at which the edges are frozen.
///
/// Each edge is a metric of its own with a third of latency's weight, so that the three E are averaged. Its counts of a
/// period are RequestCount and the statistic `TC(edge:)` of TargetResponseTime (CloudWatch, "Statistics definitions":
/// trimmed count), which is absent where no request was that slow.
pub const EDGE_PERCENTILES: [f64; 3] = [50.0, 90.0, 99.0];
