//! The states of the state machine, as `statemachine/release.asl.json` names them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A state that a function serves or names as the next one. Choice states, which only route, are not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    Accept,
    PrepareGreen,
    WaitForGreen,
    ValidateGreen,
    WaitForValidation,
    AwaitApproval,
    ShiftTraffic,
    Bake,
    EvaluateHealth,
    Promote,
    RetireBlue,
    WaitForRetirement,
    RollBack,
    WaitForRollBack,
    Promoted,
    RolledBack,
    RollbackNeedsHuman,
    /// The execution has ended and the rollback has not: AWS did not answer for long. on-execution-end and sweep go on with it.
    RollbackUnfinished,
    Refused,
}

impl State {
    /// Every state there is.
    pub const ALL: &'static [State] = &[
        State::Accept,
        State::PrepareGreen,
        State::WaitForGreen,
        State::ValidateGreen,
        State::WaitForValidation,
        State::AwaitApproval,
        State::ShiftTraffic,
        State::Bake,
        State::EvaluateHealth,
        State::Promote,
        State::RetireBlue,
        State::WaitForRetirement,
        State::RollBack,
        State::WaitForRollBack,
        State::Promoted,
        State::RolledBack,
        State::RollbackNeedsHuman,
        State::RollbackUnfinished,
        State::Refused,
    ];

    /// Where the machine may go from here without an error.
    #[must_use]
    pub const fn nexts(self) -> &'static [State] {
        match self {
            State::Accept => &[State::PrepareGreen],
            State::PrepareGreen => &[State::WaitForGreen, State::ValidateGreen],
            State::WaitForGreen => &[State::PrepareGreen],
            State::ValidateGreen => {
                &[State::WaitForValidation, State::AwaitApproval, State::ShiftTraffic, State::Promote]
            }
            State::WaitForValidation => &[State::ValidateGreen],
            State::AwaitApproval | State::Bake => &[State::EvaluateHealth],
            State::ShiftTraffic | State::Promote => &[State::Bake],
            State::EvaluateHealth => &[
                State::Bake,
                State::AwaitApproval,
                State::ShiftTraffic,
                State::Promote,
                State::RetireBlue,
                State::RollBack,
            ],
            State::RetireBlue => &[State::WaitForRetirement, State::Promoted],
            State::WaitForRetirement => &[State::RetireBlue],
            State::RollBack => &[
                State::WaitForRollBack,
                State::RolledBack,
                State::RollbackNeedsHuman,
                // The release had passed the point of no return: what is left of it is finished, not undone.
                State::Promoted,
            ],
            State::WaitForRollBack => &[State::RollBack],
            State::Promoted
            | State::RolledBack
            | State::RollbackNeedsHuman
            | State::RollbackUnfinished
            | State::Refused => &[],
        }
    }

    /// Whether the state waits for the `waitSeconds` of the function before it.
    #[must_use]
    pub const fn waits(self) -> bool {
        matches!(
            self,
            State::WaitForGreen
                | State::WaitForValidation
                | State::AwaitApproval
                | State::Bake
                | State::WaitForRetirement
                | State::WaitForRollBack
        )
    }

    /// Whether a function runs in this state.
    #[must_use]
    pub const fn is_task(self) -> bool {
        matches!(
            self,
            State::Accept
                | State::PrepareGreen
                | State::ValidateGreen
                | State::ShiftTraffic
                | State::EvaluateHealth
                | State::Promote
                | State::RetireBlue
                | State::RollBack
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
