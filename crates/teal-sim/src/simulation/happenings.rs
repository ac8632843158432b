//! What happens in the world, and how it passes.

use super::Simulation;
use super::lists::{add_group, give_all_to, set_weights, share_between};
use super::queue::Event;
use super::runs::Invoke;
use super::setting::{EXTERNAL_ID, MOST_RELEASES};
use crate::disturbance::Happening;
use crate::function::Input;
use crate::link::later;
use crate::place::Place;
use crate::state::{ALARM, GROUP_A, GROUP_B, forward};
use teal::drift::RouteLeft;
use teal::ports::AlarmState;
use teal::release::{Phase, Release, ReleaseId};
use teal::request::Ask;
use teal::steps::RaisedAlarm;

/// How often CloudWatch evaluates an alarm at most, in milliseconds.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>
const ALARM_EVALUATED_MILLIS: i64 = 10_000;

/// An account that has nothing to do with the releases.
pub(super) const OTHER_ACCOUNT: &str = "888888888888";

/// Something that was wrong is well again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heal {
    Alarm,
    Metrics,
    Services,
    Checks,
    Permission,
    Role,
}

impl Heal {
    const ALL: [Heal; 6] = [Heal::Alarm, Heal::Metrics, Heal::Services, Heal::Checks, Heal::Permission, Heal::Role];
}

impl Simulation<'_> {
    /// Something happens, perhaps while a function runs.
    pub(super) fn happen(&mut self, happening: Happening, place: Option<Place>, during: Option<&Invoke>) {
        self.world.log(|| format!("it happens: {happening:?}"));
        let has_effect = match happening {
            Happening::RunTwice => during.is_some(),
            Happening::InvocationLost => during.is_some_and(|invoke| invoke.reply_to.is_some()),
            Happening::ScaledIn => {
                let (blue, _) = self.services();
                self.world.state().scaling.contains_key(&blue)
            }
            Happening::DeploymentFails
            | Happening::DeploymentStopped
            | Happening::DeploymentHurries
            | Happening::DeploymentSlow => self.disturb_deployment(happening),
            Happening::RoleLost => self.lose_role(),
            Happening::Drifted => self.drift(place),
            _ => true,
        };
        self.carry_out(happening, during);
        if let (Some(place), Some(chaos)) = (place.filter(|_| has_effect), self.world.chaos.borrow_mut().as_mut()) {
            chaos.happened(place, happening);
        }
        self.world.observe();
    }

    fn carry_out(&mut self, happening: Happening, during: Option<&Invoke>) {
        match happening {
            Happening::RunTwice => {
                if let Some(invoke) = during {
                    let after = self.delay();
                    self.after(after, Event::Invoke(Box::new(invoke.clone())));
                }
            }
            Happening::InvocationLost => {
                if let Some((execution, token)) = during.and_then(|invoke| invoke.reply_to) {
                    self.task_failed(execution, token, "Lambda.Unknown", "the answer was lost");
                }
            }
            Happening::AlarmRaised => self.raise_alarm(),
            Happening::AlarmSilent => {
                // Not drawn, so that all other schedules stay what they are.
                if self.world.calls().is_multiple_of(3) {
                    self.world.state().alarms.remove(ALARM);
                } else {
                    self.world.set_alarm(ALARM, AlarmState::InsufficientData);
                }
                self.heal_later(Heal::Alarm);
                self.alarm_of_others();
            }
            Happening::MetricsGone => {
                self.traffic_of_green((0.0, 0.0));
                self.heal_later(Heal::Metrics);
            }
            Happening::Regression => {
                self.traffic_of_green((600.0, 60.0));
                if self.rng.u8(0..3) == 0 {
                    self.heal_later(Heal::Metrics);
                }
            }
            Happening::GreenSick => self.sicken(false),
            Happening::BlueSick => self.sicken(true),
            Happening::ChecksFail => {
                self.world.state().green_answers = (500, "boom".to_owned());
                self.heal_later(Heal::Checks);
            }
            Happening::Denied => {
                self.world.state().denied = true;
                self.heal_later(Heal::Permission);
            }
            Happening::Stopped | Happening::StoppedUnheard => {
                let running: Vec<usize> =
                    (0..self.executions.len()).filter(|index| self.executions[*index].is_running()).collect();
                if let Some(index) = self.rng.choice(running) {
                    self.stop(index, happening == Happening::Stopped);
                }
            }
            Happening::TimedOut => {
                let oldest = (0..self.executions.len()).find(|index| self.executions[*index].is_running());
                if let Some(index) = oldest {
                    self.exceed_time(index);
                }
            }
            Happening::Aborted => self.ask_all(|_| vec![Ask::Abort]),
            Happening::Approved => self.ask_all(|record| stages(record, |stage| Ask::Approve { stage })),
            Happening::Rejected => self.ask_all(|record| stages(record, |stage| Ask::Reject { stage })),
            Happening::SecondRelease => self.begin_another(false),
            Happening::NewerRelease => {
                self.begin_another(true);
                // Of two that began at once the older one may come to the route when the newer one has it.
                if self.rng.u8(0..3) == 0 {
                    self.begin_another(true);
                }
            }
            Happening::AlarmFlaps => self.flap_alarm(),
            Happening::StackUpdate => self.update_stack(),
            Happening::BlueTaken => {
                let (blue, _) = self.services();
                let now = self.now();
                // That there is no such service changes nothing.
                let _ = self.world.state().take_in(&blue, now);
            }
            Happening::ScaledIn => self.scale_blue_in(),
            Happening::ClockJump => {
                let most = [60_000, 1_800_000, 10_800_000][self.rng.usize(0..3)];
                let jump = self.rng.i64(1_000..most);
                self.end_all_runs();
                self.queue.drop_late();
                let until = later(self.now(), jump);
                self.world.watch.borrow_mut().time_jumps(&self.world.state(), until);
                self.world.pass_until(until);
            }
            Happening::SweepNow => {
                let after = self.delay();
                self.after(after, Event::Invoke(Box::new(Invoke::sweep())));
            }
            // Done already.
            Happening::Drifted
            | Happening::DeploymentFails
            | Happening::DeploymentStopped
            | Happening::DeploymentHurries
            | Happening::DeploymentSlow => {}
            Happening::RoleLost => self.heal_later(Heal::Role),
            Happening::RuleAdded => {
                let listeners: Vec<String> = self.setting.listeners().into_iter().map(str::to_owned).collect();
                let now = self.now();
                if let Some(listener) = self.rng.choice(listeners) {
                    self.world.state().add_rule(&listener, now);
                }
            }
            Happening::WeightsChanged
            | Happening::GroupAdded
            | Happening::ActionsChanged
            | Happening::ListenerDeleted
            | Happening::BlueRemoved => self.change_listener(happening),
        }
    }

    fn scale_blue_in(&mut self) {
        let (blue, _) = self.services();
        let now = self.now();
        let least = self.world.state().scale_in(&blue, now);
        if let Some(least) = least {
            self.world.log(|| format!("automatic scaling leaves {least} tasks to {blue}"));
            self.world.watch.borrow_mut().scaled_in(&self.world.state(), &blue, now);
        }
    }

    fn raise_alarm(&mut self) {
        let was = self.world.state().alarms.get(ALARM).cloned();
        if was.as_ref().is_some_and(|reading| reading.state == AlarmState::Alarm) {
            return;
        }
        let raised_before = self.alarm_raised_at.is_some_and(|at| later(at, ALARM_EVALUATED_MILLIS) > self.now());
        if raised_before {
            self.after(ALARM_EVALUATED_MILLIS, Event::Happen(Happening::AlarmRaised, None));
        } else {
            self.begin_alarming();
        }
    }

    /// The alarm is raised, and its event goes on its way.
    pub(super) fn begin_alarming(&mut self) {
        self.world.set_alarm(ALARM, AlarmState::Alarm);
        self.alarm_raised_at = Some(self.now());
        self.world.observe();
        if let Ok(alarm) = ALARM.parse() {
            let now = self.now();
            let alarm = RaisedAlarm {
                account: self.world.state().home.clone(),
                name: alarm,
                reason: "Threshold Crossed".to_owned(),
                at: Some(now),
                was_ok: false,
            };
            let invoke = Invoke::by_event(Input::Alarm(alarm), Some(now));
            self.deliver(&invoke);
        }
        if self.rng.u8(0..10) < 7 {
            self.heal_later(Heal::Alarm);
        }
    }

    /// An alarm of the same name goes off in another account, and its event comes here.
    fn alarm_of_others(&mut self) {
        if let Ok(name) = ALARM.parse() {
            let (account, reason) = (Some(OTHER_ACCOUNT.to_owned()), "Threshold Crossed".to_owned());
            let alarm = RaisedAlarm { account, name, reason, at: Some(self.now()), was_ok: false };
            self.deliver(&Invoke::by_event(Input::Alarm(alarm), None));
        }
    }

    fn begin_another(&mut self, supersedes: bool) {
        if self.executions.len() < MOST_RELEASES && self.hooks_called.len() < 12 {
            let after = self.delay();
            self.begin_release(after, supersedes);
        }
    }

    fn flap_alarm(&mut self) {
        self.raise_alarm();
        self.heal(Heal::Alarm);
        let after = self.delay();
        self.after(after, Event::Happen(Happening::AlarmRaised, None));
    }

    /// What a stack knows of its listeners is what they were before the first release.
    fn update_stack(&mut self) {
        for (part, actions) in self.setting.parts() {
            self.world.change_from_outside(part, |found| *found = actions);
        }
    }

    /// While a release is under way this waits for its end. Whether it has happened now.
    fn drift(&mut self, place: Option<Place>) -> bool {
        if self.under_way().is_some_and(|release| release.phase != Phase::RollbackNeedsHuman) {
            let after = self.rng.i64(60_000..600_000);
            self.after(after, Event::Happen(Happening::Drifted, place));
            return false;
        }
        let left: Vec<RouteLeft> = self.world.state().left.values().cloned().collect();
        let Some(left) = self.rng.choice(left) else { return false };
        let weights = if left.idle.as_str() == GROUP_A { (100, 0) } else { (0, 100) };
        self.world.change_from_outside(left.part.key(), |actions| set_weights(actions, weights));
        true
    }

    /// An event goes on its way: it comes soon, late, twice or never.
    pub(super) fn deliver(&mut self, invoke: &Invoke) {
        let times = match self.rng.u8(0..10) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        self.world.log(|| format!("an event is delivered {times} times"));
        for _ in 0..times {
            let after = self.delay();
            self.after(after, Event::Invoke(Box::new(invoke.clone())));
        }
    }

    /// Mostly short: what races must be close together.
    fn delay(&mut self) -> i64 {
        match self.rng.u8(0..10) {
            0..5 => self.rng.i64(0..150),
            5..8 => self.rng.i64(0..5_000),
            8 => self.rng.i64(0..60_000),
            _ => self.rng.i64(0..1_800_000),
        }
    }

    fn heal_later(&mut self, heal: Heal) {
        let after = [500, 20_000, 300_000, 1_800_000][self.rng.usize(0..4)];
        let after = self.rng.i64(1..after);
        self.after(after, Event::Heal(heal));
    }

    pub(super) fn heal(&mut self, heal: Heal) {
        self.world.log(|| format!("it passes: {heal:?}"));
        let now = self.now();
        let mut state = self.world.state();
        match heal {
            Heal::Alarm => state.set_alarm(ALARM, AlarmState::Ok, now),
            Heal::Metrics => state.traffic.values_mut().for_each(|traffic| *traffic = (600.0, 1.0)),
            Heal::Services => state.sick.clear(),
            Heal::Checks => state.green_answers = (200, "ok".to_owned()),
            Heal::Permission => {
                self.world.watch.borrow_mut().before_change(&state, now);
                state.denied = false;
            }
            Heal::Role => {
                if state.external_id.as_deref().is_some_and(|asked_for| asked_for != EXTERNAL_ID) {
                    self.world.watch.borrow_mut().before_change(&state, now);
                    state.external_id = Some(EXTERNAL_ID.to_owned());
                    state.role_changed = Some(now);
                }
            }
        }
        drop(state);
        self.world.observe();
    }

    /// Nothing goes wrong any more, and what can heal heals.
    pub(super) fn calm_down(&mut self) {
        self.world.log(|| "all is calm from here on".to_owned());
        if let Some(chaos) = self.world.chaos.borrow_mut().as_mut() {
            chaos.calm_down();
        }
        self.queue.take_heals();
        for heal in Heal::ALL {
            self.heal(heal);
        }
    }

    /// Who was called because blue cannot serve gives green everything and says that it stays there.
    pub(super) fn answer_calls(&mut self) {
        let called: Vec<Release> = {
            let state = self.world.state();
            let is_called =
                |record: &&Release| record.phase == Phase::RollbackNeedsHuman && record.kept_on_green_since.is_some();
            state.records.values().filter(is_called).cloned().collect()
        };
        for record in called {
            let green = record.colours.green.as_str();
            for part in &record.route {
                self.world.change_from_outside(part.part.key(), |actions| give_all_to(actions, green));
            }
            self.world.ask(&record.id, Ask::LeaveOnGreen);
        }
    }

    /// The flags of the release under way.
    fn flags_under_way(&self) -> Vec<String> {
        let flags = self.under_way().map(|release| release.flags).unwrap_or_default();
        flags.iter().map(|flag| flag.part.key().to_owned()).collect()
    }

    fn under_way(&self) -> Option<Release> {
        self.world.state().records.values().find(|record| !record.phase.is_terminal()).cloned()
    }

    /// The services that are blue and green now.
    fn services(&self) -> (String, String) {
        let names = self
            .under_way()
            .map(|release| (release.green.blue.name().to_owned(), release.green.green.name().to_owned()));
        let (blue, green) = names.unwrap_or(("checkout-a".to_owned(), "checkout-b".to_owned()));
        // Where somebody else runs a colour, a release knows its target group only.
        let state = self.world.state();
        let behind = |name: String| {
            let found = state.services.iter().find(|(_, service)| service.group == name);
            found.map_or(name, |(service, _)| service.clone())
        };
        (behind(blue), behind(green))
    }

    fn sicken(&mut self, blue: bool) {
        let (blue_service, green_service) = self.services();
        self.world.state().sick.insert(if blue { blue_service } else { green_service });
        if blue || self.rng.bool() {
            self.heal_later(Heal::Services);
        }
    }

    fn traffic_of_green(&mut self, traffic: (f64, f64)) {
        let group = self.under_way().map_or(GROUP_B.to_owned(), |release| release.colours.green.to_string());
        self.world.state().traffic.insert(group, traffic);
    }

    fn ask_all(&mut self, asks: impl Fn(&Release) -> Vec<Ask>) {
        let records: Vec<(ReleaseId, Vec<Ask>)> =
            self.world.state().records.values().map(|record| (record.id.clone(), asks(record))).collect();
        for (release, asks) in records {
            for ask in asks {
                self.world.ask(&release, ask);
            }
        }
    }

    fn change_listener(&mut self, happening: Happening) {
        let listeners = self.setting.listeners().into_iter().map(str::to_owned);
        let parts: Vec<String> = listeners.chain(self.flags_under_way()).collect();
        let Some(part) = self.rng.choice(parts) else { return };
        if happening == Happening::ListenerDeleted {
            self.world.state().parts.remove(&part);
            return;
        }
        let weights = [(100, 0), (0, 100), (500, 500), (1, 0), (900, 100)][self.rng.usize(0..5)];
        let order = self.rng.i32(1..100);
        if self.setting.flags().contains(&part) {
            // A flag has nothing but a share.
            let on = [0, 300, 1000][self.rng.usize(0..3)];
            self.world.change_from_outside(&part, |actions| share_between(actions, on));
            return;
        }
        let blue = self.under_way().map_or(GROUP_A.to_owned(), |release| release.colours.blue.to_string());
        self.world.change_from_outside(&part, |actions| match happening {
            Happening::WeightsChanged => set_weights(actions, weights),
            Happening::GroupAdded => add_group(actions),
            Happening::ActionsChanged => actions.iter_mut().for_each(|action| action.order = Some(order)),
            _ => *actions = vec![forward(&[(if blue == GROUP_A { GROUP_B } else { GROUP_A }, 100)])],
        });
    }
}

fn stages(record: &Release, ask: impl Fn(usize) -> Ask) -> Vec<Ask> {
    (0..record.timeline.stages().len()).map(ask).collect()
}
