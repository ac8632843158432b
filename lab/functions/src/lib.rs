//! The functions that users of the lab have: published versions, aliases with weights, and invocations that are really split by them.
//!
//! Which functions AWS Lambda runs for Teal itself is ministack's affair; it takes an alias's weights but sends every invocation to the alias's
//! own version. What a version does is a [`Runtime`]'s: the lab runs the demo service. Each invocation is counted as Lambda counts it, by
//! function, by alias or version (`Resource`), and by the version that was executed.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>

mod api;
mod metrics;
mod model;

pub use model::{Alias, Function};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use model::State;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest, LabClock, MetricSink};

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

/// What executes versions of functions.
pub trait Runtime: Send + Sync {
    /// Executes a published version, or `$LATEST`, with a payload.
    fn execute(&self, function: &str, version: &str, payload: Bytes) -> Running;
}

impl<F> Runtime for F
where
    F: Fn(&str, &str, Bytes) -> Running + Send + Sync,
{
    fn execute(&self, function: &str, version: &str, payload: Bytes) -> Running {
        self(function, version, payload)
    }
}

/// An invocation that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// The version that was executed.
    pub version: String,
    pub outcome: Outcome,
}

/// The functions of an account and region.
pub struct Functions {
    clock: LabClock,
    metrics: Arc<dyn MetricSink>,
    runtime: Arc<dyn Runtime>,
    state: Mutex<State>,
}

impl Functions {
    /// No functions yet. `seed` makes the choices by weight repeatable.
    #[must_use]
    pub fn new(clock: LabClock, metrics: Arc<dyn MetricSink>, runtime: Arc<dyn Runtime>, seed: u64) -> Self {
        Self { clock, metrics, runtime, state: Mutex::new(State::new(seed)) }
    }

    /// Answers a call of Lambda's API about one of these functions, or one that makes one; `None` for functions of somebody else.
    pub async fn handle(&self, request: &AwsRequest) -> Option<AwsAnswer> {
        let call = api::Call::read(request)?;
        if call.is_about_one() && !self.state().knows(&call.function) {
            return None;
        }
        if call.is_invocation() {
            return Some(self.answer_invocation(&call, request.body.clone()).await);
        }
        let answer = api::answer(&mut self.state(), &call, &request.body);
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
        let version = self.state().choose(function, qualifier)?;
        let begun = (self.clock.now_millis(), Instant::now());
        let outcome = self.runtime.execute(function, &version, payload).await;
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

    /// An alias as it is, where there is one.
    #[must_use]
    pub fn alias(&self, function: &str, name: &str) -> Option<Alias> {
        self.state().function(function)?.aliases.get(name).cloned()
    }

    async fn answer_invocation(&self, call: &api::Call, payload: Bytes) -> AwsAnswer {
        let invoked = match self.invoke(&call.function, call.qualifier.as_deref(), payload).await {
            Ok(invoked) => invoked,
            Err(fault) => return refusal(&fault),
        };
        let mut answer = match invoked.outcome {
            Ok(document) => AwsAnswer::new(StatusCode::OK, JSON, document),
            Err(message) => {
                let document = serde_json::json!({"errorType": "Runtime.ExitError", "errorMessage": message});
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

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a defect that its own test shows; the others may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions").field("state", &self.state).finish_non_exhaustive()
    }
}

/// An error as Lambda writes it.
fn refusal(fault: &AwsFault) -> AwsAnswer {
    let document = serde_json::json!({"Type": "User", "Message": fault.message});
    let mut answer = AwsAnswer::new(fault.status, JSON, document.to_string());
    if let Ok(code) = HeaderValue::from_str(&fault.code) {
        answer.headers.insert(HeaderName::from_static("x-amzn-errortype"), code);
    }
    answer
}
