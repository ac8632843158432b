//! Errors that the gateway itself answers, in the form of the protocol that the client speaks.

use crate::call::{Call, Protocol};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use teal_lab_wire::{AwsAnswer, AwsFault};

/// The request never reached a service that would have given it an id.
const REQUEST_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Writes a fault as the called service would.
pub(crate) fn answer(call: &Call, fault: &AwsFault) -> AwsAnswer {
    let mut answer = match call.protocol {
        Protocol::Query => {
            let blame = if fault.status.is_server_error() { "Receiver" } else { "Sender" };
            let body = format!(
                "<ErrorResponse><Error><Type>{blame}</Type><Code>{}</Code><Message>{}</Message></Error>\
                 <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>",
                escape(&fault.code),
                escape(&fault.message)
            );
            AwsAnswer::new(fault.status, "text/xml", body)
        }
        Protocol::RestXml => {
            let body = format!(
                "<Error><Code>{}</Code><Message>{}</Message></Error>",
                escape(&fault.code),
                escape(&fault.message)
            );
            AwsAnswer::new(fault.status, "application/xml", body)
        }
        Protocol::Json => AwsAnswer::new(fault.status, "application/x-amz-json-1.0", document(fault).to_string()),
        Protocol::RestJson => AwsAnswer::new(fault.status, "application/json", document(fault).to_string()),
        Protocol::Cbor => {
            let mut body = Vec::new();
            // Writing to memory cannot fail for lack of room.
            let written = ciborium::into_writer(&document(fault), &mut body);
            debug_assert!(written.is_ok());
            let mut answer = AwsAnswer::new(fault.status, "application/cbor", body);
            answer.headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
            answer
        }
    };
    let header = match call.protocol {
        Protocol::Query => Some(("x-amzn-requestid", REQUEST_ID.to_owned())),
        Protocol::RestJson => Some(("x-amzn-errortype", fault.code.clone())),
        Protocol::Cbor => Some(("x-amzn-query-error", format!("{};Sender", fault.code))),
        _ => None,
    };
    if let Some((name, value)) = header
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        answer.headers.insert(name, value);
    }
    answer
}

fn document(fault: &AwsFault) -> Value {
    json!({"__type": fault.code, "message": fault.message, "Message": fault.message})
}

/// A caller without the permission. The code differs between the older XML services and the others.
pub(crate) fn access_denied(call: &Call, message: String) -> AwsFault {
    let (status, code) = match call.protocol {
        Protocol::Query | Protocol::RestXml => (StatusCode::FORBIDDEN, "AccessDenied"),
        Protocol::Cbor if call.service == "monitoring" => (StatusCode::FORBIDDEN, "AccessDenied"),
        Protocol::RestJson => (StatusCode::FORBIDDEN, "AccessDeniedException"),
        Protocol::Json | Protocol::Cbor => (StatusCode::BAD_REQUEST, "AccessDeniedException"),
    };
    AwsFault { status, code: code.to_owned(), message }
}

/// Too many requests, by the code that the service uses for it.
pub(crate) fn throttled(call: &Call) -> AwsFault {
    let code = match call.service.as_str() {
        "elasticloadbalancing" | "monitoring" => "Throttling",
        "lambda" => "TooManyRequestsException",
        _ => "ThrottlingException",
    };
    let status = if call.service == "lambda" { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::BAD_REQUEST };
    AwsFault { status, code: code.to_owned(), message: "Rate exceeded".to_owned() }
}

/// The error code of an answer, wherever its protocol puts it; `None` for a success.
pub(crate) fn code_of(answer: &AwsAnswer) -> Option<String> {
    if answer.status.as_u16() < 400 {
        return None;
    }
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(code) = header("x-amzn-query-error").or_else(|| header("x-amzn-errortype")) {
        return code.split([';', ':']).next().map(str::to_owned);
    }
    if let Ok(document) = serde_json::from_slice::<Value>(&answer.body) {
        let code = document.get("__type").or_else(|| document.get("code")).and_then(Value::as_str);
        return code.and_then(|code| code.rsplit('#').next()).map(str::to_owned);
    }
    let text = String::from_utf8_lossy(&answer.body);
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.to_owned())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_carries_the_code() {
        for protocol in [Protocol::Query, Protocol::Json, Protocol::Cbor, Protocol::RestJson, Protocol::RestXml] {
            let call = Call {
                access_key: String::new(),
                service: "any".to_owned(),
                operation: String::new(),
                protocol,
                input: Value::Null,
            };
            let denied = answer(&call, &access_denied(&call, "a < b".to_owned()));
            assert!(code_of(&denied).is_some_and(|code| code.starts_with("AccessDenied")), "{protocol:?}");
            assert!(denied.status.is_client_error());
            let limited = answer(&call, &throttled(&call));
            assert_eq!(code_of(&limited).as_deref(), Some("ThrottlingException"), "{protocol:?}");
        }
    }

    #[test]
    fn a_success_has_no_code() {
        let answer = AwsAnswer::new(StatusCode::OK, "application/json", r#"{"__type": "not an error"}"#);
        assert_eq!(code_of(&answer), None);
    }
}
