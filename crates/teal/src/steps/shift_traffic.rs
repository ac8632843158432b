//! ShiftTraffic and Promote: the weights of a stage, written and read back.

use super::moving::RestoreError;
use super::{Answer, Step, StepInput, elsewhere};
use crate::error::{TealError, TealResult};
use crate::ports::World;
use crate::release::{Event, Phase, Release};
use crate::route::Colour;
use crate::state::State;
use crate::time::seconds_until;
use crate::units::Share;

/// Gives green the weight of the stage that the release has reached.
///
/// # Errors
/// `Teal.RouteNotSettled` while another act may be under way, `Teal.RouteChanged`, `Teal.GreenNotHealthy`, and those of the ports.
pub async fn shift_traffic<W: World>(step: &mut Step<'_, W>, input: &StepInput) -> TealResult<Answer> {
    shift(step, input, |phase| matches!(phase, Phase::ShiftTraffic { .. })).await
}

/// Gives green everything, its flags for everybody, too. Blue stays warm through the bake that follows.
///
/// # Errors
/// As [`shift_traffic`].
pub async fn promote<W: World>(step: &mut Step<'_, W>, input: &StepInput) -> TealResult<Answer> {
    shift(step, input, |phase| phase == Phase::Promote).await
}

async fn shift<W: World>(
    step: &mut Step<'_, W>,
    input: &StepInput,
    is_due: impl Fn(Phase) -> bool,
) -> TealResult<Answer> {
    let mut release = step.load(&input.release).await?;
    if !is_due(release.phase) {
        // A second run of a state that is done already goes on from there.
        elsewhere(&release, |phase| matches!(phase, Phase::Bake { .. }))?;
        return Ok(step.baking(&release));
    }
    let stage = release.stage(release.step())?;
    let (share, flags) = (stage.weight, stage.turns_flags().then(|| stage.flags.unwrap_or(Share::ALL)));
    // Flags in steps have stages of their own, behind the one at which the traffic moved.
    let before = release.step().checked_sub(1).and_then(|before| release.timeline.stages().get(before));
    let moved = match flags {
        Some(flags) if before.is_some_and(|before| before.weight == Share::ALL) => {
            step.turn_flags_alone(&mut release, flags).await
        }
        flags => step.move_traffic_and_flags(&mut release, share, flags).await,
    };
    if let Err(error) = moved {
        return Err(step.undo_if_set_back(&release, error).await);
    }
    release.apply(&Event::Shifted, step.moment())?;
    step.note_phase(&release);
    if let Err(error) = step.save_and_announce(&mut release).await {
        return Err(step.undo_if_set_back(&release, error).await);
    }
    step.answer_hooks_and_save(&mut release).await;
    Ok(step.baking(&release))
}

impl<W: World> Step<'_, W> {
    /// Gives green a share of the traffic, and then turns the flags that go with the version, if the stage does.
    async fn move_traffic_and_flags(
        &mut self,
        release: &mut Release,
        share: Share,
        flags: Option<Share>,
    ) -> TealResult<()> {
        self.move_traffic(release, share).await?;
        match flags {
            Some(flags) => self.turn_flags(release, flags).await,
            None => Ok(()),
        }
    }

    /// Turns flags where green has all the traffic since an earlier stage, and still has it.
    async fn turn_flags_alone(&mut self, release: &mut Release, flags: Share) -> TealResult<()> {
        self.require_healthy(release, Colour::Green).await?;
        self.require_all_on_green(release).await?;
        self.turn_flags(release, flags).await?;
        self.require_healthy(release, Colour::Green).await?;
        release.flags_turned_at = Some(self.moment());
        Ok(())
    }

    fn baking(&self, release: &Release) -> Answer {
        let every = u64::from(release.timeline.every().as_seconds());
        let left = release.bake_ends_at().map_or(every, |end| seconds_until(self.moment(), end));
        Answer::waiting(release, State::Bake, every.min(left))
    }

    /// When somebody decided to roll back under this run, its weights may have come after theirs, on some parts of the route or all:
    /// whatever it stops for, be it what it read back or a call that failed, it gives the route back itself before.
    async fn undo_if_set_back(&mut self, mine: &Release, error: TealError) -> TealError {
        let Ok(mut current) = self.load(&mine.id).await else { return error };
        let Some(setback) = current.setback.clone() else { return error };
        // Without an intent on record nothing was written. With one, the release cannot have ended, so the lock is still its own.
        let acted = current.intents.iter().any(|intent| intent.invocation == self.call.id);
        let restored = if acted { Some(self.restore(&mut current).await) } else { None };
        if let Some(Ok(()) | Err(RestoreError::UnderWay { .. })) = restored {
            self.settle(&mut current);
            if matches!(restored, Some(Ok(()))) {
                self.note_restored(&mut current);
            }
            // If this write is late too, the intent stays on record until its time has passed, which is safe.
            let _ = self.save(&mut current).await;
        }
        TealError::new(setback.error, setback.cause)
    }
}
