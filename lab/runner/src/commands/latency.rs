//! `cargo lab latency`: how long green still answers after an alarm, with Teal and with a rule that polls.

mod route;

use crate::lab::{Lab, LabOptions};
use crate::load::Load;
use crate::scenario::Scenario;
use crate::{LabError, Progress};
use route::BakingRoute;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The releases that are rolled back, within the repository.
const SCENARIO: &str = "lab/measure/baking.yaml";
/// Requests a second on the route that Teal rolls back.
const RATE: f64 = 100.0;
/// Requests a second on each of the routes that are polled for, all at the same time.
const POLLED_RATE: f64 = 10.0;
/// The interval of the rule that polls.
const POLL_INTERVAL: Duration = Duration::from_secs(60);
/// How long the load runs before an alarm and after everything is on blue.
const AROUND: Duration = Duration::from_secs(2);

/// Rolls releases back by an alarm, on the wall's own time, and prints how long green still answered.
///
/// # Errors
/// If the lab cannot be set up or fails, or a release does not come to its bake or is not rolled back.
pub async fn latency(releases: usize) -> Result<bool, LabError> {
    let progress = Progress::on_stderr();
    let lab = Arc::new(Lab::start(LabOptions { scale: 1.0, progress: progress.clone() }).await?);
    let scenario = Scenario::read(&lab.places().repository.join(SCENARIO))?;
    // What is set up here would take the account's calls for minutes.
    lab.throttle(false);
    progress.say(format!("{releases} releases are brought to 50 % (about four minutes)"));
    let mut preparing = JoinSet::new();
    for number in 1..=releases {
        let (lab, scenario) = (Arc::clone(&lab), Scenario { name: format!("baking-{number:02}"), ..scenario.clone() });
        preparing.spawn(async move { BakingRoute::prepare(&lab, scenario).await });
    }
    let mut routes = Vec::new();
    while let Some(route) = preparing.join_next().await {
        routes.push(route.map_err(|error| LabError::io("preparing a release")(error.into()))??);
        progress.say(format!("{} of {releases} bake", routes.len()));
    }
    routes.sort_by(|a, b| a.name().cmp(b.name()));
    lab.throttle(true);

    progress.say("their alarms go off, and a rule that polls takes each route back");
    let mut polling = JoinSet::new();
    for (number, route) in routes.into_iter().enumerate() {
        let lab = Arc::clone(&lab);
        // Evenly spread over the interval, as an alarm's moment is.
        let phase = POLL_INTERVAL.mul_f64((number as f64 + 0.5) / releases as f64);
        polling.spawn(async move {
            let polled = polled_seconds(&lab, &route, phase).await;
            polled.map(|seconds| (route, seconds))
        });
    }
    let (mut routes, mut polled) = (Vec::new(), Vec::new());
    while let Some(ended) = polling.join_next().await {
        let (route, seconds) = ended.map_err(|error| LabError::io("polling")(error.into()))??;
        polled.push(seconds);
        routes.push(route);
        progress.say(format!("{} of {releases} polled", polled.len()));
    }

    progress.say("their alarms go off one after the other, and Teal takes each route back");
    let mut teal = Vec::new();
    for route in &routes {
        teal.push(teal_seconds(&lab, route).await?);
        progress.say(format!("{} of {releases}: {:.2} s", teal.len(), teal.last().copied().unwrap_or_default()));
    }
    let is_fast = is_as_promised(teal.clone(), polled.clone());
    print!("{}", table(teal, polled));
    if !is_fast {
        println!(
            "It is to be less than {PROMISED_SECONDS} s, and {PROMISED_RATIO} times faster than the rule that polls."
        );
    }
    lab.throttle(false);
    for route in &routes {
        route.strike().await?;
    }
    if let Some(lab) = Arc::into_inner(lab) {
        lab.stop().await;
    }
    Ok(is_fast)
}

/// From the alarm until the last answer of green, with Teal.
async fn teal_seconds(lab: &Lab, route: &BakingRoute) -> Result<f64, LabError> {
    let load = Load::start(route.load(lab, RATE), lab.clock().clone());
    tokio::time::sleep(AROUND).await;
    let raised = route.raise(lab, "planned").await?;
    route.until_on_blue(lab).await?;
    tokio::time::sleep(AROUND).await;
    Ok(route.seconds_of_green_after(raised, &load.stop().await))
}

/// The same with a rule that asks for the alarm's state once in an interval, first `phase` after the alarm, and then sets the weights
/// itself. Afterwards the route is as it was.
async fn polled_seconds(lab: &Lab, route: &BakingRoute, phase: Duration) -> Result<f64, LabError> {
    let load = Load::start(route.load(lab, POLLED_RATE), lab.clock().clone());
    let before = route.actions(lab).await?;
    let rule = async {
        tokio::time::sleep(phase).await;
        while !route.is_in_alarm(lab, "polled").await? {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        route.give_to_blue(lab).await
    };
    let raised = route.raise(lab, "polled").await?;
    tokio::select! {
        kept = route.keep_in_alarm(lab, "polled") => kept?,
        done = rule => done?,
    }
    tokio::time::sleep(AROUND).await;
    let seconds = route.seconds_of_green_after(raised, &load.stop().await);
    route.set_actions(lab, &before).await?;
    Ok(seconds)
}

/// What the median is to stay below, in seconds, and how many times faster than the rule that polls it is to be.
const PROMISED_SECONDS: f64 = 1.0;
const PROMISED_RATIO: f64 = 30.0;

fn is_as_promised(mut teal: Vec<f64>, mut polled: Vec<f64>) -> bool {
    let ([_, teal, _], [_, polled, _]) = (spread(&mut teal), spread(&mut polled));
    teal < PROMISED_SECONDS && polled / teal >= PROMISED_RATIO
}

fn table(mut teal: Vec<f64>, mut polled: Vec<f64>) -> String {
    let (teal, polled) = (spread(&mut teal), spread(&mut polled));
    let mut text = "seconds from the alarm to green's last answer    min  median     max\n".to_owned();
    for (name, [min, median, max]) in [("Teal, by the alarm's event", teal), ("a rule that polls every 60 s", polled)] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<46} {min:>6.2}  {median:>6.2}  {max:>6.2}");
    }
    let _ = writeln!(text, "ratio of the medians                                   {:>6.1}", polled[1] / teal[1]);
    text
}

/// Least, median and most; the median of an even number is the mean of the two in the middle.
fn spread(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let (last, half) = (values.len().saturating_sub(1), values.len() / 2);
    let median =
        if values.len().is_multiple_of(2) { f64::midpoint(at(half.saturating_sub(1)), at(half)) } else { at(half) };
    [at(0), median, at(last)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_to_be_fast_by_itself_and_beside_a_rule_that_polls() {
        assert!(is_as_promised(vec![0.5, 0.4, 0.6], vec![20.0, 10.0, 30.0]));
        assert!(!is_as_promised(vec![1.0, 1.1, 1.2], vec![60.0]));
        assert!(!is_as_promised(vec![0.9], vec![26.0]));
        assert!(!is_as_promised(Vec::new(), vec![26.0]));
    }

    #[test]
    fn the_table_shows_medians_and_their_ratio() {
        assert_eq!(spread(&mut [3.0, 1.0, 2.0]), [1.0, 2.0, 3.0]);
        assert_eq!(spread(&mut [4.0, 1.0, 3.0, 2.0]), [1.0, 2.5, 4.0]);
        let text = table(vec![0.5, 0.4, 0.6], vec![20.0, 10.0, 30.0]);
        assert!(text.ends_with("40.0\n"), "{text}");
        assert!(text.contains("Teal, by the alarm's event                       0.40    0.50    0.60"), "{text}");
    }
}
