//! One shell for all of Teal's functions: it decodes the event, gives the step its world and its clock, names errors as the
//! state machine matches them, and writes logs and metrics. What a function decides is in `teal::steps`.

#[cfg(test)]
mod damaged;
mod events;
mod hooks;
mod logs;
mod metrics;
mod pipeline;
mod serve;
#[cfg(test)]
mod testing;

pub use events::{
    AlarmChange, ExecutionChange, WeightsDue, decode_alarm_change, decode_execution_change, decode_weights_due,
};
pub use hooks::{decode_hook, hook_answer};
pub use pipeline::decode_pipeline_call;
pub use serve::{Failure, serve};
pub use teal_aws::{Urgency, session_policy};
