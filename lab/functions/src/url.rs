//! The URL of a function or an alias: each HTTP request is one invocation.
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>

use crate::{EXECUTED_VERSION, Inner, Outcome};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use teal_lab_wire::accept_each;
use tokio::net::{TcpListener, TcpStream};

/// The port of every URL; on AWS it is that of HTTPS. Ports below 1024 are not everybody's to bind.
const PORT: u16 = 8080;

/// How many loopback addresses are tried for a free one.
const TRIES: usize = 8;

/// A function, and the alias of it that is invoked.
pub(crate) type Place = (String, Option<String>);

/// Takes an address of its own, as load balancers of the lab do.
pub(crate) async fn listen() -> io::Result<TcpListener> {
    let octet = || fastrand::u8(1..=254);
    let mut listener = TcpListener::bind((Ipv4Addr::new(127, octet(), octet(), octet()), PORT)).await;
    for _ in 1..TRIES {
        if listener.is_ok() {
            break;
        }
        listener = TcpListener::bind((Ipv4Addr::new(127, octet(), octet(), octet()), PORT)).await;
    }
    listener
}

/// Serves it until the task is aborted; its connections end with it.
pub(crate) async fn serve(listener: TcpListener, inner: Arc<Inner>, place: Place) {
    let place = Arc::new(place);
    accept_each(listener, |stream| connection(stream, Arc::clone(&inner), Arc::clone(&place))).await;
}

async fn connection(stream: TcpStream, inner: Arc<Inner>, place: Arc<Place>) {
    // Small answers are not to wait for more. An error here only costs time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| invoke(request, Arc::clone(&inner), Arc::clone(&place)));
    // A connection's end, whatever its reason, is the client's to notice.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn invoke(
    request: Request<Incoming>,
    inner: Arc<Inner>,
    place: Arc<Place>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let payload = event(&head, &body).to_string().into();
    let (function, qualifier) = &*place;
    Ok(match inner.invoke(function, qualifier.as_deref(), payload).await {
        Ok(invoked) => {
            let mut answer = answer(invoked.outcome);
            if let Ok(version) = HeaderValue::from_str(&invoked.version) {
                answer.headers_mut().insert(EXECUTED_VERSION, version);
            }
            answer
        }
        Err(fault) => with_status(StatusCode::FORBIDDEN, Bytes::from(fault.message)),
    })
}

/// The request as a function gets it: payload format 2.0.
fn event(head: &Parts, body: &Bytes) -> Value {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Map<String, Value> =
        head.headers.iter().map(|(name, value)| (name.to_string(), text(value).into())).collect();
    let path = head.uri.path();
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {"http": {"method": head.method.as_str(), "path": path}},
        "body": String::from_utf8_lossy(body),
        "isBase64Encoded": false,
    })
}

/// What a client gets: of a document with a `statusCode` the answer that it describes, of another one the document itself.
fn answer(outcome: Outcome) -> Response<Full<Bytes>> {
    let Ok(document) = outcome else {
        return with_status(StatusCode::BAD_GATEWAY, Bytes::from_static(b"Internal Server Error"));
    };
    let described: Value = serde_json::from_slice(&document).unwrap_or_default();
    let status = described["statusCode"].as_u64().and_then(|status| StatusCode::from_u16(status.try_into().ok()?).ok());
    let Some(status) = status else {
        let mut answer = with_status(StatusCode::OK, document);
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return answer;
    };
    let body = described["body"].as_str().unwrap_or_default().to_owned();
    let mut answer = with_status(status, Bytes::from(body));
    for (name, value) in described["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

fn with_status(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer
}
