//! An alarm went off: the releases that watch it are put back on blue at once, without waiting for the state machine.

use super::Step;
use super::moving::RestoreError;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::AlarmName;
use crate::ports::World;
use crate::release::{Phase, ReleaseId};
use crate::story::Fact;

/// What an alarm did to one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlarmOutcome {
    /// Its route is wholly on blue.
    Restored,
    /// It had ended, or was past the point of no return: only noted.
    TooLate,
    /// A person is needed; the record says what for.
    NeedsHuman,
}

/// Puts one release that watches the alarm back on blue. The state machine finds that done, verifies it and ends the release.
///
/// # Errors
/// `Teal.RouteNotSettled`, `Teal.RecordChanged` and those of the ports that are worth another try.
pub async fn on_alarm<W: World>(
    step: &mut Step<'_, W>,
    release: &ReleaseId,
    alarm: &AlarmName,
    reason: &str,
) -> TealResult<AlarmOutcome> {
    let Some(mut release) = step.world.load(release).await? else { return Ok(AlarmOutcome::TooLate) };
    match release.phase {
        Phase::RetireBlue => {
            step.note(Fact::Noted { note: format!("alarm {alarm} was raised after the point of no return: {reason}") });
            step.save(&mut release).await?;
            return Ok(AlarmOutcome::TooLate);
        }
        Phase::Promoted | Phase::RolledBack | Phase::Refused => return Ok(AlarmOutcome::TooLate),
        _ => {}
    }
    let error = TealError::new(ErrorName::AlarmRaised, format!("alarm {alarm} is in ALARM ({reason})"));
    step.begin_rollback(&mut release, error).await?;
    match step.restore(&mut release).await {
        Ok(()) => {
            step.settle(&mut release);
            step.note_restored(&mut release);
            step.save_and_announce(&mut release).await?;
            Ok(AlarmOutcome::Restored)
        }
        Err(RestoreError::Again(error)) => Err(error),
        Err(RestoreError::Impossible { todo }) => {
            step.call_for_help(&mut release, todo).await?;
            Ok(AlarmOutcome::NeedsHuman)
        }
    }
}
