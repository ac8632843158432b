//! How long a release bakes, keeps blue and waits at a gate, by the watch's own clock: not by what the record says of it.

use super::Watch;
use super::records::{SKEW_MILLIS, has_come_to};
use crate::function::Function;
use crate::link::{Who, later};
use crate::promise::Promise;
use std::collections::BTreeMap;
use teal::release::{Phase, Release, ReleaseId};
use teal::time::Timestamp;
use teal::units::Span;

/// When the phase began that a release is in.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// When the weight of the stage that bakes was written last, or its flags; where a deployment moves the traffic, when the run began that says so.
    baking_since: BTreeMap<ReleaseId, Timestamp>,
    /// When the record said that a gate is waited at.
    at_gate_since: BTreeMap<ReleaseId, Timestamp>,
}

impl Watch {
    /// A record goes from one phase to another.
    pub(super) fn note_clocks(&mut self, old: &Release, new: &Release, who: &Who, now: Timestamp) {
        if matches!(new.phase, Phase::Bake { .. }) && !matches!(old.phase, Phase::Bake { .. }) {
            let written = new.route.iter().chain(&new.flags).filter_map(|part| self.last_write(who, part.part.key()));
            let since = written.map(|(at, _)| at).max().unwrap_or(who.started);
            self.clocks.baking_since.insert(new.id.clone(), since);
        }
        if matches!(new.phase, Phase::AwaitApproval { .. }) {
            self.clocks.at_gate_since.insert(new.id.clone(), now);
        }
    }

    /// A look finds that the bake of a stage is over: it lasted as long as the stage bakes at least.
    pub(super) fn check_baked(&mut self, old: &Release, new: &Release, who: &Who) {
        let Phase::Bake { stage } = old.phase else { return };
        // What a deployment went past is judged where it has come to.
        let is_passed =
            matches!(new.phase, Phase::Bake { stage: reached } if reached > stage && has_come_to(new, reached));
        let Some(stage) = old.timeline.stages().get(stage).filter(|_| !is_passed) else { return };
        if !self.has_passed(new, stage.earliest.unwrap_or(stage.bake), who) {
            let what = format!("{} goes from {} to {} before it has baked", new.id, old.phase, new.phase);
            self.breach(Promise::WeightOfStage, what);
        }
    }

    /// A release passes the point of no return: blue was kept as long as the plan says. One that a deployment takes is not.
    pub(super) fn check_kept_warm(&mut self, new: &Release, who: &Who) {
        let is_kept_by_teal = new.plan.traffic.shifted_by.is_none();
        if new.phase == Phase::RetireBlue
            && is_kept_by_teal
            && !self.has_passed(new, new.plan.afterwards.keep_blue, who)
        {
            let what = format!("{} is to take blue in, which was to be kept", new.id);
            self.breach(Promise::BlueKeepsCapacity, what);
        }
    }

    /// Whether so much time had passed since the newest weight when a run began, by whichever of two clocks.
    fn has_passed(&self, release: &Release, span: Span, who: &Who) -> bool {
        let since = self.clocks.baking_since.get(&release.id);
        since.is_none_or(|since| later(*since, millis(span) - 2 * SKEW_MILLIS) <= who.started)
    }

    /// A look has waited at a gate once more: not when the gate's time was over before it began.
    pub(super) fn check_gate(&mut self, old: &Release, new: &Release, who: &Who) {
        let Phase::AwaitApproval { stage } = new.phase else { return };
        let looks = who.function == Function::EvaluateHealth && new.looks > old.looks && old.phase == new.phase;
        let gate = new.timeline.stages().get(stage).and_then(|stage| stage.gate_before.as_ref());
        let since = self.clocks.at_gate_since.get(&new.id);
        let (Some(gate), Some(since)) = (gate, since) else { return };
        // Where the role in the service's account is away nothing can be done about it.
        let may_act = new.out_of_reach_since.is_none();
        if looks && may_act && later(*since, millis(gate.within) + 3 * SKEW_MILLIS) < who.started {
            let what = format!("{} still waits at the gate before stage {stage}, since {since}", new.id);
            self.breach(Promise::DeadlineKept, what);
        }
    }
}

fn millis(span: Span) -> i64 {
    1000 * i64::from(span.as_seconds())
}
