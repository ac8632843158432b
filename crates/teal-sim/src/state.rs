//! What there is: listeners, target groups, services, alarms, metrics, and Teal's table.

use crate::deployment::{Deployment, Move};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use teal::drift::RouteLeft;
use teal::hook::HookTicket;
use teal::pipeline::JobAnswer;
use teal::plan::AlarmName;
use teal::ports::{AlarmReading, AlarmState, BuildOrder, BuildState, Scaling, Target, TargetHealth};
use teal::release::{Release, ReleaseId};
use teal::request::{Ask, Request};
use teal::route::{Action, ActionKind, Condition, Destination, RuleAhead, WeightedDestination};
use teal::story::{Announcement, StoryEntry};
use teal::time::{Timestamp, after};

/// The production listener.
pub const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";
/// A second one, of the same load balancer.
pub const SECOND_LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/a2f7dc8efc522ab3";
/// The listener for test traffic.
pub const TEST_LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/b2f7dc8efc522ab4";
/// The target group that is blue when a world begins.
pub const GROUP_A: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-a/73e2d6bc24d8a067";
/// The one that is green.
pub const GROUP_B: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-b/83e2d6bc24d8a068";
/// One that is no release's business.
pub(crate) const GROUP_C: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-c/93e2d6bc24d8a069";
/// The account that Teal is installed in.
pub const TEAL_ACCOUNT: &str = "999999999999";
/// The alarm that plans watch.
pub const ALARM: &str = "checkout-5xx";

/// An ECS service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub task_definition: String,
    /// Tasks wanted.
    pub desired: u32,
    pub group: String,
    /// When what is wanted runs; until then `was` tasks run.
    pub ready_at: Timestamp,
    pub was: u32,
    /// What those tasks run.
    pub was_running: String,
}

/// What every part of the world is made of; tests read and change it at will.
#[derive(Debug, Default)]
pub struct State {
    pub records: BTreeMap<ReleaseId, Release>,
    pub locks: BTreeMap<String, ReleaseId>,
    pub watches: BTreeSet<(String, ReleaseId)>,
    pub requests: BTreeMap<ReleaseId, Vec<Request>>,
    /// Those that cannot be read, in words: of every release.
    pub spoilt_requests: Vec<String>,
    /// Hooks that were kept.
    pub hooks: BTreeMap<ReleaseId, Vec<HookTicket>>,
    pub stories: BTreeMap<ReleaseId, Vec<StoryEntry>>,
    pub announced: Vec<Announcement>,
    /// What releases left on listeners.
    pub left: BTreeMap<String, RouteLeft>,
    /// The deployment that moves the traffic of the listener.
    pub deployment: Option<Deployment>,
    /// Those before it.
    pub past_deployments: BTreeMap<String, Deployment>,
    /// When deployments last changed a listener.
    pub(crate) moved: BTreeMap<String, Timestamp>,
    /// What one that is begun does.
    pub to_deploy: Vec<Move>,
    /// SSM parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// The rules of each listener, which are tried before its default action.
    pub rules: BTreeMap<String, Vec<RuleAhead>>,
    /// The action list of each listener.
    pub parts: BTreeMap<String, Vec<Action>>,
    /// What others have under way on a part, in words: it is written to only where that may be ended.
    pub in_the_way: BTreeMap<String, String>,
    pub services: BTreeMap<String, Service>,
    /// What automatic scaling may do with those services that it scales.
    pub scaling: BTreeMap<String, Scaling>,
    /// Services whose tasks are not healthy.
    pub sick: BTreeSet<String>,
    pub alarms: BTreeMap<String, AlarmReading>,
    /// Requests a minute and bad ones among them, by target group.
    pub traffic: BTreeMap<String, (f64, f64)>,
    /// The answer to every check: status and body.
    pub green_answers: (u16, String),
    /// Listeners to which nobody can send HTTP.
    pub without_http: BTreeSet<String>,
    /// Builds that were started.
    pub builds: Vec<BuildOrder>,
    /// How every build stands, where that is said: else it takes its time, and ends as checks of green do then.
    pub build_state: Option<BuildState>,
    /// How long a build takes, in seconds.
    pub build_seconds: u64,
    /// When builds began, by their tokens.
    pub(crate) build_began: BTreeMap<String, Timestamp>,
    /// How those ended that did.
    pub(crate) build_ended: BTreeMap<String, BuildState>,
    /// What functions that test green were invoked with.
    pub invoked: Vec<Value>,
    /// What such a function answers; null unless said otherwise.
    pub function_answer: Option<Result<Value, String>>,
    /// What executions were started with for pipelines, by name.
    pub started: BTreeMap<ReleaseId, String>,
    /// Why executions ended that left no record.
    pub ends: BTreeMap<ReleaseId, String>,
    /// The answers to jobs of pipelines, in their order.
    pub answers: Vec<(String, JobAnswer)>,
    /// Plans that are kept, by their references.
    pub plans: BTreeMap<String, String>,
    /// Executions that have ended, with their status.
    pub ended: BTreeMap<String, String>,
    /// The account that the service is in, where that is not Teal's own: it answers nobody without a role there.
    pub home: Option<String>,
    /// The external id that a role there asks for.
    pub external_id: Option<String>,
    /// When somebody last took that role away, or gave it back.
    pub(crate) role_changed: Option<Timestamp>,
    /// Whether the load balancer's API answers no call about listeners.
    pub unanswering: bool,
    /// Whether Teal may not modify listeners.
    pub denied: bool,
    /// Whether Teal may not write parameters.
    pub parameters_denied: bool,
    /// How long tasks take to start or to stop, in seconds.
    pub task_seconds: u64,
    /// How much longer the last of a service's targets takes to be healthy, in seconds.
    pub last_check_seconds: u64,
    /// What each listener had before its last change, and when that was: for reads that lag.
    pub(crate) past: BTreeMap<String, (Vec<Action>, Timestamp)>,
    /// When somebody other than Teal last changed a listener.
    pub(crate) outside: BTreeMap<String, Timestamp>,
    /// When a rule was last added to a listener.
    pub(crate) rule_added: BTreeMap<String, Timestamp>,
}

impl State {
    /// A service `checkout` on blue (group A, service `checkout-a`), group B attached at weight 0 and empty.
    pub(crate) fn new() -> Self {
        let mut state = Self::default();
        state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])]);
        let blue = Service {
            task_definition: "checkout:1".to_owned(),
            desired: 3,
            group: GROUP_A.to_owned(),
            ready_at: Timestamp::UNIX_EPOCH,
            was: 0,
            was_running: "checkout:1".to_owned(),
        };
        state.services.insert("checkout-a".to_owned(), blue);
        state.traffic.insert(GROUP_A.to_owned(), (600.0, 1.0));
        state.traffic.insert(GROUP_B.to_owned(), (600.0, 1.0));
        state.green_answers = (200, "ok".to_owned());
        state.set_alarm(ALARM, AlarmState::Ok, Timestamp::UNIX_EPOCH);
        state
    }

    /// How a build stands.
    pub(crate) fn build(&mut self, token: &str, now: Timestamp) -> BuildState {
        let ends_at = self.build_began.get(token).map(|began| after(*began, self.build_seconds));
        if self.build_state.is_none() && ends_at.is_some_and(|at| now < at) {
            return BuildState::Running;
        }
        let as_checks = if self.green_answers.0 == 200 { BuildState::Succeeded } else { BuildState::Failed };
        let ended = self.build_state.unwrap_or(as_checks);
        if ended == BuildState::Running {
            return ended;
        }
        *self.build_ended.entry(token.to_owned()).or_insert(ended)
    }

    /// Somebody adds a rule that takes some requests before the listener's default action.
    pub fn add_rule(&mut self, listener: &str, now: Timestamp) {
        let rules = self.rules.entry(listener.to_owned()).or_default();
        let rule = RuleAhead {
            rule: format!("{}/{:016x}", listener.replacen(":listener/", ":listener-rule/", 1), rules.len()),
            priority: (rules.len() + 1).to_string(),
            conditions: vec![Condition { field: "path-pattern".to_owned(), values: vec!["/pay/*".to_owned()] }],
            does: "forward".to_owned(),
        };
        rules.push(rule);
        self.rule_added.insert(listener.to_owned(), now);
    }

    pub(crate) fn set_alarm(&mut self, name: &str, state: AlarmState, now: Timestamp) {
        let Ok(alarm) = name.parse::<AlarmName>() else { return };
        if self.alarms.get(name).is_some_and(|known| known.state == state) {
            return;
        }
        let reading = AlarmReading { name: alarm, state, reason: "Threshold Crossed".to_owned(), since: Some(now) };
        self.alarms.insert(name.to_owned(), reading);
    }

    /// Orders tasks. Ordered again, the same changes nothing.
    pub(crate) fn order(&mut self, name: &str, group: &str, task_definition: &str, desired: u32, now: Timestamp) {
        let ready_at = after(now, self.task_seconds);
        let (was, was_running) = match self.services.get(name) {
            Some(found) if found.task_definition == task_definition && found.desired == desired => return,
            // A rolling update: what ran goes on until it is replaced, healthy and in the way of whoever counts targets.
            Some(found) => (found.running(now), found.runs(now).to_owned()),
            None => (0, task_definition.to_owned()),
        };
        let (task_definition, group) = (task_definition.to_owned(), group.to_owned());
        let service = Service { task_definition, desired, group, ready_at, was, was_running };
        self.services.insert(name.to_owned(), service);
    }

    /// Takes a service to no tasks. `None` where there is no such service.
    pub(crate) fn take_in(&mut self, name: &str, now: Timestamp) -> Option<()> {
        let seconds = self.task_seconds;
        let found = self.services.get_mut(name)?;
        if found.desired > 0 {
            let (was, was_running) = (found.running(now), found.runs(now).to_owned());
            *found = Service { desired: 0, was, was_running, ready_at: after(now, seconds), ..found.clone() };
        }
        Some(())
    }

    /// Automatic scaling takes as many tasks of a service as it may. The tasks that are left, where it took some.
    pub(crate) fn scale_in(&mut self, name: &str, now: Timestamp) -> Option<u32> {
        let least = self.scaling.get(name).filter(|rule| !rule.scale_in_suspended)?.min_capacity;
        let found = self.services.get(name).filter(|found| found.desired > least)?.clone();
        self.order(name, &found.group, &found.task_definition, least, now);
        Some(least)
    }

    /// Replaces the action list of a listener. `None` where there is no such listener.
    pub(crate) fn write_part(&mut self, arn: &str, actions: Vec<Action>, now: Timestamp) -> Option<()> {
        let found = self.parts.get_mut(arn)?;
        let before = std::mem::replace(found, actions);
        self.past.insert(arn.to_owned(), (before, now));
        Some(())
    }

    /// The targets of a group: one for each task of the service behind it, healthy unless the service is sick or the group is in no
    /// forward action.
    pub(crate) fn targets(&self, group: &Destination, now: Timestamp) -> Vec<Target> {
        if matches!(group, Destination::Flag(_)) {
            // Whatever serves the one state serves the other.
            let id = group.as_str().to_owned();
            return vec![Target { id, port: None, health: TargetHealth::Healthy, reason: None }];
        }
        // A version of a function is what it is whether an alias names it or not.
        let attached = matches!(group, Destination::FunctionVersion(_)) || self.is_attached(group.as_str());
        let behind = self.services.iter().filter(|(_, service)| service.group == group.as_str());
        behind
            .flat_map(|(name, service)| {
                let well = match (attached, self.sick.contains(name)) {
                    (false, _) => TargetHealth::Unused,
                    (true, true) => TargetHealth::Unhealthy,
                    (true, false) => TargetHealth::Healthy,
                };
                let ready = service.ready(now);
                let is_checked = now >= after(service.ready_at, self.last_check_seconds);
                let ready = if is_checked || service.desired < 2 { ready } else { ready.min(service.desired - 1) };
                (0..service.desired).map(move |task| Target {
                    id: format!("{name}-{task}"),
                    port: Some(8080),
                    health: if task < ready { well } else { TargetHealth::Initial },
                    reason: None,
                })
            })
            .collect()
    }

    fn is_attached(&self, group: &str) -> bool {
        self.parts.values().flatten().flat_map(Action::groups).any(|weighted| weighted.destination.as_str() == group)
    }

    /// Writes what a person asks; asking the same again changes nothing.
    pub(crate) fn ask(&mut self, release: &ReleaseId, request: &Request) {
        let asked = self.requests.entry(release.clone()).or_default();
        if asked.iter().all(|known| known.ask.key() != request.ask.key()) {
            asked.push(request.clone());
        }
    }

    pub(crate) fn has_asked(&self, release: &ReleaseId, ask: Ask) -> bool {
        self.requests.get(release).is_some_and(|list| list.iter().any(|request| request.ask == ask))
    }
}

impl Service {
    /// Tasks that run.
    pub(crate) fn running(&self, now: Timestamp) -> u32 {
        if now >= self.ready_at { self.desired } else { self.was }
    }

    /// What the tasks run.
    fn runs(&self, now: Timestamp) -> &str {
        if now >= self.ready_at { &self.task_definition } else { &self.was_running }
    }

    /// Tasks that run this.
    pub(crate) fn running_of(&self, task_definition: &str, now: Timestamp) -> u32 {
        if self.runs(now) == task_definition { self.running(now) } else { 0 }
    }

    /// Whether no task runs what is to be replaced.
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        self.running(now) == 0 || self.runs(now) == self.task_definition
    }

    /// Tasks that run and are to stay.
    fn ready(&self, now: Timestamp) -> u32 {
        self.running(now).min(self.desired)
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
        .map(|(arn, weight)| WeightedDestination {
            destination: arn.parse().unwrap_or_else(|_| panic!("{arn} is not a target group's ARN")),
            weight: *weight,
        })
        .collect();
    Action { order: None, kind: ActionKind::Forward { groups, stickiness: None } }
}
