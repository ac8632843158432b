//! Where things are: the repository, cargo's target directory, the directories the lab makes in it.

use crate::error::LabError;
use std::path::{Path, PathBuf};

/// The directories the lab works with.
#[derive(Clone, Debug)]
pub struct Places {
    /// The repository: template.yaml, statemachine/, functions/ and lab/ lie here.
    pub repository: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// The directory of the profile this program was built with, for example `target/debug`.
    pub binaries: PathBuf,
}

impl Places {
    /// Finds the places from this executable's own path: cargo puts binaries into `<target>/<profile>` and test
    /// executables into `<target>/<profile>/deps`.
    ///
    /// # Errors
    /// If the executable's path cannot be read or is not one of those.
    pub fn find() -> Result<Self, LabError> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let repository = repository.canonicalize().map_err(LabError::io("finding the repository"))?;
        let executable = std::env::current_exe().map_err(LabError::io("finding this program's own path"))?;
        let binaries = profile_directory(&executable).ok_or_else(|| LabError::Missing {
            missing: format!("{} does not lie in a cargo target directory", executable.display()),
            remedy: "Run the lab with `cargo lab`".into(),
        })?;
        let target = binaries.parent().unwrap_or(&binaries).to_path_buf();
        Ok(Self { repository, target, binaries })
    }

    /// What the lab keeps between runs: the virtual environment, the zipped functions.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.target.join("lab")
    }

    /// The name of cargo's profile that built this program (`debug` is called `dev`).
    #[must_use]
    pub fn profile(&self) -> String {
        match self.binaries.file_name().and_then(|name| name.to_str()) {
            None | Some("debug") => "dev".into(),
            Some(name) => name.into(),
        }
    }
}

fn profile_directory(executable: &Path) -> Option<PathBuf> {
    let directory = executable.parent()?;
    if directory.file_name()? == "deps" {
        return Some(directory.parent()?.to_path_buf());
    }
    Some(directory.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_executable_and_a_binary_lead_to_the_same_profile_directory() {
        assert_eq!(profile_directory(Path::new("/t/debug/deps/lab-1f")), Some("/t/debug".into()));
        assert_eq!(profile_directory(Path::new("/t/debug/teal-lab")), Some("/t/debug".into()));
    }
}
