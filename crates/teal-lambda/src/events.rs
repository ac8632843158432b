//! Events that come from EventBridge.

use serde::Deserialize;
use serde_json::Value;
use teal::error::{ErrorName, TealError, TealResult};
use teal::plan::AlarmName;
use teal::release::ReleaseId;
use teal::time::Timestamp;

/// A "CloudWatch Alarm State Change".
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    /// The number of the account that the alarm is in: EventBridge writes it, also where the event was forwarded from another account's bus.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
    pub account: Option<String>,
    pub alarm: AlarmName,
    /// The state is ALARM now.
    pub raised: bool,
    /// CloudWatch's reason.
    pub reason: String,
    /// When the state changed.
    pub at: Option<Timestamp>,
    /// Whether the state was OK before.
    pub was_ok: bool,
}

/// A "Step Functions Execution Status Change".
/// <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionChange {
    /// The execution's name, which is the release's id.
    pub release: ReleaseId,
    pub execution: String,
    /// `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    pub error: Option<String>,
    pub cause: Option<String>,
}

/// What publish-weights is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightsDue {
    /// A release has come to another phase.
    Of(ReleaseId),
    /// The schedule's time has come, for all of them.
    Everywhere,
}

/// What is read of an event. Nothing else is asked for: rolling back waits for no field that it does without.
#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    source: Value,
    #[serde(default)]
    detail: Value,
}

/// The longest text of somebody else's that goes into a record, in characters: as long as CloudWatch's reasons are at most.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html>
const LONGEST: usize = 1_023;

/// How much is repeated of a text that is not what it must be, in characters.
const LONGEST_SHOWN: usize = 100;

/// The source of Teal's own events, and that of schedules.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html>
const TEAL: &str = "teal";
const SCHEDULE: &str = "aws.events";

#[derive(Deserialize)]
struct PhaseDetail {
    release: ReleaseId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlarmDetail {
    alarm_name: AlarmName,
    state: AlarmDetailState,
    /// An object with its `value`, as a rule.
    #[serde(default)]
    previous_state: Value,
}

#[derive(Deserialize)]
struct AlarmDetailState {
    value: String,
    /// A text, as a rule.
    #[serde(default)]
    reason: Value,
    /// A text such as `2019-10-02T17:04:40.985+0000`, as a rule.
    #[serde(default)]
    timestamp: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionDetail {
    execution_arn: String,
    name: ReleaseId,
    status: String,
    /// A text, or null.
    #[serde(default)]
    error: Value,
    #[serde(default)]
    cause: Value,
}

/// Reads an alarm's change of state.
///
/// # Errors
/// What is not as CloudWatch sends it; the event itself is not repeated.
pub fn decode_alarm_change(event: &Value) -> TealResult<AlarmChange> {
    let event: Event = read(event, "an event of EventBridge")?;
    let detail: AlarmDetail = read(&event.detail, "the detail of a CloudWatch Alarm State Change")?;
    let AlarmDetailState { value, reason, timestamp } = detail.state;
    // An event without its reason or time is read all the same: rolling back does not wait for them.
    Ok(AlarmChange {
        account: event.account,
        alarm: detail.alarm_name,
        raised: value == "ALARM",
        reason: text(&reason).unwrap_or_default(),
        at: timestamp.as_str().and_then(|time| time.parse().ok()),
        was_ok: detail.previous_state["value"] == "OK",
    })
}

/// Reads one of Teal's own events, or a schedule's.
///
/// # Errors
/// What is not as either is sent; the event itself is not repeated.
pub fn decode_weights_due(event: &Value) -> TealResult<WeightsDue> {
    let event: Event = read(event, "an event of EventBridge")?;
    match event.source.as_str().unwrap_or_default() {
        SCHEDULE => Ok(WeightsDue::Everywhere),
        TEAL => {
            let detail: PhaseDetail = read(&event.detail, "the detail of a Teal Release Phase Change")?;
            Ok(WeightsDue::Of(detail.release))
        }
        other => Err(TealError::new(
            ErrorName::Internal,
            format!("the input's source is {:?}, not {TEAL:?} or {SCHEDULE:?}", cut(other, LONGEST_SHOWN)),
        )),
    }
}

/// Reads an execution's change of status.
///
/// # Errors
/// What is not as Step Functions sends it; the event itself is not repeated.
pub fn decode_execution_change(event: &Value) -> TealResult<ExecutionChange> {
    let event: Event = read(event, "an event of EventBridge")?;
    let detail: ExecutionDetail = read(&event.detail, "the detail of a Step Functions Execution Status Change")?;
    Ok(ExecutionChange {
        release: detail.name,
        execution: detail.execution_arn,
        status: detail.status,
        error: text(&detail.error),
        cause: text(&detail.cause),
    })
}

/// A text that is told, if it is one.
fn text(value: &Value) -> Option<String> {
    value.as_str().map(|text| cut(text, LONGEST).to_owned())
}

/// The first so many characters.
fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

fn read<T: serde::de::DeserializeOwned>(value: &Value, what: &str) -> TealResult<T> {
    teal::json::read(&value.to_string())
        .map_err(|problem| TealError::new(ErrorName::Internal, format!("the input is not {what}: {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::any_json;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_alarm_event_is_read() {
        let event = json!({
            "version": "0", "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92", "account": "123456789012",
            "time": "2019-10-02T17:04:40Z", "region": "us-east-1",
            "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
            "resources": ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:checkout-5xx"],
            "detail": {
                "alarmName": "checkout-5xx",
                "state": {"value": "ALARM", "reason": "Threshold Crossed", "timestamp": "2019-10-02T17:04:40.985+0000"},
                "previousState": {"value": "OK"},
            },
        });
        let change = decode_alarm_change(&event).unwrap();
        assert_eq!(
            (change.alarm.as_str(), change.raised, change.reason.as_str()),
            ("checkout-5xx", true, "Threshold Crossed")
        );
        assert_eq!(change.at, Some("2019-10-02T17:04:40.985Z".parse().unwrap()));
        assert_eq!(change.account.as_deref(), Some("123456789012"));
        assert!(change.was_ok);
        for previous in [json!({"value": "INSUFFICIENT_DATA"}), json!({}), json!(null), json!("OK")] {
            let mut event = event.clone();
            event["detail"]["previousState"] = previous;
            assert!(!decode_alarm_change(&event).unwrap().was_ok);
        }
    }

    #[test]
    fn an_alarm_is_read_of_whatever_has_account_name_and_state() {
        for reason in [json!(null), json!(7), json!({"because": "it"}), json!("x".repeat(100_000))] {
            let mut event = json!({
                "version": 1, "time": "soon", "resources": null, "account": "123456789012",
                "detail": {"alarmName": "checkout-5xx", "state": {"value": "ALARM", "timestamp": 5}},
            });
            event["detail"]["state"]["reason"] = reason;
            let change = decode_alarm_change(&event).unwrap();
            assert!(change.raised && change.at.is_none() && change.reason.len() <= LONGEST);
            assert_eq!((change.alarm.as_str(), change.account.as_deref()), ("checkout-5xx", Some("123456789012")));
        }
        // Whose alarm it is cannot be guessed.
        let event = json!({"account": 1, "detail": {"alarmName": "a", "state": {"value": "ALARM"}}});
        assert!(decode_alarm_change(&event).unwrap_err().message.contains("account"));
    }

    #[test]
    fn what_is_missing_is_named_and_the_event_is_not_repeated() {
        let event = json!({"detail-type": "x", "source": "aws.cloudwatch", "detail": {"state": {"value": "a secret"}}});
        let error = decode_alarm_change(&event).unwrap_err();
        assert!(error.message.contains("alarmName"), "{error}");
        assert!(!error.message.contains("secret"), "{error}");
    }

    #[test]
    fn an_execution_event_is_read() {
        let event = json!({
            "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
            "detail": {
                "executionArn": "arn:aws:states:us-east-1:123456789012:execution:teal:r-1", "name": "r-1", "status": "ABORTED",
                "error": null, "cause": null,
            },
        });
        let change = decode_execution_change(&event).unwrap();
        assert_eq!((change.release.as_str(), change.status.as_str()), ("r-1", "ABORTED"));
    }

    #[test]
    fn weights_are_due_by_teals_own_events_and_by_the_schedule() {
        let phase = json!({
            "detail-type": "Teal Release Phase Change", "source": "teal",
            "detail": {"id": "r-1-7", "release": "r-1", "state": "Bake", "greenShare": "100%"},
        });
        let id = ReleaseId::new("r-1").unwrap();
        assert_eq!(decode_weights_due(&phase), Ok(WeightsDue::Of(id)));
        let schedule = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
        assert_eq!(decode_weights_due(&schedule), Ok(WeightsDue::Everywhere));
        for (source, detail, named) in [("teal", json!({}), "release"), ("aws.s3", json!({}), "aws.s3")] {
            let event = json!({"detail-type": "x", "source": source, "detail": detail});
            let error = decode_weights_due(&event).unwrap_err();
            assert!(error.message.contains(named), "{error}");
        }
    }

    fn alarm_event() -> Value {
        json!({
            "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
            "detail": {"alarmName": "checkout-5xx", "state": {"value": "ALARM", "reason": "Threshold Crossed"}},
        })
    }

    fn execution_event() -> Value {
        json!({
            "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
            "detail": {"executionArn": "arn:x", "name": "r-1", "status": "FAILED", "error": "Teal.Regression", "cause": "why"},
        })
    }

    fn any_event() -> impl Strategy<Value = Value> {
        any_json("(detail|state|value|name|alarmName|.{0,4})", ".{0,300}".prop_map(Value::from))
    }

    proptest! {
        #[test]
        fn a_field_with_something_else_in_it_is_named_or_read(
            place in prop::sample::select(vec!["alarmName", "state"]),
            other in any_event(),
        ) {
            let mut event = alarm_event();
            event["detail"][place] = other;
            if let Err(error) = decode_alarm_change(&event) {
                prop_assert_eq!(error.name, ErrorName::Internal);
                prop_assert!(error.message.contains("CloudWatch Alarm State Change"), "{}", error);
                prop_assert!(error.message.contains(place), "{}", error);
            }
        }

        #[test]
        fn a_field_of_an_execution_with_something_else_in_it_is_named_or_read(
            place in prop::sample::select(vec!["executionArn", "name", "status", "error", "cause"]),
            other in any_event(),
        ) {
            let mut event = execution_event();
            event["detail"][place] = other;
            if let Err(error) = decode_execution_change(&event) {
                prop_assert!(error.message.contains("Step Functions Execution Status Change"), "{}", error);
                prop_assert!(error.message.contains(place), "{}", error);
            }
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_not_repeated() {
        let mut event = alarm_event();
        event["detail"]["state"] = json!("wJalrXUtnFEMI-secret");
        let error = decode_alarm_change(&event).unwrap_err();
        assert!(error.message.contains("state: invalid type") && !error.message.contains("secret"), "{error}");
    }

    #[test]
    fn every_field_that_is_needed_is_named_when_it_is_missing() {
        for field in ["alarmName", "state"] {
            let mut event = alarm_event();
            event["detail"].as_object_mut().unwrap().remove(field);
            assert!(decode_alarm_change(&event).unwrap_err().message.contains(field), "{field}");
        }
        for field in ["executionArn", "name", "status"] {
            let mut event = execution_event();
            event["detail"].as_object_mut().unwrap().remove(field);
            assert!(decode_execution_change(&event).unwrap_err().message.contains(field), "{field}");
        }
    }
}
