//! Teal's functions: how long each may run, and what it calls.

use crate::link::Link;
use std::fmt;
use std::rc::Rc;
use teal::error::TealResult;
use teal::hook::HookAsked;
use teal::release::ReleaseId;
use teal::state::State;
use teal::steps::{self, AcceptInput, Answer, Invocation, RaisedAlarm, RollBackInput, Step, StepInput};

/// A Lambda function, or one of the two states that share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    Accept,
    PrepareGreen,
    ValidateGreen,
    ShiftTraffic,
    EvaluateHealth,
    Promote,
    RetireBlue,
    RollBack,
    OnAlarm,
    OnExecutionEnd,
    Sweep,
    OnLifecycleHook,
}

/// How long after its timeout a call that a function had begun may still have its effect: the margin of `actBy`, in milliseconds.
pub(crate) const ACT_MARGIN_MILLIS: i64 = 2_000;

impl Function {
    /// Every function.
    pub const ALL: [Function; 12] = [
        Function::Accept,
        Function::PrepareGreen,
        Function::ValidateGreen,
        Function::ShiftTraffic,
        Function::EvaluateHealth,
        Function::Promote,
        Function::RetireBlue,
        Function::RollBack,
        Function::OnAlarm,
        Function::OnExecutionEnd,
        Function::Sweep,
        Function::OnLifecycleHook,
    ];

    /// The function that runs in a state.
    #[must_use]
    pub fn of(state: State) -> Option<Function> {
        Some(match state {
            State::Accept => Function::Accept,
            State::PrepareGreen => Function::PrepareGreen,
            State::ValidateGreen => Function::ValidateGreen,
            State::ShiftTraffic => Function::ShiftTraffic,
            State::EvaluateHealth => Function::EvaluateHealth,
            State::Promote => Function::Promote,
            State::RetireBlue => Function::RetireBlue,
            State::RollBack => Function::RollBack,
            _ => return None,
        })
    }

    /// Whether it writes to listeners or services.
    pub(crate) const fn acts(self) -> bool {
        !matches!(
            self,
            Function::Accept | Function::ValidateGreen | Function::EvaluateHealth | Function::OnLifecycleHook
        )
    }

    /// Its timeout in `template.yaml`.
    pub(crate) const fn timeout_millis(self) -> i64 {
        match self {
            Function::ValidateGreen | Function::OnLifecycleHook => 300_000,
            Function::PrepareGreen | Function::EvaluateHealth | Function::Sweep => 60_000,
            Function::Accept
            | Function::ShiftTraffic
            | Function::Promote
            | Function::RetireBlue
            | Function::RollBack
            | Function::OnAlarm
            | Function::OnExecutionEnd => 30_000,
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a function is called with.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Accept(Box<AcceptInput>),
    Step(Function, ReleaseId),
    RollBack(RollBackInput),
    Alarm(RaisedAlarm),
    ExecutionEnd { release: ReleaseId, status: String, error: Option<String>, cause: Option<String> },
    Sweep,
    Hook(HookAsked),
}

impl Input {
    pub(crate) fn function(&self) -> Function {
        match self {
            Input::Accept(_) => Function::Accept,
            Input::Step(function, _) => *function,
            Input::RollBack(_) => Function::RollBack,
            Input::Alarm(_) => Function::OnAlarm,
            Input::ExecutionEnd { .. } => Function::OnExecutionEnd,
            Input::Sweep => Function::Sweep,
            Input::Hook(_) => Function::OnLifecycleHook,
        }
    }
}

/// Runs one function from its input to its answer; triggers have none.
pub(crate) async fn invoke(link: Link<'_>, call: Invocation, input: Rc<Input>) -> TealResult<Option<Answer>> {
    let (world, who) = (link.world, link.who.clone());
    let mut step = Step::new(&link, &call);
    let answer = match input.as_ref() {
        Input::Accept(input) => steps::accept(&mut step, input).await?,
        Input::RollBack(input) => steps::roll_back(&mut step, input).await?,
        Input::Step(function, release) => {
            let input = StepInput { release: release.clone() };
            match function {
                Function::PrepareGreen => steps::prepare_green(&mut step, &input).await?,
                Function::ValidateGreen => steps::validate_green(&mut step, &input).await?,
                Function::ShiftTraffic => steps::shift_traffic(&mut step, &input).await?,
                Function::Promote => steps::promote(&mut step, &input).await?,
                Function::RetireBlue => steps::retire_blue(&mut step, &input).await?,
                _ => steps::evaluate_health(&mut step, &input).await?,
            }
        }
        Input::Alarm(alarm) => return steps::on_alarm(&mut step, alarm).await.map(|_| None),
        Input::ExecutionEnd { release, status, error, cause } => {
            let (error, cause) = (error.as_deref(), cause.as_deref());
            return steps::on_execution_end(&mut step, release, status, error, cause).await.map(|_| None);
        }
        Input::Hook(hook) => return steps::lifecycle_hook(&mut step, hook, "teal").await.map(|_| None),
        Input::Sweep => {
            let swept = steps::sweep(&mut step).await?;
            world.watch.borrow_mut().swept(&world.state(), &swept.drifted, &who);
            return Ok(None);
        }
    };
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::chaos::Chaos;
    use crate::link::{Who, later};
    use crate::ports::own_account;
    use crate::world::Waiting;
    use crate::{
        ALARM, Disturbance, Fault, FaultKind, GROUP_B, LISTENER, Machine, Place, Planned, SECOND_LISTENER, World, plan,
    };
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};
    use teal::error::ErrorName;
    use teal::request::Ask;
    use teal::story::Fact;

    #[test]
    fn an_alarm_that_could_not_restore_a_release_says_which() {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|state| state == State::Bake);
        // It finds who watches and reads the record; then it cannot write.
        world.inject(Fault { at_call: world.calls() + 2, kind: FaultKind::Throttle });
        let now = world.now();
        let act_by = later(now, Function::OnAlarm.timeout_millis());
        let call = Invocation {
            id: "alarm-1".to_owned(),
            function: "on-alarm".to_owned(),
            now,
            act_by,
            account: own_account(),
        };
        let who = Who { invocation: call.id.clone(), function: Function::OnAlarm, started: now };
        let link = Link::new(&world, who);
        let mut step = Step::new(&link, &call);
        let alarm =
            RaisedAlarm { account: None, name: ALARM.parse().unwrap(), reason: "5 errors".to_owned(), at: Some(now) };
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
        let call =
            Invocation { id: id.to_owned(), function: function.to_string(), now, act_by, account: own_account() };
        (Link::new(world, Who { invocation: id.to_owned(), function, started: now }), call)
    }

    fn raised(world: &World) -> Input {
        let reason = "5 errors".to_owned();
        Input::Alarm(RaisedAlarm { account: None, name: ALARM.parse().unwrap(), reason, at: Some(world.now()) })
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
        let input = RollBackInput { release: machine.release().clone(), error: None, cause: None };
        let answer = drive(&world, pin!(invoke(link, call, Rc::new(Input::RollBack(input)))), || false);
        let answer = answer.unwrap().unwrap().unwrap();
        assert_eq!(answer.next, State::WaitForRollBack);
        assert!(world.state().services["checkout-b"].desired > 0);
        assert!(later(world.now(), 1_000 * answer.wait_seconds.unwrap() as i64) >= later(written, 15_000));
        assert!(world.watch.borrow().breaches.is_empty(), "{:?}", world.watch.borrow().breaches);
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
}
