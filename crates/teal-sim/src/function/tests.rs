//! Runs of functions beside each other, call by call.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::chaos::Chaos;
use crate::link::{Who, later};
use crate::ports::own_account;
use crate::world::Waiting;
use crate::{
    ALARM, Disturbance, Fault, FaultKind, GROUP_A, GROUP_B, LISTENER, Machine, Place, Planned, SECOND_LISTENER, World,
    forward, plan,
};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use teal::error::ErrorName;
use teal::request::Ask;
use teal::story::Fact;
use teal::time::Timestamp;

#[test]
fn an_alarm_that_could_not_restore_a_release_says_which() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    // It finds who watches and reads the record; then it cannot write.
    world.inject(Fault { at_call: world.calls() + 2, kind: FaultKind::Throttle });
    let now = world.now();
    let act_by = later(now, Function::OnAlarm.timeout_millis());
    let call =
        Invocation { id: "alarm-1".to_owned(), function: "on-alarm".to_owned(), now, act_by, account: own_account() };
    let who = Who { invocation: call.id.clone(), function: Function::OnAlarm, started: now };
    let link = Link::new(&world, who);
    let mut step = Step::new(&link, &call);
    let alarm = RaisedAlarm {
        account: None,
        name: ALARM.parse().unwrap(),
        reason: "5 errors".to_owned(),
        at: Some(now),
        was_ok: false,
    };
    let run = Box::pin(steps::on_alarm(&mut step, &alarm));
    let answered = pin!(run).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(answered, Poll::Ready(Err(_))), "{answered:?}");
    assert_eq!(step.failed(), Some(machine.release()));
}

#[test]
fn a_request_that_cannot_be_read_is_told_and_keeps_no_other_from_being_heard() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    machine.enter();
    world.state().spoilt_requests.push("the request \"pause\" cannot be read".to_owned());
    world.ask(machine.release(), Ask::Abort);
    let now = world.now();
    let call = Invocation {
        id: "look-1".to_owned(),
        function: "evaluate-health".to_owned(),
        now,
        act_by: later(now, Function::EvaluateHealth.timeout_millis()),
        account: own_account(),
    };
    let who = Who { invocation: call.id.clone(), function: Function::EvaluateHealth, started: now };
    let link = Link::new(&world, who);
    let mut step = Step::new(&link, &call);
    let input = StepInput { release: machine.release().clone() };
    let run = Box::pin(steps::evaluate_health(&mut step, &input));
    let Poll::Ready(answer) = pin!(run).poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
    assert_eq!(answer.unwrap().error, Some(ErrorName::Aborted));
    let told = step.into_story().into_iter().map(|(_, entry)| entry.fact.to_string());
    assert_eq!(told.filter(|fact| fact.contains("\"pause\" cannot be read")).count(), 1);
}

/// Lets a function go on until it is done, or something has come about.
fn drive<T>(world: &World, mut run: Pin<&mut impl Future<Output = T>>, until: impl Fn() -> bool) -> Option<T> {
    while !until() {
        if let Poll::Ready(result) = run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(result);
        }
        match world.waiting.get() {
            Waiting::ForEffect(at) | Waiting::ForAnswer(at) => world.pass_until(at),
            Waiting::ForEver | Waiting::Crashed => return None,
        }
    }
    None
}

fn begin<'w>(world: &'w World, id: &str, function: Function) -> (Link<'w>, Invocation) {
    let now = world.now();
    let act_by = later(now, function.timeout_millis());
    let call = Invocation { id: id.to_owned(), function: function.to_string(), now, act_by, account: own_account() };
    (Link::new(world, Who { invocation: id.to_owned(), function, started: now }), call)
}

fn raised(world: &World) -> Input {
    let reason = "5 errors".to_owned();
    Input::Alarm(RaisedAlarm {
        account: None,
        name: ALARM.parse().unwrap(),
        reason,
        at: Some(world.now()),
        was_ok: false,
    })
}

/// After how many milliseconds of one run of on-alarm nobody is on green any more, where its first write goes like this.
fn restored_after(seed: u64, fault: Option<FaultKind>) -> i64 {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    let place = Place::Runs(Function::OnAlarm);
    let planned = fault.map(|kind| Planned::at_write(place, 0, Disturbance::Call(kind)));
    let rng = fastrand::Rng::with_seed(seed);
    *world.chaos.borrow_mut() = Some(Chaos::scripted(rng, planned.into_iter().collect()));
    let began = world.now();
    let (link, call) = begin(&world, "alarm-1", Function::OnAlarm);
    let mut run = pin!(invoke(link, call, Rc::new(raised(&world))));
    assert!(drive(&world, run.as_mut(), || world.weight(LISTENER, GROUP_B) == Some(0)).is_none(), "seed {seed}");
    let after = world.now().duration_since(began).as_millis();
    let done = drive(&world, run, || false);
    assert!(matches!(done, Some(Ok(None))), "seed {seed}: {done:?}");
    i64::try_from(after).unwrap()
}

/// The next delivery of the event would come after a minute, the next look after as much.
#[test]
fn a_write_that_fails_costs_a_second_round_of_calls_and_no_minute() {
    let sorted = |fault| {
        let mut times: Vec<i64> = (0..1_000).map(|seed| restored_after(seed, fault)).collect();
        times.sort_unstable();
        times
    };
    let (well, failed) = (sorted(None), sorted(Some(FaultKind::NoEffect)));
    let show = |times: &[i64]| format!("median {} ms, longest {} ms", times[500], times[999]);
    println!("all well: {}; the first write failed: {}", show(&well), show(&failed));
    assert!(failed[500] < well[500] + 1_000 && failed[999] < 20_000, "{}", show(&failed));
}

/// A run of on-alarm that has many releases is long under way when it comes to the last of them.
#[test]
fn what_a_long_run_restores_is_dated_with_the_moment_and_not_with_the_runs_beginning() {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    *world.chaos.borrow_mut() = Some(Chaos::scripted(fastrand::Rng::with_seed(1), Vec::new()));
    let began = world.now();
    let (link, call) = begin(&world, "alarm-1", Function::OnAlarm);
    let mut run = pin!(invoke(link, call, Rc::new(raised(&world))));
    let decided = || world.record(machine.release()).is_some_and(|record| record.setback.is_some());
    assert!(drive(&world, run.as_mut(), decided).is_none());
    world.pass(20);
    assert!(drive(&world, run.as_mut(), || world.weight(LISTENER, GROUP_B) == Some(0)).is_none());
    let written = world.now();
    assert!(matches!(drive(&world, run, || false), Some(Ok(None))));
    let record = world.record(machine.release()).unwrap();
    assert_eq!(record.setback.unwrap().decided_at, began);
    assert!(record.restored_at >= Some(written), "{:?}, and written at {written}", record.restored_at);
    let story = world.state().stories[machine.release()].clone();
    let told = story.iter().find(|entry| matches!(entry.fact, Fact::RouteRestored { .. })).unwrap();
    assert!(matches!(told.fact, Fact::RouteRestored { seconds } if seconds >= 20), "{told:?}");
    assert!(told.at >= written, "{told:?}");

    // Whoever ends the release right after that leaves green its tasks until all of the load balancer knows.
    let (link, call) = begin(&world, "roll-back-1", Function::RollBack);
    let input = RollBackInput { release: machine.release().clone(), error: None, cause: None, started_at: None };
    let answer = drive(&world, pin!(invoke(link, call, Rc::new(Input::RollBack(input)))), || false);
    leaves_green_its_tasks_since(&world, &answer.unwrap().unwrap().unwrap(), written);
}

/// A release that is to shift for the first time, where somebody gives green weight just before. From then on calls take time.
fn green_has_weight_by_others(world: &World) -> Machine<'_> {
    let mut machine = Machine::new(world, "r-1", plan());
    machine.run_until(|state| state == State::ShiftTraffic);
    world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 50), (GROUP_B, 50)])]);
    *world.chaos.borrow_mut() = Some(Chaos::scripted(fastrand::Rng::with_seed(1), Vec::new()));
    machine
}

fn roll_back<'w>(
    world: &'w World,
    machine: &Machine<'_>,
    invocation: &str,
) -> impl Future<Output = TealResult<Option<Answer>>> + 'w {
    let (link, call) = begin(world, invocation, Function::RollBack);
    let error = Some("Teal.Aborted".to_owned());
    invoke(
        link,
        call,
        Rc::new(Input::RollBack(RollBackInput {
            release: machine.release().clone(),
            error,
            cause: None,
            started_at: None,
        })),
    )
}

/// Some nodes of the load balancer may still ask green for a while.
fn leaves_green_its_tasks_since(world: &World, answer: &Answer, written: Timestamp) {
    assert_eq!(answer.next, State::WaitForRollBack);
    assert!(world.state().services["checkout-b"].desired > 0);
    assert!(later(world.now(), 1_000 * answer.wait_seconds.unwrap() as i64) >= later(written, 15_000));
    assert!(world.watch.borrow().breaches.is_empty(), "{:?}", world.watch.borrow().breaches);
}

#[test]
fn what_a_run_gave_back_that_ended_before_it_could_say_so_counts() {
    let world = World::new();
    let machine = green_has_weight_by_others(&world);
    let mut first = Box::pin(roll_back(&world, &machine, "roll-back-1"));
    let decided = || world.record(machine.release()).is_some_and(|record| record.setback.is_some());
    assert!(drive(&world, first.as_mut(), decided).is_none());
    world.pass(29);
    assert!(drive(&world, first.as_mut(), || world.weight(LISTENER, GROUP_B) == Some(0)).is_none());
    let written = world.now();
    drop(first);
    // Its intent is past by then.
    world.pass(4);
    let answer = drive(&world, pin!(roll_back(&world, &machine, "roll-back-2")), || false).unwrap().unwrap().unwrap();
    leaves_green_its_tasks_since(&world, &answer, written);
}

#[test]
fn what_an_alarm_gave_back_counts_though_its_record_is_not_written_at_first() {
    // Others write it just then, or one of the calls after that has no effect: the third is the record's.
    for failing in [None, Some(0), Some(1), Some(2), Some(3)] {
        let world = World::new();
        let machine = green_has_weight_by_others(&world);
        let (link, call) = begin(&world, "alarm-1", Function::OnAlarm);
        let mut run = pin!(invoke(link, call, Rc::new(raised(&world))));
        assert!(drive(&world, run.as_mut(), || world.weight(LISTENER, GROUP_B) == Some(0)).is_none());
        let written = world.now();
        match failing {
            None => world.state().records.get_mut(machine.release()).unwrap().revision += 1,
            Some(nth) => {
                let fails = Disturbance::Call(FaultKind::NoEffect);
                let planned = vec![Planned::at_call(Place::Runs(Function::OnAlarm), nth, fails)];
                *world.chaos.borrow_mut() = Some(Chaos::scripted(fastrand::Rng::with_seed(1), planned));
            }
        }
        assert!(matches!(drive(&world, run, || false), Some(Ok(None))), "{failing:?}");
        let answer =
            drive(&world, pin!(roll_back(&world, &machine, "roll-back-1")), || false).unwrap().unwrap().unwrap();
        leaves_green_its_tasks_since(&world, &answer, written);
    }
}

#[test]
fn a_run_takes_no_green_in_that_another_one_has_given_back_since_it_read_the_record() {
    let world = World::new();
    let machine = green_has_weight_by_others(&world);
    let end = |invocation: &str| {
        let (link, call) = begin(&world, invocation, Function::OnExecutionEnd);
        let (release, status) = (machine.release().clone(), "ABORTED".to_owned());
        invoke(link, call, Rc::new(Input::ExecutionEnd { release, status, error: None, cause: None }))
    };
    let mut first = Box::pin(end("end-1"));
    let decided = || world.record(machine.release()).is_some_and(|record| record.setback.is_some());
    assert!(drive(&world, first.as_mut(), decided).is_none());
    // It has given everything back, and comes again once the first one's time is over.
    let second = drive(&world, pin!(end("end-2")), || false).unwrap();
    assert!(matches!(&second, Err(error) if error.name == ErrorName::RouteNotSettled), "{second:?}");
    assert_eq!(world.weight(LISTENER, GROUP_B), Some(0));
    let first = drive(&world, first.as_mut(), || false).unwrap();
    assert!(matches!(&first, Err(error) if error.name == ErrorName::RecordChanged), "{first:?}");
    assert!(world.state().services["checkout-b"].desired > 0);
    assert!(world.watch.borrow().breaches.is_empty(), "{:?}", world.watch.borrow().breaches);
}

#[test]
fn each_function_may_run_for_as_long_as_the_template_says() {
    let template = include_str!("../../../../template.yaml");
    let timeout = |resource: &str| {
        let value = resource.lines().find_map(|line| line.trim_start().strip_prefix("Timeout: "))?;
        value.parse::<i64>().ok()
    };
    let default = timeout(template).expect("the first one is that of Globals");
    for function in Function::ALL {
        let name = match function {
            // One function's two states.
            Function::RetireBlue => "Promote".to_owned(),
            _ => format!("{function:?}"),
        };
        let (_, resource) = template.split_once(&format!("\n  {name}Function:\n")).expect(&name);
        let resource = resource.split("\n\n").next().unwrap_or_default();
        assert_eq!(function.timeout_millis(), 1_000 * timeout(resource).unwrap_or(default), "{name}");
    }
}

/// An alarm restores the one listener that a shift has written already; the shift goes on to the other one, and finds its work undone.
#[test]
fn a_shift_that_finds_a_part_of_its_work_undone_gives_the_rest_back() {
    let world = World::new();
    let mut plan = plan();
    plan["traffic"]["alb"]["listeners"] = serde_json::json!([LISTENER, SECOND_LISTENER]);
    let actions = world.state().parts[LISTENER].clone();
    world.state().parts.insert(SECOND_LISTENER.to_owned(), actions);
    let mut machine = Machine::new(&world, "r-1", plan);
    machine.run_until(|state| state == State::ShiftTraffic);
    // From now on calls take time.
    *world.chaos.borrow_mut() = Some(Chaos::scripted(fastrand::Rng::with_seed(1), Vec::new()));
    let has_green = |listener| world.weight(listener, GROUP_B).is_some_and(|weight| weight > 0);
    let (link, call) = begin(&world, "shift-1", Function::ShiftTraffic);
    let input = Input::Step(Function::ShiftTraffic, machine.release().clone());
    let mut shift = pin!(invoke(link, call, Rc::new(input)));
    assert!(drive(&world, shift.as_mut(), || has_green(LISTENER) || has_green(SECOND_LISTENER)).is_none());

    let (link, call) = begin(&world, "alarm-1", Function::OnAlarm);
    let restored = drive(&world, pin!(invoke(link, call, Rc::new(raised(&world)))), || false);
    assert!(matches!(restored, Some(Ok(None))), "{restored:?}");
    assert!(!has_green(LISTENER) && !has_green(SECOND_LISTENER));

    let shifted = drive(&world, shift, || false).unwrap().unwrap_err();
    assert_eq!(shifted.name, ErrorName::AlarmRaised);
    assert!(!has_green(LISTENER) && !has_green(SECOND_LISTENER), "no part is left on green until the next try");
}
