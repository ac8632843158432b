//! One task's process, from start to end.

use crate::scheduler::Fleet;
use crate::state::{Control, Ending, TaskStatus};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long a process may take to print its line. Real time.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How often to ask whether a target has drained. Real time.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// How long to wait for the last words of a process that has ended. Real time.
const LAST_WORDS_PATIENCE: Duration = Duration::from_millis(200);

/// What to run.
pub(super) struct Launch {
    pub(super) task: String,
    pub(super) environment: Vec<(String, String)>,
    /// Log group and stream of what it prints, where its container logs.
    pub(super) log: Option<(String, String)>,
    /// Lab time between SIGTERM and SIGKILL.
    pub(super) stop_timeout: Duration,
    pub(super) control: watch::Receiver<Control>,
}

/// Counts a supervisor as alive.
struct Alive(Arc<Fleet>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.supervisors.send_modify(|alive| *alive -= 1);
    }
}

/// Starts the process of a task and looks after it until it is gone.
pub(super) fn launch(fleet: &Arc<Fleet>, launch: Launch) {
    fleet.supervisors.send_modify(|alive| *alive += 1);
    let alive = Alive(Arc::clone(fleet));
    tokio::spawn(async move {
        let fleet = Arc::clone(&alive.0);
        let (exit, ending) = supervise(&fleet, &launch).await;
        let exit_code = exit.and_then(|exit| exit.code().or_else(|| exit.signal().map(|signal| 128 + signal)));
        fleet.task_has_ended(&launch.task, exit_code, ending);
    });
}

/// Gives the exit status, if there was a process, and why the task ended if nobody had asked for it.
async fn supervise(fleet: &Fleet, launch: &Launch) -> (Option<ExitStatus>, Ending) {
    let mut child = match spawn(fleet, launch) {
        Ok(child) => child,
        Err(problem) => return (None, failed_to_start(format!("CannotStartContainerError: {problem}"))),
    };
    fleet.set_pid(&launch.task, child.id());
    // Held open: the process ends when this end of the pipe closes, even if the lab is killed.
    let lifeline = child.stdin.take();
    let last_words = child.stderr.take().map(|stderr| tokio::spawn(last_line(stderr)));
    let listening = listening(&mut child, log(fleet, launch));
    let mut control = launch.control.clone();
    let mut stopping = fleet.stopping();

    let up = tokio::select! {
        address = tokio::time::timeout(START_PATIENCE, listening) => {
            address.unwrap_or_else(|_| Err("it did not say in time where it listens".to_owned()))
        }
        _ = control.wait_for(|control| *control != Control::Run) => Err("stopped before it was up".to_owned()),
        _ = stopping.wait_for(|stopping| *stopping) => Err("the lab ends".to_owned()),
    };
    let mut ending = match up {
        Ok(address) => {
            fleet.task_is_up(&launch.task, address);
            run(fleet, launch, &mut child).await;
            Ending { code: "EssentialContainerExited", reason: "Essential container in task exited".to_owned() }
        }
        Err(problem) => failed_to_start(format!("Task failed to start: {problem}")),
    };
    // Does nothing to a process that has ended. An error would mean that it is gone.
    let _ = child.start_kill();
    let exit = child.wait().await.ok();
    drop(lifeline);
    if let Some(last_words) = last_words
        && let Ok(Ok(Some(line))) = tokio::time::timeout(LAST_WORDS_PATIENCE, last_words).await
    {
        ending.reason = format!("{}: {line}", ending.reason);
    }
    (exit, ending)
}

fn failed_to_start(reason: String) -> Ending {
    Ending { code: "TaskFailedToStart", reason }
}

fn spawn(fleet: &Fleet, launch: &Launch) -> std::io::Result<Child> {
    Command::new(&fleet.options.task_binary)
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in the lab's terminal is the lab's to handle: it ends tasks in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// What becomes of a line that a task prints.
type LineTaker = Box<dyn Fn(&str) + Send>;

/// Takes a task's lines to its log, if it has one.
fn log(fleet: &Fleet, launch: &Launch) -> LineTaker {
    match (&fleet.options.logs, launch.log.clone()) {
        (Some(logs), Some((group, stream))) => {
            let logs = Arc::clone(logs);
            logs.create_group(&group);
            Box::new(move |line| logs.write(&group, &stream, line))
        }
        _ => Box::new(|_| {}),
    }
}

/// Reads the line that says where the process listens; what it prints from then on goes to its log.
fn listening(child: &mut Child, log: LineTaker) -> impl Future<Output = Result<SocketAddr, String>> + use<> {
    #[derive(Deserialize)]
    struct Hello {
        listening: SocketAddr,
    }
    let stdout = child.stdout.take();
    async move {
        let mut stdout = BufReader::new(stdout.ok_or("it has no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line).await.map_err(|problem| problem.to_string())?;
        if line.is_empty() {
            return Err("it ended before it said where it listens".to_owned());
        }
        let hello: Hello = serde_json::from_str(&line)
            .map_err(|problem| format!("its first line does not say where it listens ({problem})"))?;
        tokio::spawn(async move {
            let mut lines = stdout.lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log(&line);
            }
        });
        Ok(hello.listening)
    }
}

/// A running task until its process is to be killed or has ended.
async fn run(fleet: &Fleet, launch: &Launch, child: &mut Child) {
    let mut control = launch.control.clone();
    let mut stopping = fleet.stopping();
    let asked = tokio::select! {
        _ = child.wait() => None,
        asked = control.wait_for(|control| *control != Control::Run) => asked.ok().map(|asked| *asked),
        _ = stopping.wait_for(|stopping| *stopping) => return,
    };
    if asked != Some(Control::Stop) {
        // Gone, or about to be: targets are taken out at once, but requests under way are lost.
        let _ = child.start_kill();
        fleet.deregister(&launch.task);
        return;
    }
    fleet.deregister(&launch.task);
    fleet.set_status(&launch.task, TaskStatus::Deactivating);
    let orderly = async {
        while fleet.is_draining(&launch.task) {
            tokio::time::sleep(DRAIN_POLL).await;
        }
        fleet.set_status(&launch.task, TaskStatus::Stopping);
        terminate(child.id());
        // An error means that there is nothing to wait for.
        let _ = tokio::time::timeout(fleet.clock.real(launch.stop_timeout), child.wait()).await;
    };
    tokio::select! {
        () = orderly => {}
        _ = control.wait_for(|control| *control == Control::Kill) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

/// Sends SIGTERM. The process has not been waited for, so that its id is still its own.
fn terminate(pid: Option<u32>) {
    if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid.cast_signed())) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// The last line a process writes, once it has closed the stream.
async fn last_line(stream: impl AsyncRead + Unpin) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let mut last = None;
    while let Ok(Some(line)) = lines.next_line().await {
        last = Some(line);
    }
    last
}
