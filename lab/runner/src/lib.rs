//! The whole of Teal on one machine: what `cargo lab` runs and what the workflow tests use.

mod aws;
mod binaries;
mod check;
mod cloudformation;
pub mod commands;
mod deploy;
mod directory;
mod display;
mod emulators;
mod error;
mod lab;
mod ledger;
mod load;
mod merge;
mod ministack;
mod observe;
mod places;
mod progress;
mod result;
mod run;
pub mod scenario;
mod setup;
mod stage;
mod watch;
pub mod yaml;
mod zip;

pub use aws::Aws;
pub use deploy::{Deployment, Function};
pub use error::LabError;
pub use lab::{Lab, LabOptions};
pub use load::{Arrivals, Served, Totals};
pub use places::Places;
pub use progress::Progress;
pub use result::{AlarmChange, Check, ReleaseResult, ScenarioResult, StateVisit, TrafficInterval, WeightChange};
pub use scenario::Scenario;
pub use watch::{Nobody, Status, Watcher};
