//! Restoring where a deployment moves the traffic: it is stopped and takes its traffic back. Only where it does not, Teal writes weights.

use super::accept::in_words_of;
use super::follow::Shares;
use crate::deployment::DeploymentUnderWay;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::ShiftedBy;
use crate::ports::{DeploymentReading, DeploymentState, Deployments, PortError, Router, World};
use crate::release::Release;
use crate::route::{Colour, RoutePart, attach_blue, pair_share, weight_in};
use crate::state::State;
use crate::steps::moving::{LostPart, RestoreError, expect_on_blue, impossible, is_among, restore_error};
use crate::steps::{Answer, Step};
use crate::story::Fact;
use crate::time::{after, seconds_until};
use crate::units::Share;

/// How long a deployment that was stopped may show nothing that takes it back, in seconds, until Teal does so itself: CodeDeploy begins a
/// rollback moments later. AWS gives no figure.
const BEGINS_WITHIN_SECONDS: u64 = 60;

/// How long a deployment may take its traffic back before a person is called, in seconds. It takes as long as its service needs for the
/// tasks, and behind a Network Load Balancer ten minutes more.
const PATIENCE_SECONDS: u64 = 1_800;

/// How long it is waited from one look at it to the next, in seconds.
const POLL_SECONDS: u64 = 15;

impl<W: World> Step<'_, W> {
    /// Stops the deployment and sees how far everything has come back to blue.
    pub(in crate::steps) async fn take_back_by_deployment(
        &mut self,
        release: &mut Release,
    ) -> Result<(), RestoreError> {
        let by = release.mover().map_err(RestoreError::Again)?;
        let reading = match self.stop_deployment(release, &by).await {
            Ok(reading) => reading,
            Err(error) => {
                // A hook that waits lets it fail, too.
                self.answer_hooks(release).await;
                return Err(error);
            }
        };
        let found = self.read_despite_changes(release).await?;
        self.answer_hooks(release).await;
        if let Some(reading) = reading.as_ref().filter(|reading| reading.is_active()) {
            return Err(RestoreError::UnderWay { why: format!("the deployment {}", in_words_of(reading)) });
        }
        if self.is_rollback_to_come(release, reading.as_ref()) {
            let why = "the deployment has stopped, and what takes it back is yet to begin".to_owned();
            return Err(RestoreError::UnderWay { why });
        }
        // One reading may be older than what the deployment wrote last: now that it writes no more, another one has the last word.
        let seen_on_blue = found.is_on_blue();
        let found = if seen_on_blue { self.read_despite_changes(release).await? } else { found };
        if found.is_on_blue() {
            return found.lost.map_or(Ok(()), Err);
        }
        self.give_back_instead(release, &by, found, seen_on_blue).await
    }

    /// Whether what takes a deployment back may be yet to begin, whatever the weights are: it writes them when it does.
    fn is_rollback_to_come(&self, release: &Release, reading: Option<&DeploymentReading>) -> bool {
        let stopped_at = release.deployment.as_ref().and_then(|deployment| deployment.stopped_at);
        let gave_up =
            reading.is_some_and(|reading| reading.state == DeploymentState::GaveUp && reading.taken_back_by.is_none());
        gave_up && stopped_at.is_some_and(|at| self.now() < after(at, BEGINS_WITHIN_SECONDS))
    }

    /// Stops the deployment, once it is known which one it is, and reads how it stands. Nothing where none was begun.
    async fn stop_deployment(
        &mut self,
        release: &mut Release,
        by: &ShiftedBy,
    ) -> Result<Option<DeploymentReading>, RestoreError> {
        let side = self.side(release).await.map_err(|error| cannot_take_back(by, error))?;
        if release.deployment.is_none() && by.app_spec().is_some() {
            // One whose beginning was not answered, or not recorded.
            let found =
                side.deployment_begun_for(by, &release.id).await.map_err(|error| cannot_take_back(by, error))?;
            release.deployment = found.map(|id| DeploymentUnderWay::new(id, self.now()));
        }
        let (now, moment) = (self.now(), self.moment());
        let Some(deployment) = &mut release.deployment else { return Ok(None) };
        let id = deployment.id.clone();
        let first = deployment.stopped_at.is_none();
        if first && !stop_by(&*side, by, deployment).await? {
            return Ok(None);
        }
        let stopped_at = *deployment.stopped_at.get_or_insert(moment);
        let reading = match side.deployment(by, &id).await {
            Ok(reading) => reading,
            Err(PortError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(cannot_take_back(by, error)),
        };
        if reading.taken_back_by.is_some() {
            deployment.taken_back_by.clone_from(&reading.taken_back_by);
        }
        if first {
            let note = format!("deployment {id} is stopped, to take its traffic back; it {}", in_words_of(&reading));
            self.note(Fact::Noted { note });
        } else if reading.state == DeploymentState::UnderWay && now >= after(stopped_at, BEGINS_WITHIN_SECONDS) {
            stop_by(&*side, by, deployment).await?;
        }
        Ok(Some(reading))
    }

    /// How the route stands, whatever else somebody changed on it: rolling back leaves that as it is, and one part that is lost is no reason to
    /// leave another one.
    async fn read_despite_changes(&mut self, release: &mut Release) -> Result<Standing, RestoreError> {
        let colours = release.colours.clone();
        let side = match (self.side(release).await, release.route.first()) {
            (Ok(side), _) => side,
            (Err(error), Some(part)) => return Err(restore_error(&part.part, error)),
            (Err(error), None) => return Err(RestoreError::Again(error.into())),
        };
        let mut shares = Shares { least: Share::ALL, most: Share::NONE };
        let mut lost = None;
        for part in &mut release.route {
            let found = match side.actions(&part.part).await.map_err(|error| restore_error(&part.part, error)) {
                Ok(found) => found,
                Err(gone @ RestoreError::Gone { .. }) => {
                    lost = RestoreError::of_both(lost, Some(gone));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let is_listed = |colour| weight_in(&found, colours.of(colour)).is_some();
            if !is_listed(Colour::Blue) && !is_listed(Colour::Green) {
                let todo = format!(
                    "{} forwards neither to blue nor to green any more. Put blue's {} {} into its forward action with all the weight",
                    part.part,
                    colours.blue.noun(),
                    colours.blue
                );
                let gone = vec![LostPart { part: part.part.clone(), actions: Some(found) }];
                lost = RestoreError::of_both(lost, Some(RestoreError::Gone { todo, on_green: false, lost: gone }));
                continue;
            }
            // Where neither has weight, nobody is on blue.
            let share = pair_share(&found, &colours).unwrap_or(Share::ALL);
            self.keep_part(part, found, share, &colours);
            shares = Shares { least: shares.least.min(share), most: shares.most.max(share) };
        }
        if shares.least <= shares.most {
            release.green_share = shares.least;
        }
        Ok(Standing { shares, lost })
    }

    /// The deployment is over and has left traffic on green: Teal gives it back itself, as it does on every other route. `seen_on_blue`: a
    /// reading just before `found` said that nothing is left there.
    async fn give_back_instead(
        &mut self,
        release: &mut Release,
        by: &ShiftedBy,
        mut found: Standing,
        seen_on_blue: bool,
    ) -> Result<(), RestoreError> {
        let under_way = |why: String| Err(RestoreError::UnderWay { why });
        let side = self.side(release).await.map_err(|error| cannot_take_back(by, error))?;
        if let Some(other) = side.deployment_under_way(by).await.map_err(|error| cannot_take_back(by, error))? {
            return under_way(format!("deployment {other} of {by} is under way, and moves the same traffic"));
        }
        if release.kept_on_green_since.is_none() {
            let left = release.green_share;
            self.note(Fact::Noted {
                note: format!("the deployment has left {left} on green: Teal gives it back itself"),
            });
        }
        // Whoever attaches blue writes green's whole weight with it: over what another run has given back since, that would undo it. So it is
        // read right before, and not as long ago as the calls between take; and not done while readings differ, since somebody is at it.
        if !found.lacking_blue(release).is_empty() {
            let differs = || {
                let text = "somebody changes the route: its weights differ from reading to reading";
                Err(RestoreError::Again(TealError::new(ErrorName::RouteNotSettled, text)))
            };
            if seen_on_blue {
                return differs();
            }
            found = self.read_despite_changes(release).await?;
            if found.is_on_blue() {
                // That nothing is left takes two readings, as it does above.
                let again = self.read_despite_changes(release).await?;
                return if again.is_on_blue() { again.lost.map_or(Ok(()), Err) } else { differs() };
            }
        }
        let colours = release.colours.clone();
        let lacking = found.lacking_blue(release);
        for part in &lacking {
            // Targets that no listener forwards to are not checked: whether blue can serve is seen once it is attached.
            let attached = attach_blue(&part.expected, &colours);
            let written = side.set_actions(&part.part, &attached).await;
            self.heed_unanswered(release, &written);
            written.map_err(|error| restore_error(&part.part, error))?;
        }
        let attached = lacking.first().map(|part| format!("blue is attached to {} again", part.part));
        if let Some(attached) = &attached
            && self.blue_serves_no_worse(release).await.is_err()
        {
            // However long the deployment took: blue has its time from now on.
            release.kept_on_green_since = None;
            return Err(RestoreError::WouldHarm { why: format!("{attached}, and its targets are checked") });
        }
        let restored = self.restore_route(release).await;
        let (gone, on_green) = match &restored {
            Ok(()) => (&[][..], false),
            Err(RestoreError::Gone { lost, on_green, .. }) => (&lost[..], *on_green),
            Err(_) => return restored,
        };
        if let Some(attached) = attached
            && gone.iter().any(|part| !found.lost_parts().contains(part))
        {
            // Read before the attaching was known everywhere.
            return under_way(attached);
        }
        expect_on_blue(release, gone);
        if !on_green {
            release.green_share = Share::NONE;
        }
        restored
    }

    /// Waits for the deployment to have taken everything back; in the end a person is needed, and sweep goes on trying.
    pub(in crate::steps) async fn wait_for_deployment(
        &mut self,
        release: &mut Release,
        why: String,
    ) -> TealResult<Answer> {
        // What was asked for was answered.
        self.settle(release);
        let since =
            release.deployment.as_ref().and_then(|deployment| deployment.stopped_at).unwrap_or(release.phase_since);
        let until = after(since, PATIENCE_SECONDS);
        if self.now() >= until {
            let by = release.mover()?;
            // Since when whatever is under way goes on is not known: it may be somebody else's.
            let decided_at = release.setback.as_ref().map_or(since, |setback| setback.decided_at);
            let todo = format!(
                "{why}. The release goes back since {decided_at}: look at the deployments of {by}, and stop what is under way; then sweep \
                 gives the traffic back within five minutes"
            );
            return self.call_for_help(release, todo).await;
        }
        self.save_and_announce(release).await?;
        Ok(Answer::waiting(release, State::WaitForRollBack, POLL_SECONDS.min(seconds_until(self.now(), until))))
    }
}

/// How a route stands.
struct Standing {
    /// Of the parts that are there and forward to one of the colours.
    shares: Shares,
    /// What is told of the others.
    lost: Option<RestoreError>,
}

impl Standing {
    /// Whether nothing is left on green.
    fn is_on_blue(&self) -> bool {
        self.shares.most == Share::NONE
    }

    fn lost_parts(&self) -> &[LostPart] {
        match &self.lost {
            Some(RestoreError::Gone { lost, .. }) => lost,
            _ => &[],
        }
    }

    /// The parts of the route whose traffic is on green and that do not list blue.
    fn lacking_blue(&self, release: &Release) -> Vec<RoutePart> {
        let colours = &release.colours;
        let lacks_blue = |part: &&RoutePart| {
            part.part.facts().lists_idle
                && !is_among(self.lost_parts(), part)
                && pair_share(&part.expected, colours) != Some(Share::NONE)
                && weight_in(&part.expected, &colours.blue).is_none()
        };
        release.route.iter().filter(lacks_blue).cloned().collect()
    }
}

/// Gives whether there is such a deployment.
async fn stop_by(
    side: &impl Deployments,
    by: &ShiftedBy,
    deployment: &DeploymentUnderWay,
) -> Result<bool, RestoreError> {
    match side.stop_deployment(by, &deployment.id).await {
        Ok(()) => Ok(true),
        Err(PortError::NotFound { .. }) => Ok(false),
        Err(error) => Err(cannot_take_back(by, error)),
    }
}

/// What a call about a deployment that failed means for restoring.
fn cannot_take_back(by: &ShiftedBy, error: PortError) -> RestoreError {
    match error {
        PortError::NotFound { .. }
        | PortError::Denied { .. }
        | PortError::NotAssumed { .. }
        | PortError::Refused { .. } => {
            let todo = format!(
                "{error}. Stop the deployment of {by} with rollback by hand, or put that right; then sweep sees to the rest"
            );
            impossible(todo, error)
        }
        PortError::Throttled { .. } | PortError::Unavailable { .. } | PortError::Stale { .. } => {
            RestoreError::Again(error.into())
        }
    }
}
