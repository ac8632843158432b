//! What a release that goes back makes of a deployment: when it says that all is on blue, how long blue has to come up, and what is left to
//! a person when blue is gone.

use super::{COURSE, PLAN, RELEASE, begun, document, finish, is_on_blue, run_until, started};
use serde_json::json;
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::release::Phase;
use teal::request::Ask;
use teal::state::State;
use teal::units::Share;
use teal_sim::{
    ALARM, Deployment, Fault, FaultKind, GROUP_A, GROUP_B, LISTENER, Machine, Move, SECOND_LISTENER, TEST_LISTENER,
    World, forward,
};

fn told(world: &World, machine: &Machine<'_>) -> String {
    world.state().stories[machine.release()].iter().map(|entry| entry.fact.to_string() + "\n").collect()
}

/// A release that goes back although its deployment has ended well and took blue with it, when a person was called for that.
fn called_without_blue(world: &World) -> Machine<'_> {
    let mut plan = document();
    plan["afterwards"] = json!({"bake": "5m", "keepBlue": "2h"});
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    let mut machine = started(world);
    run_until(world, &mut machine, |world, _| !world.state().deployment.as_ref().unwrap().is_active());
    world.state().services.remove("checkout-a");
    world.set_alarm(ALARM, AlarmState::Alarm);
    let ending = finish(world, &mut machine);
    assert_eq!(ending.state, State::RollbackNeedsHuman, "{ending:?}");
    world.state().ended.insert(format!("execution:{}", machine.release()), "FAILED".to_owned());
    machine
}

/// Once it is stopped its deployment gives no traffic back, and is at it for so many seconds.
fn leaves_traffic_on_green(world: &World, seconds: u64) {
    let mut state = world.state();
    let deployment = state.deployment.as_mut().unwrap();
    (deployment.back_fails, deployment.back_seconds) = (true, seconds);
}

fn swept(world: &World) {
    world.pass(300);
    let _ = world.sweep().unwrap();
}

#[test]
fn a_release_whose_deployment_took_blue_ends_on_green_when_a_person_says_so() {
    let world = begun(&COURSE);
    let machine = called_without_blue(&world);
    let (id, phase) = (machine.release().clone(), || world.record(machine.release()).unwrap().phase);
    let todo = told(&world, &machine);
    assert!(todo.contains(&format!("`teal abort {id}` then ends the release with the traffic on green")), "{todo}");
    // What is asked for something else leaves nothing on green.
    for ask in [Ask::Abort, Ask::GiveUp] {
        world.ask(&id, ask);
        swept(&world);
        assert_eq!(phase(), Phase::RollbackNeedsHuman, "{ask:?}");
        assert!(!world.state().locks.is_empty());
    }
    world.ask(&id, Ask::LeaveOnGreen);
    swept(&world);
    assert_eq!(phase(), Phase::RolledBack, "{}", told(&world, &machine));
    assert!(world.state().locks.is_empty());
    assert_eq!(world.state().green_permille(), 1000, "nobody is sent to a blue without targets");
    assert!(world.state().services["replacement"].desired > 0, "green serves");
    assert_eq!(world.record(&id).unwrap().green_share, Share::ALL, "what the weights are");
    let told = told(&world, &machine);
    assert!(
        told.contains("user/ada asked to end it with the traffic on green") && told.contains("no targets"),
        "{told}"
    );
    assert!(!told.contains("all traffic is on blue again"), "{told}");
    assert!(world.sweep().unwrap().unwrap().drifted.is_empty(), "the route is as the release left it");
}

#[test]
fn a_blue_that_comes_back_gets_the_traffic_though_a_person_gave_it_up() {
    let world = begun(&COURSE);
    let blue = world.state().services["checkout-a"].clone();
    let machine = called_without_blue(&world);
    world.ask(machine.release(), Ask::LeaveOnGreen);
    world.state().services.insert("checkout-a".to_owned(), blue);
    swept(&world);
    swept(&world);
    assert_eq!(world.record(machine.release()).unwrap().phase, Phase::RolledBack);
    assert!(is_on_blue(&world));
}

#[test]
fn one_read_that_lags_behind_is_not_taken_for_the_way_back() {
    // It goes back slowly; it ends at once, with the traffic left where it is.
    for (back_fails, back_seconds) in [(false, 20), (true, 0)] {
        let mut calls = 0..1;
        while let Some(at) = calls.next() {
            let world = begun(&COURSE);
            if let Some(deployment) = world.state().deployment.as_mut() {
                (deployment.back_fails, deployment.back_seconds) = (back_fails, back_seconds);
            }
            let mut machine = started(&world);
            // Just after green got its share a read may still tell what was there before.
            run_until(&world, &mut machine, |world, _| world.state().green_permille() == 100);
            let before = world.calls();
            world.inject(Fault { at_call: before + at, kind: FaultKind::StaleRead });
            let _ = world.alarm_raised(None, ALARM).unwrap();
            calls.end = world.calls() - before;
            let record = world.record(machine.release()).unwrap();
            let on_green = world.state().green_permille();
            assert!(
                record.restored_at.is_none() || on_green == 0,
                "stale at call {at} (fails to go back: {back_fails}): it says that all is on blue, and green has {on_green}"
            );
            let phase = record.phase;
            assert_ne!(phase, Phase::RollbackNeedsHuman, "stale at call {at}: {}", told(&world, &machine));
        }
        assert!(calls.end > 5, "{calls:?}");
    }
}

#[test]
fn a_read_that_lags_behind_tells_nothing_that_was_there_for_no_time() {
    // A deployment that hurries takes all its steps at once.
    let mut course = COURSE.to_vec();
    course.splice(6..8, [Move::Shift(100, 0), Move::Shift(500, 0), Move::Shift(1000, 0)]);
    let mut calls = 0..1;
    let mut told = Vec::new();
    while let Some(at) = calls.next() {
        let world = begun(&course);
        let mut machine = started(&world);
        run_until(&world, &mut machine, |world, _| world.state().green_permille() == 1000);
        let before = world.calls();
        world.inject(Fault { at_call: before + at, kind: FaultKind::StaleRead });
        let _ = world.alarm_raised(None, ALARM).unwrap();
        calls.end = world.calls() - before;
        told.push(world.record(machine.release()).unwrap().green_share);
    }
    assert!(told.iter().all(|share| [Share::NONE, Share::ALL].contains(share)), "{told:?}");
    assert!(told.contains(&Share::NONE) && told.contains(&Share::ALL), "{told:?}");
}

#[test]
fn a_blue_that_is_healthy_when_it_is_attached_again_has_the_traffic_at_once() {
    let world = begun(&COURSE);
    world.state().deployment.as_mut().unwrap().back_fails = true;
    let mut machine = started(&world);
    run_until(&world, &mut machine, |world, _| world.state().green_permille() == 1000);
    assert_eq!(world.weight(LISTENER, GROUP_A), None, "a deployment leaves blue on no listener");
    world.set_alarm(ALARM, AlarmState::Alarm);
    let ending = run_until(&world, &mut machine, |world, _| world.weight(LISTENER, GROUP_A).is_some());
    assert!(is_on_blue(&world), "{ending:?}: {}", told(&world, &machine));
    assert!(!told(&world, &machine).contains("stays on green"), "{}", told(&world, &machine));
    let ending = finish(&world, &mut machine);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)), "{ending:?}");
}

#[test]
fn blue_has_its_time_from_when_it_is_attached_again() {
    let world = begun(&COURSE);
    // Just when a person would be called for a deployment that goes on for too long.
    leaves_traffic_on_green(&world, 1_795);
    let mut machine = started(&world);
    run_until(&world, &mut machine, |world, _| world.state().green_permille() == 1000);
    world.set_alarm(ALARM, AlarmState::Alarm);
    world.state().sick.insert("checkout-a".to_owned());
    let ending = run_until(&world, &mut machine, |world, _| world.weight(LISTENER, GROUP_A).is_some());
    let attached_at = world.now();
    assert_ne!(ending.state, State::RollbackNeedsHuman, "its checks have just begun: {ending:?}");
    let waited = |world: &World| world.now().duration_since(attached_at).as_secs();
    run_until(&world, &mut machine, |world, _| waited(world) >= 840);
    assert_ne!(machine.state(), State::RollbackNeedsHuman);
    assert_eq!(world.state().green_permille(), 1000, "blue cannot serve yet");
    world.state().sick.clear();
    let ending = finish(&world, &mut machine);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)), "{ending:?}");
    assert!(is_on_blue(&world));
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(0));
    assert!(!world.state().deployment.as_ref().is_some_and(Deployment::is_active));
}

#[test]
fn what_another_run_has_given_back_is_not_undone_by_attaching_blue() {
    let mut calls = 0..1;
    let mut undone = 0;
    while let Some(at) = calls.next() {
        let world = begun(&COURSE);
        world.state().deployment.as_mut().unwrap().back_fails = true;
        let mut machine = started(&world);
        run_until(&world, &mut machine, |world, _| world.state().green_permille() == 1000);
        world.state().deployment.as_mut().unwrap().back_seconds = 0;
        // What it attaches is not known to serve, so it writes no more than that.
        world.state().sick.insert("checkout-a".to_owned());
        let before = world.calls();
        world.change_at(before + at, |state| {
            state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])]);
        });
        let _ = world.alarm_raised(None, ALARM).unwrap();
        calls.end = world.calls() - before;
        undone += usize::from(!is_on_blue(&world));
    }
    assert!(calls.end > 10, "{calls:?}");
    // Between the reading and the write there is no call; the change at the write itself comes before it.
    assert!(undone <= 1, "{undone} of {calls:?}");
}

#[test]
fn weights_that_change_from_reading_to_reading_cost_no_request_more_than_promised() {
    // As many as on-alarm makes here at most.
    const CALLS: usize = 18;
    let mut most = 0;
    for (given_back_at, taken_at) in (0..CALLS).flat_map(|from| (from..CALLS).map(move |to| (from, to))) {
        let world = begun(&COURSE);
        leaves_traffic_on_green(&world, 0);
        let mut machine = started(&world);
        run_until(&world, &mut machine, |world, _| world.state().green_permille() == 1000);
        let before = world.calls();
        world.change_at(before + given_back_at, |state| {
            state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100)])]);
        });
        world.change_at(before + taken_at, |state| {
            state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_B, 100)])]);
        });
        world.set_alarm(ALARM, AlarmState::Alarm);
        let _ = world.alarm_raised(None, ALARM).unwrap();
        let when = format!("given back at {given_back_at}, taken at {taken_at}");
        assert_eq!(world.breaches_by_deployment(), [], "{when}");
        most = most.max(world.calls() - before);
        let ending = finish(&world, &mut machine);
        assert_eq!(ending.state, State::RolledBack, "{when}: {ending:?}");
        assert!(is_on_blue(&world), "{when}");
    }
    assert_eq!(most, CALLS);
}

#[test]
fn green_is_not_said_to_have_a_route_that_is_gone() {
    let world = begun(&COURSE);
    leaves_traffic_on_green(&world, 0);
    let mut machine = started(&world);
    run_until(&world, &mut machine, |world, _| world.state().green_permille() == 100);
    world.state().parts.remove(LISTENER);
    world.set_alarm(ALARM, AlarmState::Alarm);
    let _ = world.alarm_raised(None, ALARM).unwrap();
    assert_eq!(finish(&world, &mut machine).state, State::RollbackNeedsHuman);
    let share = world.record(machine.release()).unwrap().green_share;
    assert_ne!(share, Share::ALL, "templates would read that green has everything");
}

#[test]
fn a_part_of_the_route_that_is_gone_keeps_no_other_part_on_green() {
    for (back_fails, gone) in [(true, SECOND_LISTENER), (true, TEST_LISTENER), (false, SECOND_LISTENER)] {
        let world = begun(&COURSE);
        let mut plan = document();
        plan["traffic"]["alb"]["listeners"] = json!([SECOND_LISTENER, LISTENER]);
        {
            let mut state = world.state();
            state.plans.insert(PLAN.to_owned(), plan.to_string());
            state.parts.insert(SECOND_LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100)])]);
            let deployment = state.deployment.as_mut().unwrap();
            (deployment.back_fails, deployment.back_seconds) = (back_fails, 0);
        }
        let mut machine = started(&world);
        run_until(&world, &mut machine, |world, _| world.state().green_permille() == 1000);
        world.state().parts.remove(gone);
        world.set_alarm(ALARM, AlarmState::Alarm);
        let _ = world.alarm_raised(None, ALARM).unwrap();
        assert!(is_on_blue(&world), "{gone} is gone, ({back_fails})");
        let ending = finish(&world, &mut machine);
        if gone == TEST_LISTENER {
            assert_eq!(ending.state, State::RolledBack, "{ending:?}");
            continue;
        }
        assert_eq!(ending.state, State::RollbackNeedsHuman, "{ending:?}");
        let told = told(&world, &machine);
        assert!(told.contains(&format!("{gone} is gone")), "{told}");
        world.state().ended.insert(format!("execution:{RELEASE}"), "FAILED".to_owned());
        world.ask(machine.release(), Ask::GiveUp);
        swept(&world);
        let record = world.record(machine.release()).unwrap();
        assert_eq!((record.phase, record.green_share), (Phase::RolledBack, Share::NONE), "{told}");
    }
}

#[test]
fn a_deployment_with_nothing_behind_what_it_is_to_replace_fails() {
    let world = begun(&[Move::Install(90), Move::Shift(1000, 0)]);
    {
        let mut state = world.state();
        state.services.retain(|_, service| service.group != GROUP_B);
        let deployment = state.deployment.as_mut().unwrap();
        (deployment.blue, deployment.green) = (GROUP_B, GROUP_A);
    }
    world.pass(60);
    assert!(world.state().deployment.as_ref().unwrap().is_active());
    // It goes back for some seconds.
    world.pass(60);
    world.pass(60);
    assert!(!world.state().deployment.as_ref().unwrap().is_active(), "it would install for ever");
}

#[test]
fn a_person_who_is_called_because_of_another_deployment_is_told_of_that_one_and_since_when_the_release_goes_back() {
    let world = begun(&COURSE);
    leaves_traffic_on_green(&world, 1_200);
    let mut machine = started(&world);
    run_until(&world, &mut machine, |world, _| world.state().green_permille() == 100);
    world.set_alarm(ALARM, AlarmState::Alarm);
    run_until(&world, &mut machine, |world, _| !world.state().deployment.as_ref().unwrap().is_active());
    // As soon as Teal's own is over somebody begins another one.
    let mut other = Deployment::new(vec![Move::Install(100_000)], world.now());
    other.id = "d-OTHER5678".to_owned();
    let own = world.state().deployment.replace(other).unwrap();
    world.state().past_deployments.insert(own.id.clone(), own);
    assert_eq!(finish(&world, &mut machine).state, State::RollbackNeedsHuman);
    let decided_at = world.record(machine.release()).unwrap().setback.unwrap().decided_at;
    let told = told(&world, &machine);
    let todo = told.lines().find(|line| line.contains("a person is needed")).unwrap();
    let is_told = |words: &str| todo.contains(words);
    assert!(is_told("d-OTHER5678") && !is_told("gone on since"), "it is ten minutes old: {todo}");
    assert!(is_told(&format!("The release goes back since {decided_at}")), "{todo}");
}
