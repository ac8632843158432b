//! What versions of users' functions execute: the demo service, one process for each version from its first invocation on.
//!
//! An invocation is a request to that process, made of the event of a function URL. A failure of the service (a status of 500 or above, a dropped
//! connection, an answer after the function's timeout) is an error of the function, as an exception that nobody handles is.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use teal_lab_functions::{Executed, Outcome, Running, Runtime};
use teal_lab_process::{Control, Ending, Launch, Owner, Processes, launch};
use teal_lab_wire::LabClock;
use tokio::sync::watch;

/// A function's timeout in seconds where its configuration has none.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
const TIMEOUT: u64 = 3;

/// The processes of all functions.
#[derive(Clone)]
pub(crate) struct DemoFunctions {
    inner: Arc<Inner>,
}

struct Inner {
    processes: Processes,
    http: Client<HttpConnector, Empty<Bytes>>,
    /// By function and version.
    environments: Mutex<BTreeMap<String, ExecutionEnvironment>>,
}

/// Where a version is executed.
struct ExecutionEnvironment {
    /// Known once the process is up.
    address: watch::Sender<Option<SocketAddr>>,
    /// The process ends when this is dropped.
    _control: watch::Sender<Control>,
}

impl DemoFunctions {
    /// Functions whose versions run this program.
    pub(crate) fn new(clock: LabClock, program: PathBuf) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        let inner = Inner { processes: Processes::new(clock, program), http, environments: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Kills every process and waits until none is left.
    pub(crate) async fn shutdown(&self) {
        self.inner.processes.shutdown().await;
    }
}

impl Runtime for DemoFunctions {
    fn execute(&self, executed: Executed<'_>, payload: Bytes) -> Running {
        let seconds = executed.configuration["Timeout"].as_u64().unwrap_or(TIMEOUT);
        let address = address_of(&self.inner, executed);
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            tokio::time::timeout(Duration::from_secs(seconds), inner.ask(address, payload))
                .await
                .unwrap_or_else(|_| Err(format!("Task timed out after {seconds}.00 seconds")))
        })
    }
}

/// Where a version's process listens, or will listen; one is started where there is none.
fn address_of(inner: &Arc<Inner>, executed: Executed<'_>) -> watch::Receiver<Option<SocketAddr>> {
    let Executed { function, version, configuration } = executed;
    let id = format!("{function}:{version}");
    let mut environments = inner.environments();
    if let Some(environment) = environments.get(&id) {
        return environment.address.subscribe();
    }
    let variables = configuration["Environment"]["Variables"].as_object().into_iter().flatten();
    let variables = variables.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let own = inner.processes.environment(&id, function, 1);
    let (control, controlled) = watch::channel(Control::Run);
    let (address, known) = watch::channel(None);
    environments.insert(id.clone(), ExecutionEnvironment { address, _control: control });
    drop(environments);
    let environment = variables.chain(own).collect();
    launch(inner, Launch { id, environment, log: None, stop_timeout: Duration::ZERO, control: controlled });
    known
}

impl Inner {
    async fn ask(&self, mut address: watch::Receiver<Option<SocketAddr>>, payload: Bytes) -> Outcome {
        let ended = "the execution environment ended before it was up";
        let address = address.wait_for(Option::is_some).await.map_err(|_| ended)?.ok_or(ended)?;
        let event: Value = serde_json::from_slice(&payload).unwrap_or_default();
        let path = event["rawPath"].as_str().unwrap_or("/");
        let query = event["rawQueryString"].as_str().filter(|query| !query.is_empty());
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut request = Request::get(format!("http://{address}{path}{query}"));
        if let Some(user) = event["headers"]["x-user"].as_str() {
            request = request.header("x-user", user);
        }
        let request = request.body(Empty::new()).map_err(|problem| problem.to_string())?;
        let answer = self.http.request(request).await.map_err(|problem| problem.to_string())?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|problem| problem.to_string())?.to_bytes();
        if head.status.is_server_error() {
            return Err(format!("the service failed with {}", head.status));
        }
        let text = |value: &http::HeaderValue| value.to_str().map(Value::from).ok();
        // Those of the connection are the connection's own.
        let headers = head.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-"));
        let headers: Map<String, Value> =
            headers.filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect();
        let body = String::from_utf8_lossy(&body);
        Ok(json!({"statusCode": head.status.as_u16(), "headers": headers, "body": body}).to_string().into())
    }

    fn environments(&self) -> MutexGuard<'_, BTreeMap<String, ExecutionEnvironment>> {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No load balancer knows these processes: there is nothing to register, and nothing drains.
impl Owner for Inner {
    fn processes(&self) -> &Processes {
        &self.processes
    }

    fn started(&self, _: &str, _: Option<u32>) {}

    fn is_up(&self, id: &str, address: SocketAddr) {
        if let Some(environment) = self.environments().get(id) {
            environment.address.send_replace(Some(address));
        }
    }

    fn deregister(&self, _: &str) {}

    fn is_draining(&self, _: &str) -> bool {
        false
    }

    fn drains(&self, _: &str) {}

    fn terminates(&self, _: &str) {}

    /// The next invocation starts another one.
    fn has_ended(&self, id: &str, _: Option<i32>, _: Ending) {
        self.environments().remove(id);
    }
}
