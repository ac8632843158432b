//! A Network Load Balancer: its weights are in force everywhere only minutes after they were written.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::state::State;
use teal::time::{Timestamp, seconds_until};
use teal_sim::{ALARM, GROUP_A, GROUP_B, Machine, World, forward, plan};

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/net/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";
const TEST_LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/net/shop/50dc6c495c0c9188/b2f7dc8efc522ab4";

/// How long it takes, in seconds.
const PROPAGATION: u64 = 600;

fn network() -> World {
    let world = World::new();
    let mut state = world.state();
    state.parts.clear();
    for listener in [LISTENER, TEST_LISTENER] {
        state.parts.insert(listener.to_owned(), vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])]);
    }
    drop(state);
    world
}

fn document() -> Value {
    let mut plan = plan();
    plan["traffic"] = json!({"nlb": {"listeners": [LISTENER]}});
    plan["judge"] = json!({"alarms": [ALARM], "metrics": []});
    plan
}

fn since(world: &World, begun: Timestamp) -> u64 {
    seconds_until(begun, world.now())
}

#[test]
fn a_stage_bakes_from_when_its_weight_is_in_force() {
    let world = network();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|state| state == State::Bake);
    let shifted_at = world.now();
    machine.run_until(|state| state == State::ShiftTraffic);
    assert_eq!(since(&world, shifted_at), PROPAGATION + 300);
    assert_eq!(machine.finish().state, State::Promoted);
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(100));
}

#[test]
fn after_a_rollback_green_serves_on_until_nobody_is_sent_there() {
    let world = network();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::Alarm);
    machine.run_until(|state| state == State::RollBack);
    let decided_at = world.now();
    machine.run_until(|state| state == State::WaitForRollBack);
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(0), "the weights are set at once");
    assert!(since(&world, decided_at) < 60);
    machine.run_until(|_| world.state().services["checkout-b"].desired == 0);
    assert!(since(&world, decided_at) >= PROPAGATION, "green had its tasks for {} s", since(&world, decided_at));
    assert_eq!(machine.finish().state, State::RolledBack);
}

#[test]
fn checks_are_sent_when_the_test_listener_reaches_green() {
    let world = network();
    let mut plan = document();
    plan["traffic"]["test"] = json!({"listener": TEST_LISTENER});
    plan["validate"] = json!({"http": [{"path": "/health"}]});
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|_| world.weight(TEST_LISTENER, GROUP_B) == Some(100));
    let pointed_at = world.now();
    machine.run_until(|state| state == State::ValidateGreen);
    assert!(since(&world, pointed_at) >= PROPAGATION, "they were sent after {} s", since(&world, pointed_at));
    assert_eq!(machine.finish().state, State::Promoted);
}

#[test]
fn green_that_never_took_traffic_is_taken_in_at_once() {
    let world = network();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|state| state == State::ValidateGreen);
    world.state().sick.insert("checkout-b".to_owned());
    let failed_at = world.now();
    assert_eq!(machine.finish().state, State::RolledBack);
    assert!(since(&world, failed_at) < PROPAGATION);
}

#[test]
fn a_test_listener_that_takes_no_http_is_refused_before_green_is_brought_up() {
    for validate in [json!({"http": [{"path": "/health"}]}), json!({"codeBuild": {"project": "checkout-validation"}})] {
        let world = network();
        world.state().without_http.insert(TEST_LISTENER.to_owned());
        let mut document = document();
        document["traffic"]["test"] = json!({"listener": TEST_LISTENER});
        document["validate"] = validate;
        let ending = Machine::new(&world, "r-1", document).finish();
        assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::RouteNotShiftable)));
        let cause = ending.cause.unwrap();
        assert!(cause.starts_with("traffic.test: nobody can send HTTP") && cause.contains("of TCP or TLS"), "{cause}");
        assert!(!world.state().services.contains_key("checkout-b"));
    }
}
