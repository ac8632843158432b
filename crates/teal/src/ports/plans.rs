//! Plans that are kept where a start can name them.

use super::PortResult;
use crate::plan::PlanRef;

/// Where plans are kept.
pub trait PlanStore {
    /// The text of a plan, YAML or JSON, at most [`MAX_STORED_PLAN`] bytes.
    async fn stored_plan(&self, reference: &PlanRef) -> PortResult<StoredPlan>;
}

/// The largest plan that is read from where it is kept, in bytes: as much as an execution takes as its input.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub const MAX_STORED_PLAN: usize = 256 * 1024;

/// A plan as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    pub text: String,
    /// The version that was read, where versions are kept.
    pub version: Option<String>,
}
