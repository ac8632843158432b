//! AWS JSON 1.1 on the wire.
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The operation of a request, and its input.
pub(crate) fn read(request: &AwsRequest) -> Result<(String, Value), AwsFault> {
    let target = request.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let input = serde_json::from_slice(&request.body)
        .map_err(|problem| AwsFault::client("SerializationException", problem.to_string()))?;
    Ok((operation, input))
}

/// What goes back.
pub(crate) fn answer(result: Result<Value, AwsFault>) -> AwsAnswer {
    let mut answer = match result {
        Ok(Value::Null) => AwsAnswer::new(StatusCode::OK, CONTENT_TYPE, ""),
        Ok(output) => AwsAnswer::new(StatusCode::OK, CONTENT_TYPE, output.to_string()),
        Err(fault) => {
            let body = json!({"__type": fault.code, "message": fault.message});
            AwsAnswer::new(fault.status, CONTENT_TYPE, body.to_string())
        }
    };
    if let Ok(id) = HeaderValue::from_str(&format!("{:032x}", fastrand::u128(..))) {
        answer.headers.insert(REQUEST_ID, id);
    }
    answer
}

/// A text that must be there; without it the fault has this code.
pub(crate) fn text<'a>(input: &'a Value, member: &str, code: &str) -> Result<&'a str, AwsFault> {
    input[member]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| AwsFault::client(code, format!("Value null at '{member}' failed to satisfy constraint")))
}
