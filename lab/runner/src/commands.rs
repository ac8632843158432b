//! What the commands do. Each answers whether it came out well; errors are the lab's own.

mod chaos;
mod crowd;
mod doctor;
mod latency;
mod measure;

pub use chaos::chaos;
pub use crowd::crowd;
pub use doctor::doctor;
pub use latency::latency;
pub use measure::measure;

use crate::display::Display;
use crate::lab::{Lab, LabOptions};
use crate::result::ScenarioResult;
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::watch::Nobody;
use crate::{LabError, Places, Progress};
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

/// The scenarios of the demo, in one lab.
const DEMO: [&str; 2] = ["good", "bad-5xx"];

/// Runs one good and one bad release with a live display.
///
/// # Errors
/// If the lab cannot be set up or fails.
pub async fn demo() -> Result<bool, LabError> {
    let began = Instant::now();
    let places = Places::find()?;
    let scenarios = DEMO.map(|name| shipped(&places, name)).map(|file| Scenario::read(&file));
    let scenarios = scenarios.into_iter().collect::<Result<Vec<_>, _>>()?;
    let scale = slowest(&scenarios);
    let lab = Lab::start(LabOptions { scale, progress: Progress::on_stderr() }).await?;
    let mut results = Vec::new();
    for scenario in &scenarios {
        results.push(with_display(&lab, scenario).await?);
    }
    println!();
    for result in &results {
        let word = if result.passed { "ended as it should" } else { "did NOT end as it should" };
        println!("{:<10} {:?}, {word}", result.scenario, result.release.outcome);
    }
    lab.stop().await;
    println!("all of it took {:.0} s of real time", began.elapsed().as_secs_f64());
    Ok(results.iter().all(|result| result.passed))
}

/// Runs scenario files in one lab: a single one with a live display, several at the same time.
///
/// # Errors
/// If there is no such scenario, or the lab cannot be set up or fails.
pub async fn run(scenarios: &[PathBuf], json: bool, scale: Option<f64>) -> Result<bool, LabError> {
    let places = Places::find()?;
    let file = |scenario: &PathBuf| {
        let named = shipped(&places, &scenario.to_string_lossy());
        if !scenario.exists() && named.exists() { named } else { scenario.clone() }
    };
    let scenarios = scenarios.iter().map(|scenario| Scenario::read(&file(scenario))).collect::<Result<Vec<_>, _>>()?;
    let scale = scale.unwrap_or_else(|| slowest(&scenarios));
    let lab = Arc::new(Lab::start(LabOptions { scale, progress: Progress::on_stderr() }).await?);
    let results = match scenarios.as_slice() {
        [scenario] if !json => vec![with_display(&lab, scenario).await?],
        _ => at_the_same_time(&lab, scenarios).await?,
    };
    match results.as_slice() {
        [result] if json => print_json(result),
        results if json => print_json(results),
        [_] => {}
        results => results.iter().for_each(Display::print_result),
    }
    if let Some(lab) = Arc::into_inner(lab) {
        lab.stop().await;
    }
    Ok(results.iter().all(|result| result.passed))
}

/// Runs scenarios side by side; the results come in the order of the scenarios.
async fn at_the_same_time(lab: &Arc<Lab>, scenarios: Vec<Scenario>) -> Result<Vec<ScenarioResult>, LabError> {
    let start = |scenario: Scenario| {
        let lab = Arc::clone(lab);
        tokio::spawn(async move { lab.run(&scenario, &mut Nobody).await })
    };
    let runs: Vec<_> = scenarios.into_iter().map(start).collect();
    let mut results = Vec::new();
    for run in runs {
        results.push(run.await.map_err(|error| LabError::io("running a scenario")(error.into()))??);
    }
    Ok(results)
}

fn slowest(scenarios: &[Scenario]) -> f64 {
    scenarios.iter().map(|scenario| scenario.scale).fold(f64::INFINITY, f64::min)
}

fn print_json(value: &(impl Serialize + ?Sized)) {
    // Results hold nothing that JSON cannot say.
    println!("{:#}", serde_json::to_value(value).unwrap_or_default());
}

/// Starts everything with the first scenario's service, and stays up.
///
/// # Errors
/// If the lab cannot be set up.
pub async fn up(scale: f64) -> Result<bool, LabError> {
    let lab = Lab::start(LabOptions { scale, progress: Progress::on_stderr() }).await?;
    let scenario = Scenario::read(&shipped(lab.places(), DEMO[0]))?;
    let stage = Stage::set(&lab, &scenario).await?;
    println!("# The lab is up; lab time runs {scale} times as fast as the wall. Ctrl-C ends it.");
    for (name, value) in lab.environment() {
        println!("export {name}='{value}'");
    }
    for (name, key) in [
        ("TEAL_LAB_URL", "Url"),
        ("TEAL_LAB_LISTENER", "ListenerArn"),
        ("TEAL_LAB_TEST_LISTENER", "TestListenerArn"),
        ("TEAL_LAB_CLUSTER", "ClusterName"),
        ("TEAL_LAB_BLUE_TASK_DEFINITION", "taskDefinition.blue"),
        ("TEAL_LAB_GREEN_TASK_DEFINITION", "taskDefinition.green"),
    ] {
        println!("export {name}='{}'", stage.names.get(key).map(String::as_str).unwrap_or_default());
    }
    std::future::pending::<()>().await;
    Ok(true)
}

/// Lists the scenarios that come with the lab.
///
/// # Errors
/// If one of them cannot be read, or the list cannot be written. A reader who has seen enough is no error.
pub fn list() -> Result<bool, LabError> {
    let places = Places::find()?;
    let mut output = std::io::stdout().lock();
    for file in Scenario::shipped(&places.repository)? {
        let scenario = Scenario::read(&file)?;
        match writeln!(output, "{:<26} {}", scenario.name, scenario.description) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
            written => written.map_err(LabError::io("writing the list"))?,
        }
    }
    Ok(true)
}

/// Waits for Ctrl-C or a request to end, and says which it was.
pub async fn interrupted() -> &'static str {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            // Without a handler the signal ends the process by itself.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "interrupted",
        () = terminated => "asked to end",
    }
}

async fn with_display(lab: &Lab, scenario: &Scenario) -> Result<ScenarioResult, LabError> {
    let mut display = Display::new(scenario);
    Display::print_heading(scenario, lab.clock().scale());
    let result = lab.run(scenario, &mut display).await?;
    Display::print_result(&result);
    Ok(result)
}

fn shipped(places: &Places, name: &str) -> PathBuf {
    places.repository.join("lab/scenarios").join(name).with_extension("yaml")
}
