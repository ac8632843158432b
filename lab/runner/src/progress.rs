//! What the lab tells a person while it sets itself up.

use std::sync::Arc;

/// Where set-up steps are reported. Cheap to clone; silent in tests.
#[derive(Clone)]
pub struct Progress {
    say: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Progress {
    /// Says nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self { say: Arc::new(|_| {}) }
    }

    /// Writes to standard error, so that `--json` on standard output stays clean.
    #[must_use]
    pub fn on_stderr() -> Self {
        Self { say: Arc::new(|line| eprintln!("lab: {line}")) }
    }

    /// Reports one step.
    pub fn say(&self, line: impl AsRef<str>) {
        (self.say)(line.as_ref());
    }
}
