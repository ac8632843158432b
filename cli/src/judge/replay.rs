//! One recorded release, interval by interval.

use super::JudgeError;
use super::input::Recording;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use teal::judge::{
    ACCEPT_LIMIT, Calibration, Counts, Interval, JudgeConfig, Judgement, MetricState, Moment, Reading, Verdict, Weight,
    decide,
};

/// What is written for each interval. The names of the logarithms are those of the method's description.
#[derive(Serialize)]
struct IntervalLine {
    interval: usize,
    step: u32,
    ln_e: f64,
    ln_accept: f64,
    verdict: Verdict,
    /// The verdict as a sentence.
    reason: String,
    /// Each metric alone, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metrics: BTreeMap<String, MetricLine>,
}

#[derive(Serialize)]
struct MetricLine {
    ln_e: f64,
    ln_accept: f64,
}

/// What is written at the end.
#[derive(Serialize)]
struct Summary<'a> {
    intervals: usize,
    ln_e: f64,
    ln_accept: f64,
    #[serde(rename = "rollBackAt")]
    roll_back_at: Option<usize>,
    #[serde(rename = "acceptAt")]
    accept_at: Option<usize>,
    calibration: BTreeMap<&'a str, CalibrationLine>,
}

#[derive(Serialize)]
struct CalibrationLine {
    phi: f64,
    cv: f64,
    basis: String,
}

/// When each verdict was first reached, in intervals counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Firsts {
    pub(super) roll_back_at: Option<usize>,
    pub(super) accept_at: Option<usize>,
}

impl Firsts {
    pub(super) fn note(&mut self, interval: usize, roll_back: bool, ln_accept: f64) {
        if roll_back {
            self.roll_back_at.get_or_insert(interval);
        }
        if ln_accept >= ACCEPT_LIMIT.ln() {
            self.accept_at.get_or_insert(interval);
        }
    }
}

/// The `number`th interval of a recording, each taken as a minute.
pub(super) fn minute(number: usize, step: u32, green: Counts, blue: Counts) -> Interval {
    let seconds = i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(60);
    let period_end = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    Interval { step, period_end, begun_after_shift: true, green, blue }
}

/// Judges a recording and writes a line for each interval, then the summary.
pub(super) fn run(
    recording: &Recording,
    config: &JudgeConfig,
    calibrations: &BTreeMap<String, Calibration>,
    out: &mut impl Write,
) -> Result<(), JudgeError> {
    let mut states: Vec<MetricState> = recording.metrics.keys().map(|_| MetricState::default()).collect();
    let mut firsts = Firsts::default();
    let mut last = None;
    for (i, &step) in recording.steps.iter().enumerate() {
        for (state, (metric, intervals)) in states.iter_mut().zip(&recording.metrics) {
            if let (Some(calibration), Some(&(green, blue))) = (calibrations.get(metric), intervals.get(i)) {
                state.observe(config, calibration, &minute(i + 1, step, green, blue));
            }
        }
        let readings: Vec<Reading<'_>> = (states.iter().zip(recording.metrics.keys()))
            .map(|(state, name)| Reading { name, bad_means: "were bad", weight: Weight::EQUAL, state })
            .collect();
        let step_over = recording.steps.get(i + 1) != Some(&step);
        let judgement = decide(config, &readings, Moment { step, step_over });
        firsts.note(i + 1, judgement.verdict == Verdict::RollBack, judgement.ln_accept);
        write_line(out, &interval_line(i + 1, step, &judgement))?;
        last = Some(judgement);
    }
    let calibration = calibrations.iter().map(|(metric, calibration)| {
        let basis = calibration.basis().to_string();
        (metric.as_str(), CalibrationLine { phi: calibration.phi(), cv: calibration.cv(), basis })
    });
    let summary = Summary {
        intervals: recording.steps.len(),
        ln_e: last.as_ref().map_or(0.0, |judgement| judgement.ln_e),
        ln_accept: last.as_ref().map_or(0.0, |judgement| judgement.ln_accept),
        roll_back_at: firsts.roll_back_at,
        accept_at: firsts.accept_at,
        calibration: calibration.collect(),
    };
    Ok(write_line(out, &summary)?)
}

fn interval_line(interval: usize, step: u32, judgement: &Judgement) -> IntervalLine {
    let metrics = if judgement.evidence.len() > 1 { judgement.evidence.as_slice() } else { &[] };
    IntervalLine {
        interval,
        step,
        ln_e: judgement.ln_e,
        ln_accept: judgement.ln_accept,
        verdict: judgement.verdict,
        reason: judgement.to_string(),
        metrics: metrics
            .iter()
            .map(|each| (each.metric.clone(), MetricLine { ln_e: each.ln_e, ln_accept: each.ln_accept }))
            .collect(),
    }
}

/// One JSON object on a line of its own.
pub(super) fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
