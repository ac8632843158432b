//! Deployments in place: no release is about them, so that the deployment itself is what is told of.

use super::Run;
use crate::LabError;
use crate::deployments::{DeploymentResult, DeploymentSpec};
use crate::result::ReleaseResult;
use crate::revision;
use crate::scenario::Outcome;
use serde_json::{Value, json};
use std::time::Duration;
use teal::deployment::DeploymentId;

/// How often blue's deployment is looked at (lab time), and when it is given up.
const LOOK: Duration = Duration::from_secs(5);
const BLUE_WITHIN: Duration = Duration::from_secs(3600);

impl Run<'_> {
    pub(super) fn is_in_place(&self) -> bool {
        self.scenario.release.deployment.as_ref().is_some_and(DeploymentSpec::is_in_place)
    }

    /// Keeps plan and revisions, and deploys blue: what was deployed before, and what a rollback goes back to.
    pub(super) async fn install_blue(&self) -> Result<(), LabError> {
        if !self.is_in_place() {
            return Ok(());
        }
        self.keep_plan().await?;
        let problem = |problem: String| LabError::document(format!("scenario {}", self.scenario.name), problem);
        let hook = self.lab.deployment().hook().ok_or_else(|| problem("Teal's stack has no hook".to_owned()))?;
        for (name, service) in &self.scenario.services {
            let exports = self.stage.exports(service).map_err(problem)?;
            let folder = self.lab.folder().join(format!("revisions/{}/{name}", self.scenario.name));
            let key = revision::key(&self.scenario.name, name);
            let (aws, repository) = (self.lab.aws(), &self.lab.places().repository);
            revision::keep(aws, repository, &folder, &key, &exports, hook, self.lab.clock().scale()).await?;
        }
        let blue = DeploymentSpec::InPlace { service: "blue".to_owned() };
        let deployment = blue.begin(self.lab.aws(), &self.stage.names).await?;
        let begun = self.lab.clock().now_millis();
        loop {
            let found = DeploymentResult::of(self.lab.aws(), &deployment).await?;
            if found.status == "Succeeded" {
                return Ok(());
            }
            let is_late = self.lab.clock().now_millis() - begun > BLUE_WITHIN.as_millis() as i64;
            if found.has_ended() || is_late {
                let story = self.story_in_place(&deployment).await?.join("\n");
                return Err(problem(format!("blue's deployment is {}: {story}", found.status)));
            }
            self.lab.clock().sleep(LOOK).await;
        }
    }

    /// The deployment in the terms of a release; nothing before it has begun.
    pub(super) async fn release_in_place(&self) -> Result<Option<ReleaseResult>, LabError> {
        let Some(deployment) = &self.deployment else { return Ok(None) };
        let found = DeploymentResult::of(self.lab.aws(), deployment).await?;
        let described =
            self.lab.aws().call("codedeploy", "GetDeployment", json!({"deploymentId": deployment.as_str()})).await?;
        let info = &described["deploymentInfo"];
        let at = |name: &str| {
            let seconds = info[name].as_f64().unwrap_or_default();
            self.timeline.of_lab_millis((seconds * 1000.0) as i64)
        };
        let overview = info["deploymentOverview"].as_object().into_iter().flatten();
        let counted: Vec<String> = overview
            .filter(|(_, count)| count.as_u64() != Some(0))
            .map(|(status, count)| format!("{count} {status}"))
            .collect();
        let mut story = vec![format!("{:.1} instances: {}", at("completeTime"), counted.join(", "))];
        story.extend(self.story_in_place(deployment).await?);
        let outcome = match (found.status.as_str(), found.rollback.as_deref()) {
            ("Succeeded", _) => Outcome::Promoted,
            ("Failed" | "Stopped", Some("Succeeded")) => Outcome::RolledBack,
            _ => Outcome::Unfinished,
        };
        Ok(Some(ReleaseResult {
            id: deployment.to_string(),
            outcome,
            execution_status: found.status,
            error: info["errorInformation"]["code"].as_str().map(str::to_owned),
            cause: found.message.clone(),
            reasons: found.message.into_iter().collect(),
            story,
            setbacks: 0,
            started_at: at("createTime"),
            seconds: at("completeTime") - at("createTime"),
            states: Vec::new(),
            state_transitions: 0,
            history_events: 0,
        }))
    }

    /// What happened on each instance: its lifecycle events, and what their scripts wrote.
    async fn story_in_place(&self, deployment: &DeploymentId) -> Result<Vec<String>, LabError> {
        let (aws, id) = (self.lab.aws(), json!(deployment.as_str()));
        let listed = aws.call("codedeploy", "ListDeploymentTargets", json!({"deploymentId": id})).await?;
        let body = json!({"deploymentId": id, "targetIds": listed["targetIds"]});
        let found = aws.call("codedeploy", "BatchGetDeploymentTargets", body).await?;
        let mut story = Vec::new();
        for target in found["deploymentTargets"].as_array().into_iter().flatten().map(|one| &one["instanceTarget"]) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            for event in target["lifecycleEvents"].as_array().into_iter().flatten() {
                let seconds = event["endTime"].as_f64().unwrap_or_default();
                let at = self.timeline.of_lab_millis((seconds * 1000.0) as i64);
                let told = &event["diagnostics"];
                let log = text(&told["logTail"]).replace('\n', " ");
                let [instance, name, status, message] =
                    [&target["targetId"], &event["lifecycleEventName"], &event["status"], &told["message"]].map(text);
                if status != "Skipped" && status != "Pending" {
                    story.push(format!("{at:.1} {instance}: {name} {status}. {message} {log}").trim_end().to_owned());
                }
            }
        }
        Ok(story)
    }
}
