//! The world behind the ports, its clock, and what goes wrong in it.

use crate::chaos::Chaos;
use crate::course::{Course, Fault};
use crate::deed::Late;
use crate::link::{Op, Who};
use crate::mutation::Mutation;
use crate::place::Place;
use crate::state::{LISTENER, State};
use crate::watch::Watch;
use std::cell::{Cell, RefCell, RefMut};
use std::future::poll_fn;
use std::task::Poll;
use teal::ports::AlarmState;
use teal::release::{Release, ReleaseId};
use teal::request::{Ask, Request};
use teal::route::Action;
use teal::time::{Timestamp, after};

/// The world. Nothing in it moves by itself: time moves when a test, a machine or the simulation moves it.
#[derive(Debug)]
pub struct World {
    state: RefCell<State>,
    now: Cell<Timestamp>,
    calls: Cell<usize>,
    faults: RefCell<Vec<Fault>>,
    changes: RefCell<Vec<Change>>,
    pub(crate) chaos: RefCell<Option<Chaos>>,
    pub(crate) watch: RefCell<Watch>,
    pub(crate) late: RefCell<Vec<Late>>,
    /// What the function that was polled last waits for.
    pub(crate) waiting: Cell<Waiting>,
    pub(crate) mutation: Option<Mutation>,
    log: RefCell<Option<Vec<String>>>,
}

/// What somebody changes just before a call.
#[derive(Clone, Copy, Debug)]
struct Change {
    at_call: usize,
    what: fn(&mut State),
}

/// What a function waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// For nothing that will ever come: until its timeout ends it.
    ForEver,
    /// For the effect of its call.
    ForEffect(Timestamp),
    /// For an answer, or for its own pause.
    ForAnswer(Timestamp),
    /// It was killed.
    Crashed,
}

impl World {
    /// A service `checkout` on blue (group A, service `checkout-a`), group B attached at weight 0 and empty.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None, None)
    }

    pub(crate) fn with(chaos: Option<Chaos>, mutation: Option<Mutation>) -> Self {
        Self {
            state: RefCell::new(State::new()),
            now: Cell::new(after(Timestamp::UNIX_EPOCH, 1_700_000_000)),
            calls: Cell::new(0),
            faults: RefCell::default(),
            changes: RefCell::default(),
            chaos: RefCell::new(chaos),
            watch: RefCell::default(),
            late: RefCell::default(),
            waiting: Cell::new(Waiting::ForEver),
            mutation,
            log: RefCell::new(None),
        }
    }

    /// Everything there is, to look at and to change.
    pub fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        self.now.set(after(self.now.get(), seconds));
        self.moving(|_| ());
    }

    /// Lets time pass until a moment; it never goes back.
    pub(crate) fn pass_until(&self, at: Timestamp) {
        self.now.set(self.now.get().max(at));
        self.moving(|_| ());
    }

    /// Lets the deployment come as far as it comes by now, before something happens to it and after that.
    pub(crate) fn moving<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        let now = self.now();
        let mut state = self.state();
        let before = state.deployment.is_some().then(|| state.parts.get(LISTENER).cloned()).flatten();
        state.move_deployment(now);
        let result = what(&mut state);
        state.move_deployment(now);
        if let Some(before) = before.filter(|before| state.parts.get(LISTENER) != Some(before)) {
            let mut watch = self.watch.borrow_mut();
            watch.before_replacing(LISTENER, &before, now);
            watch.part_changed(&state, LISTENER);
        }
        result
    }

    /// Calls made so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.get()
    }

    /// Lets a later call go wrong.
    pub fn inject(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// Lets somebody change something just before a later call, while a function runs.
    pub fn change_at(&self, at_call: usize, what: fn(&mut State)) {
        self.changes.borrow_mut().push(Change { at_call, what });
    }

    /// Counts a call and tells how it goes.
    pub(crate) fn course(&self, who: &Who, op: Op) -> Course {
        let call = self.calls.replace(self.calls.get() + 1);
        for change in self.changes.borrow().iter().filter(|change| change.at_call == call) {
            (change.what)(&mut self.state());
        }
        if let Some(chaos) = self.chaos.borrow_mut().as_mut() {
            return chaos.course(who, op, self.now());
        }
        let fault = self.faults.borrow().iter().find(|fault| fault.at_call == call).map(|fault| fault.kind);
        fault.map_or(Course::WELL, Course::of)
    }

    /// Whether what a run reads just now of a listener that has changed is what was there before.
    pub(crate) fn reads_late(&self, who: &Who) -> bool {
        self.chaos.borrow_mut().as_mut().is_some_and(|chaos| chaos.reads_late(Place::of(who.function)))
    }

    /// Waits as the simulation's scheduler sees it: nothing is pending once the clock has come so far.
    pub(crate) async fn wait(&self, waiting: Waiting) {
        poll_fn(|_| match waiting {
            Waiting::ForEffect(at) | Waiting::ForAnswer(at) if self.now() >= at => Poll::Ready(()),
            _ => {
                self.waiting.set(waiting);
                Poll::Pending
            }
        })
        .await;
    }

    /// Puts an alarm into a state.
    pub fn set_alarm(&self, name: &str, state: AlarmState) {
        let now = self.now();
        self.state().set_alarm(name, state, now);
    }

    /// A person asks for something.
    pub fn ask(&self, release: &ReleaseId, ask: Ask) {
        let by = "arn:aws:iam::123456789012:user/ada".to_owned();
        let request = Request { ask, by, at: self.now(), note: None };
        self.state().ask(release, &request);
        match ask {
            Ask::Abort => self.watch.borrow_mut().asked_to_abort(release, self.now()),
            Ask::Reject { stage } => self.watch.borrow_mut().rejected(release, stage, self.now()),
            Ask::Approve { .. } | Ask::GiveUp | Ask::LeaveOnGreen => {}
        }
    }

    /// The weight of a target group on a listener or rule.
    #[must_use]
    pub fn weight(&self, part: &str, group: &str) -> Option<u16> {
        let state = self.state();
        let groups = state.parts.get(part)?.iter().flat_map(Action::groups);
        groups.into_iter().find(|found| found.destination.as_str() == group).map(|found| found.weight)
    }

    /// The record of a release.
    #[must_use]
    pub fn record(&self, id: &ReleaseId) -> Option<Release> {
        self.state().records.get(id).cloned()
    }

    /// Begins to write down what happens.
    pub(crate) fn keep_log(&self) {
        *self.log.borrow_mut() = Some(Vec::new());
    }

    pub(crate) fn log(&self, line: impl FnOnce() -> String) {
        if let Some(log) = self.log.borrow_mut().as_mut() {
            log.push(format!("{:.3} {}", self.now.get(), line()));
        }
    }

    pub(crate) fn take_log(&self) -> Vec<String> {
        self.log.borrow_mut().take().unwrap_or_default()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
