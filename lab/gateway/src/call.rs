//! What a request asks for: service, operation, input and caller, read from the wire without deciding anything.

use ciborium::Value as Cbor;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Map, Value};
use teal_lab_wire::AwsRequest;

/// Lambda's operation that is known by its name; its function stands in the path.
const INVOKE: &str = "Invoke";

/// How a client and a service talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS Query: a form in, XML out.
    Query,
    /// AWS JSON 1.0 or 1.1: the operation is in X-Amz-Target.
    Json,
    /// Smithy RPC v2 with CBOR.
    Cbor,
    /// The operation is a method and a path; errors are JSON.
    RestJson,
    /// The operation is a method and a path; errors are XML (S3).
    RestXml,
}

/// A request, understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// From the credential scope; empty if the request carries no signature.
    pub(crate) access_key: String,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) protocol: Protocol,
    /// The operation's input as far as it is a document; a form's fields, or those of a REST call's query, are the members of an object.
    pub(crate) input: Value,
}

impl Call {
    pub(crate) fn read(request: &AwsRequest) -> Self {
        let (access_key, service) = credential(&request.headers).unwrap_or_default();
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let path = request.uri.path();
        let (protocol, operation, input) = if let Some(target) = header("x-amz-target") {
            let operation = target.rsplit('.').next().unwrap_or(target);
            (Protocol::Json, operation.to_owned(), serde_json::from_slice(&request.body).unwrap_or_default())
        } else if let Some((_, operation)) =
            path.strip_prefix("/service/").and_then(|rest| rest.split_once("/operation/"))
        {
            let input = ciborium::from_reader(request.body.as_ref()).map(json_of).unwrap_or_default();
            (Protocol::Cbor, operation.to_owned(), input)
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            let fields: Map<String, Value> = form_urlencoded::parse(&request.body)
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect();
            let operation = fields.get("Action").and_then(Value::as_str).unwrap_or_default().to_owned();
            (Protocol::Query, operation, Value::Object(fields))
        } else {
            let protocol = if service == "s3" { Protocol::RestXml } else { Protocol::RestJson };
            let mut input = query(&request.uri);
            // Part of what permissions are about stands in the body.
            if service == "appconfig"
                && let (Some(input), Ok(Value::Object(members))) =
                    (input.as_object_mut(), serde_json::from_slice(&request.body))
            {
                input.extend(members);
            }
            let operation = rest_operation(&service, &request.method, path);
            if operation == INVOKE
                && let (Some(input), Some(function)) = (input.as_object_mut(), path.split('/').nth(3))
            {
                input.insert("FunctionName".to_owned(), function.replace("%3A", ":").into());
            }
            (protocol, operation, input)
        };
        Self { access_key, service, operation, protocol, input }
    }
}

impl Call {
    /// The ARNs among its input's values, at the top or in a list there.
    pub(crate) fn arns(&self) -> impl Iterator<Item = String> {
        let values = self.input.as_object().into_iter().flat_map(Map::values);
        let texts = values.flat_map(|value| match value {
            Value::Array(items) => items.as_slice(),
            value => std::slice::from_ref(value),
        });
        texts.filter_map(Value::as_str).filter(|text| text.starts_with("arn:")).map(str::to_owned)
    }

    /// The partition keys of the items that a transaction of DynamoDB writes or checks.
    pub(crate) fn partition_keys(&self) -> impl Iterator<Item = String> {
        let items = self.input.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
        let writes = items.filter_map(Value::as_object).flat_map(Map::values);
        let keys = writes.filter_map(|write| write.pointer("/Item/pk/S").or_else(|| write.pointer("/Key/pk/S")));
        keys.filter_map(Value::as_str).map(str::to_owned)
    }
}

/// Access key id and service of a SigV4 signature: `Credential=AKID/date/region/service/aws4_request`.
fn credential(headers: &HeaderMap) -> Option<(String, String)> {
    let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, rest) = authorization.split_once("Credential=")?;
    let mut scope = rest.split([',', ' ']).next()?.split('/');
    let access_key = scope.next()?;
    let service = scope.nth(2)?;
    Some((access_key.to_owned(), service.to_owned()))
}

/// The parameters of the query, of which S3 takes what else it needs to know.
fn query(uri: &http::Uri) -> Value {
    let text = uri.query().unwrap_or_default();
    let fields = form_urlencoded::parse(text.as_bytes());
    Value::Object(fields.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}

/// Lambda's Invoke by its name, because functions and events use it; other REST calls by method and path.
fn rest_operation(service: &str, method: &http::Method, path: &str) -> String {
    if service == "lambda" && method == http::Method::POST && path.ends_with("/invocations") {
        INVOKE.to_owned()
    } else {
        format!("{method} {path}")
    }
}

/// What permissions and logs need of a CBOR document: names, texts, lists.
fn json_of(cbor: Cbor) -> Value {
    match cbor {
        Cbor::Text(text) => Value::String(text),
        Cbor::Bool(flag) => Value::Bool(flag),
        Cbor::Array(items) => Value::Array(items.into_iter().map(json_of).collect()),
        Cbor::Map(members) => Value::Object(
            members.into_iter().filter_map(|(name, value)| Some((name.into_text().ok()?, json_of(value)))).collect(),
        ),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue, Method};

    fn request(method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> AwsRequest {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        AwsRequest { method, uri: path.parse().unwrap(), headers, body: body.into() }
    }

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    #[test]
    fn each_protocol_names_its_operation() {
        let mut cbor = Vec::new();
        ciborium::into_writer(&serde_json::json!({"AlarmNames": ["a"]}), &mut cbor).unwrap();
        let form = "Action=ModifyListener&ListenerArn=arn%3Aaws&Version=2015-12-01";
        let form_type = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let table = [
            (
                request(Method::POST, "/", &[("authorization", &signed("elasticloadbalancing")), form_type], form),
                ("elasticloadbalancing", "ModifyListener", Protocol::Query, "/ListenerArn", "arn:aws"),
            ),
            (
                request(
                    Method::POST,
                    "/",
                    &[("authorization", &signed("dynamodb")), ("x-amz-target", "DynamoDB_20120810.GetItem")],
                    r#"{"TableName":"t"}"#,
                ),
                ("dynamodb", "GetItem", Protocol::Json, "/TableName", "t"),
            ),
            (
                request(
                    Method::POST,
                    "/service/GraniteServiceVersion20100801/operation/DescribeAlarms",
                    &[("authorization", &signed("monitoring"))],
                    cbor,
                ),
                ("monitoring", "DescribeAlarms", Protocol::Cbor, "/AlarmNames/0", "a"),
            ),
            (
                request(
                    Method::POST,
                    "/2015-03-31/functions/f/invocations",
                    &[("authorization", &signed("lambda"))],
                    "{}",
                ),
                ("lambda", "Invoke", Protocol::RestJson, "/FunctionName", "f"),
            ),
            (
                request(Method::GET, "/code/f.zip?versionId=3", &[("authorization", &signed("s3"))], ""),
                ("s3", "GET /code/f.zip", Protocol::RestXml, "/versionId", "3"),
            ),
        ];
        for (request, (service, operation, protocol, pointer, value)) in table {
            let call = Call::read(&request);
            assert_eq!((call.service.as_str(), call.operation.as_str(), call.protocol), (service, operation, protocol));
            assert_eq!(call.access_key, "AKID");
            assert_eq!(call.input.pointer(pointer).and_then(Value::as_str).unwrap_or_default(), value);
        }
    }

    #[test]
    fn a_transaction_of_dynamodb_is_about_its_partition_keys() {
        let body = serde_json::json!({"TransactItems": [
            {"Put": {"TableName": "t", "Item": {"pk": {"S": "release#r-1"}, "sk": {"S": "record"}}}},
            {"ConditionCheck": {"TableName": "t", "Key": {"pk": {"S": "lock#l"}, "sk": {"S": "lock"}}}},
        ]});
        let headers =
            [("authorization", &*signed("dynamodb")), ("x-amz-target", "DynamoDB_20120810.TransactWriteItems")];
        let call = Call::read(&request(Method::POST, "/", &headers, body.to_string()));
        assert_eq!(call.partition_keys().collect::<Vec<_>>(), ["release#r-1", "lock#l"]);
    }

    #[test]
    fn a_request_without_signature_has_neither_caller_nor_service() {
        for authorization in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=AKID"] {
            let call = Call::read(&request(Method::GET, "/health", &[("authorization", authorization)], ""));
            assert_eq!((call.access_key.as_str(), call.service.as_str()), ("", ""));
        }
    }
}
