//! REST with JSON, and configurations as they are.
//! <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest};

/// What goes back.
pub(crate) struct Output {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) type Outcome = Result<Output, AwsFault>;

pub(crate) fn document(status: StatusCode, document: &Value) -> Output {
    let headers = vec![("content-type", "application/json".to_owned())];
    Output { status, headers, body: document.to_string().into_bytes() }
}

pub(crate) fn nothing() -> Output {
    Output { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: Vec::new() }
}

pub(crate) fn answer(outcome: Outcome) -> AwsAnswer {
    let mut answer = match outcome {
        Ok(output) => {
            let mut answer = AwsAnswer::new(output.status, "application/json", output.body);
            answer.headers.remove(CONTENT_TYPE);
            for (name, value) in output.headers {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    answer.headers.insert(HeaderName::from_static(name), value);
                }
            }
            answer
        }
        Err(fault) => {
            let body = json!({"Message": fault.message}).to_string();
            let mut answer = AwsAnswer::new(fault.status, "application/json", body);
            if let Ok(code) = HeaderValue::from_str(&fault.code) {
                answer.headers.insert(HeaderName::from_static("x-amzn-errortype"), code);
            }
            answer
        }
    };
    if let Ok(id) = HeaderValue::from_str(&format!("{:032x}", fastrand::u128(..))) {
        answer.headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    answer
}

pub(crate) fn bad(message: impl Into<String>) -> AwsFault {
    AwsFault::client("BadRequestException", message)
}

pub(crate) fn missing(what: &str) -> AwsFault {
    let message = format!("Resource not found: {what}");
    AwsFault { status: StatusCode::NOT_FOUND, code: "ResourceNotFoundException".to_owned(), message }
}

pub(crate) fn conflict(message: impl Into<String>) -> AwsFault {
    AwsFault { status: StatusCode::CONFLICT, code: "ConflictException".to_owned(), message: message.into() }
}

/// The text of a header.
pub(crate) fn header<'a>(request: &'a AwsRequest, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}
