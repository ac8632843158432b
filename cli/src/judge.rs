//! `teal judge`: the judge on recorded counts, so that people can try it on their own history before they trust it.

mod batch;
mod csv;
mod history;
mod input;
mod json;
mod number;
mod replay;

use clap::Args;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use teal::judge::{Calibration, ConfigError, JudgeConfig};
use teal::units::{Invalid, Span};

/// Runs the judge offline, on recorded counts.
///
/// Writes one JSON object a line for each interval, then a summary with the intervals at which a roll-back and an accept
/// were first reached. Neither stops the run.
#[derive(Args, Clone, Debug)]
pub(crate) struct JudgeArgs {
    /// Recorded counts, one row an interval: a JSON array, JSON lines, or CSV with the header
    /// step,green_total,green_bad,blue_total,blue_bad[,metric]; "-" reads standard input
    #[arg(value_name = "FILE", required_unless_present = "from_cloudwatch")]
    file: Option<PathBuf>,

    /// Judges what the account's blue did in the past, one half of its Availability Zones against the other, in windows as
    /// long as this plan's steps: says how often a release would have been rolled back when there was none
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["file", "batch", "history", "phi", "cv", "rho", "alpha", "strict", "steps"])]
    from_cloudwatch: Option<PathBuf>,

    /// How far back, with the three hours that are only learnt from: at most 15d, as long as CloudWatch keeps minutes
    #[arg(long, value_name = "DURATION", default_value = "7d", requires = "from_cloudwatch", value_parser = past)]
    since: Span,

    /// FILE holds one run a line: {"phi": 1.2, "cv": 0.1, "intervals": [[step, g, b, x, y], ...]}; writes one summary a
    /// line
    #[arg(long, conflicts_with = "history")]
    batch: bool,

    /// The mean size of a clump of bad requests, at least 1 [default: 8]
    #[arg(long, value_name = "NUMBER")]
    phi: Option<f64>,

    /// The relative noise between the two colours in one interval, above 0 [default: 0.5]
    #[arg(long, value_name = "NUMBER")]
    cv: Option<f64>,

    /// Learns phi and cv from blue against blue: rows as in FILE, with a and b in place of green and blue
    #[arg(long, value_name = "FILE", conflicts_with_all = ["phi", "cv"])]
    history: Option<PathBuf>,

    /// The tolerated ratio of green's rate of bad requests to blue's, at least 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1.1)]
    rho: f64,

    /// The share of healthy releases that may be rolled back
    #[arg(long, value_name = "NUMBER", default_value_t = 0.01)]
    alpha: f64,

    /// Rolls back by what needs no phi: slower, but valid for any clumps, unless the colours wander by far more than cv
    #[arg(long)]
    strict: bool,

    /// How many traffic steps the plan has
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    steps: u32,
}

/// Why `teal judge` gave up. The message names the row and the field.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JudgeError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The result could not be written.
    #[error("cannot write the result: {0}")]
    Write(#[from] io::Error),
    /// An option is out of range.
    #[error("--{0}")]
    Option(#[from] ConfigError),
    /// The plan has problems, which were told.
    #[error("{0} is not a valid plan")]
    Plan(String),
    /// The account's past could not be judged.
    #[error("{0}")]
    Account(String),
    /// Something is wrong with the input.
    #[error("{place}: {problem}")]
    Input {
        /// The file and the row.
        place: String,
        /// The field, what is wrong with it, and what is expected.
        problem: String,
    },
}

impl JudgeError {
    fn input(path: &Path, row: impl std::fmt::Display, problem: impl Into<String>) -> Self {
        Self::Input { place: format!("{}, {row}", shown(path)), problem: problem.into() }
    }
}

/// Runs the judge and writes JSON lines: one an interval and a summary, or with `--batch` one a run.
///
/// # Errors
/// When an option is out of range, or a file cannot be read or understood.
pub(crate) fn run(args: &JudgeArgs, out: impl Write) -> Result<(), JudgeError> {
    let mut out = BufWriter::new(out);
    let file = match (&args.from_cloudwatch, &args.file) {
        (Some(plan), _) => {
            history::run(plan, args.since, &mut out)?;
            return Ok(out.flush()?);
        }
        (None, Some(file)) => file,
        // clap asks for one of the two.
        (None, None) => return Ok(()),
    };
    let config = JudgeConfig::default()
        .with_rho(args.rho)?
        .with_alpha(args.alpha)?
        .with_steps(args.steps)?
        .with_strict(args.strict);
    let assumed = Calibration::without_history();
    let calibration = match (args.phi, args.cv) {
        (None, None) => assumed,
        (phi, cv) => Calibration::given(phi.unwrap_or(assumed.phi()), cv.unwrap_or(assumed.cv()))?,
    };
    if args.batch {
        batch::run(file, open(file)?, &config, calibration, &mut out)?;
    } else {
        let recording = input::recording(file, &read(file)?)?;
        let calibrations = match &args.history {
            Some(path) => learn(path, file, &recording)?,
            None => recording.metrics.keys().map(|metric| (metric.clone(), calibration)).collect(),
        };
        replay::run(&recording, &config, &calibrations, &mut out)?;
    }
    Ok(out.flush()?)
}

/// CloudWatch keeps data of one minute for 15 days.
fn past(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: Invalid| error.to_string())?;
    if span > Span::days(15) { Err("CloudWatch keeps minutes for 15d only".to_owned()) } else { Ok(span) }
}

/// Each metric's noise, from its own history.
///
/// # Errors
/// When a metric has none: much noise would be assumed of it, although a history was given.
fn learn(
    path: &Path,
    recorded: &Path,
    recording: &input::Recording,
) -> Result<BTreeMap<String, Calibration>, JudgeError> {
    if path == recorded && path.as_os_str() == "-" {
        return Err(JudgeError::Input {
            place: "--history".to_owned(),
            problem: "it is standard input, as FILE is, which can be read only once: give a file for one of them"
                .to_owned(),
        });
    }
    let history = input::history(path, &read(path)?)?;
    let calibration = |metric: &String| match history.get(metric) {
        Some(points) => Ok((metric.clone(), Calibration::from_history(points))),
        None => Err(JudgeError::Input {
            place: shown(path),
            problem: format!(
                "it has no row of metric {metric}: it has {}, {} has {}; give the metric the same name in both, or a row \
                 without counts here if it has no history",
                names(history.keys()),
                shown(recorded),
                names(recording.metrics.keys())
            ),
        }),
    };
    recording.metrics.keys().map(calibration).collect()
}

/// "errors (as rows are called that name no metric), http".
fn names<'a>(metrics: impl Iterator<Item = &'a String>) -> String {
    let told = |name: &'a String| match name.as_str() {
        input::UNNAMED => format!("{name} (as rows are called that name no metric)"),
        name => name.to_owned(),
    };
    metrics.map(told).collect::<Vec<_>>().join(", ")
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, JudgeError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = std::fs::File::open(path).map_err(|source| unreadable(path, source))?;
    Ok(Box::new(BufReader::new(file)))
}

fn read(path: &Path) -> Result<String, JudgeError> {
    io::read_to_string(open(path)?).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: io::Error) -> JudgeError {
    JudgeError::Read { path: shown(path), source }
}

fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}
