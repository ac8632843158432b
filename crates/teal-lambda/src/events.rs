//! Events that come from EventBridge.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde::Deserialize;
use serde_json::Value;
use teal::error::{ErrorName, TealError, TealResult};
use teal::plan::AlarmName;
use teal::release::ReleaseId;

/// A "CloudWatch Alarm State Change".
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    pub alarm: AlarmName,
    /// The state is ALARM now.
    pub raised: bool,
    /// CloudWatch's reason.
    pub reason: String,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlarmDetail {
    alarm_name: AlarmName,
    state: AlarmDetailState,
}

#[derive(Deserialize)]
struct AlarmDetailState {
    value: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionDetail {
    execution_arn: String,
    name: ReleaseId,
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    cause: Option<String>,
}

/// Reads an alarm's change of state.
///
/// # Errors
/// What is not as CloudWatch sends it; the event itself is not repeated.
pub fn decode_alarm_change(event: Value) -> TealResult<AlarmChange> {
    let event: EventBridgeEvent<Value> = read(event, "an event of EventBridge")?;
    let detail: AlarmDetail = read(event.detail, "the detail of a CloudWatch Alarm State Change")?;
    Ok(AlarmChange { alarm: detail.alarm_name, raised: detail.state.value == "ALARM", reason: detail.state.reason })
}

/// Reads an execution's change of status.
///
/// # Errors
/// What is not as Step Functions sends it; the event itself is not repeated.
pub fn decode_execution_change(event: Value) -> TealResult<ExecutionChange> {
    let event: EventBridgeEvent<Value> = read(event, "an event of EventBridge")?;
    let detail: ExecutionDetail = read(event.detail, "the detail of a Step Functions Execution Status Change")?;
    Ok(ExecutionChange {
        release: detail.name,
        execution: detail.execution_arn,
        status: detail.status,
        error: detail.error,
        cause: detail.cause,
    })
}

fn read<T: serde::de::DeserializeOwned>(value: Value, what: &str) -> TealResult<T> {
    serde_json::from_value(value)
        .map_err(|problem| TealError::new(ErrorName::Internal, format!("the input is not {what}: {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let change = decode_alarm_change(event).unwrap();
        assert_eq!(
            (change.alarm.as_str(), change.raised, change.reason.as_str()),
            ("checkout-5xx", true, "Threshold Crossed")
        );
    }

    #[test]
    fn what_is_missing_is_named_and_the_event_is_not_repeated() {
        let event = json!({"detail-type": "x", "source": "aws.cloudwatch", "detail": {"state": {"value": "a secret"}}});
        let error = decode_alarm_change(event).unwrap_err();
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
        let change = decode_execution_change(event).unwrap();
        assert_eq!((change.release.as_str(), change.status.as_str()), ("r-1", "ABORTED"));
    }
}
