//! Rules that somebody adds to a listener during a release.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::state::State;
use teal_sim::{GROUP_A, GROUP_B, LISTENER, Machine, TEST_LISTENER, World, forward, plan};

#[test]
fn a_rule_that_takes_requests_before_the_route_ends_the_release_and_stays() {
    for before in [State::ShiftTraffic, State::Bake, State::Promote] {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|state| state == before);
        let now = world.now();
        world.state().add_rule(LISTENER, now);
        let ending = machine.finish();
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::RouteChanged)), "{before}");
        let cause = ending.cause.unwrap();
        for words in ["priority 1", "path-pattern /pay/*", "forward"] {
            assert!(cause.contains(words), "{cause}");
        }
        assert_eq!((world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)), (Some(100), Some(0)));
        assert_eq!(world.state().rules[LISTENER].len(), 1);
    }
}

/// With a test listener, which leads to blue between releases.
fn tested(world: &World) -> Value {
    world.state().parts.insert(TEST_LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])]);
    let mut plan = plan();
    plan["traffic"]["test"] = json!({"listener": TEST_LISTENER});
    plan["validate"] = json!({"http": [{"path": "/health"}]});
    plan
}

#[test]
fn a_rule_before_the_test_route_ends_the_release_before_anything_that_was_tested_counts() {
    for before in [State::PrepareGreen, State::ValidateGreen, State::Bake] {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", tested(&world));
        machine.run_until(|state| state == before);
        let now = world.now();
        world.state().add_rule(TEST_LISTENER, now);
        // Nobody comes to green once it is known.
        let ending = machine.run_until(|state| state == State::ShiftTraffic);
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::RouteChanged)), "{before}");
        assert_eq!((world.weight(TEST_LISTENER, GROUP_A), world.weight(TEST_LISTENER, GROUP_B)), (Some(100), Some(0)));
        assert_eq!(world.state().rules[TEST_LISTENER].len(), 1);
    }
}

#[test]
fn a_rule_that_was_there_before_the_release_is_part_of_the_route() {
    let world = World::new();
    let now = world.now();
    world.state().add_rule(LISTENER, now);
    world.state().add_rule(TEST_LISTENER, now);
    let mut machine = Machine::new(&world, "r-1", tested(&world));
    assert_eq!(machine.finish().state, State::Promoted);
}

#[test]
fn a_record_of_an_older_version_knows_no_rules_and_minds_none() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    let release = machine.release().clone();
    world.state().records.get_mut(&release).unwrap().route[0].ahead = None;
    let now = world.now();
    world.state().add_rule(LISTENER, now);
    assert_eq!(machine.finish().state, State::Promoted);
}
