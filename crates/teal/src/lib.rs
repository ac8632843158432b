//! The decisions of Teal: plan, strategy, route, release, verdict. No I/O, no clock: `now` is passed in.

pub mod plan;
pub mod strategy;
pub mod units;
