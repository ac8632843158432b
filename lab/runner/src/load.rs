//! Open-loop HTTP load: requests are sent when they are due, whether or not earlier ones have been answered.
//!
//! Latency counts from the moment a request was due, so a server (or a generator) that falls behind shows as latency
//! and never as fewer requests (no coordinated omission).

mod connection;
mod datagram;
mod generator;
mod schedule;
mod tally;
mod way;

pub(crate) use generator::{Load, LoadOptions, LoadTarget, user_name};
pub use schedule::Arrivals;
pub(crate) use schedule::{Ramp, RampPoint};
pub(crate) use tally::{Sample, Tally};
pub use tally::{Served, Totals};
pub use way::LoadProtocol;
