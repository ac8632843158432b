//! Services and task definitions as maps of settings, so that every difference between blue and green can be named.

use super::description::{Service, is_empty};
use crate::json::Members;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) type Settings = BTreeMap<String, Value>;

/// Members of a service that name it, count its tasks or tell of its past; and those that a release itself sets.
const NOT_SETTINGS_OF_SERVICE: [&str; 18] = [
    "clusterArn",
    "createdAt",
    "createdBy",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "deployments",
    "desiredCount",
    "events",
    "loadBalancers",
    "pendingCount",
    "platformFamily",
    "roleArn",
    "runningCount",
    "serviceArn",
    "serviceName",
    "status",
    "taskDefinition",
    "taskSets",
];

/// Settings of a service that ECS shows with its newest deployment only.
const SETTINGS_OF_DEPLOYMENT: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// Members of a task definition that name a revision, or that ECS derives from the others.
const NOT_SETTINGS_OF_TASK: [&str; 9] = [
    "compatibilities",
    "deleteRequestedAt",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
];

/// Everything that a person may have set on a service besides task definition, size and target group.
pub(super) fn of_service(service: &Service) -> Settings {
    let mut members = members(&service.document);
    members.retain(|name, _| !NOT_SETTINGS_OF_SERVICE.contains(&name.as_str()));
    for name in SETTINGS_OF_DEPLOYMENT {
        members.extend(service.member_of_primary(name).map(|value| (name.to_owned(), value.clone())));
    }
    if let Some(Value::Array(tags)) = members.get_mut("tags") {
        // AWS's own tags (of CloudFormation, say) cannot be set by others.
        tags.retain(|tag| !is_reserved(tag.get("key").and_then(Value::as_str).unwrap_or_default()));
        tags.sort_by_key(ToString::to_string);
    }
    members.into_iter().filter(|(_, value)| !is_empty(value)).collect()
}

pub(super) fn is_reserved(tag: &str) -> bool {
    tag.starts_with("aws:")
}

/// Everything that a person may have set on two task definitions besides the images, which are what the version is. A
/// variable of the environment may hold a secret, so its value stays here: where the two differ, the maps only say so.
pub(super) fn of_tasks(blue: &Value, green: &Value) -> (Settings, Settings) {
    let (mut blue, mut green) = (of_task(blue), of_task(green));
    for (name, value) in &mut blue {
        if !name.contains(ENVIRONMENT) {
            continue;
        }
        if let Some(other) = green.get_mut(name) {
            let same = value == other;
            *other = Value::from(if same { "a value" } else { "another value" });
        }
        *value = Value::from("a value");
    }
    let only_green = green.iter_mut().filter(|(name, _)| name.contains(ENVIRONMENT) && !blue.contains_key(*name));
    only_green.for_each(|(_, value)| *value = Value::from("a value"));
    (blue, green)
}

/// What stands between a container's name and a variable's.
const ENVIRONMENT: &str = "].environment.";

fn of_task(task: &Value) -> Settings {
    let mut members = members(task);
    members.retain(|name, _| !NOT_SETTINGS_OF_TASK.contains(&name.as_str()));
    let containers = members.remove("containerDefinitions");
    let mut settings: Settings = members.into_iter().filter(|(_, value)| !is_empty(value)).collect();
    for container in containers.as_ref().and_then(Value::as_array).into_iter().flatten() {
        add_container(&mut settings, container);
    }
    settings
}

/// One entry for each member of a container, and one for each variable of its environment.
fn add_container(settings: &mut Settings, container: &Value) {
    let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
    for (member, value) in container.as_object().into_iter().flatten() {
        match member.as_str() {
            "image" | "name" => {}
            "environment" => {
                for variable in value.as_array().into_iter().flatten() {
                    let key = variable.get("name").and_then(Value::as_str).unwrap_or_default();
                    let value = variable.get("value").cloned().unwrap_or_default();
                    settings.insert(format!("container[{name}{ENVIRONMENT}{key}"), value);
                }
            }
            _ if is_empty(value) => {}
            _ => {
                settings.insert(format!("container[{name}].{member}"), value.clone());
            }
        }
    }
    settings.entry(format!("container[{name}]")).or_insert(Value::Bool(true));
}

fn members(document: &Value) -> Members {
    document.as_object().cloned().unwrap_or_default()
}
