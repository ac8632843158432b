//! Open-loop HTTP load: requests are sent when they are due, whether or not earlier ones have been answered.
//!
//! Latency counts from the moment a request was due, so a server (or a generator) that falls behind shows as latency
//! and never as fewer requests (no coordinated omission).

mod connection;
mod generator;
mod schedule;
mod tally;

pub use generator::{Load, LoadOptions, LoadTarget};
pub use schedule::{Arrivals, Ramp, RampPoint};
pub use tally::{Sample, Served, Tally, Totals};
