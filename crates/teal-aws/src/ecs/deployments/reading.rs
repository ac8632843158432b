//! What ECS answers about a deployment of a service.

use super::DESCRIBE_DEPLOYMENTS;
use crate::json::minutes;
use serde_json::Value;
use teal::ports::{DeploymentReading, DeploymentStage, DeploymentState, PortError, PortResult};

/// The longest text of ECS that is passed on, in characters.
const LONGEST: usize = 500;

/// The stages in their order.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
const STAGES: [&str; 11] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

/// A deployment of a service.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
#[derive(Debug)]
pub(super) struct ServiceDeployment(pub(super) Value);

impl ServiceDeployment {
    fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_default()
    }

    /// Whether it is one of this service, in a cluster by its name or ARN.
    pub(super) fn is_of(&self, cluster: &str, service: &str) -> bool {
        let name = cluster.rsplit('/').next().unwrap_or(cluster);
        let place = format!("/{name}/{service}");
        self.text("serviceArn").ends_with(&place) && (cluster == name || self.text("clusterArn") == cluster)
    }

    pub(super) fn stage_name(&self) -> &str {
        self.text("lifecycleStage")
    }

    /// Whether there is no older revision that it could go back to.
    pub(super) fn is_first(&self) -> bool {
        self.0["sourceServiceRevisions"].as_array().is_none_or(Vec::is_empty)
    }

    pub(super) fn deployment_state(&self) -> PortResult<DeploymentState> {
        Ok(match self.text("status") {
            "PENDING" | "IN_PROGRESS" | "STOP_REQUESTED" => DeploymentState::UnderWay,
            "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS" => DeploymentState::TakingBack,
            "SUCCESSFUL" => DeploymentState::Succeeded,
            "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED" => DeploymentState::GaveUp,
            other => {
                let message = format!("{other:?} is no status of a deployment");
                return Err(PortError::Unavailable { call: DESCRIBE_DEPLOYMENTS, message });
            }
        })
    }

    fn stage(&self) -> DeploymentStage {
        let name = self.stage_name();
        let is_past = |passed: &str| {
            let place = |stage: &str| STAGES.iter().position(|known| *known == stage);
            place(name) > place(passed)
        };
        if self.text("status") == "SUCCESSFUL" || is_past("PRODUCTION_TRAFFIC_SHIFT") {
            DeploymentStage::Shifted
        } else if is_past("SCALE_UP") {
            DeploymentStage::Installed
        } else {
            DeploymentStage::Installing
        }
    }

    /// The ids of the pause hooks that it waits at.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>
    pub(super) fn pauses(&self) -> impl Iterator<Item = &str> {
        let hooks = self.0["lifecycleHookDetails"].as_array().into_iter().flatten();
        let waiting = hooks.filter(|hook| hook["targetType"] == "PAUSE" && hook["status"] == "AWAITING_ACTION");
        waiting.filter_map(|hook| hook["hookId"].as_str())
    }

    pub(super) fn waits(&self) -> bool {
        self.pauses().next().is_some()
    }

    pub(super) fn deployment_reading(&self) -> PortResult<DeploymentReading> {
        let state = self.deployment_state()?;
        let waits = state == DeploymentState::UnderWay && self.waits();
        let why = (state != DeploymentState::Succeeded).then(|| self.why()).flatten();
        let keeps_blue = minutes(&self.0["deploymentConfiguration"]["bakeTimeInMinutes"]);
        let (stage, asks_again) = (self.stage(), state == DeploymentState::UnderWay && self.may_ask());
        Ok(DeploymentReading { state, stage, waits, asks_again, taken_back_by: None, keeps_blue, why })
    }

    /// Whether a stage is still to end at which hooks are asked.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>
    fn may_ask(&self) -> bool {
        let place = |stage: &str| STAGES.iter().position(|known| *known == stage);
        place(self.stage_name()).is_some_and(|now| Some(now) <= place("POST_PRODUCTION_TRAFFIC_SHIFT"))
    }

    /// What ECS says of its status, and why it is taken back.
    fn why(&self) -> Option<String> {
        let parts = [&self.0["rollback"]["reason"], &self.0["statusReason"]];
        let mut texts: Vec<&str> =
            parts.into_iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect();
        texts.dedup();
        (!texts.is_empty()).then(|| texts.join(". ").chars().take(LONGEST).collect())
    }
}
