//! Feature flags: released by themselves, and turned with a version.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::cell::RefCell;
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::request::Ask;
use teal::state::State;
use teal::units::Share;
use teal_sim::{ALARM, Fault, FaultKind, GROUP_A, GROUP_B, LISTENER, Machine, World, forward, plan};

const FLAG: &str = "appconfig:shop123/prod123/flag123/new-checkout";
const OFF: &str = "appconfig:shop123/prod123/flag123/new-checkout#off";
const ON: &str = "appconfig:shop123/prod123/flag123/new-checkout#on";

fn flag() -> Value {
    json!({"application": "shop123", "environment": "prod123", "profile": "flag123", "flag": "new-checkout"})
}

/// A world in which the flag is on for so many users, in tenths of a percent.
fn with_flag(on: u16) -> World {
    let world = World::new();
    world.state().parts.insert(FLAG.to_owned(), vec![forward(&[(OFF, 1000 - on), (ON, on)])]);
    world
}

/// A version that brings the flag along.
fn version_with_flag() -> Value {
    let mut plan = plan();
    plan["flags"] = json!([flag()]);
    plan["judge"]["alarms"] = json!([ALARM]);
    plan
}

fn on(world: &World) -> u16 {
    world.weight(FLAG, ON).unwrap()
}

fn green(world: &World) -> u16 {
    world.weight(LISTENER, GROUP_B).unwrap()
}

#[test]
fn a_flag_that_goes_with_a_version_is_turned_once_green_has_everything() {
    let world = with_flag(0);
    let mut machine = Machine::new(&world, "r-1", version_with_flag());
    machine.run_until(|state| state == State::Promote);
    assert_eq!(on(&world), 0, "green does not have everything yet");
    machine.run_until(|state| state == State::EvaluateHealth);
    assert_eq!((green(&world), on(&world)), (100, 1000), "within the bake after it");
    assert_eq!(machine.finish().state, State::Promoted);
    assert_eq!(on(&world), 1000);
}

/// The same, for a tenth of the users first and then for half of them.
fn version_with_flag_in_steps() -> Value {
    let mut plan = version_with_flag();
    plan["flagSteps"] = json!([{"weight": "10%", "bake": "3m"}, {"weight": "50%", "bake": "3m"}]);
    plan
}

#[test]
fn a_flag_in_steps_is_turned_behind_the_version() {
    let world = with_flag(0);
    let mut machine = Machine::new(&world, "r-1", version_with_flag_in_steps());
    let seen = RefCell::new(Vec::new());
    let ending = machine.run_until(|_| {
        let now = (green(&world), on(&world));
        let is_new = now.0 == 100 && seen.borrow().last() != Some(&now);
        if is_new {
            seen.borrow_mut().push(now);
        }
        false
    });
    assert_eq!(seen.into_inner(), [(100, 0), (100, 100), (100, 500), (100, 1000)]);
    assert_eq!(ending.state, State::Promoted);
}

/// The comparison with blue ends where the traffic was shifted, however often flags are turned after that.
#[test]
fn a_step_of_a_flag_is_no_shift_of_the_traffic() {
    let world = with_flag(0);
    let mut machine = Machine::new(&world, "r-1", version_with_flag_in_steps());
    let id = machine.release().clone();
    let has_all = || world.record(&id).is_some_and(|record| record.green_share == Share::ALL);
    machine.run_until(|state| state == State::EvaluateHealth && has_all());
    let shifted = world.record(machine.release()).unwrap();
    assert!(shifted.shifted_at.is_some() && shifted.flags_turned_at.is_none());
    for wanted in [100, 500, 1000] {
        machine.run_until(|state| state == State::EvaluateHealth && on(&world) == wanted);
        let turned = world.record(machine.release()).unwrap();
        assert_eq!(turned.shifted_at, shifted.shifted_at, "{wanted}");
        assert!(turned.flags_turned_at > shifted.shifted_at, "{wanted}");
    }
}

#[test]
fn a_flag_in_steps_goes_off_first_from_any_step() {
    for wanted in [100, 500, 1000] {
        let world = with_flag(0);
        let mut machine = Machine::new(&world, "r-1", version_with_flag_in_steps());
        machine.run_until(|_| on(&world) == wanted);
        machine.run_until(|state| state == State::EvaluateHealth);
        world.set_alarm(ALARM, AlarmState::Alarm);
        while !matches!(machine.state(), State::RolledBack) {
            machine.enter();
            assert!(green(&world) > 0 || on(&world) == 0, "blue serves and the flag is on from {wanted}");
        }
        assert_eq!((green(&world), on(&world)), (0, 0), "from {wanted}");
        assert_eq!(machine.finish().error, Some(ErrorName::AlarmRaised));
    }
}

#[test]
fn a_step_of_a_flag_that_is_killed_anywhere_is_done_by_its_next_run() {
    for call in 0..20 {
        for kind in [FaultKind::CrashBefore, FaultKind::CrashAfter] {
            let world = with_flag(0);
            let mut machine = Machine::new(&world, "r-1", version_with_flag_in_steps());
            machine.run_until(|_| on(&world) == 100);
            machine.run_until(|state| state == State::ShiftTraffic);
            world.inject(Fault { at_call: world.calls() + call, kind });
            assert_eq!(machine.finish().state, State::Promoted, "killed at call {call}");
            assert_eq!((green(&world), on(&world)), (100, 1000));
        }
    }
}

#[test]
fn traffic_that_somebody_moves_keeps_the_next_step_of_a_flag_from_being_turned() {
    let world = with_flag(0);
    let mut machine = Machine::new(&world, "r-1", version_with_flag_in_steps());
    machine.run_until(|_| on(&world) == 100);
    machine.run_until(|state| state == State::ShiftTraffic);
    world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 50), (GROUP_B, 50)])]);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::RouteChanged)));
    assert_eq!(on(&world), 0);
}

const DEPLOYMENT: &str = "deployment 7 is under way in the environment of the flag, which has one at a time";

#[test]
fn a_step_waits_for_what_others_deploy_in_the_flags_environment() {
    for (document, before) in [(version_with_flag(), 0), (version_with_flag_in_steps(), 100), (flag_alone(), 100)] {
        let world = with_flag(0);
        let mut machine = Machine::new(&world, "r-1", document);
        machine.run_until(|state| state == State::Bake && on(&world) == before);
        world.state().in_the_way.insert(FLAG.to_owned(), DEPLOYMENT.to_owned());
        let id = machine.release().clone();
        let holds = || {
            let told = world.state().stories[&id].clone();
            told.iter().filter(|entry| entry.fact.to_string().contains(DEPLOYMENT)).count()
        };
        machine.run_until(|state| state == State::Bake && holds() == 40);
        assert_eq!(on(&world), before, "forty looks, and nothing is written or taken back");
        world.state().in_the_way.clear();
        assert_eq!(machine.finish().state, State::Promoted);
        assert_eq!(on(&world), 1000);
    }
}

#[test]
fn an_approved_step_waits_for_what_others_deploy_in_the_flags_environment() {
    let world = with_flag(0);
    let mut document = flag_alone();
    document["strategy"] = json!({"steps": [
        {"weight": "5%", "bake": "3m"}, {"gate": {"name": "more?", "within": "2h"}}, {"weight": "50%", "bake": "3m"}
    ]});
    let mut machine = Machine::new(&world, "r-1", document);
    machine.run_until(|state| state == State::AwaitApproval);
    world.state().in_the_way.insert(FLAG.to_owned(), DEPLOYMENT.to_owned());
    let stage = world.record(machine.release()).unwrap().step();
    world.ask(machine.release(), Ask::Approve { stage });
    for _ in 0..10 {
        machine.run_until(|state| state == State::EvaluateHealth);
        machine.enter();
        assert_eq!((machine.state(), on(&world)), (State::AwaitApproval, 50));
    }
    world.state().in_the_way.clear();
    assert_eq!(machine.finish().state, State::Promoted);
}

#[test]
fn a_rollback_waits_for_nobodys_deployment() {
    let world = with_flag(0);
    let mut machine = Machine::new(&world, "r-1", version_with_flag_in_steps());
    machine.run_until(|state| state == State::Bake && on(&world) == 100);
    world.state().in_the_way.insert(FLAG.to_owned(), DEPLOYMENT.to_owned());
    world.set_alarm(ALARM, AlarmState::Alarm);
    assert_eq!(machine.finish().state, State::RolledBack);
    assert_eq!((green(&world), on(&world)), (0, 0));
}

#[test]
fn the_record_says_how_far_the_flags_are_turned() {
    let world = with_flag(0);
    let mut machine = Machine::new(&world, "r-1", version_with_flag_in_steps());
    for wanted in [0, 100, 500, 1000] {
        machine.run_until(|state| state == State::EvaluateHealth && green(&world) == 100 && on(&world) == wanted);
        let record = world.record(machine.release()).unwrap();
        assert_eq!(record.flags_share().map(Share::permille), Some(wanted));
    }
    machine.finish();
    let told: Vec<_> =
        world.state().announced.iter().filter_map(|told| Some((told.state, told.flags_share?))).collect();
    assert!(told.contains(&(State::ShiftTraffic, Share::from_permille(100).unwrap())), "{told:?}");
    assert_eq!(told.last(), Some(&(State::Promoted, Share::ALL)));
    let without = World::new();
    let mut machine = Machine::new(&without, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    assert_eq!(without.record(machine.release()).unwrap().flags_share(), None);
}

/// After how many calls of roll-back green has no weight, where it is killed then.
fn calls_until_blue_serves(document: &Value) -> usize {
    let is_back_after = |calls: &usize| {
        let world = with_flag(0);
        let mut machine = Machine::new(&world, "r-1", document.clone());
        machine.run_until(|state| state == State::Bake);
        world.set_alarm(ALARM, AlarmState::Alarm);
        machine.run_until(|state| state == State::RollBack);
        world.inject(Fault { at_call: world.calls() + calls, kind: FaultKind::CrashAfter });
        let before = machine.runs();
        while machine.runs() == before {
            machine.enter();
        }
        green(&world) == 0
    };
    (0..60).find(is_back_after).unwrap()
}

#[test]
fn the_traffic_does_not_wait_for_flags_that_were_not_turned() {
    let mut without = version_with_flag();
    without.as_object_mut().unwrap().remove("flags");
    assert_eq!(calls_until_blue_serves(&version_with_flag()), calls_until_blue_serves(&without));
}

#[test]
fn a_rollback_turns_the_flag_off_before_blue_serves_wherever_it_is_killed() {
    for call in 0..30 {
        let world = with_flag(0);
        let mut machine = Machine::new(&world, "r-1", version_with_flag());
        machine.run_until(|_| on(&world) == 1000);
        machine.run_until(|state| state == State::EvaluateHealth);
        world.set_alarm(ALARM, AlarmState::Alarm);
        machine.run_until(|state| state == State::RollBack);
        world.inject(Fault { at_call: world.calls() + call, kind: FaultKind::CrashAfter });
        while !matches!(machine.state(), State::RolledBack) {
            machine.enter();
            assert!(green(&world) > 0 || on(&world) == 0, "blue serves and the flag is on, killed at call {call}");
        }
        assert_eq!((green(&world), on(&world)), (0, 0), "killed at call {call}");
        assert_eq!(machine.finish().error, Some(ErrorName::AlarmRaised));
    }
}

#[test]
fn a_flag_that_somebody_turns_meanwhile_ends_the_release() {
    let world = with_flag(0);
    let mut machine = Machine::new(&world, "r-1", version_with_flag());
    machine.run_until(|state| state == State::Bake);
    world.state().parts.insert(FLAG.to_owned(), vec![forward(&[(OFF, 500), (ON, 500)])]);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::RouteChanged)));
}

#[test]
fn a_flag_that_is_not_wholly_off_is_no_flag_to_turn_on() {
    for found in [300, 1000] {
        for document in [version_with_flag(), flag_alone()] {
            let world = with_flag(found);
            let ending = Machine::new(&world, "r-1", document).finish();
            assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::RouteNotShiftable)));
            assert_eq!((on(&world), green(&world)), (found, 0));
        }
    }
}

fn flag_alone() -> Value {
    let mut plan = plan();
    plan["green"] = json!({"external": {}});
    plan["traffic"] = json!({"flag": flag()});
    plan["judge"] = json!({"alarms": [ALARM], "metrics": []});
    plan
}
