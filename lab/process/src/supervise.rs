//! One process, from start to end.

use crate::{Control, Ending, Launch, LineTaker, Owner, Processes};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// How long a process may take to print its line. Real time.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How often to ask whether a target has drained. Real time.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// How long to wait for the last words of a process that has ended. Real time.
const LAST_WORDS_PATIENCE: Duration = Duration::from_millis(200);

/// Counts a supervisor as alive.
struct Alive<O: Owner>(Arc<O>);

impl<O: Owner> Drop for Alive<O> {
    fn drop(&mut self) {
        self.0.processes().supervisors.send_modify(|alive| *alive -= 1);
    }
}

pub(crate) fn spawn<O: Owner>(owner: &Arc<O>, launch: Launch) {
    owner.processes().supervisors.send_modify(|alive| *alive += 1);
    let alive = Alive(Arc::clone(owner));
    tokio::spawn(async move {
        let owner = &*alive.0;
        let (exit, ending) = supervise(owner, &launch).await;
        let exit_code = exit.and_then(|exit| exit.code().or_else(|| exit.signal().map(|signal| 128 + signal)));
        owner.has_ended(&launch.id, exit_code, ending);
    });
}

/// Gives the exit status, if there was a process, and why it ended if nobody had asked for it.
async fn supervise(owner: &impl Owner, launch: &Launch) -> (Option<ExitStatus>, Ending) {
    let processes = owner.processes();
    let mut child = match start(processes, launch) {
        Ok(child) => child,
        Err(problem) => return (None, Ending::NotStarted(problem.to_string())),
    };
    owner.started(&launch.id, child.id());
    // Held open: the process ends when this end of the pipe closes, even if the lab is killed.
    let lifeline = child.stdin.take();
    let last_words = child.stderr.take().map(|stderr| tokio::spawn(last_line(stderr)));
    let listening = listening(&mut child, launch.log.clone());
    let mut control = launch.control.clone();
    let mut stopping = processes.stopping();

    let up = tokio::select! {
        address = tokio::time::timeout(START_PATIENCE, listening) => {
            address.unwrap_or_else(|_| Err("it did not say in time where it listens".to_owned()))
        }
        _ = control.wait_for(|control| *control != Control::Run) => Err("stopped before it was up".to_owned()),
        _ = stopping.wait_for(|stopping| *stopping) => Err("the lab ends".to_owned()),
    };
    if let Ok(address) = up {
        owner.is_up(&launch.id, address);
        run(owner, launch, &mut child).await;
    }
    // Does nothing to a process that has ended. An error would mean that it is gone.
    let _ = child.start_kill();
    let exit = child.wait().await.ok();
    drop(lifeline);
    let last_words = match last_words {
        Some(words) => tokio::time::timeout(LAST_WORDS_PATIENCE, words).await.ok().and_then(Result::ok).flatten(),
        None => None,
    };
    let ending = match (up, last_words) {
        (Ok(_), last_words) => Ending::Exited(last_words),
        (Err(problem), None) => Ending::NotUp(problem),
        (Err(problem), Some(line)) => Ending::NotUp(format!("{problem}: {line}")),
    };
    (exit, ending)
}

fn start(processes: &Processes, launch: &Launch) -> std::io::Result<Child> {
    Command::new(&processes.program)
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

/// Reads the line that says where the process listens; what it prints from then on goes to its log.
fn listening(child: &mut Child, log: Option<LineTaker>) -> impl Future<Output = Result<SocketAddr, String>> + use<> {
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
                if let Some(log) = &log {
                    log(&line);
                }
            }
        });
        Ok(hello.listening)
    }
}

/// A process that is up, until it is to be killed or has ended.
async fn run(owner: &impl Owner, launch: &Launch, child: &mut Child) {
    let processes = owner.processes();
    let mut control = launch.control.clone();
    let mut stopping = processes.stopping();
    let asked = tokio::select! {
        _ = child.wait() => None,
        asked = control.wait_for(|control| *control != Control::Run) => asked.ok().map(|asked| *asked),
        _ = stopping.wait_for(|stopping| *stopping) => return,
    };
    if asked != Some(Control::Stop) {
        // Gone, or about to be: targets are taken out at once, but requests under way are lost.
        let _ = child.start_kill();
        owner.deregister(&launch.id);
        return;
    }
    owner.deregister(&launch.id);
    owner.drains(&launch.id);
    let orderly = async {
        while owner.is_draining(&launch.id) {
            tokio::time::sleep(DRAIN_POLL).await;
        }
        owner.terminates(&launch.id);
        terminate(child.id());
        // An error means that there is nothing to wait for.
        let _ = tokio::time::timeout(processes.clock.real(launch.stop_timeout), child.wait()).await;
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
