//! `statemachine/release.asl.json`, read as far as Teal uses the language: states, Choice rules that compare `next`, Retry, Catch, task
//! timeouts and waits. What it does not know it refuses, so that the simulation never runs other routes than the real ones.

mod execution;

pub use execution::{Doing, Execution};

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The definition in the repository.
pub(crate) static RELEASE: LazyLock<Definition> = LazyLock::new(|| {
    let text = include_str!("../../../statemachine/release.asl.json");
    let definition: Definition =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("release.asl.json cannot be read: {error}"));
    definition.check();
    definition
});

/// A state machine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Definition {
    pub(crate) start_at: String,
    states: BTreeMap<String, Node>,
}

/// A state.
#[derive(Debug, Deserialize)]
#[serde(tag = "Type")]
pub(crate) enum Node {
    Task(Task),
    Choice(Choice),
    Wait(Wait),
    Succeed {},
    Fail {},
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Task {
    pub(crate) timeout_seconds: u64,
    #[serde(default)]
    pub(crate) retry: Vec<Retrier>,
    #[serde(default)]
    pub(crate) catch: Vec<Catcher>,
    pub(crate) next: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Retrier {
    error_equals: Vec<String>,
    interval_seconds: f64,
    backoff_rate: f64,
    pub(crate) max_attempts: u32,
    max_delay_seconds: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Catcher {
    error_equals: Vec<String>,
    pub(crate) next: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Choice {
    choices: Vec<Rule>,
    default: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rule {
    condition: String,
    next: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Wait {
    seconds: String,
    pub(crate) next: String,
}

impl Definition {
    /// # Panics
    /// When there is no state of that name: every route was checked when the definition was read.
    pub(crate) fn node(&self, name: &str) -> (&str, &Node) {
        let found = self.states.get_key_value(name);
        found
            .map(|(name, node)| (name.as_str(), node))
            .unwrap_or_else(|| panic!("release.asl.json has no state {name}"))
    }

    fn check(&self) {
        let mut targets = vec![self.start_at.as_str()];
        for (name, node) in &self.states {
            match node {
                Node::Task(task) => {
                    targets.push(&task.next);
                    targets.extend(task.catch.iter().map(|catcher| catcher.next.as_str()));
                }
                Node::Choice(choice) => {
                    targets.push(&choice.default);
                    for rule in &choice.choices {
                        let meant = format!("{{% $states.input.next = '{}' %}}", rule.next);
                        assert_eq!(rule.condition, meant, "{name}: the simulation knows no other kind of condition");
                        targets.push(&rule.next);
                    }
                }
                Node::Wait(wait) => {
                    targets.push(&wait.next);
                    assert!(wait.otherwise().is_some(), "{name}: the simulation cannot read {:?}", wait.seconds);
                }
                Node::Succeed {} | Node::Fail {} => {}
            }
        }
        for target in targets {
            self.node(target);
        }
    }
}

impl Choice {
    pub(crate) fn route(&self, next: Option<&str>) -> &str {
        let rule = self.choices.iter().find(|rule| Some(rule.next.as_str()) == next);
        rule.map_or(&self.default, |rule| &rule.next)
    }
}

impl Wait {
    /// `{% $type($states.input.waitSeconds) = 'number' ? $states.input.waitSeconds : N %}`
    fn otherwise(&self) -> Option<u64> {
        let rest = self
            .seconds
            .strip_prefix("{% $type($states.input.waitSeconds) = 'number' ? $states.input.waitSeconds : ")?;
        rest.strip_suffix(" %}")?.parse().ok()
    }

    pub(crate) fn seconds(&self, asked: Option<u64>) -> u64 {
        asked.or_else(|| self.otherwise()).unwrap_or_default()
    }
}

/// Whether a list of error names matches. `States.ALL` matches all but what ends an execution whatever it catches.
fn matches(names: &[String], error: &str) -> bool {
    let terminal = ["States.Runtime", "States.DataLimitExceeded"].contains(&error);
    names.iter().any(|name| name == error || (name == "States.ALL" && !terminal))
}

impl Retrier {
    pub(crate) fn matches(&self, error: &str) -> bool {
        matches(&self.error_equals, error)
    }

    /// The longest pause before a retry, in seconds; jitter takes any part of it.
    pub(crate) fn delay(&self, retries_before: u32) -> f64 {
        let exponent = i32::try_from(retries_before).unwrap_or(i32::MAX);
        (self.interval_seconds * self.backoff_rate.powi(exponent)).min(self.max_delay_seconds)
    }
}

impl Catcher {
    pub(crate) fn matches(&self, error: &str) -> bool {
        matches(&self.error_equals, error)
    }
}
