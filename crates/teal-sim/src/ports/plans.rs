//! Plans that are kept elsewhere.

use crate::link::{Link, Op};
use teal::plan::PlanRef;
use teal::ports::{PlanStore, PortError, PortResult, StoredPlan};

impl PlanStore for Link<'_> {
    async fn stored_plan(&self, reference: &PlanRef) -> PortResult<StoredPlan> {
        self.call(Op::other("StoredPlan"), |_| {
            let state = self.world.state();
            let found = state.plans.get(&reference.to_string());
            let text = found.cloned().ok_or_else(|| PortError::NotFound { what: reference.to_string() })?;
            Ok(StoredPlan { text, version: Some("7".to_owned()) })
        })
        .await
    }
}
