//! Hooks: who is asked about whom, and what they are told.

use super::{
    COURSE, PLAN, RELEASE, answers, asked_again, asked_until, begun, document, finish, furnish, owes_its_last_answer,
    run_until, started,
};
use serde_json::json;
use std::cell::Cell;
use teal::error::ErrorName;
use teal::hook::{HookAnswer, HookEvent, HookStatus};
use teal::ports::AlarmState;
use teal::release::Phase;
use teal::state::State;
use teal_sim::{
    ALARM, DEPLOYMENT, Deployment, Fault, FaultKind, GROUP_A, GROUP_B, LISTENER, Machine, Move, Mutation, ROLLBACK,
    World, forward,
};

/// A canary that asks nothing before green is tested.
const WITHOUT_INSTALLING: [Move; 7] = [
    Move::Install(90),
    Move::TestTraffic,
    Move::Ask(HookEvent::AfterAllowTestTraffic),
    Move::Ask(HookEvent::BeforeAllowTraffic),
    Move::Shift(100, 900),
    Move::Shift(1000, 0),
    Move::Ask(HookEvent::AfterAllowTraffic),
];

#[test]
fn a_first_stage_may_be_judged_for_longer_than_a_hook_waits() {
    let mut course = COURSE.to_vec();
    course[6] = Move::Shift(100, 80 * 60);
    let world = begun(&course);
    let mut plan = document();
    plan["strategy"] = json!({"canary": {"weight": "10%", "bake": "70m"}});
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    let mut machine = started(&world);
    let ending = finish(&world, &mut machine);
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
}

#[test]
fn stages_that_the_deployment_goes_past_are_judged_together() {
    let mut course = COURSE.to_vec();
    course[6] = Move::Shift(100, 120);
    let world = begun(&course);
    let mut plan = document();
    plan["strategy"] = json!({"steps": [{"weight": "10%", "bake": "30m"}, {"weight": "50%", "bake": "30m"}]});
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    let mut machine = started(&world);
    run_until(&world, &mut machine, |world, _| world.state().green_permille() == 1000);
    let since = world.now();
    let ending = finish(&world, &mut machine);
    assert_eq!(ending.state, State::Promoted, "its hook would have expired: {ending:?}");
    assert!(world.now().duration_since(since).as_secs() >= 300, "the last bake was not cut short");
    let state = world.state();
    let told =
        state.stories[machine.release()].iter().any(|entry| format!("{entry:?}").contains("before 10% was judged"));
    assert!(told, "{:?}", state.stories[machine.release()]);
}

#[test]
fn a_decided_hook_is_answered_before_the_release_ends() {
    let world = begun(&COURSE);
    let mut machine = owes_its_last_answer(&world);
    world.state().deployment.as_mut().unwrap().deaf = false;
    assert_eq!(finish(&world, &mut machine).state, State::Promoted);
    assert!(answers(&world).contains(&(HookEvent::AfterAllowTraffic, HookAnswer::Succeeded)));
}

#[test]
fn a_release_that_cannot_take_blue_in_answers_the_last_hook_before_it_ends() {
    for given_back in [true, false] {
        let world = begun(&COURSE);
        let mut machine = owes_its_last_answer(&world);
        if given_back {
            // A stack update sets the weights from before the release.
            world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100)])]);
        } else {
            world.state().sick.insert("replacement".to_owned());
        }
        world.state().deployment.as_mut().unwrap().deaf = false;
        let ending = finish(&world, &mut machine);
        assert_eq!(ending.state, State::Promoted, "{ending:?}");
        // Told to go on it would take blue, which serves again; told nothing it would take everything back from a green that serves.
        let expected = if given_back { HookAnswer::Failed } else { HookAnswer::Succeeded };
        let last = answers(&world).into_iter().find(|(event, _)| *event == HookEvent::AfterAllowTraffic);
        assert_eq!(last, Some((HookEvent::AfterAllowTraffic, expected)), "given back: {given_back}");
        assert_eq!(world.breaches_by_deployment(), []);
    }
}

#[test]
fn a_release_that_cannot_take_blue_in_tries_to_answer_for_as_long_as_the_hook_waits() {
    for (hears_again, ended) in [(true, Some(HookAnswer::Failed)), (false, None)] {
        let world = begun(&COURSE);
        let mut machine = owes_its_last_answer(&world);
        world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100)])]);
        let since = world.now();
        let waited = |world: &World| world.now().duration_since(since).as_secs();
        run_until(&world, &mut machine, |world, _| waited(world) > 600);
        assert_eq!(world.record(machine.release()).unwrap().phase, Phase::RetireBlue, "the hook has no answer");
        world.state().deployment.as_mut().unwrap().deaf = !hears_again;
        assert_eq!(finish(&world, &mut machine).state, State::Promoted);
        let last = answers(&world).into_iter().find(|(event, _)| *event == HookEvent::AfterAllowTraffic);
        assert_eq!(last.map(|(_, answer)| answer), ended);
        assert!(waited(&world) < 4_000, "not for ever");
    }
}

/// An execution can be stopped right after the step that decides a hook, and sweeps are minutes apart.
#[test]
fn a_step_that_is_turned_away_once_still_answers_the_hook_that_it_decides() {
    let calls = {
        let world = begun(&COURSE);
        let mut machine = started(&world);
        let before = world.calls();
        machine.enter();
        world.calls() - before
    };
    let mut accepted = 0;
    for at in 0..calls {
        let world = begun(&COURSE);
        let mut machine = started(&world);
        let runs = machine.runs();
        world.inject(Fault { at_call: world.calls() + at, kind: FaultKind::Throttle });
        machine.enter();
        if machine.runs() == runs + 1 {
            accepted += 1;
            let told = [(HookEvent::BeforeInstall, HookAnswer::Succeeded)];
            assert_eq!(answers(&world), told, "turned away at call {at}");
        }
    }
    assert!(accepted > 2, "{accepted} of {calls}");
}

#[test]
fn a_release_started_by_hand_answers_the_hooks_of_its_deployment() {
    let world = begun(&COURSE);
    let mut machine = Machine::new(&world, "by-hand", document());
    machine.enter();
    let ending = finish(&world, &mut machine);
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    assert!(world.state().started.is_empty(), "no release beside it");
    assert_eq!(answers(&world).len(), 5);
    assert_eq!(world.breaches_by_deployment(), []);
}

#[test]
fn a_release_is_not_over_before_its_deployment_has_asked_for_the_last_time() {
    // Blue is kept for no longer than the bake lasts, and the hook asks again every 30 seconds: the release could end between two questions.
    for by_hand in [true, false] {
        let world = begun(&COURSE);
        let mut machine = asked_again(&world, by_hand);
        assert_eq!(asked_until(&world, &mut machine, true, |_, _| false), State::Promoted);
        assert!(!machine.trace.contains(&State::WaitForRetirement), "{by_hand}: past the point of no return");
        let last = (HookEvent::AfterAllowTraffic, HookAnswer::Succeeded);
        assert!(answers(&world).contains(&last), "{by_hand}: {:?}", answers(&world));
        for _ in 0..3 {
            world.pass(30);
        }
        assert_eq!(world.state().green_permille(), 1000);
        assert!(
            !world.state().deployment.as_ref().is_some_and(Deployment::is_active),
            "{by_hand}: it has all its answers"
        );
    }
}

#[test]
fn a_hook_that_comes_before_the_record_of_a_release_by_hand_is_answered_by_that_release() {
    // Asked first at AfterAllowTestTraffic it is not decided until green is validated.
    for (on_busy, course) in [("refuse", &COURSE[..]), ("supersede", &COURSE[..]), ("refuse", &WITHOUT_INSTALLING)] {
        for permille in [0, 100, 1000] {
            let case = format!("{on_busy}, {} moves, {permille}", course.len());
            let world = begun(course);
            let mut plan = document();
            plan["onBusy"] = json!(on_busy);
            world.state().plans.insert(PLAN.to_owned(), plan.to_string());
            world.pass(120);
            // The hook finds no release about its deployment, and starts one.
            let mut by_hook = started(&world);
            let mut by_hand = Machine::new(&world, "by-hand", plan);
            run_until(&world, &mut by_hand, |world, state| {
                state != State::Accept && world.state().green_permille() >= permille
            });
            let refused = by_hook.finish();
            assert_eq!(refused.state, State::Refused, "{case}: {refused:?}");
            let ending = finish(&world, &mut by_hand);
            assert_eq!(ending.state, State::Promoted, "{case}: {ending:?}");
            let asked = course.iter().filter_map(|doing| match doing {
                Move::Ask(event) => Some((*event, HookAnswer::Succeeded)),
                _ => None,
            });
            assert_eq!(answers(&world), asked.collect::<Vec<_>>(), "{case}");
            assert_eq!(world.breaches_by_deployment(), []);
        }
    }
}

#[test]
fn a_step_tells_of_the_hooks_that_it_answered_and_of_no_other() {
    let world = begun(&COURSE);
    let mut machine = started(&world);
    assert_eq!(finish(&world, &mut machine).state, State::Promoted);
    let state = world.state();
    let told = |text: &str| state.stories[machine.release()].iter().any(|entry| entry.fact.to_string().contains(text));
    assert!(told("hook BeforeInstall is answered: Succeeded"), "by accept, with the release on record");
    // The release was accepted when it asked, so that the hook itself was told.
    assert!(!told("hook AfterInstall is answered"));
    assert!(told("hook AfterInstall had its answer already"));
    let record = state.records[machine.release()].deployment.clone().unwrap();
    let answer_to = |event: HookEvent| {
        let answered = record.answered.iter().find(|answered| answered.execution == event.to_string());
        answered.and_then(|answered| answered.answer)
    };
    assert_eq!(answer_to(HookEvent::BeforeInstall), Some(HookAnswer::Succeeded));
    assert_eq!(answer_to(HookEvent::AfterInstall), None);
}

#[test]
fn a_hook_that_is_called_before_its_event_is_shown_waits_for_it() {
    let world = begun(&COURSE);
    world.state().deployment.as_mut().unwrap().hidden_seconds = 3;
    started(&world);
    world.state().deployment.as_mut().unwrap().hidden_seconds = 3_600;
    assert!(world.call_hook().unwrap().unwrap().is_err(), "not for ever");
}

#[test]
fn an_instance_is_told_by_checks_and_alarms_unless_its_deployment_takes_back() {
    let world = begun(&COURSE);
    let mut plan = document();
    plan.as_object_mut().unwrap().remove("validate");
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    let told = |id: &str| world.call_hook_on_instance(id, None).unwrap().unwrap().unwrap();
    assert_eq!(told(DEPLOYMENT).status, HookStatus::Succeeded);
    world.set_alarm(ALARM, AlarmState::Alarm);
    let failed = told(DEPLOYMENT);
    assert_eq!(failed.status, HookStatus::Failed);
    assert!(failed.message.unwrap().contains(ErrorName::AlarmRaised.as_str()));
    assert_eq!(told(ROLLBACK).status, HookStatus::Succeeded, "it is not stood in the way of");
    assert!(world.state().started.is_empty(), "{RELEASE}: nothing is on record of it");
}

#[test]
fn an_instance_is_tested_where_it_is_and_no_release_is_about_it() {
    let world = begun(&COURSE);
    let mut plan = document();
    plan["traffic"]["test"] = json!({"instance": {"port": 8080}});
    plan["traffic"].as_object_mut().unwrap().remove("shiftedBy");
    plan["validate"] = json!({"http": [{"path": "/health"}]});
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    let told = |instance| world.call_hook_on_instance(DEPLOYMENT, instance).unwrap().unwrap().unwrap();
    let unknown = told(None);
    assert_eq!(unknown.status, HookStatus::Failed);
    assert!(unknown.message.unwrap().contains("traffic.test.instance"));
    assert_eq!(told(Some("i-0123456789abcdef0")).status, HookStatus::Succeeded);
    world.state().green_answers = (500, String::new());
    let failed = told(Some("i-0123456789abcdef0"));
    assert_eq!(failed.status, HookStatus::Failed);
    let why = failed.message.unwrap();
    assert!(why.contains("http://10.0.1.7:8080") && why.contains(ErrorName::ValidationFailed.as_str()), "{why}");
    // An alarm of which nothing is known is none that is well.
    world.state().green_answers = (200, String::new());
    world.set_alarm(ALARM, AlarmState::InsufficientData);
    assert_eq!(told(Some("i-0123456789abcdef0")).status, HookStatus::InProgress);
}

#[test]
fn a_hook_before_traffic_that_waits_is_answered_though_somebody_else_gave_green_traffic() {
    let course = [
        Move::Install(90),
        Move::Ask(HookEvent::BeforeAllowTraffic),
        Move::Shift(100, 900),
        Move::Shift(1000, 0),
        Move::Ask(HookEvent::AfterAllowTraffic),
    ];
    let world = begun(&course);
    let mut plan = document();
    // Nothing is tested, so traffic that green gets too early ends nothing.
    plan.as_object_mut().unwrap().remove("validate");
    world.state().plans.insert(PLAN.to_owned(), plan.to_string());
    let mut machine = Machine::new(&world, "by-hand", plan);
    run_until(&world, &mut machine, |world, state| {
        let asks = world.state().deployment.as_ref().and_then(Deployment::asks);
        state == State::PrepareGreen && asks == Some(HookEvent::BeforeAllowTraffic)
    });
    // The hook asks before anybody may say yes; then somebody gives green what the first stage is to have.
    let asked = world.call_hook().unwrap().unwrap().unwrap();
    assert_eq!(asked.status, HookStatus::InProgress);
    world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 900), (GROUP_B, 100)])]);
    let ending = finish(&world, &mut machine);
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    assert!(answers(&world).contains(&(HookEvent::BeforeAllowTraffic, HookAnswer::Succeeded)), "{:?}", answers(&world));
    assert_eq!(world.state().green_permille(), 1000);
    assert_eq!(world.breaches_by_deployment(), []);
}

#[test]
fn a_last_hook_that_comes_after_the_end_of_a_release_by_hand_is_told_how_it_ended() {
    for about_it in [true, false] {
        let world = begun(&COURSE);
        let mut plan = document();
        plan["afterwards"] = json!({"bake": "5m", "keepBlue": "5m"});
        let mut machine = Machine::new(&world, "by-hand", plan);
        machine.enter();
        let asks = |world: &World| world.state().deployment.as_ref().and_then(Deployment::asks);
        let last = HookEvent::AfterAllowTraffic;
        run_until(&world, &mut machine, |world, _| asks(world) == Some(last));
        // The event that calls the function is late.
        assert_eq!(machine.finish().state, State::Promoted);
        assert_eq!(asks(&world), Some(last), "its hour is not over");
        if !about_it {
            let mut record = world.record(machine.release()).unwrap();
            record.deployment.as_mut().unwrap().id = ROLLBACK.parse().unwrap();
            world.state().records.insert(record.id.clone(), record);
        }
        let told = world.call_hook().unwrap().unwrap().unwrap();
        let expected = if about_it {
            (HookStatus::Succeeded, HookAnswer::Succeeded, 1000)
        } else {
            (HookStatus::Failed, HookAnswer::Failed, 0)
        };
        world.pass(60);
        let answer = answers(&world).into_iter().find(|(event, _)| *event == last).unwrap().1;
        assert_eq!((told.status, answer, world.state().green_permille()), expected, "{:?}", told.message);
        assert!(world.state().started.is_empty(), "no release beside it");
        assert_eq!(world.breaches_by_deployment(), []);
    }
}

#[test]
fn a_refused_release_tells_its_hooks_when_its_execution_has_ended_where_it_could_not_before() {
    // Blue loses its health while the release is accepted: before it is on record, or after that.
    let refused = |world: &World, at: usize, deaf: bool| {
        let mut machine = started(world);
        world.state().deployment.as_mut().unwrap().deaf = deaf;
        world.change_at(world.calls() + at, |state| _ = state.sick.insert("checkout-a".to_owned()));
        machine.enter();
        (machine.release().clone(), world.record(machine.release()))
    };
    let on_record = |at: &usize| refused(&begun(&COURSE), *at, true).1.is_some_and(|it| it.phase == Phase::Refused);
    let at = (0..50).find(on_record).unwrap();
    for deaf in [true, false] {
        let world = begun(&COURSE);
        let (id, record) = refused(&world, at, deaf);
        let failed = vec![(HookEvent::BeforeInstall, HookAnswer::Failed)];
        assert_eq!(answers(&world), if deaf { vec![] } else { failed.clone() });
        world.state().deployment.as_mut().unwrap().deaf = false;
        let answer = world.execution_stopped(&id).unwrap().unwrap();
        assert_eq!((answer.next, answers(&world)), (State::RolledBack, failed));
        assert_eq!(world.record(&id).unwrap().setback, record.unwrap().setback, "the first reason stands");
    }
}

#[test]
fn each_guard_that_is_taken_out_is_noticed() {
    let most_after_the_alarm = |world: &World| {
        furnish(world, &COURSE);
        let mut machine = started(world);
        run_until(world, &mut machine, |world, _| world.state().green_permille() == 100);
        world.set_alarm(ALARM, AlarmState::Alarm);
        let most = Cell::new(0);
        run_until(world, &mut machine, |world, _| {
            most.set(most.get().max(world.state().green_permille()));
            false
        });
        most.get()
    };
    assert_eq!(most_after_the_alarm(&World::new()), 100);
    assert_eq!(most_after_the_alarm(&World::without(Mutation::DeploymentNotStopped)), 1000);

    let world = World::without(Mutation::HookAnsweredEarly);
    furnish(&world, &COURSE);
    let mut machine = started(&world);
    finish(&world, &mut machine);
    assert_ne!(world.breaches_by_deployment(), [], "a hook was told what is not on record");
}
