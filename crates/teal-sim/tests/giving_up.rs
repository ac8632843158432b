//! A part of the route that is not there any more keeps its release from ending, until a person gives it up.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;
use teal::ports::AlarmState;
use teal::release::{Phase, ReleaseId};
use teal::request::Ask;
use teal::route::Action;
use teal::state::State;
use teal::units::Share;
use teal_sim::{ALARM, GROUP_A, GROUP_B, LISTENER, Machine, SECOND_LISTENER, World, forward, plan};

fn id() -> ReleaseId {
    ReleaseId::new("r-1").unwrap()
}

/// A release whose listener somebody takes away, or changes, while it bakes.
fn called(listener: Option<Vec<Action>>) -> World {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    match listener {
        Some(actions) => world.state().parts.insert(LISTENER.to_owned(), actions),
        None => world.state().parts.remove(LISTENER),
    };
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    let told = told(&world);
    assert!(told.contains("`teal abort r-1` ends the release without it"), "{told}");
    world.state().ended.insert("execution:r-1".to_owned(), "SUCCEEDED".to_owned());
    swept(&world);
    world
}

fn swept(world: &World) {
    world.pass(3_600);
    let _ = world.sweep().unwrap();
}

fn phase(world: &World) -> Phase {
    world.record(&id()).unwrap().phase
}

fn told(world: &World) -> String {
    let state = world.state();
    state.stories[&id()].iter().map(|entry| entry.fact.to_string() + "\n").collect()
}

fn green_tasks(world: &World) -> u32 {
    world.state().services["checkout-b"].desired
}

#[test]
fn a_listener_that_is_gone_is_given_up_by_a_person_only() {
    let world = called(None);
    assert_eq!(phase(&world), Phase::RollbackNeedsHuman);
    assert!(!world.state().locks.is_empty());
    world.ask(&id(), Ask::Abort);
    swept(&world);
    assert_eq!(phase(&world), Phase::RollbackNeedsHuman, "an abort from before it was known gives nothing up");
    world.ask(&id(), Ask::GiveUp);
    swept(&world);
    assert_eq!(phase(&world), Phase::RolledBack, "{}", told(&world));
    assert!(world.state().locks.is_empty());
    assert_eq!(green_tasks(&world), 0);
    let told = told(&world);
    assert!(told.contains("user/ada asked to end it without what is missing"), "{told}");
    assert!(!told.contains("all traffic is on blue again"), "{told}");
}

#[test]
fn green_keeps_its_tasks_for_what_is_given_back_when_the_rest_is_given_up() {
    let world = World::new();
    let mut with_two = plan();
    with_two["traffic"]["alb"]["listeners"] = json!([LISTENER, SECOND_LISTENER]);
    let actions = world.state().parts[LISTENER].clone();
    world.state().parts.insert(SECOND_LISTENER.to_owned(), actions);
    let mut machine = Machine::new(&world, "r-1", with_two);
    machine.run_until(|state| state == State::Bake);
    world.state().parts.remove(LISTENER);
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    world.state().ended.insert("execution:r-1".to_owned(), "SUCCEEDED".to_owned());
    world.ask(&id(), Ask::GiveUp);
    // Somebody gives green weight on the listener that is left.
    world.state().parts.insert(SECOND_LISTENER.to_owned(), vec![forward(&[(GROUP_A, 0), (GROUP_B, 100)])]);
    swept(&world);
    assert_eq!(world.weight(SECOND_LISTENER, GROUP_B), Some(0), "{}", told(&world));
    assert!(green_tasks(&world) > 0, "some nodes of the load balancer may still ask it");
    swept(&world);
    assert_eq!((phase(&world), green_tasks(&world)), (Phase::RolledBack, 0), "{}", told(&world));
}

#[test]
fn green_stays_where_what_is_given_up_sends_traffic_to_it() {
    let world = called(Some(vec![forward(&[(GROUP_B, 100)])]));
    world.ask(&id(), Ask::GiveUp);
    swept(&world);
    assert_eq!(phase(&world), Phase::RolledBack, "{}", told(&world));
    assert!(green_tasks(&world) > 0);
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(100));
    assert!(told(&world).contains("still sends traffic to it"), "{}", told(&world));
}

#[test]
fn the_traffic_stays_on_green_where_blue_had_its_time_and_a_person_says_so() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    world.state().sick.insert("checkout-a".to_owned());
    world.set_alarm(ALARM, AlarmState::Alarm);
    // Asked before a person was called for it, it has its effect no sooner.
    world.ask(&id(), Ask::LeaveOnGreen);
    machine.run_until(|state| state == State::WaitForRollBack);
    machine.run_until(|state| state == State::RollBack);
    let since = world.record(&id()).unwrap().kept_on_green_since.unwrap();
    let _ = world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 0), (GROUP_B, 100)])]);
    let ending = machine.finish();
    assert_eq!(ending.state, State::RolledBack, "{ending:?}");
    assert!(world.now().duration_since(since).as_secs() >= 900, "blue had a quarter of an hour");
    assert!(world.state().locks.is_empty());
    assert!(green_tasks(&world) > 0);
    let record = world.record(&id()).unwrap();
    assert_eq!((world.weight(LISTENER, GROUP_B), record.green_share), (Some(100), Share::ALL));
    let told = told(&world);
    assert!(told.contains("asked to end it with the traffic on green"), "{told}");
}

/// A release over two listeners with a tenth on green and a blue that has been sick for so long that a person was called; its execution has ended.
fn called_for_blue() -> World {
    let world = World::new();
    let mut plan = plan();
    plan["traffic"]["alb"]["listeners"] = json!([LISTENER, SECOND_LISTENER]);
    let actions = world.state().parts[LISTENER].clone();
    world.state().parts.insert(SECOND_LISTENER.to_owned(), actions);
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|state| state == State::Bake);
    world.state().sick.insert("checkout-a".to_owned());
    world.set_alarm(ALARM, AlarmState::Alarm);
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    world.state().ended.insert("execution:r-1".to_owned(), "FAILED".to_owned());
    world
}

fn give_green_everything(world: &World, listener: &str) {
    let _ = world.state().parts.insert(listener.to_owned(), vec![forward(&[(GROUP_A, 0), (GROUP_B, 100)])]);
}

#[test]
fn no_release_ends_in_between_where_a_person_leaves_it_on_green() {
    let world = called_for_blue();
    world.ask(&id(), Ask::LeaveOnGreen);
    swept(&world);
    assert_eq!(phase(&world), Phase::RollbackNeedsHuman, "green has a tenth");
    assert!(told(&world).contains("Give green all the weight there"), "{}", told(&world));
    give_green_everything(&world, LISTENER);
    swept(&world);
    assert_eq!(phase(&world), Phase::RollbackNeedsHuman, "green has a tenth of one listener");
    assert!(!world.state().locks.is_empty());
    give_green_everything(&world, SECOND_LISTENER);
    swept(&world);
    assert_eq!((phase(&world), world.record(&id()).unwrap().green_share), (Phase::RolledBack, Share::ALL));
    assert!(world.state().locks.is_empty());
    assert!(world.sweep().unwrap().unwrap().drifted.is_empty(), "the route is as the release left it");
}

#[test]
fn who_leaves_a_release_on_green_gives_up_what_is_missing_too() {
    let world = called_for_blue();
    world.state().parts.remove(SECOND_LISTENER);
    give_green_everything(&world, LISTENER);
    world.ask(&id(), Ask::LeaveOnGreen);
    swept(&world);
    assert_eq!(phase(&world), Phase::RolledBack, "{}", told(&world));
    assert!(world.state().locks.is_empty());
    assert!(told(&world).contains("left as found") && told(&world).contains(SECOND_LISTENER), "{}", told(&world));
}

#[test]
fn what_is_there_and_refused_is_not_given_up() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    world.state().denied = true;
    world.ask(&id(), Ask::Abort);
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    world.state().ended.insert("execution:r-1".to_owned(), "SUCCEEDED".to_owned());
    world.ask(&id(), Ask::GiveUp);
    swept(&world);
    assert_eq!(phase(&world), Phase::RollbackNeedsHuman);
    world.state().denied = false;
    swept(&world);
    assert_eq!((phase(&world), world.weight(LISTENER, GROUP_B)), (Phase::RollBack, Some(0)));
    swept(&world);
    assert_eq!((phase(&world), world.weight(LISTENER, GROUP_B)), (Phase::RolledBack, Some(0)));
}

#[test]
fn traffic_is_kept_on_green_only_as_long_as_blue_is_why() {
    let gone: fn(&World) = |world| {
        world.state().parts.remove(LISTENER);
        world.state().parts.remove(SECOND_LISTENER);
    };
    let refused: fn(&World) = |world| {
        world.state().sick.clear();
        world.state().denied = true;
    };
    for (what, change, is_kept) in
        [("sick", (|_| {}) as fn(&World), true), ("gone", gone, false), ("refused", refused, false)]
    {
        let world = called_for_blue();
        change(&world);
        swept(&world);
        assert_eq!(phase(&world), Phase::RollbackNeedsHuman, "{what}: {}", told(&world));
        assert_eq!(world.record(&id()).unwrap().kept_on_green_since.is_some(), is_kept, "{what}");
    }
}

fn publish(world: &World) -> (String, String) {
    // At its event and by the schedule it comes to the same.
    for release in [Some(&id()), None] {
        let _ = world.publish_weights(release).unwrap().unwrap();
    }
    let state = world.state();
    let value = |group: &str| state.parameters[&format!("/teal/weights/checkout/{group}")].clone();
    (value("checkout-a"), value("checkout-b"))
}

#[test]
fn what_is_given_up_is_on_record_as_it_is() {
    const OTHER: &str =
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/maintenance/93e2d6bc24d8a069";
    let all = |group: &str| Some(vec![forward(&[(group, 100)])]);
    // What the first listener is left with, and then how much of all that is there green has, and what templates read.
    let cases = [
        (false, all(GROUP_B), Share::ALL, ("0", "100")),
        (false, all(OTHER), Share::NONE, ("100", "0")),
        (false, None, Share::NONE, ("100", "0")),
        (true, all(GROUP_B), Share::NONE, ("100", "0")),
        (true, None, Share::NONE, ("100", "0")),
    ];
    for (has_second, listener, share, weights) in cases {
        let what = format!("{listener:?} beside another one: {has_second}");
        let world = World::new();
        let mut plan = plan();
        plan["traffic"]["weightParameters"] = json!("/teal/weights/checkout");
        if has_second {
            plan["traffic"]["alb"]["listeners"] = json!([LISTENER, SECOND_LISTENER]);
            let actions = world.state().parts[LISTENER].clone();
            world.state().parts.insert(SECOND_LISTENER.to_owned(), actions);
        }
        let mut machine = Machine::new(&world, "r-1", plan);
        machine.run_until(|state| state == State::Bake);
        match listener {
            Some(actions) => world.state().parts.insert(LISTENER.to_owned(), actions),
            None => world.state().parts.remove(LISTENER),
        };
        assert_eq!(machine.finish().state, State::RollbackNeedsHuman, "{what}");
        world.state().ended.insert("execution:r-1".to_owned(), "SUCCEEDED".to_owned());
        world.ask(&id(), Ask::GiveUp);
        swept(&world);
        swept(&world);
        assert_eq!((phase(&world), world.record(&id()).unwrap().green_share), (Phase::RolledBack, share), "{what}");
        assert_eq!(world.sweep().unwrap().unwrap().drifted, Vec::<String>::new(), "{what}: it is as it was left");
        assert_eq!(publish(&world), (weights.0.to_owned(), weights.1.to_owned()), "{what}");
        if has_second {
            give_green_everything(&world, SECOND_LISTENER);
            assert_eq!(world.sweep().unwrap().unwrap().drifted, [SECOND_LISTENER], "{what}");
        }
    }
}
