//! Permissions of AWS CodeDeploy.

use super::{Needed, any, arn, on, text};
use serde_json::Value;

/// A group is a resource by its application's name and its own. Whose group a deployment is does not stand in a request about one: it is asked
/// for any. A deployment is created with its revision registered and its configuration read, in the caller's name.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html>
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/auth-and-access-control-permissions-reference.html>
pub(super) fn needed(operation: &str, input: &Value) -> Vec<Needed> {
    let application = text(input, "applicationName").unwrap_or("*");
    let group = || {
        let name = text(input, "deploymentGroupName").or_else(|| text(input, "currentDeploymentGroupName"));
        vec![arn("codedeploy", "deploymentgroup:", &format!("{application}/{}", name.unwrap_or("*")))]
    };
    let config = || vec![arn("codedeploy", "deploymentconfig:", text(input, "deploymentConfigName").unwrap_or("*"))];
    let application = || vec![arn("codedeploy", "application:", application)];
    match operation {
        "CreateDeployment" => {
            let mut needed = on("codedeploy", operation, group());
            needed.extend(on("codedeploy", "GetDeploymentConfig", config()));
            needed.extend(on("codedeploy", "RegisterApplicationRevision", application()));
            needed
        }
        "CreateDeploymentGroup"
        | "UpdateDeploymentGroup"
        | "GetDeploymentGroup"
        | "GetDeployment"
        | "BatchGetDeployments"
        | "ListDeployments" => on("codedeploy", operation, group()),
        "CreateDeploymentConfig" | "GetDeploymentConfig" => on("codedeploy", operation, config()),
        "CreateApplication" => on("codedeploy", operation, application()),
        _ => on("codedeploy", operation, any()),
    }
}
