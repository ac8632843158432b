//! What the commands do. Each answers whether it came out well; errors are the lab's own.

mod doctor;

pub use doctor::doctor;

use crate::display::Display;
use crate::lab::{Lab, LabOptions};
use crate::result::ScenarioResult;
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::watch::Nobody;
use crate::{LabError, Places, Progress};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// The scenarios of the demo, in one lab.
const DEMO: [&str; 2] = ["good", "bad-5xx"];

/// Runs one good and one bad release with a live display.
///
/// # Errors
/// If the lab cannot be set up or fails.
pub async fn demo() -> Result<bool, LabError> {
    let places = Places::find()?;
    let scenarios = DEMO.map(|name| shipped(&places, name)).map(|file| Scenario::read(&file));
    let scenarios = scenarios.into_iter().collect::<Result<Vec<_>, _>>()?;
    let scale = scenarios.iter().map(|scenario| scenario.scale).fold(f64::INFINITY, f64::min);
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
    Ok(results.iter().all(|result| result.passed))
}

/// Runs one scenario file.
///
/// # Errors
/// If there is no such scenario, or the lab cannot be set up or fails.
pub async fn run(scenario: &Path, json: bool, scale: Option<f64>) -> Result<bool, LabError> {
    let places = Places::find()?;
    let named = shipped(&places, &scenario.to_string_lossy());
    let scenario = Scenario::read(if !scenario.exists() && named.exists() { &named } else { scenario })?;
    let lab =
        Lab::start(LabOptions { scale: scale.unwrap_or(scenario.scale), progress: Progress::on_stderr() }).await?;
    let result = if json {
        let result = lab.run(&scenario, &mut Nobody).await?;
        println!("{:#}", serde_json::to_value(&result).unwrap_or_default());
        result
    } else {
        with_display(&lab, &scenario).await?
    };
    lab.stop().await;
    Ok(result.passed)
}

/// Starts everything with the first scenario's service, and stays up.
///
/// # Errors
/// If the lab cannot be set up.
pub async fn up(scale: f64) -> Result<bool, LabError> {
    let lab = Lab::start(LabOptions { scale, progress: Progress::on_stderr() }).await?;
    let scenario = Scenario::read(&shipped(lab.places(), DEMO[0]))?;
    let stage = Stage::set(lab.aws(), lab.clock(), &lab.places().repository, &scenario).await?;
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
/// If one of them cannot be read.
pub fn list() -> Result<bool, LabError> {
    let places = Places::find()?;
    for file in Scenario::shipped(&places.repository)? {
        let scenario = Scenario::read(&file)?;
        println!("{:<18} {}", scenario.name, scenario.description);
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
    display.heading(scenario, lab.clock().scale());
    let result = lab.run(scenario, &mut display).await?;
    display.verdict(&result);
    Ok(result)
}

fn shipped(places: &Places, name: &str) -> PathBuf {
    places.repository.join("lab/scenarios").join(name).with_extension("yaml")
}
