//! The generator: waits for each due time, sends, and records what came back.

use super::schedule::{Arrivals, Ramp, Schedule};
use super::tally::{Sample, Served, Tally};
use super::way::{LoadProtocol, Way};
use http::header::{COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use teal_lab_wire::LabClock;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// The header in which the demo service names its version.
const VERSION_HEADER: &str = "x-version";

/// The header in which Lambda names the version of a function that was executed. A function that has failed says nothing itself.
const EXECUTED_VERSION_HEADER: &str = "x-amz-executed-version";

/// The header in which a request names its user.
const USER_HEADER: &str = "x-user";

/// What a user is called.
pub(crate) fn user_name(user: u32) -> String {
    format!("user-{user}")
}

/// What to send.
#[derive(Clone, Debug)]
pub(crate) struct LoadOptions {
    /// Where to: requests go to the targets in turn.
    pub targets: Vec<LoadTarget>,
    pub protocol: LoadProtocol,
    pub ramp: Ramp,
    pub arrivals: Arrivals,
    pub seed: u64,
    /// How many users with a cookie jar of their own send the requests, in turn; 0 for users who keep no cookies.
    pub sessions: usize,
    /// How many users name themselves in `x-user` (`user-0` and so on), in no order; 0 for requests that name nobody.
    pub users: u32,
    /// How long a user stays before another one comes in their place (real time); for good without a duration.
    pub session_life: Option<Duration>,
    /// Whether connections serve one request after another.
    pub keep_alive: bool,
    /// At most so many requests are under way at once; those above wait, and their latency counts the wait.
    pub max_in_flight: usize,
    /// A request without a complete answer after this real time has failed.
    pub timeout: Duration,
}

/// One place requests are sent to.
#[derive(Clone, Debug)]
pub(crate) struct LoadTarget {
    pub address: SocketAddr,
    /// The Host header.
    pub host: String,
    /// Path and query.
    pub path: String,
}

/// A running load. Dropping it stops sending at once.
#[derive(Debug)]
pub(crate) struct Load {
    tally: Tally,
    stop: watch::Sender<bool>,
    generator: JoinHandle<()>,
}

impl Load {
    /// Starts sending now; due times count from here.
    #[must_use]
    pub(crate) fn start(options: LoadOptions, clock: LabClock) -> Self {
        let tally = Tally::default();
        let (stop, stopped) = watch::channel(false);
        let generator = Generator {
            schedule: Schedule::new(options.ramp, options.arrivals, options.seed),
            sender: Arc::new(Sender {
                targets: options
                    .targets
                    .into_iter()
                    .map(|target| (Way::to(target.address, options.protocol, options.keep_alive), target))
                    .collect(),
                jars: (0..options.sessions).map(|_| Mutex::default()).collect(),
                users: options.users,
                session_life: options.session_life,
                permits: Semaphore::new(options.max_in_flight.max(1)),
                timeout: options.timeout,
                tally: tally.clone(),
                clock,
            }),
        };
        Self { tally, stop, generator: tokio::spawn(generator.run(stopped)) }
    }

    /// The samples so far; it keeps filling.
    #[must_use]
    pub(crate) fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Stops sending, waits for the answers that are still due, and returns all samples.
    pub(crate) async fn stop(mut self) -> Tally {
        // Fails only if the generator has ended by itself, at the end of its ramp.
        let _ = self.stop.send(true);
        // A panic in the generator would have been printed; the samples up to there are still true.
        let _ = (&mut self.generator).await;
        self.tally.clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.generator.abort();
    }
}

struct Generator {
    schedule: Schedule,
    sender: Arc<Sender>,
}

impl Generator {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let began = Instant::now();
        let mut under_way = JoinSet::new();
        let mut number = 0;
        while let Some(due) = self.schedule.next() {
            let due_at = began + due;
            if due_at > Instant::now() {
                tokio::select! {
                    () = tokio::time::sleep_until(due_at.into()) => {}
                    _ = stopped.wait_for(|stop| *stop) => break,
                }
            } else if *stopped.borrow() {
                break;
            }
            let at = self.sender.clock.millis_at(due_at);
            under_way.spawn(Arc::clone(&self.sender).send(number, due_at, at));
            number += 1;
            // Finished tasks are collected as we go, so that the set stays small.
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    }
}

struct Sender {
    targets: Vec<(Way, LoadTarget)>,
    jars: Vec<Mutex<Jar>>,
    users: u32,
    session_life: Option<Duration>,
    permits: Semaphore,
    timeout: Duration,
    tally: Tally,
    clock: LabClock,
}

/// One user's cookies.
#[derive(Debug, Default)]
struct Jar {
    cookies: Option<HeaderValue>,
    since: Option<Instant>,
}

impl Sender {
    async fn send(self: Arc<Self>, number: usize, due_at: Instant, at: i64) {
        let Some((way, target)) = self.targets.get(number % self.targets.len().max(1)) else { return };
        let jar = if self.jars.is_empty() { None } else { self.jars.get(number % self.jars.len()) };
        let cookies = jar.and_then(|jar| lock(jar).cookies_at(due_at, self.session_life));
        let user = self.user_of(number);
        let Some(request) = request(target, cookies, user) else { return };
        // The semaphore is never closed.
        let Ok(_permit) = self.permits.acquire().await else { return };
        let answer = tokio::time::timeout(self.timeout, way.send(&request, number)).await.ok().flatten();
        let finished = answer.as_ref().map_or_else(Instant::now, |answer| answer.complete_at);
        let (status, served) = match &answer {
            None => (0, Served::Nobody),
            Some(answer) => (answer.status.as_u16(), served_by(&answer.headers)),
        };
        if let (Some(jar), Some(answer)) = (jar, &answer) {
            lock(jar).keep(&answer.headers);
        }
        let latency = finished.saturating_duration_since(due_at).as_micros();
        let latency_micros = u32::try_from(latency).unwrap_or(u32::MAX);
        self.tally.record(Sample { at, latency_micros, status, served, user });
    }

    /// Who sends a request: all users equally often, in an order that has nothing to do with their numbers.
    fn user_of(&self, number: usize) -> Option<u32> {
        let users = u64::from(self.users);
        let mixed = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
        u32::try_from(mixed.checked_rem(users)?).ok()
    }
}

impl Jar {
    /// The cookies to send; a new user has none.
    fn cookies_at(&mut self, now: Instant, life: Option<Duration>) -> Option<HeaderValue> {
        let since = *self.since.get_or_insert(now);
        if life.is_some_and(|life| now.saturating_duration_since(since) > life) {
            *self = Self { cookies: None, since: Some(now) };
        }
        self.cookies.clone()
    }

    /// Keeps the name and value of every cookie of the answer; attributes (expiry, path) do not matter here.
    fn keep(&mut self, headers: &HeaderMap) {
        let lines = headers.get_all(SET_COOKIE).iter();
        let cookies: Vec<_> = lines.filter_map(|line| line.to_str().ok()?.split(';').next()).collect();
        if !cookies.is_empty() {
            self.cookies = HeaderValue::from_str(&cookies.join("; ")).ok();
        }
    }
}

fn lock(jar: &Mutex<Jar>) -> MutexGuard<'_, Jar> {
    jar.lock().unwrap_or_else(PoisonError::into_inner)
}

fn request(target: &LoadTarget, cookies: Option<HeaderValue>, user: Option<u32>) -> Option<Request<()>> {
    let mut request = Request::get(&target.path).header(HOST, &target.host);
    if let Some(cookies) = cookies {
        request = request.header(COOKIE, cookies);
    }
    if let Some(user) = user {
        request = request.header(USER_HEADER, user_name(user));
    }
    request.body(()).ok()
}

fn served_by(headers: &HeaderMap) -> Served {
    let version = headers.get(VERSION_HEADER).or_else(|| headers.get(EXECUTED_VERSION_HEADER));
    match version.and_then(|version| version.to_str().ok()) {
        Some(version) => Served::Version(version.into()),
        None => Served::LoadBalancer,
    }
}

#[cfg(test)]
mod tests {
    use super::super::RampPoint;
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream, UdpSocket};

    /// Answers every request on every connection with the given bytes.
    async fn serve(listener: TcpListener, answer: &'static str) {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer).await {
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    }

    fn options(address: SocketAddr, rate: f64, seconds: f64) -> LoadOptions {
        let end = RampPoint { from: Duration::from_secs_f64(seconds), rate: 0.0 };
        LoadOptions {
            targets: vec![LoadTarget { address, host: "lab".into(), path: "/".into() }],
            protocol: LoadProtocol::Tcp,
            ramp: Ramp::new(vec![RampPoint { from: Duration::ZERO, rate }, end]),
            arrivals: Arrivals::Constant,
            seed: 1,
            sessions: 0,
            users: 0,
            session_life: None,
            keep_alive: true,
            max_in_flight: 64,
            timeout: Duration::from_secs(5),
        }
    }

    #[tokio::test]
    async fn every_due_request_is_sent_and_its_version_and_status_recorded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = "HTTP/1.1 500 Oops\r\nx-version: 2.0\r\ncontent-length: 2\r\n\r\nno";
        let server = tokio::spawn(serve(listener, answer));
        let load = Load::start(options(address, 200.0, 1.0), LabClock::starting_now(10.0));
        let tally = load.tally();
        // The ramp ends by itself: waiting for its end and not stopping it shows that nothing due is left out.
        let mut load = load;
        (&mut load.generator).await.unwrap();
        server.abort();
        let (requests, errors) = tally.counts()[&Served::Version("2.0".into())];
        assert!((199..=200).contains(&requests), "{requests}");
        assert_eq!(requests, errors);
        assert_eq!(tally.counts().len(), 1);
    }

    #[tokio::test]
    async fn latency_counts_from_the_due_time_when_the_server_stalls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // One connection at a time, each request answered after 50 ms: 20 a second where 100 are due.
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer_slowly(stream).await;
            }
        });
        let mut options = options(address, 100.0, 0.5);
        options.max_in_flight = 1;
        let mut load = Load::start(options, LabClock::starting_now(1.0));
        (&mut load.generator).await.unwrap();
        server.abort();
        let slowest = load.tally().with_samples(|samples| samples.iter().map(|s| s.latency_micros).max());
        assert!(slowest > Some(1_500_000), "the last of 50 requests waited for the 49 before it: {slowest:?}");
    }

    async fn answer_slowly(mut stream: TcpStream) {
        let mut buffer = [0; 4096];
        while let Ok(1..) = stream.read(&mut buffer).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                return;
            }
        }
    }

    #[tokio::test]
    async fn an_answer_without_a_version_is_the_load_balancers_and_no_answer_nobodys() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut load = Load::start(options(address, 50.0, 0.1), LabClock::starting_now(1.0));
        (&mut load.generator).await.unwrap();
        let counts = load.tally().counts();
        assert!(counts[&Served::Nobody].1 >= 4, "{counts:?}");
        assert_eq!(served_by(&HeaderMap::new()), Served::LoadBalancer);
    }

    #[tokio::test]
    async fn datagrams_are_answered_in_a_version_and_those_that_are_not_by_nobody() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        // Answers every other request.
        let server = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            for number in 0_u32.. {
                let (_, client) = socket.recv_from(&mut buffer).await.unwrap();
                if number % 2 == 0 {
                    let answer = b"HTTP/1.1 200 OK\r\nx-version: 2.0\r\n\r\n";
                    socket.send_to(answer, client).await.unwrap();
                }
            }
        });
        let timeout = Duration::from_millis(300);
        let options = LoadOptions { protocol: LoadProtocol::Udp, timeout, ..options(address, 100.0, 0.2) };
        let mut load = Load::start(options, LabClock::starting_now(1.0));
        (&mut load.generator).await.unwrap();
        server.abort();
        let counts = load.tally().counts();
        let (answered, unanswered) = (counts[&Served::Version("2.0".into())], counts[&Served::Nobody]);
        assert!(answered.0 >= 9 && answered.1 == 0, "{counts:?}");
        assert!(unanswered.0 >= 9 && unanswered.1 == unanswered.0, "{counts:?}");
        let took = load.tally().with_samples(|samples| {
            samples.iter().filter(|sample| sample.status == 0).map(|sample| sample.latency_micros).min()
        });
        assert!(took >= Some(300_000), "no answer is waited for until the timeout: {took:?}");
    }

    #[test]
    fn a_user_keeps_cookies_until_another_one_comes() {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("AWSALBTG=x; Expires=never; Path=/"));
        headers.append(SET_COOKIE, HeaderValue::from_static("other=y"));
        let (start, life) = (Instant::now(), Some(Duration::from_secs(10)));
        let mut jar = Jar::default();
        assert_eq!(jar.cookies_at(start, life), None);
        jar.keep(&headers);
        jar.keep(&HeaderMap::new());
        assert_eq!(jar.cookies_at(start + Duration::from_secs(9), life).unwrap(), "AWSALBTG=x; other=y");
        assert_eq!(jar.cookies_at(start + Duration::from_secs(11), life), None);
    }
}
