//! Green that somebody else brings up: Teal waits for it, shifts to it, and sizes nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::state::State;
use teal::story::Fact;
use teal_sim::{ALARM, GROUP_A, GROUP_B, LISTENER, Machine, Service, World, plan};

fn document(min_healthy: Option<u32>) -> Value {
    let mut plan = plan();
    plan["green"] = json!({"external": {"readyWithin": "10m"}});
    if let Some(least) = min_healthy {
        plan["green"]["external"]["minHealthy"] = json!(least);
    }
    plan
}

/// Somebody registers so many targets for green.
fn register(world: &World, targets: u32) {
    let mut state = world.state();
    let blue = state.services["checkout-a"].clone();
    let green = Service { group: GROUP_B.to_owned(), desired: targets, ..blue };
    state.services.insert("somebodys".to_owned(), green);
}

fn notes(world: &World, machine: &Machine<'_>) -> Vec<String> {
    let state = world.state();
    let story = state.stories[machine.release()].iter();
    story.filter(|entry| matches!(entry.fact, Fact::Noted { .. })).map(|entry| entry.fact.to_string()).collect()
}

#[test]
fn green_is_waited_for_until_it_has_as_many_healthy_targets_as_blue() {
    let world = World::new();
    register(&world, 2);
    let mut machine = Machine::new(&world, "r-1", document(None));
    machine.run_until(|state| state == State::WaitForGreen);
    register(&world, 3);
    machine.run_until(|state| state == State::Bake);
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(100), "10 % of blue's 100, in permille");
    assert_eq!(machine.finish().state, State::Promoted);
    let services = &world.state().services;
    assert_eq!((services["checkout-a"].desired, services["somebodys"].desired), (3, 3), "nobody is taken in");
    assert!(!services.contains_key("checkout-b"), "nothing is created");
}

#[test]
fn the_story_says_that_blue_and_green_are_left_to_their_owner() {
    let world = World::new();
    register(&world, 3);
    let mut machine = Machine::new(&world, "r-1", document(None));
    assert_eq!(machine.finish().state, State::Promoted);
    let told = notes(&world, &machine);
    assert!(told.iter().any(|note| note.contains("blue's target group checkout-a stays as it is")), "{told:#?}");

    let world = World::new();
    register(&world, 3);
    let mut machine = Machine::new(&world, "r-1", document(None));
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::Alarm);
    assert_eq!(machine.finish().state, State::RolledBack);
    assert_eq!(world.state().services["somebodys"].desired, 3);
    assert_eq!(world.weight(LISTENER, GROUP_A), Some(100));
    let told = notes(&world, &machine);
    assert!(
        told.iter().any(|note| note.contains("green's target group checkout-b stays, without traffic")),
        "{told:#?}"
    );
}

#[test]
fn the_plan_may_ask_for_fewer_targets_or_more() {
    let world = World::new();
    register(&world, 1);
    assert_eq!(Machine::new(&world, "r-1", document(Some(1))).finish().state, State::Promoted);

    let world = World::new();
    register(&world, 3);
    let ending = Machine::new(&world, "r-1", document(Some(4))).finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::GreenNotHealthy)));
    let cause = ending.cause.unwrap();
    assert!(
        cause.contains("3 of 4 green targets were healthy when green.external.readyWithin (10m) was over"),
        "{cause}"
    );
}
