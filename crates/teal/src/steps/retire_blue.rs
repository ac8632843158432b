//! RetireBlue: past the point of no return, blue is taken in.

use super::{Answer, Step, StepInput, elsewhere};
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::World;
use crate::release::{Act, Event, Phase, Release};
use crate::route::Colour;
use crate::state::State;
use crate::story::Fact;
use crate::strategy::{RETIREMENT_PATIENCE, RETIREMENT_POLL};
use crate::time::seconds_until;

/// Takes blue to zero tasks and waits until they are gone.
///
/// # Errors
/// `Teal.RouteNotSettled` while an act may be under way, `Teal.RouteChanged`, and those of the ports.
pub async fn retire_blue<W: World>(step: &mut Step<'_, W>, input: &StepInput) -> TealResult<Answer> {
    let mut release = step.load(&input.release).await?;
    if release.phase != Phase::RetireBlue {
        elsewhere(&release, |phase| phase == Phase::Promoted)?;
        return Ok(Answer::at(&release));
    }
    step.wait_for_others(&release)?;
    for part in &release.route {
        step.require_unchanged(part, None).await?;
    }
    step.require_healthy(&release, Colour::Green).await?;
    let order = release.green.clone();
    step.intend(&mut release, Act::RetireBlue).await?;
    step.world.scale_in(&order.cluster, &order.blue_service).await?;
    step.settle(&mut release);
    let progress = step.world.progress(&order.cluster, &order.blue_service).await?;
    let waited = seconds_until(release.phase_since, step.now());
    if progress.running > 0 && waited < u64::from(RETIREMENT_PATIENCE.as_seconds()) {
        step.save(&mut release).await?;
        return Ok(Answer::waiting(&release, State::WaitForRetirement, RETIREMENT_POLL.as_seconds().into()));
    }
    step.note(Fact::ScaledIn { colour: Colour::Blue, service: order.blue_service });
    step.finish_promoted(&mut release).await
}

impl<W: World> Step<'_, W> {
    async fn finish_promoted(&mut self, release: &mut Release) -> TealResult<Answer> {
        self.free(release, Colour::Green).await?;
        self.settle(release);
        release.apply(&Event::BlueRetired, self.now())?;
        self.note_phase(release);
        self.save_and_announce(release).await?;
        Ok(Answer::at(release))
    }

    /// Ends a release that can no longer roll back although taking blue in went wrong: all traffic is on green, and what is left of
    /// blue is for a person to look at.
    pub(super) async fn finish_despite(&mut self, release: &mut Release, error: &TealError) -> TealResult<Answer> {
        if let Some(settled_at) = release.settled_at().filter(|at| *at > self.now()) {
            let seconds = seconds_until(self.now(), settled_at);
            return Ok(Answer::waiting(release, State::WaitForRollBack, seconds));
        }
        let note = format!(
            "blue could not be taken in, its service {} may still have tasks: {error}. Scale it in by hand",
            release.green.blue_service
        );
        self.note(Fact::Noted { note });
        if error.name == ErrorName::RouteChanged {
            self.note(Fact::LeftAlone { difference: error.message.clone() });
        }
        self.intend(release, Act::RetireBlue).await?;
        self.finish_promoted(release).await
    }
}
