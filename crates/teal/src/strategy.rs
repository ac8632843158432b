//! In which steps the traffic moves to green: what the plan says, and the one list of stages that it is compiled to.

mod spec;
mod timeline;

pub use spec::{AllAtOnce, Canary, Gate, GateEntry, GateName, Linear, Shift, StepEntry, Strategy};
pub use timeline::{Stage, Timeline, compile};
