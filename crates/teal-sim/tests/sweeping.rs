//! What sweep knows of routes that no release holds, and how it forgets those that are gone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;
use teal::error::ErrorName;
use teal::release::ReleaseId;
use teal::state::State;
use teal_sim::{Fault, FaultKind, GROUP_A, GROUP_B, LISTENER, Machine, SECOND_LISTENER, World, forward, plan};

const HOUR: u64 = 3_600;

/// A world whose only release was promoted.
fn promoted() -> World {
    let world = World::new();
    assert_eq!(Machine::new(&world, "r-1", plan()).finish().state, State::Promoted);
    assert!(world.state().left.contains_key(LISTENER));
    world
}

fn sweep(world: &World) {
    world.sweep().unwrap().unwrap();
}

#[test]
fn a_listener_that_stays_away_for_a_day_is_forgotten() {
    let world = promoted();
    world.state().parts.remove(LISTENER);
    sweep(&world);
    assert_eq!(world.state().left[LISTENER].missing_since, Some(world.now()), "not at once: one answer may be wrong");
    world.pass(23 * HOUR);
    sweep(&world);
    assert!(world.state().left.contains_key(LISTENER));
    world.pass(HOUR);
    sweep(&world);
    assert!(world.state().left.is_empty());
}

#[test]
fn a_listener_that_is_found_again_is_not_forgotten() {
    let world = promoted();
    let actions = world.state().parts.remove(LISTENER).unwrap();
    sweep(&world);
    world.state().parts.insert(LISTENER.to_owned(), actions);
    world.pass(HOUR);
    sweep(&world);
    assert_eq!(world.state().left[LISTENER].missing_since, None);
    world.state().parts.remove(LISTENER);
    world.pass(24 * HOUR);
    sweep(&world);
    assert!(world.state().left.contains_key(LISTENER), "it is missing since just now");
}

#[test]
fn a_listener_that_a_release_holds_is_not_forgotten() {
    let world = promoted();
    let mut machine = Machine::new(&world, "r-2", plan());
    machine.run_until(|state| state == State::Bake);
    world.state().parts.remove(LISTENER);
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    for _ in 0..3 {
        sweep(&world);
        world.pass(24 * HOUR);
    }
    assert!(world.state().left.contains_key(LISTENER));
}

#[test]
fn a_route_that_cannot_be_read_hides_no_other() {
    let world = World::new();
    let mut plan = plan();
    plan["traffic"]["alb"]["listeners"] = json!([LISTENER, SECOND_LISTENER]);
    let actions = world.state().parts[LISTENER].clone();
    world.state().parts.insert(SECOND_LISTENER.to_owned(), actions);
    assert_eq!(Machine::new(&world, "r-1", plan).finish().state, State::Promoted);
    let read_last = world.state().left.keys().next_back().cloned().unwrap();
    world.state().parts.remove(&read_last);
    // After the questions what is active and what was left.
    world.inject(Fault { at_call: world.calls() + 2, kind: FaultKind::NoEffect });
    assert_eq!(world.sweep().unwrap().unwrap_err().name, ErrorName::Unavailable, "whoever looks after Teal is told");
    assert_eq!(world.state().left[&read_last].missing_since, Some(world.now()));
}

#[test]
fn an_execution_that_is_not_known_yet_is_not_gone() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::PrepareGreen);
    world.state().ended.insert("execution:r-1".to_owned(), "GONE".to_owned());
    assert!(world.sweep().unwrap().unwrap().recovered.is_empty(), "it began just now");
    assert_eq!(world.record(machine.release()).unwrap().setback, None);
    world.pass(299);
    assert!(world.sweep().unwrap().unwrap().recovered.is_empty());
    world.pass(1);
    assert_eq!(world.sweep().unwrap().unwrap().recovered.len(), 1);
    assert_eq!([world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)], [Some(100), Some(0)]);
}

#[test]
fn an_execution_that_was_stopped_has_ended_however_young_it_is() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::PrepareGreen);
    world.state().ended.insert("execution:r-1".to_owned(), "ABORTED".to_owned());
    let _ = world.sweep().unwrap();
    assert!(world.record(machine.release()).unwrap().setback.is_some());
}

/// Somebody has changed a route that no release holds, while so many others are under way: the calls of one sweep.
fn calls_with_others_under_way(others: u8) -> usize {
    let world = promoted();
    world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 50), (GROUP_B, 50)])]);
    for nth in 0..others {
        let other = ReleaseId::new(format!("other-{nth}")).unwrap();
        world.state().locks.insert(format!("another-listener-{nth}"), other);
    }
    let before = world.calls();
    assert_eq!(world.sweep().unwrap().unwrap().drifted, [LISTENER]);
    world.calls() - before
}

#[test]
fn whether_a_route_is_held_is_asked_of_its_lock_alone() {
    let alone = calls_with_others_under_way(0);
    assert_eq!(calls_with_others_under_way(50), alone + 50, "each record once, for what sweep recovers");
}

/// The releases of a world with two, whose executions somebody stopped, that a sweep puts back which ends at its call of this number.
fn put_back(after: u64, ends_at: Option<usize>) -> Vec<String> {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::PrepareGreen);
    let ids = ["r-1", "r-2"].map(|id| ReleaseId::new(id).unwrap());
    let mut other = world.record(&ids[0]).unwrap();
    (other.id, other.execution) = (ids[1].clone(), "execution:r-2".to_owned());
    {
        let mut state = world.state();
        state.records.insert(ids[1].clone(), other);
        state.locks.insert("another-listener".to_owned(), ids[1].clone());
        state.ended.extend(["execution:r-1", "execution:r-2"].map(|it| (it.to_owned(), "ABORTED".to_owned())));
    }
    world.pass(after);
    if let Some(call) = ends_at {
        world.inject(Fault { at_call: world.calls() + call, kind: FaultKind::CrashBefore });
    }
    let _ = world.sweep();
    let is_put_back = |id: &&ReleaseId| world.record(id).unwrap().setback.is_some();
    ids.iter().filter(is_put_back).map(ToString::to_string).collect()
}

#[test]
fn a_release_that_takes_all_of_a_sweeps_time_keeps_no_other_waiting_for_ever() {
    assert_eq!(put_back(0, None), ["r-1", "r-2"]);
    // So late that one is put back, and so early that the other is not.
    let ends_at = (1..100).find(|call| put_back(0, Some(*call)).len() == 1).unwrap();
    let first = put_back(0, Some(ends_at));
    assert_ne!(put_back(300, Some(ends_at)), first, "the next sweep begins with another one");
}
