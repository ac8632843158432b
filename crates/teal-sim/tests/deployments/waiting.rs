//! Deployments that wait for somebody, take their time to go back, or take blue with them.

use super::{
    COURSE, PLAN, WAITING, asked_again, asked_until, begun, document, driven, driven_world, finish, is_on_blue,
    owes_its_last_answer, run_until, started,
};
use serde_json::json;
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::request::Ask;
use teal::state::State;
use teal::units::Span;
use teal_sim::{ALARM, Deployment, Fault, FaultKind, GROUP_A, GROUP_B, Machine, Move, TEST_LISTENER, World, forward};

#[test]
fn a_deployment_that_waits_once_it_has_moved_everything_goes_on_though_blue_is_not_kept() {
    let world = driven_world(&[
        Move::Install(60),
        Move::TestTraffic,
        Move::Wait,
        Move::Shift(100, 900),
        Move::Shift(1000, 0),
        Move::Wait,
    ]);
    let mut plan = driven();
    plan["afterwards"] = json!({"bake": "5m", "keepBlue": "5m"});
    let ending = finish(&world, &mut Machine::new(&world, "r-1", plan));
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    world.pass(1);
    assert!(!world.state().deployment.as_ref().is_some_and(Deployment::is_active), "it still waits");
    assert_eq!(world.breaches_by_deployment(), []);
}

#[test]
fn no_release_ends_before_what_takes_its_deployment_back_has_begun_and_ended() {
    let world = begun(&COURSE);
    world.state().deployment.as_mut().unwrap().back_begins_seconds = 40;
    let mut machine = started(&world);
    run_until(&world, &mut machine, |_, state| state == State::ValidateGreen);
    assert!(is_on_blue(&world));
    world.ask(machine.release(), Ask::Abort);
    let ending = finish(&world, &mut machine);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::Aborted)), "{ending:?}");
    let state = world.state();
    let deployment = state.deployment.as_ref().unwrap();
    assert!(!deployment.is_yet_to_go_back() && !deployment.is_active());
}

#[test]
fn an_execution_that_is_stopped_leaves_the_end_of_a_long_way_back_to_sweep() {
    let world = begun(&COURSE);
    world.state().deployment.as_mut().unwrap().back_seconds = 600;
    let mut machine = started(&world);
    run_until(&world, &mut machine, |world, _| world.state().green_permille() == 100);
    world.state().ended.insert(format!("execution:{}", machine.release()), "ABORTED".to_owned());
    let answer = world.execution_stopped(machine.release()).unwrap();
    assert_eq!(answer.unwrap().next, State::WaitForRollBack, "that it takes its time is no error");
    assert_eq!(world.sweep().unwrap().unwrap().recovered, [], "it is under way");
    let ended = (0..2).flat_map(|_| {
        world.pass(600);
        world.sweep().unwrap().unwrap().recovered
    });
    assert_eq!(ended.collect::<Vec<_>>(), [machine.release().clone()]);
    assert!(is_on_blue(&world));
    assert!(world.record(machine.release()).unwrap().phase.is_terminal());
}

#[test]
fn blue_is_kept_no_longer_than_the_deployment_keeps_it() {
    let begin = |gone: bool| {
        let world = begun(&COURSE);
        let mut plan = document();
        plan["afterwards"] = json!({"bake": "5m", "keepBlue": "2h"});
        world.state().plans.insert(PLAN.to_owned(), plan.to_string());
        let mut machine = started(&world);
        run_until(&world, &mut machine, |world, _| world.state().green_permille() == 1000);
        let since = world.now();
        run_until(&world, &mut machine, |world, _| !world.state().deployment.as_ref().unwrap().is_active());
        if gone {
            world.state().services.remove("checkout-a");
        }
        let ending = finish(&world, &mut machine);
        assert_eq!(ending.state, State::Promoted, "{ending:?}");
        world.now().duration_since(since).as_secs()
    };
    assert!(begin(false) >= 7_200, "blue is there, and could take traffic back");
    let kept = begin(true);
    assert!(kept < 1_200, "{kept} s: nothing was there to be kept");
}

#[test]
fn a_deployment_that_waits_to_take_in_what_it_replaced_is_not_to_be_stopped() {
    let world = begun(&[Move::Install(0), Move::Shift(1000, 600)]);
    world.pass(1);
    let ending = Machine::new(&world, "r-1", driven()).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::RouteBusy)));
    let cause = ending.cause.unwrap();
    assert!(cause.contains("--deployment-wait-type TERMINATION_WAIT"), "{cause}");
}

#[test]
fn test_traffic_that_somebody_turns_elsewhere_tests_nothing() {
    for by_rule in [false, true] {
        let world = begun(&COURSE);
        let mut machine = started(&world);
        run_until(&world, &mut machine, |_, state| state == State::ValidateGreen);
        let now = world.now();
        if by_rule {
            world.state().add_rule(TEST_LISTENER, now);
        } else {
            world.state().parts.insert(TEST_LISTENER.to_owned(), vec![forward(&[(GROUP_A, 1), (GROUP_B, 1)])]);
        }
        let ending = finish(&world, &mut machine);
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::RouteChanged)), "{ending:?}");
        assert!(is_on_blue(&world));
    }
}

#[test]
fn a_newer_release_asks_the_older_one_to_give_way_whose_deployment_is_under_way() {
    let world = driven_world(&WAITING);
    let mut older = Machine::new(&world, "r-1", driven());
    run_until(&world, &mut older, |world, state| state == State::Bake && world.state().green_permille() == 100);
    let newer = || {
        let mut plan = driven();
        plan["onBusy"] = json!("supersede");
        plan
    };
    let waits = Machine::new(&world, "r-2", newer()).finish();
    assert_eq!((waits.state, waits.error), (State::Refused, Some(ErrorName::RouteSuperseding)), "{waits:?}");
    let ended = finish(&world, &mut older);
    assert_eq!((ended.state, ended.error), (State::RolledBack, Some(ErrorName::Aborted)), "{ended:?}");
    let next = finish(&world, &mut Machine::new(&world, "r-3", newer()));
    assert_eq!(next.state, State::Promoted, "{next:?}");
}

#[test]
fn a_plan_that_keeps_blue_for_longer_than_the_deployment_is_told_so() {
    for (minutes, told) in [(54, true), (55, false)] {
        let world = begun(&COURSE);
        world.state().deployment.as_mut().unwrap().keeps_blue = Some(Span::minutes(minutes));
        let mut plan = document();
        plan["afterwards"] = json!({"bake": "5m", "keepBlue": "1h"});
        world.state().plans.insert(PLAN.to_owned(), plan.to_string());
        let mut machine = started(&world);
        run_until(&world, &mut machine, |_, state| state == State::PrepareGreen);
        let state = world.state();
        let mut notes = state.stories[machine.release()].iter().map(|entry| entry.fact.to_string());
        let told_so = notes.any(|note| note.contains("the deployment ends blue 54m after the bake at 100% (5m)"));
        assert_eq!(told_so, told, "{minutes}");
    }
}

#[test]
fn who_takes_the_route_over_waits_for_a_deployment_that_goes_back_after_its_release_has_ended() {
    for (on_busy, goes_back, throttled) in
        [("supersede", true, false), ("supersede", true, true), ("supersede", false, false), ("refuse", true, false)]
    {
        let case = format!("{on_busy}, goes back: {goes_back}, throttled: {throttled}");
        // It keeps blue for longer than the release does.
        let course: Vec<Move> = WAITING.into_iter().chain([Move::EndBlue(7_200)]).collect();
        let world = driven_world(&course);
        let mut plan = driven();
        plan["afterwards"] = json!({"bake": "5m", "keepBlue": "5m"});
        assert_eq!(finish(&world, &mut Machine::new(&world, "r-1", plan.clone())).state, State::Promoted);
        if goes_back {
            let now = world.now();
            world.state().deployment.as_mut().unwrap().stop("ada stopped it", now);
        }
        plan["onBusy"] = json!(on_busy);
        let mut newer = Machine::new(&world, "r-2", plan);
        if throttled {
            // Reading how the deployment stands comes after the record, the listener and the deployments under way.
            world.inject(Fault { at_call: world.calls() + 3, kind: FaultKind::Throttle });
        }
        let ending = finish(&world, &mut newer);
        let expected = match (on_busy, goes_back) {
            ("supersede", true) => (State::Promoted, None),
            _ => (State::Refused, Some(ErrorName::RouteBusy)),
        };
        assert_eq!((ending.state, ending.error), expected, "{case}: {ending:?}");
    }
}

/// The bake at 100 % is over, blue need not be kept, and the deployment is yet to ask for the last time.
fn held(world: &World) -> Machine<'_> {
    let mut machine = asked_again(world, false);
    asked_until(world, &mut machine, false, |world, machine| {
        world.record(machine.release()).is_some_and(|record| record.bake_passed_at.is_some())
    });
    machine
}

#[test]
fn no_release_is_past_the_point_of_no_return_while_its_deployment_may_ask_again() {
    type Happens = fn(&World, &Machine<'_>);
    let cases: [(Happens, ErrorName, &str); 4] = [
        (
            |world, _| {
                let now = world.now();
                world.state().deployment.as_mut().unwrap().stop("another hook has failed", now);
            },
            ErrorName::DeploymentFailed,
            "another hook has failed",
        ),
        (|world, _| world.set_alarm(ALARM, AlarmState::Alarm), ErrorName::AlarmRaised, ALARM),
        (|world, _| _ = world.state().sick.insert("replacement".to_owned()), ErrorName::GreenNotHealthy, "healthy"),
        (|world, machine| world.ask(machine.release(), Ask::Abort), ErrorName::Aborted, "ada"),
    ];
    for (happens, error, told) in cases {
        let world = begun(&COURSE);
        let mut machine = held(&world);
        let since = world.now();
        asked_until(&world, &mut machine, false, |world, _| world.now().duration_since(since).as_secs() >= 900);
        assert!(matches!(machine.state(), State::Bake | State::EvaluateHealth), "{error}: {}", machine.state());
        happens(&world, &machine);
        let ended = asked_until(&world, &mut machine, false, |_, _| false);
        let ending = machine.finish();
        assert_eq!((ended, ending.error), (State::RolledBack, Some(error)), "{ending:?}");
        assert!(ending.cause.as_ref().is_some_and(|cause| cause.contains(told)), "{ending:?}");
        assert!(is_on_blue(&world), "{error}");
        assert_eq!(world.breaches_by_deployment(), [], "{error}");
    }
}

#[test]
fn a_deployment_that_never_asks_again_is_waited_for_an_hour() {
    let world = begun(&COURSE);
    let mut machine = held(&world);
    let since = world.now();
    // What is merely waited for is not ended by an alarm's silence.
    asked_until(&world, &mut machine, false, |world, _| world.now().duration_since(since).as_secs() >= 600);
    world.set_alarm(ALARM, AlarmState::InsufficientData);
    asked_until(&world, &mut machine, false, |world, _| world.now().duration_since(since).as_secs() >= 3_000);
    world.set_alarm(ALARM, AlarmState::Ok);
    // CodeDeploy's hook, which stands for that of ECS, would be over.
    world.state().deployment.as_mut().unwrap().course.truncate(8);
    world.state().deployment.as_mut().unwrap().course.extend([Move::Shift(1000, 7_200), COURSE[8]]);
    assert_eq!(asked_until(&world, &mut machine, false, |_, _| false), State::Promoted);
    let waited = world.now().duration_since(since).as_secs();
    assert!((3_600..3_720).contains(&waited), "{waited} s");
    let state = world.state();
    let mut story = state.stories[machine.release()].iter().map(|entry| entry.fact.to_string());
    assert!(
        story.any(|fact| fact.contains("1h of waiting for that is enough")),
        "{:?}",
        state.stories[machine.release()]
    );
}

#[test]
fn a_release_that_is_past_the_point_of_no_return_reads_its_deployment_once_a_try() {
    let world = begun(&COURSE);
    let mut machine = owes_its_last_answer(&world);
    for deaf in [true, false] {
        run_until(&world, &mut machine, |_, state| state == State::RetireBlue);
        let readings = |world: &World| world.state().deployment.as_ref().unwrap().readings;
        world.state().deployment.as_mut().unwrap().deaf = deaf;
        let before = readings(&world);
        machine.enter();
        assert_eq!(readings(&world), before + 1, "{deaf}");
    }
    assert_eq!(finish(&world, &mut machine).state, State::Promoted);
}
