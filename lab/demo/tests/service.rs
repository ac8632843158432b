//! The real binary over real connections and with real datagrams.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

struct Demo {
    process: Child,
    stdin: Option<ChildStdin>,
    address: SocketAddr,
}

fn command(environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teal-lab-demo"));
    command.env_clear().envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Demo {
    fn start(behaviour: &Value, environment: &[(&str, &str)]) -> Self {
        let behaviour = behaviour.to_string();
        let mut command = command(environment);
        let mut process = command.env("TEAL_DEMO_BEHAVIOUR", behaviour).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let hello: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(hello["pid"], process.id());
        let address = hello["listening"].as_str().unwrap().parse().unwrap();
        let stdin = process.stdin.take();
        Self { process, stdin, address }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection(BufReader::new(stream))
    }

    fn get(&self, path: &str) -> Answer {
        self.connect().get(path).unwrap()
    }

    /// A socket that sends datagrams to the service.
    fn flow(&self) -> Flow {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Flow(socket)
    }

    fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Connection(BufReader<TcpStream>);

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Connection {
    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// `None` if the connection was closed without an answer.
    fn answer(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match self.0.read_line(&mut head) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(problem) if problem.kind() == ErrorKind::ConnectionReset => return None,
                Err(problem) => panic!("{problem}"),
            }
        }
        let field = |name: &str| {
            head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let length = field("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        let status = head[9..12].parse().unwrap();
        Some(Answer { status, body: String::from_utf8(body).unwrap(), head })
    }

    fn get(&mut self, path: &str) -> Option<Answer> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: demo\r\n\r\n"));
        self.answer()
    }
}

struct Flow(UdpSocket);

impl Flow {
    fn send(&self, text: &str) {
        self.0.send(text.as_bytes()).unwrap();
    }

    fn ask(&self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: demo\r\n\r\n"));
    }

    /// The next datagram.
    fn answer(&self) -> Answer {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).unwrap();
        let text = str::from_utf8(&buffer[..length]).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer { status: head[9..12].parse().unwrap(), head: format!("{head}\r\n"), body: body.to_owned() }
    }
}

impl Answer {
    /// The number of the request that this answers.
    fn number(&self) -> u64 {
        serde_json::from_str::<Value>(&self.body).unwrap()["request"].as_u64().unwrap()
    }
}

/// A `since` so long ago that a phase from five minutes on has begun.
fn ten_minutes_ago() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 - 600_000
}

#[test]
fn answers_name_version_and_task() {
    let demo = Demo::start(&json!({}), &[("TEAL_DEMO_VERSION", "2.4.0"), ("TEAL_LAB_TASK", "t-1")]);
    let mut connection = demo.connect();
    for number in 1..=3 {
        let answer = connection.get("/checkout").unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("x-version: 2.4.0\r\n") && answer.head.contains("x-task: t-1\r\n"), "{answer:?}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body, json!({"version": "2.4.0", "task": "t-1", "request": number, "ok": true}));
    }
    assert_eq!(demo.get("/health").body, "ok\n");
}

#[test]
fn errors_leave_the_health_endpoint_alone() {
    let demo = Demo::start(&json!({"phases": [{"errorRate": 1, "errorStatus": 502}]}), &[]);
    assert_eq!(demo.get("/").status, 502);
    assert_eq!(demo.get("/health").status, 200);
}

#[test]
fn a_failing_health_endpoint_leaves_requests_alone() {
    let demo = Demo::start(&json!({"phases": [{"health": "failing"}]}), &[]);
    assert_eq!(demo.get("/").status, 200);
    assert_eq!(demo.get("/health").status, 503);
}

#[test]
fn every_third_request_gets_no_answer() {
    let demo = Demo::start(&json!({"phases": [{"dropEvery": 3}]}), &[]);
    let answered: Vec<bool> = (0..6).map(|_| demo.connect().get("/").is_some()).collect();
    assert_eq!(answered, [true, true, false, true, true, false]);
}

#[test]
fn an_answer_takes_as_long_as_the_phase_says() {
    let demo = Demo::start(&json!({"phases": [{"latency": {"constant": "80ms"}}]}), &[("TEAL_LAB_CLOCK", "0:50")]);
    let started = std::time::Instant::now();
    demo.get("/");
    assert!(started.elapsed() >= Duration::from_millis(80), "latency is real, not lab time");
}

#[test]
fn phases_follow_the_lab_clock() {
    let since = ten_minutes_ago();
    let demo = Demo::start(&json!({"since": since, "phases": [{"from": "5m", "errorRate": 1}]}), &[]);
    assert_eq!(demo.get("/").status, 500);
    // At scale 60 the same ten minutes since the origin are ten hours.
    let clock = format!("{since}:60");
    let phases = json!([{"from": "5m", "errorRate": 1}, {"from": "9h", "errorRate": 1, "errorStatus": 504}]);
    let demo = Demo::start(&json!({"since": since, "phases": phases}), &[("TEAL_LAB_CLOCK", &clock)]);
    assert_eq!(demo.get("/").status, 504);
}

#[test]
fn a_slow_start_refuses_connections() {
    let demo = Demo::start(&json!({"start": {"delay": "1h"}}), &[]);
    let refused = TcpStream::connect(demo.address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let demo = Demo::start(&json!({"since": ten_minutes_ago(), "start": {"delay": "5m"}}), &[]);
    assert!(TcpStream::connect(demo.address).is_err(), "the delay counts from the start of the process");

    let demo = Demo::start(&json!({"start": {"delay": "200ms"}}), &[]);
    let deadline = std::time::Instant::now() + PATIENCE;
    while TcpStream::connect(demo.address).is_err() {
        assert!(std::time::Instant::now() < deadline, "the delay is over, but the service does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_slow_start_can_answer_503_everywhere() {
    let demo = Demo::start(&json!({"start": {"delay": "1h", "until": "unavailable"}}), &[]);
    assert_eq!((demo.get("/").status, demo.get("/health").status), (503, 503));
}

#[test]
fn the_exit_phase_ends_the_process_with_its_status() {
    let mut demo = Demo::start(&json!({"since": ten_minutes_ago(), "phases": [{"from": "5m", "exit": 3}]}), &[]);
    assert_eq!(demo.wait().code(), Some(3));
}

#[test]
fn it_does_not_outlive_its_standard_input() {
    let mut demo = Demo::start(&json!({}), &[]);
    drop(demo.stdin.take());
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn on_sigterm_a_request_under_way_is_answered_and_new_ones_are_refused() {
    let mut demo = Demo::start(&json!({}), &[]);
    let mut connection = demo.connect();
    connection.send("POST / HTTP/1.1\r\nHost: demo\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    // The service asks for the body: it is inside the request now.
    assert_eq!(connection.answer().map(|interim| interim.status), Some(100));

    demo.terminate();
    let deadline = std::time::Instant::now() + PATIENCE;
    while TcpStream::connect(demo.address).is_ok() {
        assert!(std::time::Instant::now() < deadline, "still accepts connections after SIGTERM");
        std::thread::yield_now();
    }
    connection.send("{}");
    assert_eq!(connection.answer().map(|answer| answer.status), Some(200));
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn a_datagram_is_answered_as_a_request_on_a_connection_is() {
    let behaviour = json!({"phases": [{"errorRate": 1, "errorStatus": 502}]});
    let demo = Demo::start(&behaviour, &[("TEAL_DEMO_VERSION", "2.4.0"), ("TEAL_LAB_TASK", "t-1")]);
    let flow = demo.flow();
    flow.ask("/health");
    assert_eq!(flow.answer().body, "ok\n");
    flow.ask("/checkout");
    let answer = flow.answer();
    assert_eq!((answer.status, answer.number()), (502, 1));
    assert!(answer.head.contains("x-version: 2.4.0\r\n") && answer.head.contains("x-task: t-1\r\n"), "{answer:?}");
    assert!(demo.get("/").body.contains(r#""request":2"#), "requests are counted together");
}

#[test]
fn a_datagram_that_is_dropped_hangs_or_is_no_request_gets_no_answer() {
    let demo = Demo::start(&json!({"phases": [{"dropEvery": 3}]}), &[]);
    let flow = demo.flow();
    // The one after each third says that the third was not answered.
    let answered = [1, 1, 2, 1, 2].map(|datagrams| {
        (0..datagrams).for_each(|_| flow.ask("/"));
        flow.answer().number()
    });
    assert_eq!(answered, [1, 2, 4, 5, 7]);

    let demo = Demo::start(&json!({"phases": [{"hangRate": 1}]}), &[]);
    let flow = demo.flow();
    for text in ["GET / HTTP/1.1\r\nHost: demo\r\n\r\n", "GET / HTTP/1.1\r\nHost", ""] {
        flow.send(text);
    }
    flow.ask("/health");
    assert_eq!(flow.answer().body, "ok\n");
}

#[test]
fn on_sigterm_a_datagram_under_way_is_answered_and_one_that_hangs_is_not_waited_for() {
    let mut demo = Demo::start(&json!({"phases": [{"latency": {"constant": "300ms"}}]}), &[]);
    let flow = demo.flow();
    flow.ask("/");
    flow.ask("/health");
    // Datagrams are taken in their order: the one before this is under way.
    assert_eq!(flow.answer().body, "ok\n");
    demo.terminate();
    assert_eq!(flow.answer().number(), 1);
    assert_eq!(demo.wait().code(), Some(0));

    let mut demo = Demo::start(&json!({"phases": [{"hangRate": 1}]}), &[]);
    let flow = demo.flow();
    flow.ask("/");
    flow.ask("/health");
    assert_eq!(flow.answer().status, 200);
    demo.terminate();
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn the_next_version_listens_where_the_last_one_did() {
    let mut first = Demo::start(&json!({}), &[("TEAL_DEMO_VERSION", "1")]);
    // A connection that the service closes keeps its end of it for a while.
    let mut connection = first.connect();
    connection.get("/").unwrap();
    drop(first.stdin.take());
    first.wait();
    let address = first.address.to_string();
    let second = Demo::start(&json!({}), &[("TEAL_DEMO_VERSION", "2"), ("TEAL_DEMO_LISTEN", &address)]);
    assert_eq!(second.address, first.address);
    assert!(second.get("/").head.contains("x-version: 2"));
}

#[test]
fn an_environment_that_cannot_be_understood_is_said_on_standard_error() {
    let mut command = command(&[("TEAL_DEMO_BEHAVIOUR", r#"{"phases": [{"errorRate": 7}]}"#)]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("phases[0]: errorRate is 7"), "{said}");
}
