//! A deployment of CodeDeploy that moves the traffic of [`LISTENER`] by itself: it installs, asks its hooks, waits for somebody where it is
//! to, shifts step by step, ends what it replaced, and takes everything back when it is stopped or fails.

use crate::state::{GROUP_A, GROUP_B, LISTENER, Service, State, TEST_LISTENER, forward};
use std::collections::BTreeMap;
use teal::hook::{HookAnswer, HookAsked, HookEvent};
use teal::ports::{DeploymentReading, DeploymentStage, DeploymentState};
use teal::release::ReleaseId;
use teal::route::Action;
use teal::time::{Timestamp, after};
use teal::units::Span;

/// The id of the first deployment in a world: there is one at a time.
pub const DEPLOYMENT: &str = "d-ABC123XYZ";
/// The id of the deployment that takes it back.
pub const ROLLBACK: &str = "d-BACK12345";

/// How long a hook may take, in seconds.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>
const HOOK_SECONDS: u64 = 3_600;

/// What a deployment does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Brings green up, for so many seconds.
    Install(u64),
    /// Points the test listener at green.
    TestTraffic,
    /// Asks a hook.
    Ask(HookEvent),
    /// Waits for somebody to let it go on.
    Wait,
    /// Gives green so many permille, and waits for so many seconds.
    Shift(u16, u64),
    /// Keeps what it replaced for so many seconds, and ends that.
    EndBlue(u64),
    /// Fails by itself.
    Fail,
}

/// Why a deployment goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Teal stopped it.
    Teal,
    /// A hook said so.
    Hook,
    /// A hook was not answered in its time.
    Unanswered(HookEvent),
    /// It failed by itself, or somebody stopped it.
    Other,
}

/// A deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    pub id: String,
    /// The target groups that it moves traffic from and to, and what runs the second.
    pub blue: &'static str,
    pub green: &'static str,
    pub service: String,
    /// What it does, one after the other.
    pub course: Vec<Move>,
    /// How long it takes to take its traffic back, in seconds.
    pub back_seconds: u64,
    /// How long after it was stopped it begins with that, in seconds. Until then it looks as if nothing took it back.
    pub back_begins_seconds: u64,
    /// How long after an event has begun it is not shown yet, in seconds, though its hook is called.
    pub hidden_seconds: u64,
    /// Whether answers to its hooks do not reach it.
    pub deaf: bool,
    /// Whether it asks as ECS does: again and again, and goes by what it is told then. Nobody can answer what it has asked before.
    pub asks_again: bool,
    /// Whether taking back fails, with the traffic left where it is.
    pub back_fails: bool,
    /// How long it says that it keeps blue.
    pub keeps_blue: Option<Span>,
    /// The release that it was begun for.
    pub begun_for: Option<ReleaseId>,
    /// How far it has come, and since when.
    at: usize,
    since: Timestamp,
    going: Going,
    /// Why it goes back, or went.
    pub cause: Option<Cause>,
    pub(crate) ended_at: Option<Timestamp>,
    /// The answers to its hooks.
    pub answers: BTreeMap<HookEvent, HookAnswer>,
    /// How often it was stopped by a call that found it under way.
    pub stopped: usize,
    /// How often it was read.
    pub readings: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Going {
    On,
    Stopped { until: Timestamp, why: String },
    Back { until: Timestamp, why: String },
    Over { state: DeploymentState, why: Option<String> },
}

impl Deployment {
    /// One that is about to begin.
    #[must_use]
    pub fn new(course: Vec<Move>, now: Timestamp) -> Self {
        Self {
            id: DEPLOYMENT.to_owned(),
            blue: GROUP_A,
            green: GROUP_B,
            service: "replacement".to_owned(),
            cause: None,
            ended_at: None,
            course,
            back_seconds: 20,
            back_begins_seconds: 0,
            hidden_seconds: 0,
            deaf: false,
            asks_again: false,
            back_fails: false,
            keeps_blue: None,
            begun_for: None,
            at: 0,
            since: now,
            going: Going::On,
            answers: BTreeMap::new(),
            stopped: 0,
            readings: 0,
        }
    }

    /// The hook that waits for its answer.
    #[must_use]
    pub fn asks(&self) -> Option<HookEvent> {
        match (self.going == Going::On, self.doing()) {
            (true, Some(Move::Ask(event))) => Some(event),
            _ => None,
        }
    }

    /// What calls the function of the hook that waits for its answer: told apart by the event, which an execution's id spells.
    #[must_use]
    pub fn hook(&self) -> Option<HookAsked> {
        let (deployment, execution) = (self.id.parse().ok()?, self.asks()?.to_string());
        Some(HookAsked::CodeDeploy { deployment, execution })
    }

    /// Since when it does what it does now.
    pub(crate) const fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether its event is not shown yet.
    pub(crate) fn is_hidden(&self, now: Timestamp) -> bool {
        now < after(self.since, self.hidden_seconds)
    }

    /// Whether it is to take its traffic back, and has not begun.
    #[must_use]
    pub fn is_yet_to_go_back(&self) -> bool {
        matches!(self.going, Going::Stopped { .. })
    }

    fn doing(&self) -> Option<Move> {
        self.course.get(self.at).copied()
    }

    /// Whether it may still change weights.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !matches!(self.going, Going::Over { .. } | Going::Stopped { .. })
    }

    pub(crate) fn reading(&self) -> DeploymentReading {
        let (state, why) = match &self.going {
            Going::On => (DeploymentState::UnderWay, None),
            Going::Stopped { why, .. } => (DeploymentState::GaveUp, Some(why.clone())),
            Going::Back { why, .. } => (DeploymentState::TakingBack, Some(why.clone())),
            Going::Over { state, why } => (*state, why.clone()),
        };
        let stage = if self.course.iter().take(self.at + 1).any(|doing| matches!(doing, Move::Shift(1000, _))) {
            DeploymentStage::Shifted
        } else if self.course.iter().skip(self.at).any(|doing| matches!(doing, Move::Install(_))) {
            DeploymentStage::Installing
        } else {
            DeploymentStage::Installed
        };
        let is_back = state == DeploymentState::TakingBack
            || (state == DeploymentState::GaveUp && !matches!(self.going, Going::Stopped { .. }));
        DeploymentReading {
            state,
            stage,
            waits: self.going == Going::On && self.doing() == Some(Move::Wait),
            asks_again: self.asks_again
                && self.going == Going::On
                && self.course.iter().skip(self.at).any(|doing| matches!(doing, Move::Ask(_))),
            keeps_blue: self.keeps_blue,
            taken_back_by: is_back.then(|| ROLLBACK.parse().ok()).flatten(),
            why,
        }
    }

    pub(crate) fn go_on(&mut self, now: Timestamp) {
        if self.going == Going::On && self.doing() == Some(Move::Wait) {
            self.next(now);
        }
    }

    /// Begins to take everything back, since somebody stopped it.
    pub fn stop(&mut self, why: &str, now: Timestamp) {
        self.go_back(Cause::Other, why, now);
    }

    pub(crate) fn go_back(&mut self, cause: Cause, why: &str, now: Timestamp) {
        if self.going == Going::On {
            self.cause = Some(cause);
            let (why, begins) = (why.to_owned(), after(now, self.back_begins_seconds));
            self.going = match self.back_begins_seconds {
                0 => Going::Back { until: after(begins, self.back_seconds), why },
                _ => Going::Stopped { until: begins, why },
            };
        }
    }

    /// When it comes to its next move, where that is known.
    pub(crate) fn moves_at(&self) -> Option<Timestamp> {
        match (&self.going, self.doing()) {
            (Going::Over { .. }, _) => None,
            (Going::Stopped { until, .. } | Going::Back { until, .. }, _) => Some(*until),
            (Going::On, Some(Move::Install(seconds) | Move::Shift(_, seconds) | Move::EndBlue(seconds))) => {
                Some(after(self.since, seconds))
            }
            (Going::On, Some(Move::Ask(_))) => Some(after(self.since, HOOK_SECONDS)),
            (Going::On, _) => None,
        }
    }

    /// Everything that it has yet to wait for by itself is over at once, if there is anything.
    pub(crate) fn hurry(&mut self) -> bool {
        let mut waits = false;
        for doing in self.course.iter_mut().skip(self.at) {
            if let Move::Install(seconds) | Move::Shift(_, seconds) | Move::EndBlue(seconds) = doing {
                waits |= *seconds > 0;
                *seconds = 0;
            }
        }
        waits
    }

    fn next(&mut self, now: Timestamp) {
        self.at += 1;
        self.since = now;
    }
}

impl State {
    /// Begins a deployment from whatever has the traffic now to the other group. The one before it is remembered.
    pub(crate) fn begin_deployment(&mut self, begun_for: Option<ReleaseId>, now: Timestamp) -> String {
        let before = self.deployment.take();
        let number = self.past_deployments.len() + usize::from(before.is_some());
        self.past_deployments.extend(before.map(|before| (before.id.clone(), before)));
        let mut begun = Deployment::new(self.to_deploy.clone(), now);
        begun.begun_for = begun_for;
        if number > 0 {
            (begun.id, begun.service) = (format!("{DEPLOYMENT}-{number}"), format!("replacement-{number}"));
        }
        if self.green_permille() > 500 {
            (begun.blue, begun.green) = (GROUP_B, GROUP_A);
        }
        let id = begun.id.clone();
        self.deployment = Some(begun);
        self.move_deployment(now);
        id
    }

    /// The deployment that was begun for a release.
    pub(crate) fn begun_for(&self, release: &ReleaseId) -> Option<&Deployment> {
        let all = self.deployment.iter().chain(self.past_deployments.values());
        all.into_iter().find(|found| found.begun_for.as_ref() == Some(release))
    }

    /// Lets the deployment come as far as it comes by now.
    pub(crate) fn move_deployment(&mut self, now: Timestamp) {
        let Some(mut deployment) = self.deployment.take() else { return };
        while self.go_one_further(&mut deployment, now) {}
        self.deployment = Some(deployment);
    }

    fn go_one_further(&mut self, deployment: &mut Deployment, now: Timestamp) -> bool {
        let since = deployment.since;
        match deployment.going.clone() {
            Going::Over { .. } => return false,
            Going::Stopped { until, .. } if now < until => return false,
            Going::Stopped { until, why } => {
                deployment.going = Going::Back { until: after(until, deployment.back_seconds), why };
                return true;
            }
            Going::Back { until, .. } if now < until => return false,
            Going::Back { why, .. } => {
                if !deployment.back_fails {
                    self.give_green(deployment, 0, now);
                    self.services.remove(&deployment.service);
                }
                deployment.going = Going::Over { state: DeploymentState::GaveUp, why: Some(why) };
                deployment.ended_at = Some(now);
                return false;
            }
            Going::On => {}
        }
        match deployment.doing() {
            None => {
                deployment.going = Going::Over { state: DeploymentState::Succeeded, why: None };
                return false;
            }
            Some(Move::Install(seconds)) if now < after(since, seconds) => return false,
            Some(Move::Install(_)) => {
                let behind = self.services.values().find(|service| service.group == deployment.blue);
                let Some(blue) = behind.cloned() else {
                    // Somebody sent the traffic to a group that nothing runs in.
                    deployment.stop("there is nothing that it could replace", now);
                    return true;
                };
                let group = deployment.green.to_owned();
                self.services.retain(|_, service| service.group != group);
                let desired = blue.desired.max(1);
                let green = Service { group, task_definition: "checkout:2".to_owned(), desired, ..blue };
                self.services.insert(deployment.service.clone(), green);
            }
            Some(Move::TestTraffic) => {
                self.parts.insert(TEST_LISTENER.to_owned(), vec![forward(&[(deployment.green, 1)])]);
            }
            Some(Move::EndBlue(seconds)) if now < after(since, seconds) => return false,
            Some(Move::EndBlue(_)) => self.services.retain(|_, service| service.group != deployment.blue),
            Some(Move::Wait) => return false,
            Some(Move::Fail) => deployment.stop("it failed by itself", now),
            Some(Move::Ask(event)) => match deployment.answers.get(&event).copied() {
                Some(HookAnswer::Succeeded) => {}
                Some(HookAnswer::Failed) => deployment.go_back(Cause::Hook, &format!("the hook {event} failed"), now),
                None if now >= after(since, HOOK_SECONDS) => {
                    deployment.go_back(Cause::Unanswered(event), &format!("the hook {event} was not answered"), now);
                }
                None => return false,
            },
            Some(Move::Shift(permille, seconds)) => {
                self.give_green(deployment, permille, since);
                if now < after(since, seconds) {
                    return false;
                }
                // What it does next began when this was over, not when somebody looked.
                deployment.next(after(since, seconds));
                return true;
            }
        }
        if deployment.going == Going::On {
            deployment.next(now);
        }
        true
    }

    /// As CodeDeploy leaves listeners: with one group where one has everything.
    fn give_green(&mut self, deployment: &Deployment, permille: u16, now: Timestamp) {
        let (blue, green) = (deployment.blue, deployment.green);
        let actions = vec![match permille {
            0 => forward(&[(blue, 100)]),
            1000.. => forward(&[(green, 100)]),
            part => forward(&[(blue, 1000 - part), (green, part)]),
        }];
        if self.parts.get(LISTENER).map(Vec::as_slice) != Some(actions.as_slice()) {
            // What was there for no time at all nobody has read, however late reads are: a deployment that hurries takes several steps at once,
            // and CodeDeploy's are a minute apart at least.
            let at_once = self.moved.get(LISTENER) == Some(&now);
            let before = self.past.get(LISTENER).filter(|(_, replaced_at)| at_once && *replaced_at == now).cloned();
            self.write_part(LISTENER, actions, now);
            self.past.extend(before.map(|before| (LISTENER.to_owned(), before)));
            self.moved.insert(LISTENER.to_owned(), now);
            if permille == 0 && self.parts.contains_key(TEST_LISTENER) {
                self.parts.insert(TEST_LISTENER.to_owned(), vec![forward(&[(blue, 100)])]);
            }
        }
    }

    /// The share that the listener gives green, in permille.
    #[must_use]
    pub fn green_permille(&self) -> u16 {
        let weight = |group: &str| {
            let groups = self.parts.get(LISTENER).into_iter().flatten().flat_map(Action::groups);
            groups.filter(|found| found.destination.as_str() == group).map(|found| u32::from(found.weight)).sum::<u32>()
        };
        let (blue, green) = (weight(GROUP_A), weight(GROUP_B));
        u16::try_from((green * 1000).checked_div(green + blue).unwrap_or_default()).unwrap_or(1000)
    }
}
