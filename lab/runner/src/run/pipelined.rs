//! Actions of pipelines beside the one that starts the release.

use super::Run;
use crate::LabError;
use crate::check::check_pipeline;
use crate::pipeline::{Action, ActionResult, PipelineSpec};
use crate::scenario::PipelineExpectation;
use serde_json::Value;

/// An action under way, and how it is to end.
#[derive(Debug)]
pub(super) struct LaterAction {
    action: Action,
    expected: PipelineExpectation,
}

impl Run<'_> {
    /// Begins a Lambda action, and gives a line about it.
    pub(super) fn begin_later_action(&mut self, user_parameters: Value, expected: &PipelineExpectation) -> String {
        let line = format!("another action of a pipeline begins: {user_parameters}");
        let action = self.lab.release_by(&PipelineSpec::Lambda { user_parameters }, &self.scenario.name, Value::Null);
        self.later_actions.push(LaterAction { action, expected: expected.clone() });
        line
    }

    pub(super) fn later_actions_go_on(&self) -> bool {
        self.later_actions.iter().any(|later| !later.action.has_ended())
    }

    /// What came of those that have ended; all of them are checked.
    pub(super) async fn end_later_actions(&mut self) -> Result<Vec<ActionResult>, LabError> {
        let mut results = Vec::new();
        for LaterAction { action, expected } in std::mem::take(&mut self.later_actions) {
            let result = action.result().await?;
            self.checked.extend(check_pipeline(&expected, result.as_ref()));
            results.extend(result);
        }
        Ok(results)
    }
}
