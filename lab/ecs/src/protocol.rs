//! AWS's JSON 1.1 protocol: the operation in `X-Amz-Target`, a JSON object each way, errors as `__type` and `message`
//! (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>).

use crate::names;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest, Millis};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET: &str = "x-amz-target";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// A request's members.
pub(crate) type Members = Map<String, Value>;

/// Decodes the request, has it carried out, and encodes what comes of it.
pub(crate) fn answer(
    request: &AwsRequest,
    target_prefix: &str,
    carry_out: impl FnOnce(&str, &Members) -> Result<Value, AwsFault>,
) -> AwsAnswer {
    let result = decode(request, target_prefix).and_then(|(operation, members)| carry_out(operation, &members));
    let mut answer = match result {
        Ok(body) => AwsAnswer::new(StatusCode::OK, CONTENT_TYPE, body.to_string()),
        Err(fault) => {
            let body = json!({"__type": fault.code, "message": fault.message});
            AwsAnswer::new(fault.status, CONTENT_TYPE, body.to_string())
        }
    };
    if let Ok(id) = HeaderValue::from_str(&names::new_uuid()) {
        answer.headers.insert(REQUEST_ID, id);
    }
    answer
}

fn decode<'a>(request: &'a AwsRequest, target_prefix: &str) -> Result<(&'a str, Members), AwsFault> {
    let operation = request
        .headers
        .get(TARGET)
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix(target_prefix)?.strip_prefix('.'))
        .ok_or_else(|| AwsFault::client("UnknownOperationException", "the X-Amz-Target is not of this service"))?;
    let mut members: Members = if request.body.is_empty() {
        Members::new()
    } else {
        serde_json::from_slice(&request.body).map_err(|problem| mistyped(&problem))?
    };
    // What is null is absent in this protocol.
    members.retain(|_, value| !value.is_null());
    Ok((operation, members))
}

/// The fault of a request that does not fit the service's model.
fn mistyped(problem: &serde_json::Error) -> AwsFault {
    AwsFault::client("SerializationException", problem.to_string())
}

/// The members an operation needs, typed.
pub(crate) fn typed<T: DeserializeOwned>(members: &Members) -> Result<T, AwsFault> {
    T::deserialize(members).map_err(|problem| mistyped(&problem))
}

/// The fault of an operation that the lab does not have.
pub(crate) fn unknown_operation(operation: &str) -> AwsFault {
    AwsFault::client("UnknownOperationException", format!("the lab does not have the operation {operation}"))
}

/// A time as this protocol writes it: seconds since the Unix epoch.
pub(crate) fn timestamp(at: Millis) -> Value {
    json!(at as f64 / 1000.0)
}

/// A tag as ECS writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}
