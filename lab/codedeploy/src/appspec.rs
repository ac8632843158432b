//! AppSpec files of deployments to ECS and Lambda, in YAML or JSON.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure.html>

use crate::model::Platform;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal::document::Document;

/// What a deployment deploys, and the functions that check it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AppSpec {
    pub(crate) resource: Resource,
    /// Functions by the event in which they run.
    pub(crate) hooks: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Resource {
    Ecs {
        task_definition: String,
        container: String,
        port: u64,
        /// What of it CreateTaskSet takes besides, under its names there.
        settings: Value,
    },
    Lambda {
        function: String,
        alias: String,
        current: String,
        target: String,
    },
    /// On servers: an archive, in which the agent finds the AppSpec file.
    Bundle(Bundle),
}

/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_S3Location.html>
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bundle {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// `tar` or `tgz`.
    pub(crate) kind: String,
}

/// Reads an AppSpec file for a platform.
///
/// # Errors
/// A sentence about what is missing.
pub(crate) fn read(content: &str, platform: Platform) -> Result<AppSpec, String> {
    let document = Document::parse(content).map_err(|flaws| {
        let reasons: Vec<String> = flaws.into_iter().map(|flaw| flaw.reason).collect();
        format!("The AppSpec file is not valid YAML or JSON: {}", reasons.join("; "))
    })?;
    let document = document.value;
    let resources = member(&document, "Resources").as_array().cloned().unwrap_or_default();
    let [one] = resources.as_slice() else { return Err("The AppSpec file must have exactly one resource".to_owned()) };
    let (_, one) = one.as_object().into_iter().flatten().next().ok_or("The resource has no name")?;
    let properties = member(one, "Properties");
    let needed = |name: &str| {
        let value = text(member(properties, name));
        value.ok_or_else(|| format!("The AppSpec file's resource has no property {name}"))
    };
    let kind = text(member(one, "Type")).unwrap_or_default();
    let resource = match platform {
        Platform::Ecs if kind == "AWS::ECS::Service" => {
            let balancer = member(properties, "LoadBalancerInfo");
            Resource::Ecs {
                task_definition: needed("TaskDefinition")?,
                container: text(member(balancer, "ContainerName")).ok_or("LoadBalancerInfo has no ContainerName")?,
                port: text(member(balancer, "ContainerPort"))
                    .and_then(|port| port.parse().ok())
                    .ok_or("LoadBalancerInfo has no ContainerPort")?,
                settings: settings(properties),
            }
        }
        Platform::Lambda if kind == "AWS::Lambda::Function" => Resource::Lambda {
            function: needed("Name")?,
            alias: needed("Alias")?,
            current: needed("CurrentVersion")?,
            target: needed("TargetVersion")?,
        },
        _ => {
            return Err(format!(
                "A resource of type {kind:?} cannot be deployed to the compute platform {}",
                platform.name()
            ));
        }
    };
    let mut hooks = BTreeMap::new();
    for (event, function) in
        member(&document, "Hooks").as_array().into_iter().flatten().filter_map(Value::as_object).flatten()
    {
        if !platform.hooks().contains(&event.as_str()) {
            return Err(format!("{event} is no hook of the compute platform {}", platform.name()));
        }
        hooks.insert(event.clone(), text(function).ok_or_else(|| format!("The hook {event} has no function"))?);
    }
    Ok(AppSpec { resource, hooks })
}

/// A member whose name may begin in upper or lower case, as in AWS's own examples.
fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    let lower = lower_first(name);
    value.get(name).or_else(|| value.get(lower.as_str())).unwrap_or(&Value::Null)
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect()
}

/// Versions and ports may be numbers.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn settings(properties: &Value) -> Value {
    let mut settings = json!({});
    for name in ["PlatformVersion", "NetworkConfiguration", "CapacityProviderStrategy"] {
        let value = member(properties, name);
        if !value.is_null() {
            settings[lower_first(name)] = lower_camel(value);
        }
    }
    settings
}

/// The AppSpec file's names as ECS has them.
fn lower_camel(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(lower_camel).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (lower_first(name), lower_camel(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ecs_service_in_yaml_and_in_json_is_the_same() {
        let yaml = "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        \
                    TaskDefinition: \"web:2\"\n        LoadBalancerInfo: {ContainerName: app, ContainerPort: 80}\n        \
                    NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [s], AssignPublicIp: ENABLED}}\nHooks:\n  \
                    - AfterInstall: f\n  - BeforeAllowTraffic: \"arn:g\"\n";
        let json = json!({
            "version": 0.0,
            "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
                "TaskDefinition": "web:2", "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": "80"},
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["s"], "AssignPublicIp": "ENABLED"}},
            }}}],
            "Hooks": [{"AfterInstall": "f"}, {"BeforeAllowTraffic": "arn:g"}],
        });
        let read = read(yaml, Platform::Ecs).unwrap();
        assert_eq!(Ok(&read), super::read(&json.to_string(), Platform::Ecs).as_ref());
        assert_eq!(read.hooks["BeforeAllowTraffic"], "arn:g");
        let Resource::Ecs { settings, port, .. } = read.resource else { panic!("not an ECS service") };
        assert_eq!((port, &settings["networkConfiguration"]["awsvpcConfiguration"]["subnets"]), (80, &json!(["s"])));
    }

    #[test]
    fn a_function_is_read_and_what_is_wrong_is_told() {
        let whole = "version: 0.0\nresources:\n  - f:\n      type: AWS::Lambda::Function\n      properties: \
                     {name: f, alias: live, currentVersion: 1, targetVersion: \"2\"}\n";
        let spec = read(whole, Platform::Lambda).unwrap();
        let expected = Resource::Lambda {
            function: "f".to_owned(),
            alias: "live".to_owned(),
            current: "1".to_owned(),
            target: "2".to_owned(),
        };
        assert_eq!(spec.resource, expected);
        for (content, platform, problem) in [
            (whole.to_owned(), Platform::Ecs, "cannot be deployed to the compute platform ECS"),
            (whole.replace("alias: live, ", ""), Platform::Lambda, "no property Alias"),
            (format!("{whole}Hooks: [{{AfterInstall: g}}]"), Platform::Lambda, "AfterInstall is no hook"),
            ("Resources: []".to_owned(), Platform::Lambda, "exactly one resource"),
            ("a: [".to_owned(), Platform::Lambda, "not valid YAML"),
        ] {
            let told = read(&content, platform).unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
    }
}
