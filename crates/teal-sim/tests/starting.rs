//! Releases that begin where others would be refused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::state::State;
use teal_sim::{ALARM, Ending, GROUP_A, GROUP_B, LISTENER, Machine, World, plan};

fn edited(edit: impl FnOnce(&mut Value)) -> Value {
    let mut plan = plan();
    edit(&mut plan);
    plan
}

fn split(world: &World) -> (Option<u16>, Option<u16>) {
    (world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B))
}

fn fix() -> Value {
    edited(|plan| plan["judge"]["startWhileAlarming"] = json!(true))
}

#[test]
fn a_fix_starts_while_its_alarm_is_on_and_is_promoted() {
    let world = World::new();
    world.set_alarm(ALARM, AlarmState::Alarm);
    let mut machine = Machine::new(&world, "r-1", fix());
    machine.run_until(|state| state == State::Bake);
    let record = world.record(machine.release()).unwrap();
    assert_eq!(record.alarming_since_start, [ALARM.parse().unwrap()]);
    assert_eq!(machine.finish(), Ending { state: State::Promoted, error: None, cause: None });
    let story = &world.state().stories[machine.release()];
    assert!(story.iter().any(|entry| entry.fact.to_string().contains("startWhileAlarming")));
    assert!(story.iter().any(|entry| entry.fact.to_string().contains("passed over until it was OK")));
}

#[test]
fn once_it_was_ok_the_alarm_counts_again() {
    let world = World::new();
    world.set_alarm(ALARM, AlarmState::Alarm);
    let mut machine = Machine::new(&world, "r-1", fix());
    machine.run_until(|state| state == State::EvaluateHealth);
    world.set_alarm(ALARM, AlarmState::Ok);
    machine.enter();
    assert!(world.record(machine.release()).unwrap().alarming_since_start.is_empty());
    world.set_alarm(ALARM, AlarmState::Alarm);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)));
    assert_eq!(split(&world), (Some(100), Some(0)));
}

#[test]
fn an_alarm_that_was_ok_at_the_start_is_not_passed_over() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", fix());
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::Alarm);
    assert_eq!(machine.finish().error, Some(ErrorName::AlarmRaised));
}

#[test]
fn without_data_an_alarm_that_is_passed_over_vouches_for_nothing() {
    let world = World::new();
    world.set_alarm(ALARM, AlarmState::Alarm);
    let mut machine = Machine::new(&world, "r-1", fix());
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::InsufficientData);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::InsufficientData)));
}
