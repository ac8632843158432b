//! AWS Step Functions: executions of the state machine. And who is calling, for requests that people make.

use crate::Aws;
use crate::error::port_error;
use aws_sdk_sfn::types::ExecutionStatus;
use teal::ports::{EXECUTION_GONE, Executions, PortError, PortResult};
use teal::release::ReleaseId;

/// What starting an execution came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs; its ARN. Started again with the same name and plan, it is the same execution.
    Running { execution: String },
    /// There was an execution of this name with another plan, or it has ended.
    NameTaken,
}

/// How an execution stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Execution {
    /// It is under way.
    Running,
    /// It has ended: its status as Step Functions names it (SUCCEEDED, FAILED, TIMED_OUT, ABORTED), and unless it
    /// succeeded, usually why.
    Ended { status: String, error: Option<String>, cause: Option<String> },
    /// Step Functions does not know it: it never was, was forgotten, or was started a moment ago.
    Unknown,
}

/// The ARN of an execution by its name, from the ARN of its state machine, which may be that of a version or an alias: executions
/// carry the machine's name only. `None` if this is not a state machine's ARN.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/execution-alias-version-associate.html>
#[must_use]
pub fn execution_arn(state_machine: &str, name: &ReleaseId) -> Option<String> {
    let (service, machine) = state_machine.split_once(":stateMachine:")?;
    let machine = machine.split(':').next().filter(|machine| !machine.is_empty())?;
    Some(format!("{service}:execution:{machine}:{}", name.as_str()))
}

impl Executions for Aws {
    async fn ended_with(&self, execution: &str) -> PortResult<Option<String>> {
        Ok(match self.execution(execution).await? {
            Execution::Running => None,
            Execution::Ended { status, .. } => Some(status),
            Execution::Unknown => Some(EXECUTION_GONE.to_owned()),
        })
    }
}

/// Step Functions forgets executions after 90 days, and with their machine.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>
const fn is_gone(error: &PortError) -> bool {
    matches!(error, PortError::NotFound { .. })
}

impl Aws {
    /// How an execution stands, by its ARN. The answer may lag behind by a moment.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn execution(&self, arn: &str) -> PortResult<Execution> {
        const CALL: &str = "states:DescribeExecution";
        let answer = self.step_functions().describe_execution().execution_arn(arn).send().await;
        match answer.map_err(|error| port_error(CALL, arn, &error)) {
            Ok(found) => Ok(match found.status() {
                ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Execution::Running,
                ended => Execution::Ended {
                    status: ended.as_str().to_owned(),
                    error: found.error().map(str::to_owned),
                    cause: found.cause().map(str::to_owned),
                },
            }),
            Err(error) if is_gone(&error) => Ok(Execution::Unknown),
            Err(error) => Err(error),
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Script;
    use serde_json::json;

    const ARN: &str = "arn:aws:states:eu-central-1:123456789012:execution:teal:r-1";

    #[tokio::test]
    async fn a_failed_execution_says_why() {
        let end = json!({"status": "FAILED", "error": "Teal.RouteBusy", "cause": "Refused, nothing was touched: held",
            "executionArn": ARN, "stateMachineArn": "arn", "startDate": 1.5});
        let script = Script::default().json(&end);
        let expected = Execution::Ended {
            status: "FAILED".into(),
            error: Some("Teal.RouteBusy".into()),
            cause: Some("Refused, nothing was touched: held".into()),
        };
        assert_eq!(script.aws().execution(ARN).await, Ok(expected));
        assert_eq!(script.operations(), ["DescribeExecution"]);
    }

    #[tokio::test]
    async fn an_execution_that_step_functions_does_not_know_is_unknown_and_has_ended() {
        let gone = r#"{"__type": "ExecutionDoesNotExist", "message": "Execution Does Not Exist"}"#;
        let script = Script::default().answers(400, gone).answers(400, gone);
        assert_eq!(script.aws().execution(ARN).await, Ok(Execution::Unknown));
        assert_eq!(script.aws().ended_with(ARN).await, Ok(Some("GONE".to_owned())));
    }

    #[test]
    fn an_execution_is_called_by_its_machine_whatever_version_or_alias_started_it() {
        let id = ReleaseId::new("r-1").unwrap();
        let machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:teal";
        for arn in [machine.to_owned(), format!("{machine}:live"), format!("{machine}:7")] {
            assert_eq!(execution_arn(&arn, &id).as_deref(), Some(ARN));
        }
        assert_eq!(execution_arn("teal", &id), None);
    }
}
