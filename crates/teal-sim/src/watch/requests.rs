//! What people, and newer releases, ask of a release.

use super::Watch;
use crate::link::Who;
use crate::promise::Promise;
use crate::state::State;
use teal::error::{ErrorName, TealError};
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
        let wrongly = error.name == ErrorName::RouteBusy && !state.records.values().any(gives_way);
        if self.superseding.contains(release) && wrongly {
            self.breach(Promise::NewerTakesOver, format!("{release} is refused the route of an older one: {error}"));
        }
    }

    /// A look, or a run that waits for green, goes on although the release was asked to end before it began.
    pub(super) fn check_heard(&mut self, old: &Release, new: &Release, who: &Who) {
        let listens = matches!(old.phase, Phase::PrepareGreen | Phase::Bake { .. } | Phase::AwaitApproval { .. });
        let goes_on = !matches!(new.phase, Phase::RollBack | Phase::RollbackNeedsHuman | Phase::RolledBack);
        let asked = self.abort_asked_at.get(&new.id).is_some_and(|at| *at < who.started);
        if asked && listens && goes_on {
            let what = format!("{} was asked to end, and goes from {} to {}", new.id, old.phase, new.phase);
            self.breach(Promise::AbortHeard, what);
        }
    }
}
