//! The ports, answered from memory, one file for each service.

mod fleet;
mod ledger;
mod parameters;
mod pipelines;
mod plans;
mod router;
mod signals;
mod testers;

pub(crate) use router::READ_LAG;
