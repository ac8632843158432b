//! Reading and writing at Elastic Load Balancing, whose API is soon exhausted: an account may describe 40 times at once and then 10
//! times a second, modify 20 times at once and then 3 times a second, and call 40 times at once and then 10 times a second in all.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>
//!
//! Each attempt is one request on the wire. The SDK tries none of them again, because it does not know which may be repeated: a
//! write whose answer was lost may still happen after a second one was answered, so only a write that ELB turned away for the
//! sake of its rate is repeated.

use crate::Aws;
use crate::turn::Pace;
use aws_config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::config::Builder;
use std::cell::Cell;
use std::time::{Duration, Instant};
use teal::ports::{PortError, PortResult};

/// The shortest and the longest first pause before another attempt, with which it is not yet urgent: the longest doubles from attempt to
/// attempt up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The pause of who has to let others go first.
const POLITE_PAUSE: Duration = Duration::from_secs(4);

/// The configuration of a call that the SDK sends once.
pub(super) fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

/// How long a run that restores waits for what it can do without.
const BRIEFLY: Duration = Duration::from_secs(2);

/// Repeats a read until it is answered: throttled or broken off, it had no effect. A run that restores has other parts and other releases to
/// give back, so there what breaks off twice is an error, and is tried again when all have had their turn.
pub(super) async fn read<T>(aws: &Aws, attempt: impl AsyncFn() -> PortResult<T>) -> PortResult<T> {
    let restores = aws.turn.restores_until().is_some();
    let has_broken_off = Cell::new(false);
    let is_harmless = |error: &PortError| match error {
        PortError::Throttled { .. } => true,
        PortError::Unavailable { .. } => !(has_broken_off.replace(true) && restores),
        _ => false,
    };
    repeated(aws, attempt, is_harmless).await
}

/// The same for what a run that restores can do without: there what breaks off once, or takes longer than [`BRIEFLY`], is an error.
pub(super) async fn read_briefly<T>(
    aws: &Aws,
    call: &'static str,
    attempt: impl AsyncFn() -> PortResult<T>,
) -> PortResult<T> {
    if aws.turn.restores_until().is_none() {
        return read(aws, attempt).await;
    }
    let attempt = async || {
        let message = "no answer in time to restore".to_owned();
        tokio::time::timeout(BRIEFLY, attempt()).await.unwrap_or(Err(PortError::Unavailable { call, message }))
    };
    repeated(aws, attempt, |error| matches!(error, PortError::Throttled { .. })).await
}

/// Repeats a write for as long as it is certain to have had no effect.
pub(super) async fn write<T>(aws: &Aws, attempt: impl AsyncFn() -> PortResult<T>) -> PortResult<T> {
    repeated(aws, attempt, |error| matches!(error, PortError::Throttled { .. })).await
}

async fn repeated<T>(
    aws: &Aws,
    attempt: impl AsyncFn() -> PortResult<T>,
    is_harmless: impl Fn(&PortError) -> bool,
) -> PortResult<T> {
    let begun = Instant::now();
    let mut longest = FIRST_PAUSE;
    loop {
        let error = match Box::pin(attempt()).await {
            Err(error) if is_harmless(&error) => error,
            result => {
                aws.turn.was_served();
                return result;
            }
        };
        let throttled = matches!(error, PortError::Throttled { .. });
        // Boxed: the futures of SDK calls within SDK calls nest too deep for the compiler to lay out.
        let pause = match Box::pin(aws.pace(throttled)).await {
            Pace::NotNow => return Err(error),
            Pace::LetOthersGoFirst => POLITE_PAUSE,
            Pace::Yield(pause) => pause,
            Pace::Soon => longest,
        };
        // Between half and all of it, so that functions that were turned away together do not come back together.
        let pause = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        if Instant::now() + pause > aws.turn.patient_until(begun) {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        longest = (longest * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Script;
    use crate::turn::Urgency;

    const THROTTLED: PortError = PortError::Throttled { call: "elasticloadbalancing:ModifyListener" };

    #[tokio::test]
    async fn patience_ends() {
        let script = Script::default().json(&serde_json::json!({}));
        let aws = script.aws();
        let attempts = Cell::new(0);
        let attempt = async || {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(THROTTLED)
        };
        // Room for the first pause at its longest, but not for the second one after it at their shortest.
        aws.begin_run(Urgency::Restores, FIRST_PAUSE.mul_f64(1.5 / crate::turn::FOR_CALLS)).await.unwrap();
        assert_eq!(write(&aws, attempt).await, Err(THROTTLED));
        assert_eq!(attempts.get(), 2);
        assert_eq!(script.operations(), ["PutItem"], "others are told once");
    }

    #[tokio::test]
    async fn a_run_that_restores_goes_on_without_what_breaks_off() {
        let unavailable = || PortError::Unavailable { call: "a call", message: "broken off".to_owned() };
        for (urgency, reads, briefly) in [(Urgency::Restores, 2, 1), (Urgency::Beside, 4, 4)] {
            let script = Script::default();
            let aws = script.aws();
            aws.begin_run(urgency, Duration::from_secs(60)).await.unwrap();
            let attempts = Cell::new(0);
            // Answered at last, had it been asked often enough.
            let attempt = async || {
                attempts.set(attempts.get() + 1);
                if attempts.get() < 4 { Err(unavailable()) } else { Ok(()) }
            };
            let expected = if urgency == Urgency::Restores { Err(unavailable()) } else { Ok(()) };
            assert_eq!((read(&aws, attempt).await, attempts.replace(0)), (expected.clone(), reads));
            assert_eq!((read_briefly(&aws, "a call", attempt).await, attempts.replace(0)), (expected, briefly));
        }
    }

    #[tokio::test]
    async fn a_run_that_restores_waits_for_no_answer_that_it_can_do_without() {
        let script = Script::default();
        let aws = script.aws();
        aws.begin_run(Urgency::Restores, Duration::from_secs(60)).await.unwrap();
        let error = read_briefly(&aws, "a call", async || std::future::pending::<PortResult<()>>().await).await;
        assert!(matches!(error, Err(PortError::Unavailable { call: "a call", .. })), "{error:?}");
    }

    #[tokio::test]
    async fn a_run_that_was_served_nothing_yet_comes_back_later() {
        let script = Script::default().json(&serde_json::json!({}));
        let aws = script.aws();
        aws.begin_run(Urgency::Waits, Duration::from_secs(30)).await.unwrap();
        let attempts = Cell::new(0);
        let attempt = async || {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(THROTTLED)
        };
        assert_eq!(read(&aws, attempt).await, Err(THROTTLED));
        assert_eq!(attempts.get(), 1);
        assert_eq!(script.operations(), ["GetItem"]);
    }
}
