//! What the lab's emulated AWS services share.
//!
//! The gateway is the one endpoint; each service behind it (`teal-lab-elb`, `teal-lab-cloudwatch`, `teal-lab-ecs`, `teal-lab-logs`)
//! takes an [`AwsRequest`] and gives an [`AwsAnswer`]. Services meet only through the traits here, so that each one
//! can be built and tested alone.

mod accept;
mod clock;
mod exchange;
pub mod json;
mod links;
pub mod query;
mod time;
pub mod xml;

pub use accept::accept_each;
pub use clock::{LabClock, Millis};
pub use exchange::{AwsAnswer, AwsFault, AwsRequest};
pub use links::{
    AlarmReader, FunctionAnswer, FunctionInvoker, LogSink, MetricSample, MetricSink, TargetAddress, TargetRegistry,
    TrafficShifter,
};
pub use time::iso8601;

/// The account every lab resource belongs to.
pub const ACCOUNT: &str = "000000000000";
/// The region every lab resource lives in.
pub const REGION: &str = "us-east-1";
