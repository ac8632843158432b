//! A small AWS client for the lab itself: any operation of the services it sets up, parameters and answers as JSON.
//!
//! The lab creates whatever a CloudFormation template or a scenario asks for, so it needs operations by name rather
//! than a typed SDK. Every call goes to the lab's gateway with the lab's own access key.

mod form;
mod in_process;
mod xml;

pub(crate) use in_process::{answer_of, request_to};

use crate::LabError;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;
use teal_lab_wire::REGION;

/// The access key that ministack and the gateway take for the account's root user; its signature is not checked.
pub(crate) const LAB_ACCESS_KEY: &str = "test";

/// How long one call may take: CreateStack and the like answer at once and are polled.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How a service's requests look on the wire.
enum Protocol {
    /// AWS JSON: the prefix of `X-Amz-Target`, and the version in the content type.
    Json { target: &'static str, version: &'static str },
    /// The Query protocol with the API's version.
    Query { version: &'static str },
}

/// The protocol of a service by its signing name; what botocore's service models say.
fn protocol(service: &str) -> Option<Protocol> {
    let (target, version) = match service {
        "elasticloadbalancing" => return Some(Protocol::Query { version: "2015-12-01" }),
        "cloudformation" => return Some(Protocol::Query { version: "2010-05-15" }),
        "autoscaling" => return Some(Protocol::Query { version: "2011-01-01" }),
        "elasticbeanstalk" => return Some(Protocol::Query { version: "2010-12-01" }),
        // A dialect, of which this client speaks what the lab needs: no lists.
        "ec2" => return Some(Protocol::Query { version: "2016-11-15" }),
        "iam" => return Some(Protocol::Query { version: "2010-05-08" }),
        "monitoring" => ("GraniteServiceVersion20100801", "1.0"),
        "dynamodb" => ("DynamoDB_20120810", "1.0"),
        "states" => ("AWSStepFunctions", "1.0"),
        "ecs" => ("AmazonEC2ContainerServiceV20141113", "1.1"),
        "codedeploy" => ("CodeDeploy_20141006", "1.1"),
        "application-autoscaling" => ("AnyScaleFrontendService", "1.1"),
        "events" => ("AWSEvents", "1.1"),
        "logs" => ("Logs_20140328", "1.1"),
        "ssm" => ("AmazonSSM", "1.1"),
        _ => return None,
    };
    Some(Protocol::Json { target, version })
}

/// What goes over the wire for an operation: headers and body.
fn encode(service: &str, action: &str, parameters: &Value) -> Result<(Vec<(HeaderName, String)>, String), String> {
    match protocol(service) {
        Some(Protocol::Json { target, version }) => {
            let target = (HeaderName::from_static("x-amz-target"), format!("{target}.{action}"));
            let headers = vec![(CONTENT_TYPE, format!("application/x-amz-json-{version}")), target];
            Ok((headers, parameters.to_string()))
        }
        Some(Protocol::Query { version }) => {
            let headers = vec![(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
            Ok((headers, form::encode(action, version, parameters)))
        }
        None => Err("the lab's client does not know this service's protocol".to_owned()),
    }
}

/// The document that came over the wire.
fn decode(body: &[u8]) -> Result<Value, String> {
    if body.first() == Some(&b'<') {
        let text = std::str::from_utf8(body).map_err(|e| e.to_string())?;
        xml::decode(text)
    } else if body.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice(body).map_err(|e| e.to_string())
    }
}

/// Calls AWS operations at one endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Aws {
    endpoint: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Aws {
    /// A client for the endpoint, for example `http://127.0.0.1:4566`.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), http: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The endpoint this client calls.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Calls one operation, for example `call("ecs", "CreateCluster", json!({"clusterName": "lab"}))`.
    ///
    /// Parameters are written as the service's API reference names them. A Query answer's `...Result` element is
    /// unwrapped, lists of `member` become arrays, and every value in it is a string.
    ///
    /// # Errors
    /// [`LabError::Aws`] if the service refuses, [`LabError::Exchange`] if there is no sensible answer.
    pub async fn call(&self, service: &str, action: &str, parameters: Value) -> Result<Value, LabError> {
        let nonsense = |problem: String| exchange(service, action, problem);
        let mut request = Request::builder().method(Method::POST).uri(format!("{}/", self.endpoint));
        let (headers, body) = encode(service, action, &parameters).map_err(nonsense)?;
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let (status, body) = self.exchange(service, action, request, body.into()).await?;
        let answer = decode(&body).map_err(nonsense)?;
        if (200..300).contains(&status) {
            return Ok(form::unwrap_result(answer, action));
        }
        let (code, message) = fault(&answer);
        Err(LabError::Aws { service: service.into(), action: action.into(), status, code, message })
    }

    /// Calls an operation that is a method and a path; gives the answer's document, or the header where one is asked for.
    ///
    /// # Errors
    /// As [`Aws::call`].
    pub async fn rest(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: Bytes,
        header: Option<&str>,
    ) -> Result<Value, LabError> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.endpoint));
        let request = request.header(CONTENT_TYPE, "application/json");
        let (status, headers, body) = self.whole_exchange(service, path, request, body).await?;
        if (200..300).contains(&status) {
            return Ok(match header {
                Some(name) => headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().into(),
                None => serde_json::from_slice(&body).unwrap_or_default(),
            });
        }
        let code = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let message = String::from_utf8_lossy(&body).into_owned();
        Err(LabError::Aws { service: service.into(), action: path.into(), status, code, message })
    }

    /// Makes a bucket, or puts an object into one when a key is given.
    ///
    /// # Errors
    /// As [`Aws::call`].
    pub async fn put_s3(&self, path: &str, body: Bytes) -> Result<(), LabError> {
        let request = Request::builder().method(Method::PUT).uri(format!("{}/{path}", self.endpoint));
        let (status, body) = self.exchange("s3", "PutObject", request, body).await?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&body).into_owned();
        Err(LabError::Aws { service: "s3".into(), action: "PutObject".into(), status, code: String::new(), message })
    }

    /// Reads an object of a bucket.
    ///
    /// # Errors
    /// As [`Aws::call`].
    pub async fn get_s3(&self, path: &str) -> Result<Bytes, LabError> {
        let request = Request::builder().method(Method::GET).uri(format!("{}/{path}", self.endpoint));
        let (status, body) = self.exchange("s3", "GetObject", request, Bytes::new()).await?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let message = String::from_utf8_lossy(&body).into_owned();
        Err(LabError::Aws { service: "s3".into(), action: "GetObject".into(), status, code: String::new(), message })
    }

    /// Invokes a function synchronously and returns its answer; a function's own error is an error here.
    ///
    /// # Errors
    /// As [`Aws::call`], and if the function failed.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, LabError> {
        let uri = format!("{}/2015-03-31/functions/{function}/invocations", self.endpoint);
        let request = Request::builder().method(Method::POST).uri(uri).header(CONTENT_TYPE, "application/json");
        let (status, body) = self.exchange("lambda", "Invoke", request, payload.to_string().into()).await?;
        let answer: Value = serde_json::from_slice(&body).map_err(|e| exchange("lambda", "Invoke", e.to_string()))?;
        match answer.get("errorType").and_then(Value::as_str) {
            None if (200..300).contains(&status) => Ok(answer),
            code => {
                let code = code.unwrap_or_default().to_owned();
                let message = answer["errorMessage"].as_str().unwrap_or_default().to_owned();
                Err(LabError::Aws { service: "lambda".into(), action: "Invoke".into(), status, code, message })
            }
        }
    }

    /// Reads `GetFunctionConfiguration` of a function or one of its versions.
    ///
    /// # Errors
    /// As [`Aws::call`].
    pub async fn function_configuration(&self, function: &str) -> Result<Value, LabError> {
        let action = "GetFunctionConfiguration";
        let uri = format!("{}/2015-03-31/functions/{function}/configuration", self.endpoint);
        let (status, body) = self.exchange("lambda", action, Request::get(uri), Bytes::new()).await?;
        let answer: Value = serde_json::from_slice(&body).map_err(|e| exchange("lambda", action, e.to_string()))?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let (code, message) = fault(&answer);
        Err(LabError::Aws { service: "lambda".into(), action: action.into(), status, code, message })
    }

    async fn exchange(
        &self,
        service: &str,
        action: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<(u16, Bytes), LabError> {
        self.whole_exchange(service, action, request, body).await.map(|(status, _, body)| (status, body))
    }

    async fn whole_exchange(
        &self,
        service: &str,
        action: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<(u16, HeaderMap, Bytes), LabError> {
        let nonsense = |problem: String| exchange(service, action, problem);
        // The gateway routes by the credential scope, as AWS endpoints check it.
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential={LAB_ACCESS_KEY}/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0000"
        );
        let request = request.header(AUTHORIZATION, scope).header("x-amz-date", "20260101T000000Z");
        let request = request.body(Full::new(body)).map_err(|e| nonsense(e.to_string()))?;
        let answered = tokio::time::timeout(CALL_TIMEOUT, async {
            let response = self.http.request(request).await.map_err(|e| nonsense(full_cause(&e)))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.into_body().collect().await.map_err(|e| nonsense(full_cause(&e)))?;
            Ok((status, headers, body.to_bytes()))
        });
        answered.await.map_err(|_| nonsense(format!("no answer within {} s", CALL_TIMEOUT.as_secs())))?
    }
}

fn exchange(service: &str, action: &str, problem: String) -> LabError {
    LabError::Exchange { service: service.into(), action: action.into(), problem }
}

/// An error with what caused it: hyper's own message alone says only "client error".
fn full_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Code and message of an error answer, in whichever protocol it came.
fn fault(answer: &Value) -> (String, String) {
    let error = answer.get("Error").or_else(|| answer.pointer("/Errors/Error")).unwrap_or(answer);
    let text = |names: &[&str]| names.iter().find_map(|name| error.get(*name)?.as_str()).unwrap_or_default().to_owned();
    let code = text(&["Code", "__type", "code"]);
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    (code, text(&["Message", "message", "errorMessage"]))
}
