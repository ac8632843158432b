//! The functions that users of the lab have: published versions, aliases with weights, and invocations that are really split by them.
//!
//! Which functions AWS Lambda runs for Teal itself is ministack's affair; it takes an alias's weights but sends every invocation to the alias's
//! own version. What a version does is a [`Runtime`]'s: the lab runs the demo service. Each invocation is counted as Lambda counts it, by
//! function, by alias or version (`Resource`), and by the version that was executed.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>
//!
//! A function or an alias may have a URL, by which HTTP clients invoke it. Here that is plain HTTP on a loopback address of its own, for
//! everybody (`AuthType` `NONE`), and each answer says in [`EXECUTED_VERSION`] which version was executed, which on AWS only Invoke does.
//!
//! Not modelled: updates in progress, concurrency and throttling, asynchronous invocations, event sources, policies, layers, deletion.

mod api;
mod metrics;
mod model;
mod url;

pub use model::{Alias, AliasChange, Function};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use model::State;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest, LabClock, MetricSink};
use tokio::task::JoinSet;

/// Says which version of a function behind an alias answered.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");

/// Says that the function itself failed.
pub const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");

const JSON: &str = "application/json";

/// What a function answers: a document, or how it failed.
pub type Outcome = Result<Bytes, String>;

/// An outcome to come.
pub type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What is executed.
#[derive(Clone, Copy, Debug)]
pub struct Executed<'a> {
    pub function: &'a str,
    /// A published version, or `$LATEST`.
    pub version: &'a str,
    /// That version's configuration, under Lambda's names.
    pub configuration: &'a Value,
}

/// What executes versions of functions.
pub trait Runtime: Send + Sync {
    /// Executes a version with a payload.
    fn execute(&self, executed: Executed<'_>, payload: Bytes) -> Running;
}

impl<F> Runtime for F
where
    F: Fn(Executed<'_>, Bytes) -> Running + Send + Sync,
{
    fn execute(&self, executed: Executed<'_>, payload: Bytes) -> Running {
        self(executed, payload)
    }
}

/// An invocation that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// The version that was executed.
    pub version: String,
    pub outcome: Outcome,
}

/// The functions of an account and region. Dropping it closes their URLs.
pub struct Functions {
    inner: Arc<Inner>,
    /// Who listens at URLs.
    urls: Mutex<JoinSet<()>>,
}

struct Inner {
    clock: LabClock,
    metrics: Arc<dyn MetricSink>,
    runtime: Arc<dyn Runtime>,
    state: Mutex<State>,
}

impl Functions {
    /// No functions yet. `seed` makes the choices by weight repeatable.
    #[must_use]
    pub fn new(clock: LabClock, metrics: Arc<dyn MetricSink>, runtime: Arc<dyn Runtime>, seed: u64) -> Self {
        let inner = Inner { clock, metrics, runtime, state: Mutex::new(State::new(seed)) };
        Self { inner: Arc::new(inner), urls: Mutex::default() }
    }

    /// Answers a call of Lambda's API about one of these functions, or one that makes one; `None` for functions of somebody else. Must be
    /// called inside a tokio runtime.
    pub async fn handle(&self, request: &AwsRequest) -> Option<AwsAnswer> {
        let call = api::Call::read(request)?;
        if !call.makes_one() && !self.inner.state().knows(&call.function) {
            return None;
        }
        if call.is_invocation() {
            return Some(self.answer_invocation(&call, request.body.clone()).await);
        }
        let answer = if call.makes_url() { self.make_url(&call).await } else { self.inner.answer(&call, request) };
        Some(answer.map_or_else(
            |fault| refusal(&fault),
            |(status, document)| AwsAnswer::new(status, JSON, document.to_string()),
        ))
    }

    /// Executes a function: behind an alias the version that its weights choose for this invocation.
    ///
    /// # Errors
    /// `ResourceNotFoundException` where there is no such function, version or alias.
    pub async fn invoke(&self, function: &str, qualifier: Option<&str>, payload: Bytes) -> Result<Invoked, AwsFault> {
        self.inner.invoke(function, qualifier, payload).await
    }

    /// An alias as it is, where there is one.
    #[must_use]
    pub fn alias(&self, function: &str, name: &str) -> Option<Alias> {
        self.inner.state().function(function)?.aliases.get(name).cloned()
    }

    /// What was set of all aliases so far, oldest first.
    #[must_use]
    pub fn alias_changes(&self) -> Vec<AliasChange> {
        self.inner.state().changes.clone()
    }

    /// Makes a URL of a function, or of one of its aliases.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html>
    async fn make_url(&self, call: &api::Call) -> model::Answer<(StatusCode, Value)> {
        let (function, qualifier) = (call.function.as_str(), call.qualifier.as_deref());
        self.inner.state().choose(function, qualifier)?;
        let unable = |problem: std::io::Error| AwsFault {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "ServiceException".into(),
            message: format!("the lab cannot listen: {problem}"),
        };
        let listener = url::listen().await.map_err(unable)?;
        let address = listener.local_addr().map_err(unable)?;
        let place = (function.to_owned(), qualifier.map(str::to_owned));
        let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        urls.spawn(url::serve(listener, Arc::clone(&self.inner), place));
        let arn = model::arn(function, qualifier);
        let url = format!("http://{address}/");
        Ok((StatusCode::CREATED, json!({"FunctionUrl": url, "FunctionArn": arn, "AuthType": "NONE"})))
    }

    async fn answer_invocation(&self, call: &api::Call, payload: Bytes) -> AwsAnswer {
        let invoked = match self.invoke(&call.function, call.qualifier.as_deref(), payload).await {
            Ok(invoked) => invoked,
            Err(fault) => return refusal(&fault),
        };
        let mut answer = match invoked.outcome {
            Ok(document) => AwsAnswer::new(StatusCode::OK, JSON, document),
            Err(message) => {
                let document = json!({"errorType": "Runtime.ExitError", "errorMessage": message});
                let mut answer = AwsAnswer::new(StatusCode::OK, JSON, document.to_string());
                answer.headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
                answer
            }
        };
        if let Ok(version) = HeaderValue::from_str(&invoked.version) {
            answer.headers.insert(EXECUTED_VERSION, version);
        }
        answer
    }
}

impl Inner {
    /// Answers any call but an invocation, and keeps what it sets of an alias.
    fn answer(&self, call: &api::Call, request: &AwsRequest) -> model::Answer<(StatusCode, Value)> {
        let mut state = self.state();
        let (status, shown) = api::answer(&mut state, call, &request.body)?;
        let name = shown["Name"].as_str().filter(|_| call.sets_alias());
        let alias = name.and_then(|name| Some((name, state.function(&call.function)?.aliases.get(name)?)));
        if let Some((name, alias)) = alias {
            let change = AliasChange {
                at: self.clock.now_millis(),
                instant: Instant::now(),
                function: call.function.clone(),
                alias: name.to_owned(),
                weights: alias.weights(),
                access_key_id: request.access_key_id(),
            };
            state.changes.push(change);
        }
        Ok((status, shown))
    }

    async fn invoke(&self, function: &str, qualifier: Option<&str>, payload: Bytes) -> Result<Invoked, AwsFault> {
        let (version, configuration) = self.state().choose(function, qualifier)?;
        let begun = (self.clock.now_millis(), Instant::now());
        let executed = Executed { function, version: &version, configuration: &configuration };
        let outcome = self.runtime.execute(executed, payload).await;
        let invocation = metrics::Invocation {
            function,
            qualifier,
            version: &version,
            at: begun.0,
            millis: begun.1.elapsed().as_secs_f64() * 1000.0,
            failed: outcome.is_err(),
        };
        invocation.record(&*self.metrics);
        Ok(Invoked { version, outcome })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a defect that its own test shows; the others may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions").field("state", &self.inner.state).finish_non_exhaustive()
    }
}

/// An error as Lambda writes it.
fn refusal(fault: &AwsFault) -> AwsAnswer {
    let document = json!({"Type": "User", "Message": fault.message});
    let mut answer = AwsAnswer::new(fault.status, JSON, document.to_string());
    if let Ok(code) = HeaderValue::from_str(&fault.code) {
        answer.headers.insert(HeaderName::from_static("x-amzn-errortype"), code);
    }
    answer
}
