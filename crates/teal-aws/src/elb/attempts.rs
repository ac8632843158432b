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

/// Repeats a read until it is answered: throttled or broken off, it had no effect.
pub(super) async fn read<T>(aws: &Aws, attempt: impl AsyncFn() -> PortResult<T>) -> PortResult<T> {
    let is_harmless = |error: &PortError| matches!(error, PortError::Throttled { .. } | PortError::Unavailable { .. });
    repeated(aws, attempt, is_harmless).await
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
    use std::cell::Cell;

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
