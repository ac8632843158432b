//! The directory of one run, removed at its end; also those of runs that were killed.

use crate::LabError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "run-";
const LOCK: &str = "lock";

/// A directory that lives as long as this value.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    // Locked as long as the run lives: that is how others see that it does.
    _lock: File,
}

impl RunDirectory {
    /// Makes a new directory in `parent`, and removes those of runs that ended without cleaning up.
    pub(crate) fn create(parent: &Path) -> Result<Self, LabError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_abandoned(parent);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        let make = || {
            fs::create_dir_all(&path)?;
            let lock = File::create(path.join(LOCK))?;
            lock.lock()?;
            Ok(lock)
        };
        let lock = make().map_err(LabError::io(format!("making {}", path.display())))?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what no living run holds. Failing to is no reason not to start: it is tried again next time.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_run = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let lock = File::open(path.join(LOCK));
        // A run that has not made its lock yet is not abandoned.
        if is_run && lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_with_its_run_and_abandoned_ones_with_the_next() {
        let parent = std::env::temp_dir().join(format!("teal-lab-directory-{}", std::process::id()));
        let abandoned = parent.join("run-0-0");
        fs::create_dir_all(&abandoned).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();
        let first = RunDirectory::create(&parent).unwrap();
        assert!(!abandoned.exists());
        let second = RunDirectory::create(&parent).unwrap();
        assert!(first.path().exists() && second.path().exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
        drop(second);
        fs::remove_dir(&parent).unwrap();
    }
}
