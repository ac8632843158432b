//! How one call to the world goes: when it has its effect, when it is answered, and what goes wrong with it.

use teal::ports::PortError;

/// A fault at one call, counted from 0 since the world began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at_call: usize,
    pub kind: FaultKind,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// The process is killed before the call has its effect.
    CrashBefore,
    /// The process is killed after the call had its effect.
    CrashAfter,
    /// The call is throttled: no effect.
    Throttle,
    /// The answer is lost: the effect happened.
    LostAnswer,
    /// An error of the service: no effect.
    NoEffect,
    /// The call is given up, and has its effect after that. Only what writes to listeners and services.
    LateEffect,
    /// No answer ever comes and nothing happens, until the function's timeout ends it.
    Hang,
    /// No answer ever comes, but the effect happened.
    HangAfter,
    /// No answer comes, and the effect happens just when the function's time is over.
    HangUntilLate,
    /// The answer tells what was before the last change. Only reads of listeners.
    StaleRead,
}

impl FaultKind {
    /// Those that a single call of a single function can have.
    pub const ALL: [FaultKind; 4] =
        [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::Throttle, FaultKind::LostAnswer];
}

/// How a call goes. Times are milliseconds from one to the next; `None` is never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) effect: Option<i64>,
    pub(crate) answer: Option<i64>,
    pub(crate) error: Option<Failure>,
    /// The process is killed instead of being answered.
    pub(crate) crash: bool,
    /// The effect happens so long after the error.
    pub(crate) late: Option<i64>,
    pub(crate) stale: bool,
}

/// What the caller is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Throttled,
    Unavailable(&'static str),
}

impl Failure {
    pub(crate) fn error(self, call: &'static str) -> PortError {
        match self {
            Failure::Throttled => PortError::Throttled { call },
            Failure::Unavailable(message) => PortError::Unavailable { call, message: message.to_owned() },
        }
    }
}

impl Course {
    /// At once and well.
    pub(crate) const WELL: Course =
        Course { effect: Some(0), answer: Some(0), error: None, crash: false, late: None, stale: false };

    /// With one fault, without delay.
    pub(crate) fn of(kind: FaultKind) -> Self {
        Self::WELL.with(kind, 0)
    }

    /// With a fault. `late_by` is how long after the error, or before the last possible moment, a late effect happens.
    pub(crate) fn with(self, kind: FaultKind, late_by: i64) -> Self {
        let unavailable = |message| Some(Failure::Unavailable(message));
        match kind {
            FaultKind::CrashBefore => Self { effect: None, answer: None, crash: true, ..self },
            FaultKind::CrashAfter => Self { answer: None, crash: true, ..self },
            FaultKind::Throttle => Self { effect: None, error: Some(Failure::Throttled), ..self },
            FaultKind::LostAnswer => Self { error: unavailable("the answer was lost"), ..self },
            FaultKind::NoEffect => Self { effect: None, error: unavailable("internal error"), ..self },
            FaultKind::LateEffect => {
                Self { effect: None, error: unavailable("timed out"), late: Some(late_by), ..self }
            }
            FaultKind::Hang => Self { effect: None, answer: None, ..self },
            FaultKind::HangAfter => Self { answer: None, ..self },
            FaultKind::HangUntilLate => Self { effect: Some(late_by), answer: None, ..self },
            FaultKind::StaleRead => Self { stale: true, ..self },
        }
    }
}
