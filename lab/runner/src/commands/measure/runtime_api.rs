//! The Lambda runtime API for one process and one event.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use crate::LabError;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What Lambda gives a function of Teal for one event.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Listens for one process.
pub(super) struct RuntimeApi {
    listener: TcpListener,
    address: SocketAddr,
}

/// When a process did what.
#[derive(Debug)]
pub(super) struct Served {
    /// It asked for its first event: Lambda's init phase is over.
    pub(super) ready_at: Instant,
    /// Its answer was there.
    pub(super) answered_at: Instant,
    /// The answer, or the error as the function reported it.
    pub(super) answer: Result<Value, String>,
}

/// One process's way through its one event.
struct Session {
    event: Bytes,
    function_arn: String,
    request_id: String,
    ready_at: OnceLock<Instant>,
    answers: mpsc::Sender<(Instant, Result<Value, String>)>,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub(super) async fn listen() -> Result<Self, LabError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        Ok(Self { listener, address })
    }

    /// What the process is to find in `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands out the event once, and waits for the answer. `request_id` must be another one each time.
    pub(super) async fn serve(self, event: &Value, function_arn: &str, request_id: &str) -> Result<Served, LabError> {
        let (answers, mut answered) = mpsc::channel(1);
        let session = Arc::new(Session {
            event: event.to_string().into(),
            function_arn: function_arn.to_owned(),
            request_id: request_id.to_owned(),
            ready_at: OnceLock::new(),
            answers,
        });
        // Dropped with this function, and the connections with it.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let (stream, _) = accepted.map_err(failed())?;
                    // As on a fast network: the answer to a small request is not held back.
                    stream.set_nodelay(true).map_err(failed())?;
                    let session = Arc::clone(&session);
                    let service = service_fn(move |request| respond(request, Arc::clone(&session)));
                    connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
                }
                Some((answered_at, answer)) = answered.recv() => {
                    // A process may report that it cannot start before it ever asks for an event.
                    let ready_at = session.ready_at.get().copied().unwrap_or(answered_at);
                    return Ok(Served { ready_at, answered_at, answer });
                }
            }
        }
    }
}

fn failed() -> impl FnOnce(std::io::Error) -> LabError {
    LabError::io("serving the Lambda runtime API")
}

async fn respond(request: Request<Incoming>, session: Arc<Session>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let now = Instant::now();
    let path = request.uri().path().to_owned();
    let mut response = Response::new(Full::default());
    if request.method() == Method::GET && path.ends_with("/runtime/invocation/next") {
        if session.ready_at.set(now).is_err() {
            // There is no second event; the process waits until it is ended, as Lambda's do.
            std::future::pending::<()>().await;
        }
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + FUNCTION_TIMEOUT;
        let headers = [
            ("lambda-runtime-aws-request-id", session.request_id.clone()),
            ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
            ("lambda-runtime-invoked-function-arn", session.function_arn.clone()),
        ];
        for (name, value) in headers {
            // Ids, ARNs and numbers are valid in a header.
            response.headers_mut().extend(value.parse().ok().map(|value| (http::HeaderName::from_static(name), value)));
        }
        *response.body_mut() = Full::new(session.event.clone());
        return Ok(response);
    }
    let is_answer = path.ends_with("/response");
    if request.method() != Method::POST || !(is_answer || path.ends_with("/error")) {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let body = request.into_body().collect().await?.to_bytes();
    let answered_at = Instant::now();
    let text = || String::from_utf8_lossy(&body).into_owned();
    let answer = if is_answer { serde_json::from_slice(&body).map_err(|_| text()) } else { Err(text()) };
    // The first answer counts: nobody waits for another one.
    let _ = session.answers.try_send((answered_at, answer));
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    use serde_json::json;

    /// Asks for an event and posts its answer, as a runtime does.
    async fn answer_with(address: SocketAddr, kind: &str, body: &'static str) -> (Value, String) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let base = format!("http://{address}/2018-06-01/runtime/invocation");
        let next = client.get(format!("{base}/next").parse().unwrap()).await.unwrap();
        let id = next.headers()["lambda-runtime-aws-request-id"].to_str().unwrap().to_owned();
        let event = serde_json::from_slice(&next.into_body().collect().await.unwrap().to_bytes()).unwrap();
        let post = Request::post(format!("{base}/{id}/{kind}")).body(Full::from(body)).unwrap();
        assert_eq!(client.request(post).await.unwrap().status(), StatusCode::ACCEPTED);
        (event, id)
    }

    #[tokio::test]
    async fn an_event_goes_out_and_its_answer_comes_back_with_both_times() {
        let api = RuntimeApi::listen().await.unwrap();
        let address = api.address();
        let runtime = tokio::spawn(answer_with(address, "response", r#"{"next":"Bake"}"#));
        let begun = Instant::now();
        let served = api.serve(&json!({"release": "r-1"}), "arn:f", "request-1").await.unwrap();
        assert_eq!(served.answer, Ok(json!({"next": "Bake"})));
        assert!(begun <= served.ready_at && served.ready_at <= served.answered_at);
        // The process may be ended before it has read that its answer was accepted.
        if let Ok((event, id)) = runtime.await {
            assert_eq!((event, id.as_str()), (json!({"release": "r-1"}), "request-1"));
        }
    }

    #[tokio::test]
    async fn an_error_of_the_function_is_its_answer() {
        let api = RuntimeApi::listen().await.unwrap();
        let runtime = tokio::spawn(answer_with(api.address(), "error", r#"{"errorType":"Teal.RouteChanged"}"#));
        let served = api.serve(&json!({}), "arn:f", "request-1").await.unwrap();
        assert!(served.answer.unwrap_err().contains("Teal.RouteChanged"));
        runtime.abort();
    }
}
