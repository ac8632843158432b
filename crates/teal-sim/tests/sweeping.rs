//! What sweep knows of routes that no release holds, and how it forgets those that are gone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use teal::state::State;
use teal_sim::{LISTENER, Machine, World, plan};

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
