//! Calls of services whose operations are a method and a path: S3 and Lambda, of which Teal needs one or two. As in json.rs, all but
//! the request's shape is the SDK's (ADR 0010).

use crate::error::port_error;
use crate::json::{Service, ServiceError, runtime};
use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use teal::ports::{PortError, PortResult};

/// A client of one service.
#[derive(Debug)]
pub(crate) struct Client(Operation<Request, Answer, ServiceError>);

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Path and query, percent-encoded.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// One that reads.
    pub(crate) fn get(path: String) -> Self {
        Self { method: "GET", path, headers: Vec::new(), body: Vec::new() }
    }

    /// One with a JSON document.
    pub(crate) fn json(method: &'static str, path: String, document: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { method, path, headers, body: document.to_string().into_bytes() }
    }
}

/// An answer with a status of success.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as a JSON document with members.
    ///
    /// # Errors
    /// That it is none, for `call`.
    pub(crate) fn members(&self, call: &'static str) -> PortResult<Value> {
        match self.document() {
            document @ Value::Object(_) => Ok(document),
            _ => Err(PortError::Unavailable { call, message: "what it answered is no object".to_owned() }),
        }
    }
}

impl Client {
    /// A client as `config` reaches AWS.
    pub(crate) fn new(config: &SdkConfig, service: &'static Service) -> Self {
        Self(runtime(config, service).serializer(write).deserializer(read).build())
    }

    /// One call. `call` is its IAM action; `what` names the thing that the call is about.
    ///
    /// # Errors
    /// Those of the call.
    pub(crate) async fn call(&self, call: &'static str, what: &str, request: Request) -> PortResult<Answer> {
        self.0.invoke(request).await.map_err(|error| port_error(call, what, &error))
    }
}

fn write(request: Request) -> Result<HttpRequest, BoxError> {
    let length = request.body.len();
    let mut http = HttpRequest::new(SdkBody::from(request.body));
    http.set_method(request.method)?;
    http.set_uri(request.path)?;
    if request.method != "GET" {
        http.headers_mut().insert("content-length", length.to_string());
    }
    for (name, value) in request.headers {
        http.headers_mut().try_insert(name, value)?;
    }
    Ok(http)
}

fn read(response: &HttpResponse) -> Result<Answer, OrchestratorError<ServiceError>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        let headers = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        return Ok(Answer { headers, body: body.to_vec() });
    }
    let text = String::from_utf8_lossy(body);
    let error = if text.trim_start().starts_with('<') {
        ServiceError::of(element(&text, "Code"), element(&text, "Message"))
    } else {
        ServiceError::read(response.headers().get("x-amzn-errortype"), body)
    };
    Err(OrchestratorError::operation(error))
}

/// The text of the first element of this name, as S3's errors have it: without attributes and without elements in it.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    Some(xml.split_once(&format!("<{name}>"))?.1.split_once(&format!("</{name}>"))?.0)
}

/// A part of a path or query, with all but unreserved characters and those of `kept` percent-encoded.
pub(crate) fn percent_encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(character) || kept.contains(character) {
            encoded.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn paths_are_encoded() {
        assert_eq!(percent_encoded("a b/ü.yaml", "/"), "a%20b/%C3%BC.yaml");
        assert_eq!(percent_encoded("arn:aws:lambda/x", ""), "arn%3Aaws%3Alambda%2Fx");
    }
}
