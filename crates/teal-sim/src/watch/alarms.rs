//! Alarms: who must go back to blue for one, and for which one nobody may.

use super::capacity::Standing;
use super::records::{SKEW_MILLIS, is_impossible};
use super::{AlarmsSeen, Seen, Watch};
use crate::deed::short;
use crate::function::Function;
use crate::link::{Who, later};
use crate::ports::READ_LAG;
use crate::promise::Promise;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
use teal::error::ErrorName;
use teal::plan::AlarmName;
use teal::release::{Phase, Release, ReleaseId};
use teal::route::weight_in;
use teal::time::Timestamp;

/// How long before a release an alarm went off for certain, in milliseconds: clocks may differ by ten seconds.
const CERTAINLY_BEFORE_MILLIS: i64 = 10_000 + SKEW_MILLIS;

/// What the watch knows of the alarm that all plans watch.
#[derive(Debug, Default)]
pub(super) struct AlarmsKnown {
    /// Since when it is raised.
    raised_since: Option<Timestamp>,
    /// When a release's accept, or the first look after that, read the alarms and found none raised.
    fine_at: BTreeMap<ReleaseId, Timestamp>,
    /// When the accept of a release that may begin while an alarm is raised found one; no look has found it OK since.
    passed_over_at: BTreeMap<ReleaseId, Timestamp>,
    /// Releases that have read no data of an alarm that they pass over, and nothing else since: when it goes off again, it was not OK before.
    silent: BTreeSet<ReleaseId>,
    /// When the alarm went off whose event on-alarm dealt with last.
    handled: Option<Timestamp>,
    /// When the alarm went off whose event a run deals with.
    dealt_with: BTreeMap<String, Timestamp>,
    /// Runs that deal with another account's alarm.
    of_others: BTreeSet<String>,
    /// The releases that each run of on-alarm has set back, or has announced to give back.
    taken_on: BTreeSet<(String, ReleaseId)>,
}

impl Watch {
    /// Keeps track of the alarm.
    pub(super) fn observe_alarm(&mut self, is_raised: bool, now: Timestamp) {
        self.alarms.raised_since = is_raised.then(|| self.alarms.raised_since.unwrap_or(now));
    }

    /// A run of on-alarm begins to deal with an alarm that went off at `raised_at`.
    pub(crate) fn alarm_told(&mut self, who: &Who, raised_at: Timestamp) {
        self.alarms.dealt_with.insert(who.invocation.clone(), raised_at);
    }

    /// A run of on-alarm begins to deal with an alarm of another account.
    pub(crate) fn alarm_of_others_told(&mut self, who: &Who) {
        self.alarms.of_others.insert(who.invocation.clone());
    }

    /// A release was set back, or refused, for an alarm's event.
    pub(super) fn check_event(&mut self, old: &Release, new: &Release, who: &Who) {
        if old.setback.is_some() || new.setback.is_none() {
            return;
        }
        if self.alarms.of_others.contains(&who.invocation) {
            self.breach(Promise::OnlyItsAlarms, format!("{} goes back for another account's alarm", new.id));
        }
        let raised_at = self.alarms.dealt_with.get(&who.invocation);
        let began_at = self.began_at.get(&new.id);
        if let (Some(raised_at), Some(began_at)) = (raised_at, began_at)
            && later(*raised_at, CERTAINLY_BEFORE_MILLIS) < *began_at
        {
            let what = format!("{} goes back for an alarm that went off at {raised_at}, before it was started", new.id);
            self.breach(Promise::OnlyItsAlarms, what);
        }
    }

    pub(super) fn accepted(&mut self, new: &Release, seen: &Seen) {
        match seen.alarms {
            Some(alarms) if alarms.any_gone => {
                let what = format!("{} began although there is no such alarm as it names", new.id);
                self.breach(Promise::NoDataNoAdvance, what);
            }
            Some(alarms) if !alarms.any_raised => {
                if self.alarms.handled.is_some_and(|raised_at| raised_at > alarms.at) {
                    let what = format!("an alarm went off and was dealt with while {} was accepted without it", new.id);
                    self.breach(Promise::AlarmActs, what);
                }
                self.alarms.fine_at.insert(new.id.clone(), alarms.at);
            }
            Some(alarms) if new.plan.judge.start_while_alarming => {
                self.alarms.passed_over_at.insert(new.id.clone(), alarms.at);
            }
            Some(_) => self.breach(Promise::NoDataNoAdvance, format!("{} began while an alarm was raised", new.id)),
            None if new.plan.judge.alarms.is_empty() => {}
            None => self.breach(Promise::NoDataNoAdvance, format!("{} began without its alarms being read", new.id)),
        }
    }

    /// A record was written by a run that read the alarms, or that did not.
    pub(super) fn check_alarms(&mut self, old: &Release, new: &Release, seen: &Seen) {
        let decided = old.setback.is_none().then_some(new.setback.as_ref()).flatten();
        if decided.is_some_and(|setback| setback.error == ErrorName::AlarmRaised)
            && let Some(began_at) = self.alarms.passed_over_at.get(&new.id)
            && self.alarms.raised_since.is_some_and(|since| since <= *began_at)
        {
            let what = format!("{} goes back for an alarm that is raised since before it began", new.id);
            self.breach(Promise::PassedOver, what);
        }
        let Some(alarms) = seen.alarms.filter(|_| old.phase != Phase::Accept) else { return };
        let Some(passed_over_at) = self.alarms.passed_over_at.get_mut(&new.id) else { return };
        if alarms.all_ok {
            self.alarms.passed_over_at.remove(&new.id);
            self.alarms.fine_at.insert(new.id.clone(), alarms.at);
        } else if !alarms.any_raised && !alarms.any_gone {
            self.alarms.silent.insert(new.id.clone());
        } else if self.alarms.silent.remove(&new.id) {
            *passed_over_at = alarms.at;
        }
    }

    /// Whether what a run read of the alarms lets a release go on.
    pub(super) fn alarms_allow(&self, release: &Release, seen: &Seen) -> bool {
        let passes_over = |alarms: AlarmsSeen| {
            let began_at = self.alarms.passed_over_at.get(&release.id);
            let is_the_same = |since| began_at.is_some_and(|began_at| since <= *began_at);
            alarms.raised_since.is_some_and(|since| self.alarms.silent.contains(&release.id) || is_the_same(since))
        };
        release.plan.judge.alarms.is_empty() || seen.alarms.is_some_and(|alarms| alarms.all_ok || passes_over(alarms))
    }

    /// A run of on-alarm writes a record: what it sets back it is to give back itself, in the same run.
    pub(super) fn note_taken_on(&mut self, old: &Release, new: &Release, who: &Who) {
        let announces = new.intents.iter().any(|intent| intent.invocation == who.invocation);
        let decides = old.setback.is_none() && new.setback.is_some();
        if who.function == Function::OnAlarm && new.phase == Phase::RollBack && (announces || decides) {
            self.alarms.taken_on.insert((who.invocation.clone(), new.id.clone()));
        }
    }

    /// on-alarm is done: what it has set back is on blue, unless it could not know better, or was not to.
    fn check_given_back(&mut self, state: &State, who: &Who) {
        let taken_on = |release: &&Release| {
            release.phase == Phase::RollBack
                && self.alarms.taken_on.contains(&(who.invocation.clone(), release.id.clone()))
        };
        let releases: Vec<Release> = state.records.values().filter(taken_on).cloned().collect();
        for release in releases {
            let was_impossible =
                self.impossible_until.get(&release.id).is_some_and(|until| *until + READ_LAG >= who.started);
            // A deployment that moves the traffic takes it back by itself, once it was stopped.
            let is_stopped = release.plan.traffic.shifted_by.is_some() && Self::is_stopped(state, &release);
            let blue_served = self.stood(release.colours.blue.as_str(), who.started) == Some(Standing::Healthy);
            if was_impossible || is_impossible(state, &release) || is_stopped || !blue_served {
                continue;
            }
            for part in &release.route {
                let key = part.part.key();
                let has_weight =
                    |actions: &Vec<_>| weight_in(actions, &release.colours.green).is_some_and(|weight| weight > 0);
                let on_green = state.parts.get(key).is_some_and(has_weight);
                let read_at = self.last_read(who, key);
                if on_green && !Self::changed_by_others(state, key, read_at) && !self.others_wrote(who, key, read_at) {
                    let what = format!(
                        "{} is done, and {} still gives green of {} weight",
                        who.invocation,
                        short(key),
                        release.id
                    );
                    self.breach(Promise::AlarmActs, what);
                }
            }
        }
    }

    /// on-alarm is done with an alarm that went off at `raised_at`.
    pub(crate) fn alarm_handled(&mut self, state: &State, alarm: &AlarmName, raised_at: Timestamp, who: &Who) {
        self.check_given_back(state, who);
        let names = |release: &&Release| release.plan.judge.alarms.contains(alarm);
        for release in state.records.values().filter(names) {
            let known_before =
                |at: &BTreeMap<ReleaseId, Timestamp>| at.get(&release.id).is_some_and(|at| *at < raised_at);
            // Where it was passed over, it must have been OK to be raised again, unless it was seen without data.
            let is_silent = self.alarms.silent.contains(&release.id);
            let counts =
                known_before(&self.alarms.fine_at) || (known_before(&self.alarms.passed_over_at) && !is_silent);
            let unaffected = release.setback.is_none() && release.phase.can_roll_back();
            if counts && unaffected {
                let what = format!("{alarm} went off at {raised_at}, and {} is still in {}", release.id, release.phase);
                self.breach(Promise::AlarmActs, what);
            }
        }
        self.alarms.handled = self.alarms.handled.max(Some(raised_at));
    }

    /// on-alarm gave up although nothing went wrong with its calls.
    pub(crate) fn alarm_given_up(&mut self, error: &str) {
        self.breach(Promise::AlarmActs, format!("on-alarm gave up undisturbed: {error}"));
    }
}
