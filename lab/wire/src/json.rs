//! AWS JSON 1.1 on the wire: an operation's name in a header, and documents both ways.
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use crate::{AwsAnswer, AwsFault, AwsRequest};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The operation of a request to the service with this target (`CodeDeploy_20141006`), and its input.
///
/// # Errors
/// If it is to another service, or its body is no JSON.
pub fn read(request: &AwsRequest, service: &str) -> Result<(String, Value), AwsFault> {
    let target = request.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target
        .strip_prefix(service)
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or_else(|| AwsFault::client("UnknownOperationException", "the X-Amz-Target is not of this service"))?;
    let input = serde_json::from_slice(&request.body)
        .map_err(|problem| AwsFault::client("SerializationException", problem.to_string()))?;
    Ok((operation.to_owned(), input))
}

/// What goes back: a document, nothing where it is null, or the fault.
#[must_use]
pub fn answer(result: Result<Value, AwsFault>) -> AwsAnswer {
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method, Uri};

    fn request(target: &'static str, body: &'static str) -> AwsRequest {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", HeaderValue::from_static(target));
        AwsRequest { method: Method::POST, uri: Uri::from_static("/"), headers, body: body.into() }
    }

    #[test]
    fn a_request_is_read_if_it_is_to_the_service() {
        let read = |target, body| read(&request(target, body), "CodeBuild_20161006").map_err(|fault| fault.code);
        assert_eq!(read("CodeBuild_20161006.StartBuild", "{}"), Ok(("StartBuild".to_owned(), json!({}))));
        assert_eq!(read("CodeBuild_20161006.StartBuild", "{"), Err("SerializationException".to_owned()));
        for other in ["CodeDeploy_20141006.StartBuild", "CodeBuild_20161006StartBuild", ""] {
            assert_eq!(read(other, "{}"), Err("UnknownOperationException".to_owned()));
        }
    }

    #[test]
    fn what_goes_back_is_a_document_nothing_or_a_fault() {
        let body = |result| {
            let answer = answer(result);
            assert!(answer.headers.contains_key("x-amzn-requestid"));
            (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
        };
        assert_eq!(body(Ok(json!({"a": 1}))), (StatusCode::OK, r#"{"a":1}"#.to_owned()));
        assert_eq!(body(Ok(Value::Null)), (StatusCode::OK, String::new()));
        let fault = json!({"__type": "Gone", "message": "it is gone"}).to_string();
        assert_eq!(body(Err(AwsFault::client("Gone", "it is gone"))), (StatusCode::BAD_REQUEST, fault));
    }
}
