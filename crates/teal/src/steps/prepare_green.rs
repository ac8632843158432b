//! PrepareGreen: green is brought up at blue's size behind its own target group, at weight 0, and waited for.

use super::{Answer, Step, StepInput, elsewhere};
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::{Fleet, Router, Target, TargetHealth, World};
use crate::release::{Act, Event, Phase, Release};
use crate::request::Ask;
use crate::route::RoutePart;
use crate::state::State;
use crate::story::Fact;
use crate::strategy::READY_POLL;
use crate::time::{after, seconds_until};

fn poll() -> u64 {
    READY_POLL.as_seconds().into()
}

/// Orders green if it is not ordered, and sees how far it has come.
///
/// # Errors
/// `Teal.Aborted` when somebody asked for that; `Teal.GreenNotHealthy` when its time is over or its system gave up; `Teal.RouteChanged`; those of the ports.
pub async fn prepare_green<W: World>(step: &mut Step<'_, W>, input: &StepInput) -> TealResult<Answer> {
    let mut release = step.load(&input.release).await?;
    if release.phase != Phase::PrepareGreen {
        elsewhere(&release, |phase| phase == Phase::ValidateGreen)?;
        return Ok(Answer::at(&release));
    }
    step.stop_if_aborted(&release).await?;
    let awaited = match release.is_moved_by_deployment() {
        true => step.prepare_by_deployment(&mut release).await?,
        false => step.bring_green_up(&mut release).await?,
    };
    if let Some(Awaited { healthy, detail }) = awaited {
        return step.wait_for_green(&mut release, healthy, detail).await;
    }
    let pointed_at = release.test_route_pointed_at.filter(|_| !release.propagation().is_zero());
    if let Some(settled_at) = pointed_at.map(|at| after(at, release.propagation().as_seconds().into()))
        && step.moment() < settled_at
    {
        // Until then a check might be answered by blue.
        step.save_and_announce(&mut release).await?;
        let wait = poll().min(seconds_until(step.moment(), settled_at));
        return Ok(Answer::waiting(&release, State::WaitForGreen, wait));
    }
    release.apply(&Event::GreenReady, step.now())?;
    step.note_phase(&release);
    step.save_and_announce(&mut release).await?;
    step.answer_hooks_and_save(&mut release).await;
    Ok(Answer::at(&release))
}

/// What is still awaited of green.
pub(super) struct Awaited {
    pub(super) healthy: usize,
    pub(super) detail: String,
}

impl<W: World> Step<'_, W> {
    /// Orders green, and has the test route go there once it is up. Gives what is still awaited.
    async fn bring_green_up(&mut self, release: &mut Release) -> TealResult<Option<Awaited>> {
        self.attach_green(release).await?;
        self.order_green(release).await?;
        self.bring_green_on(release).await?;
        let side = self.side(release).await?;
        let progress = side.progress_of_green(&release.green).await?;
        if let Some(failure) = progress.failed {
            return Err(TealError::new(
                ErrorName::GreenNotHealthy,
                format!("{} gave up on green: {failure}", release.green.green.facts().system),
            ));
        }
        let targets = side.targets(&release.colours.green).await?;
        let healthy = targets.iter().filter(|target| target.health == TargetHealth::Healthy).count();
        let wanted = release.green.desired;
        let ready = progress.current && progress.running >= wanted && healthy >= wanted as usize && healthy > 0;
        if !ready {
            let detail = why_not_ready(release, &targets, &progress.events);
            return Ok(Some(Awaited { healthy, detail }));
        }
        self.measure_green(release).await?;
        self.point_test_route(release).await?;
        Ok(None)
    }

    /// While green comes up there are no looks that would notice it.
    pub(super) async fn stop_if_aborted(&mut self, release: &Release) -> TealResult<()> {
        let requests = self.requests_to(&release.id).await?;
        match requests.iter().find(|request| request.ask == Ask::Abort) {
            Some(request) => Err(TealError::new(ErrorName::Aborted, request.as_cause())),
            None => Ok(()),
        }
    }

    /// Orders green, once: ordering again and again would restart a deployment that is still under way.
    async fn order_green(&mut self, release: &mut Release) -> TealResult<()> {
        if release.green_ordered_at.is_some() {
            return Ok(());
        }
        let side = self.side(release).await?;
        self.intend(release, Act::BringUp).await?;
        self.hold_blue(release).await?;
        side.bring_up(&release.green).await?;
        self.settle(release);
        release.green_ordered_at = Some(self.now());
        let order = &release.green;
        let (green, desired) = (&order.green, order.desired);
        self.note(match green.comes_by_itself(desired) {
            Some(note) => Fact::Noted { note },
            None => Fact::GreenOrdered { runner: green.name().to_owned(), runs: order.runs.clone(), desired },
        });
        self.save(release).await
    }

    /// Does what of the order had to wait until green is there.
    async fn bring_green_on(&mut self, release: &mut Release) -> TealResult<()> {
        if !release.green.green.facts().comes_in_stages {
            return Ok(());
        }
        let side = self.side(release).await?;
        self.intend(release, Act::BringUp).await?;
        side.bring_on(&release.green).await?;
        self.settle(release);
        Ok(())
    }

    /// Finds out what metrics call green's own load balancer, where that is the route's meter.
    async fn measure_green(&self, release: &mut Release) -> TealResult<()> {
        if !release.plan.traffic.route.kind().facts().meter.is_greens_own {
            return Ok(());
        }
        let side = self.side(release).await?;
        let entrance = side.entrance(&release.colours.green).await?;
        if let Some(load_balancer) = entrance.and_then(|entrance| entrance.load_balancer) {
            release.load_balancer = load_balancer;
        }
        Ok(())
    }

    /// Green's destination must be in the forward action before its targets are checked at all: outside of it they stay `unused`.
    async fn attach_green(&mut self, release: &mut Release) -> TealResult<()> {
        let is_attached = |part: &RoutePart| part.expected == part.original;
        let is_pointed = release.test_route_pointed_at.is_some();
        if is_pointed || release.route.iter().chain(&release.test_route).all(is_attached) {
            return Ok(());
        }
        self.wait_for_others(release)?;
        let parts: Vec<RoutePart> = release.route.iter().chain(&release.test_route).cloned().collect();
        for part in &parts {
            self.require_unchanged(release, part, Some(&part.original)).await?;
        }
        let side = self.side(release).await?;
        self.intend(release, Act::Attach).await?;
        for part in parts.iter().filter(|part| !is_attached(part)) {
            side.set_actions(&part.part, &part.original).await?;
            let found = side.actions(&part.part).await?;
            if found != part.original {
                let text = format!("{} does not show green's {} yet", part.part, release.colours.green.noun());
                return Err(TealError::new(ErrorName::RouteNotSettled, text));
            }
        }
        for part in release.route.iter_mut().chain(&mut release.test_route) {
            part.expected = part.original.clone();
        }
        self.settle(release);
        self.save(release).await
    }

    async fn wait_for_green(&mut self, release: &mut Release, healthy: usize, detail: String) -> TealResult<Answer> {
        let desired = release.green.desired;
        let ready_by = after(release.phase_since, release.plan.green.ready_within().as_seconds().into());
        if self.now() >= ready_by.min(release.deadline_at) {
            return Err(TealError::new(
                ErrorName::GreenNotHealthy,
                format!(
                    "{healthy} of {desired} green targets were healthy when {}.readyWithin ({}) was over; {detail}",
                    release.plan.green.path(),
                    release.plan.green.ready_within()
                ),
            ));
        }
        self.note(Fact::GreenPending { healthy, desired, detail });
        self.save_and_announce(release).await?;
        let wait = poll().min(seconds_until(self.now(), ready_by));
        Ok(Answer::waiting(release, State::WaitForGreen, wait))
    }
}

fn why_not_ready(release: &Release, targets: &[Target], events: &[String]) -> String {
    let mut parts: Vec<String> = targets
        .iter()
        .filter(|target| target.health != TargetHealth::Healthy)
        .take(3)
        .map(|target| {
            let reason = target.reason.as_deref().unwrap_or("no reason given");
            format!("target {} is {:?} ({reason})", target.id, target.health)
        })
        .collect();
    if targets.is_empty() {
        parts.push(format!("green's {} has no targets yet", release.colours.green.noun()));
    }
    parts.extend(events.first().map(|event| format!("{} says: {event}", release.green.green.facts().system)));
    parts.join("; ")
}
