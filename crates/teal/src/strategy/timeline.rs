//! A strategy as one list of stages.

use super::bake::Bake;
use super::spec::{Gate, Shift, StepEntry, Strategy};
use crate::plan::{FlagStep, Plan};
use crate::route::RouteKind;
use crate::units::{Share, Span};
use serde::{Deserialize, Serialize};

/// One weight with its bake, and the gate that is passed before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Green's share of the traffic from the beginning of this stage.
    pub weight: Share,
    /// How long green is judged at this weight, and before that waited until the weight is in force; longer only while there is not
    /// enough traffic to judge it by.
    pub bake: Span,
    /// When evidence that green is good enough may end the bake early, where the plan allows it: before `bake`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest: Option<Span>,
    /// The gate before this stage: the weight of the stage before holds until a person approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_before: Option<Gate>,
    /// The share of users for whom the flags that go with the version are turned at this stage, where that is not all of them as soon as green
    /// has everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Share>,
}

/// How fast a release may go, and how long its parts may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// The time between two looks.
    pub every: Span,
    /// How long a stage may last beyond its bake for want of traffic.
    pub hold_for: Span,
    /// How long green may take until it is healthy, and tested by a build where one tests it.
    pub ready_within: Span,
    /// How long blue is kept after green got everything.
    pub keep_blue: Span,
    /// How long the release may take until the bake at 100% is over.
    pub deadline: Span,
    /// How long after a shift its weight may not be in force everywhere: every bake is longer by it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub propagation: Span,
    /// Whether a bake may hold for what others do until the deadline: where a deployment moves the traffic, until that has come to the
    /// stage; where flags are turned, until nobody else deploys in their environment.
    #[serde(default, alias = "byDeployment", skip_serializing_if = "is_false")]
    pub waits_for_others: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(span: &Span) -> bool {
    span.is_zero()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The whole way of a release's traffic: one or more stages, their weights rising, the last of them 100%. Flags that go with the version in
/// steps have stages of their own, at 100%.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    stages: Vec<Stage>,
    pace: Pace,
}

/// The timeline of a plan: every form of strategy becomes the same list of stages.
#[must_use]
pub fn compile(plan: &Plan) -> Timeline {
    let kind = plan.traffic.route.kind();
    let pace = Pace {
        every: plan.judge.every,
        hold_for: plan.judge.on_insufficient.hold_for,
        ready_within: plan.green.ready_within().plus(plan.validate.patience()),
        keep_blue: plan.afterwards.keep_blue,
        deadline: plan.deadline,
        propagation: kind.facts().propagation,
        waits_for_others: plan.traffic.shifted_by.is_some() || kind == RouteKind::Flag || !plan.flags.is_empty(),
    };
    Timeline::new(&plan.strategy, &plan.flag_steps, plan.afterwards.bake, pace)
}

impl Stage {
    /// Whether flags that go with the version are turned at this stage.
    #[must_use]
    pub fn turns_flags(&self) -> bool {
        self.weight == Share::ALL && self.flags != Some(Share::NONE)
    }

    fn new(weight: Share, bake: Bake, gate_before: Option<Gate>) -> Self {
        Self { weight, bake: bake.longest(), earliest: bake.earliest(), gate_before, flags: None }
    }
}

impl Timeline {
    /// The timeline of a strategy with the bake at 100%. Before flags in steps the version bakes as long without them.
    pub(crate) fn new(strategy: &Strategy, flag_steps: &[FlagStep], after_bake: Span, pace: Pace) -> Self {
        let mut stages = Vec::new();
        let mut gate_before = None;
        for entry in entries(strategy) {
            match entry {
                StepEntry::Gate(entry) => gate_before = Some(entry.gate),
                StepEntry::Shift(Shift { weight, bake }) => {
                    stages.push(Stage::new(weight, bake, gate_before.take()));
                }
            }
        }
        stages.push(Stage::new(Share::ALL, Bake::For(after_bake), gate_before));
        for stage in &mut stages {
            stage.bake = stage.bake.plus(pace.propagation);
            stage.earliest = stage.earliest.map(|earliest| earliest.plus(pace.propagation));
        }
        if !flag_steps.is_empty() {
            let polled = |bake: Span| bake.plus(RouteKind::Flag.facts().propagation);
            stages.last_mut().into_iter().for_each(|whole| whole.flags = Some(Share::NONE));
            let whole = |bake: Span, flags| Stage { flags, ..Stage::new(Share::ALL, Bake::For(polled(bake)), None) };
            stages.extend(flag_steps.iter().map(|step| whole(step.bake, Some(step.weight))));
            stages.push(whole(after_bake, Some(Share::ALL)));
        }
        Self { stages, pace }
    }

    /// All stages; the last one is 100%, with every flag, with the bake of `afterwards`.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// How many stages have blue serving beside green, so that the two can be compared.
    #[must_use]
    pub fn compared_stages(&self) -> usize {
        self.stages.iter().filter(|stage| stage.weight != Share::ALL).count()
    }

    /// How fast the release may go.
    #[must_use]
    pub const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The time between two looks.
    #[must_use]
    pub const fn every(&self) -> Span {
        self.pace.every
    }

    /// How long the release takes from the first shift until the bake at 100% is over if nothing holds it and nothing
    /// ends a bake early: all its bakes.
    #[must_use]
    pub fn baking(&self) -> Span {
        self.stages.iter().map(|stage| stage.bake).sum()
    }

    /// How long blue is kept once the bake at 100% is over.
    #[must_use]
    pub fn kept(&self) -> Span {
        let bake = self.stages.last().map_or(Span::ZERO, |stage| stage.bake);
        self.pace.keep_blue.minus(bake)
    }

    /// How long all gates may wait together.
    #[must_use]
    pub fn gates(&self) -> Span {
        self.stages.iter().filter_map(|stage| stage.gate_before.as_ref()).map(|gate| gate.within).sum()
    }
}

/// The strategy as if it had been written with `steps`.
fn entries(strategy: &Strategy) -> Vec<StepEntry> {
    match strategy {
        Strategy::Steps(entries) => entries.clone(),
        Strategy::Canary(canary) => vec![StepEntry::Shift(Shift { weight: canary.weight, bake: canary.bake })],
        Strategy::Linear(linear) => (1..)
            .map_while(|times| linear.by.times(times))
            .take_while(|weight| *weight < Share::ALL)
            .map(|weight| StepEntry::Shift(Shift { weight, bake: linear.bake }))
            .collect(),
        Strategy::AllAtOnce(_) => Vec::new(),
    }
}
