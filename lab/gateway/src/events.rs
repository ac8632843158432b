//! Events of emulated AWS services, delivered to the targets of EventBridge rules.

mod delivery;
mod pattern;
mod queue;

pub(crate) use delivery::{Delivery, delivery_call};
pub use delivery::{DeliveryOutcome, DeliveryRecord};
pub(crate) use pattern::matches;
