//! One event in a new process.

use super::memory::peak_memory;
use super::runtime_api::RuntimeApi;
use crate::LabError;
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How long a process may take, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is started.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

/// What one start took.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColdStart {
    /// From starting the process until it asked for its first event: Lambda's init phase, without what Lambda itself does.
    pub(super) ready: Duration,
    /// From starting the process until its first answer.
    pub(super) answered: Duration,
    /// The most memory that it had resident at once.
    pub(super) peak_bytes: u64,
}

/// Starts the program as Lambda starts a custom runtime, gives it the event, and ends it when it has answered.
pub(super) async fn cold_start(
    program: &Program,
    environment: &[(String, String)],
    event: &Value,
    function_arn: &str,
    request_id: &str,
) -> Result<(ColdStart, Value), LabError> {
    let name = program.path.display().to_string();
    let api = RuntimeApi::listen().await?;
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let started = Instant::now();
    let mut child = command.spawn().map_err(LabError::io(format!("starting {name}")))?;
    let served = tokio::select! {
        served = api.serve(event, function_arn, request_id) => served?,
        ended = child.wait() => {
            let output = format!("it ended without an answer: {ended:?}");
            return Err(LabError::Program { program: name, output });
        }
        () = tokio::time::sleep(PATIENCE) => {
            let seconds = PATIENCE.as_secs();
            return Err(LabError::Timeout { what: format!("an answer of {name}"), seconds, detail: String::new() });
        }
    };
    let peak_bytes = child.id().and_then(peak_memory).unwrap_or_default();
    child.kill().await.map_err(LabError::io(format!("ending {name}")))?;
    let answer = served.answer.map_err(|output| LabError::Program { program: name, output })?;
    let ready = served.ready_at.duration_since(started);
    Ok((ColdStart { ready, answered: served.answered_at.duration_since(started), peak_bytes }, answer))
}
