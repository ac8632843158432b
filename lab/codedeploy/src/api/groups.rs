//! Deployment groups.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeploymentGroup.html>

use super::{Answer, application, configs, fault, group, no_group, platform_of, required};
use crate::model::{Group, Platform, new_uuid};
use crate::{Inner, show};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use teal_lab_wire::AwsFault;

/// Members that are given back as they came.
const SETTINGS: [&str; 9] = [
    "autoScalingGroups",
    "deploymentConfigName",
    "serviceRoleArn",
    "alarmConfiguration",
    "autoRollbackConfiguration",
    "deploymentStyle",
    "blueGreenDeploymentConfiguration",
    "loadBalancerInfo",
    "ecsServices",
];

fn given(input: &Value) -> Map<String, Value> {
    let kept = SETTINGS.iter().filter_map(|name| Some(((*name).to_owned(), input.get(*name)?.clone())));
    kept.filter(|(_, value)| !value.is_null()).collect()
}

pub(super) async fn create(inner: &Inner, input: &Value) -> Answer {
    let (application, name) = (application(input, "applicationName")?, group(input, "deploymentGroupName")?);
    required(input, "serviceRoleArn", "RoleRequiredException")?;
    let mut settings = given(input);
    let platform = platform_of(&inner.state(), application)?;
    settings.entry("deploymentConfigName").or_insert_with(|| platform.default_config().into());
    settings.entry("deploymentStyle").or_insert_with(|| match platform {
        Platform::Server => json!({"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}),
        Platform::Ecs | Platform::Lambda => {
            json!({"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"})
        }
    });
    check(inner, platform, &settings).await?;
    let mut state = inner.state();
    let key = (application.to_owned(), name.to_owned());
    if state.groups.contains_key(&key) {
        let message = format!("Deployment group '{name}' already exists for application '{application}'");
        return Err(fault("DeploymentGroupAlreadyExistsException", message));
    }
    let mapped = state.groups.values().any(|other| {
        platform == Platform::Ecs && other.setting("ecsServices") == settings.get("ecsServices").unwrap_or(&Value::Null)
    });
    if mapped {
        let message = "The Amazon ECS service is associated with another deployment group already.";
        return Err(fault("ECSServiceMappingLimitExceededException", message));
    }
    let (id, installed) = (new_uuid(), BTreeMap::new());
    let group = Group { id, settings, last_attempted: None, last_successful: None, installed };
    let answer = json!({"deploymentGroupId": group.id});
    state.groups.insert(key, group);
    Ok(answer)
}

pub(super) async fn update(inner: &Inner, input: &Value) -> Answer {
    let (application, name) = (application(input, "applicationName")?, group(input, "currentDeploymentGroupName")?);
    let key = (application.to_owned(), name.to_owned());
    let (platform, mut settings) = {
        let state = inner.state();
        let platform = platform_of(&state, application)?;
        (platform, state.groups.get(&key).ok_or_else(|| no_group(name))?.settings.clone())
    };
    settings.extend(given(input));
    check(inner, platform, &settings).await?;
    let mut state = inner.state();
    let mut group = state.groups.remove(&key).ok_or_else(|| no_group(name))?;
    group.settings = settings;
    let new_name = input["newDeploymentGroupName"].as_str().unwrap_or(name).to_owned();
    state.groups.insert((key.0, new_name), group);
    Ok(json!({"hooksNotCleanedUp": []}))
}

pub(super) fn get(inner: &Inner, input: &Value) -> Answer {
    let (application, name) = (application(input, "applicationName")?, group(input, "deploymentGroupName")?);
    let state = inner.state();
    let platform = platform_of(&state, application)?;
    let group = state.groups.get(&(application.to_owned(), name.to_owned())).ok_or_else(|| no_group(name))?;
    Ok(json!({"deploymentGroupInfo": show::group(&state, application, name, platform, group)}))
}

/// What a group cannot be.
async fn check(inner: &Inner, platform: Platform, settings: &Map<String, Value>) -> Result<(), AwsFault> {
    let setting = |name: &str| settings.get(name).unwrap_or(&Value::Null);
    let config = setting("deploymentConfigName").as_str().unwrap_or_default();
    if configs::existing(&inner.state(), config)?.platform != platform {
        let message =
            format!("The deployment configuration {config} is not for the compute platform {}", platform.name());
        return Err(fault("InvalidDeploymentConfigNameException", message));
    }
    let style = setting("deploymentStyle");
    if platform == Platform::Server {
        check_in_place(style, setting("loadBalancerInfo"))?;
        check_scaling_groups(inner, setting("autoScalingGroups"))?;
    } else if style["deploymentType"] != "BLUE_GREEN" || style["deploymentOption"] != "WITH_TRAFFIC_CONTROL" {
        let message = format!("Deployments to {} are BLUE_GREEN deployments WITH_TRAFFIC_CONTROL", platform.name());
        return Err(fault("InvalidDeploymentStyleException", message));
    }
    check_rollback(setting("autoRollbackConfiguration"))?;
    check_alarms(setting("alarmConfiguration"))?;
    if platform == Platform::Ecs {
        check_blue_green(setting("blueGreenDeploymentConfiguration"))?;
        check_pair(setting("loadBalancerInfo"))?;
        check_service(inner, setting("ecsServices")).await?;
    }
    Ok(())
}

/// Instances get no requests while they are deployed to, where their target groups are named.
fn check_in_place(style: &Value, balancers: &Value) -> Result<(), AwsFault> {
    if style["deploymentType"] != "IN_PLACE" {
        let message = "the lab's deployments to servers are IN_PLACE";
        return Err(fault("InvalidDeploymentStyleException", message));
    }
    let named = balancers["targetGroupInfoList"].as_array().is_some_and(|groups| !groups.is_empty());
    if style["deploymentOption"] == "WITH_TRAFFIC_CONTROL" && !named {
        let message = "For deployments WITH_TRAFFIC_CONTROL the lab needs targetGroupInfoList";
        return Err(fault("InvalidLoadBalancerInfoException", message));
    }
    Ok(())
}

/// The lab knows a group's instances by its Auto Scaling groups.
fn check_scaling_groups(inner: &Inner, groups: &Value) -> Result<(), AwsFault> {
    let wrong = |message: String| Err(fault("InvalidAutoScalingGroupException", message));
    let names: Vec<&str> = groups.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return wrong("the lab needs the Auto Scaling groups whose instances are deployed to".to_owned());
    }
    match names.iter().find(|name| inner.instances.in_service(name).is_none()) {
        Some(gone) => wrong(format!("There is no Auto Scaling group {gone}")),
        None => Ok(()),
    }
}

pub(super) fn check_rollback(rollback: &Value) -> Result<(), AwsFault> {
    const EVENTS: [&str; 3] = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"];
    let events = rollback["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = events.iter().all(|event| event.as_str().is_some_and(|event| EVENTS.contains(&event)));
    if !known || (rollback["enabled"] == true && events.is_empty()) {
        let message = format!("An automatic rollback that is enabled needs events of {}", EVENTS.join(", "));
        return Err(fault("InvalidAutoRollbackConfigException", message));
    }
    Ok(())
}

pub(super) fn check_alarms(alarms: &Value) -> Result<(), AwsFault> {
    let names: Vec<_> = alarms["alarms"].as_array().into_iter().flatten().map(|alarm| alarm["name"].as_str()).collect();
    let distinct: BTreeSet<_> = names.iter().flatten().filter(|name| (1..=255).contains(&name.len())).collect();
    if distinct.len() != names.len() || (alarms["enabled"] == true && names.is_empty()) {
        return Err(fault(
            "InvalidAlarmConfigException",
            "An alarm configuration needs alarms, each by its name, and once",
        ));
    }
    if names.len() > 10 {
        return Err(fault("AlarmsLimitExceededException", "A deployment group can have at most 10 alarms"));
    }
    Ok(())
}

fn check_blue_green(options: &Value) -> Result<(), AwsFault> {
    let wrong = |message: &str| Err(fault("InvalidBlueGreenDeploymentConfigurationException", message));
    let (ready, termination) =
        (&options["deploymentReadyOption"], &options["terminateBlueInstancesOnDeploymentSuccess"]);
    if ready.is_null() || termination.is_null() {
        return wrong(
            "For ECS deployment groups, deploymentReadyOption and terminateBlueInstancesOnDeploymentSuccess are needed",
        );
    }
    let minutes = |value: &Value| value.is_null() || value.as_u64().is_some_and(|minutes| minutes <= 2880);
    if !minutes(&ready["waitTimeInMinutes"]) || !minutes(&termination["terminationWaitTimeInMinutes"]) {
        return wrong("Waits are from 0 to 2880 minutes");
    }
    match (ready["actionOnTimeout"].as_str(), termination["action"].as_str()) {
        (Some("CONTINUE_DEPLOYMENT" | "STOP_DEPLOYMENT"), Some("TERMINATE")) => Ok(()),
        _ => {
            wrong("actionOnTimeout is CONTINUE_DEPLOYMENT or STOP_DEPLOYMENT; the action for the original is TERMINATE")
        }
    }
}

fn check_pair(balancers: &Value) -> Result<(), AwsFault> {
    let pair = &balancers["targetGroupPairInfoList"][0];
    if pair.is_null() {
        return Err(fault(
            "InvalidLoadBalancerInfoException",
            "For ECS deployment groups, targetGroupPairInfoList is needed",
        ));
    }
    let names: BTreeSet<_> =
        pair["targetGroups"].as_array().into_iter().flatten().filter_map(|group| group["name"].as_str()).collect();
    let one = |route: &str| pair[route]["listenerArns"].as_array().map_or(0, Vec::len);
    if names.len() != 2 || one("prodTrafficRoute") != 1 || one("testTrafficRoute") > 1 {
        let message =
            "A target group pair is two target groups, one production listener, and at most one test listener";
        return Err(fault("InvalidTargetGroupPairException", message));
    }
    Ok(())
}

/// The service must be there, and its deployments CodeDeploy's.
async fn check_service(inner: &Inner, services: &Value) -> Result<(), AwsFault> {
    let wrong = |message: String| Err(fault("InvalidECSServiceException", message));
    let Some([service]) = services.as_array().map(Vec::as_slice) else {
        return wrong("A deployment group has exactly one Amazon ECS service".to_owned());
    };
    let (cluster, name) = (&service["clusterName"], &service["serviceName"]);
    let found = inner.services.call("ecs", "DescribeServices", json!({"cluster": cluster, "services": [name]})).await;
    match found.map(|found| found["services"][0]["deploymentController"]["type"].clone()) {
        Ok(kind) if kind == "CODE_DEPLOY" => Ok(()),
        Ok(Value::Null) | Err(_) => wrong(format!("There is no Amazon ECS service {name} in the cluster {cluster}")),
        Ok(_) => wrong("The Amazon ECS service must have the deployment controller CODE_DEPLOY".to_owned()),
    }
}
