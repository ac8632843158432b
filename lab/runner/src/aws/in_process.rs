//! The same calls to a service of this process, without HTTP: what one service of AWS asks of another.

use super::{decode, encode, fault, form};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest, REGION};

/// A call of an operation, signed in the name of a service principal.
pub(crate) fn request_to(service: &str, action: &str, parameters: &Value, by: &str) -> Result<AwsRequest, AwsFault> {
    let (named, body) = encode(service, action, parameters).map_err(|problem| nonsense(&problem))?;
    let mut headers = HeaderMap::new();
    let signature = format!("AWS4-HMAC-SHA256 Credential={by}/20260101/{REGION}/{service}/aws4_request");
    for (name, value) in named.into_iter().chain([(AUTHORIZATION, signature)]) {
        headers.insert(name, value.parse().map_err(|_| nonsense("this cannot be a header"))?);
    }
    Ok(AwsRequest { method: Method::POST, uri: Uri::from_static("/"), headers, body: body.into() })
}

/// The document of an answer, or the refusal.
pub(crate) fn answer_of(action: &str, answer: &AwsAnswer) -> Result<Value, AwsFault> {
    let document = decode(&answer.body).map_err(|problem| nonsense(&problem))?;
    if answer.status.is_success() {
        return Ok(form::unwrap_result(document, action));
    }
    let (code, message) = fault(&document);
    Err(AwsFault { status: answer.status, code, message })
}

fn nonsense(problem: &str) -> AwsFault {
    AwsFault::client("SerializationException", problem)
}
