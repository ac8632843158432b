//! HTTP/1.1 connections to one address.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpStream;

type Sender = SendRequest<Empty<Bytes>>;

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// When its last byte had arrived.
    pub(super) complete_at: Instant,
}

/// The idle connections to one address; the most recently used one is taken first.
#[derive(Debug)]
pub(super) struct Pool {
    address: SocketAddr,
    keep_alive: bool,
    idle: Mutex<Vec<Sender>>,
}

impl Pool {
    /// Without `keep_alive` every request gets a connection of its own.
    pub(super) fn new(address: SocketAddr, keep_alive: bool) -> Self {
        Self { address, keep_alive, idle: Mutex::new(Vec::new()) }
    }

    /// Sends one request and reads the whole answer; `None` if the connection failed or broke.
    ///
    /// A kept-alive connection that the server has closed meanwhile refuses the request before it is sent; it then
    /// goes over another one, as in every HTTP client. A request that was sent is never sent twice.
    pub(super) async fn send(&self, request: &Request<()>) -> Option<Answer> {
        loop {
            let (mut sender, is_reused) = match self.take_idle() {
                Some(sender) => (sender, true),
                None => (connect(self.address).await?, false),
            };
            let (parts, ()) = request.clone().into_parts();
            let response = match sender.send_request(Request::from_parts(parts, Empty::new())).await {
                Ok(response) => response,
                Err(error) if is_reused && error.is_canceled() => continue,
                Err(_) => return None,
            };
            let (head, body) = response.into_parts();
            body.collect().await.ok()?;
            let complete_at = Instant::now();
            if self.keep_alive && sender.ready().await.is_ok() {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
            }
            return Some(Answer { status: head.status, headers: head.headers, complete_at });
        }
    }

    fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(Sender::is_ready)
    }
}

async fn connect(address: SocketAddr) -> Option<Sender> {
    let stream = TcpStream::connect(address).await.ok()?;
    // Without this, small requests may wait for the peer's delayed acknowledgement.
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}
