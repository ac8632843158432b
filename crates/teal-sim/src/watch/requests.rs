//! What people, and newer releases, ask of a release.

use super::Watch;
use crate::deployment::Deployment;
use crate::link::Who;
use crate::promise::Promise;
use crate::state::State;
use teal::error::{ErrorName, TealError};
use teal::ports::{DeploymentStage, DeploymentState};
use teal::release::{Phase, Release, ReleaseId};
use teal::time::Timestamp;

impl Watch {
    /// A release's execution was started.
    pub(crate) fn began(&mut self, release: &ReleaseId, supersedes: bool, now: Timestamp) {
        self.began_at.insert(release.clone(), now);
        if supersedes {
            self.superseding.insert(release.clone());
        }
    }

    pub(crate) fn asked_to_abort(&mut self, release: &ReleaseId, now: Timestamp) {
        self.abort_asked_at.entry(release.clone()).or_insert(now);
    }

    pub(crate) fn rejected(&mut self, release: &ReleaseId, stage: usize, now: Timestamp) {
        self.rejected_at.entry((release.clone(), stage)).or_insert(now);
    }

    /// A release asks another one to give the route up.
    pub(crate) fn asked_to_give_way(&mut self, holder: &ReleaseId, by: &str) {
        let began = |id: &ReleaseId| self.began_at.get(id).copied();
        let asker = self.began_at.keys().find(|id| by == format!("release {id}")).cloned();
        let Some(asker) = asker else { return };
        if began(&asker) < began(holder) || !self.superseding.contains(&asker) {
            self.breach(Promise::NewerTakesOver, format!("{asker} ends {holder}, which is newer, or may not"));
        }
    }

    /// A release that is to take a route over was refused.
    pub(crate) fn not_accepted(&mut self, state: &State, release: &ReleaseId, error: &TealError) {
        let began = |id: &ReleaseId| self.began_at.get(id).copied();
        let gives_way = |other: &Release| {
            began(&other.id) > began(release)
                || state.stories.get(&other.id).is_some_and(|story| {
                    let called = teal::story::Fact::Entered { phase: Phase::RollbackNeedsHuman };
                    story.iter().any(|entry| entry.fact == called)
                })
        };
        let is_right = error.name != ErrorName::RouteBusy || is_kept_by_deployment(state);
        let wrongly = !is_right && !state.records.values().any(gives_way);
        if self.superseding.contains(release) && wrongly {
            self.breach(Promise::NewerTakesOver, format!("{release} is refused the route of an older one: {error}"));
        }
    }

    /// A look, or a run that waits for green or tests it, goes on although the release was asked to end before it began.
    pub(super) fn check_heard(&mut self, old: &Release, new: &Release, who: &Who) {
        let listens = matches!(
            old.phase,
            Phase::PrepareGreen | Phase::ValidateGreen | Phase::Bake { .. } | Phase::AwaitApproval { .. }
        );
        let goes_on = !matches!(new.phase, Phase::RollBack | Phase::RollbackNeedsHuman | Phase::RolledBack);
        let asked = self.abort_asked_at.get(&new.id).is_some_and(|at| *at < who.started);
        if asked && listens && goes_on {
            let what = format!("{} was asked to end, and goes from {} to {}", new.id, old.phase, new.phase);
            self.breach(Promise::AbortHeard, what);
        }
        if let Phase::AwaitApproval { stage } = old.phase
            && goes_on
            && self.rejected_at.get(&(new.id.clone(), stage)).is_some_and(|at| *at < who.started)
        {
            let what = format!("somebody said no before stage {stage} of {}, and it goes on to {}", new.id, new.phase);
            self.breach(Promise::AbortHeard, what);
        }
    }
}

/// Whether all releases have ended, and the deployment of one of them has yet to take in what it replaced. No release can be asked to give way then,
/// and who stops the deployment sends production back.
fn is_kept_by_deployment(state: &State) -> bool {
    let waits = |found: &Deployment| {
        let reading = found.reading();
        reading.state == DeploymentState::UnderWay && reading.stage == DeploymentStage::Shifted
    };
    state.deployment.as_ref().is_some_and(waits) && state.records.values().all(|record| record.phase.is_terminal())
}
