//! Releases whose traffic a deployment moves: Teal validates, judges, answers its hooks, lets it go on, and stops it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod hooks;
mod taking_back;
mod waiting;

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::hook::{HookAnswer, HookEvent, HookStatus};
use teal::ports::AlarmState;
use teal::release::ReleaseId;
use teal::state::State;
use teal_sim::{
    ALARM, Deployment, Ending, Fault, FaultKind, GROUP_A, GROUP_B, LISTENER, Machine, Move, TEST_LISTENER, World,
    forward, plan,
};

const PLAN: &str = "ssm:/teal/codedeploy/shop/checkout";
const RELEASE: &str = "codedeploy-d-ABC123XYZ";

/// A canary that asks all its hooks.
const COURSE: [Move; 9] = [
    Move::Ask(HookEvent::BeforeInstall),
    Move::Install(90),
    Move::Ask(HookEvent::AfterInstall),
    Move::TestTraffic,
    Move::Ask(HookEvent::AfterAllowTestTraffic),
    Move::Ask(HookEvent::BeforeAllowTraffic),
    Move::Shift(100, 900),
    Move::Shift(1000, 0),
    Move::Ask(HookEvent::AfterAllowTraffic),
];

fn document() -> Value {
    let mut plan = plan();
    plan["green"] = json!({"external": {}});
    plan["traffic"] = json!({
        "alb": {"listeners": [LISTENER], "targetGroups": [GROUP_A, GROUP_B]},
        "shiftedBy": {"codeDeploy": {"application": "shop", "deploymentGroup": "checkout"}},
        "test": {"listener": TEST_LISTENER},
    });
    plan["strategy"] = json!({"canary": {"weight": "10%", "bake": "5m"}});
    plan["validate"] = json!({"http": [{"path": "/health"}]});
    plan
}

/// A deployment that somebody began, with the plan where its hooks look for it.
fn begun(course: &[Move]) -> World {
    let world = World::new();
    furnish(&world, course);
    world
}

fn furnish(world: &World, course: &[Move]) {
    let now = world.now();
    let mut state = world.state();
    state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100)])]);
    state.parts.insert(TEST_LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100)])]);
    state.plans.insert(PLAN.to_owned(), document().to_string());
    state.deployment = Some(Deployment::new(course.to_vec(), now));
    state.to_deploy = course.to_vec();
}

/// The execution that the first hook started.
fn started(world: &World) -> Machine<'_> {
    let told = world.call_hook().unwrap().unwrap().unwrap();
    assert_eq!(told.status, HookStatus::InProgress);
    let input = world.state().started[&ReleaseId::new(RELEASE).unwrap()].clone();
    Machine::new(world, RELEASE, serde_json::from_str(&input).unwrap())
}

/// Runs the execution to its end, or until `stop`, with hooks called as CodeDeploy does: once each.
fn run_until(world: &World, machine: &mut Machine<'_>, stop: impl Fn(&World, State) -> bool) -> Ending {
    let mut called = machine_hooks(world);
    for _ in 0..3_000 {
        let state = machine.state();
        if matches!(state, State::Promoted | State::RolledBack | State::RollbackNeedsHuman | State::Refused)
            || stop(world, state)
        {
            break;
        }
        let asks = world.state().deployment.as_ref().and_then(Deployment::asks);
        if asks.is_some() && asks != called {
            // An invocation that fails is repeated.
            match world.call_hook() {
                Some(Some(Ok(_))) => called = asks,
                _ => world.pass(60),
            }
            continue;
        }
        machine.enter();
    }
    machine.run_until(|_| true)
}

/// The hook that asks now was called to start the release.
fn machine_hooks(world: &World) -> Option<HookEvent> {
    let state = world.state();
    state.hooks.values().flatten().last().map(|ticket| ticket.event)
}

fn finish(world: &World, machine: &mut Machine<'_>) -> Ending {
    run_until(world, machine, |_, _| false)
}

/// A release about a deployment that asks as ECS does, with blue kept for no longer than the bake lasts.
fn asked_again(world: &World, by_hand: bool) -> Machine<'_> {
    world.state().deployment.as_mut().unwrap().asks_again = true;
    let mut plan = document();
    plan["afterwards"] = json!({"bake": "5m", "keepBlue": "5m"});
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    let mut machine = if by_hand { Machine::new(world, "by-hand", plan) } else { started(world) };
    machine.enter();
    machine
}

/// Runs the execution to its end, or until `stop`, and asks every 30 seconds; the last hook only where `asks_last`.
fn asked_until(
    world: &World,
    machine: &mut Machine<'_>,
    asks_last: bool,
    stop: impl Fn(&World, &Machine<'_>) -> bool,
) -> State {
    let asks = || world.state().deployment.as_ref().and_then(Deployment::asks);
    let is_put = |event| asks_last || event != HookEvent::AfterAllowTraffic;
    let mut asked_at = None;
    let ends = [State::Promoted, State::RolledBack, State::RollbackNeedsHuman, State::Refused];
    while !ends.contains(&machine.state()) && !stop(world, machine) {
        let due = asked_at.is_none_or(|at| world.now().duration_since(at).as_secs() >= 30);
        if due && asks().is_some_and(is_put) {
            asked_at = Some(world.now());
            world.call_hook().unwrap().unwrap().unwrap();
        }
        machine.enter();
    }
    machine.state()
}

fn answers(world: &World) -> Vec<(HookEvent, HookAnswer)> {
    let state = world.state();
    state.deployment.as_ref().unwrap().answers.iter().map(|(event, answer)| (*event, *answer)).collect()
}

fn is_on_blue(world: &World) -> bool {
    world.state().green_permille() == 0
}

#[test]
fn a_good_release_follows_the_deployment_and_answers_every_hook() {
    let world = begun(&COURSE);
    let mut machine = started(&world);
    run_until(&world, &mut machine, |world, state| state == State::Bake && world.state().green_permille() == 100);
    let ending = finish(&world, &mut machine);
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    assert_eq!(world.state().green_permille(), 1000);
    let all: Vec<_> = HookEvent::ALL.into_iter().map(|event| (event, HookAnswer::Succeeded)).collect();
    assert_eq!(answers(&world), all);
    assert_eq!(world.state().deployment.as_ref().unwrap().stopped, 0);
    assert_eq!(world.breaches_by_deployment(), []);
}

#[test]
fn a_stage_bakes_from_when_its_weight_is_reached() {
    // The deployment takes ten minutes before it moves anything.
    let mut course = COURSE.to_vec();
    course.insert(6, Move::Shift(0, 600));
    let world = begun(&course);
    let mut machine = started(&world);
    run_until(&world, &mut machine, |_, state| state == State::Bake);
    let waits_since = world.now();
    run_until(&world, &mut machine, |_, state| state == State::Promote);
    let passed = world.now().duration_since(waits_since).as_secs();
    assert!(passed >= 600 + 300, "{passed} s: the bake of five minutes did not begin with the traffic");
    assert_eq!(finish(&world, &mut machine).state, State::Promoted);
}

#[test]
fn an_alarm_stops_the_deployment_which_takes_its_traffic_back() {
    for permille in [100, 1000] {
        let world = begun(&COURSE);
        let mut machine = started(&world);
        run_until(&world, &mut machine, |world, _| world.state().green_permille() == permille);
        world.set_alarm(ALARM, AlarmState::Alarm);
        let ending = finish(&world, &mut machine);
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)), "{ending:?}");
        assert!(is_on_blue(&world));
        assert_eq!(world.state().deployment.as_ref().unwrap().stopped, 1);
        assert!(machine.trace.contains(&State::WaitForRollBack), "it is waited for the deployment");
        assert_eq!(world.breaches_by_deployment(), []);
    }
}

#[test]
fn limits_judge_a_green_that_a_deployment_gave_traffic() {
    let world = begun(&COURSE);
    let mut machine = started(&world);
    world.state().traffic.insert(GROUP_B.to_owned(), (600.0, 300.0));
    let ending = finish(&world, &mut machine);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::Regression)), "{ending:?}");
    assert!(is_on_blue(&world));
}

#[test]
fn a_green_that_fails_its_checks_fails_the_hook_and_gets_no_traffic() {
    let world = begun(&COURSE);
    let mut machine = started(&world);
    world.state().green_answers = (500, "broken".to_owned());
    let ending = finish(&world, &mut machine);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::ValidationFailed)), "{ending:?}");
    assert!(is_on_blue(&world));
    assert!(!answers(&world).contains(&(HookEvent::AfterAllowTestTraffic, HookAnswer::Succeeded)));
}

#[test]
fn a_deployment_that_somebody_stops_or_that_fails_by_itself_rolls_the_release_back() {
    let mut failing = COURSE.to_vec();
    failing.insert(7, Move::Fail);
    for (course, by_hand) in [(failing.as_slice(), false), (COURSE.as_slice(), true)] {
        let world = begun(course);
        let mut machine = started(&world);
        run_until(&world, &mut machine, |world, _| world.state().green_permille() == 100);
        if by_hand {
            let now = world.now();
            world.state().deployment.as_mut().unwrap().stop("ada stopped it", now);
        }
        let ending = finish(&world, &mut machine);
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::DeploymentFailed)), "{ending:?}");
        assert!(is_on_blue(&world));
    }
}

#[test]
fn where_the_deployment_does_not_take_its_traffic_back_teal_does() {
    for permille in [100, 1000] {
        let world = begun(&COURSE);
        world.state().deployment.as_mut().unwrap().back_fails = true;
        let mut machine = started(&world);
        run_until(&world, &mut machine, |world, _| world.state().green_permille() == permille);
        world.set_alarm(ALARM, AlarmState::Alarm);
        let ending = finish(&world, &mut machine);
        assert_eq!(ending.state, State::RolledBack, "{permille}: {ending:?}");
        assert!(is_on_blue(&world), "{permille}");
        assert!(world.weight(LISTENER, GROUP_A).unwrap() > 0);
    }
}

#[test]
fn a_deployment_that_does_not_end_calls_a_person_in_the_end() {
    let world = begun(&COURSE);
    world.state().deployment.as_mut().unwrap().back_seconds = 100_000;
    let mut machine = started(&world);
    run_until(&world, &mut machine, |world, _| world.state().green_permille() == 100);
    world.set_alarm(ALARM, AlarmState::Alarm);
    let ending = finish(&world, &mut machine);
    assert_eq!(ending.state, State::RollbackNeedsHuman);
    assert!(ending.cause.unwrap().contains("alarm"), "the first reason stands");
}

#[test]
fn a_hook_that_comes_twice_or_late_changes_nothing() {
    let world = begun(&COURSE);
    let mut machine = started(&world);
    let again = world.call_hook().unwrap().unwrap().unwrap();
    assert_eq!((again.status, world.state().started.len()), (HookStatus::InProgress, 1));
    assert_eq!(finish(&world, &mut machine).state, State::Promoted);
    assert_eq!(world.state().hooks.values().flatten().filter(|t| t.event == HookEvent::BeforeInstall).count(), 1);
}

#[test]
fn a_first_hook_after_the_traffic_is_told_that_it_comes_too_late() {
    let world = begun(&[Move::Install(0), Move::Shift(1000, 0), Move::Ask(HookEvent::AfterAllowTraffic)]);
    world.pass(1);
    let told = world.call_hook().unwrap().unwrap().unwrap();
    assert_eq!(told.status, HookStatus::Failed);
    assert!(told.message.unwrap().contains("too late"));
    assert!(world.state().started.is_empty());
}

#[test]
fn a_hook_whose_plan_is_missing_fails_instead_of_hanging() {
    let world = begun(&COURSE);
    let mut machine = started(&world);
    world.state().plans.clear();
    let ending = finish(&world, &mut machine);
    assert_eq!(ending.state, State::Refused, "{ending:?}");
    assert_eq!(answers(&world), [(HookEvent::BeforeInstall, HookAnswer::Failed)]);
}

#[test]
fn a_hook_that_stays_undecided_rolls_the_release_back_before_its_hour_is_over() {
    let mut plan = document();
    plan["strategy"] = json!({"steps": [{"gate": {"name": "QA", "within": "50m"}}, {"weight": "10%", "bake": "5m"}]});
    // The gate waits for less than the hour, but the hook before it has waited, too.
    let course = [Move::Install(0), Move::TestTraffic, Move::Ask(HookEvent::BeforeAllowTraffic)];
    let world = begun(&course);
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    world.pass(1);
    let mut machine = started(&world);
    world.pass(6 * 60);
    let ending = finish(&world, &mut machine);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::DeadlineExceeded)), "{ending:?}");
    assert_eq!(world.state().deployment.as_ref().unwrap().stopped, 1, "in time, before CodeDeploy gave up on the hook");
}

#[test]
fn the_hour_of_a_hook_that_is_heard_late_has_begun_when_it_asked() {
    let mut plan = document();
    plan["strategy"] = json!({"steps": [{"gate": {"name": "QA", "within": "50m"}}, {"weight": "10%", "bake": "5m"}]});
    let world = begun(&[Move::Install(0), Move::TestTraffic, Move::Ask(HookEvent::BeforeAllowTraffic)]);
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    // Lambda keeps an event that it has no room for.
    world.pass(1);
    world.pass(22 * 60);
    let mut machine = started(&world);
    let ending = finish(&world, &mut machine);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::DeadlineExceeded)), "{ending:?}");
    assert_eq!(world.state().deployment.as_ref().unwrap().stopped, 1, "in time, before CodeDeploy gave up on the hook");
}

/// A plan by which Teal begins the deployment.
fn driven() -> Value {
    let mut plan = document();
    plan["traffic"]["shiftedBy"]["codeDeploy"]["appSpec"] = json!({"version": 0.0, "Resources": []});
    plan
}

/// A deployment without hooks that waits for somebody before it moves traffic.
const WAITING: [Move; 5] =
    [Move::Install(60), Move::TestTraffic, Move::Wait, Move::Shift(100, 900), Move::Shift(1000, 0)];

fn driven_world(course: &[Move]) -> World {
    let world = begun(course);
    world.state().deployment = None;
    world
}

#[test]
fn teal_begins_a_deployment_and_lets_it_go_on_once_green_is_validated() {
    let world = driven_world(&WAITING);
    let mut machine = Machine::new(&world, "r-1", driven());
    run_until(&world, &mut machine, |_, state| state == State::ValidateGreen);
    assert!(is_on_blue(&world));
    let ending = finish(&world, &mut machine);
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    assert_eq!(world.state().green_permille(), 1000);
    assert_eq!(world.breaches_by_deployment(), []);
}

#[test]
fn a_deployment_that_runs_ahead_of_validation_is_stopped() {
    let world = driven_world(&[Move::Install(60), Move::Shift(100, 900), Move::Shift(1000, 0)]);
    let mut machine = Machine::new(&world, "r-1", driven());
    let ending = finish(&world, &mut machine);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::DeploymentFailed)), "{ending:?}");
    assert!(ending.cause.unwrap().contains("before it was validated"));
    assert!(is_on_blue(&world));
}

#[test]
fn no_release_begins_without_its_deployment_or_beside_another() {
    let world = driven_world(&WAITING);
    let ending = Machine::new(&world, "r-1", document()).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::NotFound)));

    let world = begun(&WAITING);
    let ending = Machine::new(&world, "r-1", driven()).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::RouteBusy)));

    let world = begun(&[Move::Install(0), Move::Shift(1000, 600)]);
    world.pass(1);
    let ending = Machine::new(&world, "r-1", document()).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::RouteNotShiftable)), "{ending:?}");
}

#[test]
fn a_call_that_fails_or_kills_its_function_leaves_the_route_on_one_colour() {
    for (raised, kinds) in [(false, FaultKind::ALL), (true, FaultKind::ALL)] {
        let calls = {
            let world = driven_world(&WAITING);
            drive(&world, raised);
            world.calls()
        };
        for (at_call, kind) in (0..calls).flat_map(|call| kinds.map(|kind| (call, kind))) {
            let world = driven_world(&WAITING);
            world.inject(Fault { at_call, kind });
            let ending = drive(&world, raised);
            let permille = world.state().green_permille();
            let whole = match ending.state {
                State::Promoted => permille == 1000,
                State::RolledBack | State::Refused => permille == 0,
                _ => false,
            };
            assert!(whole, "{kind:?} at call {at_call}: {ending:?} with {permille} permille on green");
            assert_eq!(world.breaches_by_deployment(), [], "{kind:?} at call {at_call}");
            let active = world.state().deployment.as_ref().is_some_and(Deployment::is_active);
            assert!(ending.state == State::Promoted || !active, "{kind:?} at call {at_call}: it still goes on");
        }
    }
}

fn drive(world: &World, raised: bool) -> Ending {
    let mut machine = Machine::new(world, "r-1", driven());
    if raised {
        run_until(world, &mut machine, |world, state| state == State::Bake && world.state().green_permille() == 100);
        world.set_alarm(ALARM, AlarmState::Alarm);
    }
    finish(world, &mut machine)
}

#[test]
fn crashes_with_hooks_leave_no_hook_unanswered() {
    let calls = {
        let world = begun(&COURSE);
        finish(&world, &mut started(&world));
        world.calls()
    };
    for (at_call, kind) in (4..calls).flat_map(|call| FaultKind::ALL.map(|kind| (call, kind))) {
        let world = begun(&COURSE);
        let mut machine = started(&world);
        world.inject(Fault { at_call, kind });
        let ending = finish(&world, &mut machine);
        assert_eq!(ending.state, State::Promoted, "{kind:?} at call {at_call}: {ending:?}");
        assert_eq!(answers(&world).len(), 5, "{kind:?} at call {at_call}");
        assert_eq!(world.breaches_by_deployment(), [], "{kind:?} at call {at_call}");
    }
}

/// A release past the point of no return that could not give the answer to its last hook yet.
fn owes_its_last_answer(world: &World) -> Machine<'_> {
    let mut plan = document();
    plan["afterwards"] = json!({"bake": "5m", "keepBlue": "5m"});
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    let mut machine = started(world);
    run_until(world, &mut machine, |world, _| world.state().green_permille() == 1000);
    world.state().deployment.as_mut().unwrap().deaf = true;
    run_until(world, &mut machine, |_, state| state == State::WaitForRetirement);
    assert_eq!(machine.state(), State::WaitForRetirement);
    machine
}
