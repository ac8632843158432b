//! One execution alone in the world, driven state by state: for tests of single releases and for exhaustive faults.

use crate::asl::{Doing, Execution};
use crate::function::{ACT_MARGIN_MILLIS, Function, Input, invoke};
use crate::link::{Link, Who, later};
use crate::ports::own_account;
use crate::world::World;
use serde_json::Value;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use teal::error::{ErrorName, TealResult};
use teal::release::ReleaseId;
use teal::state::State;
use teal::steps::{AcceptInput, Answer, Invocation, RollBackInput};
use teal::time::Timestamp;

/// One execution.
#[derive(Debug)]
pub struct Machine<'w> {
    world: &'w World,
    release: ReleaseId,
    document: Value,
    started_at: Timestamp,
    execution: Execution,
    runs: usize,
    /// Every state entered, in order.
    pub trace: Vec<State>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub state: State,
    pub error: Option<ErrorName>,
    pub cause: Option<String>,
}

impl<'w> Machine<'w> {
    /// An execution of a plan. Its name is the release's id.
    ///
    /// # Panics
    /// When the name cannot be one: tests write it.
    #[must_use]
    pub fn new(world: &'w World, name: &str, document: Value) -> Self {
        let release = ReleaseId::new(name).unwrap_or_else(|problem| panic!("{problem}"));
        let started_at = world.now();
        Self { world, release, document, started_at, execution: Execution::start(), runs: 0, trace: Vec::new() }
    }

    /// The release's id.
    #[must_use]
    pub fn release(&self) -> &ReleaseId {
        &self.release
    }

    /// The state that is entered next, or is to be run again.
    #[must_use]
    pub fn state(&self) -> State {
        match self.execution.doing() {
            Doing::Run { state, .. }
            | Doing::Wait { state, .. }
            | Doing::Retry { state, .. }
            | Doing::Ended { state, .. } => *state,
        }
    }

    /// Runs until the execution ends.
    pub fn finish(&mut self) -> Ending {
        self.run_until(|_| false)
    }

    /// Runs until a state is about to be entered for which `stop` is true, or to the end.
    ///
    /// # Panics
    /// When the execution makes more steps than its plan can ever need.
    pub fn run_until(&mut self, stop: impl Fn(State) -> bool) -> Ending {
        for _ in 0..5_000 {
            if matches!(self.execution.doing(), Doing::Ended { .. }) || stop(self.state()) {
                return self.ending();
            }
            self.enter();
        }
        panic!("the execution does not end; the last states were {:?}", &self.trace[self.trace.len() - 20..]);
    }

    fn ending(&self) -> Ending {
        // A record of the same name may be that of an earlier execution.
        let own =
            self.world.record(&self.release).filter(|record| record.execution_started_at == Some(self.started_at));
        let setback = own.and_then(|record| record.setback);
        let (error, cause) = self.execution.caught();
        let ended = match self.execution.doing() {
            Doing::Ended { cause: Some(cause), .. } => Some(cause.clone()),
            _ => cause.map(str::to_owned),
        };
        Ending {
            state: self.state(),
            error: setback.as_ref().map(|s| s.error).or_else(|| error.and_then(|error| error.parse().ok())),
            cause: setback.map(|s| s.cause).or(ended),
        }
    }

    /// How many functions it has run, those that were tried again among them.
    #[must_use]
    pub const fn runs(&self) -> usize {
        self.runs
    }

    /// Enters one state and leaves it.
    pub fn enter(&mut self) {
        let state = self.state();
        self.trace.push(state);
        match self.execution.doing().clone() {
            Doing::Wait { seconds, .. } => {
                self.world.pass(seconds);
                self.execution.waited();
            }
            Doing::Run { .. } => self.run_task(state),
            Doing::Retry { .. } | Doing::Ended { .. } => {}
        }
    }

    /// Runs a function, again and again while the state machine says so.
    fn run_task(&mut self, state: State) {
        while let Doing::Run { state: doing, .. } = self.execution.doing()
            && *doing == state
        {
            match self.invoke(state) {
                Some(Ok(answer)) => return self.execution.answered(&answer),
                Some(Err(error)) => self.execution.failed(error.name.as_str(), &error.message, 1.0),
                None => self.execution.failed("Runtime.ExitError", "the process was killed", 1.0),
            }
            if let Doing::Retry { seconds, .. } = self.execution.doing() {
                self.world.pass(seconds.ceil() as u64);
                self.execution.waited();
            }
        }
    }

    /// What the function answered; nothing when it was killed.
    fn invoke(&mut self, state: State) -> Option<TealResult<Answer>> {
        self.runs += 1;
        let function = Function::of(state)?;
        let now = self.world.now();
        let id = format!("{}-{}", self.release, self.runs);
        let act_by = later(now, function.timeout_millis() + ACT_MARGIN_MILLIS);
        let call = Invocation { id: id.clone(), function: state.to_string(), now, act_by, account: own_account() };
        let link = Link::new(self.world, Who { invocation: id, function, started: now });
        let input = match function {
            Function::Accept => Input::Accept(Box::new(AcceptInput {
                plan: self.document.clone(),
                execution: format!("execution:{}", self.release),
                name: self.release.clone(),
                started_at: Some(self.started_at.to_string()),
            })),
            Function::RollBack => {
                let (error, cause) = self.execution.caught();
                let (error, cause) = (error.map(str::to_owned), cause.map(str::to_owned));
                let started_at = Some(self.started_at.to_string());
                Input::RollBack(RollBackInput { release: self.release.clone(), error, cause, started_at })
            }
            function => Input::Step(function, self.release.clone()),
        };
        match pin!(invoke(link, call, Rc::new(input))).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => {
                Some(result.map(|answer| answer.unwrap_or_else(|| panic!("{function} answers the state machine"))))
            }
            // The world answers at once, so only a crash leaves it pending.
            Poll::Pending => None,
        }
    }
}
