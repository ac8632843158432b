//! What can go wrong at a call to the world.

use teal::ports::{PortError, PortResult};

/// A fault at one call, counted from 0 since the world began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at_call: usize,
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The process is killed before the call has its effect.
    CrashBefore,
    /// The process is killed after the call had its effect.
    CrashAfter,
    /// The call is throttled: no effect.
    Throttle,
    /// The answer is lost: the effect happened.
    LostAnswer,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [FaultKind; 4] =
        [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::Throttle, FaultKind::LostAnswer];
}

/// Stands before a call's effect.
pub(crate) async fn before(fault: Option<FaultKind>, call: &'static str) -> PortResult<()> {
    match fault {
        Some(FaultKind::CrashBefore) => std::future::pending().await,
        Some(FaultKind::Throttle) => Err(PortError::Throttled { call }),
        Some(FaultKind::CrashAfter | FaultKind::LostAnswer) | None => Ok(()),
    }
}

/// Stands after it.
pub(crate) async fn after(fault: Option<FaultKind>, call: &'static str) -> PortResult<()> {
    match fault {
        Some(FaultKind::CrashAfter) => std::future::pending().await,
        Some(FaultKind::LostAnswer) => Err(PortError::Unavailable { call, message: "the answer was lost".to_owned() }),
        Some(FaultKind::CrashBefore | FaultKind::Throttle) | None => Ok(()),
    }
}
