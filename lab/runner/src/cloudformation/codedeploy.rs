//! CodeDeploy's applications, deployment groups and configurations.

use super::Resource;
use super::evaluate::text;
use crate::{Aws, LabError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the types of CodeDeploy begin with.
pub(super) const CODEDEPLOY: &str = "AWS::CodeDeploy::";

/// Creates one of them, with a generated name where the template gives none; `None` if the lab does not know its type.
pub(super) async fn create(
    aws: &Aws,
    kind: &str,
    physical: &str,
    properties: Map<String, Value>,
) -> Result<Option<Resource>, LabError> {
    let (action, name) = match kind.strip_prefix(CODEDEPLOY).unwrap_or_default() {
        "Application" => ("CreateApplication", "applicationName"),
        "DeploymentGroup" => ("CreateDeploymentGroup", "deploymentGroupName"),
        "DeploymentConfig" => ("CreateDeploymentConfig", "deploymentConfigName"),
        _ => return Ok(None),
    };
    let mut parameters = as_in_the_api(&Value::Object(properties));
    if parameters[name].is_null() {
        parameters[name] = physical.into();
    }
    let id = text(&parameters[name]);
    aws.call("codedeploy", action, parameters).await?;
    Ok(Some(Resource { kind: kind.into(), id, attributes: BTreeMap::new() }))
}

/// Names begin in lower case; what a parameter gave as text is a number where the API wants one.
fn as_in_the_api(value: &Value) -> Value {
    const NUMBERS: [&str; 6] = [
        "WaitTimeInMinutes",
        "TerminationWaitTimeInMinutes",
        "CanaryInterval",
        "CanaryPercentage",
        "LinearInterval",
        "LinearPercentage",
    ];
    match value {
        Value::Array(items) => items.iter().map(as_in_the_api).collect(),
        Value::Object(members) => {
            let renamed = members.iter().map(|(name, value)| {
                let number = value.as_str().and_then(|text| text.parse::<u64>().ok());
                let value = match number.filter(|_| NUMBERS.contains(&name.as_str())) {
                    Some(number) => number.into(),
                    None => as_in_the_api(value),
                };
                (lower_first(name), value)
            });
            Value::Object(renamed.collect())
        }
        other => other.clone(),
    }
}

fn lower_first(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("ECS") {
        return format!("ecs{rest}");
    }
    let mut characters = name.chars();
    characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn properties_get_the_apis_names_and_numbers() {
        let properties = json!({
            "ECSServices": [{"ClusterName": "7", "ServiceName": "s"}],
            "BlueGreenDeploymentConfiguration": {"DeploymentReadyOption": {"WaitTimeInMinutes": "5"}},
        });
        let expected = json!({
            "ecsServices": [{"clusterName": "7", "serviceName": "s"}],
            "blueGreenDeploymentConfiguration": {"deploymentReadyOption": {"waitTimeInMinutes": 5}},
        });
        assert_eq!(as_in_the_api(&properties), expected);
    }
}
