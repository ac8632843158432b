//! Traffic that a deployment moves in Teal's place: Teal lets it go on, watches the weights, answers its hooks, and stops it.

mod accept;
mod follow;
mod hooks;
mod prepare;
mod take_back;

use super::Step;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::ShiftedBy;
use crate::ports::{DeploymentReading, DeploymentState, Deployments, Router, TargetHealth, World};
use crate::release::{Act, Phase, Release};
use crate::route::Colour;
use crate::story::Fact;
use crate::units::Share;

impl Release {
    /// Whether a deployment moves the traffic, and not Teal.
    pub(super) fn is_moved_by_deployment(&self) -> bool {
        self.plan.traffic.shifted_by.is_some()
    }

    /// Whoever moves the traffic in Teal's place.
    ///
    /// # Errors
    /// `Teal.Internal` where nobody does.
    pub(super) fn mover(&self) -> TealResult<ShiftedBy> {
        self.plan
            .traffic
            .shifted_by
            .clone()
            .ok_or_else(|| TealError::new(ErrorName::Internal, "no deployment moves the traffic of this release"))
    }

    /// Whether green has targets that no listener forwards to yet: until its deployment does, they are not checked.
    pub(super) fn is_green_unchecked(&self) -> bool {
        self.is_moved_by_deployment() && self.green_share == Share::NONE && self.setback.is_none()
    }

    /// Whether a deployment was stopped, nothing that Teal does is under way, and what is left is the deployment's to do.
    pub(super) fn is_taken_back_by_deployment(&self) -> bool {
        self.settled_at().is_none()
            && self.deployment.as_ref().is_some_and(|deployment| deployment.stopped_at.is_some())
    }

    /// Whether a deployment that waits for somebody is to go on.
    fn may_go_on(&self) -> bool {
        let validated = !matches!(self.phase, Phase::Accept | Phase::PrepareGreen | Phase::ValidateGreen);
        validated && self.setback.is_none() && (self.wants_more_than(self.green_share) || self.bake_passed_at.is_some())
    }
}

impl<W: World> Step<'_, W> {
    /// What a shift is where a deployment moves the traffic: it may go on towards the stage's weight. How far it comes is what looks see.
    pub(super) async fn let_deployment_move(&mut self, release: &mut Release) -> TealResult<()> {
        self.wait_for_others(release)?;
        self.follow_deployment(release).await?;
        self.require_healthy(release, Colour::Green).await?;
        if release.green_share != Share::ALL {
            self.require_healthy(release, Colour::Blue).await?;
        }
        release.first_shift_at.get_or_insert(self.now());
        if release.green_share != Share::NONE {
            // It came so far while the stage before was judged: what this one is judged by begins now.
            release.shifted_at = Some(self.moment());
        }
        self.let_go_on(release).await.map(drop)
    }

    /// Lets a deployment go on that waits for somebody, where it is to bring green more traffic, or the bake at 100 % is over. Gives whether one
    /// waited.
    pub(super) async fn let_go_on(&mut self, release: &mut Release) -> TealResult<bool> {
        let Some(id) = release.deployment.as_ref().map(|deployment| deployment.id.clone()) else { return Ok(false) };
        let by = release.mover()?;
        if !release.may_go_on() {
            return Ok(false);
        }
        let side = self.side(release).await?;
        if !side.deployment(&by, &id).await?.waits {
            return Ok(false);
        }
        self.continue_deployment(release).await?;
        Ok(true)
    }

    /// Whether the deployment still waits for Teal once green has everything and was judged: to let it go on, or for the answer to a hook.
    /// What is Teal's to do is done. Unanswered its hour passes, or its pause, and everything is taken back from a release that was promoted.
    /// That it asks no hook again was waited for before ([`crate::steps::evaluate_health()`]).
    pub(super) async fn keeps_deployment_waiting(&mut self, release: &mut Release) -> TealResult<bool> {
        if !release.is_moved_by_deployment() {
            return Ok(false);
        }
        let unanswered = self.answer_hooks_and_save(release).await.unanswered;
        let waited = match self.let_go_on(release).await {
            Ok(waited) => waited,
            // It is kept for a time only.
            Err(error) if error.name == ErrorName::NotFound => false,
            Err(error) => return Err(error),
        };
        if waited {
            self.save(release).await?;
        }
        Ok(unanswered || waited)
    }

    /// How the deployment stands that moves the traffic; nothing where none does.
    pub(super) async fn deployment_now(&self, release: &Release) -> TealResult<Option<DeploymentReading>> {
        let Some(deployment) = &release.deployment else { return Ok(None) };
        let (by, side) = (release.mover()?, self.side(release).await?);
        Ok(Some(side.deployment(&by, &deployment.id).await?))
    }

    /// Whether the deployment has ended and taken blue with it: then nothing is kept any more that traffic could go back to.
    pub(super) async fn has_taken_blue(
        &self,
        release: &Release,
        deployment: Option<&DeploymentReading>,
    ) -> TealResult<bool> {
        if deployment.is_none_or(|deployment| deployment.state != DeploymentState::Succeeded) {
            return Ok(false);
        }
        let side = self.side(release).await?;
        let targets = side.targets(&release.colours.blue).await?;
        // One that no listener forwards to is not checked, and could serve.
        let may_serve = |health: &TargetHealth| matches!(health, TargetHealth::Healthy | TargetHealth::Unused);
        Ok(!targets.iter().any(|target| may_serve(&target.health)))
    }

    async fn continue_deployment(&mut self, release: &mut Release) -> TealResult<()> {
        let Some(id) = release.deployment.as_ref().map(|deployment| deployment.id.clone()) else { return Ok(()) };
        let by = release.mover()?;
        let side = self.side(release).await?;
        self.intend(release, Act::Continue).await?;
        side.continue_deployment(&by, &id).await?;
        self.note(Fact::Noted { note: format!("deployment {id} waited, and may go on") });
        self.settle(release);
        Ok(())
    }

    /// What is left to do for a deployment once a look is on record: hooks that are decided now are answered, and it may go on where it
    /// has yet to reach the stage.
    pub(super) async fn carry_on(&mut self, release: &mut Release) -> TealResult<()> {
        if !release.is_moved_by_deployment() {
            return Ok(());
        }
        self.answer_hooks_and_save(release).await;
        if matches!(release.phase, Phase::Bake { .. }) {
            self.let_go_on(release).await?;
            if !self.unsaved.is_empty() {
                self.save(release).await?;
            }
        }
        Ok(())
    }
}
