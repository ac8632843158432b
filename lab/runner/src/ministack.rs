//! ministack as a child process: started on a free loopback port, watched, and always ended with everything it started.

use crate::{LabError, Progress};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};

/// Runs ministack until standard input ends, then ends the whole process group: the function processes it started
/// are in it. So nothing is left even when the lab itself is killed.
const MAIN: &str = "
import os, signal, sys, threading

def end_with_the_lab():
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=end_with_the_lab, daemon=True).start()
from ministack.app import main
main()
";

/// What Teal's stack needs; the other emulated services stay off.
const SERVICES: &str =
    "appconfig,cloudformation,cloudwatch,dynamodb,events,iam,kms,lambda,logs,s3,scheduler,sns,sqs,ssm,states,sts";

/// How long Lambda waits before it tries an asynchronous invocation again; twice as long before the third and last try.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const ASYNC_RETRY: Duration = Duration::from_secs(60);

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What ministack and the functions in it are to be told.
#[derive(Clone, Debug)]
pub(crate) struct MinistackOptions {
    /// Where it is to listen: a loopback address.
    pub address: SocketAddr,
    /// The virtual environment's Python.
    pub python: PathBuf,
    /// A directory of its own for everything it writes.
    pub directory: PathBuf,
    /// The one AWS endpoint that functions are given: the gateway.
    pub endpoint: String,
    /// How many lab seconds pass in a real second.
    pub scale: f64,
    /// Further environment variables for ministack, and thereby for every function.
    pub environment: Vec<(String, String)>,
}

/// A running ministack. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Ministack {
    log: PathBuf,
    child: Child,
    // Held open: its end is the signal to stop.
    stdin: Option<ChildStdin>,
}

impl Ministack {
    /// Starts ministack and waits until it is healthy.
    ///
    /// # Errors
    /// If it cannot be started, or is not healthy within a minute; the end of its log is part of the message.
    pub(crate) async fn start(options: &MinistackOptions, progress: &Progress) -> Result<Self, LabError> {
        progress.say("starting ministack");
        let log = options.directory.join("ministack.log");
        let output = File::create(&log).map_err(LabError::io(format!("creating {}", log.display())))?;
        let errors = output.try_clone().map_err(LabError::io("sharing ministack's log"))?;
        let venv = options.python.parent().unwrap_or(Path::new(""));
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(&options.python);
        command
            .args(["-c", MAIN])
            // Functions inherit this environment: nothing of the user's own AWS set-up may be in it.
            .env_clear()
            .env("PATH", format!("{}:{path}", venv.display()))
            .env("HOME", &options.directory)
            .env("TMPDIR", &options.directory)
            .env("BIND_HOST", options.address.ip().to_string())
            .env("GATEWAY_PORT", options.address.port().to_string())
            .env("AUTH", "true")
            .env("AWS_ENDPOINT_URL", &options.endpoint)
            .env("AWS_MAX_ATTEMPTS", "3")
            .env("SERVICES", SERVICES)
            .env("SFN_WAIT_SCALE", format!("{}", 1.0 / options.scale))
            .env("LAMBDA_ASYNC_RETRY_BASE_SECONDS", format!("{}", ASYNC_RETRY.as_secs_f64() / options.scale))
            .env("LAMBDA_ASYNC_RETRY_MAX_SECONDS", format!("{}", 2.0 * ASYNC_RETRY.as_secs_f64() / options.scale))
            .envs(options.environment.iter().cloned())
            .current_dir(&options.directory)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(LabError::io("starting ministack"))?;
        let stdin = child.stdin.take();
        let mut ministack = Self { log, child, stdin };
        ministack.wait_until_healthy(options.address).await?;
        Ok(ministack)
    }

    /// Ends ministack and every function process, and waits for that.
    pub(crate) async fn stop(&mut self) {
        drop(self.stdin.take());
        let patience = Duration::from_secs(5);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            // It did not notice: the process itself at least can be ended by its handle. An error here means that
            // it is gone already.
            let _ = self.child.kill().await;
        }
    }

    async fn wait_until_healthy(&mut self, address: SocketAddr) -> Result<(), LabError> {
        let begun = Instant::now();
        while begun.elapsed() < START_TIMEOUT {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(LabError::Program {
                    program: "ministack".into(),
                    output: format!("{status}\n{}", self.end_of_log()),
                });
            }
            if answers_ok(address).await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(LabError::Timeout {
            what: "ministack becoming healthy".into(),
            seconds: START_TIMEOUT.as_secs(),
            detail: format!("\n{}", self.end_of_log()),
        })
    }

    fn end_of_log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// A loopback address whose port was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr, LabError> {
    let find = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    find().map_err(LabError::io("finding a free port"))
}

async fn answers_ok(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(b"GET /_ministack/health HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\r\n").await.ok()?;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.ok()?;
        Some(&start == b"HTTP/1.1 200")
    };
    tokio::time::timeout(Duration::from_secs(1), ask).await.ok().flatten().unwrap_or(false)
}
