//! The whole of Teal on one machine: what `cargo lab` runs and what the workflow tests use.

mod aws;
mod binaries;
mod check;
mod cloudformation;
mod deploy;
mod error;
mod load;
mod ministack;
mod observe;
mod places;
mod progress;
mod result;
mod scenario;
mod setup;
pub mod yaml;
mod zip;

pub use aws::Aws;
pub use error::LabError;
pub use places::Places;
pub use progress::Progress;
