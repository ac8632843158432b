//! One execution of the state machine, as a value: it says what it is doing and is told how that went.

use super::{Node, RELEASE, Task};
use teal::state::State;
use teal::steps::Answer;

/// The longest `Cause` that a Catch hands on, in characters.
const CAUGHT_CAUSE: usize = 500;

/// What an execution does now.
#[derive(Clone, Debug, PartialEq)]
pub enum Doing {
    /// It runs a function and waits for its answer, so many seconds at most.
    Run { state: State, timeout_seconds: u64 },
    /// It waits in a Wait state.
    Wait { state: State, seconds: u64 },
    /// It waits before it runs the function again.
    Retry { state: State, seconds: f64 },
    /// It has ended. An error only where it failed.
    Ended { state: State, error: Option<String>, cause: Option<String> },
}

/// The input of a state: the answer of the function before, or what was caught.
#[derive(Clone, Debug, Default)]
struct Input {
    next: Option<String>,
    wait_seconds: Option<u64>,
    error: Option<String>,
    cause: Option<String>,
}

/// One execution.
#[derive(Debug)]
pub struct Execution {
    at: &'static str,
    input: Input,
    /// Retries so far in this state, one counter for each retrier.
    retries: Vec<u32>,
    doing: Doing,
}

impl Execution {
    /// An execution that has just started.
    #[must_use]
    pub fn start() -> Self {
        let doing = Doing::Run { state: State::Accept, timeout_seconds: 0 };
        let mut execution = Self { at: "", input: Input::default(), retries: Vec::new(), doing };
        execution.enter(&RELEASE.start_at);
        execution
    }

    #[must_use]
    pub fn doing(&self) -> &Doing {
        &self.doing
    }

    /// The name of the state it is in.
    #[must_use]
    pub fn at(&self) -> &'static str {
        self.at
    }

    /// The error and the cause that led to the state it is in, as Catch put them into its input.
    #[must_use]
    pub fn caught(&self) -> (Option<&str>, Option<&str>) {
        (self.input.error.as_deref(), self.input.cause.as_deref())
    }

    /// The function answered.
    pub fn answered(&mut self, answer: &Answer) {
        let Node::Task(task) = RELEASE.node(self.at).1 else { return };
        self.input = Input {
            next: Some(answer.next.to_string()),
            wait_seconds: answer.wait_seconds,
            error: answer.error.map(|error| error.to_string()),
            cause: answer.cause.clone(),
        };
        self.enter(&task.next);
    }

    /// The function failed, or nothing was heard of it. `jitter` in `[0, 1]` is the part of the pause that is waited.
    pub fn failed(&mut self, error: &str, cause: &str, jitter: f64) {
        let Node::Task(task) = RELEASE.node(self.at).1 else { return };
        if let Some(seconds) = self.pause(task, error) {
            let state = state_of(self.at);
            self.doing = Doing::Retry { state, seconds: seconds * jitter };
            return;
        }
        let Some(catcher) = task.catch.iter().find(|catcher| catcher.matches(error)) else {
            let (error, cause) = (Some(error.to_owned()), Some(cause.to_owned()));
            self.doing = Doing::Ended { state: State::RollbackUnfinished, error, cause };
            return;
        };
        self.input = Input {
            error: Some(error.to_owned()),
            cause: Some(cause.chars().take(CAUGHT_CAUSE).collect()),
            ..Input::default()
        };
        self.enter(&catcher.next);
    }

    /// The first retrier that matches decides, also when it has no attempt left.
    fn pause(&mut self, task: &Task, error: &str) -> Option<f64> {
        let index = task.retry.iter().position(|retrier| retrier.matches(error))?;
        let (retrier, before) = (&task.retry[index], self.retries[index]);
        self.retries[index] += 1;
        (before < retrier.max_attempts).then(|| retrier.delay(before))
    }

    /// A Wait state, or the pause before a retry, is over.
    pub fn waited(&mut self) {
        match RELEASE.node(self.at).1 {
            Node::Wait(wait) => self.enter(&wait.next),
            Node::Task(task) => {
                self.doing = Doing::Run { state: state_of(self.at), timeout_seconds: task.timeout_seconds };
            }
            Node::Choice(_) | Node::Succeed {} | Node::Fail {} => {}
        }
    }

    fn enter(&mut self, name: &str) {
        let (name, node) = RELEASE.node(name);
        self.at = name;
        match node {
            Node::Choice(choice) => {
                let next = choice.route(self.input.next.as_deref());
                self.enter(next);
            }
            Node::Task(task) => {
                self.retries = vec![0; task.retry.len()];
                self.doing = Doing::Run { state: state_of(name), timeout_seconds: task.timeout_seconds };
            }
            Node::Wait(wait) => {
                let seconds = wait.seconds(self.input.wait_seconds);
                self.doing = Doing::Wait { state: state_of(name), seconds };
            }
            Node::Succeed {} => self.doing = Doing::Ended { state: state_of(name), error: None, cause: None },
            Node::Fail {} => {
                let error = self.input.error.clone().unwrap_or_else(|| "Teal.Internal".to_owned());
                let cause = self.input.cause.clone().unwrap_or_else(|| "no reason was given.".to_owned());
                self.doing = Doing::Ended { state: state_of(name), error: Some(error), cause: Some(cause) };
            }
        }
    }
}

/// A state that is no Choice, as the code knows it.
///
/// # Panics
/// When the code does not know it: a contract test holds the file to the code.
fn state_of(name: &str) -> State {
    State::ALL
        .iter()
        .copied()
        .find(|state| state.to_string() == name)
        .unwrap_or_else(|| panic!("the code knows no state {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use teal::release::ReleaseId;

    fn answer(next: State) -> Answer {
        let release = ReleaseId::new("r-1").unwrap();
        Answer { release, step: 0, next, wait_seconds: Some(7), error: None, cause: None }
    }

    #[test]
    fn answers_are_routed_and_waits_last_as_long_as_they_say() {
        let mut execution = Execution::start();
        assert_eq!(execution.doing(), &Doing::Run { state: State::Accept, timeout_seconds: 45 });
        execution.answered(&answer(State::PrepareGreen));
        execution.answered(&answer(State::WaitForGreen));
        assert_eq!(execution.doing(), &Doing::Wait { state: State::WaitForGreen, seconds: 7 });
        execution.waited();
        execution.answered(&answer(State::ValidateGreen));
        assert_eq!(execution.at(), "ValidateGreen");
        execution.answered(&answer(State::Promoted));
        assert_eq!(execution.at(), "RollBack", "what ValidateGreen may not say leads back");
    }

    #[test]
    fn retries_back_off_and_are_caught_when_used_up() {
        let mut execution = Execution::start();
        let mut pauses = Vec::new();
        for _ in 0..20 {
            execution.failed("Teal.Unavailable", "busy", 1.0);
            let Doing::Retry { seconds, .. } = execution.doing() else { break };
            pauses.push(*seconds);
            execution.waited();
        }
        assert_eq!(pauses, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
        assert_eq!((execution.at(), execution.caught()), ("RollBack", (Some("Teal.Unavailable"), Some("busy"))));
    }

    #[test]
    fn a_refusal_of_accept_ends_the_execution_with_its_error() {
        let mut execution = Execution::start();
        execution.failed("Teal.RouteBusy", "r-0 holds it", 1.0);
        let Doing::Ended { state, error, .. } = execution.doing() else { panic!("{execution:?}") };
        assert_eq!((*state, error.as_deref()), (State::Refused, Some("Teal.RouteBusy")));
    }
}
