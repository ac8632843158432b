//! One verdict from all metrics.

use super::logs::log_sum_exp;
use super::{ACCEPT_LIMIT, Counts, JudgeConfig, MetricState};
use crate::judge::config::{ConfigError, checked};
use serde::{Deserialize, Serialize};

/// How much a metric counts beside the others: a positive number.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Weight(f64);

impl Weight {
    /// The same weight for every metric.
    pub const EQUAL: Self = Self(1.0);

    /// A weight between 0.000001 and 1,000,000.
    ///
    /// # Errors
    /// When `weight` is out of range.
    pub fn new(weight: f64) -> Result<Self, ConfigError> {
        checked("weight", weight, 1e-6, 1e6, "between 0.000001 and 1000000").map(Self)
    }
}

/// One metric as the judge sees it at a look.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The metric's name in the plan.
    pub name: &'a str,
    /// What a bad request of this metric did, for sentences: "failed", "took longer than 250 ms".
    pub bad_means: &'a str,
    /// How much it counts.
    pub weight: Weight,
    /// What was seen of it so far.
    pub state: &'a MetricState,
}

/// Where the release stands at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The traffic step, counted from 1.
    pub step: u32,
    /// Whether the step's bake is over.
    pub step_over: bool,
}

/// What the judge says. `Clear` is *no evidence against green*; `Accept` is *evidence that green is good enough*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Evidence that green is worse than blue.
    RollBack,
    /// Evidence that green is good enough, on every metric, each with enough requests in this step: it may end early.
    Accept,
    /// The step is over, saw enough traffic, and nothing speaks against green: go on.
    Clear,
    /// The step is over, but saw too few requests or periods to say anything: the plan's `onInsufficient` decides.
    Insufficient,
    /// The step goes on.
    Hold,
}

/// What one metric says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The metric's name.
    pub metric: String,
    /// What a bad request did.
    pub bad_means: String,
    /// What green served in the periods judged.
    pub green: Counts,
    /// What blue served in them.
    pub blue: Counts,
    /// `ln E` of this metric alone.
    pub ln_e: f64,
    /// `ln` of this metric's evidence that green is good enough.
    pub ln_accept: f64,
    /// Periods of the release whose data were unusable.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a metric lacks for a clear step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    /// The metric's name.
    pub metric: String,
    /// Periods begun after the step's shift that were judged.
    pub intervals: u32,
    /// Periods needed.
    pub intervals_needed: u32,
    /// Requests that green served in them.
    pub green: u64,
    /// Requests that blue served in them.
    pub blue: u64,
    /// Requests needed on each colour.
    pub requests_needed: u64,
    /// Periods of the whole release whose data were unusable: often why there is too little.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u32,
}

impl Shortage {
    /// Whether requests are lacking, on either colour.
    #[must_use]
    pub fn lacks_requests(&self) -> bool {
        self.green.min(self.blue) < self.requests_needed
    }

    /// Whether periods are lacking.
    #[must_use]
    pub fn lacks_periods(&self) -> bool {
        self.intervals < self.intervals_needed
    }
}

/// A verdict with its numbers. Its `Display` is a sentence for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// What to do.
    pub verdict: Verdict,
    /// `ln E` of all metrics together: their weighted average.
    pub ln_e: f64,
    /// E at which a release is rolled back.
    pub limit: f64,
    /// `ln` of the evidence that green is good enough, of the metric that has the least.
    pub ln_accept: f64,
    /// How many metrics were judged.
    pub metrics: usize,
    /// Every metric, the one that decides first: the strongest evidence against green, or, to accept, the weakest evidence for
    /// it. Only that one in [`Judgement::brief`].
    pub evidence: Vec<Evidence>,
    /// The metrics that saw too little of this step to be clear.
    pub shortages: Vec<Shortage>,
}

impl Judgement {
    /// The judgement with the deciding evidence and the first shortage only: a few hundred bytes, for a story.
    #[must_use]
    pub fn brief(mut self) -> Self {
        self.evidence.truncate(1);
        self.shortages.truncate(1);
        self
    }
}

/// Judges all metrics together. The order of `readings` does not matter.
///
/// Their E are averaged with their weights, which is valid under any dependence between the metrics. To roll back, one
/// metric that is itself at the limit must also have the minimum of bad requests and periods: many clean metrics cannot
/// lend theirs to one that has seen a single error. To accept, every metric must accept, and must have seen a period of this
/// step and the minimum of requests on each colour in it: what earlier steps saw says nothing about a green that gets no
/// requests now. A step is clear if every metric saw enough of it: a metric without data is no good news.
#[must_use]
pub fn decide(config: &JudgeConfig, readings: &[Reading<'_>], moment: Moment) -> Judgement {
    let mut evidence: Vec<Evidence> = readings.iter().map(|reading| reading.evidence(config)).collect();
    evidence.sort_by(|a, b| b.ln_e.total_cmp(&a.ln_e).then_with(|| a.metric.cmp(&b.metric)));
    let mut shortages: Vec<Shortage> =
        readings.iter().filter_map(|reading| shortage_of(config, reading, moment.step)).collect();
    shortages.sort_by(|a, b| a.metric.cmp(&b.metric));

    let ln_e = average(config, readings);
    let ln_accept = evidence.iter().map(|evidence| evidence.ln_accept).reduce(f64::min).unwrap_or(0.0);
    let may_accept =
        !readings.is_empty() && shortages.iter().all(|short| short.intervals > 0 && !short.lacks_requests());
    let verdict = if ln_e >= config.limit().ln() && readings.iter().any(|reading| reading.state.rejects(config)) {
        Verdict::RollBack
    } else if ln_accept >= ACCEPT_LIMIT.ln() && may_accept {
        evidence.sort_by(|a, b| a.ln_accept.total_cmp(&b.ln_accept).then_with(|| a.metric.cmp(&b.metric)));
        Verdict::Accept
    } else if !moment.step_over {
        Verdict::Hold
    } else if readings.is_empty() || !shortages.is_empty() {
        Verdict::Insufficient
    } else {
        Verdict::Clear
    };
    Judgement { verdict, ln_e, limit: config.limit(), ln_accept, metrics: readings.len(), evidence, shortages }
}

/// `ln` of the weighted average of the metrics' E; 0 without metrics.
fn average(config: &JudgeConfig, readings: &[Reading<'_>]) -> f64 {
    if readings.is_empty() {
        return 0.0;
    }
    // Sorted, so that not even rounding depends on the order of the metrics.
    let sorted = |mut terms: Vec<f64>| {
        terms.sort_by(f64::total_cmp);
        log_sum_exp(&terms)
    };
    let all = sorted(readings.iter().map(|reading| reading.weight.0.ln()).collect());
    sorted(readings.iter().map(|reading| reading.weight.0.ln() + reading.state.ln_e(config)).collect()) - all
}

impl Reading<'_> {
    /// What this metric says by itself.
    #[must_use]
    pub fn evidence(&self, config: &JudgeConfig) -> Evidence {
        Evidence {
            metric: self.name.to_owned(),
            bad_means: self.bad_means.to_owned(),
            green: self.state.green(),
            blue: self.state.blue(),
            ln_e: self.state.ln_e(config),
            ln_accept: self.state.ln_accept(),
            skipped: self.state.skipped(),
        }
    }
}

fn shortage_of(config: &JudgeConfig, reading: &Reading<'_>, step: u32) -> Option<Shortage> {
    let (intervals, green, blue) = reading.state.seen_in(step);
    let shortage = Shortage {
        metric: reading.name.to_owned(),
        intervals,
        intervals_needed: config.min_intervals(),
        green,
        blue,
        requests_needed: config.min_requests(),
        skipped: reading.state.skipped(),
    };
    (shortage.lacks_periods() || shortage.lacks_requests()).then_some(shortage)
}
