//! The check of every call against its caller's policy.

mod actions;
mod condition;
mod ledger;
mod policy;

pub(crate) use actions::needed;
pub(crate) use ledger::Ledger;
pub use ledger::{PermissionUse, PolicyReport, ResourceTags, Violation};
pub use policy::PolicyError;
