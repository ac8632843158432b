//! Capacity while a release is under way: automatic scaling takes nothing, and a blue that cannot serve is not given the traffic.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use teal::ports::{AlarmState, Scaling};
use teal::state::State;
use teal_sim::{ALARM, Machine, World, plan};

const FOUND: Scaling = Scaling { min_capacity: 1, max_capacity: 10, scale_in_suspended: false };
const HELD: Scaling = Scaling { min_capacity: 3, max_capacity: 10, scale_in_suspended: true };

fn scaled() -> World {
    let world = World::new();
    world.state().scaling.insert("checkout-a".to_owned(), FOUND);
    world
}

#[test]
fn neither_colour_is_scaled_in_while_the_release_is_under_way() {
    let world = scaled();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::ShiftTraffic);
    assert_eq!(world.state().scaling["checkout-a"], HELD);
    assert_eq!(world.state().scaling["checkout-b"], HELD);
    machine.run_until(|state| state == State::RetireBlue);
    assert_eq!(world.state().scaling["checkout-a"], HELD, "blue is held through the bake at 100 %");
    assert_eq!(machine.finish().state, State::Promoted);
    assert_eq!(world.state().scaling["checkout-b"], FOUND, "the new blue scales as the old one did");
}

#[test]
fn after_a_rollback_blue_scales_as_before() {
    let world = scaled();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::Alarm);
    assert_eq!(machine.finish().state, State::RolledBack);
    assert_eq!(world.state().scaling["checkout-a"], FOUND);
}

#[test]
fn a_refused_release_leaves_the_scaling_alone() {
    let world = scaled();
    world.set_alarm(ALARM, AlarmState::Alarm);
    assert_eq!(Machine::new(&world, "r-1", plan()).finish().state, State::Refused);
    assert_eq!(world.state().scaling["checkout-a"], FOUND);
}
