//! The members of a service that are kept as they come: defaults, checks, and which of them begin a new deployment.

use super::invalid;
use crate::deployments::settings as deployments;
use crate::protocol::Members;
use crate::state::{LoadBalancer, TaskDefinition};
use serde_json::{Value, json};
use teal_lab_wire::{ACCOUNT, AwsFault};

/// Members of CreateService and UpdateService that are given back. `(name, whether a change begins a deployment)`
/// as <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html> says of each.
const SETTINGS: [(&str, bool); 20] = [
    ("availabilityZoneRebalancing", false),
    ("capacityProviderStrategy", false),
    ("deploymentConfiguration", false),
    ("deploymentController", false),
    ("enableECSManagedTags", false),
    ("enableExecuteCommand", false),
    ("healthCheckGracePeriodSeconds", false),
    ("launchType", false),
    ("loadBalancers", true),
    ("networkConfiguration", true),
    ("placementConstraints", false),
    ("placementStrategy", false),
    ("platformVersion", true),
    ("propagateTags", false),
    ("role", false),
    ("schedulingStrategy", false),
    ("serviceConnectConfiguration", true),
    ("serviceRegistries", true),
    ("volumeConfigurations", true),
    ("vpcLatticeConfigurations", true),
];

/// In the place of a launch type.
const STRATEGY: &str = "capacityProviderStrategy";

/// The settings in a request.
fn given(members: &Members) -> Members {
    let kept = SETTINGS.iter().filter_map(|(name, _)| Some(((*name).to_owned(), members.get(*name)?.clone())));
    kept.collect()
}

/// The settings of a new service, with AWS's defaults.
///
/// # Errors
/// InvalidParameterException for what AWS, or the lab, does not take.
pub(super) fn of_new(members: &Members, definition: &TaskDefinition) -> Result<Members, AwsFault> {
    let mut settings = given(members);
    if settings.contains_key("launchType") && settings.contains_key(STRATEGY) {
        return Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ));
    }
    if let Some(role) = settings.remove("role").as_ref().and_then(Value::as_str) {
        let arn =
            if role.starts_with("arn:") { role.to_owned() } else { format!("arn:aws:iam::{ACCOUNT}:role/{role}") };
        settings.insert("roleArn".to_owned(), json!(arn));
    }
    // AWS's default for a service that names neither.
    if !settings.contains_key(STRATEGY) {
        settings.entry("launchType").or_insert(json!("EC2"));
    }
    for (name, default) in [
        ("availabilityZoneRebalancing", json!("ENABLED")),
        ("deploymentConfiguration", json!({})),
        ("deploymentController", json!({"type": "ECS"})),
        ("enableECSManagedTags", json!(false)),
        ("enableExecuteCommand", json!(false)),
        ("loadBalancers", json!([])),
        ("placementConstraints", json!([])),
        ("placementStrategy", json!([])),
        ("propagateTags", json!("NONE")),
        ("schedulingStrategy", json!("REPLICA")),
        ("serviceRegistries", json!([])),
    ] {
        settings.entry(name).or_insert(default);
    }
    complete(&mut settings);
    check(&settings, definition)?;
    deployments::check(&settings, members.get("deploymentConfiguration"))?;
    Ok(settings)
}

/// The settings after an update, and whether it begins a deployment.
///
/// # Errors
/// InvalidParameterException for what AWS, or the lab, does not take.
pub(super) fn updated(
    old: &Members,
    members: &Members,
    definition: &TaskDefinition,
) -> Result<(Members, bool), AwsFault> {
    let mut settings = old.clone();
    settings.extend(given(members));
    settings.remove("role");
    change_capacity(old, &mut settings, members)?;
    complete(&mut settings);
    check(&settings, definition)?;
    deployments::check(&settings, members.get("deploymentConfiguration"))?;
    let deploys = SETTINGS.iter().any(|(name, begins)| *begins && settings.get(*name) != old.get(*name));
    Ok((settings, deploys))
}

/// Another capacity provider strategy, or none, which leads back to the launch type.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
///
/// # Errors
/// AWS's words for a change that begins no deployment.
fn change_capacity(old: &Members, settings: &mut Members, members: &Members) -> Result<(), AwsFault> {
    let Some(strategy) = members.get(STRATEGY) else { return Ok(()) };
    let is_none = |it: &Value| it.as_array().is_none_or(Vec::is_empty);
    let none = Value::Array(Vec::new());
    let changes = strategy != old.get(STRATEGY).unwrap_or(&none);
    if changes && members.get("forceNewDeployment") != Some(&Value::Bool(true)) {
        return Err(invalid(
            "When switching from launch type to capacity provider strategy on an existing service, or making a change to a \
             capacity provider strategy on a service that is already using one, you must force a new deployment.",
        ));
    }
    if is_none(strategy) {
        settings.remove(STRATEGY);
        settings.entry("launchType").or_insert(json!("EC2"));
    } else {
        settings.remove("launchType");
    }
    Ok(())
}

/// Fills in what AWS fills in inside and between the members.
fn complete(settings: &mut Members) {
    if let Some(configuration) = settings.get_mut("deploymentConfiguration").and_then(Value::as_object_mut) {
        for (name, default) in [
            ("bakeTimeInMinutes", json!(0)),
            ("deploymentCircuitBreaker", json!({"enable": false, "rollback": false})),
            ("maximumPercent", json!(200)),
            ("minimumHealthyPercent", json!(100)),
            ("strategy", json!("ROLLING")),
        ] {
            configuration.entry(name).or_insert(default);
        }
        deployments::complete(configuration);
    }
    let awsvpc = settings.get_mut("networkConfiguration").and_then(|it| it.get_mut("awsvpcConfiguration"));
    if let Some(awsvpc) = awsvpc.and_then(Value::as_object_mut) {
        awsvpc.entry("assignPublicIp").or_insert(json!("DISABLED"));
        awsvpc.entry("securityGroups").or_insert(json!([]));
    }
    if on_fargate(settings) {
        settings.entry("platformVersion").or_insert(json!("LATEST"));
        settings.entry("platformFamily").or_insert(json!("Linux"));
    }
    if has_items(settings, "loadBalancers") {
        settings.entry("healthCheckGracePeriodSeconds").or_insert(json!(0));
        let role = format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS");
        settings.entry("roleArn").or_insert(json!(role));
    }
}

fn on_fargate(settings: &Members) -> bool {
    let provider = |it: &Value| it["capacityProvider"].as_str().is_some_and(|name| name.starts_with("FARGATE"));
    settings.get("launchType").is_some_and(|it| it == "FARGATE")
        || settings.get(STRATEGY).and_then(Value::as_array).is_some_and(|it| it.iter().any(provider))
}

fn has_items(settings: &Members, name: &str) -> bool {
    settings.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

fn check(settings: &Members, definition: &TaskDefinition) -> Result<(), AwsFault> {
    check_choices(settings)?;
    check_load_balancers(&settings["loadBalancers"], definition)?;
    match (definition.uses_awsvpc(), settings.contains_key("networkConfiguration")) {
        (true, false) => {
            return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
        }
        (false, true) => {
            return Err(invalid(
                "Network Configuration is not valid for the given networkMode of this task definition.",
            ));
        }
        _ => {}
    }
    let supports_fargate =
        definition.settings["compatibilities"].as_array().is_some_and(|it| it.contains(&json!("FARGATE")));
    if settings.get("launchType").is_some_and(|it| it == "FARGATE") && !supports_fargate {
        return Err(invalid("Task definition does not support launch_type FARGATE."));
    }
    if settings.get("healthCheckGracePeriodSeconds").is_some_and(|it| it.as_u64() != Some(0))
        && !has_items(settings, "loadBalancers")
    {
        return Err(invalid("Health check grace period is only valid for services configured to use load balancers"));
    }
    let configuration = &settings["deploymentConfiguration"];
    let percents = [("maximumPercent", 1..=u64::MAX), ("minimumHealthyPercent", 0..=100)];
    for (name, range) in percents {
        if configuration[name].as_u64().is_none_or(|percent| !range.contains(&percent)) {
            return Err(invalid(format!("deploymentConfiguration.{name} is out of range")));
        }
    }
    Ok(())
}

/// Members with a closed set of values; the sets are what the lab can run.
fn check_choices(settings: &Members) -> Result<(), AwsFault> {
    let null = Value::Null;
    let setting = |name: &str| settings.get(name).unwrap_or(&null);
    for (name, value, choices) in [
        ("launchType", setting("launchType"), &["EC2", "FARGATE", "EXTERNAL"][..]),
        ("schedulingStrategy", setting("schedulingStrategy"), &["REPLICA"]),
        ("deploymentController.type", &setting("deploymentController")["type"], &["ECS", "CODE_DEPLOY"]),
        ("deploymentConfiguration.strategy", &setting("deploymentConfiguration")["strategy"], &deployments::STRATEGIES),
        ("propagateTags", setting("propagateTags"), &["NONE", "SERVICE", "TASK_DEFINITION"]),
        ("availabilityZoneRebalancing", setting("availabilityZoneRebalancing"), &["ENABLED", "DISABLED"]),
    ] {
        if !value.is_null() && value.as_str().is_none_or(|value| !choices.contains(&value)) {
            return Err(invalid(format!("the lab does not have {value} as {name}; it has {}", choices.join(", "))));
        }
    }
    Ok(())
}

pub(super) fn check_load_balancers(balancers: &Value, definition: &TaskDefinition) -> Result<(), AwsFault> {
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/register-multiple-targetgroups.html>
    const MOST: usize = 5;
    let balancers: Vec<LoadBalancer> = serde_json::from_value(balancers.clone())
        .map_err(|problem| AwsFault::client("SerializationException", problem.to_string()))?;
    if balancers.len() > MOST {
        return Err(invalid(format!("load balancers can have at most {MOST} items.")));
    }
    for balancer in balancers {
        if balancer.target_group_arn.as_deref().is_none_or(str::is_empty) {
            return Err(invalid("targetGroupArn should not be null or empty: the lab has no Classic Load Balancers"));
        }
        let (Some(name), Some(port)) = (balancer.container_name, balancer.container_port) else {
            return Err(invalid("loadBalancers need containerName and containerPort"));
        };
        let container = definition.containers().iter().find(|container| container["name"] == name.as_str());
        let Some(container) = container else {
            return Err(invalid(format!("The container {name} does not exist in the task definition.")));
        };
        let ports = container["portMappings"].as_array();
        if !ports.is_some_and(|ports| ports.iter().any(|mapping| mapping["containerPort"] == port)) {
            return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
        }
    }
    Ok(())
}
