//! Reading and writing one listener or rule: the requests that restoring a route is made of.
//!
//! Each call is one request on the wire. The SDK tries none of them again, because it does not know which may be repeated: a
//! write whose answer was lost may still happen after a second one was answered, so only a write that ELB turned away for the
//! sake of its rate is repeated. ELB lets an account modify 20 times at once and then three times a second.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/throttling.html>

use aws_config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::config::Builder;
use std::time::{Duration, Instant};
use teal::ports::{PortError, PortResult};

/// How long one call is repeated at most: the functions have 30 s for a few of them.
const PATIENCE: Duration = Duration::from_secs(8);

/// The longest pause before the second attempt; it doubles from attempt to attempt up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The configuration of a call that the SDK sends once.
pub(super) fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

/// Repeats a read until it is answered: throttled or broken off, it had no effect.
pub(super) async fn read<T>(attempt: impl AsyncFn() -> PortResult<T>) -> PortResult<T> {
    repeated(attempt, |error| matches!(error, PortError::Throttled { .. } | PortError::Unavailable { .. }), PATIENCE)
        .await
}

/// Repeats a write for as long as it is certain to have had no effect.
pub(super) async fn write<T>(attempt: impl AsyncFn() -> PortResult<T>) -> PortResult<T> {
    repeated(attempt, |error| matches!(error, PortError::Throttled { .. }), PATIENCE).await
}

async fn repeated<T>(
    attempt: impl AsyncFn() -> PortResult<T>,
    is_harmless: impl Fn(&PortError) -> bool,
    patience: Duration,
) -> PortResult<T> {
    let begun = Instant::now();
    let mut longest = FIRST_PAUSE;
    loop {
        let error = match attempt().await {
            Err(error) if is_harmless(&error) => error,
            result => return result,
        };
        // Between half and all of it, so that functions that were turned away together do not come back together.
        let pause = longest.mul_f64(0.5 + fastrand::f64() / 2.0);
        if begun.elapsed() + pause > patience {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        longest = (longest * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn patience_ends() {
        let attempts = Cell::new(0);
        let throttled = PortError::Throttled { call: "elasticloadbalancing:ModifyListener" };
        let attempt = async || {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(throttled.clone())
        };
        // Room for the first pause at its longest, but not for the second one after it at their shortest.
        let patience = FIRST_PAUSE.mul_f64(1.5);
        assert_eq!(repeated(attempt, |_| true, patience).await, Err(throttled.clone()));
        assert_eq!(attempts.get(), 2);
    }
}
