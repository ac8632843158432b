//! Permissions of AWS AppConfig.

use super::{Needed, any, arn, on, text};
use serde_json::Value;

/// What is under an application, which most operations name, too; a deployment is started with a profile and a strategy.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsappconfig.html>
pub(super) fn needed(operation: &str, input: &Value) -> Vec<Needed> {
    let (method, path) = operation.split_once(' ').unwrap_or_default();
    let path: Vec<&str> = path.trim_matches('/').split('/').collect();
    let whole = |path: &str| arn("appconfig", "application/", path);
    let (name, mut resources) = match (method, path.as_slice()) {
        ("POST", ["configurationsessions"]) => ("StartConfigurationSession", any()),
        ("GET", ["configuration"]) => ("GetLatestConfiguration", any()),
        (method, ["applications", application, "environments", environment, "deployments", rest @ ..]) => {
            let environment = format!("{application}/environment/{environment}");
            let mut resources = vec![whole(application), whole(&environment)];
            resources.extend(rest.first().map(|number| whole(&format!("{environment}/deployment/{number}"))));
            let name = match (method, rest) {
                ("POST", []) => "StartDeployment",
                ("GET", []) => "ListDeployments",
                ("DELETE", _) => "StopDeployment",
                _ => "GetDeployment",
            };
            if name == "StartDeployment" {
                let profile = text(input, "ConfigurationProfileId").unwrap_or_default();
                resources.push(whole(&format!("{application}/configurationprofile/{profile}")));
                resources.extend(
                    text(input, "DeploymentStrategyId")
                        .map(|strategy| arn("appconfig", "deploymentstrategy/", strategy)),
                );
            }
            (name, resources)
        }
        (
            method,
            ["applications", application, "configurationprofiles", profile, "hostedconfigurationversions", rest @ ..],
        ) => {
            let profile = format!("{application}/configurationprofile/{profile}");
            let mut resources = vec![whole(application), whole(&profile)];
            resources
                .extend(rest.first().map(|number| whole(&format!("{profile}/hostedconfigurationversion/{number}"))));
            let name = match (method, rest) {
                ("POST", _) => "CreateHostedConfigurationVersion",
                (_, []) => "ListHostedConfigurationVersions",
                _ => "GetHostedConfigurationVersion",
            };
            (name, resources)
        }
        _ => return on("appconfig", operation, any()),
    };
    resources.dedup();
    on("appconfig", name, resources)
}
