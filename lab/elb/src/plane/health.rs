//! Health checks: real requests or connections at the group's interval on the lab clock.

use super::group::{Group, Target};
use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use teal_lab_wire::LabClock;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// How a group's targets are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `None` for the port that the target gets its traffic on.
    pub(crate) port: Option<u16>,
    pub(crate) probe: Probe,
    /// Lab time.
    pub(crate) interval: Duration,
    /// Lab time.
    pub(crate) timeout: Duration,
    pub(crate) healthy_threshold: u32,
    pub(crate) unhealthy_threshold: u32,
}

/// What a target has to do to pass a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Accept a connection.
    Tcp,
    /// Answer a GET of `path` with a status in one of the ranges.
    Http { path: String, codes: Vec<(u16, u16)> },
}

/// Why a check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// `Target.ResponseCodeMismatch`
    Code(u16),
    /// `Target.Timeout`
    Timeout,
    /// `Target.FailedHealthChecks`: no connection, or no valid answer.
    Connection,
}

/// An answer takes real time however fast the lab clock runs, so a scaled timeout is never shorter than this.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Between registration and the first check.
const REGISTRATION: Duration = Duration::from_secs(1);

/// Checks a target again and again, until the task is aborted.
pub(crate) async fn check(group: Arc<Group>, target: Arc<Target>, clock: LabClock) {
    clock.sleep(REGISTRATION).await;
    loop {
        let started = Instant::now();
        let settings = group.policy().health_check.clone();
        group.checking(&target);
        let limit = clock.real(settings.timeout).max(settings.timeout.min(SHORTEST_TIMEOUT));
        let mut address = target.address.address;
        address.set_port(settings.port.unwrap_or(address.port()));
        let result = timeout(limit, settings.probe.run(address)).await.unwrap_or(Err(Failure::Timeout));
        group.checked(&target, result);
        sleep_until(started + clock.real(settings.interval)).await;
    }
}

impl Probe {
    async fn run(&self, address: SocketAddr) -> Result<(), Failure> {
        match self {
            Self::Tcp => TcpStream::connect(address).await.map(drop).map_err(|_| Failure::Connection),
            Self::Http { path, codes } => match status(address, path).await {
                None => Err(Failure::Connection),
                Some(code) if codes.iter().any(|(from, to)| (*from..=*to).contains(&code)) => Ok(()),
                Some(code) => Err(Failure::Code(code)),
            },
        }
    }
}

/// The status of one GET on a connection of its own, once its body is read too; `None` if there is no valid answer.
async fn status(address: SocketAddr, path: &str) -> Option<u16> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(HOST, address.to_string())
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let exchange = async move {
        let mut answer = sender.send_request(request).await.ok()?;
        while let Some(frame) = answer.body_mut().frame().await {
            frame.ok()?;
        }
        Some(answer.status().as_u16())
    };
    // How the connection ends does not matter once the answer is complete.
    let (status, _) = tokio::join!(exchange, connection);
    status
}
