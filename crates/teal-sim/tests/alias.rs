//! An alias of a Lambda function: a version takes its traffic, and nothing is attached, sized or taken in.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::release::ReleaseId;
use teal::route::Action;
use teal::state::State;
use teal_sim::{ALARM, Machine, Service, World, forward, plan};

const ALIAS: &str = "checkout:live";
const BLUE: &str = "checkout:41";
const GREEN: &str = "checkout:42";

/// An alias on version 41; 42 is published.
fn world() -> World {
    let world = World::new();
    {
        let mut state = world.state();
        let version = state.services["checkout-a"].clone();
        state.parts.insert(ALIAS.to_owned(), on(BLUE));
        for name in [BLUE, GREEN] {
            let service = Service { group: name.to_owned(), desired: 1, ..version.clone() };
            state.services.insert(name.to_owned(), service);
            state.traffic.insert(name.to_owned(), (600.0, 1.0));
        }
    }
    world
}

fn on(version: &str) -> Vec<Action> {
    vec![forward(&[(version, 1000)])]
}

fn document() -> Value {
    let mut plan = plan();
    plan["green"] = json!({"lambda": {"functionVersion": "42"}});
    plan["traffic"] = json!({"lambda": {"function": "checkout", "alias": "live"}, "weightParameters": "/teal/weights"});
    plan["validate"] = json!({"lambda": {"function": "checkout-validation"}});
    plan
}

fn alias(world: &World) -> Vec<Action> {
    world.state().parts[ALIAS].clone()
}

fn told(world: &World, machine: &Machine<'_>) -> Vec<String> {
    world.state().stories[machine.release()].iter().map(|entry| entry.fact.to_string()).collect()
}

#[test]
fn a_version_takes_over_in_steps_and_is_all_that_is_left() {
    let world = world();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|state| state == State::Bake);
    assert_eq!(alias(&world), [forward(&[(BLUE, 900), (GREEN, 100)])]);
    assert_eq!(world.state().invoked[0]["function"], json!(GREEN), "tested by its number before that");
    assert_eq!(world.state().invoked[0].get("url"), None);
    assert_eq!(machine.finish().state, State::Promoted);
    assert_eq!(alias(&world), on(GREEN));
    assert!(world.state().services.values().all(|service| service.desired > 0), "nobody is taken in");
    let told = told(&world, &machine);
    for expected in [
        "green is function version checkout:42, which Lambda runs on demand",
        "function version checkout:41 stays as it is: without traffic it costs nothing",
    ] {
        assert!(told.iter().any(|line| line.contains(expected)), "{expected}: {told:#?}");
    }
}

#[test]
fn an_alarm_gives_all_invocations_back_whatever_the_share() {
    for looks in [1, 12] {
        let world = world();
        let mut machine = Machine::new(&world, "r-1", document());
        for _ in 0..looks {
            machine.run_until(|state| state == State::Bake);
            machine.enter();
        }
        world.set_alarm(ALARM, AlarmState::Alarm);
        let ending = machine.finish();
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)));
        assert_eq!(alias(&world), on(BLUE), "number for number");
    }
}

#[test]
fn a_version_that_fails_at_full_share_goes_back() {
    let world = world();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|state| state == State::Promote);
    machine.enter();
    assert_eq!(alias(&world), on(GREEN), "blue is not on the alias any more");
    world.state().traffic.insert(GREEN.to_owned(), (600.0, 60.0));
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::Regression)));
    assert_eq!(alias(&world), on(BLUE));
}

#[test]
fn an_alias_that_somebody_points_elsewhere_is_left_alone() {
    let world = world();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|state| state == State::Bake);
    world.state().parts.insert(ALIAS.to_owned(), on("checkout:43"));
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    assert_eq!(alias(&world), on("checkout:43"));
    let told = told(&world, &machine);
    assert!(
        told.iter().any(|line| line.contains("no longer forwards to blue's function version checkout:41")),
        "{told:#?}"
    );
}

#[test]
fn a_version_that_serves_already_is_refused() {
    let world = world();
    world.state().parts.insert(ALIAS.to_owned(), on(GREEN));
    let ending = Machine::new(&world, "r-1", document()).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::RouteNotShiftable)));
}

#[test]
fn templates_read_the_version_from_one_parameter() {
    let world = world();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|state| state == State::Bake);
    let id = ReleaseId::new("r-1").unwrap();
    let publish = || world.publish_weights(Some(&id)).unwrap().unwrap().written;
    assert_eq!(publish(), ["/teal/weights/checkout/live = 41"]);
    assert_eq!(machine.finish().state, State::Promoted);
    assert_eq!(publish(), ["/teal/weights/checkout/live = 42"]);
    assert_eq!(world.publish_weights(None).unwrap().unwrap().written, Vec::<String>::new());
}
