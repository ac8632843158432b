//! What green is judged by while it takes traffic.

use super::metrics::Metric;
use super::{defaults, limits};
use crate::units::{Invalid, Latency, Percent, Ratio, Span, Text, impl_text, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What green is judged by while it takes traffic. Any alarm, any limit, and the comparison with blue can send the
/// traffic back to blue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Judge {
    /// How often Teal looks during a bake; the last look is at the bake's end. At least 10s; with limits, multiples of
    /// 1m make most sense, since the load balancer's metrics come once a minute.
    #[serde(default = "defaults::every")]
    pub every: Span,
    /// How long after its end a metric period is first read: CloudWatch may add to it until then. At most 15m.
    #[serde(default = "defaults::settle")]
    pub settle: Span,
    /// CloudWatch alarms, metric or composite. Any of them going off rolls the release back at once.
    #[serde(default)]
    #[schemars(length(max = limits::MAX_ALARMS))]
    pub alarms: Vec<AlarmName>,
    /// Whether the release starts although an alarm is in ALARM, as the very fix for what it warns of may have to. Such an
    /// alarm says nothing until it was OK once; then it counts like any other.
    #[serde(default)]
    pub start_while_alarming: bool,
    /// Absolute limits on what the load balancer measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What green is compared with blue by while both take traffic. Without this field: `errors`. An empty list switches
    /// the comparison off.
    #[serde(default = "defaults::metrics")]
    #[schemars(length(max = 20))]
    pub metrics: Vec<Metric>,
    /// How many times blue's rate of bad requests green's may be before it counts as worse at all.
    #[serde(default = "defaults::rho")]
    pub rho: Ratio,
    /// The share of healthy releases that the comparison may roll back, however often it looks: above 0%, at most 50%.
    #[serde(default = "defaults::alpha")]
    pub alpha: Percent,
    /// Whether the comparison does without what was measured about clumps of bad requests (`phi`): slower by far, but right
    /// however they come, as long as green's expected share of each minute's bad requests is no more than its tolerated one.
    /// That one still takes the measured noise between the colours (`cv`): far above it, long bakes are not safe.
    #[serde(default)]
    pub strict: bool,
    /// How many of the first periods with green traffic are not compared (cold caches). Alarms and limits watch them.
    #[serde(default)]
    #[schemars(range(max = 60))]
    pub warm_up: u32,
    /// How many periods of each step must have been compared before the step counts as clear.
    #[serde(default = "defaults::min_intervals")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_intervals: u32,
    /// How many requests each colour must have had in them.
    #[serde(default = "defaults::min_requests")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub min_requests: u32,
    /// What a step needs at its end to be followed by the next.
    #[serde(default)]
    pub advance_on: AdvanceOn,
    /// What happens when there is too little traffic to judge green by.
    #[serde(default = "defaults::on_insufficient")]
    pub on_insufficient: OnInsufficient,
}

/// What a step needs at its end to be followed by the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AdvanceOn {
    /// Enough traffic, and no evidence that green is worse than blue.
    #[default]
    Clear,
    /// Evidence that green is good enough: its rate of bad requests is below twice blue's plus 0.1 points. Until there is,
    /// `onInsufficient` holds.
    Accept,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            every: defaults::every(),
            settle: defaults::settle(),
            alarms: Vec::new(),
            start_while_alarming: false,
            limits: None,
            metrics: defaults::metrics(),
            rho: defaults::rho(),
            alpha: defaults::alpha(),
            strict: false,
            warm_up: 0,
            min_intervals: defaults::min_intervals(),
            min_requests: defaults::min_requests(),
            advance_on: AdvanceOn::default(),
            on_insufficient: defaults::on_insufficient(),
        }
    }
}

/// Absolute limits on what the load balancer measures while green takes traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// How many requests green must have had before a limit says anything.
    #[serde(default = "defaults::min_requests")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub min_requests: u32,
    /// The share of green's requests that went wrong: answered 5xx by green, or not answered (RequestCount less the
    /// answers 2xx, 3xx and 4xx of green's target group).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_share: Option<ShareLimit>,
    /// The share of all requests to the load balancer that it answered 5xx itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_5xx: Option<ShareLimit>,
    /// How long green takes to answer (TargetResponseTime of green's target group).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyLimit>,
}

/// A limit on a share of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShareLimit {
    /// Above this the release is rolled back; less than 100%.
    pub above: Percent,
}

/// A limit on a percentile of the latency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LatencyLimit {
    /// Which percentile.
    pub percentile: Percentile,
    /// Above this the release is rolled back.
    pub above: Latency,
}

/// What happens when there is too little traffic to judge green by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnInsufficient {
    /// How long a step may last beyond its bake while Teal waits for more.
    pub hold_for: Span,
    /// What happens then.
    pub then: InsufficientAction,
}

/// What happens when there was still too little traffic after waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InsufficientAction {
    /// The traffic goes back to blue.
    RollBack,
    /// The release goes on. Alarms still count.
    Advance,
}

text_newtype! {
    /// The name of a CloudWatch alarm in this account and region: 1 to 255 characters.
    AlarmName {
        noun: "the name of a CloudWatch alarm",
        pattern: r"^.{1,255}$",
        examples: &["checkout-5xx"],
        check: check_alarm_name,
    }
}

fn check_alarm_name(text: &str) -> Result<(), Invalid> {
    let remedy = "Write the alarm's name as CloudWatch shows it";
    if text.starts_with("arn:") {
        return Err(Invalid::new("it is an ARN", remedy));
    }
    if text.trim().is_empty() || text.chars().count() > 255 {
        return Err(Invalid::new("an alarm's name has 1 to 255 characters", remedy));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new("it has a control character", remedy));
    }
    Ok(())
}

/// A percentile in permille, p0.1 to p100; written as CloudWatch writes it (`p99`, `p99.9`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentile(u16);

impl Percentile {
    /// The percentile in permille, 1 to 1000.
    #[must_use]
    pub const fn permille(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => f.pad(&format!("p{whole}")),
            (whole, tenth) => f.pad(&format!("p{whole}.{tenth}")),
        }
    }
}

impl FromStr for Percentile {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid =
            || Invalid::new("it is not a percentile", "Write one from p0.1 to p100, such as \"p99\" or \"p99.9\"");
        let number = text.strip_prefix('p').ok_or_else(invalid)?;
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_digits(whole, 3) || !is_digits(tenth, 1) {
            return Err(invalid());
        }
        let permille = format!("{whole}{tenth}").parse().map_err(|_| invalid())?;
        if (1..=1000).contains(&permille) { Ok(Self(permille)) } else { Err(invalid()) }
    }
}

impl Text for Percentile {
    const NAME: &'static str = "Percentile";
    const NOUN: &'static str = "a percentile";
    const DESCRIPTION: &'static str = "A percentile from p0.1 to p100 with at most one decimal, such as p99 or p99.9.";
    const PATTERN: &'static str = r"^p[0-9]{1,3}(\.[0-9])?$";
    const EXAMPLES: &'static [&'static str] = &["p99", "p99.9"];
}

impl_text!(Percentile);
