//! HTTP/1.1 with the behaviour of the phase that applies, over connections and as datagrams.

mod datagrams;

use crate::draw::Draws;
use crate::flags::Flags;
use crate::{Behaviour, Health, LabTime, LogLine, Phase, Settings, Until};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, InvalidHeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpStream, UdpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

const BACKLOG: u32 = 1024;
/// How long to wait before accepting again when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Why the service could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    #[error("TEAL_DEMO_VERSION or TEAL_LAB_TASK cannot be sent as a header: {0}")]
    Header(#[from] InvalidHeaderValue),
}

/// What becomes of a request without an answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    /// Its connection is to be closed, as by a process that crashed.
    #[error("the behaviour drops this request")]
    Dropped,
    /// Its connection is to be kept open.
    #[error("the behaviour lets this request hang")]
    Hanging,
}

/// What a version answers, or one of the two that a flag decides between.
struct Variant {
    behaviour: Behaviour,
    version: String,
    version_header: HeaderValue,
    /// What metrics call it, where a flag decides.
    name: Option<&'static str>,
}

struct Service {
    usual: Variant,
    /// What those get for whom the flag is on.
    flagged: Option<(Flags, Variant)>,
    clock: LabTime,
    task: String,
    service: String,
    task_header: HeaderValue,
    seed: u64,
    requests: AtomicU64,
    no_phase: Phase,
}

/// Binds, prints the address as one JSON line, serves until SIGTERM, and lets requests under way finish.
///
/// Ends the process when standard input closes or a phase with `exit` begins.
///
/// # Errors
/// If the address cannot be bound, or version or task cannot be sent as a header.
pub async fn serve(settings: Settings) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let (socket, datagrams) = datagrams::bind(settings.listen)?;
    let service = Arc::new(Service::new(settings)?);
    let address = socket.local_addr()?;
    end_when_standard_input_closes();
    service.end_at_the_exit_phase();
    service.poll_the_flag();

    let start = service.usual.behaviour.start;
    let delay = service.clock.real_until(None, start.delay);
    let listener = if start.until == Until::Refuse && !delay.is_zero() {
        // Bound but not listening: the kernel refuses connections.
        service.announce(address)?;
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            _ = terminate.recv() => return Ok(()),
        }
        datagrams::lose(&datagrams);
        socket.listen(BACKLOG)?
    } else {
        let listener = socket.listen(BACKLOG)?;
        service.announce(address)?;
        listener
    };

    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let datagrams = UdpSocket::from_std(datagrams)?;
    connections.spawn(datagrams::serve(Arc::clone(&service), datagrams, stopping.clone()));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(Arc::clone(&service), stream, stopping.clone()));
                }
                // A connection that was reset while it waited, or no descriptors left: neither ends the service.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
            _ = terminate.recv() => break,
        }
    }
    drop(listener);
    drop(stop);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn serve_connection(service: Arc<Service>, stream: TcpStream, mut stopping: watch::Receiver<()>) {
    // Only costs latency if it cannot be set.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move {
            match service.answer(request).await {
                Err(Unanswered::Hanging) => std::future::pending().await,
                answer => answer,
            }
        }
    });
    let mut connection =
        pin!(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    tokio::select! {
        // An error is a client that went away or a request that was dropped on purpose.
        _ = connection.as_mut() => {}
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

impl Service {
    fn new(settings: Settings) -> Result<Self, InvalidHeaderValue> {
        let usual = Variant {
            version_header: HeaderValue::from_str(&settings.version)?,
            version: settings.version,
            behaviour: settings.behaviour,
            name: settings.flag.as_ref().map(|_| "off"),
        };
        let flagged = match settings.flag {
            None => None,
            Some(flag) => {
                let version_header = HeaderValue::from_str(&flag.version)?;
                let (version, behaviour) = (flag.version.clone(), flag.behaviour.clone());
                Some((Flags::new(flag), Variant { behaviour, version, version_header, name: Some("on") }))
            }
        };
        Ok(Self {
            task_header: HeaderValue::from_str(&settings.task)?,
            // Far apart for neighbouring task numbers, so that tasks of one version do not fail in step.
            seed: usual.behaviour.seed.wrapping_add(settings.task_number << 32),
            usual,
            flagged,
            clock: settings.clock,
            task: settings.task,
            service: settings.service,
            requests: AtomicU64::new(0),
            no_phase: Phase::default(),
        })
    }

    fn announce(&self, address: SocketAddr) -> io::Result<()> {
        let line = serde_json::json!({
            "listening": address.to_string(),
            "version": self.usual.version,
            "pid": std::process::id(),
        });
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn end_at_the_exit_phase(self: &Arc<Self>) {
        let behaviour = &self.usual.behaviour;
        let elapsed = self.clock.elapsed(behaviour.since);
        if let Some((after, status)) = behaviour.next_exit(elapsed) {
            let wait = self.clock.real_until(behaviour.since, after);
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                eprintln!("the behaviour's exit phase began");
                std::process::exit(i32::from(status));
            });
        }
    }

    fn poll_the_flag(self: &Arc<Self>) {
        if self.flagged.is_some() {
            let service = Arc::clone(self);
            tokio::spawn(async move {
                if let Some((flags, _)) = &service.flagged {
                    flags.poll(service.clock).await;
                }
            });
        }
    }

    /// What answers a user.
    fn variant_for(&self, request: &Request<Incoming>) -> &Variant {
        let user = request.headers().get("x-user").and_then(|user| user.to_str().ok()).unwrap_or_default();
        match &self.flagged {
            Some((flags, variant)) if flags.is_on(user) => variant,
            _ => &self.usual,
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Unanswered> {
        let variant = if request.uri().path() == "/health" { &self.usual } else { self.variant_for(&request) };
        let start = self.usual.behaviour.start;
        if start.until == Until::Unavailable && self.clock.elapsed(None) < start.delay {
            return Ok(variant.response(self, StatusCode::SERVICE_UNAVAILABLE, "text/plain", "starting\n"));
        }
        let elapsed = self.clock.elapsed(variant.behaviour.since);
        let phase = variant.behaviour.phase_at(elapsed).unwrap_or(&self.no_phase);
        if request.uri().path() == "/health" {
            return Ok(match phase.health {
                Health::Passing => variant.response(self, StatusCode::OK, "text/plain", "ok\n"),
                Health::Failing => variant.response(self, StatusCode::SERVICE_UNAVAILABLE, "text/plain", "failing\n"),
                Health::Hanging => return Err(Unanswered::Hanging),
            });
        }
        // Read to its end, or the connection could not be kept alive.
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|_| Unanswered::Dropped)?;
        }
        self.answer_in(variant, phase).await
    }

    fn log(&self, variant: &Variant, line: &LogLine, request: u64) {
        let message = line.message.replace('#', &request.to_string());
        let line = serde_json::json!({
            "level": line.level,
            "service": self.service,
            "version": variant.version,
            "request": format!("{}-{request}", self.task),
            "message": message,
        });
        // Nobody may be listening any more.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// One request's metrics, embedded in a line of the log.
    fn count(&self, variant: &Variant, fails: bool) {
        let Some(namespace) = &variant.behaviour.metrics else { return };
        let dimensions: &[[&str; 1]] =
            if variant.name.is_some() { &[["Service"], ["Variant"]] } else { &[["Service"]] };
        let line = serde_json::json!({
            "_aws": {
                "Timestamp": self.clock.now_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": dimensions,
                    "Metrics": [{"Name": "Requests"}, {"Name": "Failures"}],
                }],
            },
            "Service": self.service,
            "Variant": variant.name,
            "Requests": 1,
            "Failures": u8::from(fails),
        });
        // Nobody may be listening any more.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    async fn answer_in(&self, variant: &Variant, phase: &Phase) -> Result<Response<Full<Bytes>>, Unanswered> {
        // The first request is number 1.
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut draws = Draws::new(self.seed, number);
        // Always the same draws in the same order: a rate that changes leaves the others as they were.
        let (fails, hangs) = (draws.happens(phase.error_rate), draws.happens(phase.hang_rate));
        let latency = draws.latency(phase.latency);
        for line in phase.logs.iter().filter(|line| draws.happens(line.rate)) {
            self.log(variant, line, number);
        }
        let drops = phase.drop_every.is_some_and(|every| number % every == 0);
        self.count(variant, fails || hangs || drops);
        if drops {
            return Err(Unanswered::Dropped);
        }
        if hangs {
            return Err(Unanswered::Hanging);
        }
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let status = if fails { StatusCode::from_u16(phase.error_status) } else { Ok(StatusCode::OK) };
        let body = serde_json::json!({"version": variant.version, "task": self.task, "request": number, "ok": !fails});
        // The status was checked when the settings were read.
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Ok(variant.response(self, status, "application/json", format!("{body}\n")))
    }
}

impl Variant {
    fn response(
        &self,
        service: &Service,
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(HeaderName::from_static("x-version"), self.version_header.clone());
        headers.insert(HeaderName::from_static("x-task"), service.task_header.clone());
        response
    }
}

/// A thread of its own: reading standard input blocks, and must not keep the runtime from ending.
fn end_when_standard_input_closes() {
    std::thread::spawn(|| {
        let mut scratch = [0; 64];
        let mut input = io::stdin().lock();
        while input.read(&mut scratch).is_ok_and(|read| read > 0) {}
        std::process::exit(0);
    });
}
