//! The watch: it sees everything that happens in the world, and says which promise it breaks. It knows the truth, which functions only
//! read about.

mod alarms;
mod capacity;
mod clocks;
mod deeds;
mod deployments;
mod drift;
mod endings;
mod flags;
mod records;
mod requests;
#[cfg(test)]
mod tests;

pub(crate) use records::{SKEW_MILLIS, is_impossible};

use crate::deed::short;
use crate::link::{Who, later};
use crate::ports::READ_LAG;
use crate::promise::{Breach, Promise};
use crate::state::{ALARM, State};
use alarms::AlarmsKnown;
use capacity::Standing;
use clocks::Clocks;
use std::collections::{BTreeMap, BTreeSet};
use teal::plan::AlarmName;
use teal::ports::{AlarmReading, AlarmState, Scaling};
use teal::release::{Release, ReleaseId};
use teal::route::{Action, PartRef};
use teal::time::Timestamp;

/// What one run of a function was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// One of its calls failed.
    pub(crate) disturbed: bool,
    /// How many calls failed without being turned away: on-alarm begins to restore anew then.
    pub(crate) failed_calls: u32,
    /// Requests to each listener.
    pub(crate) requests: BTreeMap<String, u32>,
    /// Listeners that did not list blue when they were asked something, where a deployment is to move the traffic.
    pub(crate) without_blue: BTreeSet<String>,
    pub(crate) alarms: Option<AlarmsSeen>,
    /// There was something in the metrics.
    pub(crate) metrics_read: bool,
    pub(crate) probed_well: bool,
    /// A read of a listener told what was there before.
    pub(crate) read_late: bool,
}

/// Who moves the traffic of a listener that a run asks something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    ByTeal,
    /// By a deployment that has begun.
    ByDeployment,
    /// By a deployment that is yet to begin, and somebody else has left blue on no listener already: the run has to attach it as it does
    /// where a deployment left it so.
    LeftWithoutBlue,
}

/// The newest reading of the alarms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlarmsSeen {
    pub(crate) at: Timestamp,
    pub(crate) all_ok: bool,
    pub(crate) any_raised: bool,
    /// One does not exist.
    pub(crate) any_gone: bool,
    /// Since when the one that is raised longest is.
    pub(crate) raised_since: Option<Timestamp>,
}

impl Seen {
    pub(crate) fn alarms_read(&mut self, names: &[AlarmName], readings: &[AlarmReading], at: Timestamp) {
        let state_of = |name: &AlarmName| readings.iter().find(|r| &r.name == name).map(|r| r.state);
        let all_ok = names.iter().all(|name| state_of(name) == Some(AlarmState::Ok));
        let raised = || readings.iter().filter(|reading| reading.state == AlarmState::Alarm);
        let raised_since = raised().filter_map(|reading| reading.since).min();
        let any_gone = names.iter().any(|name| state_of(name).is_none());
        self.alarms = Some(AlarmsSeen { at, all_ok, any_raised: raised().next().is_some(), any_gone, raised_since });
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
    /// How many releases were opened before.
    nth: usize,
    at: Timestamp,
    parts: BTreeMap<String, Vec<Action>>,
}

/// How long the watch remembers what listeners had: longer than any function runs.
const REMEMBERED_MILLIS: i64 = 400_000;

/// How often on-alarm begins to restore anew at most because a call failed.
const ROUNDS_AFTER_FAILURES: u32 = 2;

/// What the watch keeps.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) breaches: Vec<Breach>,
    /// How the two groups stand, and since when.
    standing: BTreeMap<&'static str, (Standing, Timestamp)>,
    /// Runs that could not read how a group stands.
    health_unread: BTreeSet<String>,
    /// By release and invocation: until when an announced act may happen. From what was written, not from what records keep.
    announced: BTreeMap<ReleaseId, BTreeMap<String, Timestamp>>,
    written: Vec<Written>,
    teal_wrote: BTreeMap<String, Timestamp>,
    /// When each run read each part of a route last.
    read_at: BTreeMap<(String, String), Timestamp>,
    /// What listeners had before, each with the moment at which it was replaced.
    replaced: BTreeMap<String, Vec<(Timestamp, Vec<Action>)>>,
    /// When Teal last took the weight of a group away, by the part of a route and the group.
    weight_taken: BTreeMap<(String, String), Timestamp>,
    /// When a rollback first took weight from green.
    given_back: BTreeMap<ReleaseId, Timestamp>,
    opened: BTreeMap<ReleaseId, Opened>,
    /// Releases whose checks passed when their build was started.
    probed: BTreeSet<ReleaseId>,
    validated: BTreeSet<ReleaseId>,
    /// The flags that each run has asked something.
    flags_asked: BTreeSet<(String, String)>,
    /// Releases that have given green weight.
    weighted: BTreeSet<ReleaseId>,
    /// The highest share that a release's stages allow so far, in permille.
    reached: BTreeMap<ReleaseId, u16>,
    alarms: AlarmsKnown,
    clocks: Clocks,
    /// Until when restoring a release was impossible, where somebody has just made it possible again.
    impossible_until: BTreeMap<ReleaseId, Timestamp>,
    /// What automatic scaling might do with the service that served when the world began. Nobody but Teal changes it.
    pub(crate) scaling_found: Option<Scaling>,
    /// Which release ended last on a listener.
    ended_last: BTreeMap<String, ReleaseId>,
    /// When a release last gave a listener up, however it ended.
    held_until: BTreeMap<String, Timestamp>,
    /// When executions were started, and which of them are to take the route over.
    began_at: BTreeMap<ReleaseId, Timestamp>,
    superseding: BTreeSet<ReleaseId>,
    abort_asked_at: BTreeMap<ReleaseId, Timestamp>,
    /// When somebody said no at the gate before a stage.
    rejected_at: BTreeMap<(ReleaseId, usize), Timestamp>,
    /// When a run asked for a service to be taken in.
    taking_in_since: BTreeMap<(String, String), Timestamp>,
    /// Releases as they were when they were set back, and when that was.
    before_setback: BTreeMap<ReleaseId, (Timestamp, Release)>,
    /// The hooks that Teal was asked and did not fail at, by the deployment's id and the hook's.
    hooks_heard: BTreeSet<(String, String)>,
    /// Releases that ended while the role in their service's account was away.
    closed_at_end: BTreeSet<ReleaseId>,
    /// Releases whose execution has taken longer than it may.
    pub(crate) timed_out: BTreeSet<ReleaseId>,
}

impl Watch {
    pub(crate) fn breach(&mut self, promise: Promise, what: String) {
        self.breaches.push(Breach { promise, what });
    }

    /// Keeps track of what changes by itself.
    pub(crate) fn observe(&mut self, state: &State, now: Timestamp) {
        self.observe_standing(state, now);
        let is_raised = state.alarms.get(ALARM).is_some_and(|reading| reading.state == AlarmState::Alarm);
        self.observe_alarm(is_raised, now);
    }

    /// Somebody, or Teal itself, is about to change what may keep a route from being restored.
    pub(crate) fn before_change(&mut self, state: &State, now: Timestamp) {
        for release in state.records.values().filter(|release| !release.phase.is_terminal()) {
            if is_impossible(state, release) {
                self.impossible_until.insert(release.id.clone(), now);
            }
        }
    }

    /// A listener is about to have something else.
    pub(crate) fn before_replacing(&mut self, part: &str, current: &[Action], now: Timestamp) {
        let replaced = self.replaced.entry(part.to_owned()).or_default();
        replaced.retain(|(at, _)| later(*at, REMEMBERED_MILLIS) > now);
        replaced.push((now, current.to_vec()));
    }

    pub(crate) fn opened(&mut self, state: &State, release: &Release, at: Timestamp) {
        let parts =
            release.parts().filter_map(|part| Some((part.key().to_owned(), state.parts.get(part.key())?.clone())));
        let (nth, parts) = (self.opened.len(), parts.collect());
        self.opened.insert(release.id.clone(), Opened { nth, at, parts });
    }

    /// A function is about to ask a listener something.
    pub(crate) fn requested(&mut self, who: &Who, part: &PartRef, requests: u32, failed_calls: u32, moved: Moved) {
        self.asks(who, part);
        let rounds = 1 + failed_calls.min(ROUNDS_AFTER_FAILURES);
        let each = match moved {
            Moved::ByTeal => 3,
            // How far a deployment has taken back is read once, and again when it is over; or, where that has left blue on no listener, right before
            // blue is attached, which is a request, too.
            Moved::ByDeployment | Moved::LeftWithoutBlue => 6,
        };
        if who.function == crate::Function::OnAlarm && requests > each * rounds {
            let what = format!("{} made request {requests} to {}", who.invocation, short(part.key()));
            self.breach(Promise::RequestBudget, what);
        }
    }

    /// A run reads a part of a route. Writing to a name that is swapped reads it once more by itself, for no decision of the run's.
    pub(crate) fn read(&mut self, who: &Who, part: &PartRef, now: Timestamp) {
        if !matches!(part, PartRef::Cname(_)) {
            self.read_at.insert((who.invocation.clone(), part.key().to_owned()), now);
        }
    }

    /// When a run read a part of a route last; of one that it did not read, when it began.
    pub(crate) fn last_read(&self, who: &Who, part: &str) -> Timestamp {
        let key = (who.invocation.clone(), part.to_owned());
        self.read_at.get(&key).copied().unwrap_or(who.started)
    }

    /// Whether somebody else, or a deployment, has changed a listener since a moment, or so shortly before it that a read might not have told.
    fn changed_by_others(state: &State, part: &str, since: Timestamp) -> bool {
        [&state.outside, &state.moved].iter().any(|changed| changed.get(part).is_some_and(|at| *at + READ_LAG >= since))
    }
}
