//! How the command ends.

use std::process::ExitCode;

/// What the exit status says. A wrong command line ends with 2 as well; clap sees to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all is well.
    Fine,
    /// 1: what was checked has problems.
    Problems,
    /// 2: there was nothing to check.
    Unusable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Problems => 1,
            Exit::Unusable => 2,
        })
    }
}
