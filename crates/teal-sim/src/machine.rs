//! The state machine's routes over the steps: what `statemachine/release.asl.json` does, without Step Functions.

use crate::run::{Outcome, run};
use crate::world::World;
use serde_json::Value;
use teal::error::{Disposition, ErrorName, TealError, TealResult};
use teal::release::ReleaseId;
use teal::state::State;
use teal::steps::{self, AcceptInput, Answer, Invocation, RollBackInput, Step, StepInput};
use teal::time::after;

/// A function's timeout with its margin, in seconds: as long may an act of a killed run still happen.
const ACT_SECONDS: u64 = 32;
/// The pause before a state is tried again, in seconds, and how often.
const RETRY_SECONDS: u64 = 10;
const RETRIES: usize = 12;

/// One execution.
#[derive(Debug)]
pub struct Machine<'w> {
    world: &'w World,
    release: ReleaseId,
    document: Value,
    state: State,
    caught: Option<TealError>,
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
        Self { world, release, document, state: State::Accept, caught: None, runs: 0, trace: Vec::new() }
    }

    /// The release's id.
    #[must_use]
    pub fn release(&self) -> &ReleaseId {
        &self.release
    }

    /// The state that is entered next.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
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
            if self.state.nexts().is_empty() || stop(self.state) {
                return self.ending();
            }
            self.enter();
        }
        panic!("the execution does not end; the last states were {:?}", &self.trace[self.trace.len() - 20..]);
    }

    fn ending(&self) -> Ending {
        let record = self.world.record(&self.release);
        let setback = record.and_then(|record| record.setback);
        Ending {
            state: self.state,
            error: setback.as_ref().map(|s| s.error).or(self.caught.as_ref().map(|e| e.name)),
            cause: setback.map(|s| s.cause).or_else(|| self.caught.as_ref().map(|e| e.message.clone())),
        }
    }

    /// Enters one state and leaves it.
    pub fn enter(&mut self) {
        let state = self.state;
        self.trace.push(state);
        if !state.is_task() {
            self.state = state.nexts().first().copied().unwrap_or(state);
            return;
        }
        match self.with_retries(state) {
            Ok(answer) => {
                let next = if state.nexts().contains(&answer.next) { answer.next } else { State::RollBack };
                self.world.pass(answer.wait_seconds.unwrap_or(0));
                self.state = next;
            }
            Err(error) => self.catch(state, error),
        }
    }

    fn catch(&mut self, state: State, error: TealError) {
        self.state = match (state, error.name.disposition()) {
            (State::Accept, Disposition::Refuse) => State::Refused,
            (State::RollBack, _) => State::RollbackNeedsHuman,
            _ => State::RollBack,
        };
        self.caught = Some(error);
    }

    fn with_retries(&mut self, state: State) -> TealResult<Answer> {
        let mut last = TealError::new(ErrorName::Internal, "the function crashed");
        for _ in 0..RETRIES {
            match self.invoke(state) {
                Outcome::Done(Ok(answer)) => return Ok(answer),
                Outcome::Done(Err(error)) if error.name.disposition() == Disposition::Retry => last = error,
                Outcome::Done(Err(error)) => return Err(error),
                Outcome::Crashed => {}
            }
            self.world.pass(RETRY_SECONDS);
        }
        Err(last)
    }

    fn invoke(&mut self, state: State) -> Outcome<TealResult<Answer>> {
        self.runs += 1;
        let now = self.world.now();
        let call = Invocation {
            id: format!("{}-{}", self.release, self.runs),
            function: state.to_string(),
            now,
            act_by: after(now, ACT_SECONDS),
        };
        let mut step = Step::new(self.world, &call);
        let input = StepInput { release: self.release.clone() };
        run(async {
            match state {
                State::Accept => {
                    let input = AcceptInput {
                        plan: self.document.clone(),
                        execution: format!("execution:{}", self.release),
                        name: self.release.clone(),
                    };
                    steps::accept(&mut step, &input).await
                }
                State::PrepareGreen => steps::prepare_green(&mut step, &input).await,
                State::ValidateGreen => steps::validate_green(&mut step, &input).await,
                State::ShiftTraffic => steps::shift_traffic(&mut step, &input).await,
                State::EvaluateHealth => steps::evaluate_health(&mut step, &input).await,
                State::Promote => steps::promote(&mut step, &input).await,
                State::RetireBlue => steps::retire_blue(&mut step, &input).await,
                _ => {
                    let input = RollBackInput {
                        release: self.release.clone(),
                        error: self.caught.as_ref().map(|error| error.name.to_string()),
                        cause: self.caught.as_ref().map(|error| error.message.clone()),
                    };
                    steps::roll_back(&mut step, &input).await
                }
            }
        })
    }
}
