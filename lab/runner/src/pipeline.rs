//! The release action of a pipeline, as CodePipeline runs it.

mod artifact;

pub(crate) use artifact::ARTIFACT_BUCKET;
use artifact::Artifact;

use crate::{Aws, Lab, LabError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use teal_lab_pipeline::{CodePipeline, JobResult};
use teal_lab_wire::LabClock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long CodePipeline waits before it comes back with a token, or looks at an execution again (lab time). AWS gives no figure;
/// actions are seen to be asked about twice a minute.
const POLL: Duration = Duration::from_secs(30);
/// How long Lambda waits before it hands an event that failed to the function again, at first (lab time), and how often it does.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const RETRY_AFTER: Duration = Duration::from_secs(60);
const RETRIES: u32 = 2;

/// How a pipeline releases.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum PipelineSpec {
    /// A Lambda action that invokes on-pipeline-job with these UserParameters.
    Lambda { user_parameters: Value },
    /// A Step Functions action. Its input artifact has the plan in a file, `plan.json`.
    StepFunctions(StepFunctionsInput),
}

/// The input of a Step Functions action, as the action's configuration has it.
/// <https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-StepFunctions.html>
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepFunctionsInput {
    pub input_type: InputType,
    /// Where the input is in the artifact, or the input itself.
    pub input: String,
}

/// What the input of a Step Functions action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum InputType {
    Literal,
    FilePath,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum ActionStatus {
    Succeeded,
    Failed,
}

/// What the pipeline shows of an action.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionResult {
    pub status: ActionStatus,
    /// Why it failed.
    pub message: Option<String>,
    /// Its output variables.
    pub variables: BTreeMap<String, String>,
    /// What it showed while it was under way, each line once.
    pub summaries: Vec<String>,
    /// How often CodePipeline came: jobs of a Lambda action, looks at an execution.
    pub jobs: usize,
}

/// An action under way.
#[derive(Debug)]
pub(crate) struct Action {
    execution: watch::Receiver<Option<String>>,
    ended: JoinHandle<Result<ActionResult, LabError>>,
}

impl Action {
    /// Runs a pipeline's action, behind a stage that has put out the plan. Its execution is named after the scenario.
    ///
    /// # Errors
    /// If the artifact cannot be stored.
    pub(crate) async fn begin(lab: &Lab, spec: &PipelineSpec, scenario: &str, plan: &Value) -> Result<Self, LabError> {
        let (aws, clock) = (lab.aws().clone(), lab.clock().clone());
        Ok(match spec {
            PipelineSpec::Lambda { user_parameters } => {
                let function = lab.function("on-pipeline-job");
                Self::lambda(aws, clock, lab.codepipeline(), function, user_parameters.to_string())
            }
            PipelineSpec::StepFunctions(configured) => {
                let name = format!("{scenario}-3c0d8a6e-0000-4000-8000-000000000001");
                let artifact = Artifact::store(&aws, scenario, &[("plan.json", &plan.to_string())]).await?;
                let state_machine = lab.deployment().state_machine.clone();
                Self::step_functions(aws, clock, state_machine, name, artifact, configured.clone())
            }
        })
    }

    /// Invokes a function with a job, and again with each token that it hands back.
    fn lambda(
        aws: Aws,
        clock: LabClock,
        service: Arc<CodePipeline>,
        function: String,
        user_parameters: String,
    ) -> Self {
        let (started, execution) = watch::channel(None);
        let ended = tokio::spawn(async move {
            let mut result = ActionResult::new();
            let mut token: Option<String> = None;
            loop {
                let (job, event) = service.open_job(&function, &user_parameters, token.as_deref());
                result.jobs += 1;
                invoke(&aws, &clock, &function, &event).await;
                match service.result_of(&job).await {
                    JobResult::Continued { token: next, execution, summary } => {
                        if !execution.is_empty() {
                            started.send_replace(Some(execution));
                        }
                        if result.summaries.last() != Some(&summary) {
                            result.summaries.push(summary);
                        }
                        token = Some(next);
                        clock.sleep(POLL).await;
                    }
                    JobResult::Succeeded { variables } => {
                        return Ok(ActionResult { status: ActionStatus::Succeeded, variables, ..result });
                    }
                    JobResult::Failed { kind, message } => {
                        return Ok(ActionResult { message: Some(format!("{kind}: {message}")), ..result });
                    }
                    JobResult::TimedOut => {
                        let message = "the function did not answer the job within 20 minutes".to_owned();
                        return Ok(ActionResult { message: Some(message), ..result });
                    }
                }
            }
        });
        Self { execution, ended }
    }

    /// Starts an execution under the action's own name and looks at it until it has ended.
    /// <https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-StepFunctions.html>
    fn step_functions(
        aws: Aws,
        clock: LabClock,
        state_machine: String,
        name: String,
        artifact: Artifact,
        configured: StepFunctionsInput,
    ) -> Self {
        let (started, execution) = watch::channel(None);
        let ended = tokio::spawn(async move {
            let mut result = ActionResult::new();
            let input = match configured.input_type {
                InputType::Literal => Ok(configured.input),
                InputType::FilePath => artifact.input(&aws, &configured.input).await,
            };
            let input = match input {
                Ok(input) => input,
                Err(message) => return Ok(ActionResult { message: Some(message), ..result }),
            };
            let parameters = json!({"stateMachineArn": state_machine, "name": name, "input": input});
            let answer = aws.call("states", "StartExecution", parameters).await?;
            let execution = answer["executionArn"].as_str().unwrap_or_default().to_owned();
            started.send_replace(Some(name));
            loop {
                clock.sleep(POLL).await;
                result.jobs += 1;
                let seen = aws.call("states", "DescribeExecution", json!({"executionArn": execution})).await?;
                let text = |field: &str| seen[field].as_str().unwrap_or_default().to_owned();
                match text("status").as_str() {
                    "RUNNING" => {}
                    "SUCCEEDED" => {
                        let variables =
                            [("ExecutionArn".to_owned(), execution), ("StateMachineArn".to_owned(), state_machine)];
                        return Ok(ActionResult {
                            status: ActionStatus::Succeeded,
                            variables: variables.into(),
                            ..result
                        });
                    }
                    _ => {
                        let message = format!("{}: {}", text("error"), text("cause"));
                        return Ok(ActionResult { message: Some(message), ..result });
                    }
                }
            }
        });
        Self { execution, ended }
    }

    /// The name of the execution that it waits for, once there is one.
    pub(crate) fn execution(&self) -> Option<String> {
        self.execution.borrow().clone()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_finished()
    }

    /// What came of it; nothing if it has not ended.
    pub(crate) async fn result(self) -> Result<Option<ActionResult>, LabError> {
        if !self.ended.is_finished() {
            self.ended.abort();
            return Ok(None);
        }
        match self.ended.await {
            Ok(result) => result.map(Some),
            Err(_) => Ok(None),
        }
    }
}

impl ActionResult {
    fn new() -> Self {
        let (message, variables, summaries) = (None, BTreeMap::new(), Vec::new());
        Self { status: ActionStatus::Failed, message, variables, summaries, jobs: 0 }
    }
}

/// Hands an event to a function as asynchronous invocations do: nobody reads the answer, and an error is tried again.
async fn invoke(aws: &Aws, clock: &LabClock, function: &str, event: &Value) {
    let mut pause = RETRY_AFTER;
    for _ in 0..=RETRIES {
        if aws.invoke(function, event).await.is_ok() {
            return;
        }
        clock.sleep(pause).await;
        pause *= 2;
    }
}
