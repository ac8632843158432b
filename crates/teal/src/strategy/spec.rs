//! The strategy as a plan writes it.

use super::bake::Bake;
use crate::units::{Invalid, Share, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In which steps the traffic moves to green: exactly one of `steps`, `canary`, `linear` and `allAtOnce`. Behind the
/// last step all the traffic moves to green by itself, and `afterwards` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Strategy {
    /// The steps one by one, with gates between them. The weights rise.
    Steps(#[schemars(length(min = 1, max = 200))] Vec<StepEntry>),
    /// One step, then everything.
    Canary(Canary),
    /// Equal steps until everything is moved.
    Linear(Linear),
    /// Everything at once.
    AllAtOnce(AllAtOnce),
}

/// One entry of `steps`: a weight with its bake, or a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepEntry {
    Shift(Shift),
    Gate(GateEntry),
}

/// A weight and how long it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shift {
    /// Green's share of the traffic: more than the step before, more than 0%, less than 100%.
    pub weight: Share,
    /// How long green is judged at this weight before the next step.
    pub bake: Bake,
}

/// An entry of `steps` that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateEntry {
    /// The gate before the next step, or, at the end of the list, before 100%.
    pub gate: Gate,
}

/// A place where the release waits until a person approves. Green is judged while it waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gate {
    /// What is asked of the person.
    pub name: GateName,
    /// How long the gate waits. Without an answer by then the release is rolled back.
    pub within: Span,
}

/// One step, then everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Canary {
    /// Green's share of the traffic in the one step: more than 0%, less than 100%.
    pub weight: Share,
    /// How long green is judged at this weight.
    pub bake: Bake,
}

/// Equal steps until everything is moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Linear {
    /// How much each step adds to green's share: more than 0%, less than 100%.
    pub by: Share,
    /// How long green is judged at each step.
    pub bake: Bake,
}

/// Everything at once: only the bake of `afterwards` judges green.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllAtOnce {}

text_newtype! {
    /// What is asked of the person at a gate: 1 to 100 characters on one line.
    GateName {
        noun: "the name of a gate",
        pattern: r"^.{1,100}$",
        examples: &["QA looks at it"],
        check: check_gate_name,
    }
}

fn check_gate_name(text: &str) -> Result<(), Invalid> {
    if text.trim().is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
        return Err(Invalid::new(
            "a gate's name is one line of 1 to 100 characters",
            "Write what the person is to decide",
        ));
    }
    Ok(())
}
