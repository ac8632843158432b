//! The loop around a step.

use crate::{logs, metrics};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use teal::error::{ErrorName, TealError, TealResult};
use teal::steps::{Invocation, Step};
use teal_aws::{Aws, Clock, Urgency};

/// How long after its own timeout a function counts as still able to act: Lambda may take a moment to end it, and clocks differ.
const ACT_MARGIN: Duration = Duration::from_secs(2);

/// Runs one function until Lambda ends it: each event is decoded to `I` and handed to `step`. `urgency` says whether it is one that
/// others' calls of the load balancer's API have to wait for.
///
/// # Errors
/// When the function cannot start: its environment is not what the template gives it, or the Lambda runtime API is gone.
pub async fn serve<I, O, F>(function: &'static str, urgency: Urgency, step: F) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned,
    O: Serialize,
    F: AsyncFn(&mut Step<'_, Aws>, I) -> TealResult<O>,
{
    logs::start();
    let clock = Clock::from_env()?;
    let aws = Aws::from_env().await?.for_function(function);
    let (aws, clock, step) = (&aws, &clock, &step);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let left = time_left(&event);
        let call = invocation(function, clock, &event, left);
        answer(aws, &call, (urgency, left), event.payload, step).await
    }))
    .await
}

/// Until Lambda ends the run.
fn time_left(event: &LambdaEvent<Value>) -> Duration {
    let deadline = UNIX_EPOCH + Duration::from_millis(event.context.deadline);
    deadline.duration_since(SystemTime::now()).unwrap_or_default()
}

fn invocation(function: &str, clock: &Clock, event: &LambdaEvent<Value>, left: Duration) -> Invocation {
    Invocation {
        id: event.context.request_id.clone(),
        function: function.to_owned(),
        now: clock.now(),
        act_by: clock.after_real(left + ACT_MARGIN),
        account: account_of(&event.context.invoked_function_arn).map(str::to_owned),
    }
}

/// The number of the account in an ARN.
fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|number| number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

async fn answer<I, O, F>(
    aws: &Aws,
    call: &Invocation,
    (urgency, left): (Urgency, Duration),
    payload: Value,
    step: &F,
) -> Result<Value, Failure>
where
    I: DeserializeOwned,
    O: Serialize,
    F: AsyncFn(&mut Step<'_, Aws>, I) -> TealResult<O>,
{
    let labels = logs::Labels::of(&payload, call);
    let mut run = Step::new(aws, call);
    // Boxed: the futures of a step with its SDK calls nest too deep for the compiler to lay out in one.
    let result = match (decode(&payload), Box::pin(aws.begin_run(urgency, left)).await) {
        (Ok(input), Ok(())) => Box::pin(step(&mut run, input)).await,
        (Err(error), _) => Err(error),
        (_, Err(error)) => Err(error.into()),
    };
    let labels = labels.about(run.failed());
    let story = run.into_story();
    logs::tell(&labels, &story);
    metrics::publish(call, &story);
    match result.and_then(encode) {
        Ok(answer) => {
            logs::answered(&labels, &answer);
            Ok(answer)
        }
        Err(error) => {
            logs::failed(&labels, &error);
            Err(Failure(error))
        }
    }
}

fn decode<I: DeserializeOwned>(payload: &Value) -> TealResult<I> {
    teal::json::read(&payload.to_string()).map_err(|problem| {
        TealError::new(
            ErrorName::PlanInvalid,
            format!("the function's input cannot be read: {problem}. Start releases with the state machine and a plan as input"),
        )
    })
}

fn encode<O: Serialize>(answer: O) -> TealResult<Value> {
    serde_json::to_value(answer)
        .map_err(|problem| TealError::new(ErrorName::Internal, format!("the answer cannot be written: {problem}")))
}

/// An error as Lambda reports it: the error's type is Teal's name for it, which `Catch` and `Retry` match.
#[derive(Debug)]
pub struct Failure(TealError);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Diagnostic { error_type: error.name.as_str().to_owned(), error_message: error.message }
    }
}

#[cfg(test)]
mod tests {
    use super::account_of;

    #[test]
    fn a_function_knows_its_account_by_its_arn() {
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:teal-on-alarm:live";
        assert_eq!(account_of(arn), Some("123456789012"));
        for other in ["", "teal-on-alarm", "arn:aws:lambda:eu-central-1::function:x", "a:b:c:d:12345678901x:f"] {
            assert_eq!(account_of(other), None, "{other}");
        }
    }
}
