//! What a release costs on AWS, estimated: list prices of one region, free tiers left out.

use super::usage::Usage;
use crate::plan::{CountSeries, Judge, LogSource, Metric, MetricSource};
use serde::Serialize;

/// The month in which the list prices were read.
pub const RATES_AS_OF: &str = "2026-11";
/// The region whose list prices they are: US East (N. Virginia). Others differ a little.
pub const RATES_REGION: &str = "us-east-1";

/// A list price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// The service that charges it.
    pub service: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// US dollars for a million of them.
    pub usd_per_million: f64,
    /// Where the price stands.
    pub source: &'static str,
}

const TRANSITIONS: Rate = Rate {
    service: "Step Functions",
    unit: "state transitions",
    usd_per_million: 25.0,
    source: "https://aws.amazon.com/step-functions/pricing/",
};
const REQUESTS: Rate = Rate {
    service: "Lambda",
    unit: "requests",
    usd_per_million: 0.20,
    source: "https://aws.amazon.com/lambda/pricing/",
};
const DURATION: Rate = Rate {
    service: "Lambda",
    unit: "GB-seconds (arm64)",
    usd_per_million: 13.3334,
    source: "https://aws.amazon.com/lambda/pricing/",
};
const WRITES: Rate = Rate {
    service: "DynamoDB",
    unit: "write request units",
    usd_per_million: 0.625,
    source: "https://aws.amazon.com/dynamodb/pricing/on-demand/",
};
const READS: Rate = Rate {
    service: "DynamoDB",
    unit: "read request units",
    usd_per_million: 0.125,
    source: "https://aws.amazon.com/dynamodb/pricing/on-demand/",
};
const METRICS: Rate = Rate {
    service: "CloudWatch",
    unit: "metrics read (GetMetricData)",
    usd_per_million: 10.0,
    source: "https://aws.amazon.com/cloudwatch/pricing/",
};
const ALARM_READS: Rate = Rate {
    service: "CloudWatch",
    unit: "requests (DescribeAlarms)",
    usd_per_million: 10.0,
    source: "https://aws.amazon.com/cloudwatch/pricing/",
};
const EVENTS: Rate = Rate {
    service: "EventBridge",
    unit: "events",
    usd_per_million: 1.0,
    source: "https://aws.amazon.com/eventbridge/pricing/",
};

/// The functions' memory in MB, as template.yaml gives it.
pub const FUNCTION_MEMORY_MB: u32 = 256;
/// What one function call is taken to need, in seconds: most of them spent waiting for AWS.
const SECONDS_PER_CALL: f64 = 0.2;
/// What one function call is taken to write: a record of about 6 KB in a transaction, which counts twice.
const WRITE_UNITS_PER_CALL: f64 = 12.0;
/// What each compared metric adds: about 1.5 KB, twice.
const WRITE_UNITS_PER_METRIC: f64 = 3.0;
/// What one function call is taken to read: the record twice, consistently, and what people asked of the release.
const READ_UNITS_PER_CALL: f64 = 5.0;

/// One line of a cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostItem {
    /// The list price.
    pub rate: Rate,
    /// How many of its units.
    pub quantity: f64,
    /// US dollars.
    pub usd: f64,
}

/// An estimate of what a part of a release costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// The parts of the sum.
    pub items: Vec<CostItem>,
    /// US dollars in all.
    pub usd: f64,
}

impl Usage {
    /// What this costs, when green is judged like that.
    #[must_use]
    pub fn cost(&self, judge: &Judge) -> Cost {
        let (calls, looks) = (f64::from(self.invocations), f64::from(self.looks));
        let alarm_reads = if judge.alarms.is_empty() { 0.0 } else { looks };
        let items: Vec<CostItem> = [
            (TRANSITIONS, f64::from(self.transitions)),
            (REQUESTS, calls),
            (DURATION, calls * SECONDS_PER_CALL * f64::from(FUNCTION_MEMORY_MB) / 1024.0),
            (WRITES, calls * (WRITE_UNITS_PER_CALL + WRITE_UNITS_PER_METRIC * f64::from(compared_metrics(judge)))),
            (READS, calls * READ_UNITS_PER_CALL),
            (METRICS, self.metrics_read(judge)),
            (ALARM_READS, alarm_reads),
            (EVENTS, f64::from(self.announcements)),
        ]
        .into_iter()
        .map(|(rate, quantity)| CostItem { rate, quantity, usd: quantity * rate.usd_per_million / 1e6 })
        .collect();
        let usd = items.iter().map(|item| item.usd).sum();
        Cost { items, usd }
    }
}

impl Usage {
    /// How many metrics the looks read.
    fn metrics_read(&self, judge: &Judge) -> f64 {
        let comparing = f64::from(self.comparisons.min(self.looks));
        let alone = f64::from(self.looks) - comparing;
        // The comparison of errors reads what the limit on green's bad share reads.
        let shared = judge.metrics.iter().any(|metric| metric.source == MetricSource::Errors);
        let both = metrics_of_limits(judge, shared).saturating_add(metrics_of_comparison(judge));
        comparing * f64::from(both) + alone * f64::from(metrics_of_limits(judge, false))
    }
}

/// How many metrics the limits read; those of the bad share may be read already.
fn metrics_of_limits(judge: &Judge, bad_share_is_read: bool) -> u32 {
    judge.limits.as_ref().map_or(0, |limits| {
        // RequestCount and three classes of answers; RequestCount and 5xx; how many answers, and how many slow ones.
        limits.bad_share.as_ref().map_or(0, |_| if bad_share_is_read { 0 } else { 4 })
            + limits.load_balancer_5xx.as_ref().map_or(0, |_| 2)
            + limits.latency.as_ref().map_or(0, |_| 2)
    })
}

/// How many metrics the comparison of green with blue reads.
fn metrics_of_comparison(judge: &Judge) -> u32 {
    let metrics = |series: &CountSeries| u32::try_from(series.metrics().count()).unwrap_or(u32::MAX);
    // Of each colour: RequestCount and three classes of answers, or three edges; bad and all.
    let compared = judge.metrics.iter().map(|metric| match &metric.source {
        MetricSource::Errors | MetricSource::Latency => 8,
        MetricSource::CloudWatch(pair) => 2 * metrics(&pair.bad).saturating_add(metrics(&pair.total)),
        // What is searched is no metric: only the requests are.
        MetricSource::Logs(LogSource::Query(_)) => 2,
        MetricSource::Logs(LogSource::Filter(_)) | MetricSource::XRay(_) => 4,
    });
    compared.fold(0, u32::saturating_add)
}

/// How many states of the judge the record carries.
fn compared_metrics(judge: &Judge) -> u32 {
    let states = |metric: &Metric| if metric.source == MetricSource::Latency { 3 } else { 1 };
    judge.metrics.iter().map(states).sum()
}
