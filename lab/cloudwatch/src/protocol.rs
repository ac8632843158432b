//! The two protocols that CloudWatch's clients speak today: Smithy RPC v2 CBOR, and AWS JSON 1.0/1.1.
//!
//! The AWS SDK for Rust chooses CBOR, boto3 (1.43) JSON. Both carry the same documents; they differ in how an operation
//! is named and in timestamps (CBOR tag 1 against a plain number of seconds).

use bytes::Bytes;
use ciborium::Value as Cbor;
use http::{HeaderValue, StatusCode, header::CONTENT_ENCODING};
use serde_json::Value;
use std::io::Read;
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest};

const CBOR_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";
const JSON_TARGET: &str = "GraniteServiceVersion20100801.";
/// Members that are timestamps in the service's model.
const TIMESTAMPS: [&str; 6] = [
    "Timestamp",
    "Timestamps",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
    "AlarmConfigurationUpdatedTimestamp",
    "LastModified",
];
const DEEPEST: usize = 64;
/// PutMetricData takes 1 MB; a little more is read so that the parser, not a cut, finds what is too long.
const LONGEST_BODY: u64 = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Cbor,
    Json10,
    Json11,
}

/// A request as read from the wire: the operation's name and its input.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) protocol: Protocol,
    pub(crate) operation: String,
    pub(crate) input: Value,
}

/// Reads a request; the protocol of the answer comes along even if that fails.
pub(crate) fn decode(request: &AwsRequest) -> Result<Call, (Protocol, AwsFault)> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = plain_body(request);
    if let Some(operation) = request.uri.path().strip_prefix(CBOR_PATH) {
        let malformed = |problem: String| (Protocol::Cbor, AwsFault::client("SerializationException", problem));
        let body = body.map_err(malformed)?;
        let input = if body.is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            let cbor: Cbor = ciborium::from_reader(body.as_ref()).map_err(|error| malformed(error.to_string()))?;
            json_of(cbor, 0).map_err(malformed)?
        };
        return Ok(Call { protocol: Protocol::Cbor, operation: operation.to_owned(), input });
    }
    let protocol = if header("content-type").starts_with("application/x-amz-json-1.1") {
        Protocol::Json11
    } else {
        Protocol::Json10
    };
    let Some(operation) = header("x-amz-target").strip_prefix(JSON_TARGET) else {
        let message = "The lab's CloudWatch speaks Smithy RPC v2 CBOR and AWS JSON, not AWS Query.";
        return Err((protocol, AwsFault::client("UnknownOperationException", message)));
    };
    let malformed = |problem: String| (protocol, AwsFault::client("SerializationException", problem));
    let body = body.map_err(malformed)?;
    let document: &[u8] = if body.is_empty() { b"{}" } else { &body };
    let input = serde_json::from_slice(document).map_err(|error| malformed(error.to_string()))?;
    Ok(Call { protocol, operation: operation.to_owned(), input })
}

/// The body without its compression: clients compress a PutMetricData of 10 KiB and more.
fn plain_body(request: &AwsRequest) -> Result<Bytes, String> {
    if request.headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return Ok(request.body.clone());
    }
    let mut plain = Vec::new();
    let reader = flate2::read::GzDecoder::new(request.body.as_ref());
    reader.take(LONGEST_BODY).read_to_end(&mut plain).map_err(|error| error.to_string())?;
    Ok(Bytes::from(plain))
}

/// Writes an answer. Operations without output answer an empty document.
pub(crate) fn encode(protocol: Protocol, answer: Result<Value, AwsFault>) -> AwsAnswer {
    match answer {
        Ok(output) => encode_document(protocol, StatusCode::OK, output),
        Err(fault) => {
            let (shape, code) = shape_and_code(&fault.code);
            let kind = match protocol {
                Protocol::Cbor => format!("com.amazonaws.cloudwatch#{shape}"),
                Protocol::Json10 | Protocol::Json11 => shape.to_owned(),
            };
            let document = serde_json::json!({"__type": kind, "message": fault.message});
            let mut answer = encode_document(protocol, fault.status, document);
            // The service once spoke AWS Query: clients take the code they know from here.
            let blame = if fault.status.is_server_error() { "Receiver" } else { "Sender" };
            if let Ok(code) = HeaderValue::from_str(&format!("{code};{blame}")) {
                answer.headers.insert("x-amzn-query-error", code);
            }
            answer
        }
    }
}

/// The fault of GetDashboard that the service's model names like no other: two shapes have its Query code.
pub(crate) const NO_DASHBOARD: &str = "DashboardNotFoundError";

/// The error shape of the service's model, and its Query error code, of a fault's code.
fn shape_and_code(code: &str) -> (&str, &str) {
    let shape = match code {
        NO_DASHBOARD => return (NO_DASHBOARD, "ResourceNotFound"),
        "InvalidParameterInput" => "DashboardInvalidInputError",
        "InvalidParameterValue" => "InvalidParameterValueException",
        "InvalidParameterCombination" => "InvalidParameterCombinationException",
        "MissingParameter" => "MissingRequiredParameterException",
        "LimitExceeded" => "LimitExceededFault",
        "InvalidFormat" => "InvalidFormatFault",
        "InternalServiceError" => "InternalServiceFault",
        "ValidationError" => "ValidationException",
        other => other,
    };
    (shape, code)
}

/// A request that breaks a constraint of the API.
pub(crate) fn validation(message: impl Into<String>) -> AwsFault {
    AwsFault::client("ValidationError", message)
}

fn encode_document(protocol: Protocol, status: StatusCode, document: Value) -> AwsAnswer {
    let mut answer = match protocol {
        Protocol::Cbor => {
            let mut body = Vec::new();
            // Writing to memory cannot fail for lack of room.
            let written = ciborium::into_writer(&cbor_of(document, false), &mut body);
            debug_assert!(written.is_ok());
            let mut answer = AwsAnswer::new(status, "application/cbor", Bytes::from(body));
            answer.headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
            answer
        }
        Protocol::Json10 => AwsAnswer::new(status, "application/x-amz-json-1.0", document.to_string()),
        Protocol::Json11 => AwsAnswer::new(status, "application/x-amz-json-1.1", document.to_string()),
    };
    if let Ok(id) = HeaderValue::from_str(&request_id()) {
        answer.headers.insert("x-amzn-requestid", id);
    }
    answer
}

/// A random UUID's form.
fn request_id() -> String {
    let hex = format!("{:032x}", fastrand::u128(..));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn json_of(cbor: Cbor, depth: usize) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err("the document is nested too deeply".to_owned());
    }
    Ok(match cbor {
        Cbor::Null => Value::Null,
        Cbor::Bool(flag) => Value::Bool(flag),
        Cbor::Integer(number) => Value::from(i64::try_from(number).map_err(|_| "a number is out of range".to_owned())?),
        Cbor::Float(number) => Value::from(number),
        Cbor::Text(text) => Value::String(text),
        // Timestamps are the only tagged values of the service; what they hold is a number of seconds.
        Cbor::Tag(_, inner) => json_of(*inner, depth + 1)?,
        Cbor::Array(items) => {
            items.into_iter().map(|item| json_of(item, depth + 1)).collect::<Result<_, _>>().map(Value::Array)?
        }
        Cbor::Map(members) => {
            let mut object = serde_json::Map::new();
            for (name, value) in members {
                let name = name.into_text().map_err(|_| "a member's name is not a text".to_owned())?;
                object.insert(name, json_of(value, depth + 1)?);
            }
            Value::Object(object)
        }
        _ => return Err("the document holds bytes".to_owned()),
    })
}

fn cbor_of(document: Value, timestamp: bool) -> Cbor {
    match document {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(flag),
        Value::Number(number) => {
            let plain = match number.as_i64() {
                Some(whole) => Cbor::Integer(whole.into()),
                None => Cbor::Float(number.as_f64().unwrap_or_default()),
            };
            if timestamp { Cbor::Tag(1, Box::new(plain)) } else { plain }
        }
        Value::String(text) => Cbor::Text(text),
        Value::Array(items) => Cbor::Array(items.into_iter().map(|item| cbor_of(item, timestamp)).collect()),
        Value::Object(members) => Cbor::Map(
            members
                .into_iter()
                .map(|(name, value)| {
                    let timestamp = TIMESTAMPS.contains(&name.as_str());
                    (Cbor::Text(name), cbor_of(value, timestamp))
                })
                .collect(),
        ),
    }
}
