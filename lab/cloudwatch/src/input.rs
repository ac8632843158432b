//! What several operations take, and the checks they share.

use crate::protocol::validation;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use teal_lab_wire::{ACCOUNT, AwsFault, Millis, REGION};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Dimension {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Reads an operation's input.
pub(crate) fn read<T: DeserializeOwned>(input: Value) -> Result<T, AwsFault> {
    serde_json::from_value(without_nulls(input)).map_err(|error| validation(error.to_string()))
}

/// Clients may write an absent member as null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// A check with the message of its ValidationError.
pub(crate) fn require(condition: bool, message: impl FnOnce() -> String) -> Result<(), AwsFault> {
    if condition { Ok(()) } else { Err(validation(message())) }
}

/// A timestamp: seconds since the epoch as CBOR and JSON carry it, or ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp(pub(crate) Millis);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(seconds) => {
                let seconds = seconds.as_f64().filter(|seconds| seconds.abs() < 1e12);
                seconds
                    .map(|seconds| Self((seconds * 1000.0).round() as Millis))
                    .ok_or_else(|| D::Error::custom("a timestamp is out of range"))
            }
            Value::String(text) => {
                text.parse::<jiff::Timestamp>().map(|time| Self(time.as_millisecond())).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom("a timestamp is a number of seconds")),
        }
    }
}

/// Seconds since the epoch, as answers carry timestamps.
pub(crate) fn epoch_seconds(at: Millis) -> Value {
    if at % 1000 == 0 { Value::from(at / 1000) } else { Value::from(at as f64 / 1000.0) }
}

/// `2026-11-22T20:16:01.123+0000`, as CloudWatch writes times into reasons and events.
pub(crate) fn event_time(at: Millis) -> String {
    format_time(at, "%Y-%m-%dT%H:%M:%S%.3f+0000")
}

/// A time in UTC by a strftime pattern.
pub(crate) fn format_time(at: Millis, pattern: &str) -> String {
    jiff::Timestamp::from_millisecond(at).map(|time| time.strftime(pattern).to_string()).unwrap_or_default()
}

pub(crate) fn alarm_arn(name: &str) -> String {
    format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}")
}

/// Where a page begins: the token that the page before gave, or the beginning.
pub(crate) fn page_start(token: Option<&str>) -> Result<usize, AwsFault> {
    match token {
        None => Ok(0),
        Some(token) => token
            .strip_prefix("after-")
            .and_then(|offset| offset.parse().ok())
            .ok_or_else(|| AwsFault::client("InvalidNextToken", "The next token specified is invalid.")),
    }
}

pub(crate) fn page_token(next: usize) -> String {
    format!("after-{next}")
}
