//! What the sequential judge compares: count metrics ("of so many requests, so many were bad"), one for each colour.

use super::cloudwatch::{CloudWatchPair, ColouredName};
use super::logs::LogSource;
use crate::units::{Deviation, Invalid, Ratio, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A metric by which green is compared with blue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "MetricForm", into = "MetricForm")]
pub struct Metric {
    /// What it is called in reasons and reports; unique in the plan.
    pub name: MetricName,
    /// How much it counts beside the others, 1 to 1000.
    pub weight: u32,
    /// How noisy it is, where a person says so; otherwise that is learnt from blue's past, as far as there is one.
    pub noise: Option<Noise>,
    /// Where the counts come from.
    pub source: MetricSource,
}

/// How noisy a metric is, set by hand: blue's past is not asked then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Noise {
    /// The mean size of a clump of bad requests: 1 where each fails by itself. 8 is assumed of a metric without a past.
    pub phi: Ratio,
    /// How much one colour's rate of bad requests wanders against the other's in a period, relative to the rate. 0.5 is
    /// assumed of a metric without a past.
    pub cv: Deviation,
}

/// Where a metric's counts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricSource {
    /// Bad requests of each colour's target group: RequestCount less its answers 2xx, 3xx and 4xx.
    Errors,
    /// Requests that took longer than what blue's median, 90th and 99th percentile were before the release.
    Latency,
    /// Two counts that CloudWatch has.
    CloudWatch(Box<CloudWatchPair>),
    /// Bad log lines among requests.
    Logs(LogSource),
    /// Faulted traces among all, by X-Ray groups.
    XRay(XRayGroups),
}

/// How a plan writes a metric: the name of one that is built in, or one source with what belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum MetricForm {
    /// A source that needs no more said.
    BuiltIn(BuiltIn),
    Entry(Box<MetricEntry>),
}

/// A source that needs no more said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum BuiltIn {
    /// The share of bad requests.
    Errors,
    /// The share of slow requests.
    Latency,
}

/// A metric: exactly one of `errors`, `latency`, `cloudWatch`, `logs` and `xray`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MetricEntry {
    /// What the metric is called in reasons and reports. `errors`, `latency`, `logs` and `xray` are called that if nothing
    /// else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<MetricName>,
    /// How much the metric counts beside the others.
    #[serde(default = "usual_weight", skip_serializing_if = "is_usual_weight")]
    #[schemars(range(min = 1, max = 1000))]
    weight: u32,
    /// How noisy the metric is, set by hand instead of learnt from blue's past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noise: Option<Noise>,
    /// The share of requests that were answered 5xx or not at all (RequestCount less the answers 2xx, 3xx and 4xx of each
    /// colour's target group).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errors: Option<Nothing>,
    /// The share of requests that took longer than blue's median, 90th and 99th percentile before the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: Option<Nothing>,
    /// Two counts that CloudWatch has of each colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloud_watch: Option<Box<CloudWatchPair>>,
    /// Bad lines in each colour's log among the colour's requests: found by a query at every look, or by metric filters that
    /// are made with the log groups: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html>
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logs: Option<LogSource>,
    /// Faulted traces among all, counted by X-Ray groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    xray: Option<XRayGroups>,
}

/// A source about which nothing more can be said: write `{}`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The X-Ray groups of each colour. X-Ray publishes to CloudWatch how many traces each group has, once a minute
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-console-groups.html>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct XRayGroups {
    /// The group of a colour's faulted traces, such as `${service}-faults` with the filter
    /// `service("checkout-a") { fault = true }`.
    pub faults: ColouredName,
    /// The group of all traces of a colour, such as `${service}`.
    pub traces: ColouredName,
}

const fn usual_weight() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_usual_weight(weight: &u32) -> bool {
    *weight == usual_weight()
}

impl Metric {
    /// The share of bad requests, with nothing else said.
    #[must_use]
    pub fn errors() -> Self {
        Self {
            name: MetricName("errors".to_owned()),
            weight: usual_weight(),
            noise: None,
            source: MetricSource::Errors,
        }
    }
}

impl TryFrom<MetricForm> for Metric {
    type Error = &'static str;

    fn try_from(form: MetricForm) -> Result<Self, Self::Error> {
        let entry = match form {
            MetricForm::BuiltIn(BuiltIn::Errors) => return Ok(Self::errors()),
            MetricForm::BuiltIn(BuiltIn::Latency) => {
                MetricEntry { latency: Some(Nothing {}), weight: usual_weight(), ..MetricEntry::default() }
            }
            MetricForm::Entry(entry) => *entry,
        };
        let (usual_name, source) = match (entry.errors, entry.latency, entry.cloud_watch, entry.logs, entry.xray) {
            (Some(_), None, None, None, None) => (Some("errors"), MetricSource::Errors),
            (None, Some(_), None, None, None) => (Some("latency"), MetricSource::Latency),
            (None, None, Some(pair), None, None) => (None, MetricSource::CloudWatch(pair)),
            (None, None, None, Some(lines), None) => (Some("logs"), MetricSource::Logs(lines)),
            (None, None, None, None, Some(groups)) => (Some("xray"), MetricSource::XRay(groups)),
            _ => return Err("a metric has exactly one source"),
        };
        let name = entry.name.or_else(|| usual_name.map(|name| MetricName(name.to_owned())));
        Ok(Self { name: name.ok_or("the metric has no name")?, weight: entry.weight, noise: entry.noise, source })
    }
}

impl From<Metric> for MetricForm {
    fn from(metric: Metric) -> Self {
        let mut entry = MetricEntry { weight: metric.weight, noise: metric.noise, ..MetricEntry::default() };
        let usual_name = match metric.source {
            MetricSource::Errors => {
                entry.errors = Some(Nothing {});
                "errors"
            }
            MetricSource::Latency => {
                entry.latency = Some(Nothing {});
                "latency"
            }
            MetricSource::CloudWatch(pair) => {
                entry.cloud_watch = Some(pair);
                ""
            }
            MetricSource::Logs(lines) => {
                entry.logs = Some(lines);
                "logs"
            }
            MetricSource::XRay(groups) => {
                entry.xray = Some(groups);
                "xray"
            }
        };
        entry.name = Some(metric.name).filter(|name| name.as_str() != usual_name);
        MetricForm::Entry(Box::new(entry))
    }
}

text_newtype! {
    /// The name of a metric in reasons and reports: 1 to 40 letters, digits, hyphens, underscores and blanks.
    MetricName {
        noun: "the name of a metric",
        pattern: r"^[A-Za-z0-9_-][A-Za-z0-9_ -]{0,39}$",
        examples: &["failed-orders"],
        check: check_metric_name,
    }
}

fn check_metric_name(text: &str) -> Result<(), Invalid> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ');
    if (1..=40).contains(&text.len()) && text.chars().all(is_plain) && !text.starts_with(' ') {
        return Ok(());
    }
    Err(Invalid::new(
        "a metric's name is 1 to 40 letters, digits, hyphens, underscores and blanks",
        "Write what is bad about the requests it counts, such as \"failed-orders\"",
    ))
}
