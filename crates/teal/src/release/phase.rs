//! The phases of a release and the events that lead from one to the next.

use crate::state::State;
use crate::strategy::Timeline;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a release is. Each phase has the name of the state that serves it. Stages are counted from 0; the last one gives green
/// everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", tag = "name")]
pub enum Phase {
    /// On record and holding its locks, but not yet accepted.
    Accept,
    PrepareGreen,
    ValidateGreen,
    /// At the gate before a stage.
    AwaitApproval {
        stage: usize,
    },
    /// Weights go to those of a stage.
    ShiftTraffic {
        stage: usize,
    },
    /// Green has the weight of a stage and is watched; on the last stage this is the bake after promotion, with blue still warm.
    Bake {
        stage: usize,
    },
    /// Weights go to 100 %.
    Promote,
    /// The point of no return: blue is taken in, later alarms only notify.
    RetireBlue,
    Promoted,
    RollBack,
    RolledBack,
    RollbackNeedsHuman,
    /// It never began.
    Refused,
}

/// What can happen to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing stands against it.
    Accepted,
    /// Something stood against it.
    Refused,
    /// Green has all its targets healthy.
    GreenReady,
    /// Every validation check passed.
    Validated,
    /// A person said yes at the gate.
    Approved,
    /// The weights of the stage are written and read back.
    Shifted,
    /// The bake is over and nothing speaks against going on.
    BakePassed,
    /// Blue has no tasks any more, or is kept.
    BlueRetired,
    RollBackDecided,
    /// Every part of the route is wholly on blue, no act is under way, and the route was read once more.
    RouteRestored,
    /// Restoring is impossible for Teal.
    RestoreFailed,
}

/// The phase does not know the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen in phase {phase}")]
pub struct Illegal {
    pub phase: Phase,
    pub event: Event,
}

impl Phase {
    /// The phase after an event. An event that is true already (rolling back twice, say) changes nothing.
    ///
    /// # Errors
    /// [`Illegal`] when the event makes no sense here.
    pub fn next(self, event: &Event, timeline: &Timeline) -> Result<Phase, Illegal> {
        use Event as E;
        use Phase as P;
        let last = timeline.stages().len().saturating_sub(1);
        match (self, event) {
            (P::Accept, E::Accepted) => Ok(P::PrepareGreen),
            (P::Accept | P::Refused, E::Refused) => Ok(P::Refused),

            (P::PrepareGreen, E::GreenReady) => Ok(P::ValidateGreen),
            (P::ValidateGreen, E::Validated) => Ok(enter(0, timeline)),
            (P::AwaitApproval { stage }, E::Approved) => Ok(shift_to(stage, last)),
            (P::ShiftTraffic { stage }, E::Shifted) => Ok(P::Bake { stage }),
            (P::Promote, E::Shifted) => Ok(P::Bake { stage: last }),
            (P::Bake { stage }, E::BakePassed) if stage < last => Ok(enter(stage + 1, timeline)),
            (P::Bake { .. }, E::BakePassed) => Ok(P::RetireBlue),
            (P::RetireBlue | P::Promoted, E::BlueRetired) => Ok(P::Promoted),

            (phase, E::RollBackDecided) if phase.can_roll_back() => Ok(P::RollBack),
            (P::RollBack | P::RollbackNeedsHuman | P::RolledBack, E::RouteRestored) => Ok(P::RolledBack),
            (P::RollBack | P::RollbackNeedsHuman, E::RestoreFailed) => Ok(P::RollbackNeedsHuman),

            (
                phase @ (P::Accept
                | P::PrepareGreen
                | P::ValidateGreen
                | P::AwaitApproval { .. }
                | P::ShiftTraffic { .. }
                | P::Bake { .. }
                | P::Promote
                | P::RetireBlue
                | P::Promoted
                | P::RollBack
                | P::RolledBack
                | P::RollbackNeedsHuman
                | P::Refused),
                event,
            ) => Err(Illegal { phase, event: *event }),
        }
    }

    /// Whether deciding to roll back still means something: not past retirement, not after the end.
    #[must_use]
    pub const fn can_roll_back(self) -> bool {
        match self {
            Phase::Accept
            | Phase::PrepareGreen
            | Phase::ValidateGreen
            | Phase::AwaitApproval { .. }
            | Phase::ShiftTraffic { .. }
            | Phase::Bake { .. }
            | Phase::Promote
            | Phase::RollBack
            | Phase::RollbackNeedsHuman => true,
            Phase::RetireBlue | Phase::Promoted | Phase::RolledBack | Phase::Refused => false,
        }
    }

    /// Whether the release has ended: its locks are free.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Phase::Promoted | Phase::RolledBack | Phase::Refused)
    }

    /// The state machine's state of the same name.
    #[must_use]
    pub const fn state(self) -> State {
        match self {
            Phase::Accept => State::Accept,
            Phase::PrepareGreen => State::PrepareGreen,
            Phase::ValidateGreen => State::ValidateGreen,
            Phase::AwaitApproval { .. } => State::AwaitApproval,
            Phase::ShiftTraffic { .. } => State::ShiftTraffic,
            Phase::Bake { .. } => State::Bake,
            Phase::Promote => State::Promote,
            Phase::RetireBlue => State::RetireBlue,
            Phase::Promoted => State::Promoted,
            Phase::RollBack => State::RollBack,
            Phase::RolledBack => State::RolledBack,
            Phase::RollbackNeedsHuman => State::RollbackNeedsHuman,
            Phase::Refused => State::Refused,
        }
    }
}

/// A stage is entered by its gate where it has one.
fn enter(stage: usize, timeline: &Timeline) -> Phase {
    let stages = timeline.stages();
    if stages.get(stage).is_some_and(|entered| entered.gate_before.is_some()) {
        Phase::AwaitApproval { stage }
    } else {
        shift_to(stage, stages.len().saturating_sub(1))
    }
}

fn shift_to(stage: usize, last: usize) -> Phase {
    if stage >= last { Phase::Promote } else { Phase::ShiftTraffic { stage } }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::AwaitApproval { stage } | Phase::ShiftTraffic { stage } | Phase::Bake { stage } => {
                write!(f, "{} (stage {})", self.state(), stage + 1)
            }
            _ => write!(f, "{}", self.state()),
        }
    }
}

#[cfg(test)]
mod tests;
