//! The figures in README.md, by which people decide, and its picture, against the template and the code.

use crate::repository::{document, text};
use serde_json::Value;
use std::collections::BTreeSet;
use teal::state::State;

/// README.md as one line, so that no line's end stands between a figure and its noun.
fn readme() -> String {
    text("README.md").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn resources(kind: &str) -> Vec<Value> {
    let template = document("template.yaml");
    let resources = template["Resources"].as_object().unwrap();
    resources.values().filter(|resource| resource["Type"] == kind).cloned().collect()
}

/// The names of Teal's own metrics, from the code that writes them: `Some(("Name", "Unit", value))`.
fn metrics() -> BTreeSet<String> {
    let code = text("crates/teal-lambda/src/metrics.rs");
    let names = code.split("Some((\"").skip(1).filter_map(|rest| rest.split_once("\", \""));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn a_month_costs_what_the_templates_alarms_cost() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let count = alarms.len();
    assert!(count > 0, "the template has no alarm");
    for alarm in &alarms {
        let properties = &alarm["Properties"];
        // Ten cents is the price of an alarm of standard resolution on one metric.
        assert!(properties["Metrics"].is_null(), "an alarm on several metrics costs a multiple: {properties}");
        assert!(properties["Period"].as_u64().is_some_and(|seconds| seconds >= 60), "high resolution: {properties}");
    }
    let readme = readme();
    for said in [
        format!("about {} cents: ", count * 10),
        format!("{count} alarms on Teal itself at $0.10 each"),
        format!("Teal's {} metrics", metrics().len()),
    ] {
        assert!(readme.contains(&said), "README.md does not say {said:?}");
    }
}

#[test]
fn a_month_has_the_templates_schedules() {
    let readme = readme();
    let mut calls = 0;
    for function in resources("AWS::Serverless::Function") {
        let name = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
        let events = function["Properties"]["Events"].as_object().into_iter().flat_map(|events| events.values());
        for event in events.filter(|event| event["Type"] == "Schedule") {
            let schedule = event["Properties"]["Schedule"].as_str().unwrap();
            let minutes = schedule.strip_prefix("rate(").and_then(|rate| rate.strip_suffix(" minutes)")).unwrap();
            let said = format!("{name} every {minutes} minutes");
            assert!(readme.contains(&said), "README.md does not say {said:?}");
            calls += 30 * 24 * 60 / minutes.parse::<u32>().unwrap();
        }
    }
    let hundreds = calls / 100;
    let said = format!("{},{}00 function calls", hundreds / 10, hundreds % 10);
    assert!(readme.contains(&said), "README.md does not say {said:?}");
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let page = text("docs/events.md");
    let table = page.split("## Metrics").nth(1).and_then(|rest| rest.split("## ").next()).unwrap();
    let first_cells = table.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    // What stands between backticks is every second piece.
    let documented: BTreeSet<String> =
        first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    assert_eq!(documented, metrics());
}

#[test]
fn the_picture_has_every_way_that_a_release_can_go() {
    let page = text("README.md");
    let picture = page.split("```mermaid").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let arrows = picture.lines().filter_map(|line| line.split(':').next()?.split_once(" --> "));
    let drawn: BTreeSet<_> = arrows.map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned())).collect();
    // A wait between two runs of a state is an arrow from the state to itself.
    let is_pause = |state: &State| state.to_string().starts_with("WaitFor");
    let mut ways: BTreeSet<_> = [("[*]", "Accept"), ("Accept", "Refused"), ("RollBack", "RollbackUnfinished")]
        .map(|(a, b)| (a.into(), b.into()))
        .into();
    for state in State::ALL.iter().filter(|state| !is_pause(state)) {
        let name = state.to_string();
        ways.extend(state.nexts().iter().map(|next| {
            let drawn_next = if is_pause(next) { state } else { next };
            (name.clone(), drawn_next.to_string())
        }));
        if state.nexts().is_empty() {
            ways.insert((name, "[*]".to_owned()));
        }
    }
    assert_eq!(drawn, ways);
}
