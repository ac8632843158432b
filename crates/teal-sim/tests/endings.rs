//! How releases end, from Accept to the last state, on the in-memory world.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::release::{Phase, ReleaseId};
use teal::request::Ask;
use teal::route::Action;
use teal::state::State;
use teal::story::{Fact, StoryEntry};
use teal::time::seconds_until;
use teal::units::Share;
use teal_sim::{Ending, GROUP_A, GROUP_B, LISTENER, Machine, World, forward, plan};

fn release(world: &World, plan: Value) -> Ending {
    Machine::new(world, "r-1", plan).finish()
}

fn id() -> ReleaseId {
    ReleaseId::new("r-1").unwrap()
}

fn edited(edit: impl FnOnce(&mut Value)) -> Value {
    let mut plan = plan();
    edit(&mut plan);
    plan
}

#[track_caller]
fn assert_on_blue(world: &World) {
    assert_eq!((world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)), (Some(100), Some(0)));
    assert_eq!(world.state().services["checkout-a"].desired, 3, "blue keeps its capacity");
    assert!(world.state().locks.is_empty(), "locks are free");
}

#[track_caller]
fn expect_rolled_back(world: &World, ending: &Ending, error: ErrorName, cause: &str) {
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(error)), "{ending:?}");
    let told = ending.cause.as_deref().unwrap_or_default();
    assert!(told.contains(cause), "{told:?} does not say {cause:?}");
    assert_on_blue(world);
    let green = world.state().services.get("checkout-b").map_or(0, |service| service.desired);
    assert_eq!(green, 0, "green is taken in");
}

#[test]
fn a_good_release_is_promoted_and_blue_retired() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    let ending = machine.finish();
    assert_eq!(ending, Ending { state: State::Promoted, error: None, cause: None });
    assert_eq!((world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)), (Some(0), Some(100)));
    assert_eq!(world.state().services["checkout-a"].desired, 0);
    assert_eq!(world.state().services["checkout-b"].desired, 3, "green has blue's size");
    assert!(world.state().locks.is_empty() && world.state().watches.is_empty());
    let announced: Vec<State> = world.state().announced.iter().map(|event| event.state).collect();
    use State as S;
    let phases = [
        S::PrepareGreen,
        S::ValidateGreen,
        S::ShiftTraffic,
        S::Bake,
        S::ShiftTraffic,
        S::Bake,
        S::Promote,
        S::Bake,
        S::RetireBlue,
        S::Promoted,
    ];
    assert_eq!(announced, phases);
}

#[test]
fn weights_go_through_the_steps_of_the_plan() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    let mut weights = vec![];
    while machine.state() != State::Promoted {
        machine.enter();
        let split = (world.weight(LISTENER, GROUP_A).unwrap(), world.weight(LISTENER, GROUP_B).unwrap());
        if weights.last() != Some(&split) {
            weights.push(split);
        }
    }
    assert_eq!(weights, [(100, 0), (900, 100), (500, 500), (0, 100)]);
}

#[test]
fn a_second_release_goes_the_other_way_without_a_change_of_plan() {
    let world = World::new();
    release(&world, plan());
    let ending = Machine::new(&world, "r-2", plan()).finish();
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    assert_eq!((world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)), (Some(100), Some(0)));
}

#[test]
fn what_goes_wrong_on_the_way_ends_on_blue() {
    type Case = (&'static str, fn(&World), Value, ErrorName, &'static str);
    let cases: Vec<Case> = vec![
        (
            "too many bad requests",
            |world| _ = world.state().traffic.insert(GROUP_B.to_owned(), (600.0, 30.0)),
            plan(),
            ErrorName::Regression,
            "5.00 % of green's requests failed",
        ),
        (
            "no traffic",
            |world| _ = world.state().traffic.insert(GROUP_B.to_owned(), (1.0, 0.0)),
            plan(),
            ErrorName::InsufficientData,
            "50 are wanted",
        ),
        (
            "green never healthy",
            |world| _ = world.state().sick.insert("checkout-b".to_owned()),
            plan(),
            ErrorName::GreenNotHealthy,
            "readyWithin",
        ),
        (
            "validation fails",
            |world| world.state().green_answers = (500, "boom".to_owned()),
            edited(|plan| {
                plan["traffic"]["test"] = json!({"url": "http://green.internal"});
                plan["validate"] = json!({"http": [{"path": "/health"}]});
            }),
            ErrorName::ValidationFailed,
            "answered 500, expected 200",
        ),
        (
            "alarm loses its data",
            |world| world.set_alarm("checkout-5xx", AlarmState::InsufficientData),
            plan(),
            ErrorName::InsufficientData,
            "has no data",
        ),
        (
            "nobody at the gate",
            |_| {},
            edited(|plan| {
                plan["strategy"] = json!({"steps": [
                    {"gate": {"name": "QA", "within": "30m"}}, {"weight": "10%", "bake": "5m"},
                ]});
            }),
            ErrorName::ApprovalExpired,
            "\"QA\"",
        ),
    ];
    for (name, prepare, plan, error, cause) in cases {
        println!("{name}");
        let world = World::new();
        prepare(&world);
        let ending = release(&world, plan);
        expect_rolled_back(&world, &ending, error, cause);
    }
}

#[test]
fn too_little_traffic_goes_on_only_where_the_plan_says_so_in_writing() {
    let world = World::new();
    world.state().traffic.insert(GROUP_B.to_owned(), (1.0, 0.0));
    let ending =
        release(&world, edited(|plan| plan["judge"]["onInsufficient"] = json!({"holdFor": "10m", "then": "advance"})));
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    let story = &world.state().stories[&id()];
    assert!(story.iter().any(|entry| entry.fact.to_string().contains("unjudged")), "the report says it was not judged");
}

#[test]
fn an_alarm_in_any_phase_before_retirement_ends_on_blue() {
    use State as S;
    for phase in [S::WaitForGreen, S::ShiftTraffic, S::Bake, S::Promote] {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        if phase == S::WaitForGreen {
            machine.run_until(|state| state == S::ValidateGreen);
        } else {
            machine.run_until(|state| state == phase);
        }
        world.set_alarm("checkout-5xx", AlarmState::Alarm);
        let ending = machine.finish();
        expect_rolled_back(&world, &ending, ErrorName::AlarmRaised, "alarm checkout-5xx is in ALARM");
    }
}

#[test]
fn what_must_not_begin_is_refused_with_nothing_touched() {
    type Case = (&'static str, fn(&World), Value, ErrorName, &'static str);
    let cases: Vec<Case> = vec![
        (
            "alarm fires already",
            |world| world.set_alarm("checkout-5xx", AlarmState::Alarm),
            plan(),
            ErrorName::AlarmFiring,
            "in ALARM already",
        ),
        (
            "alarm does not exist",
            |world| _ = world.state().alarms.remove("checkout-5xx"),
            plan(),
            ErrorName::AlarmUnreadable,
            "does not exist",
        ),
        (
            "route is split",
            |world| _ = world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 80), (GROUP_B, 20)])]),
            plan(),
            ErrorName::RouteNotShiftable,
            "80 to 20",
        ),
        (
            "one group only",
            |world| _ = world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 1)])]),
            plan(),
            ErrorName::RouteNotShiftable,
            "one target group only",
        ),
        (
            "blue is sick",
            |world| _ = world.state().sick.insert("checkout-a".to_owned()),
            plan(),
            ErrorName::BlueNotHealthy,
            "no healthy target",
        ),
        ("listener is gone", |world| world.state().parts.clear(), plan(), ErrorName::NotFound, "does not exist"),
        ("plan is wrong", |_| {}, json!({"service": 1}), ErrorName::PlanInvalid, "service"),
    ];
    for (name, prepare, plan, error, cause) in cases {
        println!("{name}");
        let world = World::new();
        prepare(&world);
        let before: Vec<Vec<Action>> = world.state().parts.values().cloned().collect();
        let ending = release(&world, plan);
        assert_eq!((ending.state, ending.error), (State::Refused, Some(error)), "{ending:?}");
        assert!(ending.cause.as_deref().unwrap_or_default().contains(cause), "{ending:?}");
        let after: Vec<Vec<Action>> = world.state().parts.values().cloned().collect();
        assert_eq!(before, after, "nothing was touched");
        assert!(world.state().locks.is_empty(), "no lock is held");
        assert!(!world.state().services.contains_key("checkout-b"), "green was not ordered");
    }
}

#[test]
fn a_second_release_on_a_busy_route_is_refused_and_the_first_goes_on() {
    let world = World::new();
    let mut first = Machine::new(&world, "r-1", plan());
    first.run_until(|state| state == State::Bake);
    let second = Machine::new(&world, "r-2", plan()).finish();
    assert_eq!((second.state, second.error), (State::Refused, Some(ErrorName::RouteBusy)), "{second:?}");
    assert!(second.cause.as_deref().is_some_and(|cause| cause.contains("release r-1 holds")), "{second:?}");
    assert_eq!(first.finish().state, State::Promoted);
}

fn ask(world: &World, ask: Ask) {
    world.ask(&id(), ask);
}

fn gated() -> Value {
    edited(|plan| {
        plan["strategy"] = json!({"steps": [
            {"weight": "10%", "bake": "5m"}, {"gate": {"name": "QA", "within": "2h"}}, {"weight": "50%", "bake": "5m"},
        ]});
    })
}

#[test]
fn a_gate_waits_for_a_yes_and_a_no_rolls_back() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", gated());
    machine.run_until(|state| state == State::AwaitApproval);
    for _ in 0..10 {
        machine.enter();
    }
    assert!(matches!(world.record(&id()).unwrap().phase, Phase::AwaitApproval { stage: 1 }), "it waits");
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(100), "at the weight that was reached");
    ask(&world, Ask::Approve { stage: 1 });
    assert_eq!(machine.finish().state, State::Promoted);

    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", gated());
    machine.run_until(|state| state == State::AwaitApproval);
    ask(&world, Ask::Reject { stage: 1 });
    expect_rolled_back(&world, &machine.finish(), ErrorName::Rejected, "user/ada said no");
}

#[test]
fn no_approval_counts_while_an_alarm_is_silent() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", gated());
    machine.run_until(|state| state == State::AwaitApproval);
    world.set_alarm("checkout-5xx", AlarmState::InsufficientData);
    ask(&world, Ask::Approve { stage: 1 });
    for _ in 0..10 {
        machine.enter();
    }
    assert!(matches!(world.record(&id()).unwrap().phase, Phase::AwaitApproval { stage: 1 }), "it holds");
    let looked = world.state().stories[&id()].last().unwrap().fact.to_string();
    assert!(looked.contains("checkout-5xx"), "the person is told: {looked}");
    world.set_alarm("checkout-5xx", AlarmState::Ok);
    assert_eq!(machine.finish().state, State::Promoted);

    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", gated());
    machine.run_until(|state| state == State::AwaitApproval);
    world.set_alarm("checkout-5xx", AlarmState::InsufficientData);
    ask(&world, Ask::Approve { stage: 1 });
    expect_rolled_back(&world, &machine.finish(), ErrorName::ApprovalExpired, "was approved");
}

#[test]
fn before_greens_first_weight_an_alarm_may_have_no_data_yet() {
    let world = World::new();
    let plan = edited(|plan| {
        plan["strategy"] =
            json!({"steps": [{"gate": {"name": "QA", "within": "2h"}}, {"weight": "10%", "bake": "5m"}]});
    });
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|state| state == State::AwaitApproval);
    world.set_alarm("checkout-5xx", AlarmState::InsufficientData);
    ask(&world, Ask::Approve { stage: 0 });
    machine.run_until(|state| state == State::Bake);
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(100));
    world.set_alarm("checkout-5xx", AlarmState::Ok);
    assert_eq!(machine.finish().state, State::Promoted);
}

#[test]
fn an_abort_ends_on_blue() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    ask(&world, Ask::Abort);
    expect_rolled_back(&world, &machine.finish(), ErrorName::Aborted, "user/ada aborted");
}

#[test]
fn what_somebody_else_changes_is_reported_and_left_alone() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    let sticky = {
        let mut action = forward(&[(GROUP_A, 900), (GROUP_B, 100)]);
        action.order = Some(2);
        action
    };
    world.state().parts.insert(LISTENER.to_owned(), vec![sticky]);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::RouteChanged)), "{ending:?}");
    assert_eq!((world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)), (Some(100), Some(0)));
    assert_eq!(world.state().parts[LISTENER][0].order, Some(2), "the other change stays");
}

#[test]
fn a_stack_update_that_sets_the_old_weights_is_recognised_and_other_weights_are_not_taken_for_one() {
    // With weights that a template fixes, at every second release green is what they give everything to.
    for (weights, is_update) in [([100, 0], true), ([0, 100], true), ([0, 1], true), ([90, 10], false)] {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|state| state == State::Bake);
        let actions = vec![forward(&[(GROUP_A, weights[0]), (GROUP_B, weights[1])])];
        assert_ne!(world.state().parts[LISTENER], actions);
        world.state().parts.insert(LISTENER.to_owned(), actions);
        let ending = machine.finish();
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::RouteChanged)), "{ending:?}");
        let cause = ending.cause.unwrap_or_default();
        assert_eq!(cause.contains("a stack update or an apply"), is_update, "{cause}");
    }
}

#[test]
fn a_lone_group_is_joined_by_green_at_weight_nothing() {
    let world = World::new();
    world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 1)])]);
    let plan = edited(|plan| plan["traffic"]["alb"]["targetGroups"] = json!([GROUP_A, GROUP_B]));
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|state| state == State::ShiftTraffic);
    assert_eq!((world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)), (Some(100), Some(0)));
    assert_eq!(machine.finish().state, State::Promoted);
}

#[test]
fn when_blue_is_gone_from_the_route_a_person_is_told_what_to_do() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_B, 100)])]);
    let ending = machine.finish();
    assert_eq!(ending.state, State::RollbackNeedsHuman, "{ending:?}");
    let record = world.record(&id()).unwrap();
    assert_eq!(record.phase, Phase::RollbackNeedsHuman);
    assert!(!world.state().locks.is_empty(), "the route stays locked until it is whole again");
    let story = &world.state().stories[&id()];
    assert!(story.iter().any(|entry| entry.fact.to_string().contains("Put blue back")), "the story says what to do");
}

#[test]
fn shares_are_kept_in_permille() {
    let world = World::new();
    let plan = edited(|plan| plan["strategy"] = json!({"canary": {"weight": "2.5%", "bake": "5m"}}));
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|state| state == State::Bake);
    assert_eq!((world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)), (Some(975), Some(25)));
    assert_eq!(world.record(&id()).unwrap().green_share, Share::from_permille(25).unwrap());
}

/// Nothing says that the route cannot be restored: nobody is called, the locks are kept, and sweep finishes it.
#[test]
fn an_execution_that_gets_no_answer_for_an_hour_ends_unfinished_and_sweep_restores_blue_when_there_are_answers() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    world.ask(&id(), Ask::Abort);
    world.state().unanswering = true;
    let began = world.now();
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RollbackUnfinished, Some(ErrorName::Aborted)));
    assert!(seconds_until(began, world.now()) >= 1_800, "it was tried for long");
    assert_eq!(world.record(&id()).unwrap().phase, Phase::RollBack);
    assert!(!world.state().locks.is_empty(), "no other release takes the route meanwhile");
    world.state().ended.insert("execution:r-1".to_owned(), "FAILED".to_owned());
    world.sweep().unwrap().unwrap_err();
    assert_eq!(world.record(&id()).unwrap().phase, Phase::RollBack);

    world.state().unanswering = false;
    while world.record(&id()).unwrap().phase != Phase::RolledBack {
        world.pass(300);
        world.sweep().unwrap().unwrap();
    }
    assert_on_blue(&world);
    let called = |entry: &StoryEntry| matches!(entry.fact, Fact::NeedsHuman { .. });
    assert!(!world.state().stories[&id()].iter().any(called));
}
