//! What there is: listeners, target groups, services, alarms, metrics, and Teal's table.

use crate::faults::{Fault, FaultKind};
use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use teal::plan::{AlarmName, TargetGroupArn};
use teal::ports::{AlarmReading, AlarmState, Target, TargetHealth};
use teal::release::{Release, ReleaseId};
use teal::request::Request;
use teal::route::{Action, ActionKind, WeightedGroup};
use teal::story::{Announcement, StoryEntry};
use teal::time::{Timestamp, after};

/// The production listener.
pub const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";
/// The target group that is blue when a world begins.
pub const GROUP_A: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-a/73e2d6bc24d8a067";
/// The one that is green.
pub const GROUP_B: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-b/83e2d6bc24d8a068";

/// An ECS service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub task_definition: String,
    pub desired: u32,
    pub group: String,
}

/// What every part of the world is made of; tests read and change it at will.
#[derive(Debug, Default)]
pub struct State {
    pub records: BTreeMap<ReleaseId, Release>,
    pub locks: BTreeMap<String, ReleaseId>,
    pub watches: BTreeSet<(String, ReleaseId)>,
    pub requests: BTreeMap<ReleaseId, Vec<Request>>,
    pub stories: BTreeMap<ReleaseId, Vec<StoryEntry>>,
    pub announced: Vec<Announcement>,
    pub parts: BTreeMap<String, Vec<Action>>,
    pub services: BTreeMap<String, Service>,
    /// Services whose tasks never become healthy.
    pub sick: BTreeSet<String>,
    pub alarms: BTreeMap<String, AlarmReading>,
    /// Requests a minute and bad ones among them, by target group.
    pub traffic: BTreeMap<String, (f64, f64)>,
    /// The answer to every check: status and body.
    pub green_answers: (u16, String),
    /// Executions that have ended, with their status.
    pub ended: BTreeMap<String, String>,
}

/// The world behind the ports.
#[derive(Debug)]
pub struct World {
    state: RefCell<State>,
    now: Cell<Timestamp>,
    calls: Cell<usize>,
    faults: RefCell<Vec<Fault>>,
}

impl World {
    /// A service `checkout` on blue (group A, service `checkout-a`), group B attached at weight 0 and empty.
    #[must_use]
    pub fn new() -> Self {
        let mut state = State::default();
        state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])]);
        let blue = Service { task_definition: "checkout:1".to_owned(), desired: 3, group: GROUP_A.to_owned() };
        state.services.insert("checkout-a".to_owned(), blue);
        state.traffic.insert(GROUP_A.to_owned(), (600.0, 1.0));
        state.traffic.insert(GROUP_B.to_owned(), (600.0, 1.0));
        state.green_answers = (200, "ok".to_owned());
        let world = Self {
            state: RefCell::new(state),
            now: Cell::new(after(Timestamp::UNIX_EPOCH, 1_700_000_000)),
            calls: Cell::new(0),
            faults: RefCell::default(),
        };
        world.set_alarm("checkout-5xx", AlarmState::Ok);
        world
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

    /// Counts a call and tells what goes wrong with it.
    pub(crate) fn fault(&self) -> Option<FaultKind> {
        let call = self.calls.replace(self.calls.get() + 1);
        self.faults.borrow().iter().find(|fault| fault.at_call == call).map(|fault| fault.kind)
    }

    /// Puts an alarm into a state.
    pub fn set_alarm(&self, name: &str, state: AlarmState) {
        let Ok(alarm) = name.parse::<AlarmName>() else { return };
        let reading = AlarmReading { name: alarm, state, reason: "Threshold Crossed".to_owned() };
        self.state().alarms.insert(name.to_owned(), reading);
    }

    /// The weight of a target group on a listener or rule.
    #[must_use]
    pub fn weight(&self, part: &str, group: &str) -> Option<u16> {
        let state = self.state();
        let groups = state.parts.get(part)?.iter().flat_map(Action::groups);
        groups.into_iter().find(|found| found.target_group.as_str() == group).map(|found| found.weight)
    }

    /// The record of a release.
    #[must_use]
    pub fn record(&self, id: &ReleaseId) -> Option<Release> {
        self.state().records.get(id).cloned()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The targets of a group: one for each task of the service behind it, healthy unless the service is sick or the group is in no
    /// forward action.
    pub(crate) fn targets(&self, group: &TargetGroupArn) -> Vec<Target> {
        let attached =
            self.parts.values().flatten().flat_map(Action::groups).any(|weighted| &weighted.target_group == group);
        let behind = self.services.iter().filter(|(_, service)| service.group == group.as_str());
        behind
            .flat_map(|(name, service)| {
                let health = match (attached, self.sick.contains(name)) {
                    (false, _) => TargetHealth::Unused,
                    (true, true) => TargetHealth::Unhealthy,
                    (true, false) => TargetHealth::Healthy,
                };
                (0..service.desired).map(move |task| Target {
                    id: format!("{name}-{task}"),
                    port: Some(8080),
                    health,
                    reason: None,
                })
            })
            .collect()
    }
}

/// A forward action with weights.
///
/// # Panics
/// When an ARN is not one of a target group: tests write them.
#[must_use]
pub fn forward(groups: &[(&str, u16)]) -> Action {
    let groups = groups
        .iter()
        .map(|(arn, weight)| WeightedGroup {
            target_group: arn.parse().unwrap_or_else(|_| panic!("{arn} is not a target group's ARN")),
            weight: *weight,
        })
        .collect();
    Action { order: None, kind: ActionKind::Forward { groups, stickiness: None } }
}
