//! A service in another account: everything of it is asked there, Teal's own stays here, and two accounts are told apart.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::ports::{AlarmState, Scaling};
use teal::release::{Act, Intent, Phase};
use teal::request::Ask;
use teal::state::State;
use teal::time::after;
use teal_sim::{ALARM, GROUP_A, GROUP_B, LISTENER, Machine, TEAL_ACCOUNT, World, forward, plan};

/// The account of the listener.
const SERVICE: &str = "123456789012";

fn document(external_id: &str) -> Value {
    let mut plan = plan();
    plan["account"] =
        json!({"role": format!("arn:aws:iam::{SERVICE}:role/TealRelease-checkout"), "externalId": external_id});
    plan
}

/// A world whose service answers only those who have assumed a role in its account.
fn world() -> World {
    let world = World::new();
    world.state().home = Some(SERVICE.to_owned());
    world.state().external_id = Some("teal-7f3c".to_owned());
    world
}

#[test]
fn a_release_goes_from_one_account_to_the_other() {
    let world = world();
    let ending = Machine::new(&world, "r-1", document("teal-7f3c")).finish();
    assert_eq!(ending.state, State::Promoted, "{:?}", ending.cause);
    assert_eq!([world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)], [Some(0), Some(100)]);
    assert!(world.state().locks.is_empty());
}

#[test]
fn without_the_role_nothing_of_the_service_is_touched() {
    let world = world();
    let ending = Machine::new(&world, "r-1", plan()).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::CannotBegin)));
}

#[test]
fn a_wrong_external_id_is_refused_and_says_where_to_look() {
    let world = world();
    let ending = Machine::new(&world, "r-1", document("teal-other")).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::CannotBegin)));
    let cause = ending.cause.unwrap();
    for expected in ["trust policy", "externalId", "ReleaseRoles", "TealRelease-checkout"] {
        assert!(cause.contains(expected), "{expected}: {cause}");
    }
    assert!(world.state().locks.is_empty());
}

#[test]
fn a_role_of_teals_own_account_is_refused() {
    let mut document = document("teal-7f3c");
    document["account"]["role"] = json!(format!("arn:aws:iam::{TEAL_ACCOUNT}:role/TealRelease"));
    document["traffic"]["alb"]["listeners"] = json!([LISTENER.replace(SERVICE, TEAL_ACCOUNT)]);
    let ending = Machine::new(&World::new(), "r-1", document).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::PlanInvalid)));
    assert!(ending.cause.unwrap().contains("Leave `account` out"));
}

#[test]
fn an_alarm_counts_for_the_account_that_it_is_in() {
    let world = world();
    let mut machine = Machine::new(&world, "r-1", document("teal-7f3c"));
    machine.run_until(|state| state == State::Bake);
    machine.enter();
    for other in [None, Some(TEAL_ACCOUNT), Some("333333333333")] {
        assert_eq!(world.alarm_raised(other, ALARM).unwrap().unwrap(), vec![], "{other:?}");
    }
    assert!(world.record(machine.release()).unwrap().setback.is_none());
    let effects = world.alarm_raised(Some(SERVICE), ALARM).unwrap().unwrap();
    assert_eq!(effects.len(), 1);
    assert_eq!(world.weight(LISTENER, GROUP_A), Some(100), "at once");
    world.set_alarm(ALARM, AlarmState::Alarm);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)));
}

#[test]
fn an_alarm_of_teals_own_account_counts_for_releases_there() {
    for account in [None, Some(TEAL_ACCOUNT)] {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|state| state == State::Bake);
        machine.enter();
        assert_eq!(world.alarm_raised(Some(SERVICE), ALARM).unwrap().unwrap(), vec![]);
        assert_eq!(world.alarm_raised(account, ALARM).unwrap().unwrap().len(), 1);
    }
}

#[test]
fn a_role_that_is_refused_for_a_while_holds_the_release_and_calls_nobody() {
    let world = world();
    let mut machine = Machine::new(&world, "r-1", document("teal-7f3c"));
    machine.run_until(|state| state == State::Bake);
    machine.enter();
    let weight = world.weight(LISTENER, GROUP_B);
    world.state().external_id = Some("changed".to_owned());
    for _ in 0..3 {
        machine.run_until(|state| state == State::Bake);
        assert_eq!((machine.state(), world.weight(LISTENER, GROUP_B)), (State::Bake, weight));
        machine.enter();
    }
    let record = world.record(machine.release()).unwrap();
    assert!(record.out_of_reach_since.is_some() && record.setback.is_none());
    world.state().external_id = Some("teal-7f3c".to_owned());
    let ending = machine.finish();
    assert_eq!(ending.state, State::Promoted, "{:?}", ending.cause);
    assert_eq!(world.record(machine.release()).unwrap().out_of_reach_since, None);
}

#[test]
fn a_role_that_is_taken_away_midway_calls_for_a_person_and_sweep_goes_on_when_it_is_back() {
    let world = world();
    let mut machine = Machine::new(&world, "r-1", document("teal-7f3c"));
    machine.run_until(|state| state == State::Bake);
    machine.enter();
    world.state().external_id = Some("changed".to_owned());
    let ending = machine.finish();
    assert_eq!(ending.state, State::RollbackNeedsHuman);
    assert!(!world.state().locks.is_empty(), "the route is not given up");
    assert!(world.weight(LISTENER, GROUP_B).unwrap() > 0);
    world.state().external_id = Some("teal-7f3c".to_owned());
    world.state().ended.insert("execution:r-1".to_owned(), "SUCCEEDED".to_owned());
    world.pass(3_600);
    let _ = world.sweep().unwrap();
    assert_eq!([world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)], [Some(100), Some(0)]);
}

#[test]
fn drift_is_looked_for_there_and_a_role_that_is_gone_is_said() {
    let world = world();
    let ending = Machine::new(&world, "r-1", document("teal-7f3c")).finish();
    assert_eq!(ending.state, State::Promoted, "{:?}", ending.cause);
    assert!(world.sweep().unwrap().unwrap().drifted.is_empty());
    world.state().external_id = Some("changed".to_owned());
    let error = world.sweep().unwrap().unwrap_err();
    assert_eq!(error.name, ErrorName::AccessDenied);
    for _ in 0..3 {
        assert!(world.sweep().unwrap().is_ok(), "once a day");
        world.pass(24 * 3_600);
        assert_eq!(world.sweep().unwrap().unwrap_err().name, ErrorName::AccessDenied);
    }
    world.state().external_id = Some("teal-7f3c".to_owned());
    let back = vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])];
    world.state().parts.insert(LISTENER.to_owned(), back);
    assert_eq!(world.sweep().unwrap().unwrap().drifted.len(), 1, "it was not forgotten");
    assert_eq!(world.state().left[LISTENER].closed_told_at, None);
}

const FOUND: Scaling = Scaling { min_capacity: 1, max_capacity: 10, scale_in_suspended: false };
const ROLE: &str = "teal-7f3c";

fn scaled() -> World {
    let world = world();
    world.state().scaling.insert("checkout-a".to_owned(), FOUND);
    world
}

fn lose_role(state: &mut teal_sim::State) {
    state.external_id = Some("changed".to_owned());
}

fn told(world: &World, machine: &Machine<'_>) -> String {
    world.state().stories[machine.release()].iter().map(|entry| entry.fact.to_string() + "\n").collect()
}

#[test]
fn the_end_of_a_promotion_waits_for_the_role_and_in_the_end_says_what_is_left() {
    for away_for in [Some(600), None] {
        let world = scaled();
        let mut machine = Machine::new(&world, "r-1", document(ROLE));
        machine.run_until(|state| state == State::RetireBlue);
        lose_role(&mut world.state());
        let since = world.now();
        let waited = || world.now().duration_since(since).as_secs();
        machine.run_until(|_| away_for.is_some_and(|seconds| waited() >= seconds));
        if away_for.is_some() {
            world.state().external_id = Some(ROLE.to_owned());
        }
        let ending = machine.finish();
        assert_eq!(ending.state, State::Promoted, "{ending:?}");
        let story = told(&world, &machine);
        let is_free = |service: &str| world.state().scaling[service] == FOUND;
        match away_for {
            Some(seconds) => {
                assert!((seconds..seconds + 120).contains(&waited()), "{} s", waited());
                assert!(is_free("checkout-a") && is_free("checkout-b"), "{:?}", world.state().scaling);
                assert!(!story.contains("automatic scaling still takes no"), "{story}");
            }
            None => {
                assert!((900..1_020).contains(&waited()), "{} s", waited());
                for service in ["checkout-a", "checkout-b"] {
                    assert!(!is_free(service));
                    let left = format!("automatic scaling still takes no tasks from {service} (at least 3)");
                    assert_eq!(story.matches(&left).count(), 1, "{left}: {story}");
                }
            }
        }
        assert_eq!(story.matches("the end waits, for 15 minutes at most").count(), 1, "{story}");
        assert!(!story.contains("without a reason"), "{story}");
        assert!(world.state().locks.is_empty());
    }
}

/// A release whose route is on blue again, and that ends when all of the load balancer knows.
fn about_to_be_rolled_back(world: &World) -> Machine<'_> {
    let mut machine = Machine::new(world, "r-1", document(ROLE));
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::Alarm);
    machine.run_until(|_| world.weight(LISTENER, GROUP_B) == Some(0));
    machine.run_until(|state| state == State::RollBack);
    machine
}

#[test]
fn a_role_that_is_lost_anywhere_in_the_end_of_a_rollback_leaves_nothing_behind_when_it_is_back() {
    // Where nothing is scaled, nothing is held, and green is taken in all the same.
    for begin in [scaled, world] {
        let (mut waits, mut calls) = (0, 0..1);
        while let Some(at) = calls.next() {
            let world = begin();
            let found = world.state().scaling.get("checkout-a").copied();
            let mut machine = about_to_be_rolled_back(&world);
            let before = world.calls();
            world.change_at(before + at, lose_role);
            machine.enter();
            calls.end = world.calls() - before;
            waits += usize::from(machine.state() == State::WaitForRollBack);
            world.state().external_id = Some(ROLE.to_owned());
            let ending = machine.finish();
            if ending.state == State::RollbackNeedsHuman {
                // It was lost before the route was read: sweep goes on.
                world.state().ended.insert("execution:r-1".to_owned(), "FAILED".to_owned());
                world.pass(300);
                let _ = world.sweep().unwrap();
            }
            let story = told(&world, &machine);
            assert_eq!(world.record(machine.release()).unwrap().phase, Phase::RolledBack, "at call {at}: {story}");
            let left = world.state().scaling.get("checkout-a").copied();
            assert_eq!(left, found, "at call {at}: {story}");
            let tasks = world.state().services["checkout-b"].desired;
            assert_eq!((tasks, story.matches("green is taken in").count()), (0, 1), "at call {at}: {story}");
        }
        assert!(waits > 0 && calls.end > 5, "{waits} of {calls:?}");
    }
}

/// A rollback whose role is missing at each try from the same call on, which it finds again before the next one: how it ended, after how many
/// seconds, and its story.
fn losing_the_role_at(at: usize) -> (State, i64, String) {
    let world = scaled();
    let mut machine = about_to_be_rolled_back(&world);
    let since = world.now();
    while machine.state() == State::RollBack {
        world.state().external_id = Some(ROLE.to_owned());
        world.change_at(world.calls() + at, lose_role);
        machine.enter();
        machine.run_until(|state| state != State::WaitForRollBack);
    }
    assert_eq!(machine.state() == State::RolledBack, world.state().locks.is_empty(), "at call {at}");
    (machine.state(), world.now().duration_since(since).as_secs(), told(&world, &machine))
}

#[test]
fn the_end_of_a_rollback_waits_for_the_role_for_15_minutes_at_most_and_says_what_is_left() {
    let has_waited = |story: &str| story.contains("the end waits, for 15 minutes at most");
    let mut ends = (0..50).map(losing_the_role_at).filter(|(_, _, story)| has_waited(story));
    // Before the route was read; then the first call behind that.
    let (_, waited, _) = ends.find(|(state, ..)| *state == State::RollbackNeedsHuman).unwrap();
    assert!((900..=960).contains(&waited), "{waited} s");
    let (_, waited, story) = ends.find(|(state, ..)| *state == State::RolledBack).unwrap();
    assert!((900..=960).contains(&waited), "{waited} s");
    let waits = story.matches("the end waits, for 15 minutes at most").count();
    let green = story.matches("green's service checkout-b may still have tasks").count();
    let blue = story.matches("automatic scaling still takes no tasks from checkout-a (at least 3)").count();
    assert_eq!((waits, green, blue), (1, 1, 1), "{story}");
}

#[test]
fn a_role_that_stays_away_once_all_is_on_blue_is_waited_for_before_a_person_is_called() {
    for away_for in [Some(600), None] {
        let world = scaled();
        let mut machine = about_to_be_rolled_back(&world);
        lose_role(&mut world.state());
        let since = world.now();
        let waited = || world.now().duration_since(since).as_secs();
        machine.run_until(|_| away_for.is_some_and(|seconds| waited() >= seconds));
        // Another alarm finds done what it is to do.
        if away_for.is_some() {
            let _ = world.alarm_raised(Some(SERVICE), ALARM).unwrap();
            assert_eq!(world.record(machine.release()).unwrap().phase, Phase::RollBack);
            world.state().external_id = Some(ROLE.to_owned());
        }
        let ending = machine.finish();
        let story = told(&world, &machine);
        match away_for {
            Some(seconds) => {
                assert_eq!(ending.state, State::RolledBack, "{story}");
                assert!((seconds..seconds + 120).contains(&waited()), "{} s", waited());
                assert!(!story.contains("a person is needed"), "{story}");
            }
            None => {
                assert_eq!(ending.state, State::RollbackNeedsHuman, "{story}");
                assert!((900..1_020).contains(&waited()), "{} s", waited());
                world.state().ended.insert("execution:r-1".to_owned(), "FAILED".to_owned());
                for (role, phase) in [("changed", Phase::RollbackNeedsHuman), (ROLE, Phase::RolledBack)] {
                    world.state().external_id = Some(role.to_owned());
                    world.pass(300);
                    let _ = world.sweep().unwrap();
                    assert_eq!(world.record(machine.release()).unwrap().phase, phase, "{}", told(&world, &machine));
                }
            }
        }
        assert_eq!(story.matches("the end waits, for 15 minutes at most").count(), 1, "{story}");
        assert_eq!(world.state().scaling["checkout-a"], FOUND);
    }
}

#[test]
fn a_person_is_called_at_once_where_a_shift_may_have_come_after_the_traffic_was_on_blue() {
    let world = scaled();
    let mut machine = about_to_be_rolled_back(&world);
    {
        let mut state = world.state();
        let record = state.records.get_mut(machine.release()).unwrap();
        let (share, act_by) = (record.timeline.stages()[0].weight, after(record.restored_at.unwrap(), 5));
        record.intents.push(Intent { invocation: "late".to_owned(), act: Act::Shift { share }, act_by });
    }
    lose_role(&mut world.state());
    let since = world.now();
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    assert!(world.now().duration_since(since).as_secs() < 60);
}

/// A release that a person, who was called since blue is sick, leaves on green; the next sweep ends it.
fn left_on_green(world: &World) -> Machine<'_> {
    let mut machine = Machine::new(world, "r-1", document(ROLE));
    machine.run_until(|state| state == State::Bake);
    world.state().sick.insert("checkout-a".to_owned());
    world.set_alarm(ALARM, AlarmState::Alarm);
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 0), (GROUP_B, 100)])]);
    world.ask(machine.release(), Ask::LeaveOnGreen);
    machine
}

/// A release that a person, who was called since its listener is gone, ends without it; the next sweep does.
fn given_up(world: &World) -> Machine<'_> {
    let mut machine = Machine::new(world, "r-1", document(ROLE));
    machine.run_until(|state| state == State::Bake);
    world.state().parts.remove(LISTENER);
    assert_eq!(machine.finish().state, State::RollbackNeedsHuman);
    world.ask(machine.release(), Ask::GiveUp);
    world.pass(300);
    machine
}

fn lose_the_role_anywhere_at_the_end(begin: fn(&World) -> Machine<'_>, asked: &str) {
    let (mut waits, mut calls) = (0, 0..1);
    while let Some(at) = calls.next() {
        let world = scaled();
        let machine = begin(&world);
        world.state().ended.insert("execution:r-1".to_owned(), "FAILED".to_owned());
        let before = world.calls();
        world.change_at(before + at, lose_role);
        let _ = world.sweep().unwrap();
        calls.end = world.calls() - before;
        let phase = || world.record(machine.release()).unwrap().phase;
        if phase() == Phase::RollBack {
            waits += 1;
            assert!(!told(&world, &machine).contains(asked), "at call {at}: it has not ended");
        }
        world.state().external_id = Some(ROLE.to_owned());
        world.pass(300);
        let _ = world.sweep().unwrap();
        if told(&world, &machine).contains("all traffic is on blue, which cannot serve it") {
            assert_eq!(phase(), Phase::RollBack, "at call {at}: blue is waited for");
            world.state().sick.clear();
            world.pass(300);
            let _ = world.sweep().unwrap();
        }
        let story = told(&world, &machine);
        assert_eq!(phase(), Phase::RolledBack, "at call {at}: {story}");
        // Blue gets the traffic where its health cannot be read.
        let is_on_blue = story.contains("all traffic is on blue again");
        assert_eq!(story.matches(asked).count(), usize::from(!is_on_blue), "at call {at}: {story}");
    }
    assert!(waits > 0 && calls.end > 5, "{waits} of {calls:?}");
}

#[test]
fn a_role_that_is_lost_while_a_person_ends_a_release_makes_nothing_be_told_twice_or_forgotten() {
    lose_the_role_anywhere_at_the_end(left_on_green, "asked to end it with the traffic on green");
    lose_the_role_anywhere_at_the_end(given_up, "asked to end it without what is missing");
}
