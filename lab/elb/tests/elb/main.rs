//! The whole service from outside: its API by hand-built query requests, its data plane by real HTTP.

#![allow(clippy::unwrap_used)] // a panic is how a test reports

mod actions;
mod balancing;
mod control_plane;
mod draining;
mod failing;
mod lab;
mod metrics;
mod network;
mod routing;
mod shifting;
mod stickiness;
