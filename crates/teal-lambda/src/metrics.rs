//! Metrics, written as log lines in CloudWatch's embedded metric format: no call, no permission, no waiting.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use teal::release::{Phase, ReleaseId};
use teal::steps::Invocation;
use teal::story::{Fact, StoryEntry};

const NAMESPACE: &str = "Teal";

/// Prints what this run adds to Teal's metrics, if anything.
pub(crate) fn publish(call: &Invocation, story: &[(ReleaseId, StoryEntry)]) {
    if let Some(line) = line(call, story) {
        println!("{line}");
    }
}

/// One line with every metric of a run, without dimensions: an account has one Teal.
fn line(call: &Invocation, story: &[(ReleaseId, StoryEntry)]) -> Option<Value> {
    // A run of on-alarm or sweep may tell of many releases: each metric is named once, with all its values.
    let mut figures: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
    for (name, unit, value) in story.iter().filter_map(|(_, entry)| figure(&entry.fact)) {
        figures.entry((name, unit)).or_default().push(value);
    }
    if figures.is_empty() {
        return None;
    }
    let metrics: Vec<Value> = figures.keys().map(|(name, unit)| json!({"Name": name, "Unit": unit})).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": call.now.as_millisecond(),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": metrics}],
        }),
    );
    for ((name, unit), values) in figures {
        let value = if unit == "Count" { values.iter().sum::<u64>().into() } else { json!(values) };
        line.insert(name.to_owned(), value);
    }
    Some(Value::Object(line))
}

fn figure(fact: &Fact) -> Option<(&'static str, &'static str, u64)> {
    match fact {
        Fact::Entered { phase: Phase::PrepareGreen } => Some(("ReleasesStarted", "Count", 1)),
        Fact::Entered { phase: Phase::Refused } => Some(("ReleasesRefused", "Count", 1)),
        Fact::Entered { phase: Phase::Promoted } => Some(("ReleasesPromoted", "Count", 1)),
        Fact::Entered { phase: Phase::RolledBack } => Some(("ReleasesRolledBack", "Count", 1)),
        Fact::Entered { phase: Phase::RollbackNeedsHuman } => Some(("RollbackNeedsHuman", "Count", 1)),
        Fact::Drifted { .. } => Some(("RouteDrift", "Count", 1)),
        Fact::RouteRestored { seconds } => Some(("SecondsToRollBack", "Seconds", *seconds)),
        Fact::Looked { .. } => Some(("Looks", "Count", 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use teal::time::Timestamp;

    fn call() -> Invocation {
        let now = Timestamp::from_millisecond(1_700_000_000_000).unwrap();
        Invocation { id: "request-1".to_owned(), function: "roll-back".to_owned(), now, act_by: now, account: None }
    }

    fn entry(fact: Fact) -> (ReleaseId, StoryEntry) {
        (ReleaseId::new("r-1").unwrap(), StoryEntry { at: call().now, by: "roll-back".to_owned(), fact })
    }

    #[test]
    fn a_rollback_is_counted_and_timed_in_one_line() {
        let story = [entry(Fact::RouteRestored { seconds: 3 }), entry(Fact::Entered { phase: Phase::RolledBack })];
        let line = line(&call(), &story).unwrap();
        assert_eq!(line["SecondsToRollBack"], json!([3]));
        assert_eq!(line["ReleasesRolledBack"], 1);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Teal");
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Metrics"][1],
            json!({"Name": "SecondsToRollBack", "Unit": "Seconds"})
        );
    }

    #[test]
    fn many_releases_of_one_run_are_one_metric_with_all_values() {
        let story = [2, 5].map(|seconds| entry(Fact::RouteRestored { seconds }));
        let ended = [1, 2].map(|_| entry(Fact::Entered { phase: Phase::RolledBack }));
        let line = line(&call(), &[story, ended].concat()).unwrap();
        assert_eq!(line["SecondsToRollBack"], json!([2, 5]));
        assert_eq!(line["ReleasesRolledBack"], 2);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn nothing_to_count_prints_nothing() {
        assert_eq!(line(&call(), &[entry(Fact::Noted { note: "a note".to_owned() })]), None);
    }
}
