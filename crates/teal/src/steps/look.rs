//! One look: alarms, limits and the clock, each with a verdict of its own.

use super::Step;
use crate::plan::limits::METRIC_PERIOD;
use crate::plan::{AlarmName, Limits};
use crate::ports::{AlarmReading, AlarmState, MetricQuery, Series, World};
use crate::release::Release;
use crate::story::Fact;
use crate::time::{Timestamp, after, seconds_until};
use crate::units::Percent;
use crate::verdict::{Decision, Measure, Reason, Verdict};

/// A limit looks at the newest periods: at least these many, and as many more as it takes to see `minRequests`. So a late
/// regression is not diluted by a good beginning.
const WINDOW_PERIODS: usize = 5;

/// The whole metric periods that a look may read: begun after the shift, ended long enough ago to be final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    /// The periods begun at or after `shifted_at` whose end is at least `settle` seconds before `now`.
    ///
    /// # Errors
    /// The seconds until the first of them can be read, when there is none yet.
    fn readable(shifted_at: Timestamp, settle: u64, now: Timestamp) -> Result<Self, u64> {
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
}

impl<W: World> Step<'_, W> {
    /// What the alarms say. An alarm without data, or one that cannot be read, never says that all is well.
    pub(super) async fn look_at_alarms(&mut self, release: &Release) -> Verdict {
        let names = &release.plan.judge.alarms;
        if names.is_empty() {
            return Verdict { decision: Decision::Advance, reasons: Vec::new() };
        }
        let readings = match self.world.alarms(names).await {
            Ok(readings) => readings,
            Err(error) => {
                let silent = |name: &AlarmName| Reason::AlarmSilent { alarm: name.clone(), detail: error.to_string() };
                return Verdict { decision: Decision::Insufficient, reasons: names.iter().map(silent).collect() };
            }
        };
        for reading in readings.iter().filter(|reading| reading.state == AlarmState::Alarm) {
            self.note(Fact::AlarmSeen {
                alarm: reading.name.clone(),
                state: reading.state,
                reason: reading.reason.clone(),
            });
        }
        Verdict::all(names.iter().map(|name| {
            let reading = readings.iter().find(|reading| &reading.name == name);
            alarm_verdict(name, reading)
        }))
    }

    /// What the limits say about the stage that green has reached.
    pub(super) async fn look_at_limits(&self, release: &Release) -> Verdict {
        let judge = &release.plan.judge;
        let (Some(limits), Some(shifted_at)) = (&judge.limits, release.shifted_at) else {
            return Verdict { decision: Decision::Advance, reasons: Vec::new() };
        };
        let window = match Window::readable(shifted_at, judge.settle.as_seconds().into(), self.now()) {
            Ok(window) => window,
            Err(readable_in_seconds) => {
                return Verdict::because(Decision::Insufficient, Reason::NoPeriodYet { readable_in_seconds });
            }
        };
        let wanted = wanted(limits);
        let queries: Vec<MetricQuery> = wanted.iter().flat_map(|limit| limit.queries(release)).collect();
        match self.world.metrics(&queries, window.from, window.to).await {
            Ok(series) => Verdict::all(wanted.iter().map(|limit| limit.judge(&series, window, limits.min_requests))),
            Err(error) => {
                Verdict::because(Decision::Insufficient, Reason::MetricsUnreadable { detail: error.to_string() })
            }
        }
    }
}

fn alarm_verdict(name: &AlarmName, reading: Option<&AlarmReading>) -> Verdict {
    let silent = |detail: &str| {
        Verdict::because(Decision::Insufficient, Reason::AlarmSilent { alarm: name.clone(), detail: detail.to_owned() })
    };
    match reading {
        None => silent("it does not exist any more"),
        Some(reading) => match reading.state {
            AlarmState::Ok => Verdict { decision: Decision::Advance, reasons: Vec::new() },
            AlarmState::InsufficientData => silent("it has no data"),
            AlarmState::Alarm => Verdict::because(
                Decision::RollBack,
                Reason::AlarmRaised { alarm: name.clone(), detail: reading.reason.clone() },
            ),
        },
    }
}

/// One limit of the plan as counts: so many bad among so many.
struct WantedLimit {
    measure: Measure,
    /// The largest share of bad ones that is still fine.
    most: Percent,
}

fn wanted(limits: &Limits) -> Vec<WantedLimit> {
    let mut list = Vec::new();
    if let Some(limit) = &limits.bad_share {
        list.push(WantedLimit { measure: Measure::GreenBadShare, most: limit.above });
    }
    if let Some(limit) = &limits.load_balancer_5xx {
        list.push(WantedLimit { measure: Measure::LoadBalancer5xx, most: limit.above });
    }
    if let Some(limit) = &limits.latency {
        // A percentile never is above p100, so what lies beyond it is 0 to 99.9 %.
        let beyond = u32::from(1000_u16.saturating_sub(limit.percentile.permille())) * 1000;
        list.extend(
            Percent::from_millionths(beyond).ok().map(|most| WantedLimit {
                measure: Measure::GreenSlower { than_millis: limit.above.as_millis() },
                most,
            }),
        );
    }
    list
}

impl WantedLimit {
    /// The series whose names `judge` looks for.
    fn queries(&self, release: &Release) -> Vec<MetricQuery> {
        let sum = |id: &str, metric: &str| query(id, metric, "Sum".to_owned());
        let of_green = |query: MetricQuery| MetricQuery { dimensions: green_dimensions(release), ..query };
        let of_all = |query: MetricQuery| MetricQuery { dimensions: all_dimensions(release), ..query };
        match &self.measure {
            Measure::GreenBadShare => vec![
                of_green(sum("green_requests", "RequestCount")),
                of_green(sum("green_2xx", "HTTPCode_Target_2XX_Count")),
                of_green(sum("green_3xx", "HTTPCode_Target_3XX_Count")),
                of_green(sum("green_4xx", "HTTPCode_Target_4XX_Count")),
            ],
            Measure::LoadBalancer5xx => {
                vec![of_all(sum("all_requests", "RequestCount")), of_all(sum("all_5xx", "HTTPCode_ELB_5XX_Count"))]
            }
            Measure::GreenSlower { than_millis } => vec![
                of_green(query("green_answers", "TargetResponseTime", "SampleCount".to_owned())),
                of_green(query(
                    "green_slow",
                    "TargetResponseTime",
                    format!("TC({}:)", f64::from(*than_millis) / 1000.0),
                )),
            ],
        }
    }

    /// A missing count in a period that has requests is 0; a period without requests has nothing to say.
    fn counts(&self, series: &[Series], at: Timestamp) -> (u64, u64) {
        let value = |id: &str| value_at(series, id, at);
        match self.measure {
            Measure::GreenBadShare => {
                let of = value("green_requests");
                let good = value("green_2xx") + value("green_3xx") + value("green_4xx");
                (of.saturating_sub(good), of)
            }
            Measure::LoadBalancer5xx => {
                // A request for which no target could be chosen is answered 5xx without being counted.
                let bad = value("all_5xx");
                (bad, value("all_requests").max(bad))
            }
            Measure::GreenSlower { .. } => {
                let of = value("green_answers");
                (value("green_slow").min(of), of)
            }
        }
    }

    fn judge(&self, series: &[Series], window: Window, min_requests: u32) -> Verdict {
        let wanted = u64::from(min_requests);
        let (mut bad, mut of) = (0_u64, 0_u64);
        for (index, at) in periods_backwards(window).enumerate() {
            if index >= WINDOW_PERIODS && of >= wanted {
                break;
            }
            let counts = self.counts(series, at);
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

fn query(id: &str, metric: &str, statistic: String) -> MetricQuery {
    MetricQuery {
        id: id.to_owned(),
        namespace: "AWS/ApplicationELB".to_owned(),
        metric: metric.to_owned(),
        dimensions: Vec::new(),
        statistic,
        period: METRIC_PERIOD.as_seconds(),
    }
}

fn green_dimensions(release: &Release) -> Vec<(String, String)> {
    let mut dimensions = all_dimensions(release);
    dimensions.push(("TargetGroup".to_owned(), release.colours.green.dimension().to_owned()));
    dimensions
}

fn all_dimensions(release: &Release) -> Vec<(String, String)> {
    vec![("LoadBalancer".to_owned(), release.load_balancer.clone())]
}

fn value_at(series: &[Series], id: &str, at: Timestamp) -> u64 {
    let found = series.iter().find(|series| series.id == id);
    let point = found.and_then(|series| series.points.iter().find(|(time, _)| *time == at));
    point.map_or(0, |(_, value)| if value.is_finite() { value.max(0.0).round() as u64 } else { 0 })
}

fn periods_backwards(window: Window) -> impl Iterator<Item = Timestamp> {
    let period = i64::from(METRIC_PERIOD.as_seconds()) * 1000;
    let (from, to) = (window.from.as_millisecond(), window.to.as_millisecond());
    (1..).map_while(move |n: i64| {
        let begin = to - n * period;
        (begin >= from).then(|| Timestamp::from_millisecond(begin).unwrap_or(Timestamp::MIN))
    })
}

/// The bake of the stage: how long it still takes. Holding while it lasts, insufficient verdicts only count at its end.
pub(super) fn look_at_clock(release: &Release, now: Timestamp) -> Verdict {
    match release.bake_ends_at() {
        Some(end) if now < end => {
            Verdict::because(Decision::Hold, Reason::StillBaking { seconds_left: seconds_until(now, end) })
        }
        Some(_) | None => Verdict { decision: Decision::Advance, reasons: Vec::new() },
    }
}

/// While the bake lasts, too little to judge by is only a reason to hold.
pub(super) fn held(verdict: Verdict, release: &Release, now: Timestamp) -> Verdict {
    let baking = release.bake_ends_at().is_some_and(|end| now < end);
    match verdict.decision {
        Decision::Insufficient if baking => Verdict { decision: Decision::Hold, ..verdict },
        Decision::Insufficient | Decision::Hold | Decision::Advance | Decision::RollBack => verdict,
    }
}

/// When waiting for traffic beyond the bake is over.
pub(super) fn waited_out_at(release: &Release) -> Option<Timestamp> {
    let hold_for = release.plan.judge.on_insufficient.hold_for.as_seconds();
    release.bake_ends_at().map(|end| after(end, hold_for.into()))
}

#[cfg(test)]
mod tests;
