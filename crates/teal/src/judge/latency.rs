//! Latency as counts: how many requests took longer than an edge.

use super::Counts;
use super::counts::NotACount;

/// The percentiles of blue's latency, before the release, at which the edges are frozen.
///
/// Each edge is a metric of its own with a third of latency's weight, so that the three E are averaged.
pub const EDGE_PERCENTILES: [f64; 3] = [50.0, 90.0, 99.0];

/// "Slower than the edge" counts from one period's data of one colour: `total` is RequestCount, and each of `slower` is
/// the statistic `TC(edge:)` of TargetResponseTime (CloudWatch, "Statistics definitions": trimmed count), absent where no
/// request was that slow.
///
/// # Errors
/// When a datum is NaN, infinite or negative; the period is then to be skipped for all edges.
pub fn slower_than_edges(total: Option<f64>, slower: [Option<f64>; 3]) -> Result<[Counts; 3], NotACount> {
    let [p50, p90, p99] = slower;
    Ok([Counts::from_data(total, p50)?, Counts::from_data(total, p90)?, Counts::from_data(total, p99)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_that_nothing_passed_has_no_datum() {
        let counts = slower_than_edges(Some(100.0), [Some(52.0), Some(7.0), None]).unwrap();
        assert_eq!(counts, [Counts::new(100, 52), Counts::new(100, 7), Counts::new(100, 0)]);
        assert!(slower_than_edges(Some(100.0), [Some(52.0), None, Some(f64::NAN)]).is_err());
    }
}
