//! What can go wrong in the lab, said so that a reader knows what to do.

use std::path::PathBuf;

/// An error of the lab itself. A release that ends badly is not one: that is a result.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Reading, writing or starting something on this machine failed.
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    /// Something the lab needs is not on this machine.
    #[error("{missing}. {remedy}")]
    Missing { missing: String, remedy: String },
    /// A program that the lab ran (cargo, pip, ministack) failed.
    #[error("{program} failed: {output}")]
    Program { program: String, output: String },
    /// An AWS call of the lab (not of Teal) was refused.
    #[error("{service} {action} answered {code} (HTTP {status}): {message}")]
    Aws { service: String, action: String, status: u16, code: String, message: String },
    /// An endpoint of the lab could not be reached or spoke nonsense.
    #[error("{service} {action}: {problem}")]
    Exchange { service: String, action: String, problem: String },
    /// A scenario file or a template is wrong.
    #[error("{}: {problem}", file.display())]
    Document { file: PathBuf, problem: String },
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s{detail}")]
    Timeout { what: String, seconds: u64, detail: String },
}

impl LabError {
    /// Wraps an I/O error with what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// A problem with a document (scenario, template).
    pub fn document(file: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Document { file: file.into(), problem: problem.into() }
    }
}
