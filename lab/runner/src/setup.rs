//! The Python side: a virtual environment with the pinned emulator, made once and reused offline.

use crate::{LabError, Places, Progress};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The oldest Python that ministack runs on.
pub(crate) const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// A usable Python 3 on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    pub command: String,
    pub version: (u32, u32),
}

/// Finds Python 3: `TEAL_LAB_PYTHON` if set, else the first of `python3` and `python` that is new enough.
///
/// # Errors
/// If there is none; the message says what to install.
pub(crate) async fn find_python() -> Result<Python, LabError> {
    let named = std::env::var("TEAL_LAB_PYTHON").ok();
    let candidates = named.map_or_else(|| vec!["python3".to_owned(), "python".to_owned()], |python| vec![python]);
    let mut seen = Vec::new();
    for command in candidates {
        match python_version(&command).await {
            Some(version) if version >= OLDEST_PYTHON => return Ok(Python { command, version }),
            Some((major, minor)) => seen.push(format!("{command} is {major}.{minor}")),
            None => seen.push(format!("{command} is not there")),
        }
    }
    let (major, minor) = OLDEST_PYTHON;
    Err(LabError::Missing {
        missing: format!("no Python {major}.{minor} or newer was found ({})", seen.join(", ")),
        remedy: "Install Python 3 with its venv module, or name one in TEAL_LAB_PYTHON".into(),
    })
}

async fn python_version(command: &str) -> Option<(u32, u32)> {
    let script = "import sys; print(sys.version_info[0], sys.version_info[1])";
    let output = Command::new(command).args(["-c", script]).stdin(Stdio::null()).output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The virtual environment's directory for the pinned requirements: another pin means another directory.
///
/// # Errors
/// If lab/requirements.txt cannot be read.
pub(crate) fn venv_directory(places: &Places) -> Result<PathBuf, LabError> {
    let file = requirements(places);
    let pinned = fs::read(&file).map_err(LabError::io(format!("reading {}", file.display())))?;
    Ok(places.cache().join(format!("venv-{:08x}", crc32fast::hash(&pinned))))
}

/// Whether the environment was completed by an earlier run.
#[must_use]
pub(crate) fn is_complete(venv: &Path) -> bool {
    venv.join(COMPLETE).exists() && interpreter(venv).exists()
}

/// The environment's own Python.
#[must_use]
pub(crate) fn interpreter(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}

const COMPLETE: &str = ".complete";

fn requirements(places: &Places) -> PathBuf {
    places.repository.join("lab/requirements.txt")
}

/// Makes the virtual environment unless it is there, and returns its Python.
///
/// Runs at the same time (parallel tests, two terminals) wait for one another at a lock file.
///
/// # Errors
/// If Python is missing, or pip cannot install the pinned packages.
pub(crate) async fn ensure_venv(places: &Places, progress: &Progress) -> Result<PathBuf, LabError> {
    let venv = venv_directory(places)?;
    if is_complete(&venv) {
        return Ok(interpreter(&venv));
    }
    let _lock = lock(&places.cache(), "setup.lock").await?;
    if is_complete(&venv) {
        return Ok(interpreter(&venv));
    }
    let python = find_python().await?;
    let (major, minor) = python.version;
    progress.say(format!("making a virtual environment with Python {major}.{minor} (once; about half a minute)"));
    // What an interrupted run left behind is not worth repairing.
    if venv.exists() {
        fs::remove_dir_all(&venv).map_err(LabError::io(format!("removing {}", venv.display())))?;
    }
    run(Command::new(&python.command).args(["-m", "venv"]).arg(&venv)).await?;
    let python = interpreter(&venv);
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"]);
    run(pip.arg(requirements(places))).await?;
    fs::write(venv.join(COMPLETE), "").map_err(LabError::io("marking the virtual environment complete"))?;
    Ok(python)
}

/// Takes a lock file in `directory`; it is free again when the file is dropped or this process ends.
///
/// # Errors
/// If the directory or the file cannot be made.
pub(crate) async fn lock(directory: &Path, name: &str) -> Result<File, LabError> {
    fs::create_dir_all(directory).map_err(LabError::io(format!("making {}", directory.display())))?;
    let path = directory.join(name);
    let what = format!("locking {}", path.display());
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    });
    locked.await.map_err(std::io::Error::other).and_then(|file| file).map_err(LabError::io(what))
}

/// Runs a command to its end; its output is shown only when it fails.
///
/// # Errors
/// If it cannot be started or does not exit with 0.
pub(crate) async fn run(command: &mut Command) -> Result<(), LabError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(LabError::io(format!("running {program}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    Err(LabError::Program { program, output: format!("{}\n{}", output.status, text.trim()) })
}
