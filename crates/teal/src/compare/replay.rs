//! How often the judge would have rolled back when nothing was released: blue's own past, one half of its Availability Zones
//! in the place of green, in windows as long as a plan's steps.

use super::calibrate::{HISTORY, sum};
use super::source::CountKeys;
use super::{Compared, History, Place, edges, judge_config, usual_edges};
use crate::judge::{ConfigError, Interval, JudgeConfig, Moment, Verdict, decide};
use crate::plan::limits::METRIC_PERIOD;
use crate::plan::{CheckedPlan, MetricSource};
use crate::ports::{PortError, Router, Signals};
use crate::route::{Colour, NotShiftable, discover};
use crate::signals::{Readings, Wanted};
use crate::strategy::Timeline;
use crate::time::{Timestamp, after, seconds_until};
use crate::units::Span;
use serde::Serialize;
use std::fmt;

/// One call reads at most this much: a few thousand minutes of each series make several pages.
const CHUNK_SECONDS: u64 = 86_400;

/// What a replay came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Windows in which the judge would have rolled back, oldest first.
    pub firings: Vec<Firing>,
    pub summary: Summary,
}

/// A window in which the judge would have rolled back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Firing {
    /// When the last period before it ended.
    pub at: Timestamp,
    /// When the window began.
    pub window: Timestamp,
    /// Which half of the zones stood for green: 1 or 2.
    pub half: usize,
    /// `ln E`.
    pub ln_e: f64,
    /// The judgement as a sentence; its green is that half, its blue the other.
    pub reason: String,
}

/// All windows together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub from: Timestamp,
    pub to: Timestamp,
    /// How long each window is: the plan's steps before 100 %.
    pub window: Span,
    /// Windows judged: each stretch of time twice, with either half in the place of green.
    pub windows: usize,
    /// Windows besides in which there was nothing to judge: no minute in which both halves served anything.
    pub idle: usize,
    /// How many would have been rolled back.
    pub fired: usize,
    /// Their share of the windows judged; nothing without any.
    pub share: Option<f64>,
    /// The share that may be, by the plan.
    pub alpha: f64,
    /// Of the windows judged, how many saw too little traffic to be clear.
    pub insufficient: usize,
    /// The metrics judged.
    pub metrics: Vec<String>,
    /// The metrics of the plan that have no history by zone.
    pub left_out: Vec<String>,
    pub zones: Vec<String>,
}

impl fmt::Display for Summary {
    /// "1 of 1316 windows of 15m would have been rolled back although nothing was released (0.08 %, the plan's alpha is 1 %); 4
    /// windows besides had nothing to judge".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { windows, idle, fired, insufficient, window, alpha, .. } = self;
        if let Some(share) = self.share {
            write!(
                f,
                "{fired} of {windows} windows of {window} would have been rolled back although nothing was released ({:.2} %, \
                 the plan's alpha is {} %)",
                100.0 * share,
                100.0 * alpha
            )?;
        } else {
            write!(f, "there was nothing to judge: no window of {window} had traffic on both halves of the zones")?;
        }
        if *insufficient > 0 {
            write!(f, "; in {insufficient} a step saw too little traffic to be clear")?;
        }
        if *idle > 0 && *windows > 0 {
            write!(f, "; {idle} windows besides had nothing to judge")?;
        }
        if !self.left_out.is_empty() {
            write!(f, "; without a history by zone: {}", self.left_out.join(", "))?;
        }
        Ok(())
    }
}

/// Why there is nothing to replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("{0}")]
    Port(#[from] PortError),
    #[error("{0}")]
    Route(#[from] NotShiftable),
    #[error("{0}")]
    Setting(#[from] ConfigError),
    #[error("the plan compares green with blue in no step: it has no `judge.metrics`, or is `allAtOnce`")]
    NothingCompared,
    #[error("no metric of the plan has a history by Availability Zone: only `errors` and `latency` have")]
    NoHistory,
    #[error("the load balancer is in {0} Availability Zone, so blue cannot be compared with itself")]
    OneZone(usize),
    #[error("{0} is shorter than the three hours that are learnt from and one window of {1}")]
    TooShort(Span, Span),
}

/// Reads blue's past up to `now` and judges it as if something had been released all the time.
///
/// # Errors
/// When the plan compares nothing that has a history, or AWS cannot be read.
pub async fn replay<W: Router + Signals>(
    world: &W,
    checked: &CheckedPlan,
    since: Span,
    now: Timestamp,
) -> Result<Replay, ReplayError> {
    let (plan, timeline) = (checked.plan(), checked.timeline());
    let window = steps(timeline).map(|(_, lasts)| lasts).sum::<Span>();
    if plan.judge.metrics.is_empty() || window.is_zero() {
        return Err(ReplayError::NothingCompared);
    }
    // Before anything is asked of AWS: it is wrong whatever the account has.
    if u64::from(since.as_seconds()) < HISTORY + u64::from(window.as_seconds()) {
        return Err(ReplayError::TooShort(since, window));
    }
    let mut parts = Vec::new();
    for part in plan.traffic.route.parts() {
        let actions = world.actions(&part).await?;
        parts.push((part, actions));
    }
    let colours = discover(&parts, &plan.named())?;
    let Some((part, _)) = parts.first() else { return Err(ReplayError::NothingCompared) };
    let zones = world.zones(part).await?;
    if zones.len() < 2 {
        return Err(ReplayError::OneZone(zones.len()));
    }
    let blue = Place {
        colour: Colour::Blue,
        meter: part.facts().meter,
        load_balancer: part.name_in_metrics(),
        target_group: colours.blue.name_in_metrics(),
        service: "",
        zone: None,
    };
    let settled = History::before(now, plan.judge.settle.as_seconds().into()).to;
    let from = Timestamp::from_second(settled.as_second().saturating_sub(since.as_seconds().into())).unwrap_or(settled);
    let past = History { from: History::before(from, 0).to, to: settled };
    let mut percentiles = Wanted::default();
    let keys = History::want_percentiles(&mut percentiles, &blue);
    let first = History { to: after(past.from, HISTORY), ..past };
    let found = if plan.judge.metrics.iter().any(|metric| metric.source == MetricSource::Latency) {
        let series = world.metrics(percentiles.queries(), first.from, first.to).await?;
        keys.and_then(|keys| edges(&keys, &Readings::new(series)))
    } else {
        None
    };
    let all: Vec<Compared> = plan
        .judge
        .metrics
        .iter()
        .flat_map(|metric| Compared::of(metric, found.unwrap_or_else(usual_edges), &blue))
        .collect();
    let (compared, left_out): (Vec<Compared>, Vec<Compared>) =
        all.into_iter().partition(|metric| metric.source.is_of_load_balancer());
    if compared.is_empty() {
        return Err(ReplayError::NoHistory);
    }
    let mut wanted = Wanted::default();
    let keys: Vec<Vec<CountKeys>> =
        compared.iter().map(|metric| past.want_zones(&mut wanted, &metric.source, &blue, &zones)).collect();
    let readings = read(world, &wanted, past).await?;
    let config = judge_config(&plan.judge, timeline)?;
    let windows = Windows { config, timeline, window, compared: &compared, keys: &keys, readings: &readings };
    let Tally { firings, judged, idle, insufficient } = windows.judge(past)?;
    let summary = Summary {
        from: past.from,
        to: past.to,
        window,
        windows: judged,
        idle,
        fired: firings.len(),
        share: (judged > 0).then(|| firings.len() as f64 / judged as f64),
        alpha: plan.judge.alpha.fraction(),
        insufficient,
        metrics: compared.iter().map(|metric| metric.name.clone()).collect(),
        left_out: left_out.into_iter().map(|metric| metric.name).collect(),
        zones,
    };
    Ok(Replay { firings, summary })
}

async fn read<W: Signals>(world: &W, wanted: &Wanted, past: History) -> Result<Readings, PortError> {
    let mut readings = Readings::default();
    let mut from = past.from;
    while from < past.to {
        let to = after(from, CHUNK_SECONDS).min(past.to);
        readings.extend(world.metrics(wanted.queries(), from, to).await?);
        from = to;
    }
    Ok(readings)
}

/// The steps before 100 %, counted from 1, and how long each lasts.
fn steps(timeline: &Timeline) -> impl Iterator<Item = (u32, Span)> {
    (1..).zip(timeline.stages().iter().take(timeline.compared_stages()).map(|stage| stage.bake))
}

/// What all windows came to.
#[derive(Default)]
struct Tally {
    firings: Vec<Firing>,
    judged: usize,
    idle: usize,
    insufficient: usize,
}

/// Everything that windows are judged by.
struct Windows<'a> {
    config: JudgeConfig,
    timeline: &'a Timeline,
    window: Span,
    compared: &'a [Compared],
    /// For each metric the series of each zone.
    keys: &'a [Vec<CountKeys>],
    readings: &'a Readings,
}

impl Windows<'_> {
    fn judge(&self, past: History) -> Result<Tally, ConfigError> {
        let halves: Vec<[Vec<CountKeys>; 2]> = self.keys.iter().map(|keys| past.halves(keys, self.readings)).collect();
        let mut tally = Tally::default();
        let mut begin = after(past.from, HISTORY);
        loop {
            let end = after(begin, self.window.as_seconds().into());
            if end > past.to {
                return Ok(tally);
            }
            let is_idle = self.is_idle(History { from: begin, to: end }, &halves);
            for half in [0, 1] {
                if is_idle {
                    tally.idle += 1;
                    continue;
                }
                tally.judged += 1;
                match self.judge_one(begin, end, &halves, half)? {
                    Outcome::Fired(firing) => tally.firings.push(firing),
                    Outcome::Insufficient => tally.insufficient += 1,
                    Outcome::Passed => {}
                }
            }
            begin = end;
        }
    }

    /// Whether there is nothing to judge: no metric has a minute in which both halves served anything. Such a window is no
    /// release that went well, and must not make the firings look rarer than they are.
    fn is_idle(&self, window: History, halves: &[[Vec<CountKeys>; 2]]) -> bool {
        let has_served =
            |half: &Vec<CountKeys>, at| sum(half, self.readings, at).is_some_and(|counts| counts.total() > 0);
        !window.minutes().any(|at| halves.iter().any(|halves| halves.iter().all(|half| has_served(half, at))))
    }

    fn judge_one(
        &self,
        begin: Timestamp,
        end: Timestamp,
        halves: &[[Vec<CountKeys>; 2]],
        half: usize,
    ) -> Result<Outcome, ConfigError> {
        let learnt = Timestamp::from_second(begin.as_second().saturating_sub(HISTORY as i64)).unwrap_or(begin);
        let before = History { from: learnt, to: begin };
        let mut compared = self.compared.to_vec();
        for (metric, halves) in compared.iter_mut().zip(halves).filter(|(metric, _)| metric.learns_by_zone()) {
            metric.calibration = before.calibration_of(halves, self.readings);
        }
        let mut insufficient = false;
        for at in (History { from: begin, to: end }).minutes() {
            let (step, step_over) = self.step_at(seconds_until(begin, at));
            let period_end = after(at, METRIC_PERIOD.as_seconds().into());
            for (metric, halves) in compared.iter_mut().zip(halves) {
                let counts = [half, 1 - half].map(|half| sum(&halves[half], self.readings, at));
                let [Some(green), Some(blue)] = counts else {
                    metric.state.skip(period_end);
                    continue;
                };
                let interval = Interval { step, period_end, begun_after_shift: true, green, blue };
                metric.state.observe(&self.config, &metric.calibration, &interval);
            }
            let readings = compared.iter().map(Compared::reading).collect::<Result<Vec<_>, _>>()?;
            let judgement = decide(&self.config, &readings, Moment { step, step_over });
            match judgement.verdict {
                Verdict::RollBack => {
                    let (ln_e, reason) = (judgement.ln_e, judgement.to_string());
                    return Ok(Outcome::Fired(Firing { at: period_end, window: begin, half: half + 1, ln_e, reason }));
                }
                Verdict::Insufficient => insufficient = true,
                Verdict::Accept | Verdict::Clear | Verdict::Hold => {}
            }
        }
        Ok(if insufficient { Outcome::Insufficient } else { Outcome::Passed })
    }

    /// The step of the minute that begins so many seconds after the window, and whether it is the step's last one.
    fn step_at(&self, seconds: u64) -> (u32, bool) {
        let minute = u64::from(METRIC_PERIOD.as_seconds());
        let mut ends = 0;
        let mut last = 1;
        for (step, lasts) in steps(self.timeline) {
            ends += u64::from(lasts.as_seconds());
            last = step;
            if seconds < ends {
                return (step, seconds + minute >= ends);
            }
        }
        (last, true)
    }
}

enum Outcome {
    Fired(Firing),
    Insufficient,
    Passed,
}

#[cfg(test)]
mod tests;
