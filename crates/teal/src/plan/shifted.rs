//! Who moves the traffic, where it is not Teal: a deployment of CodeDeploy or of Amazon ECS.

use super::{Cluster, EcsServiceName};
use crate::units::{Invalid, text_newtype};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Who moves the traffic: a deployment shifts it by its own configuration, and Teal validates, judges, lets it go on and stops it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ShiftedBy {
    /// A deployment of AWS CodeDeploy, of an ECS service or of a Lambda function.
    CodeDeploy(CodeDeployShift),
    /// A deployment of an Amazon ECS service of strategy blue/green, canary or linear.
    Ecs(EcsShift),
}

/// Deployments of a deployment group of AWS CodeDeploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CodeDeployShift {
    /// The application. Teal may only drive those that the parameter CodeDeployApplications of its stack names.
    pub application: CodeDeployName,
    /// Its deployment group.
    pub deployment_group: CodeDeployName,
    /// What is deployed, as CodeDeploy reads it: with it Teal begins the deployment; without it the release is about one that has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_spec: Option<AppSpec>,
}

/// Deployments of an Amazon ECS service. ECS begins them when the service is updated, so the release is always about one that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EcsShift {
    /// The cluster of the service.
    pub cluster: Cluster,
    /// The service.
    pub service: EcsServiceName,
}

/// An AppSpec, laid out as CodeDeploy's documentation has it.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppSpec(pub Map<String, Value>);

impl JsonSchema for AppSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AppSpec".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An AppSpec, laid out as CodeDeploy's documentation has it.",
            "type": "object",
            "additionalProperties": true,
        })
    }
}

impl ShiftedBy {
    /// Where the plan says it.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            ShiftedBy::CodeDeploy(_) => "traffic.shiftedBy.codeDeploy",
            ShiftedBy::Ecs(_) => "traffic.shiftedBy.ecs",
        }
    }

    /// The system that moves the traffic.
    #[must_use]
    pub const fn system(&self) -> &'static str {
        match self {
            ShiftedBy::CodeDeploy(_) => "CodeDeploy",
            ShiftedBy::Ecs(_) => "ECS",
        }
    }

    /// What the deployment deploys, where Teal begins it.
    #[must_use]
    pub const fn app_spec(&self) -> Option<&AppSpec> {
        match self {
            ShiftedBy::CodeDeploy(code_deploy) => code_deploy.app_spec.as_ref(),
            ShiftedBy::Ecs(_) => None,
        }
    }

    /// What somebody does so that there is a deployment for a release to be about.
    #[must_use]
    pub const fn begun_by(&self) -> &'static str {
        match self {
            ShiftedBy::CodeDeploy(_) => "Begin it first, or give an `appSpec` and Teal begins it",
            ShiftedBy::Ecs(_) => "Update the service first",
        }
    }

    /// The setting that says how long a deployment keeps blue.
    #[must_use]
    pub const fn keeps_blue_by(&self) -> &'static str {
        match self {
            ShiftedBy::CodeDeploy(_) => "the deployment group's terminationWaitTimeInMinutes",
            ShiftedBy::Ecs(_) => "the service's bakeTimeInMinutes",
        }
    }

    /// What two releases may not both act on: a group, or a service, has one deployment at a time.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            ShiftedBy::CodeDeploy(CodeDeployShift { application, deployment_group, .. }) => {
                format!("codedeploy:{application}/{deployment_group}")
            }
            ShiftedBy::Ecs(EcsShift { cluster, service }) => format!("ecs-deployments:{cluster}/{service}"),
        }
    }
}

impl fmt::Display for ShiftedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShiftedBy::CodeDeploy(CodeDeployShift { application, deployment_group, .. }) => {
                write!(f, "CodeDeploy's deployment group {deployment_group} of {application}")
            }
            ShiftedBy::Ecs(EcsShift { cluster, service }) => write!(f, "the ECS service {service} in {cluster}"),
        }
    }
}

text_newtype! {
    /// The name of an application of AWS CodeDeploy, or of a deployment group: 1 to 100 letters, digits and . _ + = , @ -.
    CodeDeployName {
        noun: "the name of an application or deployment group of CodeDeploy",
        pattern: r"^[A-Za-z0-9._+=,@-]{1,100}$",
        examples: &["shop"],
        check: check_name,
    }
}

/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html>
fn check_name(text: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._+=,@-".contains(c);
    if (1..=100).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err(Invalid::new(
        "a name has 1 to 100 letters, digits and . _ + = , @ -",
        "Write the name that `aws deploy list-applications` or `list-deployment-groups` shows",
    ))
}
