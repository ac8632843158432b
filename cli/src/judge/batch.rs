//! Many recorded releases, one a line.

use super::JudgeError;
use super::input::{counts, whole};
use super::replay::{Firsts, minute, write_line};
use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{BufRead, Write};
use std::path::Path;
use teal::judge::{Calibration, JudgeConfig, MetricState};

/// One line of input. What it leaves out is as on the command line.
#[derive(Deserialize)]
struct Run {
    phi: Option<f64>,
    cv: Option<f64>,
    rho: Option<f64>,
    alpha: Option<f64>,
    strict: Option<bool>,
    steps: Option<u32>,
    /// Step, green's and blue's requests, green's and blue's bad requests.
    intervals: Vec<[Count; 5]>,
}

/// One line of output.
#[derive(Serialize)]
struct Summary {
    run: usize,
    intervals: usize,
    ln_e: f64,
    ln_accept: f64,
    #[serde(rename = "rollBackAt")]
    roll_back_at: Option<usize>,
    #[serde(rename = "acceptAt")]
    accept_at: Option<usize>,
}

/// A count, which data frames may have written as `300.0`.
#[derive(Clone, Copy)]
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counted;

        impl Visitor<'_> for Counted {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of at least 0")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Count, E> {
                Ok(Count(count))
            }

            fn visit_f64<E: de::Error>(self, count: f64) -> Result<Count, E> {
                whole(count).map(Count).ok_or_else(|| E::invalid_value(Unexpected::Float(count), &self))
            }
        }

        deserializer.deserialize_any(Counted)
    }
}

/// Judges each run and writes its summary, in order.
pub(super) fn run(
    path: &Path,
    input: impl BufRead,
    config: &JudgeConfig,
    calibration: Calibration,
    out: &mut impl Write,
) -> Result<(), JudgeError> {
    let mut number = 0;
    for (line_number, line) in (1..).zip(input.lines()) {
        let line = line.map_err(|source| super::unreadable(path, source))?;
        if line.trim().is_empty() {
            continue;
        }
        number += 1;
        let summary = serde_json::from_str(&line)
            .map_err(|error| not_a_run(&error))
            .and_then(|run: Run| judge(number, &run, config.clone(), calibration))
            .map_err(|problem| JudgeError::input(path, format_args!("row {line_number}"), problem))?;
        write_line(out, &summary)?;
    }
    Ok(())
}

/// The error, with the column only: each run is a text of one line.
fn not_a_run(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or(&text);
    format!("{problem} at column {}", error.column())
}

fn judge(number: usize, run: &Run, config: JudgeConfig, calibration: Calibration) -> Result<Summary, String> {
    let (config, calibration) = settings(run, config, calibration).map_err(|error| error.to_string())?;
    let mut state = MetricState::default();
    let mut firsts = Firsts::default();
    let mut before = 1;
    for (interval, &[Count(step), Count(g), Count(b), Count(x), Count(y)]) in (1..).zip(&run.intervals) {
        let place = |problem: String| format!("interval {interval}: {problem}");
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        if step < before {
            return Err(place(format!("step is {step}, but steps are counted from 1 and never go back")));
        }
        before = step;
        let green = counts("green", g, x).map_err(place)?;
        let blue = counts("blue", b, y).map_err(place)?;
        state.observe(&config, &calibration, &minute(interval, step, green, blue));
        firsts.note(interval, state.rejects(&config), state.ln_accept());
    }
    Ok(Summary {
        run: number,
        intervals: run.intervals.len(),
        ln_e: state.ln_e(&config),
        ln_accept: state.ln_accept(),
        roll_back_at: firsts.roll_back_at,
        accept_at: firsts.accept_at,
    })
}

fn settings(
    run: &Run,
    config: JudgeConfig,
    calibration: Calibration,
) -> Result<(JudgeConfig, Calibration), teal::judge::ConfigError> {
    let strict = run.strict.unwrap_or(config.strict());
    let rho = run.rho.unwrap_or(config.rho());
    let alpha = run.alpha.unwrap_or(config.alpha());
    let config = config.with_rho(rho)?.with_alpha(alpha)?.with_strict(strict);
    let config = match run.steps {
        Some(steps) => config.with_steps(steps)?,
        None => config,
    };
    let calibration = Calibration::given(run.phi.unwrap_or(calibration.phi()), run.cv.unwrap_or(calibration.cv()))?;
    Ok((config, calibration))
}
