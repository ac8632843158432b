//! A person who keeps plans and releases with `teal` and may do nothing else: a user with the stack's two policies for people.

use crate::deploy::policy_document;
use crate::{Lab, LabError};
use serde_json::json;
use teal_lab_gateway::Violation;

const USER: &str = "operator";

impl Lab {
    /// Makes the user, whose calls are checked against the policies as those of functions are. Gives the environment that lets a program
    /// call as this user, beside that of [`Lab::environment`].
    ///
    /// # Errors
    /// If IAM refuses, as it does the second time.
    pub async fn operator(&self) -> Result<Vec<(&'static str, String)>, LabError> {
        let aws = self.aws();
        aws.call("iam", "CreateUser", json!({"UserName": USER})).await?;
        let mut policies = Vec::new();
        for arn in [&self.deployment().operator_policy, &self.deployment().plan_keeper_policy] {
            aws.call("iam", "AttachUserPolicy", json!({"UserName": USER, "PolicyArn": arn})).await?;
            policies.push(policy_document(aws, arn).await?);
        }
        let created = aws.call("iam", "CreateAccessKey", json!({"UserName": USER})).await?;
        let part = |name: &str| created["AccessKey"][name].as_str().unwrap_or_default().to_owned();
        let key = part("AccessKeyId");
        let registered = self.gateway().register_caller([key.clone()], USER, &policies);
        registered.map_err(|error| LabError::document("template.yaml", format!("policies for people: {error}")))?;
        Ok(vec![("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey"))])
    }

    /// How many of the user's calls the policies allowed so far, and what they refused, as sentences.
    #[must_use]
    pub fn checks_of_operator(&self) -> (u64, Vec<String>) {
        let report = self.gateway().policy_report();
        let uses = report.permissions.iter().filter(|permission| permission.caller == USER);
        let refused = report.violations.iter().filter(|violation| violation.caller == USER);
        let sentence = |violation: &Violation| format!("{} on {}", violation.action, violation.resource);
        (uses.map(|permission| permission.uses).sum(), refused.map(sentence).collect())
    }
}
