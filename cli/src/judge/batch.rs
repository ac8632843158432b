//! Many recorded releases, one a line.

use super::JudgeError;
use super::json::{self, Strict};
use super::number::{Given, counts, in_order, shown};
use super::replay::{Firsts, minute, write_line};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::{BufRead, Write};
use std::path::Path;
use teal::judge::{Calibration, Counts, JudgeConfig, MetricState};

/// The fields of a run. What it leaves out but the intervals is as on the command line.
const FIELDS: [&str; 7] = ["phi", "cv", "rho", "alpha", "strict", "steps", "intervals"];

/// The numbers of an interval.
const COLUMNS: [&str; 5] = ["step", "green's requests", "blue's requests", "green's bad ones", "blue's bad ones"];

const EXAMPLE: &str = r#"{"phi": 1.2, "cv": 0.1, "intervals": [[1, 300, 5700, 3, 57]]}"#;

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
            .and_then(|Strict(run)| judge(number, &run, config.clone(), calibration))
            .map_err(|problem| JudgeError::input(path, format_args!("row {line_number}"), problem))?;
        write_line(out, &summary)?;
    }
    if number == 0 {
        return Err(JudgeError::input(
            path,
            "row 1",
            format!("there is none, but each run needs one: write {EXAMPLE}"),
        ));
    }
    Ok(())
}

/// The error, with the column only: each run is a text of one line.
fn not_a_run(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or(&text);
    format!("{problem} at column {}: each line is a run of its own, like {EXAMPLE}", error.column())
}

fn judge(number: usize, run: &Value, config: JudgeConfig, calibration: Calibration) -> Result<Summary, String> {
    let run = json::fields(run, "the run", &FIELDS, EXAMPLE)?;
    let (config, calibration) = settings(run, config, calibration)?;
    let intervals = match run.get("intervals") {
        Some(Value::Array(intervals)) => intervals,
        Some(other) => return Err(format!("intervals is {}, but must be an array: write {EXAMPLE}", shown(other))),
        None => return Err(format!("intervals is missing: write {EXAMPLE}")),
    };
    let mut state = MetricState::default();
    let mut firsts = Firsts::default();
    let mut before = 0;
    for (number, given) in (1..).zip(intervals) {
        let (step, green, blue) = interval(given, before).map_err(|problem| format!("interval {number}: {problem}"))?;
        before = step;
        state.observe(&config, &calibration, &minute(number, step, green, blue));
        firsts.note(number, state.rejects(&config), state.ln_accept());
    }
    Ok(Summary {
        run: number,
        intervals: intervals.len(),
        ln_e: state.ln_e(&config),
        ln_accept: state.ln_accept(),
        roll_back_at: firsts.roll_back_at,
        accept_at: firsts.accept_at,
    })
}

/// The step of an interval, and what green and blue served.
fn interval(given: &Value, before: u32) -> Result<(u32, Counts, Counts), String> {
    let Some([step, green, blue, bad_green, bad_blue]) = given.as_array().map(Vec::as_slice) else {
        return Err(format!("it is {}, but must be an array of five: [{}]", shown(given), COLUMNS.join(", ")));
    };
    let [_, green_field, blue_field, bad_green_field, bad_blue_field] = COLUMNS;
    let count = |field: &'static str, value: &Value| Ok::<_, String>((field, Given::of_json(value).count(field)?));
    let step = Given::of_json(step).step()?;
    in_order(step, before)?;
    let green = counts(count(green_field, green)?, count(bad_green_field, bad_green)?)?;
    let blue = counts(count(blue_field, blue)?, count(bad_blue_field, bad_blue)?)?;
    Ok((step, green, blue))
}

fn settings(
    run: &Map<String, Value>,
    config: JudgeConfig,
    calibration: Calibration,
) -> Result<(JudgeConfig, Calibration), String> {
    let given = |name: &str| run.get(name).filter(|value| !value.is_null());
    let number = |name: &str, other: f64| match given(name) {
        Some(value) => value.as_f64().ok_or_else(|| {
            format!("{name} is {}, but must be a number: write it without quotes, or leave {name} out", shown(value))
        }),
        None => Ok(other),
    };
    let strict = match given("strict") {
        Some(value) => value
            .as_bool()
            .ok_or_else(|| format!("strict is {}, but must be true or false: write one of the two", shown(value)))?,
        None => config.strict(),
    };
    let set = |error: teal::judge::ConfigError| error.to_string();
    let (rho, alpha) = (number("rho", config.rho())?, number("alpha", config.alpha())?);
    let config = config.with_rho(rho).and_then(|config| config.with_alpha(alpha)).map_err(set)?.with_strict(strict);
    let config = match given("steps") {
        Some(value) => {
            let steps = value.as_u64().and_then(|steps| u32::try_from(steps).ok()).ok_or_else(|| {
                format!(
                    "steps is {}, but must be a whole number: write how many traffic steps the plan has",
                    shown(value)
                )
            })?;
            config.with_steps(steps).map_err(set)?
        }
        None => config,
    };
    let (phi, cv) = (number("phi", calibration.phi())?, number("cv", calibration.cv())?);
    Ok((config, Calibration::given(phi, cv).map_err(set)?))
}
