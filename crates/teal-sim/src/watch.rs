//! The watch: it sees everything that happens in the world, and says which promise it breaks. It knows the truth, which functions only
//! read about.

mod deeds;
mod endings;
mod records;

pub(crate) use records::SKEW_MILLIS;

use crate::deed::short;
use crate::link::Who;
use crate::ports::READ_LAG;
use crate::promise::{Breach, Promise};
use crate::state::{GROUP_A, GROUP_B, State};
use std::collections::{BTreeMap, BTreeSet};
use teal::plan::AlarmName;
use teal::ports::{AlarmReading, AlarmState};
use teal::release::{Release, ReleaseId};
use teal::route::{Action, PartRef};
use teal::time::Timestamp;

/// What one run of a function was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// One of its calls failed.
    pub(crate) disturbed: bool,
    /// Requests to each listener since the record was last written.
    pub(crate) requests: BTreeMap<String, u32>,
    pub(crate) alarms: Option<AlarmsSeen>,
    /// There was something in the metrics.
    pub(crate) metrics_read: bool,
    pub(crate) probed_well: bool,
    /// A read of a listener told what was there before.
    pub(crate) read_late: bool,
}

/// The newest reading of the alarms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlarmsSeen {
    pub(crate) at: Timestamp,
    pub(crate) all_ok: bool,
    pub(crate) any_raised: bool,
}

impl Seen {
    pub(crate) fn alarms_read(&mut self, names: &[AlarmName], readings: &[AlarmReading], at: Timestamp) {
        let state_of = |name: &AlarmName| readings.iter().find(|r| &r.name == name).map(|r| r.state);
        let all_ok = names.iter().all(|name| state_of(name) == Some(AlarmState::Ok));
        let any_raised = readings.iter().any(|reading| reading.state == AlarmState::Alarm);
        self.alarms = Some(AlarmsSeen { at, all_ok, any_raised });
    }

    pub(crate) fn alarms_unread(&mut self) {
        self.alarms = None;
    }
}

/// A write to a listener, until it is known that it was there.
#[derive(Clone, Debug)]
struct Written {
    invocation: String,
    part: String,
    actions: Vec<Action>,
    at: Timestamp,
    answered: bool,
    /// It was there at some moment after it was answered: who read then saw it.
    found: bool,
}

/// What was there when a release was opened.
#[derive(Clone, Debug)]
struct Opened {
    at: Timestamp,
    parts: BTreeMap<String, Vec<Action>>,
}

/// What the watch keeps.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) breaches: Vec<Breach>,
    /// Since when a group has no healthy target.
    down_since: BTreeMap<&'static str, Timestamp>,
    /// By release and invocation: until when an announced act may happen. From what was written, not from what records keep.
    announced: BTreeMap<ReleaseId, BTreeMap<String, Timestamp>>,
    written: Vec<Written>,
    teal_wrote: BTreeMap<String, Timestamp>,
    opened: BTreeMap<ReleaseId, Opened>,
    validated: BTreeSet<ReleaseId>,
    /// The highest share that a release's stages allow so far, in permille.
    reached: BTreeMap<ReleaseId, u16>,
    /// When a release's accept read the alarms and found none raised.
    alarms_fine_at: BTreeMap<ReleaseId, Timestamp>,
    /// Until when restoring was impossible, where it is not any more.
    pub(crate) impossible_until: Option<Timestamp>,
    /// Which release ended last on a listener.
    ended_last: BTreeMap<String, ReleaseId>,
}

impl Watch {
    pub(crate) fn breach(&mut self, promise: Promise, what: String) {
        self.breaches.push(Breach { promise, what });
    }

    /// Keeps track of what changes by itself.
    pub(crate) fn observe(&mut self, state: &State, now: Timestamp) {
        for group in [GROUP_A, GROUP_B] {
            if state.is_healthy(group, now) {
                self.down_since.remove(group);
            } else {
                self.down_since.entry(group).or_insert(now);
            }
        }
    }

    /// Whether a group had no healthy target from `since` until now.
    fn was_down(&self, group: &str, since: Timestamp) -> bool {
        self.down_since.get(group).is_some_and(|at| *at <= since)
    }

    pub(crate) fn opened(&mut self, state: &State, release: &Release, at: Timestamp) {
        let parts =
            release.parts().filter_map(|part| Some((part.key().to_owned(), state.parts.get(part.key())?.clone())));
        self.opened.insert(release.id.clone(), Opened { at, parts: parts.collect() });
    }

    /// A function is about to ask a listener something.
    pub(crate) fn requested(&mut self, who: &Who, part: &PartRef, requests: u32) {
        if who.function == crate::Function::OnAlarm && requests > 3 {
            let what = format!("{} made request {requests} to {}", who.invocation, short(part.key()));
            self.breach(Promise::RequestBudget, what);
        }
    }

    /// on-alarm is done with an alarm that went off at `raised_at`.
    pub(crate) fn alarm_handled(&mut self, state: &State, alarm: &AlarmName, raised_at: Timestamp) {
        let names = |release: &&Release| release.plan.judge.alarms.contains(alarm);
        for release in state.records.values().filter(names) {
            let accepted_before = self.alarms_fine_at.get(&release.id).is_some_and(|at| *at < raised_at);
            let unaffected = release.setback.is_none() && release.phase.can_roll_back();
            if accepted_before && unaffected {
                let what = format!("{alarm} went off at {raised_at}, and {} is still in {}", release.id, release.phase);
                self.breach(Promise::AlarmActs, what);
            }
        }
    }

    /// on-alarm gave up although nothing went wrong with its calls.
    pub(crate) fn alarm_given_up(&mut self, error: &str) {
        self.breach(Promise::AlarmActs, format!("on-alarm gave up undisturbed: {error}"));
    }

    /// Whether somebody else has changed a listener since a moment, or so shortly before it that a read might not have told.
    fn changed_by_others(state: &State, part: &str, since: Timestamp) -> bool {
        state.outside.get(part).is_some_and(|at| *at + READ_LAG >= since)
    }
}
