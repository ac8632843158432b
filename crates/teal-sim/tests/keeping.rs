//! What cannot be read, what is merely kept, and whom blue still serves.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::release::ReleaseId;
use teal::route::{ActionKind, Stickiness};
use teal::state::State;
use teal::time::{after, seconds_until};
use teal_sim::{ALARM, GROUP_A, GROUP_B, LISTENER, Machine, World, forward, plan};

/// Promoted, its bake passed, blue merely kept.
fn kept(world: &World) -> Machine<'_> {
    let mut machine = Machine::new(world, "r-1", plan());
    let passed = |world: &World| world.record(&id()).is_some_and(|release| release.bake_passed_at.is_some());
    while !passed(world) {
        machine.enter();
    }
    machine
}

fn id() -> ReleaseId {
    ReleaseId::new("r-1").unwrap()
}

fn with(edit: impl FnOnce(&mut Value)) -> Value {
    let mut plan = plan();
    edit(&mut plan);
    plan
}

#[test]
fn while_blue_is_merely_kept_a_silent_alarm_or_no_traffic_ends_nothing() {
    let world = World::new();
    let mut machine = kept(&world);
    world.set_alarm("checkout-5xx", AlarmState::InsufficientData);
    world.state().traffic.insert(GROUP_B.to_owned(), (0.0, 0.0));
    // Four of the five minutes that blue is kept beyond the bake.
    for _ in 0..4 {
        machine.run_until(|state| state == State::EvaluateHealth);
        machine.enter();
        assert_eq!(machine.state(), State::Bake);
    }
    world.set_alarm("checkout-5xx", AlarmState::Ok);
    let ending = machine.finish();
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
}

#[test]
fn while_blue_is_kept_a_raised_alarm_still_rolls_back() {
    let world = World::new();
    let mut machine = kept(&world);
    world.set_alarm("checkout-5xx", AlarmState::Alarm);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)));
    assert_eq!((world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)), (Some(100), Some(0)));
}

#[test]
fn an_alarm_that_cannot_vouch_never_lets_a_release_go_on_whatever_the_plan_says() {
    let world = World::new();
    let plan = with(|plan| plan["judge"]["onInsufficient"] = json!({"holdFor": "10m", "then": "advance"}));
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|state| state == State::Bake);
    world.set_alarm("checkout-5xx", AlarmState::InsufficientData);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::InsufficientData)), "{ending:?}");
}

/// A world whose listener keeps clients on the target group that answered them first.
fn sticky() -> World {
    let world = World::new();
    let mut sticky = forward(&[(GROUP_A, 100), (GROUP_B, 0)]);
    if let ActionKind::Forward { stickiness, .. } = &mut sticky.kind {
        *stickiness = Some(Stickiness { enabled: true, duration_seconds: Some(600) });
    }
    world.state().parts.insert(LISTENER.to_owned(), vec![sticky]);
    world
}

fn says(world: &World, text: &str) -> bool {
    world.state().stories[&id()].iter().any(|entry| entry.fact.to_string().contains(text))
}

#[test]
fn a_sticky_blue_is_taken_in_only_when_no_client_reaches_it_any_more() {
    let world = sticky();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::RetireBlue);
    for _ in 0..20 {
        machine.enter();
    }
    assert_eq!(world.state().services["checkout-a"].desired, 3, "clients with a cookie are still served");
    world.state().traffic.insert(GROUP_A.to_owned(), (0.0, 0.0));
    assert_eq!(machine.finish().state, State::Promoted);
    assert_eq!(world.state().services["checkout-a"].desired, 0);
}

#[test]
fn a_sticky_blue_that_never_empties_is_left_for_a_person_to_take_in() {
    let world = sticky();
    assert_eq!(Machine::new(&world, "r-1", plan()).finish().state, State::Promoted);
    assert_eq!(world.state().services["checkout-a"].desired, 3);
    assert!(says(&world, "sticky cookie still reach it"));
}

#[test]
fn a_sticky_green_is_taken_in_only_when_no_client_reaches_it_any_more() {
    for empties in [true, false] {
        let world = sticky();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|state| state == State::Bake);
        world.set_alarm(ALARM, AlarmState::Alarm);
        machine.run_until(|state| state == State::WaitForRollBack);
        assert_eq!(world.weight(LISTENER, GROUP_B), Some(0), "the traffic does not wait");
        for _ in 0..20 {
            machine.enter();
        }
        assert_eq!(world.state().services["checkout-b"].desired, 3, "clients with a cookie are still served");
        if empties {
            world.state().traffic.insert(GROUP_B.to_owned(), (0.0, 0.0));
        }
        assert_eq!(machine.finish().state, State::RolledBack);
        let left = if empties { 0 } else { 3 };
        assert_eq!(world.state().services["checkout-b"].desired, left, "after an hour it is left for a person");
        assert_eq!(says(&world, "Scale it in by hand"), !empties);
    }
}

/// Nodes of the load balancer that do not know the weights yet would send requests to a blue without tasks.
#[test]
fn blue_is_taken_in_only_when_all_of_the_load_balancer_knows_the_weights() {
    let world = World::new();
    let plan = with(|plan| {
        plan["afterwards"] = json!({"bake": "0s", "keepBlue": "0s"});
        plan["judge"] = json!({"alarms": [ALARM], "metrics": []});
    });
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|_| world.weight(LISTENER, GROUP_A) == Some(0));
    let given_at = world.now();
    machine.run_until(|_| world.state().services["checkout-a"].desired == 0);
    assert!(world.now() >= after(given_at, 15), "after {} s", seconds_until(given_at, world.now()));
    assert_eq!(machine.finish().state, State::Promoted);
}

#[test]
fn a_refusal_without_a_record_is_told_to_the_bus_all_the_same() {
    let world = World::new();
    let ending = Machine::new(&world, "r-1", json!({"service": "checkout", "version": 2})).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::PlanInvalid)));
    let state = world.state();
    let [event] = state.announced.as_slice() else { panic!("one event: {:?}", state.announced) };
    assert_eq!(
        (event.state, event.service.as_str(), event.error),
        (State::Refused, "checkout", Some(ErrorName::PlanInvalid))
    );
}
