//! Lambda's queue of asynchronous invocations: where an event waits while its function is throttled.
//!
//! ministack runs what it is given, so that a function that Lambda throttles is a fault that the gateway injects. As on AWS the event stays in
//! the queue meanwhile: it is tried again after a second, after twice as long each further time up to five minutes, and dropped after
//! six hours. <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use crate::call_log::CallKey;
use crate::fault::{FaultKind, Faults, Subject};
use std::time::Duration;
use teal_lab_wire::{AwsRequest, LabClock};

/// Times of the lab clock.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const KEPT_FOR: Duration = Duration::from_secs(6 * 3600);

/// What a fault rule matches to throttle functions that are invoked by events.
fn asynchronous() -> CallKey {
    CallKey { caller: "EventBridge".to_owned(), service: "lambda".to_owned(), operation: "Invoke".to_owned() }
}

/// Waits until Lambda has room for an invocation. Says whether its event is still there: any fault but throttling and latency loses it.
pub(super) async fn wait_for_room(faults: &Faults, request: &AwsRequest, clock: &LabClock) -> bool {
    let CallKey { caller, service, operation } = asynchronous();
    let call = Subject {
        service: &service,
        operation: &operation,
        caller: &caller,
        path: request.uri.path(),
        body: &request.body,
    };
    let mut waited = Duration::ZERO;
    let mut pause = FIRST_PAUSE;
    loop {
        match faults.strike(&call) {
            None => return true,
            // When it is late makes no difference: nobody waits for an answer.
            Some(FaultKind::Latency { millis, .. }) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                return true;
            }
            Some(FaultKind::Throttle) if waited < KEPT_FOR => {
                clock.sleep(pause).await;
                waited += pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Some(FaultKind::Throttle | FaultKind::Error { .. } | FaultKind::LostAnswer | FaultKind::Kill(_)) => {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultRule;
    use crate::invoke::{InvocationType, invocation};
    use serde_json::Value;
    use teal_lab_wire::Millis;

    async fn waited(rule: &str) -> (bool, Millis) {
        // A lab second is a tenth of a real millisecond: six hours are two seconds.
        let clock = LabClock::starting_now(10_000.0);
        let faults = Faults::new(1);
        let rule: FaultRule = serde_json::from_str(rule).unwrap();
        faults.inject(rule);
        let request = invocation("on-alarm", InvocationType::Event, &Value::Null).unwrap();
        let begun = clock.now_millis();
        let admitted = wait_for_room(&faults, &request, &clock).await;
        (admitted, clock.now_millis() - begun)
    }

    #[tokio::test]
    async fn an_event_waits_longer_each_time_that_its_function_is_throttled() {
        let throttled = r#"{"match": {"service": "lambda", "about": "on-alarm"}, "kind": "throttle", "times": 4}"#;
        let (admitted, millis) = waited(throttled).await;
        assert!(admitted && millis >= 15_000, "{millis}");
    }

    #[tokio::test]
    async fn it_is_dropped_in_the_end_and_by_other_faults_at_once() {
        let (admitted, millis) = waited(r#"{"match": {"operation": "Invoke"}, "kind": "throttle"}"#).await;
        assert!(!admitted && millis >= 6 * 3_600_000, "{millis}");
        assert!(!waited(r#"{"match": {"caller": "EventBridge"}, "kind": "lostAnswer"}"#).await.0);
        assert!(waited(r#"{"match": {"about": "sweep"}, "kind": "throttle"}"#).await.0, "another function");
    }
}
