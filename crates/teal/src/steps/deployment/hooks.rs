//! Hooks that wait for their answers.

use crate::deployment::DeploymentId;
use crate::hook::{HookAnswer, HookTicket, release_of};
use crate::ports::{Deployments, Hearing, PortError, PortResult, World};
use crate::release::{Release, ReleaseId};
use crate::steps::Step;
use crate::story::Fact;
use crate::units::Span;

/// How often a step asks for hooks, or answers one, where AWS turns it away for its rate, and how long it waits in between. There may be no
/// next step: an execution can be stopped, and sweep comes every five minutes.
const TRIES: usize = 3;
const PAUSE: Span = Span::seconds(1);

/// What is left of a deployment's hooks once those that are decided were answered.
#[derive(Clone, Debug, Default)]
pub(in crate::steps) struct HooksLeft {
    /// One that stayed undecided for too long.
    pub(in crate::steps) expired: Option<HookTicket>,
    /// Whether one that is decided could not be answered, or none could be read.
    pub(in crate::steps) unanswered: bool,
}

impl Release {
    /// Whether this deployment moves its traffic.
    pub(in crate::steps) fn is_about(&self, deployment: &DeploymentId) -> bool {
        self.deployment.as_ref().is_some_and(|about| about.id == *deployment)
    }

    /// Whether a hook needs no answer any more.
    fn is_past(&self, ticket: &HookTicket) -> bool {
        self.deployment.as_ref().is_none_or(|deployment| deployment.has_answered(ticket))
    }

    /// The name under which hooks are kept that asked before this release was on record, where it is another one: that of the release which a
    /// hook starts about the deployment.
    fn started_by_hooks(&self) -> Option<ReleaseId> {
        let by = self.plan.traffic.shifted_by.as_ref()?;
        if by.app_spec().is_some() {
            // Teal began the deployment, which names its release.
            return None;
        }
        let named = release_of(&self.deployment.as_ref()?.id).ok()?;
        (named != self.id).then_some(named)
    }
}

impl<W: World> Step<'_, W> {
    /// Answers the hooks that are decided by what is on record, and gives what is left.
    ///
    /// A hook that could not be answered is answered by the next step; in the end its hour is over, and the deployment fails by that.
    pub(in crate::steps) async fn answer_hooks(&mut self, release: &mut Release) -> HooksLeft {
        let mut left = HooksLeft::default();
        let id = release.id.clone();
        if release.deployment.as_ref().is_none_or(|deployment| deployment.id.is_of_ecs()) {
            // ECS asks again, and where no deployment is on record yet the hook itself is told.
            return left;
        }
        let tickets = match self.hooks_about(release).await {
            Ok(tickets) => tickets,
            Err(error) => {
                self.tell_hooks_unread(&id, &error);
                left.unanswered = true;
                return left;
            }
        };
        for ticket in tickets {
            if release.is_past(&ticket) {
                continue;
            }
            match ticket.verdict(release).answer() {
                Some(answer) => left.unanswered |= !self.answer_one(release, &ticket, answer).await,
                None if self.now() >= ticket.expires_at() => left.expired = left.expired.or(Some(ticket)),
                None => {}
            }
        }
        left
    }

    async fn hooks_about(&self, release: &Release) -> PortResult<Vec<HookTicket>> {
        let mut tickets = self.unless_throttled(release, async || self.world.hooks(&release.id).await).await?;
        if let Some(other) = release.started_by_hooks() {
            tickets.extend(self.unless_throttled(release, async || self.world.hooks(&other).await).await?);
        }
        Ok(tickets)
    }

    /// Makes a call again that was turned away for its rate. Not where the release goes back: its deployment is stopped, and nobody on green is to
    /// wait for what its hooks are told.
    async fn unless_throttled<T>(&self, release: &Release, call: impl AsyncFn() -> PortResult<T>) -> PortResult<T> {
        let tries = if release.setback.is_none() { TRIES } else { 1 };
        for _ in 1..tries {
            match call().await {
                Err(PortError::Throttled { .. }) => self.world.pause(PAUSE).await,
                answered => return answered,
            }
        }
        call().await
    }

    /// Gives whether it is answered now.
    async fn answer_one(&mut self, release: &mut Release, ticket: &HookTicket, answer: HookAnswer) -> bool {
        let event = ticket.event;
        let answered = match self.side(release).await {
            Ok(side) => self.unless_throttled(release, async || side.answer_hook(ticket, answer).await).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(hearing) => {
                let (note, answer) = match hearing {
                    Hearing::Heard => (format!("is answered: {answer:?}"), Some(answer)),
                    Hearing::TooLate => ("had its answer already, or waits for none any more".to_owned(), None),
                };
                self.note(Fact::Noted { note: format!("the deployment's hook {event} {note}") });
                if let Some(deployment) = &mut release.deployment {
                    deployment.answer(ticket, answer);
                }
                true
            }
            Err(error) => {
                let note = format!("the deployment's hook {event} could not be answered: {error}");
                self.tell_only(&release.id, Fact::Noted { note });
                false
            }
        }
    }

    /// The same once a step has written the record. That the answers are on record, too, only saves the next step from giving them again.
    pub(in crate::steps) async fn answer_hooks_and_save(&mut self, release: &mut Release) -> HooksLeft {
        if !release.is_moved_by_deployment() {
            return HooksLeft::default();
        }
        let told = self.unsaved.len();
        let left = self.answer_hooks(release).await;
        if self.unsaved.len() > told && self.save(release).await.is_err() {
            self.unsaved.truncate(told);
        }
        left
    }

    /// Fails the hooks that have no answer yet, whatever the record decides: the deployment is not to go on. Gives whether one could not be answered.
    pub(in crate::steps) async fn fail_hooks_left(&mut self, release: &mut Release) -> bool {
        if release.deployment.as_ref().is_none_or(|deployment| deployment.id.is_of_ecs()) {
            return false;
        }
        let tickets = match self.hooks_about(release).await {
            Ok(tickets) => tickets,
            Err(error) => {
                self.tell_hooks_unread(&release.id, &error);
                return true;
            }
        };
        let mut unanswered = false;
        for ticket in tickets.into_iter().filter(|ticket| !release.is_past(ticket)).collect::<Vec<_>>() {
            unanswered |= !self.answer_one(release, &ticket, HookAnswer::Failed).await;
        }
        unanswered
    }

    fn tell_hooks_unread(&mut self, release: &ReleaseId, error: &PortError) {
        self.tell_only(release, Fact::Noted { note: format!("the deployment's hooks could not be read: {error}") });
    }

    /// The release that a hook is about: the one that bears the deployment's name, or else one under way that somebody started about it by hand.
    pub(in crate::steps) async fn release_about(
        &self,
        deployment: &DeploymentId,
        named: ReleaseId,
    ) -> PortResult<ReleaseId> {
        if self.world.load(&named).await?.is_some() {
            return Ok(named);
        }
        for id in self.world.active().await? {
            let other = self.world.load(&id).await?.filter(|other| !other.phase.is_terminal());
            if other.is_some_and(|other| other.is_about(deployment)) {
                return Ok(id);
            }
        }
        Ok(named)
    }

    /// The release about a deployment that has ended, where it was the last one on its route.
    pub(in crate::steps) async fn ended_about(&self, deployment: &DeploymentId) -> PortResult<Option<Release>> {
        for left in self.world.left().await? {
            let ended = self.world.load(&left.release).await?.filter(|ended| ended.is_about(deployment));
            if ended.is_some() {
                return Ok(ended);
            }
        }
        Ok(None)
    }

    /// Tells every hook of a release that it will not be: the release was refused, with or without a record of it. Where another release is
    /// about the deployment, Teal was started twice for it: the hook is that one's to answer.
    pub(in crate::steps) async fn fail_hooks(&mut self, release: &ReleaseId) {
        let tickets = match self.world.hooks(release).await {
            Ok(tickets) => tickets,
            Err(error) => return self.tell_hooks_unread(release, &error),
        };
        // Deployments of other accounts are no release's.
        let side = self.world.own_side();
        for ticket in tickets {
            match self.release_about(&ticket.deployment, release.clone()).await {
                Ok(other) if other == *release => {}
                Ok(other) => {
                    let note = format!("the deployment's hook {} is answered by release {other}", ticket.event);
                    self.tell_only(release, Fact::Noted { note });
                    continue;
                }
                Err(error) => {
                    let note = format!(
                        "the deployment's hook {} has no answer, for who is to give it could not be read: {error}",
                        ticket.event
                    );
                    self.tell_only(release, Fact::Noted { note });
                    continue;
                }
            }
            if let Err(error) = side.answer_hook(&ticket, HookAnswer::Failed).await {
                let note = format!("the deployment's hook {} could not be answered: {error}", ticket.event);
                self.tell_only(release, Fact::Noted { note });
            }
        }
    }
}
