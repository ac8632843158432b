//! The decisions of Teal: plan, strategy, route, release, verdict. No I/O, no clock: `now` is passed in.

pub mod compare;
mod credential;
pub mod deployment;
pub mod document;
pub mod drift;
pub mod error;
pub mod fleet;
pub mod hook;
pub mod json;
pub mod judge;
pub mod pipeline;
pub mod plan;
pub mod ports;
pub mod release;
pub mod request;
pub mod route;
mod signals;
pub mod state;
pub mod steps;
pub mod story;
pub mod strategy;
pub mod time;
pub mod units;
pub mod verdict;
