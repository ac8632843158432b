//! Releases whose traffic a deployment moves: those that its hooks start, and how the deployment ends.

use super::Run;
use crate::LabError;
use crate::deployments::{DeploymentResult, DeploymentSpec};
use serde_json::json;
use teal::deployment::DeploymentId;
use teal::hook::release_of;
use teal_aws::execution_arn;

impl Run<'_> {
    /// Begins the deployment, or follows the release that its first hook has started.
    pub(super) async fn release_by_deployment(&mut self, spec: &DeploymentSpec) -> Result<(), LabError> {
        let Some(deployment) = &self.deployment else {
            self.keep_plan().await?;
            let deployment = spec.begin(self.lab.aws(), &self.stage.names).await?;
            let line = format!("somebody deploys {}: {deployment} begins", spec.service());
            self.watcher.event(self.timeline.now(), "event", &line);
            self.deployment = Some(deployment);
            return Ok(());
        };
        if spec.is_in_place() {
            return Ok(());
        }
        let problem = |problem: String| LabError::document(format!("scenario {}", self.scenario.name), problem);
        let release = release_of(deployment).map_err(problem)?;
        let execution = execution_arn(&self.lab.deployment().state_machine, &release).unwrap_or_default();
        match self.lab.aws().call("states", "DescribeExecution", json!({"executionArn": execution})).await {
            Ok(_) => {}
            Err(LabError::Aws { code, .. }) if code.contains("ExecutionDoesNotExist") => return Ok(()),
            Err(error) => return Err(error),
        }
        self.watcher.event(self.timeline.now(), "event", &format!("a hook has started release {release}"));
        self.observe(execution, self.scenario.expect.clone());
        Ok(())
    }

    /// The deployment that moves the traffic of the release under test: the one that somebody began, or that its record names.
    pub(super) async fn deployment_of_release(&self) -> Result<Option<DeploymentId>, LabError> {
        if self.deployment.is_some() {
            return Ok(self.deployment.clone());
        }
        let Some(running) = self.releases.first() else { return Ok(None) };
        let record = self.lab.ledger().record(running.observer.name()).await?;
        Ok(record.and_then(|record| record.deployment).map(|deployment| deployment.id))
    }

    /// How that deployment stands.
    pub(super) async fn deployment_result(&self) -> Result<Option<DeploymentResult>, LabError> {
        match self.deployment_of_release().await? {
            Some(id) => DeploymentResult::of(self.lab.aws(), &id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether the deployment still goes on whose end the scenario waits for.
    pub(super) async fn deployment_goes_on(&self) -> Result<bool, LabError> {
        let Some(expected) = &self.scenario.expect.deployment else { return Ok(false) };
        Ok(match self.deployment_result().await? {
            Some(found) => !found.has_ended() || (expected.rollback.is_some() && found.rollback.is_none()),
            None => false,
        })
    }
}
