//! Deployments of CodeDeploy and of Amazon ECS that move the traffic of a release in Teal's place.

use crate::hook::{HookAnswer, HookTicket};
use crate::release::ReleaseId;
use crate::time::Timestamp;
use crate::units::Invalid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A deployment's id: of CodeDeploy's `d-ABC123XYZ`, of ECS's the ARN of a service deployment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeploymentId(String);

impl DeploymentId {
    /// The id as its service writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of ECS's.
    #[must_use]
    pub fn is_of_ecs(&self) -> bool {
        self.0.starts_with("arn:")
    }

    /// What tells it from others of the same service: the last part of an ARN.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

const REMEDY: &str =
    "Write CodeDeploy's id of a deployment, such as \"d-ABC123XYZ\", or the ARN of an ECS service deployment";

impl FromStr for DeploymentId {
    type Err = Invalid;

    /// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeployment.html>,
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_name = |text: &str, longest: usize| {
            (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        if let Some(rest) = text.strip_prefix("d-")
            && is_name(rest, 62)
        {
            return Ok(Self(text.to_owned()));
        }
        if let Some((service, path)) = text.split_once(":service-deployment/")
            && service.starts_with("arn:")
            && service.split(':').nth(2) == Some("ecs")
            && service.split(':').count() == 5
            && service.len() <= 100
        {
            let parts: Vec<&str> = path.split('/').collect();
            if let [cluster, name, id] = parts.as_slice()
                && is_name(cluster, 255)
                && is_name(name, 255)
                && is_name(id, 64)
            {
                return Ok(Self(text.to_owned()));
            }
        }
        Err(Invalid::new("it is no deployment's id", REMEDY))
    }
}

impl TryFrom<String> for DeploymentId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<DeploymentId> for String {
    fn from(id: DeploymentId) -> Self {
        id.0
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The deployment that moves a release's traffic, as the record has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentUnderWay {
    pub id: DeploymentId,
    /// When Teal began it, or found it under way.
    pub since: Timestamp,
    /// The deployment that takes it back, where that is one of its own: CodeDeploy's rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_back_by: Option<DeploymentId>,
    /// When Teal stopped it, so that it takes its traffic back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// The rules, by their ARNs, that took requests from the test listener or rule when the deployment had sent it to green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_rivals: Option<BTreeSet<String>>,
    /// The hooks that need no answer any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<AnsweredHook>,
}

/// A hook of a deployment that needs no answer any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnsweredHook {
    /// [`HookTicket::execution`].
    pub execution: String,
    /// What a step answered; nothing where it had its answer already, from on-lifecycle-hook as it asked, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<HookAnswer>,
}

impl DeploymentUnderWay {
    /// A deployment that was begun, or found, then.
    #[must_use]
    pub const fn new(id: DeploymentId, since: Timestamp) -> Self {
        Self { id, since, taken_back_by: None, stopped_at: None, test_rivals: None, answered: Vec::new() }
    }

    /// Keeps that a hook was answered, and how if a step did.
    pub fn answer(&mut self, ticket: &HookTicket, answer: Option<HookAnswer>) {
        self.answered.push(AnsweredHook { execution: ticket.execution.clone(), answer });
    }

    /// Whether a hook was answered.
    #[must_use]
    pub fn has_answered(&self, ticket: &HookTicket) -> bool {
        self.answered.iter().any(|answered| answered.execution == ticket.execution)
    }
}

const DESCRIPTION: &str = "Teal release ";

/// How the deployment that Teal begins for a release is described, so that it is found again.
#[must_use]
pub fn description(release: &ReleaseId) -> String {
    format!("{DESCRIPTION}{release}")
}

/// The release that a deployment was begun for, by its description; nothing where somebody else began it.
#[must_use]
pub fn described_release(description: &str) -> Option<ReleaseId> {
    ReleaseId::new(description.strip_prefix(DESCRIPTION)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/checkout/9I4IlcQ5Z2JTUvV2XD4Rp";

    #[test]
    fn ids_of_both_services_are_read_and_told_apart() {
        let code_deploy: DeploymentId = "d-ABC123XYZ".parse().unwrap();
        assert_eq!((code_deploy.short(), code_deploy.is_of_ecs()), ("d-ABC123XYZ", false));
        let ecs: DeploymentId = ARN.parse().unwrap();
        assert_eq!((ecs.short(), ecs.is_of_ecs()), ("9I4IlcQ5Z2JTUvV2XD4Rp", true));
        assert_eq!(serde_json::from_value::<DeploymentId>(serde_json::json!(ARN)).unwrap(), ecs);
    }

    #[test]
    fn what_is_no_id_is_refused_with_a_remedy() {
        let service = "arn:aws:ecs:eu-central-1:123456789012:service/prod/checkout";
        let long = format!("d-{}", "A".repeat(80));
        for text in ["", "d-", "d-A B", "ABC123XYZ", service, &format!("{ARN}/more"), &ARN.replace("ecs", "ecr"), &long]
        {
            let invalid = text.parse::<DeploymentId>().unwrap_err();
            assert!(invalid.remedy.contains("d-ABC123XYZ"), "{text}: {invalid}");
        }
    }

    #[test]
    fn the_release_of_a_deployment_that_teal_began_stands_in_its_description() {
        let release = ReleaseId::new("r-1").unwrap();
        assert_eq!(described_release(&description(&release)), Some(release));
        for other in ["", "Teal release ", "Teal release a b", "deployed by hand"] {
            assert_eq!(described_release(other), None, "{other}");
        }
    }
}
