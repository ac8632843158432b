//! Deployments of AWS CodeDeploy: of an ECS service, and of an alias of a Lambda function.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/Welcome.html>
//!
//! CodeDeploy takes a deployment back by one of its own, with an id of its own, of which GetDeployment tells.

mod asked;
mod reading;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::json;
use aws_config::retry::RetryConfig;
use reading::{Deployment, stage_of};
use serde_json::{Value, json};
use teal::deployment::{DeploymentId, description};
use teal::hook::{HookAnswer, HookTicket};
use teal::plan::CodeDeployShift;
use teal::ports::{DeploymentReading, DeploymentStage, Hearing, PortError, PortResult};
use teal::release::ReleaseId;
use teal::time::Timestamp;

pub(crate) const CODEDEPLOY: json::Service =
    json::Service { name: "codedeploy", target: "CodeDeploy_20141006", version: "1.1", id: "codedeploy" };

const CREATE_DEPLOYMENT: &str = "codedeploy:CreateDeployment";

/// The statuses of a deployment that has not ended.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html>
const UNDER_WAY: [&str; 5] = ["Created", "Queued", "InProgress", "Baking", "Ready"];

/// How far back the deployment of a release is looked for, in seconds: an hour for each of its hooks, two days at most until it may be
/// shifted, and two until what it replaced is taken in.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html>
const LOOKED_BACK_SECONDS: i64 = 7 * 86_400;

/// How many deployments, or targets of one, can be asked for at once.
const AT_ONCE: usize = 25;

/// CodeDeploy's deployments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeDeploy<'a>(pub(crate) &'a Aws);

impl CodeDeploy<'_> {
    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html>
    pub(crate) async fn begin_in_group(self, by: &CodeDeployShift, release: &ReleaseId) -> PortResult<DeploymentId> {
        let Some(app_spec) = &by.app_spec else {
            let message = format!("the plan has no appSpec for {}", group(by));
            return Err(PortError::Refused { call: CREATE_DEPLOYMENT, message });
        };
        if let Some(begun) = self.begun_in_group(by, release).await? {
            return Ok(begun);
        }
        let content = Value::Object(app_spec.0.clone()).to_string();
        let input = json!({
            "applicationName": by.application,
            "deploymentGroupName": by.deployment_group,
            "description": description(release),
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
            // A hook that is answered Failed takes the deployment back even if Teal is gone, whatever the group says.
            "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]},
        });
        match self.0.codedeploy_once().call(CREATE_DEPLOYMENT, &group(by), &input).await {
            Ok(answer) => id_of(CREATE_DEPLOYMENT, &answer["deploymentId"]),
            // Perhaps by another run of this step.
            Err(error) if is_code(&error, "DeploymentLimitExceededException") => {
                self.begun_in_group(by, release).await?.ok_or_else(|| other_under_way(by, error))
            }
            Err(error) => Err(error),
        }
    }

    /// The deployment that is described as a release's. There may be more than one by hands other than Teal's: then the newest.
    pub(crate) async fn begun_in_group(
        self,
        by: &CodeDeployShift,
        release: &ReleaseId,
    ) -> PortResult<Option<DeploymentId>> {
        let since = self.0.clock().now().as_second().saturating_sub(LOOKED_BACK_SECONDS);
        let since = json::time(Timestamp::from_second(since).unwrap_or(Timestamp::UNIX_EPOCH));
        let ids = self.listed(by, "createTimeRange", json!({"start": since})).await?;
        let described = description(release);
        let mut newest = None;
        for some in ids.chunks(AT_ONCE) {
            let call = "codedeploy:BatchGetDeployments";
            let answer = self.0.codedeploy().call(call, &group(by), &json!({"deploymentIds": some})).await?;
            let found = answer["deploymentsInfo"].as_array().into_iter().flatten().cloned().map(Deployment);
            let ours = found.filter(|one| one.description() == described && !one.is_rollback());
            newest = newest.into_iter().chain(ours.filter_map(Deployment::dated)).max_by_key(|(at, _)| *at);
        }
        newest.map(|(_, id)| id_of("codedeploy:BatchGetDeployments", &json!(id))).transpose()
    }

    pub(crate) async fn under_way_in_group(self, by: &CodeDeployShift) -> PortResult<Option<DeploymentId>> {
        // A group has one at a time.
        let ids = self.listed(by, "includeOnlyStatuses", json!(UNDER_WAY)).await?;
        ids.first().map(|id| id_of("codedeploy:ListDeployments", id)).transpose()
    }

    pub(crate) async fn reading_in_group(
        self,
        by: &CodeDeployShift,
        id: &DeploymentId,
    ) -> PortResult<DeploymentReading> {
        let found = self.described(id).await?;
        if !found.is_of(by.application.as_str(), by.deployment_group.as_str()) {
            return Err(PortError::NotFound { what: format!("{} of {}", what(id), group(by)) });
        }
        let taken_back_by = found.taken_back_by()?;
        let rollback = match &taken_back_by {
            Some(rollback) => Some(self.described(rollback).await?),
            None => None,
        };
        let state = found.deployment_state(rollback.as_ref())?;
        let stage = match found.ended_shifted() {
            true => DeploymentStage::Shifted,
            false => stage_of(&self.targets_of(id).await?),
        };
        let waits = found.waits();
        let (keeps_blue, why) = (found.keeps_blue(), found.why());
        Ok(DeploymentReading { state, stage, waits, asks_again: false, taken_back_by, keeps_blue, why })
    }

    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ContinueDeployment.html>
    pub(crate) async fn go_on_from_ready(self, id: &DeploymentId) -> PortResult<()> {
        let input = json!({"deploymentId": id, "deploymentWaitType": "READY_WAIT"});
        let done = ["DeploymentIsNotInReadyStateException", "DeploymentAlreadyCompletedException"];
        let answered = self.0.codedeploy_once().call("codedeploy:ContinueDeployment", &what(id), &input).await;
        unless_done(answered, &[done[0], done[1], "InvalidDeploymentStatusException"])
    }

    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_StopDeployment.html>
    pub(crate) async fn take_back_in_group(self, id: &DeploymentId) -> PortResult<()> {
        let input = json!({"deploymentId": id, "autoRollbackEnabled": true});
        let answered = self.0.codedeploy().call("codedeploy:StopDeployment", &what(id), &input).await;
        unless_done(answered, &["DeploymentAlreadyCompletedException"])
    }

    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_PutLifecycleEventHookExecutionStatus.html>
    pub(crate) async fn tell_hook(self, ticket: &HookTicket, answer: HookAnswer) -> PortResult<Hearing> {
        let status = match answer {
            HookAnswer::Succeeded => "Succeeded",
            HookAnswer::Failed => "Failed",
        };
        let input = json!({
            "deploymentId": ticket.deployment,
            "lifecycleEventHookExecutionId": ticket.execution,
            "status": status,
        });
        let call = "codedeploy:PutLifecycleEventHookExecutionStatus";
        let about = format!("{} of {}", ticket.event, what(&ticket.deployment));
        let answered = self.0.codedeploy().call(call, &about, &input).await;
        match answered {
            Ok(_) => Ok(Hearing::Heard),
            Err(error) if is_code(&error, "LifecycleEventAlreadyCompletedException") => Ok(Hearing::TooLate),
            Err(error @ PortError::Refused { .. }) if !self.described(&ticket.deployment).await?.has_ended()? => {
                Err(error)
            }
            // Nobody waits for it any more.
            Err(PortError::Refused { .. }) => Ok(Hearing::TooLate),
            Err(error) => Err(error),
        }
    }

    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeployment.html>
    async fn described(self, id: &DeploymentId) -> PortResult<Deployment> {
        let input = json!({"deploymentId": id});
        let mut answer = self.0.codedeploy().call("codedeploy:GetDeployment", &what(id), &input).await?;
        Ok(Deployment(answer.get_mut("deploymentInfo").map(Value::take).unwrap_or_default()))
    }

    /// What is deployed to, each with its lifecycle events; nothing before the deployment has started.
    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BatchGetDeploymentTargets.html>
    async fn targets_of(self, id: &DeploymentId) -> PortResult<Vec<Value>> {
        let (client, what) = (self.0.codedeploy(), what(id));
        let listed = client.call("codedeploy:ListDeploymentTargets", &what, &json!({"deploymentId": id})).await;
        let mut ids = match listed {
            Ok(mut page) => page.get_mut("targetIds").map(Value::take).unwrap_or_default(),
            Err(error) if is_code(&error, "DeploymentNotStartedException") => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let Some(some) = ids.as_array_mut().filter(|ids| !ids.is_empty()) else { return Ok(Vec::new()) };
        some.truncate(AT_ONCE);
        let input = json!({"deploymentId": id, "targetIds": some});
        let mut answer = client.call("codedeploy:BatchGetDeploymentTargets", &what, &input).await?;
        Ok(match answer.get_mut("deploymentTargets").map(Value::take) {
            Some(Value::Array(targets)) => targets,
            _ => Vec::new(),
        })
    }

    /// The ids of the group's deployments that one filter leaves.
    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ListDeployments.html>
    async fn listed(self, by: &CodeDeployShift, filter: &str, value: Value) -> PortResult<Vec<Value>> {
        let mut input = json!({"applicationName": by.application, "deploymentGroupName": by.deployment_group});
        input[filter] = value;
        self.0.codedeploy().call_paged("codedeploy:ListDeployments", &group(by), input, "deployments").await
    }
}

impl Aws {
    /// For what must not be sent a second time.
    fn codedeploy_once(&self) -> json::Client {
        let config = self.config.to_builder().retry_config(RetryConfig::disabled()).build();
        json::Client::new(&config, &CODEDEPLOY)
    }
}

fn what(id: &DeploymentId) -> String {
    format!("deployment {id}")
}

fn group(by: &CodeDeployShift) -> String {
    format!("CodeDeploy's deployment group {} of {}", by.deployment_group, by.application)
}

fn id_of(call: &'static str, id: &Value) -> PortResult<DeploymentId> {
    let text = id.as_str().unwrap_or_default();
    let unreadable = |_| PortError::Unavailable { call, message: format!("{text:?} came back as a deployment's id") };
    text.parse().map_err(unreadable)
}

/// Whether the service refused with this code.
fn is_code(error: &PortError, code: &str) -> bool {
    matches!(error, PortError::Refused { message, .. } if message.starts_with(code))
}

/// What was refused because it is done is done.
fn unless_done(answered: PortResult<Value>, codes: &[&str]) -> PortResult<()> {
    match answered {
        Err(error) if codes.iter().any(|code| is_code(&error, code)) => Ok(()),
        answered => answered.map(drop),
    }
}

fn other_under_way(by: &CodeDeployShift, error: PortError) -> PortError {
    match error {
        PortError::Refused { call, message } => PortError::Refused {
            call,
            message: format!(
                "{message}. Another deployment of {} is under way: start this release when it has ended, or stop it",
                group(by)
            ),
        },
        error => error,
    }
}
