//! How much memory processes needed at most, as the kernel says.

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
pub(super) struct FunctionProcess {
    /// The most memory that one of them had resident at once.
    pub(super) peak_bytes: u64,
    /// The environment of one of them.
    pub(super) environment: Vec<(String, String)>,
}

type Seen = BTreeMap<String, FunctionProcess>;

/// Watches a lab's function processes from outside.
pub(super) struct MemoryWatch {
    watcher: Watcher,
    task: JoinHandle<()>,
}

impl MemoryWatch {
    /// Begins to watch.
    pub(super) fn start(lab: &Lab) -> Self {
        let functions = &lab.deployment().functions;
        let watcher = Watcher {
            endpoint: lab.aws().endpoint().to_owned(),
            binaries: functions.iter().map(|function| (function.name.clone(), function.binary.clone())).collect(),
            seen: Arc::default(),
        };
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
    /// Only this lab's functions have this endpoint.
    endpoint: String,
    /// Binaries by the functions' physical names.
    binaries: BTreeMap<String, String>,
    seen: Arc<Mutex<Seen>>,
}

impl Watcher {
    fn look(&self) {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
            // A process that is gone meanwhile, or somebody else's, is none of ours.
            let Some((binary, environment)) = environment(pid).and_then(|found| self.function_of(found)) else {
                continue;
            };
            let Some(peak_bytes) = peak_memory(pid) else { continue };
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let process = seen.entry(binary).or_insert(FunctionProcess { peak_bytes, environment });
            process.peak_bytes = process.peak_bytes.max(peak_bytes);
        }
    }

    /// The binary that runs with this environment, if it is one of this lab's functions.
    fn function_of(&self, environment: Vec<(String, String)>) -> Option<(String, Vec<(String, String)>)> {
        let value = |name: &str| environment.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        if value("AWS_ENDPOINT_URL")? != &self.endpoint {
            return None;
        }
        let binary = self.binaries.get(value("AWS_LAMBDA_FUNCTION_NAME")?)?.clone();
        Some((binary, environment))
    }
}

/// The environment that a process was started with.
fn environment(pid: u32) -> Option<Vec<(String, String)>> {
    let content = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables = content.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    let pairs = variables.filter_map(|variable| variable.split_once('='));
    Some(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
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
    fn this_process_has_memory_and_an_environment() {
        let pid = std::process::id();
        assert!(peak_memory(pid).is_some_and(|bytes| bytes > 100_000));
        assert!(environment(pid).is_some_and(|variables| variables.iter().any(|(name, _)| name == "PATH")));
    }
}
