//! What is carried from look to look for one metric.

use super::factor::factors;
use super::wealth::Wealth;
use super::{ACCEPT_LIMIT, Calibration, Counts, Interval, JudgeConfig};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};

/// The version of [`MetricState`]'s serialised form.
const VERSION: u8 = 1;
/// Bad green requests, over the whole release, without which nothing is rolled back.
pub(super) const MIN_BAD_GREEN: u64 = 3;
/// Informative periods, over the whole release, without which nothing is rolled back.
pub(super) const MIN_INFORMATIVE: u32 = 2;

/// All that the judge knows of one metric of one release: of constant size, under 1 KB serialised, never recomputed from
/// history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricState {
    #[serde(deserialize_with = "known_version")]
    version: u8,
    wealth: Wealth,
    /// The highest step seen.
    step: u32,
    last_period_end: Option<Timestamp>,
    green: Counts,
    blue: Counts,
    /// In how many periods these were; 0 in states of versions that did not count them.
    #[serde(default)]
    counted: u32,
    informative: u32,
    warmed_up: u32,
    skipped: u32,
    /// Of the highest step, in periods begun after its shift.
    step_intervals: u32,
    step_green: u64,
    step_blue: u64,
}

/// What became of a period that the state was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// It was judged.
    Judged,
    /// It was counted, but says nothing about green against blue: one of them served nothing, or nothing was bad.
    NotInformative,
    /// It was read, but falls into the warm-up.
    WarmingUp,
    /// Its data were unusable: it is spent, and counted as skipped.
    Skipped,
    /// Nothing changed: this period, or a later one, was consumed before. A period is never revised.
    AlreadyConsumed {
        /// The end of the last period consumed.
        until: Timestamp,
    },
}

impl Default for MetricState {
    fn default() -> Self {
        Self {
            version: VERSION,
            wealth: Wealth::default(),
            step: 0,
            last_period_end: None,
            green: Counts::default(),
            blue: Counts::default(),
            counted: 0,
            informative: 0,
            warmed_up: 0,
            skipped: 0,
            step_intervals: 0,
            step_green: 0,
            step_blue: 0,
        }
    }
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let version = u8::deserialize(deserializer)?;
    if version == VERSION {
        Ok(version)
    } else {
        Err(de::Error::custom(format_args!("the judge's state has version {version}, this is version {VERSION}")))
    }
}

impl MetricState {
    /// Consumes one finalised period. Periods must come in order; one that ended no later than the last one consumed
    /// changes nothing, so that a look may be run twice.
    pub fn observe(&mut self, config: &JudgeConfig, calibration: &Calibration, interval: &Interval) -> Observation {
        if let Some(refusal) = self.consume(interval.period_end) {
            return refusal;
        }
        let Interval { green, blue, .. } = *interval;
        let step = interval.step.max(1);
        if step > self.step {
            self.step = step;
            (self.step_intervals, self.step_green, self.step_blue) = (0, 0, 0);
        }
        if green.total() > 0 && self.warmed_up < config.warm_up() {
            self.warmed_up += 1;
            return Observation::WarmingUp;
        }
        self.green = self.green.plus(green);
        self.blue = self.blue.plus(blue);
        self.counted = self.counted.saturating_add(1);
        if interval.begun_after_shift && step == self.step {
            self.step_intervals = self.step_intervals.saturating_add(1);
            self.step_green = self.step_green.saturating_add(green.total());
            self.step_blue = self.step_blue.saturating_add(blue.total());
        }
        self.wealth.bet_on_accept(green, blue, calibration.phi());
        match factors(green, blue, config.rho(), calibration.phi(), calibration.cv()) {
            Some(factors) => {
                self.wealth.bet(self.step, &factors);
                self.informative = self.informative.saturating_add(1);
                Observation::Judged
            }
            None => Observation::NotInformative,
        }
    }

    /// Spends a period whose data were unusable (see [`Counts::from_data`]).
    pub fn skip(&mut self, period_end: Timestamp) -> Observation {
        self.consume(period_end).unwrap_or_else(|| {
            self.skipped = self.skipped.saturating_add(1);
            Observation::Skipped
        })
    }

    fn consume(&mut self, period_end: Timestamp) -> Option<Observation> {
        match self.last_period_end {
            Some(until) if period_end <= until => Some(Observation::AlreadyConsumed { until }),
            _ => {
                self.last_period_end = Some(period_end);
                None
            }
        }
    }

    /// `ln E`: the evidence against green. 0 at the start.
    #[must_use]
    pub fn ln_e(&self, config: &JudgeConfig) -> f64 {
        self.wealth.ln_e(config)
    }

    /// `ln` of the evidence that green's rate of bad requests is below twice blue's plus 0.1 points. 0 at the start.
    #[must_use]
    pub fn ln_accept(&self) -> f64 {
        self.wealth.ln_accept()
    }

    /// Whether there is evidence enough that green is good enough.
    #[must_use]
    pub fn accepts(&self) -> bool {
        self.ln_accept() >= ACCEPT_LIMIT.ln()
    }

    /// Whether this metric alone may roll a release back: E has reached its limit, on at least 3 bad green requests and 2
    /// informative periods.
    #[must_use]
    pub fn rejects(&self, config: &JudgeConfig) -> bool {
        self.green.bad() >= MIN_BAD_GREEN
            && self.informative >= MIN_INFORMATIVE
            && self.ln_e(config) >= config.limit().ln()
    }

    /// What green served in the periods judged so far.
    #[must_use]
    pub fn green(&self) -> Counts {
        self.green
    }

    /// What blue served in the periods judged so far.
    #[must_use]
    pub fn blue(&self) -> Counts {
        self.blue
    }

    /// What both colours together served in a period, in the mean of those judged so far; nothing before the first.
    #[must_use]
    pub fn total_per_period(&self) -> Option<u64> {
        let total = self.green.total().saturating_add(self.blue.total());
        total.checked_div(self.counted.into())
    }

    /// The end of the last period consumed: the next look reads from here.
    #[must_use]
    pub fn last_period_end(&self) -> Option<Timestamp> {
        self.last_period_end
    }

    /// How many periods had unusable data.
    #[must_use]
    pub fn skipped(&self) -> u32 {
        self.skipped
    }

    /// Periods begun after the shift to `step`, and the requests of green and blue in them.
    pub(super) fn seen_in(&self, step: u32) -> (u32, u64, u64) {
        if self.step == step { (self.step_intervals, self.step_green, self.step_blue) } else { (0, 0, 0) }
    }
}
