//! The HTTP side.

use crate::Core;
use crate::caller_process::Connection;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use teal_lab_wire::{AwsRequest, accept_each};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinHandle};

#[derive(Debug, Error)]
enum Ended {
    #[error("the request broke off: {0}")]
    Request(#[from] hyper::Error),
    #[error("answering failed: {0}")]
    Answer(#[from] JoinError),
    #[error("an injected fault closes the connection before the answer")]
    LostAnswer,
}

/// Listens on a free port of 127.0.0.1 until the task is aborted; its connections end with it.
pub(crate) async fn start(core: Arc<Core>) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(accept_each(listener, move |stream| serve(stream, Arc::clone(&core))));
    Ok((address, task))
}

async fn serve(stream: TcpStream, core: Arc<Core>) {
    // Small answers are not to wait for more. An error here only costs time.
    let _ = stream.set_nodelay(true);
    let connection = Connection::of(&stream);
    let service = service_fn(move |request| respond(request, connection, Arc::clone(&core)));
    // A connection's end, whatever its reason, is the client's to notice.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    connection: Option<Connection>,
    core: Arc<Core>,
) -> Result<Response<Full<Bytes>>, Ended> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let request = AwsRequest { method: head.method, uri: head.uri, headers: head.headers, body };
    // A task of its own: as on AWS, a call that has arrived takes effect even if its client goes away.
    let answer = tokio::spawn(async move { core.answer(request, connection).await });
    let answer = answer.await?.ok_or(Ended::LostAnswer)?;
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}
