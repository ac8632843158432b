//! The ports, answered from memory, one file for each service.

mod account;
mod deployments;
mod fleet;
mod ledger;
mod parameters;
mod pipelines;
mod plans;
mod router;
mod signals;
mod testers;

pub(crate) use account::own_account;
pub(crate) use router::READ_LAG;
