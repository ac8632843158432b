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
            Function::OnAlarm => 120_000,
            Function::PrepareGreen | Function::EvaluateHealth | Function::Sweep => 60_000,
            Function::Accept
            | Function::ShiftTraffic
            | Function::Promote
            | Function::RetireBlue
            | Function::RollBack
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
mod tests;
