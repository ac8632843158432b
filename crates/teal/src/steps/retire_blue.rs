//! RetireBlue: past the point of no return, blue is taken in.

use super::{Answer, Step, StepInput, elsewhere, shorten};
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::limits::METRIC_PERIOD;
use crate::ports::{Fleet, PortError, PortResult, Router, Signals, World};
use crate::release::{Act, Event, Phase, Release};
use crate::route::{Colour, weight_in};
use crate::signals::{Readings, Wanted};
use crate::state::State;
use crate::story::Fact;
use crate::strategy::{RETIREMENT_PATIENCE, RETIREMENT_POLL};
use crate::time::{Timestamp, after, seconds_until};

/// Takes blue to no units and waits until they are gone.
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
    step.require_all_on_green(&mut release).await?;
    let patient = step.is_patient_with_blue(&release);
    if step.keeps_deployment_waiting(&mut release).await? && patient {
        return Ok(Answer::waiting(&release, State::WaitForRetirement, RETIREMENT_POLL.as_seconds().into()));
    }
    step.require_healthy(&release, Colour::Green).await?;
    let order = release.green.clone();
    if !order.blue.facts().has_units {
        return step.finish_promoted(&mut release).await;
    }
    if let Some(why) = order.blue.facts().left_because {
        let note = format!("blue's {} stays as it is: {why}", order.blue);
        step.note(Fact::Noted { note });
        step.free(&release, Colour::Blue).await?;
        return step.finish_promoted(&mut release).await;
    }
    let known_at = release.shifted_at.map(|at| after(at, release.known_within().as_seconds().into()));
    if let Some(known_at) = known_at.filter(|at| *at > step.now()) {
        // Until then some of the load balancer may go by the weights before, and send requests to blue.
        return Ok(Answer::waiting(&release, State::WaitForRetirement, seconds_until(step.now(), known_at)));
    }
    if release.is_sticky() && step.still_serves(&release, Colour::Blue).await {
        if patient {
            return Ok(Answer::waiting(&release, State::WaitForRetirement, RETIREMENT_POLL.as_seconds().into()));
        }
        let reason = "clients that hold a sticky cookie still reach it, and without it they would get errors";
        return step.finish_despite(&mut release, &TealError::new(ErrorName::RouteNotSettled, reason)).await;
    }
    step.intend(&mut release, Act::RetireBlue).await?;
    let side = step.side(&release).await?;
    side.scale_in(&order.blue).await?;
    step.settle(&mut release);
    let progress = side.progress(&order.blue).await?;
    if progress.running > 0 && patient {
        step.save(&mut release).await?;
        return Ok(Answer::waiting(&release, State::WaitForRetirement, RETIREMENT_POLL.as_seconds().into()));
    }
    step.note(Fact::ScaledIn { colour: Colour::Blue, runner: order.blue.name().to_owned() });
    step.finish_promoted(&mut release).await
}

/// Begin and end of the newest whole period that ended at least `settle` seconds ago.
fn newest_period(now: Timestamp, settle: u32) -> Option<(Timestamp, Timestamp)> {
    let period = i64::from(METRIC_PERIOD.as_seconds());
    let end = (now.as_second() - i64::from(settle)).div_euclid(period) * period;
    Some((Timestamp::from_second(end - period).ok()?, Timestamp::from_second(end).ok()?))
}

impl<W: World> Step<'_, W> {
    fn is_patient_with_blue(&self, release: &Release) -> bool {
        seconds_until(release.phase_since, self.now()) < u64::from(RETIREMENT_PATIENCE.as_seconds())
    }

    /// Whether the deployment of a release that ends although taking blue in went wrong still waits for an answer, which could not be given now.
    /// Unanswered it would take everything back when its hour is over, though green serves.
    async fn owes_deployment_an_answer(&mut self, release: &mut Release) -> bool {
        if !release.is_moved_by_deployment() {
            return false;
        }
        let patient = self.is_patient_with_blue(release);
        let unanswered = match self.serves_again(release).await {
            // Let go on it would end blue.
            Ok(true) => self.fail_hooks_left(release).await,
            Err(PortError::Throttled { .. } | PortError::Unavailable { .. }) if patient => true,
            Ok(false) | Err(_) => self.answer_hooks_and_save(release).await.unanswered,
        };
        unanswered && patient
    }

    /// Whether somebody else has given blue traffic again.
    async fn serves_again(&self, release: &Release) -> PortResult<bool> {
        let side = self.side(release).await?;
        for part in &release.route {
            let found = side.actions(&part.part).await?;
            if weight_in(&found, &release.colours.blue).is_some_and(|weight| weight > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a colour had requests in the newest metric period that can be read. What cannot be read counts as yes.
    pub(super) async fn still_serves(&self, release: &Release, colour: Colour) -> bool {
        let settle = release.plan.judge.settle.as_seconds();
        let newest = match newest_period(self.now(), settle) {
            Some(period) => period,
            None => return true,
        };
        let place = release.place(colour);
        let Some(metrics) = place.meter.of_requests else { return true };
        let requests = place.statistic(metrics.requests, "Sum");
        let mut wanted = Wanted::default();
        let key = wanted.statistic(requests, METRIC_PERIOD.as_seconds());
        let series = match self.side(release).await {
            Ok(side) => side.metrics(wanted.queries(), newest.0, newest.1).await,
            Err(error) => Err(error),
        };
        match series {
            // Load balancers publish no datum where there is nothing to count.
            Ok(series) => Readings::new(series).at(key, newest.0).is_some_and(|requests| requests > 0.0),
            Err(_) => true,
        }
    }

    async fn finish_promoted(&mut self, release: &mut Release) -> TealResult<Answer> {
        self.free(release, Colour::Green).await?;
        self.settle(release);
        release.apply(&Event::BlueRetired, self.now())?;
        self.note(Fact::Judged { judged: release.judged.clone() });
        self.note_phase(release);
        self.save_and_announce(release).await?;
        Ok(Answer::at(release))
    }

    /// Ends a release that can no longer roll back although taking blue in went wrong: all traffic is on green, and what is left of
    /// blue is for a person to look at.
    pub(super) async fn finish_despite(&mut self, release: &mut Release, error: &TealError) -> TealResult<Answer> {
        // No setback keeps the reason: the next try has it from this answer.
        let for_this =
            |answer: Answer| Answer { error: Some(error.name), cause: Some(shorten(&error.message)), ..answer };
        if let Some(settled_at) = release.settled_at().filter(|at| *at > self.now()) {
            let seconds = seconds_until(self.now(), settled_at);
            return Ok(for_this(Answer::waiting(release, State::WaitForRollBack, seconds)));
        }
        if self.owes_deployment_an_answer(release).await {
            let poll = RETIREMENT_POLL.as_seconds().into();
            return Ok(for_this(Answer::waiting(release, State::WaitForRollBack, poll)));
        }
        self.intend(release, Act::RetireBlue).await?;
        if let Err(held) = self.let_go_of_both(release).await {
            return self.wait_with_end(release, held).await.map(for_this);
        }
        let (blue, units) = (&release.green.blue, release.green.blue.facts().units);
        if error.name == ErrorName::RouteChanged {
            // It may serve again.
            self.note(Fact::Noted {
                note: format!("blue was not taken in, its {blue} may still have {units}: {error}"),
            });
            self.note(Fact::LeftAlone { difference: error.message.clone() });
        } else {
            let note =
                format!("blue could not be taken in, its {blue} may still have {units}: {error}. Scale it in by hand");
            self.note(Fact::Noted { note });
        }
        self.finish_promoted(release).await
    }

    /// What is held of either colour is let go. Said twice, that of green changes nothing.
    async fn let_go_of_both(&mut self, release: &Release) -> TealResult<()> {
        self.let_blue_go(release).await?;
        let told = self.unsaved.len();
        let freed = self.free(release, Colour::Green).await;
        self.unsaved.truncate(told);
        freed
    }

    /// A blue that keeps its tasks scales as it did before: the next release would take what this one holds for its owner's
    /// setting. One that was taken in stays so.
    async fn let_blue_go(&mut self, release: &Release) -> TealResult<()> {
        if release.green.hold.is_none() {
            return Ok(());
        }
        let progress = match self.side(release).await {
            Ok(side) => side.progress(&release.green.blue).await,
            Err(error) => Err(error),
        };
        match progress {
            Ok(progress) if progress.desired > 0 => self.free(release, Colour::Blue).await,
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => Err(error.into()),
            Err(error @ PortError::NotAssumed { .. }) if self.may_wait_for_role(release) => Err(error.into()),
            Ok(_) | Err(PortError::NotFound { .. }) => Ok(()),
            // It may have been taken in, and then its scaling is not to bring it up again.
            Err(error) => {
                self.note_held(release, Colour::Blue, &error);
                Ok(())
            }
        }
    }
}
