//! AWS's Query protocol between documents: a form goes out, XML comes back.
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>
//!
//! Without a model every leaf of an answer is text, and an empty list cannot be told from an empty text: both are absent.

#[cfg(test)]
mod tests;

use crate::error::port_error;
use crate::json::{self, Members, ServiceError, elements, pages, runtime};
use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use teal::ports::PortResult;
use xmlparser::{ElementEnd, Token, Tokenizer};

/// A service of AWS that speaks it.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) endpoint: json::Service,
    /// Of its API.
    pub(crate) version: &'static str,
}

/// A client of one service.
#[derive(Debug)]
pub(crate) struct Client {
    operation: Operation<Vec<u8>, Value, ServiceError>,
    version: &'static str,
}

impl Client {
    /// A client as `config` reaches AWS.
    pub(crate) fn new(config: &SdkConfig, service: &'static Service) -> Self {
        let operation = runtime(config, &service.endpoint).serializer(write).deserializer(read).build();
        Self { operation, version: service.version }
    }

    /// One call. `call` is its IAM action, which ends in the operation's name; `what` names the thing that the call is about.
    ///
    /// # Errors
    /// Those of the call.
    pub(crate) async fn call(&self, call: &'static str, what: &str, input: &Value) -> PortResult<Value> {
        let operation = call.rsplit(':').next().unwrap_or(call);
        let form = form(operation, self.version, input);
        self.operation.invoke(form).await.map_err(|error| port_error(call, what, &error))
    }

    /// The elements of the member `list` of every page of a call's answer.
    ///
    /// # Errors
    /// Those of the calls.
    pub(crate) async fn call_paged(
        &self,
        call: &'static str,
        what: &str,
        input: Value,
        list: &str,
    ) -> PortResult<Vec<Value>> {
        let pages = pages(call, input, async |input| self.call(call, what, input).await).await?;
        Ok(elements(pages, list))
    }
}

fn write(form: Vec<u8>) -> Result<HttpRequest, BoxError> {
    let length = form.len();
    let mut http = HttpRequest::new(SdkBody::from(form));
    http.set_method("POST")?;
    http.set_uri("/")?;
    let headers = http.headers_mut();
    headers.insert("content-type", "application/x-www-form-urlencoded");
    headers.insert("content-length", length.to_string());
    Ok(http)
}

/// The body of a request. What is null is left out.
fn form(operation: &str, version: &str, input: &Value) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", operation).append_pair("Version", version);
    add(&mut form, String::new(), input);
    form.finish().into_bytes()
}

fn add(form: &mut form_urlencoded::Serializer<'_, String>, key: String, value: &Value) {
    match value {
        Value::Object(members) => {
            let prefix = if key.is_empty() { key } else { format!("{key}.") };
            members.iter().for_each(|(name, value)| add(form, format!("{prefix}{name}"), value));
        }
        Value::Array(elements) => {
            let numbered = (1..).zip(elements);
            numbered.for_each(|(number, value)| add(form, format!("{key}.member.{number}"), value));
        }
        Value::Null => {}
        Value::String(text) => drop(form.append_pair(&key, text)),
        Value::Bool(_) | Value::Number(_) => drop(form.append_pair(&key, &value.to_string())),
    }
}

/// The document in an answer: the members of its result.
fn read(response: &HttpResponse) -> Result<Value, OrchestratorError<ServiceError>> {
    let body = std::str::from_utf8(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    let document = parse(body);
    if !response.status().is_success() {
        let text = |path: &str| document.as_ref().ok().and_then(|document| document.pointer(path)?.as_str());
        // EC2 has them in a list, and its answers no result: they are it.
        // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html
        let of = |name: &str| text(&format!("/Error/{name}")).or_else(|| text(&format!("/Errors/Error/{name}")));
        return Err(OrchestratorError::operation(ServiceError::of(of("Code"), of("Message"))));
    }
    let Value::Object(mut parts) = document.map_err(OrchestratorError::other)? else {
        return Ok(Value::Object(Members::new()));
    };
    let result = parts.keys().find(|name| name.ends_with("Result")).cloned();
    if let Some(result) = result.and_then(|name| parts.remove(&name)) {
        return Ok(result);
    }
    parts.retain(|name, _| !["ResponseMetadata", "requestId"].contains(&name.as_str()));
    Ok(Value::Object(parts))
}

/// An element that is open: its name, its children so far and its text.
#[derive(Default)]
struct Open<'a> {
    name: &'a str,
    children: Vec<(&'a str, Value)>,
    text: String,
}

impl Open<'_> {
    /// A list if its children are members of one, a structure if it has other children, else a text.
    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return if self.text.trim().is_empty() { Value::Null } else { Value::String(self.text) };
        }
        if self.children.iter().all(|(name, _)| *name == "member") {
            return self.children.into_iter().map(|(_, value)| value).collect();
        }
        let present = self.children.into_iter().filter(|(_, value)| !value.is_null());
        Value::Object(present.map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// The most elements within elements: far more than any answer has.
const DEEPEST: usize = 100;

/// What the outermost element of a text holds.
fn parse(xml: &str) -> Result<Value, String> {
    let mut open: Vec<Open<'_>> = Vec::new();
    for token in Tokenizer::from(xml) {
        match token.map_err(|error| error.to_string())? {
            Token::ElementStart { .. } if open.len() >= DEEPEST => {
                return Err(format!("it is nested deeper than {DEEPEST}"));
            }
            Token::ElementStart { local, .. } => open.push(Open { name: local.as_str(), ..Open::default() }),
            Token::ElementEnd { end: ElementEnd::Open, .. } => {}
            Token::ElementEnd { .. } => {
                let closed = open.pop().ok_or("an element is closed that was not opened")?;
                let name = closed.name;
                let value = closed.into_value();
                match open.last_mut() {
                    Some(parent) => parent.children.push((name, value)),
                    None => return Ok(value),
                }
            }
            Token::Text { text } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&unescaped(text.as_str()));
                }
            }
            Token::Cdata { text, .. } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(text.as_str());
                }
            }
            _ => {}
        }
    }
    Err("it ends before its outermost element does".to_owned())
}

/// A text with the characters that its references stand for.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once(';').and_then(|(reference, rest)| Some((character(reference)?, rest)));
        match known {
            Some((character, rest)) => {
                plain.push(character);
                plain.push_str(rest);
            }
            None => {
                plain.push('&');
                plain.push_str(part);
            }
        }
    }
    plain
}

fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "apos" => Some('\''),
        "gt" => Some('>'),
        "lt" => Some('<'),
        "quot" => Some('"'),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
