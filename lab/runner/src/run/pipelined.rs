//! Actions of pipelines beside the one that starts the release.

use super::Run;
use crate::LabError;
use crate::check::check_pipeline;
use crate::pipeline::{Action, ActionResult, PipelineSpec};
use crate::scenario::PipelineExpectation;
use serde_json::{Value, json};

/// An action under way, and how it is to end.
#[derive(Debug)]
pub(super) struct LaterAction {
    action: Action,
    expected: PipelineExpectation,
}

impl Run<'_> {
    /// What came of the action that starts the release, checked; nothing if it has not ended.
    pub(super) async fn end_action(&mut self) -> Result<Option<ActionResult>, LabError> {
        let result = match self.action.take() {
            Some(action) => action.result().await?,
            None => None,
        };
        if let Some(expected) = &self.scenario.expect.pipeline {
            let mut expected = expected.clone();
            for value in expected.variables.values_mut() {
                // A name that stands for nothing, since nothing was started, is a value that is not found.
                if let Ok(Value::String(filled)) = self.filled(&json!(value)).await {
                    *value = filled;
                }
            }
            self.checked.extend(check_pipeline(&expected, result.as_ref()));
        }
        Ok(result)
    }

    /// Begins a Lambda action, and gives a line about it.
    ///
    /// # Errors
    /// If it cannot begin.
    pub(super) async fn begin_later_action(
        &mut self,
        user_parameters: Value,
        expected: &PipelineExpectation,
    ) -> Result<String, LabError> {
        let line = format!("another action of a pipeline begins: {user_parameters}");
        let pipeline = PipelineSpec::Lambda { user_parameters };
        let action = Action::begin(self.lab, &pipeline, &self.scenario.name, &Value::Null).await?;
        self.later_actions.push(LaterAction { action, expected: expected.clone() });
        Ok(line)
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
