//! Functions that run: started, resumed, ended.

use super::Simulation;
use super::happenings::OTHER_ACCOUNT;
use super::queue::Event;
use crate::function::{ACT_MARGIN_MILLIS, Function, Input, invoke};
use crate::link::{Link, Who, later};
use crate::mutation::Mutation;
use crate::ports::own_account;
use crate::watch::{SKEW_MILLIS, Seen};
use crate::world::Waiting;
use serde_json::json;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use teal::error::{ErrorName, TealError, TealResult};
use teal::hook::HookAsked;
use teal::steps::{Answer, Invocation};
use teal::time::Timestamp;

/// Pauses before Lambda tries an asynchronous invocation again.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const ASYNC_RETRIES_MILLIS: [i64; 2] = [60_000, 120_000];

/// How long an event stays in Lambda's queue that there is no room for: from a second, growing to minutes while it goes on.
const QUEUED_MILLIS: std::ops::Range<i64> = 1_000..60_000;

/// How long before the end of its margin the last effect of a run that has timed out happens.
const LAST_EFFECT_MILLIS: i64 = ACT_MARGIN_MILLIS - 2 * SKEW_MILLIS;

/// An invocation that is to come.
#[derive(Clone, Debug)]
pub(crate) struct Invoke {
    pub(crate) input: Rc<Input>,
    /// The execution that waits for the answer, and the token of its waiting.
    pub(crate) reply_to: Option<(usize, u64)>,
    /// Failures so far, of an asynchronous invocation.
    failures: usize,
    /// When the alarm went off, for on-alarm.
    raised_at: Option<Timestamp>,
}

impl Invoke {
    pub(crate) fn for_execution(input: Input, execution: usize, token: u64) -> Self {
        Self { input: Rc::new(input), reply_to: Some((execution, token)), failures: 0, raised_at: None }
    }

    pub(crate) fn by_event(input: Input, raised_at: Option<Timestamp>) -> Self {
        Self { input: Rc::new(input), reply_to: None, failures: 0, raised_at }
    }

    pub(crate) fn sweep() -> Self {
        Self::by_event(Input::Sweep, None)
    }
}

/// A function that runs.
pub(crate) struct Run<'w> {
    future: Pin<Box<dyn Future<Output = TealResult<Option<Answer>>> + 'w>>,
    who: Who,
    seen: Rc<RefCell<Seen>>,
    invoke: Invoke,
    waiting: Waiting,
    token: u64,
    /// Its time is over; only a call that is on its way may still have its effect.
    timed_out: bool,
}

impl<'w> Simulation<'w> {
    /// A function starts, if Lambda has room for it.
    pub(super) fn start(&mut self, request: Invoke) {
        let now = self.now();
        if self.world.chaos.borrow_mut().as_mut().is_some_and(|chaos| chaos.turns_away(now)) {
            self.turned_away(request);
        } else {
            self.begin_run(request);
        }
    }

    /// Lambda has no room: a state machine is told so, and an event stays in Lambda's queue.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
    fn turned_away(&mut self, request: Invoke) {
        self.world.log(|| format!("Lambda has no room for {}", request.input.function()));
        match request.reply_to {
            Some((execution, token)) => {
                self.task_failed(execution, token, "Lambda.TooManyRequestsException", "Rate Exceeded.");
            }
            None => {
                let after = self.rng.i64(QUEUED_MILLIS);
                self.after(after, Event::Invoke(Box::new(request)));
            }
        }
    }

    fn begin_run(&mut self, request: Invoke) {
        let (world, now) = (self.world, self.now());
        let (function, id) = (request.input.function(), self.runs.len());
        let skew = self.rng.i64(-SKEW_MILLIS..=SKEW_MILLIS);
        let started = later(now, skew);
        let lasts = match world.mutation {
            Some(Mutation::ActByTooEarly) => 0,
            _ => function.timeout_millis() + ACT_MARGIN_MILLIS,
        };
        let invocation = format!("{function}-{id}");
        let call = Invocation {
            id: invocation.clone(),
            function: function.to_string(),
            now: started,
            act_by: later(started, lasts),
            account: own_account(),
        };
        let mut link = Link::new(world, Who { invocation, function, started: now });
        link.clock_ahead = skew;
        let who = link.who.clone();
        world.log(|| format!("{} starts", who.invocation));
        if let Some(raised_at) = request.raised_at {
            world.watch.borrow_mut().alarm_told(&who, raised_at);
        }
        if matches!(request.input.as_ref(), Input::Alarm(alarm) if alarm.account.as_deref() == Some(OTHER_ACCOUNT)) {
            world.watch.borrow_mut().alarm_of_others_told(&who);
        }
        let seen = Rc::clone(&link.seen);
        let future = Box::pin(invoke(link, call, Rc::clone(&request.input)));
        let waiting = Waiting::ForEver;
        self.runs.push(Some(Run { future, who, seen, invoke: request, waiting, token: 0, timed_out: false }));
        self.alive += 1;
        self.after(function.timeout_millis(), Event::Timeout { run: id });
        self.poll(id);
    }

    pub(super) fn wake(&mut self, run: usize, token: u64) {
        if self.runs[run].as_ref().is_some_and(|found| found.token == token) {
            self.poll(run);
        }
    }

    fn poll(&mut self, id: usize) {
        let Some(mut run) = self.runs[id].take() else { return };
        self.world.waiting.set(Waiting::ForEver);
        let polled = run.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let request = run.invoke.clone();
        match polled {
            _ if run.timed_out => self.alive -= 1,
            Poll::Ready(result) => {
                self.alive -= 1;
                self.finished(&run, result);
            }
            Poll::Pending => {
                run.waiting = self.world.waiting.get();
                run.token += 1;
                match run.waiting {
                    Waiting::Crashed => {
                        self.alive -= 1;
                        self.ended_badly(&run, "Runtime.ExitError", "the process was killed");
                    }
                    Waiting::ForEver => self.runs[id] = Some(run),
                    Waiting::ForEffect(at) | Waiting::ForAnswer(at) => {
                        self.queue.push(at, Event::Wake { run: id, token: run.token });
                        self.runs[id] = Some(run);
                    }
                }
            }
        }
        self.collect(Some(&request), 0);
    }

    /// A function's time is over. What it has sent off may still arrive.
    pub(super) fn time_out(&mut self, id: usize) {
        let Some(mut run) = self.runs[id].take() else { return };
        self.world.log(|| format!("{}: its time is over", run.who.invocation));
        self.ended_badly(&run, "Sandbox.Timedout", "Task timed out");
        match run.waiting {
            Waiting::ForEffect(at) if at <= later(self.now(), LAST_EFFECT_MILLIS) => {
                run.timed_out = true;
                self.runs[id] = Some(run);
            }
            _ => self.alive -= 1,
        }
    }

    /// Every function is ended where it is, and nothing of what it had sent off arrives.
    pub(super) fn end_all_runs(&mut self) {
        for id in 0..self.runs.len() {
            if let Some(run) = self.runs[id].take() {
                self.alive -= 1;
                if !run.timed_out {
                    self.ended_badly(&run, "Sandbox.Timedout", "Task timed out");
                }
            }
        }
    }

    fn finished(&mut self, run: &Run<'_>, result: TealResult<Option<Answer>>) {
        match result {
            Ok(answer) => {
                self.world.log(|| {
                    let next = answer.as_ref().map_or("done".to_owned(), |answer| format!("next is {}", answer.next));
                    format!("{} ends: {next}", run.who.invocation)
                });
                if let (Input::Alarm(alarm), Some(raised_at)) = (run.invoke.input.as_ref(), run.invoke.raised_at) {
                    let mut watch = self.world.watch.borrow_mut();
                    watch.alarm_handled(&self.world.state(), &alarm.name, raised_at, &run.who);
                }
                if let Input::Hook(HookAsked::CodeDeploy { deployment, execution }) = run.invoke.input.as_ref() {
                    self.world.watch.borrow_mut().hook_heard(
                        &self.world.state(),
                        deployment,
                        execution,
                        self.world.now(),
                    );
                }
                if let (Some(answer), Some((execution, token))) = (answer, run.invoke.reply_to) {
                    self.answered(execution, token, &answer);
                }
            }
            Err(error) => self.failed(run, &error),
        }
    }

    fn failed(&mut self, run: &Run<'_>, error: &TealError) {
        self.world.log(|| format!("{} fails: {error}", run.who.invocation));
        let undisturbed = !run.seen.borrow().disturbed;
        if run.who.function == Function::OnAlarm && undisturbed && error.name == ErrorName::RecordChanged {
            self.world.watch.borrow_mut().alarm_given_up(&error.to_string());
        }
        if let Input::Accept(input) = run.invoke.input.as_ref() {
            self.world.watch.borrow_mut().not_accepted(&self.world.state(), &input.name, error);
        }
        let name = error.name.as_str();
        let report = json!({"errorType": name, "errorMessage": error.message}).to_string();
        self.ended_badly(run, name, &report);
    }

    fn ended_badly(&mut self, run: &Run<'_>, error: &str, cause: &str) {
        if let Some((execution, token)) = run.invoke.reply_to {
            self.task_failed(execution, token, error, cause);
            return;
        }
        if let Some(pause) = ASYNC_RETRIES_MILLIS.get(run.invoke.failures) {
            let again = Invoke { failures: run.invoke.failures + 1, ..run.invoke.clone() };
            let is_sweep = run.who.function == Function::Sweep;
            // The next sweep comes anyway.
            if !is_sweep {
                self.after(*pause, Event::Invoke(Box::new(again)));
            }
        }
    }
}
