//! A strategy as one list of stages.

use super::spec::{Gate, Shift, StepEntry, Strategy};
use crate::plan::Plan;
use crate::units::{Share, Span};
use serde::{Deserialize, Serialize};

/// One weight with its bake, and the gate that is passed before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Green's share of the traffic from the beginning of this stage.
    pub weight: Share,
    /// How long green is judged at this weight; longer only while there is not enough traffic to judge it by.
    pub bake: Span,
    /// The gate before this stage: the weight of the stage before holds until a person approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_before: Option<Gate>,
}

/// The whole way of a release's traffic: one or more stages, their weights rising, the last of them 100%.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    stages: Vec<Stage>,
    /// The time between two looks.
    every: Span,
}

impl Timeline {
    /// All stages; the last one is 100% with the bake of `afterwards`.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The time between two looks.
    #[must_use]
    pub fn every(&self) -> Span {
        self.every
    }
}

/// The timeline of a plan: every form of strategy becomes the same list of stages.
#[must_use]
pub fn compile(plan: &Plan) -> Timeline {
    compile_parts(&plan.strategy, plan.afterwards.bake, plan.judge.every)
}

/// The timeline of a strategy with the bake at 100% and the look interval.
pub(crate) fn compile_parts(strategy: &Strategy, after_bake: Span, every: Span) -> Timeline {
    let mut stages = Vec::new();
    let mut gate_before = None;
    for entry in entries(strategy) {
        match entry {
            StepEntry::Gate(entry) => gate_before = Some(entry.gate),
            StepEntry::Shift(Shift { weight, bake }) => {
                stages.push(Stage { weight, bake, gate_before: gate_before.take() });
            }
        }
    }
    stages.push(Stage { weight: Share::ALL, bake: after_bake, gate_before });
    Timeline { stages, every }
}

/// The strategy as if it had been written with `steps`.
fn entries(strategy: &Strategy) -> Vec<StepEntry> {
    match strategy {
        Strategy::Steps(entries) => entries.clone(),
        Strategy::Canary(canary) => vec![StepEntry::Shift(Shift { weight: canary.weight, bake: canary.bake })],
        Strategy::Linear(linear) => (1..)
            .map_while(|n: u16| linear.by.times(n))
            .take_while(|weight| *weight < Share::ALL)
            .map(|weight| StepEntry::Shift(Shift { weight, bake: linear.bake }))
            .collect(),
        Strategy::AllAtOnce(_) => Vec::new(),
    }
}
