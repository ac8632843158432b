//! How much memory processes needed at most, as the kernel says.

use crate::function_processes::FunctionProcesses;
use crate::lab::Lab;
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The kernel keeps the peak itself, so a process only has to be seen shortly before its end.
const INTERVAL: Duration = Duration::from_millis(100);

/// The processes of one function.
#[derive(Clone, Debug)]
pub(super) struct FunctionPeak {
    /// The most memory that one of them had resident at once.
    pub(super) peak_bytes: u64,
    /// The environment of one of them.
    pub(super) environment: Vec<(String, String)>,
}

type Seen = BTreeMap<String, FunctionPeak>;

/// Watches a lab's function processes from outside.
pub(super) struct MemoryWatch {
    watcher: Watcher,
    task: JoinHandle<()>,
}

impl MemoryWatch {
    /// Begins to watch.
    pub(super) fn start(lab: &Lab) -> Self {
        let watcher = Watcher { processes: FunctionProcesses::of(lab), seen: Arc::default() };
        let watching = watcher.clone();
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(INTERVAL);
            loop {
                tick.tick().await;
                watching.look();
            }
        });
        Self { watcher, task }
    }

    /// Looks once more and says what was seen, by the functions' binaries.
    pub(super) async fn stop(self) -> Seen {
        self.task.abort();
        // Aborting is the only way in which it ends.
        let _ = self.task.await;
        self.watcher.look();
        self.watcher.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct Watcher {
    processes: FunctionProcesses,
    seen: Arc<Mutex<Seen>>,
}

impl Watcher {
    fn look(&self) {
        for process in self.processes.running() {
            let Some(peak_bytes) = peak_memory(process.pid.unsigned_abs()) else { continue };
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let environment = process.environment;
            let known = seen.entry(process.binary).or_insert(FunctionPeak { peak_bytes, environment });
            known.peak_bytes = known.peak_bytes.max(peak_bytes);
        }
    }
}

/// The most memory that a living process has had resident at once, in bytes.
pub(super) fn peak_memory(pid: u32) -> Option<u64> {
    high_water_mark(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// `VmHWM`, which the kernel gives in kibibytes: <https://docs.kernel.org/filesystems/proc.html>.
fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        assert_eq!(high_water_mark("VmPeak:\t  9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2_097_152));
        assert_eq!(high_water_mark("Name:\tzombie\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(peak_memory(std::process::id()).is_some_and(|bytes| bytes > 100_000));
    }
}
