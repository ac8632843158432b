//! Hooks of deployments as they ask.

use super::PortResult;
use crate::hook::{Asked, HookAsked};

/// Who knows what a hook is about.
pub trait Hooks {
    /// What a hook asks about: of a deployment's service, what the hook does not say itself.
    ///
    /// # Errors
    /// [`super::PortError::Refused`] too where the stage or event is none at which Teal can be asked.
    async fn asked(&self, hook: &HookAsked) -> PortResult<Asked>;
}
