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
    assert_eq!(record.alarming_since_start[0].alarm, ALARM.parse().unwrap());
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
fn an_alarm_that_was_ok_between_two_looks_counts_again() {
    for before in [State::WaitForGreen, State::Bake] {
        let world = World::new();
        world.state().task_seconds = 60;
        world.set_alarm(ALARM, AlarmState::Alarm);
        let mut machine = Machine::new(&world, "r-1", fix());
        machine.run_until(|state| state == before);
        // Nobody looks while it is OK.
        for state in [AlarmState::Ok, AlarmState::Alarm] {
            world.pass(30);
            world.set_alarm(ALARM, state);
        }
        let ending = machine.finish();
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)), "{before}");
    }
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

#[test]
fn an_alarm_that_lost_its_data_was_not_ok_and_is_passed_over_still() {
    let world = World::new();
    world.set_alarm(ALARM, AlarmState::Alarm);
    let mut machine = Machine::new(&world, "r-1", fix());
    machine.run_until(|state| state == State::EvaluateHealth);
    world.set_alarm(ALARM, AlarmState::InsufficientData);
    machine.enter();
    world.set_alarm(ALARM, AlarmState::Alarm);
    assert_eq!(machine.finish().state, State::Promoted);
}

fn newer() -> Value {
    edited(|plan| {
        plan["onBusy"] = json!("supersede");
        plan["version"] = json!("3");
        plan["green"]["ecs"]["taskDefinition"] = json!("checkout:3");
    })
}

#[test]
fn a_newer_release_takes_the_route_over_only_when_the_older_is_back_on_blue() {
    for stop in [State::WaitForGreen, State::Bake] {
        let world = World::new();
        world.state().task_seconds = 60;
        let mut older = Machine::new(&world, "r-1", plan());
        older.run_until(|state| state == stop);
        let refused = Machine::new(&world, "r-2", newer()).finish();
        assert_eq!(
            (refused.state, refused.error),
            (State::Refused, Some(ErrorName::RouteSuperseding)),
            "it waits for as long as the older one stands still"
        );
        assert!(world.state().locks.values().all(|holder| holder == older.release()), "never two holders");

        let ended = older.finish();
        assert_eq!((ended.state, ended.error), (State::RolledBack, Some(ErrorName::Aborted)), "{stop}");
        let cause = ended.cause.unwrap();
        assert!(cause.contains("release r-2 aborted the release: it takes the route over"), "{cause}");
        let next = Machine::new(&world, "r-3", newer()).finish();
        assert_eq!(next, Ending { state: State::Promoted, error: None, cause: None });
        assert_eq!(world.state().services["checkout-b"].task_definition, "checkout:3");
    }
}

#[test]
fn by_default_the_older_release_goes_on() {
    let world = World::new();
    let mut older = Machine::new(&world, "r-1", plan());
    older.run_until(|state| state == State::Bake);
    assert_eq!(Machine::new(&world, "r-2", plan()).finish().error, Some(ErrorName::RouteBusy));
    assert!(world.state().requests.is_empty(), "nobody is asked for anything");
    assert_eq!(older.finish().state, State::Promoted);
}

#[test]
fn a_release_past_the_point_of_no_return_is_waited_for_and_not_aborted() {
    let world = World::new();
    let mut older = Machine::new(&world, "r-1", plan());
    older.run_until(|state| state == State::RetireBlue);
    assert_eq!(Machine::new(&world, "r-2", newer()).finish().error, Some(ErrorName::RouteSuperseding));
    assert!(world.state().requests.is_empty());
    assert_eq!(older.finish().state, State::Promoted);
}

#[test]
fn a_green_that_still_runs_the_version_before_is_not_ready() {
    let world = World::new();
    world.state().task_seconds = 60;
    let old = world.state().services["checkout-a"].clone();
    let old = teal_sim::Service { task_definition: "checkout:0".to_owned(), group: GROUP_B.to_owned(), ..old };
    world.state().services.insert("checkout-b".to_owned(), old);

    let mut machine = Machine::new(&world, "r-1", plan());
    let ordered_at = world.now();
    machine.run_until(|state| state == State::ValidateGreen);
    assert!(
        world.now().as_second() >= ordered_at.as_second() + 60,
        "as many healthy tasks as ordered, but none of what was ordered"
    );
    assert_eq!(machine.finish().state, State::Promoted);
}

/// Step Functions frees a name 90 days after its execution ended, or with its state machine; Teal's record is there for longer.
#[test]
fn the_name_of_an_earlier_release_is_refused() {
    for (earlier, alarmed) in [(State::Promoted, false), (State::RolledBack, true)] {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|state| state == State::Bake);
        if alarmed {
            world.set_alarm(ALARM, AlarmState::Alarm);
        }
        assert_eq!(machine.finish().state, earlier);
        world.set_alarm(ALARM, AlarmState::Ok);
        let (record, before) = (world.record(machine.release()), split(&world));
        let story = world.state().stories[machine.release()].clone();
        world.pass(91 * 24 * 3600);
        let ending = Machine::new(&world, "r-1", edited(|plan| plan["version"] = json!("3"))).finish();
        assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::NameTaken)));
        let cause = ending.cause.unwrap();
        assert!(
            cause.contains("the name r-1 is that of a release of checkout 2, whose execution was started at"),
            "{cause}"
        );
        assert_eq!((world.record(machine.release()), split(&world)), (record, before));
        assert_eq!(world.state().stories[machine.release()], story);
        let told = world.state().announced.last().cloned().unwrap();
        assert_eq!((told.version.as_str(), told.error), ("3", Some(ErrorName::NameTaken)));
    }
}
