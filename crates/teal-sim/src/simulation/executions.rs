//! Executions of the state machine, and the events about them.

use super::Simulation;
use super::queue::Event;
use super::runs::Invoke;
use super::setting::Mover;
use crate::asl::{Doing, Execution};
use crate::function::{Function, Input};
use serde_json::Value;
use std::collections::BTreeSet;
use teal::release::{Phase, ReleaseId};
use teal::request::Ask;
use teal::state::State;
use teal::steps::{AcceptInput, Answer, RollBackInput};
use teal::time::Timestamp;

/// One execution.
#[derive(Debug)]
pub(crate) struct Exec {
    pub(crate) id: ReleaseId,
    arn: String,
    document: Value,
    machine: Execution,
    /// What it waits for now; answers to anything else find nobody.
    token: u64,
    begun: bool,
    supersedes: bool,
    started_at: Option<Timestamp>,
    status: Option<&'static str>,
    gates: BTreeSet<usize>,
}

impl Exec {
    pub(crate) fn is_running(&self) -> bool {
        self.begun && self.status.is_none()
    }

    fn input(&self, state: State) -> Input {
        match Function::of(state) {
            Some(Function::Accept) => Input::Accept(Box::new(AcceptInput {
                plan: self.document.clone(),
                execution: self.arn.clone(),
                name: self.id.clone(),
                started_at: self.started_at.map(|at| at.to_string()),
            })),
            Some(Function::RollBack) | None => {
                let (error, cause) = self.machine.caught();
                Input::RollBack(RollBackInput {
                    release: self.id.clone(),
                    error: error.map(str::to_owned),
                    cause: cause.map(str::to_owned),
                    started_at: self.started_at.map(|at| at.to_string()),
                })
            }
            Some(function) => Input::Step(function, self.id.clone()),
        }
    }
}

impl Simulation<'_> {
    /// Somebody starts a release, so many milliseconds from now.
    ///
    /// # Panics
    /// Never: the name is a good one.
    pub(super) fn begin_by_hand(&mut self, millis: i64, supersedes: bool) {
        let number = self.executions.len() + 1;
        let id = ReleaseId::new(format!("r-{number}")).unwrap_or_else(|problem| panic!("{problem}"));
        let document = self.setting.plan(number, supersedes);
        self.begin_execution(id, document, millis, supersedes);
    }

    /// Somebody starts a release, or begins a deployment whose hooks do.
    pub(super) fn begin_release(&mut self, millis: i64, supersedes: bool) {
        if self.setting.mover == Mover::Somebody {
            self.after(millis, Event::Deploy);
        } else {
            self.begin_by_hand(millis, supersedes);
        }
    }

    pub(super) fn begin_execution(&mut self, id: ReleaseId, document: Value, millis: i64, supersedes: bool) {
        let number = self.executions.len() + 1;
        self.executions.push(Exec {
            arn: format!("execution:{id}"),
            id,
            document,
            machine: Execution::start(),
            token: 0,
            begun: false,
            supersedes,
            started_at: None,
            status: None,
            gates: BTreeSet::new(),
        });
        self.after(millis, Event::Begin(number - 1));
    }

    /// Does what the execution is to do now.
    pub(super) fn advance(&mut self, index: usize) {
        let now = self.now();
        let execution = &mut self.executions[index];
        execution.begun = true;
        if execution.started_at.is_none() {
            execution.started_at = Some(now);
            self.world.watch.borrow_mut().began(&execution.id, execution.supersedes, now);
        }
        if execution.status.is_some() {
            return;
        }
        execution.token += 1;
        let (token, doing) = (execution.token, execution.machine.doing().clone());
        match doing {
            Doing::Run { state, timeout_seconds } => {
                let input = execution.input(state);
                let invoke = Invoke::for_execution(input, index, token);
                let travel = if self.rng.u8(0..20) == 0 { self.rng.i64(0..8_000) } else { self.rng.i64(5..300) };
                self.after(travel, Event::Invoke(Box::new(invoke)));
                self.after(millis(timeout_seconds), Event::TaskTimeout { execution: index, token });
            }
            Doing::Retry { seconds, .. } => {
                // Milliseconds fit: pauses are at most minutes.
                self.after((seconds * 1000.0) as i64, Event::Timer { execution: index, token });
            }
            Doing::Wait { state, seconds } => {
                self.world.log(|| format!("{} waits {seconds} s in {state}", self.executions[index].id));
                self.after(millis(seconds), Event::Timer { execution: index, token });
                if state == State::AwaitApproval {
                    self.plan_approval(index, seconds);
                }
                if let Some(chaos) = self.world.chaos.borrow_mut().as_mut() {
                    chaos.waits(state);
                }
                self.collect(None, millis(seconds).max(1));
            }
            Doing::Ended { state, error, cause } => self.ended(index, state, error, cause),
        }
    }

    /// Most gates are passed some time.
    fn plan_approval(&mut self, index: usize, seconds: u64) {
        let release = self.executions[index].id.clone();
        let phase = self.world.record(&release).map(|record| record.phase);
        let Some(Phase::AwaitApproval { stage }) = phase else { return };
        if self.executions[index].gates.insert(stage) && self.rng.u8(0..10) < 8 {
            let after = self.rng.i64(0..millis(seconds).max(1) * 2);
            self.after(after, Event::Approve { release, stage });
        }
    }

    pub(super) fn approve(&mut self, release: &ReleaseId, stage: usize) {
        self.world.log(|| format!("somebody approves the gate before stage {stage} of {release}"));
        self.world.ask(release, Ask::Approve { stage });
    }

    pub(super) fn timer(&mut self, index: usize, token: u64) {
        let execution = &mut self.executions[index];
        if execution.token == token && execution.status.is_none() {
            execution.machine.waited();
            self.advance(index);
        }
    }

    pub(super) fn task_timeout(&mut self, index: usize, token: u64) {
        self.task_failed(index, token, "States.Timeout", "");
    }

    pub(super) fn answered(&mut self, index: usize, token: u64, answer: &Answer) {
        let execution = &mut self.executions[index];
        if execution.token == token && execution.status.is_none() {
            execution.machine.answered(answer);
            self.advance(index);
        }
    }

    pub(super) fn task_failed(&mut self, index: usize, token: u64, error: &str, cause: &str) {
        let execution = &mut self.executions[index];
        if execution.token == token && execution.status.is_none() {
            execution.machine.failed(error, cause, self.rng.f64());
            let at = execution.machine.at();
            self.world.log(|| format!("{}: {error} in the machine, on to {at}", self.executions[index].id));
            self.advance(index);
        }
    }

    fn ended(&mut self, index: usize, state: State, error: Option<String>, cause: Option<String>) {
        self.world.log(|| format!("{} ends in {state}", self.executions[index].id));
        let status = if state == State::Promoted { "SUCCEEDED" } else { "FAILED" };
        if state != State::Promoted && cause.as_deref().unwrap_or_default().is_empty() {
            let what = format!("{} failed in {state} without a cause", self.executions[index].id);
            self.world.watch.borrow_mut().breach(crate::Promise::EndingExplained, what);
        }
        self.end(index, status, state != State::Promoted, error, cause);
    }

    /// Somebody stops an execution in the console.
    pub(super) fn stop(&mut self, index: usize, heard: bool) {
        self.world.log(|| format!("somebody stops {}", self.executions[index].id));
        self.end(index, "ABORTED", heard, None, None);
    }

    /// An execution takes longer than its machine allows.
    pub(super) fn exceed_time(&mut self, index: usize) {
        self.world.log(|| format!("{} has timed out", self.executions[index].id));
        self.world.watch.borrow_mut().timed_out.insert(self.executions[index].id.clone());
        self.end(index, "TIMED_OUT", true, None, None);
    }

    fn end(&mut self, index: usize, status: &'static str, heard: bool, error: Option<String>, cause: Option<String>) {
        let execution = &mut self.executions[index];
        execution.status = Some(status);
        self.world.state().ended.insert(execution.arn.clone(), status.to_owned());
        let release = execution.id.clone();
        if self.world.record(&release).is_none() {
            let why = cause.clone().unwrap_or_else(|| status.to_owned());
            self.world.state().ends.insert(release.clone(), why);
        }
        if heard {
            let status = status.to_owned();
            self.deliver(&Invoke::by_event(Input::ExecutionEnd { release, status, error, cause }, None));
        }
    }
}

fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX / 1000).saturating_mul(1000)
}
