//! One script of a lifecycle event: a process, for as long as its AppSpec file lets it.

use super::Failure;
use super::file::Script;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use teal_lab_wire::LabClock;
use tokio::process::{Child, Command};

/// Runs the script, and ends it with everything it has started when standard input ends: so it does not outlive the lab, even one that
/// was killed.
///
/// Told to end, it waits for the script, which is told, too.
const MAIN: &str = r#"trap : TERM
exec 3<&0 </dev/null
{ cat <&3; kill -KILL 0; } >/dev/null 2>&1 &
watch=$!
"$0" 3<&-
code=$?
kill "$watch" 2>/dev/null
exit "$code""#;

/// How long a script that was told to end may take for that. Real time.
const TIDY_WITHIN: Duration = Duration::from_secs(2);

/// A script with all that it has started: a process group of its own, which is killed when it is given up.
struct Group(Child);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may have ended meanwhile.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

pub(super) async fn run(
    script: &Script,
    within: Duration,
    archive: &Path,
    root: &Path,
    environment: &[(String, String)],
    log: &Path,
    clock: &LabClock,
) -> Result<(), Failure> {
    let fails = |code, message| Failure { code, script: script.location.clone(), message };
    let at = |what: &str| format!("Script at specified location: {} {what}", script.location);
    let program = archive.join(&script.location);
    let Ok(known) = fs::metadata(&program) else {
        return Err(fails(
            "ScriptMissing",
            format!("Script does not exist at specified location: {}", script.location),
        ));
    };
    if known.permissions().mode() & 0o111 == 0 {
        let permissions = fs::Permissions::from_mode(known.permissions().mode() | 0o111);
        fs::set_permissions(&program, permissions)
            .map_err(|_| fails("ScriptNotExecutable", at("cannot be made executable")))?;
    }
    let unusable = |problem: std::io::Error| fails("UnknownError", at(&format!("cannot be run: {problem}")));
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(unusable)?;
    }
    let output = File::options().append(true).create(true).open(log).map_err(unusable)?;
    let errors = output.try_clone().map_err(unusable)?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", MAIN]).arg(&program).current_dir(root).env_clear();
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(output).stderr(errors).process_group(0).kill_on_drop(true);
    let mut group = Group(command.spawn().map_err(unusable)?);
    // Held open until it has ended.
    let lifeline = group.0.stdin.take();
    let ended = tokio::select! {
        ended = group.0.wait() => Some(ended.map_err(unusable)?),
        () = clock.sleep(within) => None,
    };
    let result = match ended {
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            let code = status.code().map_or_else(|| status.to_string(), |code| code.to_string());
            Err(fails("ScriptFailed", at(&format!("failed with exit code {code}"))))
        }
        None => {
            group.signal(Signal::TERM);
            // For what it tidies up.
            let _ = tokio::time::timeout(TIDY_WITHIN, group.0.wait()).await;
            Err(fails("ScriptTimedOut", at(&format!("failed to complete in {} seconds", within.as_secs()))))
        }
    };
    drop(lifeline);
    result
}
