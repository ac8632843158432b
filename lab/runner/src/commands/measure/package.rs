//! How large a deployment package is.

use crate::LabError;
use crate::lab::Lab;
use std::ffi::OsString;
use std::process::Stdio;
use tokio::process::Command;

/// The bytes of a zip with these files and Python packages, compressed as SAM does it: with Python's own zipfile.
pub(super) async fn size(lab: &Lab, content: impl IntoIterator<Item = OsString>) -> Result<u64, LabError> {
    let script = lab.places().repository.join("lab/measure/package_size.py");
    let program = script.display().to_string();
    let mut command = Command::new(lab.python());
    command.arg(&script).args(content).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(LabError::io(format!("running {program}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().parse() {
        Ok(bytes) if output.status.success() => Ok(bytes),
        _ => Err(LabError::Program { program, output: String::from_utf8_lossy(&output.stderr).into_owned() }),
    }
}
