//! The weights that stack templates read.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::release::ReleaseId;
use teal::state::State;
use teal_sim::{Fault, FaultKind, GROUP_A, GROUP_B, LISTENER, Machine, World, forward, plan};

const A: &str = "/teal/weights/checkout/checkout-a";
const B: &str = "/teal/weights/checkout/checkout-b";

fn id(name: &str) -> ReleaseId {
    ReleaseId::new(name).unwrap()
}

fn machine<'w>(world: &'w World, name: &str) -> Machine<'w> {
    let mut plan = plan();
    plan["traffic"]["weightParameters"] = json!("/teal/weights/checkout");
    let services = &mut plan["green"]["ecs"];
    services["taskDefinition"] = json!(format!("checkout:{}", 1 + name.len()));
    Machine::new(world, name, plan)
}

/// What was written, in order.
fn publish(world: &World, release: Option<&str>) -> Vec<String> {
    world.publish_weights(release.map(id).as_ref()).unwrap().unwrap().written
}

fn weights(world: &World) -> (String, String) {
    let state = world.state();
    (state.parameters[A].clone(), state.parameters[B].clone())
}

fn told(world: &World, name: &str) -> Vec<String> {
    let state = world.state();
    let beside = state.stories[&id(name)].iter().filter(|entry| entry.by == "publish-weights");
    beside.map(|entry| entry.fact.to_string()).collect()
}

#[test]
fn they_follow_when_green_has_everything_and_not_before() {
    let world = World::new();
    let mut machine = machine(&world, "r");
    machine.run_until(|state| state == State::Promote);
    assert_eq!(publish(&world, Some("r")), [format!("{A} = 100"), format!("{B} = 0")], "as it was before");
    machine.enter();
    assert_eq!(
        publish(&world, Some("r")),
        [format!("{B} = 100"), format!("{A} = 0")],
        "never none at all between the two"
    );
    assert_eq!(machine.finish().state, State::Promoted);
    assert_eq!(publish(&world, Some("r")), Vec::<String>::new(), "told twice, they are as they are");
    assert_eq!(told(&world, "r").len(), 2);
}

#[test]
fn after_a_rollback_from_everything_they_are_blues_again() {
    let world = World::new();
    let mut machine = machine(&world, "r");
    machine.run_until(|state| state == State::Promote);
    machine.enter();
    publish(&world, Some("r"));
    world.set_alarm("checkout-5xx", AlarmState::Alarm);
    machine.run_until(|state| state == State::RollBack);
    publish(&world, Some("r"));
    assert_eq!(weights(&world), ("0".to_owned(), "100".to_owned()), "green has them still");
    assert_eq!(machine.finish().state, State::RolledBack);
    publish(&world, Some("r"));
    assert_eq!(weights(&world), ("100".to_owned(), "0".to_owned()));
}

#[test]
fn an_event_that_comes_after_the_next_release_changes_nothing() {
    let world = World::new();
    machine(&world, "r").finish();
    let mut second = machine(&world, "rr");
    second.run_until(|state| state == State::Promote);
    assert_eq!(publish(&world, Some("r")), Vec::<String>::new(), "another release has the route");
    second.finish();
    publish(&world, Some("rr"));
    assert_eq!(weights(&world), ("100".to_owned(), "0".to_owned()));
    assert_eq!(publish(&world, Some("r")), Vec::<String>::new(), "another release had the route last");
    assert_eq!(weights(&world), ("100".to_owned(), "0".to_owned()));
}

#[test]
fn what_a_lost_event_or_a_hand_left_is_put_right_by_the_schedule() {
    let world = World::new();
    machine(&world, "r").finish();
    assert_eq!(publish(&world, None), [format!("{B} = 100"), format!("{A} = 0")]);
    world.state().parameters.insert(A.to_owned(), "50".to_owned());
    assert_eq!(publish(&world, None), [format!("{A} = 0")]);
    assert_eq!(publish(&world, None), Vec::<String>::new());
    // A release under way is looked at, too.
    let mut second = machine(&world, "rr");
    second.run_until(|state| state == State::Promote);
    second.enter();
    assert_eq!(publish(&world, None), [format!("{A} = 100"), format!("{B} = 0")]);
}

#[test]
fn where_they_cannot_be_written_the_story_says_so_and_the_release_goes_on() {
    let world = World::new();
    world.state().parameters_denied = true;
    let mut machine = machine(&world, "r");
    machine.run_until(|state| state == State::Promote);
    machine.enter();
    let refused = world.publish_weights(Some(&id("r"))).unwrap().unwrap_err();
    assert_eq!(refused.name, ErrorName::AccessDenied);
    assert!(told(&world, "r")[0].contains("a stack update would set old weights"), "{:?}", told(&world, "r"));
    assert_eq!(machine.finish().state, State::Promoted);
    world.publish_weights(None).unwrap().unwrap_err();
    world.state().parameters_denied = false;
    publish(&world, None);
    assert_eq!(weights(&world), ("0".to_owned(), "100".to_owned()));
}

#[test]
fn killed_anywhere_and_run_again_they_come_out_the_same() {
    let promoted = || {
        let world = World::new();
        machine(&world, "r").finish();
        let calls = world.calls();
        (world, calls)
    };
    let (world, before) = promoted();
    publish(&world, Some("r"));
    let calls = world.calls() - before;
    for (kind, call) in FaultKind::ALL.into_iter().flat_map(|kind| (0..calls).map(move |call| (kind, call))) {
        let (world, before) = promoted();
        world.inject(Fault { at_call: before + call, kind });
        let disturbed = world.publish_weights(Some(&id("r")));
        assert!(disturbed.is_none_or(|result| result.is_err()), "{kind:?} at call {call} was met");
        publish(&world, Some("r"));
        assert_eq!(weights(&world), ("0".to_owned(), "100".to_owned()), "{kind:?} at call {call}");
    }
}

#[test]
fn killed_twice_anywhere_and_run_again_they_come_out_the_same() {
    let kill = |world: &World, call: usize| {
        world.inject(Fault { at_call: world.calls() + call, kind: FaultKind::CrashAfter });
        world.publish_weights(Some(&id("r"))).is_none()
    };
    let mut pairs = 0;
    for first in 0.. {
        let world = World::new();
        machine(&world, "r").finish();
        if !kill(&world, first) {
            break;
        }
        for second in 0.. {
            let world = World::new();
            machine(&world, "r").finish();
            kill(&world, first);
            if !kill(&world, second) {
                break;
            }
            pairs += 1;
            publish(&world, Some("r"));
            assert_eq!(weights(&world), ("0".to_owned(), "100".to_owned()), "killed at calls {first} and {second}");
        }
    }
    assert!(pairs >= 9, "{pairs} pairs");
}

#[test]
fn a_stack_update_that_reads_them_changes_nothing_and_one_that_does_not_is_noticed() {
    let world = World::new();
    machine(&world, "r").finish();
    publish(&world, Some("r"));
    let left = world.state().left[LISTENER].clone();
    let update = |a: u16, b: u16| {
        let actions = vec![forward(&[(GROUP_A, a), (GROUP_B, b)])];
        let found = world.state().parts[LISTENER].clone();
        (actions == found, left.drift(&actions))
    };
    let (a, b) = weights(&world);
    assert_eq!(update(a.parse().unwrap(), b.parse().unwrap()), (true, None));
    let (unchanged, drift) = update(100, 0);
    assert!(!unchanged && drift.is_some_and(|drift| drift.contains("a stack update")));
}

#[test]
fn a_plan_without_a_path_publishes_nothing() {
    let world = World::new();
    Machine::new(&world, "r", plan()).finish();
    assert_eq!((publish(&world, Some("r")), publish(&world, None)), (Vec::new(), Vec::new()));
    assert!(world.state().parameters.is_empty());
}
