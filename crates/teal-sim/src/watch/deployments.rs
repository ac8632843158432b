//! What Teal asks of a deployment that moves the traffic, and tells its hooks.

use super::Watch;
use super::records::SKEW_MILLIS;
use crate::deployment::{Cause, Deployment};
use crate::link::{Who, later};
use crate::ports::READ_LAG;
use crate::promise::Promise;
use crate::state::State;
use std::fmt::Display;
use teal::hook::{HookAnswer, HookEvent, HookVerdict, release_of, verdict};
use teal::ports::DeploymentState;
use teal::release::{Intent, Phase, Release};
use teal::route::{Action, pair_share};
use teal::time::Timestamp;
use teal::units::Share;

/// How long a deployment may take its traffic back before a person is called, in milliseconds.
const PATIENCE_MILLIS: i64 = 1_800_000;
/// What must be left of a hook's hour for Teal to answer it, in milliseconds: two sweeps.
const ALL_BUT_OVER_MILLIS: i64 = 600_000;

impl Watch {
    /// A run begins the deployment, lets it go on, or stops it.
    pub(crate) fn asks_of_deployment(&mut self, state: &State, who: &Who, now: Timestamp) {
        let announces = |intent: &Intent| intent.invocation == who.invocation && intent.act_by >= now;
        let under_way = state.records.values().filter(|record| !record.phase.is_terminal());
        if !under_way.flat_map(|record| &record.intents).any(announces) {
            let what = format!("{} asks something of the deployment that no record announces", who.invocation);
            self.breach(Promise::IntentBeforeAct, what);
        }
    }

    /// Teal was asked by a hook, and did not fail. One that waits no more had its answer, or its hour was over before Teal heard of it, or all but
    /// over.
    pub(crate) fn hook_heard(&mut self, state: &State, deployment: &impl Display, execution: &str, now: Timestamp) {
        let id = deployment.to_string();
        let newest = state.deployment.as_ref().filter(|newest| newest.id == id);
        let in_time =
            |asked: &&Deployment| asked.moves_at().is_none_or(|expires| expires > later(now, ALL_BUT_OVER_MILLIS));
        if newest.filter(in_time).and_then(Deployment::asks).is_some_and(|event| event.to_string() == execution) {
            self.hooks_heard.insert((id, execution.to_owned()));
        }
    }

    /// Hours pass in a moment: nobody can answer a hook whose hour is over then, or all but over.
    pub(crate) fn time_jumps(&mut self, state: &State, until: Timestamp) {
        let waits = state.deployment.as_ref().and_then(|found| Some((found, found.asks()?, found.moves_at()?)));
        if let Some((found, event, _)) = waits.filter(|(_, _, expires)| *expires <= later(until, ALL_BUT_OVER_MILLIS)) {
            self.hooks_heard.remove(&(found.id.clone(), event.to_string()));
        }
    }

    fn is_heard(&self, deployment: &Deployment, event: HookEvent) -> bool {
        self.hooks_heard.contains(&(deployment.id.clone(), event.to_string()))
    }

    /// Whether a person may be called since a deployment has taken its traffic back for half an hour.
    pub(super) fn is_taken_back_slowly(state: &State, release: &Release, who: &Who, now: Timestamp) -> bool {
        let stopped_at = release.deployment.as_ref().and_then(|deployment| deployment.stopped_at);
        let is_long = stopped_at.is_some_and(|at| later(at, PATIENCE_MILLIS - 2 * SKEW_MILLIS) <= now);
        let still = |found: &Deployment| found.is_active() || found.ended_at.is_some_and(|at| at >= who.started);
        is_long && state.deployment.as_ref().is_some_and(still)
    }

    /// A hook that was heard is not left to its hour.
    pub(super) fn check_hooks(&mut self, state: &State) {
        for deployment in state.deployment.iter().chain(state.past_deployments.values()) {
            let unanswered = match deployment.cause {
                Some(Cause::Unanswered(event)) => Some(event),
                _ => deployment.asks(),
            };
            // That a release is refused is told as far as that can be: its deployment fails of the hook either way.
            if Self::is_refused(state, deployment) {
                continue;
            }
            if let Some(event) = unanswered.filter(|event| self.is_heard(deployment, *event)) {
                self.breach(Promise::HookAnswered, format!("{} had no answer to {event}", deployment.id));
            }
        }
    }

    fn is_refused(state: &State, deployment: &Deployment) -> bool {
        let is_about =
            |release: &&Release| deployment_of(state, release).is_some_and(|found| found.id == deployment.id);
        let mut about = state.records.values().filter(is_about).peekable();
        if about.peek().is_none() {
            // Refused before it was on record.
            let named = deployment.id.parse().ok().and_then(|id| release_of(&id).ok());
            return named.is_some_and(|named| state.ends.contains_key(&named));
        }
        about.all(|release| release.phase == Phase::Refused)
    }

    /// Whether the deployment of a release moves no traffic to green any more.
    pub(super) fn is_stopped(state: &State, release: &Release) -> bool {
        let goes_on = |found: &Deployment| found.reading().state == DeploymentState::UnderWay;
        !deployment_of(state, release).is_some_and(goes_on)
    }

    /// A release was rolled back: nothing of its deployment goes on, nor is yet to go back.
    pub(super) fn check_stopped(&mut self, state: &State, release: &Release) {
        let Some(deployment) = deployment_of(state, release) else { return };
        if deployment.is_active() || deployment.is_yet_to_go_back() {
            let what = format!("{} was rolled back, and {} still moves its traffic", release.id, deployment.id);
            self.breach(Promise::StoppedForGood, what);
        }
    }

    /// What a record says now of green's share was there when its run could read it.
    pub(super) fn check_share(&mut self, state: &State, old: &Release, new: &Release, who: &Who) {
        if new.plan.traffic.shifted_by.is_none() || old.green_share == new.green_share {
            return;
        }
        let share = |actions: &[Action]| pair_share(actions, &new.colours).unwrap_or(Share::ALL);
        for part in &new.route {
            let key = part.part.key();
            let since = who.started;
            let replaced = self.replaced.get(key).into_iter().flatten();
            let readable = replaced.filter(|(at, _)| *at + READ_LAG >= since).map(|(_, actions)| share(actions));
            let Some(current) = state.parts.get(key) else { continue };
            let shares: Vec<Share> = readable.chain([share(current)]).collect();
            if !shares.contains(&new.green_share) {
                let what = format!("{} says that green has {}, and it had {shares:?}", new.id, new.green_share);
                self.breach(Promise::WeightOnRecord, what);
            }
        }
    }

    /// Whether a part of a promoted release's route was moved by what Teal has no say in: its deployment went back by itself after all,
    /// or by a hook of which Teal never heard, or another deployment has begun since.
    pub(super) fn is_moved_on(&self, state: &State, release: &Release) -> bool {
        let Some(deployment) = deployment_of(state, release) else { return false };
        match deployment.cause {
            Some(Cause::Other) => true,
            Some(Cause::Unanswered(event)) => !self.is_heard(deployment, event),
            Some(Cause::Teal | Cause::Hook) | None => {
                state.deployment.as_ref().is_some_and(|newest| newest.id != deployment.id)
            }
        }
    }

    /// A hook is about to have its answer.
    pub(crate) fn answers_hook(&mut self, state: &State, event: HookEvent, answer: HookAnswer, who: &Who) {
        let allows = |verdict: HookVerdict| verdict == HookVerdict::Succeeded;
        // While a hook before traffic waits, its deployment has moved none.
        let allowed = |record: &Release| allows(verdict(event, record, Share::NONE));
        // Nobody can keep a release from being set back between a run's reading of the record and its answer.
        let meanwhile = self.before_setback.values().filter(|(at, _)| *at >= who.started);
        let is_true = state.records.values().chain(meanwhile.map(|(_, record)| record)).any(allowed);
        if answer == HookAnswer::Succeeded && !is_true {
            self.breach(Promise::HookToldTruth, format!("{} answers {event}: Succeeded", who.invocation));
        }
    }
}

/// The deployment that moves a release's traffic, on record or not.
fn deployment_of<'a>(state: &'a State, release: &Release) -> Option<&'a Deployment> {
    let Some(id) = release.deployment.as_ref().map(|deployment| deployment.id.as_str()) else {
        return state.begun_for(&release.id);
    };
    state.deployment.as_ref().filter(|found| found.id == id).or(state.past_deployments.get(id))
}
