//! What CodeDeploy answers about a deployment.

use super::id_of;
use crate::json::{self, minutes};
use serde_json::Value;
use teal::deployment::DeploymentId;
use teal::ports::{DeploymentStage, DeploymentState, PortError, PortResult};
use teal::time::Timestamp;
use teal::units::Span;

const DESCRIBED_BY: &str = "codedeploy:GetDeployment";

/// The longest text of CodeDeploy that is passed on, in characters.
const LONGEST: usize = 500;

/// A deployment's information.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html>
#[derive(Debug)]
pub(super) struct Deployment(pub(super) Value);

impl Deployment {
    fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_default()
    }

    pub(super) fn application(&self) -> &str {
        self.text("applicationName")
    }

    pub(super) fn group(&self) -> &str {
        self.text("deploymentGroupName")
    }

    pub(super) fn description(&self) -> &str {
        self.text("description")
    }

    pub(super) fn is_of(&self, application: &str, group: &str) -> bool {
        self.application() == application && self.group() == group
    }

    /// Whether it takes another one back: CodeDeploy's own, or that of a stack whose update failed.
    pub(super) fn is_rollback(&self) -> bool {
        ["codeDeployRollback", "CloudFormationRollback"].contains(&self.text("creator"))
    }

    /// When it was made, and its id.
    pub(super) fn dated(self) -> Option<(i64, String)> {
        let at = json::time_of(&self.0["createTime"])?;
        Some((at.as_millisecond(), self.text("deploymentId").to_owned()))
    }

    /// The deployment that takes it back.
    pub(super) fn taken_back_by(&self) -> PortResult<Option<DeploymentId>> {
        let id = &self.0["rollbackInfo"]["rollbackDeploymentId"];
        if id.as_str().is_none_or(str::is_empty) { Ok(None) } else { id_of(DESCRIBED_BY, id).map(Some) }
    }

    pub(super) fn waits(&self) -> bool {
        self.text("status") == "Ready"
    }

    /// Whether it has ended, with all the traffic where it was to bring it.
    pub(super) fn ended_shifted(&self) -> bool {
        self.text("status") == "Succeeded" && !self.is_rollback()
    }

    pub(super) fn has_ended(&self) -> PortResult<bool> {
        match self.text("status") {
            "Created" | "Queued" | "InProgress" | "Baking" | "Ready" => Ok(false),
            "Succeeded" | "Failed" | "Stopped" => Ok(true),
            other => Err(PortError::Unavailable {
                call: DESCRIBED_BY,
                message: format!("{other:?} is no status of a deployment"),
            }),
        }
    }

    /// What it is doing, beside the one that takes it back.
    pub(super) fn deployment_state(&self, rollback: Option<&Deployment>) -> PortResult<DeploymentState> {
        let ended = self.has_ended()?;
        Ok(match rollback {
            Some(rollback) if !rollback.has_ended()? => DeploymentState::TakingBack,
            _ if !ended && self.is_rollback() => DeploymentState::TakingBack,
            _ if !ended => DeploymentState::UnderWay,
            None if self.ended_shifted() => DeploymentState::Succeeded,
            _ => DeploymentState::GaveUp,
        })
    }

    /// How long what it replaces is kept: nothing of an alias, whose versions stay, nor where it is kept for good.
    pub(super) fn keeps_blue(&self) -> Option<Span> {
        let end = &self.0["blueGreenDeploymentConfiguration"]["terminateBlueInstancesOnDeploymentSuccess"];
        if end["action"] == "KEEP_ALIVE" { None } else { minutes(&end["terminationWaitTimeInMinutes"]) }
    }

    /// Why it ended as it did, and what is said of taking it back.
    pub(super) fn why(&self) -> Option<String> {
        let error = &self.0["errorInformation"];
        let part = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let error: Vec<String> = [part(&error["code"]), part(&error["message"])].into_iter().flatten().collect();
        let error = Some(error.join(": ")).filter(|text| !text.is_empty());
        let whole: Vec<String> =
            [error, part(&self.0["rollbackInfo"]["rollbackMessage"])].into_iter().flatten().collect();
        (!whole.is_empty()).then(|| whole.join(". ").chars().take(LONGEST).collect())
    }
}

/// The lifecycle events of a target, whatever its kind.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentTarget.html>
fn events_of(target: &Value) -> impl Iterator<Item = &Value> {
    kind_of(target)["lifecycleEvents"].as_array().into_iter().flatten()
}

/// Their names and statuses.
fn events(target: &Value) -> impl Iterator<Item = (&str, &str)> {
    events_of(target).filter_map(|event| Some((event["lifecycleEventName"].as_str()?, event["status"].as_str()?)))
}

/// The member that holds what is known of a target. A stack update has targets of its own kind, whatever it deploys to.
fn kind_of(target: &Value) -> &Value {
    let kinds =
        ["ecsTarget", "lambdaTarget", "instanceTarget", "cloudFormationTarget"].into_iter().map(|kind| &target[kind]);
    kinds.into_iter().find(|kind| kind.is_object()).unwrap_or(&Value::Null)
}

/// How far a deployment has come that has these targets.
pub(super) fn stage_of(targets: &[Value]) -> DeploymentStage {
    let stage = |target: &Value| {
        let has_passed = |name: &str| {
            events(target)
                .find(|(event, _)| *event == name)
                .map(|(_, status)| ["Succeeded", "Skipped"].contains(&status))
        };
        match (has_passed("Install"), has_passed("AllowTraffic")) {
            (_, Some(true)) => DeploymentStage::Shifted,
            (Some(true), _) => DeploymentStage::Installed,
            // A version of a function needs no installing; what a stack update deploys to is up before that.
            (None, _) if !target["ecsTarget"].is_object() => DeploymentStage::Installed,
            _ => DeploymentStage::Installing,
        }
    };
    targets.iter().map(stage).min().unwrap_or(DeploymentStage::Installing)
}

/// A lifecycle event that is under way.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_LifecycleEvent.html>
#[derive(Debug)]
pub(super) struct UnderWay<'a> {
    pub(super) name: &'a str,
    pub(super) since: Option<Timestamp>,
}

/// The lifecycle event that is under way.
pub(super) fn event_under_way(targets: &[Value]) -> Option<UnderWay<'_>> {
    let event = targets.iter().flat_map(events_of).find(|event| event["status"] == "InProgress")?;
    Some(UnderWay { name: event["lifecycleEventName"].as_str()?, since: json::time_of(&event["startTime"]) })
}

/// The version of a function that is deployed.
pub(super) fn function_version(targets: &[Value]) -> Option<&str> {
    targets.iter().find_map(|target| target["lambdaTarget"]["lambdaFunctionInfo"]["targetVersion"].as_str())
}
