//! Following a deployment: what the weights are now, and whether it still goes on.

use super::accept::in_words_of;
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::{DeploymentReading, DeploymentState, Deployments, PortError, Router, World};
use crate::release::{Event, Phase, Release};
use crate::route::{Action, Colours, PartRef, RoutePart, differences_beside_pair, pair_share};
use crate::steps::Step;
use crate::steps::moving::changed;
use crate::story::Fact;
use crate::units::Share;

/// Green's share on the parts of a route, which a deployment changes one after the other.
#[derive(Clone, Copy, Debug)]
pub(in crate::steps) struct Shares {
    pub(in crate::steps) least: Share,
    pub(in crate::steps) most: Share,
}

impl<W: World> Step<'_, W> {
    /// Reads the route and keeps what the weights are now: they are the deployment's to change.
    ///
    /// # Errors
    /// `Teal.RouteChanged` for everything else that somebody changed.
    pub(in crate::steps) async fn read_shares(&mut self, release: &mut Release) -> TealResult<Shares> {
        let side = self.side(release).await?;
        let colours = release.colours.clone();
        let mut shares = Shares { least: Share::ALL, most: Share::NONE };
        for part in &mut release.route {
            let (found, mut list) = match &part.ahead {
                None => (side.actions(&part.part).await?, Vec::new()),
                Some(known) => {
                    let reading = side.reading(&part.part).await?;
                    let rivals = reading.new_rivals(&part.part, known);
                    (reading.actions, rivals)
                }
            };
            list.extend(differences_beside_pair(&part.part, &part.expected, &found, &colours));
            let share = pair_share(&found, &colours);
            let (Some(share), true) = (share, list.is_empty()) else {
                return Err(no_longer_between(&part.part, &list, &colours));
            };
            self.keep_part(part, found, share, &colours);
            shares = Shares { least: shares.least.min(share), most: shares.most.max(share) };
        }
        Ok(shares)
    }

    /// Keeps what a part has, and tells of green's share where it is another one.
    pub(in crate::steps) fn keep_part(
        &mut self,
        part: &mut RoutePart,
        found: Vec<Action>,
        share: Share,
        colours: &Colours,
    ) {
        if pair_share(&part.expected, colours) != Some(share) {
            self.note(Fact::Shifted { part: part.part.to_string(), share });
        }
        part.expected = found;
    }

    /// Keeps green's share as it is now. A stage's bake begins when its weight is reached.
    pub(super) fn note_shares(&mut self, release: &mut Release, shares: Shares) {
        let before = std::mem::replace(&mut release.green_share, shares.least);
        if shares.most == Share::NONE {
            return;
        }
        release.first_shift_at.get_or_insert(self.now());
        let mut reached = release.shifted_at.is_none();
        if let Phase::Bake { stage } = release.phase
            && let Some(stage) = release.timeline.stages().get(stage)
            && before < stage.weight
        {
            release.phase_since = self.now();
            reached |= shares.least >= stage.weight;
        }
        if reached {
            release.shifted_at = Some(self.moment());
        }
    }

    /// Reads the route and the deployment, and answers the hooks that are decided.
    ///
    /// # Errors
    /// `Teal.RouteChanged`; `Teal.DeploymentFailed` when the deployment does not go on, takes traffic from green or gave it some before it
    /// was to; `Teal.DeadlineExceeded` when a hook cannot wait any longer; those of the ports.
    pub(in crate::steps) async fn follow_deployment(&mut self, release: &mut Release) -> TealResult<DeploymentReading> {
        let before = release.green_share;
        let shares = self.read_shares(release).await?;
        let reading = self.read_deployment(release).await?;
        if shares.least < before {
            return Err(deployment_failed(format!(
                "green's share fell from {before} to {}: somebody else takes its traffic back",
                shares.least
            )));
        }
        if shares.most != Share::NONE
            && let Some(what) = not_to_have_traffic(release)
        {
            return Err(deployment_failed(format!(
                "the deployment gave green traffic {what}. Let it ask before: by the hook BeforeAllowTraffic, or by waiting for somebody \
                 (CodeDeploy's deploymentReadyOption, a pause hook of ECS)"
            )));
        }
        self.note_shares(release, shares);
        match self.answer_hooks(release).await.expired {
            Some(ticket) => Err(TealError::new(ErrorName::DeadlineExceeded, ticket.expired())),
            None => Ok(reading),
        }
    }

    /// Stages that a deployment went past before they were judged are judged together, in the one that it has come to: green has that share
    /// whatever Teal waits for, and the hook behind the last one waits for an hour only.
    pub(in crate::steps) fn keep_up_with_deployment(&mut self, release: &mut Release) -> TealResult<()> {
        let Phase::Bake { stage } = release.phase else { return Ok(()) };
        let has_judged = release.insufficient_since.is_none();
        if !release.is_moved_by_deployment()
            || (has_judged && release.bake_ends_at().is_some_and(|end| self.now() >= end))
        {
            return Ok(());
        }
        let has_come_to = release.timeline.stages().iter().rposition(|found| found.weight <= release.green_share);
        let Some(reached) = has_come_to.filter(|reached| *reached > stage) else { return Ok(()) };
        let told = release.outbox.len();
        while release.phase != (Phase::Bake { stage: reached }) {
            let event = if matches!(release.phase, Phase::Bake { .. }) { Event::BakePassed } else { Event::Shifted };
            release.apply(&event, self.now())?;
        }
        // Where it has come to is what there is to tell.
        release.outbox.drain(told..release.outbox.len().saturating_sub(1));
        release.shifted_at = Some(self.moment());
        release.insufficient_since = None;
        let weight = release.stage(stage)?.weight;
        let note = format!(
            "the deployment has come to {} before {weight} was judged: what lies between is judged together from now on",
            release.green_share
        );
        self.note(Fact::Noted { note });
        self.note_phase(release);
        Ok(())
    }

    /// How the deployment stands, where it goes on or has succeeded.
    async fn read_deployment(&mut self, release: &mut Release) -> TealResult<DeploymentReading> {
        let by = release.mover()?;
        let side = self.side(release).await?;
        let Some(deployment) = &mut release.deployment else {
            return Err(TealError::new(ErrorName::Internal, format!("no deployment of {by} is on record")));
        };
        let id = &deployment.id;
        let reading = match side.deployment(&by, id).await {
            Ok(reading) => reading,
            Err(PortError::NotFound { what }) => {
                return Err(deployment_failed(format!("{what} does not exist any more")));
            }
            Err(error) => return Err(error.into()),
        };
        match reading.state {
            DeploymentState::UnderWay | DeploymentState::Succeeded => Ok(reading),
            DeploymentState::TakingBack | DeploymentState::GaveUp => {
                Err(deployment_failed(format!("deployment {id} {}", in_words_of(&reading))))
            }
        }
    }
}

/// Why green is not to have production traffic yet, if it is not.
fn not_to_have_traffic(release: &Release) -> Option<&'static str> {
    let is_gated = release.timeline.stages().first().is_some_and(|stage| stage.gate_before.is_some());
    match release.phase {
        Phase::PrepareGreen | Phase::ValidateGreen if release.plan.validate.tests_anything() => {
            Some("before it was validated")
        }
        Phase::PrepareGreen | Phase::ValidateGreen | Phase::AwaitApproval { .. } if is_gated => {
            Some("before anybody had approved at the gate")
        }
        _ => None,
    }
}

fn deployment_failed(text: String) -> TealError {
    TealError::new(ErrorName::DeploymentFailed, text)
}

/// What ends a release whose route is not split between blue and green any more.
fn no_longer_between(part: &PartRef, list: &[crate::route::Difference], colours: &Colours) -> TealError {
    if list.is_empty() {
        return TealError::new(
            ErrorName::RouteChanged,
            format!("{part} sends its traffic neither to {} nor to {}", colours.blue, colours.green),
        );
    }
    changed(list)
}
