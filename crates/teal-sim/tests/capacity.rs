//! Capacity while a release is under way: automatic scaling takes nothing, and a blue that cannot serve is not given the traffic.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use teal::error::ErrorName;
use teal::ports::{AlarmState, Scaling};
use teal::release::Phase;
use teal::request::Ask;
use teal::state::State;
use teal::story::Fact;
use teal::time::seconds_until;
use teal_sim::{
    ALARM, Disturbance, Fault, FaultKind, Function, GROUP_A, GROUP_B, Happening, LISTENER, Machine, Place, Planned,
    World, forward, plan, rehearse,
};

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

fn split(world: &World) -> (Option<u16>, Option<u16>) {
    (world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B))
}

fn baking(world: &World) -> Machine<'_> {
    let mut machine = Machine::new(world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    machine
}

#[test]
fn a_blue_without_tasks_is_brought_up_again_before_it_gets_the_traffic() {
    let world = World::new();
    world.state().task_seconds = 60;
    let mut machine = baking(&world);
    world.state().services.get_mut("checkout-a").unwrap().desired = 0;
    world.set_alarm(ALARM, AlarmState::Alarm);
    machine.run_until(|state| state == State::WaitForRollBack);
    assert_eq!(split(&world), (Some(900), Some(100)), "it would answer nobody");
    assert_eq!(world.state().services["checkout-a"].desired, 3, "brought up to the size that it had");
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)));
    assert_eq!(split(&world), (Some(100), Some(0)));
    let story = world.state().stories[machine.release()].clone();
    let kept = story.iter().filter(|entry| matches!(entry.fact, Fact::KeptOnGreen { .. })).count();
    assert_eq!(kept, 1, "told once");
}

#[test]
fn where_blue_does_not_come_up_a_person_is_called() {
    let world = World::new();
    let mut machine = baking(&world);
    world.state().sick.insert("checkout-a".to_owned());
    world.set_alarm(ALARM, AlarmState::Alarm);
    let ending = machine.finish();
    assert_eq!(ending.state, State::RollbackNeedsHuman);
    assert_eq!(split(&world), (Some(900), Some(100)));
    assert!(!world.state().locks.is_empty(), "nobody else touches the route meanwhile");
    let story = world.state().stories[machine.release()].clone();
    let todo = story.iter().find(|entry| matches!(entry.fact, Fact::NeedsHuman { .. })).unwrap().fact.to_string();
    assert!(todo.contains("Bring service checkout-a up (3 tasks)"), "{todo}");
}

fn told(world: &World, machine: &Machine<'_>) -> String {
    world.state().stories[machine.release()].iter().map(|entry| entry.fact.to_string() + "\n").collect()
}

/// A release that an alarm has ended, with everything on blue, which goes down in that moment.
fn blue_goes_down_once_it_has_everything(world: &World) -> Machine<'_> {
    let mut machine = baking(world);
    world.set_alarm(ALARM, AlarmState::Alarm);
    machine.run_until(|_| world.weight(LISTENER, GROUP_B) == Some(0));
    machine
}

#[test]
fn a_blue_that_goes_down_when_it_has_got_the_traffic_is_brought_up_and_green_stays_until_then() {
    let world = World::new();
    world.state().task_seconds = 60;
    let mut machine = blue_goes_down_once_it_has_everything(&world);
    world.state().services.get_mut("checkout-a").unwrap().desired = 0;
    let down_at = world.now();
    machine.run_until(|_| world.state().services["checkout-a"].desired > 0);
    assert!(seconds_until(down_at, world.now()) <= 15);
    machine.run_until(|_| seconds_until(down_at, world.now()) >= 45);
    assert!(world.state().services["checkout-b"].desired > 0, "it is the only one that could serve");
    assert_eq!(split(&world), (Some(100), Some(0)), "the verdict was against green");
    assert_eq!(machine.finish().state, State::RolledBack);
    assert_eq!(world.state().services["checkout-b"].desired, 0);
    let told = told(&world, &machine);
    assert_eq!(told.matches("all traffic is on blue, which cannot serve it: blue's").count(), 1, "told once: {told}");
}

#[test]
fn for_a_blue_that_has_the_traffic_and_stays_down_a_person_is_called() {
    let world = World::new();
    let mut machine = blue_goes_down_once_it_has_everything(&world);
    world.state().sick.insert("checkout-a".to_owned());
    let down_at = world.now();
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    assert!(seconds_until(down_at, world.now()) >= 900);
    assert!(world.state().services["checkout-b"].desired > 0);
    let told = told(&world, &machine);
    assert!(told.contains("Bring service checkout-a up (3 tasks), then sweep ends the release"), "{told}");
    world.state().sick.clear();
    world.state().ended.insert(format!("execution:{}", machine.release()), "SUCCEEDED".to_owned());
    world.pass(300);
    let _ = world.sweep().unwrap();
    assert_eq!(world.record(machine.release()).unwrap().phase, Phase::RolledBack);
    assert_eq!(world.state().services["checkout-b"].desired, 0);
}

#[test]
fn where_blue_goes_down_and_green_is_no_better_the_release_ends_and_says_so() {
    let world = World::new();
    let mut machine = blue_goes_down_once_it_has_everything(&world);
    world.state().sick.extend(["checkout-a".to_owned(), "checkout-b".to_owned()]);
    assert_eq!(machine.finish().state, State::RolledBack);
    let told = told(&world, &machine);
    assert!(told.contains("has no healthy target, and green is no better"), "{told}");
}

#[test]
fn where_neither_colour_is_healthy_blue_gets_the_traffic() {
    let world = World::new();
    let mut machine = baking(&world);
    world.state().sick.extend(["checkout-a".to_owned(), "checkout-b".to_owned()]);
    assert_eq!(machine.finish().state, State::RolledBack);
    assert_eq!(split(&world), (Some(100), Some(0)));
}

#[test]
fn a_release_that_has_moved_no_traffic_rolls_back_whatever_blues_health() {
    let world = World::new();
    world.state().task_seconds = 60;
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::WaitForGreen);
    world.state().sick.insert("checkout-a".to_owned());
    world.ask(machine.release(), Ask::Abort);
    assert_eq!(machine.finish().state, State::RolledBack);
}

#[test]
fn a_blue_that_could_not_be_taken_in_scales_as_before() {
    let world = scaled();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::RetireBlue);
    let reset = vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])];
    world.state().parts.insert(LISTENER.to_owned(), reset);
    assert_eq!(machine.finish().state, State::Promoted);
    assert_eq!(world.state().services["checkout-a"].desired, 3, "it has the traffic again");
    assert_eq!(world.state().scaling["checkout-a"], FOUND, "the next release finds the owner's setting");
    assert_eq!(world.state().scaling["checkout-b"], FOUND);
}

/// Blue keeps weight on every step but the last, so its health counts when the weights are read back.
#[test]
fn a_shift_that_finds_blue_sick_when_it_reads_back_does_not_bake() {
    for seed in 0..60 {
        let sick = Disturbance::World(Happening::BlueSick);
        let planned = Planned::at_write(Place::Runs(Function::ShiftTraffic), (seed % 3) as u32, sick);
        let report = rehearse(seed, vec![planned]);
        assert!(report.breaches.is_empty(), "seed {seed}: {:?}", report.breaches);
    }
}

/// Teal has moved no traffic yet, and somebody else has.
#[test]
fn green_that_somebody_gave_weight_to_answers_until_all_of_the_load_balancer_knows() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::ShiftTraffic);
    let changed = vec![forward(&[(GROUP_A, 500), (GROUP_B, 500)])];
    world.state().parts.insert(LISTENER.to_owned(), changed);
    machine.run_until(|_| world.weight(LISTENER, GROUP_B) == Some(0));
    let restored_at = world.now();
    machine.run_until(|_| world.state().services["checkout-b"].desired == 0);
    assert!(seconds_until(restored_at, world.now()) >= 15);
    assert_eq!(machine.finish().error, Some(ErrorName::RouteChanged));
}

/// Teal has moved no traffic, somebody else has, and the run that gave it back was killed before it could say so.
#[test]
fn green_that_somebody_gave_weight_to_stays_for_a_blue_that_goes_down_whoever_gave_it_back() {
    let mut met = 0;
    for call in 0..20 {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|state| state == State::ShiftTraffic);
        let changed = vec![forward(&[(GROUP_A, 0), (GROUP_B, 100)])];
        world.state().parts.insert(LISTENER.to_owned(), changed);
        machine.run_until(|state| state == State::RollBack);
        world.inject(Fault { at_call: world.calls() + call, kind: FaultKind::CrashAfter });
        world.change_at(world.calls() + call + 1, |state| {
            let green = state.parts[LISTENER][0].groups()[1].weight;
            if green == 0 && state.services["checkout-b"].desired > 0 {
                state.sick.insert("checkout-a".to_owned());
            }
        });
        let ending = machine.finish();
        if world.state().sick.is_empty() {
            continue;
        }
        met += 1;
        assert_eq!(ending.state, State::RollbackNeedsHuman, "killed at call {call}");
        assert!(world.state().services["checkout-b"].desired > 0, "killed at call {call}: nothing else could serve");
    }
    assert!(met > 1, "it is killed after the call that gives it back, and later");
}

/// Not all of the load balancer knows at once that green has no weight any more.
#[test]
fn after_a_rollback_green_answers_until_all_of_the_load_balancer_knows() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::Alarm);
    machine.run_until(|_| world.weight(LISTENER, GROUP_B) == Some(0));
    let restored_at = world.now();
    machine.run_until(|_| world.state().services["checkout-b"].desired == 0);
    assert!(seconds_until(restored_at, world.now()) >= 15);
    assert_eq!(machine.finish().state, State::RolledBack);
}
