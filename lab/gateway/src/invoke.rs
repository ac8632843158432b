//! Functions that services of AWS invoke.

use crate::call_log::{CallKey, CallRecord};
use crate::fault::{FaultKind, Moment, Subject};
use crate::identity::ROOT_ACCESS_KEY;
use crate::{Core, Gateway};
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::Value;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use teal_lab_wire::{AwsAnswer, AwsRequest, FunctionAnswer, FunctionInvoker, REGION};

/// Says that the function itself failed.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// How Lambda is asked for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvocationType {
    /// At once.
    RequestResponse,
    /// Not at all: with Lambda's own retries and dead-letter queue.
    Event,
}

/// A call of Lambda's Invoke in the name of the account's root user.
pub(crate) fn invocation(function: &str, kind: InvocationType, payload: &Value) -> Result<AwsRequest, String> {
    let path = format!("/2015-03-31/functions/{}/invocations", function.replace(':', "%3A"));
    let uri: Uri = path.parse().map_err(|_| format!("{function} is no function's name"))?;
    let mut headers = root_headers("lambda");
    if kind == InvocationType::Event {
        headers.insert("x-amz-invocation-type", HeaderValue::from_static("Event"));
    }
    Ok(AwsRequest { method: Method::POST, uri, headers, body: payload.to_string().into() })
}

/// ministack knows the account's root by its key and does not check the signature.
pub(crate) fn root_headers(service: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let date = jiff::Timestamp::now().strftime("%Y%m%d").to_string();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ROOT_ACCESS_KEY}/{date}/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    if let Ok(authorization) = HeaderValue::from_str(&authorization) {
        headers.insert(http::header::AUTHORIZATION, authorization);
    }
    headers
}

/// Invokes functions in a service's name.
struct Invoker {
    core: Arc<Core>,
    service: &'static str,
}

impl Gateway {
    /// How the service named `service` (`ECS`, `CodeDeploy`) invokes functions: those that the gateway serves itself, and ministack's. Each
    /// call is logged as that caller's, and faults can hit it as the operation `Invoke` of the service `lambda`.
    #[must_use]
    pub fn function_invoker(&self, service: &'static str) -> Arc<dyn FunctionInvoker> {
        Arc::new(Invoker { core: Arc::clone(&self.core), service })
    }
}

impl FunctionInvoker for Invoker {
    fn invoke(&self, function: &str, payload: &Value) -> FunctionAnswer {
        self.start(function, InvocationType::RequestResponse, payload)
    }

    fn invoke_later(&self, function: &str, payload: &Value) -> FunctionAnswer {
        self.start(function, InvocationType::Event, payload)
    }
}

impl Invoker {
    fn start(&self, function: &str, kind: InvocationType, payload: &Value) -> FunctionAnswer {
        let request = invocation(function, kind, payload);
        let (core, service) = (Arc::clone(&self.core), self.service);
        Box::pin(async move { read(kind, &core.invoke(service, request?).await?) })
    }
}

impl Core {
    async fn invoke(&self, caller: &str, request: AwsRequest) -> Result<AwsAnswer, String> {
        let started = Instant::now();
        let (at, real_time) = (self.clock.now_millis(), SystemTime::now());
        let key = CallKey { caller: caller.to_owned(), service: "lambda".to_owned(), operation: "Invoke".to_owned() };
        let path = request.uri.path().to_owned();
        let subject = Subject {
            service: &key.service,
            operation: &key.operation,
            caller: &key.caller,
            path: &path,
            body: &request.body,
        };
        let answer = match self.faults.strike(&subject) {
            None => self.invoke_at(request).await,
            Some(FaultKind::Latency { millis, when: Moment::Before }) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                self.invoke_at(request).await
            }
            Some(FaultKind::Latency { millis, when: Moment::After }) => {
                let answer = self.invoke_at(request).await;
                tokio::time::sleep(Duration::from_millis(millis)).await;
                answer
            }
            Some(FaultKind::Error { code, message, .. }) => Err(format!("{code}: {message}")),
            Some(FaultKind::Throttle) => Err("TooManyRequestsException: Rate Exceeded.".to_owned()),
            Some(FaultKind::LostAnswer | FaultKind::Kill(_)) => {
                drop(self.invoke_at(request).await);
                Err("the answer was lost".to_owned())
            }
        };
        let CallKey { caller, service, operation } = key;
        self.log.add(CallRecord {
            at,
            real_time,
            caller,
            role: None,
            service,
            operation,
            resources: path.split('/').nth(3).map(|name| name.replace("%3A", ":")).into_iter().collect(),
            status: answer.as_ref().map_or(0, |answer| answer.status.as_u16()),
            error_code: None,
            duration: started.elapsed(),
        });
        answer
    }

    /// A function of the gateway's own, or else ministack's.
    async fn invoke_at(&self, request: AwsRequest) -> Result<AwsAnswer, String> {
        let part = self.parts.read().unwrap_or_else(PoisonError::into_inner).get("lambda").map(Arc::clone);
        if let Some(part) = part
            && let Some(answer) = part.handle_some(request.clone()).await
        {
            return Ok(answer);
        }
        self.upstream.forward(&request).await.map_err(|problem| problem.to_string())
    }
}

fn read(kind: InvocationType, answer: &AwsAnswer) -> Result<Value, String> {
    let text = || String::from_utf8_lossy(&answer.body);
    if !answer.status.is_success() {
        return Err(format!("Invoke answered {}: {}", answer.status, text()));
    }
    if answer.headers.contains_key(FUNCTION_ERROR) {
        return Err(format!("the function failed: {}", text()));
    }
    if kind == InvocationType::Event {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&answer.body).map_err(|_| format!("the function answered no document: {}", text()))
}
