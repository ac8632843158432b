//! Alarms that go off at the same time, or just when something else decides.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::SignedDuration;
use teal::error::ErrorName;
use teal::ports::AlarmState;
use teal::release::ReleaseId;
use teal::state::State;
use teal::steps::AlarmOutcome;
use teal_sim::{
    ALARM, Disturbance, Fault, FaultKind, Function, GROUP_A, GROUP_B, Happening, LISTENER, Machine, Place, Planned,
    TEAL_ACCOUNT, World, plan, rehearse,
};

fn at(function: Function, nth: u32, happening: Happening) -> Planned {
    Planned::at_call(Place::Runs(function), nth, Disturbance::World(happening))
}

/// A release whose first weight bakes.
fn baking(world: &World) -> Machine<'_> {
    let mut machine = Machine::new(world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    machine.enter();
    machine
}

/// A bad release sets off several alarms at once. Each restores the route in three requests to a listener, whoever else does the same.
#[test]
fn alarms_that_go_off_at_once_do_not_make_each_other_begin_again() {
    for seed in 0..40 {
        let mut planned = vec![at(Function::EvaluateHealth, 2, Happening::AlarmRaised)];
        planned.extend((0..4).map(|nth| at(Function::OnAlarm, nth, Happening::RunTwice)));
        let report = rehearse(seed, planned);
        assert!(report.breaches.is_empty(), "seed {seed}: {:?}", report.breaches);
    }
}

/// Whether an alarm is passed over is decided by accept, and ended by a look: an alarm that goes off while they write is lost by neither.
#[test]
fn an_alarm_that_goes_off_while_it_is_decided_whether_it_is_passed_over_is_not_lost() {
    for seed in 0..200 {
        let accept = (seed % 8) as u32 + 4;
        let look = (seed % 12) as u32;
        let planned = vec![
            at(Function::Accept, accept, Happening::AlarmFlaps),
            at(Function::EvaluateHealth, look, Happening::AlarmFlaps),
        ];
        let report = rehearse(seed, planned);
        assert!(report.breaches.is_empty(), "seed {seed}: {:?}", report.breaches);
    }
}

/// An event is delivered for an hour where on-alarm fails, and may come twice: meanwhile the release that it was about is back on blue, and
/// the next one has begun.
#[test]
fn an_event_that_comes_late_takes_back_no_release_that_began_after_it() {
    for (seconds_before, outcome) in [
        (3_600, AlarmOutcome::BeforeItBegan),
        (11, AlarmOutcome::BeforeItBegan),
        // By the clock of a function that may not be CloudWatch's.
        (9, AlarmOutcome::Restored),
        (-1, AlarmOutcome::Restored),
    ] {
        let world = World::new();
        let began_at = world.now();
        let mut machine = baking(&world);
        let raised_at = began_at - SignedDuration::from_secs(seconds_before);
        let effects = world.alarm_raised_at(Some(TEAL_ACCOUNT), ALARM, raised_at).unwrap().unwrap();
        assert_eq!(effects[0].outcome, outcome, "{seconds_before}");
        let is_passed_over = outcome == AlarmOutcome::BeforeItBegan;
        assert_eq!(world.weight(LISTENER, GROUP_B) > Some(0), is_passed_over, "{seconds_before}");
        assert_eq!(machine.finish().state, if is_passed_over { State::Promoted } else { State::RolledBack });
    }
}

/// What was passed over at the start was OK since: its event is still the old one when it comes once more.
#[test]
fn an_alarm_that_was_passed_over_and_is_ok_again_is_not_raised_by_its_old_event() {
    let world = World::new();
    world.set_alarm(ALARM, AlarmState::Alarm);
    let raised_at = world.now();
    world.pass(60);
    let mut plan = plan();
    plan["judge"]["startWhileAlarming"] = serde_json::json!(true);
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|state| state == State::EvaluateHealth);
    world.set_alarm(ALARM, AlarmState::Ok);
    machine.enter();
    assert!(world.record(machine.release()).unwrap().alarming_since_start.is_empty());
    let effects = world.alarm_raised_at(Some(TEAL_ACCOUNT), ALARM, raised_at).unwrap().unwrap();
    assert_eq!(effects[0].outcome, AlarmOutcome::BeforeItBegan);
    assert_eq!(machine.finish().state, State::Promoted);
}

/// The event of an alarm that went off while green was prepared was lost.
#[test]
fn green_gets_no_first_weight_while_an_alarm_is_raised() {
    let mut plan = plan();
    plan["strategy"] = serde_json::json!({"allAtOnce": {}});
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|state| state == State::ValidateGreen);
    world.set_alarm(ALARM, AlarmState::Alarm);
    while machine.state() != State::RolledBack {
        machine.enter();
        assert_eq!(world.weight(LISTENER, GROUP_B), Some(0), "in {}", machine.state());
    }
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmRaised)));
    assert!(ending.cause.is_some_and(|cause| cause.contains(ALARM)));
}

/// Whoever deleted it since the release was accepted left green without what was to watch it.
#[test]
fn green_gets_no_first_weight_without_an_alarm_of_its_plan() {
    for strategy in
        [serde_json::json!({"allAtOnce": {}}), serde_json::json!({"canary": {"weight": "10%", "bake": "5m"}})]
    {
        let mut plan = plan();
        plan["strategy"] = strategy;
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan);
        machine.run_until(|state| state == State::ValidateGreen);
        world.state().alarms.remove(ALARM);
        while machine.state() != State::RolledBack {
            machine.enter();
            assert_eq!(world.weight(LISTENER, GROUP_B), Some(0), "in {}", machine.state());
        }
        let ending = machine.finish();
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmUnreadable)));
        let cause = ending.cause.unwrap();
        assert!(cause.contains(ALARM) && cause.contains("Create it again"), "{cause}");
    }
}

/// Many an alarm has no data until green has requests. It lets green begin, and vouches for nothing after that.
#[test]
fn an_alarm_without_data_gives_green_its_first_weight_and_no_other() {
    let world = World::new();
    world.set_alarm(ALARM, AlarmState::InsufficientData);
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    let first = world.weight(LISTENER, GROUP_B);
    assert!(first > Some(0), "{first:?}");
    while machine.state() != State::RollBack {
        machine.enter();
        assert!(world.weight(LISTENER, GROUP_B) <= first, "in {}", machine.state());
    }
    assert_eq!(machine.finish().error, Some(ErrorName::InsufficientData));
}

/// Where the first weight is everything, nobody would have vouched for green before it has that.
#[test]
fn an_alarm_without_data_gives_green_nothing_where_its_first_weight_is_everything() {
    let all_at_once = || {
        let mut plan = plan();
        plan["strategy"] = serde_json::json!({"allAtOnce": {}});
        plan
    };
    let refused = |cause: &str| cause.contains(ALARM) && cause.contains("notBreaching");
    let world = World::new();
    world.set_alarm(ALARM, AlarmState::InsufficientData);
    let ending = Machine::new(&world, "r-1", all_at_once()).finish();
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::AlarmUnreadable)));
    assert!(refused(&ending.cause.unwrap()));

    // It has data when the release begins, and none when green is to get everything.
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", all_at_once());
    machine.run_until(|state| state == State::ValidateGreen);
    world.set_alarm(ALARM, AlarmState::InsufficientData);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::AlarmUnreadable)));
    assert!(refused(&ending.cause.unwrap()));
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(0));
}

/// Nothing goes back any more, and somebody has to know.
#[test]
fn an_alarm_past_the_point_of_no_return_is_told_once_for_each_change() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::RetireBlue);
    let raised_at = world.now();
    let told = |world: &World| {
        let state = world.state();
        let told = state.announced.iter().filter(|event| event.error.is_some()).cloned();
        told.collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let effects = world.alarm_raised_at(Some(TEAL_ACCOUNT), ALARM, raised_at).unwrap().unwrap();
        assert_eq!(effects[0].outcome, AlarmOutcome::TooLate);
    }
    let events = told(&world);
    assert!(events.iter().all(|event| event.id == events[0].id), "{events:?}");
    assert_eq!((events[0].state, events[0].error), (State::RetireBlue, Some(ErrorName::AlarmRaised)));
    let cause = events[0].cause.clone().unwrap();
    assert!(cause.contains(ALARM) && cause.contains("nothing goes back"), "{cause}");
    assert_eq!(machine.finish().state, State::Promoted);
    assert!(told(&world).iter().all(|event| event.state == State::RetireBlue), "the ending has no error");
}

/// Some of the events are lost, or late.
#[test]
fn an_alarm_while_green_comes_up_is_read_before_its_first_weight() {
    for seed in 0..60 {
        for function in [Function::PrepareGreen, Function::ValidateGreen] {
            let report = rehearse(seed, vec![at(function, (seed % 4) as u32, Happening::AlarmRaised)]);
            assert!(report.breaches.is_empty(), "seed {seed}: {:?}", report.breaches);
        }
    }
}

#[test]
fn a_record_that_cannot_be_read_keeps_no_other_release_from_blue() {
    let world = World::new();
    let _machine = baking(&world);
    // Read before the other one, after the question who watches.
    world.state().watches.insert((ALARM.to_owned(), ReleaseId::new("r-0").unwrap()));
    world.inject(Fault { at_call: world.calls() + 1, kind: FaultKind::Throttle });
    let error = world.alarm_raised(Some(TEAL_ACCOUNT), ALARM).unwrap().unwrap_err();
    assert_eq!(error.name, ErrorName::Throttled, "the event is to be delivered again");
    assert_eq!([world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)], [Some(100), Some(0)]);
}

#[test]
fn a_call_that_fails_or_loses_its_answer_leaves_nobody_on_green_until_the_next_delivery() {
    for kind in [FaultKind::NoEffect, FaultKind::LostAnswer] {
        // After the questions who watches and what the record says; the last ones are beyond the restoring.
        for nth in 2..14 {
            let world = World::new();
            let _machine = baking(&world);
            world.inject(Fault { at_call: world.calls() + nth, kind });
            let effects = world.alarm_raised(Some(TEAL_ACCOUNT), ALARM).unwrap().unwrap();
            assert_eq!(effects.len(), 1, "{kind:?} at call {nth}");
            let split = [world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B)];
            assert_eq!(split, [Some(100), Some(0)], "{kind:?} at call {nth}");
        }
    }
}

#[test]
fn a_call_that_fails_again_and_again_is_left_to_the_next_delivery() {
    let world = World::new();
    let _machine = baking(&world);
    for nth in 3..40 {
        world.inject(Fault { at_call: world.calls() + nth, kind: FaultKind::NoEffect });
    }
    assert_eq!(world.alarm_raised(Some(TEAL_ACCOUNT), ALARM).unwrap().unwrap_err().name, ErrorName::Unavailable);
}

/// The write that got no answer may come after everything was read back: whoever wants the route next waits until it cannot any more.
#[test]
fn the_intent_of_a_write_without_an_answer_stays_until_its_time_is_over() {
    // The only writes among on-alarm's calls, found by trying: where nothing failed, nothing stays.
    let mut stayed = Vec::new();
    for nth in 2..14 {
        let world = World::new();
        let mut machine = baking(&world);
        world.inject(Fault { at_call: world.calls() + nth, kind: FaultKind::LateEffect });
        world.alarm_raised(Some(TEAL_ACCOUNT), ALARM).unwrap().unwrap();
        let record = world.record(machine.release()).unwrap();
        assert!(record.restored_at.is_some(), "call {nth}");
        let Some(settled_at) = record.settled_at() else { continue };
        stayed.push(nth);
        let ending = machine.finish();
        assert_eq!(ending.state, State::RolledBack, "call {nth}");
        assert!(world.now() >= settled_at, "call {nth}: the lock was given up before the write's time was over");
    }
    assert!(!stayed.is_empty());
}

/// A shift's write gets no answer, and comes when everything was taken back: the release still has it announced then, and holds the route.
#[test]
fn a_shift_that_took_back_what_it_wrote_may_still_be_writing() {
    let shift = Place::Runs(Function::ShiftTraffic);
    for kind in [FaultKind::LateEffect, FaultKind::LostAnswer] {
        for seed in 0..200 {
            let planned = vec![
                Planned::at_write(shift, 0, Disturbance::World(Happening::AlarmRaised)),
                Planned::at_write(shift, 0, Disturbance::Call(kind)),
            ];
            let report = rehearse(seed, planned);
            assert!(report.breaches.is_empty(), "{kind:?}, seed {seed}: {:?}", report.breaches);
        }
    }
}

/// The same of on-alarm's own writes, to each listener.
#[test]
fn an_alarm_that_begins_anew_may_still_be_writing() {
    let alarm = Place::Runs(Function::OnAlarm);
    for seed in 0..200 {
        for nth in 0..2 {
            let planned = vec![
                at(Function::EvaluateHealth, 2, Happening::AlarmRaised),
                Planned::at_write(alarm, nth, Disturbance::Call(FaultKind::LateEffect)),
            ];
            let report = rehearse(seed, planned);
            assert!(report.breaches.is_empty(), "write {nth}, seed {seed}: {:?}", report.breaches);
        }
    }
}

/// Where a deployment is to move the traffic and has not begun, blue may be on no listener already: it is attached first, as it is where a
/// deployment left it so.
#[test]
fn an_alarm_before_the_deployment_attaches_a_blue_that_somebody_took_out() {
    for seed in 0..400 {
        let planned = vec![
            at(Function::Accept, 11, Happening::BlueRemoved),
            at(Function::PrepareGreen, 0, Happening::AlarmRaised),
        ];
        let report = rehearse(seed, planned);
        assert!(report.breaches.is_empty(), "seed {seed}: {:?}", report.breaches);
    }
}
