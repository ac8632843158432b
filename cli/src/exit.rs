//! How the command ends.

use std::process::ExitCode;

/// What the exit status says. A wrong command line ends with 2 as well; clap sees to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all is well.
    Fine,
    /// 1: what was checked has problems.
    Problems,
    /// 2: the command could not do its work.
    Unusable,
    /// 3: the release rolled back.
    RolledBack,
    /// 4: the release needs a person.
    NeedsHuman,
    /// 5: the release was refused.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Problems => 1,
            Exit::Unusable => 2,
            Exit::RolledBack => 3,
            Exit::NeedsHuman => 4,
            Exit::Refused => 5,
        })
    }
}
