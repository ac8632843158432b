//! In which steps the traffic moves to green: what the plan says, the one list of stages that it is compiled to, and what
//! a release along it takes on AWS.

mod bake;
mod cost;
mod schedule;
mod spec;
mod timeline;
mod usage;

pub use bake::{Bake, BakeRange};
pub use cost::{Cost, CostItem, FUNCTION_MEMORY_MB, RATES_AS_OF, RATES_REGION, Rate};
pub use schedule::{ScheduleRow, ScheduledPart};
pub use spec::{AllAtOnce, Canary, Gate, GateEntry, GateName, Linear, Shift, StepEntry, Strategy};
pub use timeline::{Pace, Stage, Timeline, compile};
pub use usage::{READY_POLL, RETIREMENT_PATIENCE, RETIREMENT_POLL, Usage};

#[cfg(test)]
mod tests;
