//! AWS Step Functions: executions of the state machine. And who is calling, for requests that people make.

use crate::Aws;
use crate::error::port_error;
use aws_sdk_sfn::types::ExecutionStatus;
use teal::ports::{Executions, PortError, PortResult};
use teal::release::ReleaseId;

/// What starting an execution came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs; its ARN. Started again with the same name and plan, it is the same execution.
    Running { execution: String },
    /// There was an execution of this name with another plan, or it has ended.
    NameTaken,
}

impl Executions for Aws {
    async fn ended_with(&self, execution: &str) -> PortResult<Option<String>> {
        const CALL: &str = "states:DescribeExecution";
        let answer = self.step_functions().describe_execution().execution_arn(execution).send().await;
        match answer.map_err(|error| port_error(CALL, execution, &error)) {
            Ok(found) => Ok(match found.status() {
                ExecutionStatus::Running | ExecutionStatus::PendingRedrive => None,
                ended => Some(ended.as_str().to_owned()),
            }),
            Err(error) if is_gone(&error) => Ok(Some("GONE".to_owned())),
            Err(error) => Err(error),
        }
    }
}

/// Step Functions forgets executions after 90 days, and with their machine.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>
fn is_gone(error: &PortError) -> bool {
    match error {
        PortError::NotFound { .. } => true,
        PortError::Refused { message, .. } => message.starts_with("ExecutionDoesNotExist"),
        _ => false,
    }
}

impl Aws {
    /// Starts an execution of the state machine with a plan as its input.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn start_release(&self, state_machine: &str, name: &ReleaseId, plan: &str) -> PortResult<Started> {
        const CALL: &str = "states:StartExecution";
        let request = self.step_functions().start_execution().state_machine_arn(state_machine);
        match request.name(name.as_str()).input(plan).send().await {
            Ok(answer) => Ok(Started::Running { execution: answer.execution_arn().to_owned() }),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_execution_already_exists()) => {
                Ok(Started::NameTaken)
            }
            Err(error) => Err(port_error(CALL, &format!("state machine {state_machine}"), &error)),
        }
    }

    /// Who is calling, as an ARN: it stands in the record beside what the person asked.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn caller(&self) -> PortResult<String> {
        const CALL: &str = "sts:GetCallerIdentity";
        let answer = aws_sdk_sts::Client::new(&self.config).get_caller_identity().send().await;
        let identity = answer.map_err(|error| port_error(CALL, "the caller", &error))?;
        Ok(identity.arn().unwrap_or("an unknown caller").to_owned())
    }
}
