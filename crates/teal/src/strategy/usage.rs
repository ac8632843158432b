//! What a release uses of Step Functions and Lambda, counted from the states of `statemachine/release.asl.json`.

use super::timeline::{Stage, Timeline};
use crate::units::{Share, Span};
use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign};

/// The pause between two questions whether green is healthy yet.
pub const READY_POLL: Span = Span::seconds(15);

/// How long green is taken to need until it is healthy, where a plan's usual course is told.
const USUAL_READY: Span = Span::minutes(2);

/// The pause between two looks at blue while its tasks drain and stop, and at a deployment that may still ask its hooks.
pub const RETIREMENT_POLL: Span = Span::seconds(30);

/// How long blue's tasks may take to drain and stop before the release ends without them, and how long a deployment is waited for that may still
/// ask its hooks. Such a deployment ends blue itself, so of both a release waits for one, and a look makes as many events as a round of the other.
pub const RETIREMENT_PATIENCE: Span = Span::hours(1);

/// How long blue is taken to need for that, where a plan's usual course is told: the default deregistration delay.
const USUAL_RETIREMENT: Span = Span::minutes(5);

/// What a part of a release uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Evaluations of green's health.
    pub looks: u32,
    /// Those of them that compare green with blue: both serve. (At 100% the periods of the step before are read to their end; these few
    /// are not counted.)
    pub comparisons: u32,
    /// State transitions, the unit that Step Functions charges: one for every state entered.
    pub transitions: u32,
    /// Events in the execution's history, of which Step Functions keeps at most 25,000.
    pub history_events: u32,
    /// Function calls.
    pub invocations: u32,
    /// Changes of phase, each an event on the bus.
    pub announcements: u32,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            looks: self.looks.saturating_add(other.looks),
            comparisons: self.comparisons.saturating_add(other.comparisons),
            transitions: self.transitions.saturating_add(other.transitions),
            history_events: self.history_events.saturating_add(other.history_events),
            invocations: self.invocations.saturating_add(other.invocations),
            announcements: self.announcements.saturating_add(other.announcements),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Self::add)
    }
}

/// States that are entered one after the other.
struct Visits {
    /// A Task makes five events: entered, scheduled, started, succeeded, exited.
    tasks: u32,
    /// A Choice, a Wait and a Succeed make two: entered, exited.
    others: u32,
}

impl Visits {
    const fn times(&self, times: u32) -> Usage {
        let transitions = self.tasks + self.others;
        let events = 5 * self.tasks + 2 * self.others;
        Usage {
            looks: 0,
            comparisons: 0,
            transitions: transitions.saturating_mul(times),
            history_events: events.saturating_mul(times),
            invocations: self.tasks.saturating_mul(times),
            announcements: 0,
        }
    }

    const fn once(&self) -> Usage {
        self.times(1)
    }
}

/// Accept; PrepareGreen and ValidateGreen with their choices.
const OPENING: Visits = Visits { tasks: 3, others: 2 };
/// WaitForGreen, PrepareGreen and its choice.
const READY_ROUND: Visits = Visits { tasks: 1, others: 2 };
/// Bake or AwaitApproval, EvaluateHealth and its choice.
const LOOK: Visits = Visits { tasks: 1, others: 2 };
/// ShiftTraffic or Promote.
const SHIFT: Visits = Visits { tasks: 1, others: 0 };
/// WaitForRetirement, RetireBlue and its choice.
const RETIREMENT_ROUND: Visits = Visits { tasks: 1, others: 2 };
/// RetireBlue and its choice, Promoted.
const ENDING: Visits = Visits { tasks: 1, others: 2 };
/// ExecutionStarted and ExecutionSucceeded.
const EXECUTION_EVENTS: u32 = 2;

impl Timeline {
    /// What the release uses at most until it is promoted: green healthy only just in time, gates answered only just
    /// in time, every stage held as long as it may be (by what others do: until the deadline), blue slow to stop. Retries and rolling back are not in it.
    #[must_use]
    pub fn bounds(&self) -> Usage {
        let pace = self.pace();
        let stages = self.stages().iter();
        let looking: Usage = stages
            .map(|stage| {
                let gate = stage.gate_before.as_ref().map_or(0, |gate| self.looks(gate.within));
                self.looking_at(stage, gate, self.looks(stage.bake.plus(pace.hold_for)))
            })
            .sum();
        // The deadline ends whatever goes on: each bake and each gate adds at most one look that is not a whole
        // interval after the one before.
        let within_deadline =
            pace.deadline.pieces(pace.every).saturating_add(u32::try_from(2 * self.stages().len()).unwrap_or(u32::MAX));
        // Nothing else ends the waiting for what others do, and both may serve meanwhile.
        let most = |counted: u32| if pace.waits_for_others { within_deadline } else { counted.min(within_deadline) };
        self.opening(pace.ready_within.plus(pace.propagation))
            + self.stages().iter().map(Self::shift).sum()
            + Self::looking(most(looking.looks), most(looking.comparisons))
            + self.ending(RETIREMENT_PATIENCE)
    }

    /// What the release uses before traffic moves.
    fn opening(&self, ready: Span) -> Usage {
        Usage { announcements: 3, history_events: EXECUTION_EVENTS, ..Usage::default() }
            + OPENING.once()
            + READY_ROUND.times(ready.pieces(READY_POLL))
    }

    /// What the release usually uses before traffic moves.
    pub(super) fn usual_opening(&self) -> Usage {
        self.opening(USUAL_READY.min(self.pace().ready_within))
    }

    /// What a stage usually uses: its gate is answered by the first look, and it is not held.
    pub(super) fn usual_stage(&self, stage: &Stage) -> Usage {
        let gate = u32::from(stage.gate_before.is_some());
        Self::shift(stage) + self.looking_at(stage, gate, self.looks(stage.bake))
    }

    /// So many looks at the gate before a stage, and so many while it bakes. At a gate the stage before is in force.
    fn looking_at(&self, stage: &Stage, at_gate: u32, baking: u32) -> Usage {
        let is_first = self.stages().first() == Some(stage);
        let comparisons = |looks: u32, both_serve: bool| if both_serve { looks } else { 0 };
        Self::looking(at_gate, comparisons(at_gate, !is_first))
            + Self::looking(baking, comparisons(baking, stage.weight != Share::ALL))
    }

    /// What keeping blue, with green still judged, and retiring it usually uses.
    pub(super) fn usual_ending(&self) -> Usage {
        self.ending(USUAL_RETIREMENT)
    }

    fn ending(&self, retirement: Span) -> Usage {
        Usage { announcements: 2, ..Usage::default() }
            + Self::looking(self.kept().pieces(self.every()), 0)
            + ENDING.once()
            + RETIREMENT_ROUND.times(retirement.pieces(RETIREMENT_POLL))
    }

    /// Moving the traffic, and the announcements of the shift, the bake and the gate before.
    fn shift(stage: &Stage) -> Usage {
        let announcements = 2 + u32::from(stage.gate_before.is_some());
        Usage { announcements, ..Usage::default() } + SHIFT.once()
    }

    fn looking(looks: u32, comparisons: u32) -> Usage {
        Usage { looks, comparisons, ..Usage::default() } + LOOK.times(looks)
    }

    /// How many looks a time has: one every interval and one at its end; one if there is no time.
    pub(super) fn looks(&self, time: Span) -> u32 {
        time.pieces(self.pace().every).max(1)
    }
}
