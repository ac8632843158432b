//! Alarms: who must go back to blue for one, and for which one nobody may.

use super::{AlarmsSeen, Seen, Watch};
use crate::promise::Promise;
use crate::state::State;
use std::collections::BTreeMap;
use teal::error::ErrorName;
use teal::plan::AlarmName;
use teal::release::{Phase, Release, ReleaseId};
use teal::time::Timestamp;

/// What the watch knows of the alarm that all plans watch.
#[derive(Debug, Default)]
pub(super) struct AlarmsKnown {
    /// Since when it is raised.
    raised_since: Option<Timestamp>,
    /// When a release's accept, or the first look after that, read the alarms and found none raised.
    fine_at: BTreeMap<ReleaseId, Timestamp>,
    /// When the accept of a release that may begin while an alarm is raised found one; no look has found it OK since.
    passed_over_at: BTreeMap<ReleaseId, Timestamp>,
    /// When the alarm went off whose event on-alarm dealt with last.
    handled: Option<Timestamp>,
}

impl Watch {
    /// Keeps track of the alarm.
    pub(super) fn observe_alarm(&mut self, is_raised: bool, now: Timestamp) {
        self.alarms.raised_since = is_raised.then(|| self.alarms.raised_since.unwrap_or(now));
    }

    pub(super) fn accepted(&mut self, new: &Release, seen: &Seen) {
        match seen.alarms {
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
        if let Some(alarms) = seen.alarms.filter(|alarms| alarms.all_ok)
            && old.phase != Phase::Accept
            && self.alarms.passed_over_at.remove(&new.id).is_some()
        {
            self.alarms.fine_at.insert(new.id.clone(), alarms.at);
        }
    }

    /// Whether what a run read of the alarms lets a release go on.
    pub(super) fn alarms_allow(&self, release: &Release, seen: &Seen) -> bool {
        let passes_over = |alarms: AlarmsSeen| {
            let began_at = self.alarms.passed_over_at.get(&release.id);
            alarms.raised_since.is_some_and(|since| began_at.is_some_and(|began_at| since <= *began_at))
        };
        release.plan.judge.alarms.is_empty() || seen.alarms.is_some_and(|alarms| alarms.all_ok || passes_over(alarms))
    }

    /// on-alarm is done with an alarm that went off at `raised_at`.
    pub(crate) fn alarm_handled(&mut self, state: &State, alarm: &AlarmName, raised_at: Timestamp) {
        let names = |release: &&Release| release.plan.judge.alarms.contains(alarm);
        for release in state.records.values().filter(names) {
            let known_before =
                |at: &BTreeMap<ReleaseId, Timestamp>| at.get(&release.id).is_some_and(|at| *at < raised_at);
            // Where it was passed over, it must have been out of ALARM to be raised again.
            let counts = known_before(&self.alarms.fine_at) || known_before(&self.alarms.passed_over_at);
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
