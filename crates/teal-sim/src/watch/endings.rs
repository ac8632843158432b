//! What is left when everything is over.

use super::Watch;
use super::drift::is_closed;
use super::records::{SKEW_MILLIS, is_impossible, is_whole, left_on_green};
use crate::deed::short;
use crate::link::{Who, later};
use crate::promise::Promise;
use crate::state::State;
use teal::release::{Phase, Release};
use teal::route::Colour;
use teal::story::Fact;

impl Watch {
    /// Nothing runs any more and nothing is to come.
    pub(crate) fn at_the_end(&mut self, state: &State) {
        for release in state.records.values() {
            match release.phase {
                Phase::Promoted => {}
                Phase::RolledBack | Phase::Refused => self.check_explained(state, release),
                Phase::RollbackNeedsHuman if is_impossible(state, release) => self.check_explained(state, release),
                phase => self.breach(Promise::AlwaysEnds, format!("{} is in {phase} for ever", release.id)),
            }
            self.check_told(state, release);
            match release.phase {
                Phase::RolledBack => self.check_taken_in(state, release),
                Phase::Promoted => self.check_let_go(state, release),
                _ => {}
            }
        }
        self.check_routes(state);
        self.check_hooks(state);
    }

    fn check_explained(&mut self, state: &State, release: &Release) {
        let reason = release.setback.as_ref().is_some_and(|setback| !setback.cause.is_empty());
        let story = state.stories.get(&release.id).into_iter().flatten();
        let entered = story.into_iter().any(|entry| entry.fact == Fact::Entered { phase: release.phase });
        if !reason || !entered {
            let what = format!("{} is in {} with {:?}", release.id, release.phase, release.setback);
            self.breach(Promise::EndingExplained, what);
        }
    }

    /// The bus was told of the last phase.
    fn check_told(&mut self, state: &State, release: &Release) {
        let told =
            state.announced.iter().any(|event| event.release == release.id && event.state == release.phase.state());
        if !told {
            self.breach(
                Promise::EndingExplained,
                format!("nobody was told that {} is in {}", release.id, release.phase),
            );
        }
    }

    /// Whether no other release has begun since this one did. Not by their clocks: two accepts may run at the same time, and the
    /// one that began first may get the lock last.
    fn is_last(&self, release: &Release) -> bool {
        let nth = |id| self.opened.get(id).map(|opened| opened.nth);
        let this = nth(&release.id);
        self.opened.keys().all(|other| nth(other) <= this)
    }

    fn check_taken_in(&mut self, state: &State, release: &Release) {
        if left_on_green(state, release) || self.ended_without_role(release) {
            return;
        }
        let tasks = state.services.get(release.green.green.name()).map_or(0, |service| service.desired);
        if tasks > 0 && self.is_last(release) && release.green.green.facts().is_sized_by_teal {
            let what = format!("{} was rolled back, and its green runs {tasks} tasks", release.id);
            self.breach(Promise::NothingLeftBehind, what);
        }
    }

    /// A blue that could not be taken in scales as it did before.
    fn check_let_go(&mut self, state: &State, release: &Release) {
        if self.ended_without_role(release) {
            return;
        }
        let blue = release.green.blue.name();
        let tasks = state.services.get(blue).map_or(0, |service| service.desired);
        let rule = state.scaling.get(blue).copied();
        if tasks > 0 && self.is_last(release) && rule != self.scaling_found {
            let what = format!("{} was promoted, and {blue} keeps {tasks} tasks with {rule:?}", release.id);
            self.breach(Promise::NothingLeftBehind, what);
        }
    }

    /// A release has ended: whether the role was there that lets go what it held.
    pub(super) fn note_role(&mut self, state: &State, release: &Release, who: &Who) {
        let changed = state.role_changed.is_some_and(|at| at >= who.started);
        let account = release.plan.account.as_ref();
        if is_closed(state, account) || (account.is_some() && changed) {
            self.closed_at_end.insert(release.id.clone());
        }
    }

    /// Whether a release ended without that role, when it had waited for it.
    pub(super) fn ended_without_role(&self, release: &Release) -> bool {
        self.closed_at_end.contains(&release.id) && waited_for_role(release)
    }

    /// The release that ended last on a listener left it whole, and it still is, unless somebody else changed it.
    fn check_routes(&mut self, state: &State) {
        let busy = state.records.values().any(|release| !release.phase.is_terminal());
        for (part, id) in self.ended_last.clone() {
            let (Some(release), Some(actions)) = (state.records.get(&id), state.parts.get(&part)) else { continue };
            let (colour, serves) = match release.phase {
                Phase::Promoted => (Colour::Green, release.green.green.name()),
                _ => (Colour::Blue, release.green.blue.name()),
            };
            let rule = state.scaling.get(serves).copied();
            if !busy && rule != self.scaling_found && !self.ended_without_role(release) {
                let what = format!("{id} has ended, and {serves} is left with {rule:?}, not {:?}", self.scaling_found);
                self.breach(Promise::NothingLeftBehind, what);
            }
            if left_on_green(state, release) || self.is_moved_on(state, release) {
                continue;
            }
            if !busy && !self.is_foreign(state, &part) && !is_whole(actions, &release.colours, colour) {
                self.breach(
                    Promise::RouteWhole,
                    format!("{} is not wholly on {colour} of {id} in the end", short(&part)),
                );
            }
        }
    }
}

/// How long the end of a release waits for the role in the service's account, in milliseconds.
const ROLE_PATIENCE_MILLIS: i64 = 900_000;

/// Whether the role had been waited for when a release ended.
fn waited_for_role(release: &Release) -> bool {
    let until = release.out_of_reach_since.map(|since| later(since, ROLE_PATIENCE_MILLIS));
    until.is_some_and(|until| until <= later(release.phase_since, 2 * SKEW_MILLIS))
}
