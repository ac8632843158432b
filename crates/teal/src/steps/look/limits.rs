//! Absolute limits: each is a count of bad requests among all, in the newest periods of the stage.

use crate::compare::Place;
use crate::plan::Limits;
use crate::plan::limits::METRIC_PERIOD;
use crate::ports::Statistic;
use crate::route::Outcome;
use crate::signals::{Readings, SeriesKey, Wanted};
use crate::time::{Timestamp, seconds_until};
use crate::units::Percent;
use crate::verdict::{Decision, Measure, Reason, Verdict};

/// A limit looks at the newest periods: at least these many, and as many more as it takes to see `minRequests`. So a late
/// regression is not diluted by a good beginning.
const WINDOW_PERIODS: usize = 5;

/// The whole metric periods that a look may read: begun after the shift, ended long enough ago to be final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Window {
    /// The periods begun at or after `shifted_at` whose end is at least `settle` seconds before `now`.
    ///
    /// # Errors
    /// The seconds until the first of them can be read, when there is none yet.
    pub(super) fn readable(shifted_at: Timestamp, settle: u64, now: Timestamp) -> Result<Self, u64> {
        let period = i64::from(METRIC_PERIOD.as_seconds()) * 1000;
        let settle = i64::try_from(settle).unwrap_or(i64::MAX).saturating_mul(1000);
        let from = shifted_at.as_millisecond().saturating_add(period - 1).div_euclid(period) * period;
        let to = now.as_millisecond().saturating_sub(settle).div_euclid(period) * period;
        let at = |millis| Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
        if to > from {
            return Ok(Self { from: at(from), to: at(to) });
        }
        Err(seconds_until(now, at(from.saturating_add(period).saturating_add(settle))))
    }

    fn periods_backwards(self) -> impl Iterator<Item = Timestamp> {
        let period = i64::from(METRIC_PERIOD.as_seconds()) * 1000;
        let (from, to) = (self.from.as_millisecond(), self.to.as_millisecond());
        (1..).map_while(move |n: i64| {
            let begin = to - n * period;
            (begin >= from).then(|| Timestamp::from_millisecond(begin).unwrap_or(Timestamp::MIN))
        })
    }
}

/// One limit of the plan with the series that it reads.
#[derive(Debug)]
pub(super) struct WantedLimit {
    measure: Measure,
    /// The largest share of bad ones that is still fine.
    most: Percent,
    keys: LimitKeys,
}

#[derive(Debug)]
enum LimitKeys {
    /// All, and those that were fine.
    Rest { all: SeriesKey, good: [SeriesKey; 3] },
    /// All, and those that were bad.
    Bad { all: SeriesKey, bad: SeriesKey },
}

/// Wants what the limits of a plan read of green and of the load balancer as a whole.
pub(super) fn want(wanted: &mut Wanted, limits: &Limits, green: &Place<'_>) -> Vec<WantedLimit> {
    let mut list = Vec::new();
    // Where there is nothing to limit, a plan with limits is refused.
    let Some(metrics) = green.meter.of_requests else { return list };
    let period = METRIC_PERIOD.as_seconds();
    if let Some(limit) = &limits.bad_share {
        let mut sum = |metric: &str| wanted.statistic(green.statistic(metric, "Sum"), period);
        let all = sum(metrics.requests);
        let keys = match metrics.outcome {
            Outcome::Good(good) => LimitKeys::Rest { all, good: good.map(sum) },
            Outcome::Bad(bad) => LimitKeys::Bad { all, bad: sum(bad) },
        };
        list.push(WantedLimit { measure: Measure::GreenBadShare, most: limit.above, keys });
    }
    if let Some(limit) = &limits.load_balancer_5xx {
        let mut sum = |metric: &str| wanted.statistic(of_all(green, metric), period);
        let keys = LimitKeys::Bad { all: sum(metrics.requests), bad: sum("HTTPCode_ELB_5XX_Count") };
        list.push(WantedLimit { measure: Measure::LoadBalancer5xx, most: limit.above, keys });
    }
    if let Some(limit) = &limits.latency {
        let mut time = |statistic: &str| wanted.statistic(green.statistic(metrics.duration, statistic), period);
        let edge = f64::from(limit.above.as_millis()) / 1000.0;
        let keys = LimitKeys::Bad { all: time("SampleCount"), bad: time(&metrics.slower_than(edge)) };
        // A percentile never is above p100, so what lies beyond it is 0 to 99.9 %.
        let beyond = u32::from(1000_u16.saturating_sub(limit.percentile.permille())) * 1000;
        let measure = Measure::GreenSlower { than_millis: limit.above.as_millis() };
        list.extend(Percent::from_millionths(beyond).ok().map(|most| WantedLimit { measure, most, keys }));
    }
    list
}

/// The sum of a metric over the whole load balancer.
fn of_all(place: &Place<'_>, metric: &str) -> Statistic {
    let mut statistic = place.statistic(metric, "Sum");
    statistic.dimensions.retain(|(name, _)| name == "LoadBalancer");
    statistic
}

impl WantedLimit {
    /// Bad ones, and all. A missing count in a period that has requests is 0; a period without requests has nothing to
    /// say.
    fn counts(&self, readings: &Readings, at: Timestamp) -> (u64, u64) {
        let value = |key: SeriesKey| match readings.at(key, at) {
            Some(value) if value.is_finite() => value.max(0.0).round() as u64,
            _ => 0,
        };
        match (&self.keys, &self.measure) {
            (LimitKeys::Rest { all, good }, _) => {
                let all = value(*all);
                let good = good.iter().map(|key| value(*key)).fold(0, u64::saturating_add);
                (all.saturating_sub(good), all)
            }
            // A request for which no target could be chosen is answered 5xx without being counted.
            (LimitKeys::Bad { all, bad }, Measure::LoadBalancer5xx) => {
                let bad = value(*bad);
                (bad, value(*all).max(bad))
            }
            (LimitKeys::Bad { all, bad }, _) => {
                let all = value(*all);
                (value(*bad).min(all), all)
            }
        }
    }

    pub(super) fn judge(&self, readings: &Readings, window: Window, min_requests: u32) -> Verdict {
        let wanted = u64::from(min_requests);
        let (mut bad, mut of) = (0_u64, 0_u64);
        for (index, at) in window.periods_backwards().enumerate() {
            if index >= WINDOW_PERIODS && of >= wanted {
                break;
            }
            let counts = self.counts(readings, at);
            (bad, of) = (bad.saturating_add(counts.0), of.saturating_add(counts.1));
        }
        let measure = self.measure.clone();
        let limit_percent = self.most.fraction() * 100.0;
        if of < wanted {
            return Verdict::because(Decision::Insufficient, Reason::TooFewRequests { measure, requests: of, wanted });
        }
        if bad as f64 > self.most.fraction() * of as f64 {
            return Verdict::because(Decision::RollBack, Reason::AboveLimit { measure, bad, of, limit_percent });
        }
        Verdict::because(Decision::Advance, Reason::WithinLimit { measure, bad, of, limit_percent })
    }
}

#[cfg(test)]
mod tests;
