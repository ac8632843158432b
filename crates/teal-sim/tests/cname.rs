//! A domain name that two environments swap: everybody goes to one or to the other, and a swap done twice is undone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::ports::AlarmState;
use teal::state::State;
use teal::time::seconds_until;
use teal_sim::{ALARM, Fault, FaultKind, Machine, Service, World, forward, plan};

const NAME: &str = "checkout.eu-central-1.elasticbeanstalk.com";
const BLUE: &str = "checkout-a";
const GREEN: &str = "checkout-b";

/// How long resolvers keep an answer, in seconds.
const TIME_TO_LIVE: u64 = 60;

fn environments() -> World {
    let world = World::new();
    let mut state = world.state();
    state.parts.clear();
    state.services.clear();
    state.parts.insert(NAME.to_owned(), vec![forward(&[(BLUE, 100), (GREEN, 0)])]);
    let blue = Service {
        task_definition: "checkout-1".to_owned(),
        desired: 3,
        group: BLUE.to_owned(),
        ready_at: world.now(),
        was: 0,
        was_running: "checkout-1".to_owned(),
    };
    state.services.insert(BLUE.to_owned(), blue);
    drop(state);
    world
}

fn document() -> Value {
    let mut plan = plan();
    plan["green"] = json!({"beanstalk": {"versionLabel": "checkout-2", "blue": "terminate"}});
    plan["traffic"] = json!({"cname": {"name": NAME, "environments": [BLUE, GREEN]}});
    plan["strategy"] = json!({"allAtOnce": {}});
    plan["validate"] = json!({"http": [{"path": "/health"}]});
    plan["judge"] = json!({"alarms": [ALARM], "metrics": []});
    plan
}

/// What each environment has of the name.
fn split(world: &World) -> [Option<u16>; 2] {
    [BLUE, GREEN].map(|environment| world.weight(NAME, environment))
}

#[test]
fn blue_answers_for_as_long_as_resolvers_may_send_clients_there() {
    let world = environments();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|_| split(&world) == [Some(0), Some(100)]);
    let swapped_at = world.now();
    machine.run_until(|_| world.state().services[BLUE].desired == 0);
    assert!(seconds_until(swapped_at, world.now()) >= TIME_TO_LIVE);
    assert_eq!(machine.finish().state, State::Promoted);
}

#[test]
fn after_a_rollback_green_answers_as_long() {
    let world = environments();
    let mut machine = Machine::new(&world, "r-1", document());
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::Alarm);
    machine.run_until(|_| split(&world) == [Some(100), Some(0)]);
    let restored_at = world.now();
    machine.run_until(|_| world.state().services[GREEN].desired == 0);
    assert!(seconds_until(restored_at, world.now()) >= TIME_TO_LIVE);
    assert_eq!(machine.finish().state, State::RolledBack);
}

#[test]
fn an_environment_that_is_to_stay_keeps_its_instances() {
    let world = environments();
    let mut plan = document();
    plan["green"]["beanstalk"]["blue"] = json!("keep");
    let ending = Machine::new(&world, "r-1", plan).finish();
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    assert_eq!(world.state().services[BLUE].desired, 3);
}

#[test]
fn steps_are_refused() {
    let world = environments();
    let mut plan = document();
    plan["strategy"] = json!({"canary": {"weight": "10%", "bake": "5m"}});
    let ending = Machine::new(&world, "r-1", plan).finish();
    assert_eq!(ending.state, State::Refused);
    assert!(ending.cause.unwrap_or_default().contains("allAtOnce"));
}

/// Killed before or after any call, the swap included, the name ends where the release says.
#[test]
fn a_swap_is_never_undone_by_a_second_one() {
    for (raised, expected, whole) in
        [(false, State::Promoted, [Some(0), Some(100)]), (true, State::RolledBack, [Some(100), Some(0)])]
    {
        let run = |fault: Option<Fault>| {
            let world = environments();
            if let Some(fault) = fault {
                world.inject(fault);
            }
            let mut machine = Machine::new(&world, "r-1", document());
            if raised {
                machine.run_until(|state| state == State::Bake);
                world.set_alarm(ALARM, AlarmState::Alarm);
            }
            let ending = machine.finish();
            assert_eq!((ending.state, split(&world)), (expected, whole), "{fault:?}: {:?}", machine.trace);
            assert!(world.state().locks.is_empty(), "{fault:?}");
            world.calls()
        };
        for at_call in 0..run(None) {
            for kind in FaultKind::ALL {
                run(Some(Fault { at_call, kind }));
            }
        }
    }
}
