//! The ports, answered from memory, one file for each service.

mod fleet;
mod ledger;
mod load_balancer;
mod signals;

pub(crate) use load_balancer::READ_LAG;
