//! `cargo lab measure`: how large the release functions are, how much memory they need, and how fast they start, beside a
//! Python function that does the same step.

mod cold_start;
mod figures;
mod memory;
mod package;
mod runtime_api;
mod step;

use crate::binaries::Binaries;
use crate::display::Display;
use crate::lab::{Lab, LabOptions};
use crate::scenario::Scenario;
use crate::watch::Nobody;
use crate::{LabError, Places, Progress};
use cold_start::Program;
use figures::{Contender, Figures, FunctionFigures};
use memory::MemoryWatch;
use std::ffi::OsString;
use step::PreparedStep;

/// The function that is compared: it has an equal in Python.
const COMPARED: &str = "shift-traffic";

/// Releases in which every function has something to do: a good and a bad one, one whose weights are published to parameters, one that a
/// pipeline starts, and one that a deployment's hooks start.
const RELEASES: [&str; 5] = ["good", "bad-5xx", "stack-update", "pipeline-lambda-action", "codedeploy-ecs-hooks"];

/// What a package for Lambda holds besides a Python function that brings its boto3 along.
const BOTO3: [&str; 7] = ["boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"];

/// Measures the functions in cargo's release profile and prints one table. `runs` cold starts of each kind are timed.
///
/// The answer is false when a function is larger or needs more memory than it may, or did not run, or when a release did not end as
/// it should. Times depend on the machine and decide nothing.
///
/// # Errors
/// If the lab cannot be set up or fails, or the two functions do not do the same.
pub async fn measure(runs: usize) -> Result<bool, LabError> {
    let progress = Progress::on_stderr();
    let places = Places::find()?;
    let binaries = Binaries::build_release(&places, &progress).await?;
    let scenarios = RELEASES.map(|name| Scenario::read(&super::shipped(&places, name)));
    let scenarios = scenarios.into_iter().collect::<Result<Vec<_>, _>>()?;
    let options = LabOptions { scale: super::slowest(&scenarios), progress: progress.clone() };
    let lab = Lab::start_with(options, places, binaries.clone()).await?;

    let watch = MemoryWatch::start(&lab);
    let mut failed = Vec::new();
    for scenario in &scenarios {
        progress.say(format!("running {}", scenario.name));
        let result = lab.run(scenario, &mut Nobody).await?;
        failed.extend((!result.passed).then_some(result));
    }
    let seen = watch.stop().await;
    if !failed.is_empty() {
        failed.iter().for_each(Display::print_result);
        lab.stop().await;
        return Ok(false);
    }

    let mut functions = Vec::new();
    for function in &lab.deployment().functions {
        functions.push(FunctionFigures {
            name: function.binary.clone(),
            zipped_bytes: package::size(&lab, [binaries.path(&function.binary).into()]).await?,
            peak_bytes: seen.get(&function.binary).map(|process| process.peak_bytes),
        });
    }
    let environment = seen.get(COMPARED).map(|process| process.environment.clone()).unwrap_or_default();
    progress.say("holding a release before its first step");
    let step = PreparedStep::prepare(&lab, environment).await?;
    let compared = compare(&lab, &step, &binaries, runs, &progress).await?;
    step.strike().await?;
    lab.stop().await;

    let figures = Figures { functions, compared };
    print!("{figures}");
    Ok(figures.are_within_limits())
}

/// Runs the function and its equal in Python in turn, so that what else the machine does meets both.
async fn compare(
    lab: &Lab,
    step: &PreparedStep<'_>,
    binaries: &Binaries,
    runs: usize,
    progress: &Progress,
) -> Result<[Contender; 2], LabError> {
    let script = lab.places().repository.join("lab/measure/shift_traffic.py");
    let rust = Program { path: binaries.path(COMPARED), arguments: Vec::new() };
    let python = Program { path: lab.python().to_owned(), arguments: vec![script.clone().into()] };
    // The first run of each reads its files from disk (and Python compiles its modules): on AWS that is done before.
    let (_, rust_calls) = step.run(&rust).await?;
    let (_, python_calls) = step.run(&python).await?;
    if rust_calls != python_calls {
        return Err(LabError::Program {
            program: script.display().to_string(),
            output: format!("it makes other calls than {COMPARED}: {python_calls:?} instead of {rust_calls:?}"),
        });
    }
    progress.say(format!("{runs} cold starts of each"));
    let mut starts = [Vec::new(), Vec::new()];
    for _ in 0..runs {
        for (program, starts) in [&rust, &python].into_iter().zip(&mut starts) {
            starts.push(step.run(program).await?.0);
        }
    }
    let rust_package = package::size(lab, [rust.path.into()]).await?;
    let python_package = [script.into()].into_iter().chain(BOTO3.map(OsString::from));
    let python_package = package::size(lab, python_package).await?;
    let calls = rust_calls.values().sum();
    let [rust_starts, python_starts] = starts;
    Ok([
        Contender::new("Rust", rust_package, calls, rust_starts),
        Contender::new("Python", python_package, calls, python_starts),
    ])
}
