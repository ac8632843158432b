//! Deployments of CodeDeploy and ECS that move a release's traffic: how somebody begins one, and what becomes of it.

use crate::merge::merge;
use crate::revision;
use crate::scenario::fill;
use crate::{Aws, LabError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use teal::deployment::DeploymentId;

/// What somebody deploys, so that its hooks start the release.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum DeploymentSpec {
    /// A service of the scenario, by CodeDeploy: with the AppSpec of the template's outputs, in the deployment group that they name. At the
    /// lifecycle events of `hooks` it asks, too, whom it asks at the others.
    CodeDeploy {
        service: String,
        #[serde(default)]
        hooks: Vec<String>,
    },
    /// A service of the scenario, by ECS: its task definition is what the template's service is updated to. `update` is what the update says
    /// besides, with placeholders.
    Ecs {
        service: String,
        #[serde(default)]
        update: Map<String, Value>,
    },
    /// A service of the scenario, by CodeDeploy in place on the instances of the deployment group that the template's outputs name: the
    /// revision of infra/ec2 with the service's version. Before the load begins blue is deployed so, too.
    InPlace { service: String },
}

/// How a deployment stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentResult {
    pub id: String,
    /// As its service names it: `Succeeded`, `ROLLBACK_SUCCESSFUL`, ...
    pub status: String,
    /// The status of CodeDeploy's deployment that rolls it back.
    pub rollback: Option<String>,
    /// Why it ended so.
    pub message: Option<String>,
}

impl DeploymentSpec {
    /// The service of the scenario.
    pub(crate) fn service(&self) -> &str {
        match self {
            Self::CodeDeploy { service, .. } | Self::Ecs { service, .. } | Self::InPlace { service } => service,
        }
    }

    /// Whether it shifts no traffic, and no release is about it.
    pub(crate) const fn is_in_place(&self) -> bool {
        matches!(self, Self::InPlace { .. })
    }

    /// Begins the deployment. `names` is what the stage's placeholders stand for.
    pub(crate) async fn begin(&self, aws: &Aws, names: &BTreeMap<String, String>) -> Result<DeploymentId, LabError> {
        let name = |name: &str| names.get(name).map(String::as_str).unwrap_or_default();
        let id = match self {
            Self::CodeDeploy { service, hooks } => {
                let app_spec = app_spec(name("AppSpec"), service, names);
                let app_spec =
                    with_hooks(app_spec, hooks).map_err(|problem| LabError::document("the AppSpec", problem))?;
                let parameters = json!({
                    "applicationName": name("ApplicationName"),
                    "deploymentGroupName": name("DeploymentGroupName"),
                    "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": app_spec}},
                });
                aws.call("codedeploy", "CreateDeployment", parameters).await?["deploymentId"].take()
            }
            Self::InPlace { service } => {
                let key = revision::key(name("Name"), service);
                let location = json!({"bucket": revision::BUCKET, "key": key, "bundleType": "tar"});
                let parameters = json!({
                    "applicationName": name("ApplicationName"),
                    "deploymentGroupName": name("DeploymentGroupName"),
                    "revision": {"revisionType": "S3", "s3Location": location},
                });
                aws.call("codedeploy", "CreateDeployment", parameters).await?["deploymentId"].take()
            }
            Self::Ecs { service, update: more } => {
                let task_definition = name(&format!("taskDefinition.{service}"));
                let place = json!({"cluster": name("ClusterName"), "service": name("ServiceName")});
                let more =
                    fill(&json!(more), names).map_err(|problem| LabError::document("the deployment", problem))?;
                let mut update = place.clone();
                merge(&mut update, &more);
                update["taskDefinition"] = task_definition.into();
                aws.call("ecs", "UpdateService", update).await?;
                // The newest first.
                let mut listed = aws.call("ecs", "ListServiceDeployments", place).await?;
                listed["serviceDeployments"][0]["serviceDeploymentArn"].take()
            }
        };
        let text = id.as_str().unwrap_or_default();
        text.parse().map_err(|problem| LabError::document("the deployment", format!("{text:?}: {problem}")))
    }
}

/// The template's AppSpec with what it leaves open.
fn app_spec(template: &str, service: &str, names: &BTreeMap<String, String>) -> String {
    let name = |kind: &str, service: &str| names.get(&format!("{kind}.{service}")).cloned().unwrap_or_default();
    template
        .replace("<TASK_DEFINITION>", &name("taskDefinition", service))
        .replace("<CURRENT_VERSION>", &name("functionVersion", "blue"))
        .replace("<TARGET_VERSION>", &name("functionVersion", service))
}

/// The same with these hooks before the others, by the function of the first one.
fn with_hooks(app_spec: String, events: &[String]) -> Result<String, String> {
    if events.is_empty() {
        return Ok(app_spec);
    }
    let mut document: Value = serde_json::from_str(&app_spec).map_err(|problem| problem.to_string())?;
    let hooks = document["Hooks"].as_array_mut().ok_or("it has no hooks")?;
    let first = hooks.first().and_then(Value::as_object).and_then(|hook| hook.values().next()).cloned();
    let function = first.ok_or("it has no hooks")?;
    hooks.splice(..0, events.iter().map(|event| json!({ event: function })));
    Ok(document.to_string())
}

impl DeploymentResult {
    /// How a deployment stands now.
    pub(crate) async fn of(aws: &Aws, id: &DeploymentId) -> Result<Self, LabError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if id.is_of_ecs() {
            let described = json!({"serviceDeploymentArns": [id.as_str()]});
            let described = aws.call("ecs", "DescribeServiceDeployments", described).await?;
            let found = &described["serviceDeployments"][0];
            let status = text(&found["status"]).unwrap_or_default();
            return Ok(Self { id: id.to_string(), status, rollback: None, message: text(&found["statusReason"]) });
        }
        let described = aws.call("codedeploy", "GetDeployment", json!({"deploymentId": id.as_str()})).await?;
        let found = &described["deploymentInfo"];
        let rollback = match text(&found["rollbackInfo"]["rollbackDeploymentId"]) {
            Some(rollback) => {
                let described = aws.call("codedeploy", "GetDeployment", json!({"deploymentId": rollback})).await?;
                text(&described["deploymentInfo"]["status"])
            }
            None => None,
        };
        let (status, message) = (text(&found["status"]), text(&found["errorInformation"]["message"]));
        Ok(Self { id: id.to_string(), status: status.unwrap_or_default(), rollback, message })
    }

    /// Whether it has ended, and with it what rolls it back.
    pub(crate) fn has_ended(&self) -> bool {
        let ends =
            ["Succeeded", "Failed", "Stopped", "SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"];
        std::iter::once(&self.status).chain(&self.rollback).all(|status| ends.contains(&status.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_templates_app_spec_names_what_is_deployed() {
        let names = [("taskDefinition.green", "td:2"), ("functionVersion.blue", "1"), ("functionVersion.green", "2")];
        let names = names.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let template = r#"{"a": "<TASK_DEFINITION>", "b": "<CURRENT_VERSION>", "c": "<TARGET_VERSION>"}"#;
        assert_eq!(app_spec(template, "green", &names), r#"{"a": "td:2", "b": "1", "c": "2"}"#);
    }

    #[test]
    fn a_deployment_has_ended_when_its_rollback_has() {
        let result = |status: &str, rollback: Option<&str>| {
            let (status, rollback) = (status.to_owned(), rollback.map(str::to_owned));
            DeploymentResult { id: "d-1".into(), status, rollback, message: None }.has_ended()
        };
        assert!(
            result("Succeeded", None) && result("Stopped", Some("Succeeded")) && result("ROLLBACK_SUCCESSFUL", None)
        );
        assert!(
            !result("Ready", None) && !result("Stopped", Some("InProgress")) && !result("ROLLBACK_IN_PROGRESS", None)
        );
    }
}
