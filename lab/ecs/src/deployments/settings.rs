//! What a service says of its deployments: which strategy, which hooks, which load balancers.

use crate::protocol::Members;
use crate::state::LoadBalancer;
use serde_json::{Map, Value, json};
use teal_lab_wire::AwsFault;

/// A day in minutes: the longest bake.
const DAY: i64 = 1_440;
/// The longest time that a pause waits, in minutes: 14 days.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>
const LONGEST_PAUSE: i64 = 20_160;
/// Hooks of each kind that a service has at most (the page as above).
const MOST_HOOKS: usize = 10;

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHook.html>
const HOOK_STAGES: [&str; 8] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
];

/// The deployment strategies that AWS has.
pub(crate) const STRATEGIES: [&str; 4] = ["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"];

/// Whether a deploymentConfiguration's strategy shifts traffic from one revision to the other.
pub(crate) fn shifts_traffic(configuration: &Value) -> bool {
    STRATEGIES[1..].iter().any(|strategy| configuration["strategy"] == *strategy)
}

fn invalid(message: impl Into<String>) -> AwsFault {
    AwsFault::client("InvalidParameterException", message)
}

/// Fills in what AWS fills in.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CanaryConfiguration.html>
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html>
pub(crate) fn complete(configuration: &mut Map<String, Value>) {
    let (name, defaults) = match configuration.get("strategy").and_then(Value::as_str) {
        Some("CANARY") => ("canaryConfiguration", json!({"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10})),
        Some("LINEAR") => ("linearConfiguration", json!({"stepPercent": 10.0, "stepBakeTimeInMinutes": 6})),
        _ => ("", json!({})),
    };
    if let Value::Object(defaults) = defaults
        && !defaults.is_empty()
        && let Some(inside) = configuration.entry(name).or_insert(json!({})).as_object_mut()
    {
        for (name, default) in defaults {
            inside.entry(name).or_insert(default);
        }
    }
    for hook in configuration.get_mut("lifecycleHooks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(hook) = hook.as_object_mut() {
            hook.entry("targetType").or_insert(json!("AWS_LAMBDA"));
        }
    }
}

/// Refuses what AWS does not take. `given` is the request's own deploymentConfiguration.
pub(crate) fn check(settings: &Members, given: Option<&Value>) -> Result<(), AwsFault> {
    let configuration = settings.get("deploymentConfiguration").unwrap_or(&Value::Null);
    check_hooks(configuration)?;
    in_range("bakeTimeInMinutes", &configuration["bakeTimeInMinutes"], 0, DAY)?;
    let strategy = configuration["strategy"].as_str().unwrap_or_default();
    for (name, wanted) in [("canaryConfiguration", "CANARY"), ("linearConfiguration", "LINEAR")] {
        let is_given = given.is_some_and(|given| given.get(name).is_some_and(|it| !it.is_null()));
        if is_given && strategy != wanted {
            return Err(invalid(format!("{name} is only valid with the deployment strategy {wanted}.")));
        }
    }
    if !shifts_traffic(configuration) {
        return Ok(());
    }
    if settings.get("deploymentController").is_some_and(|controller| controller["type"] != "ECS") {
        return Err(invalid(format!("The deployment strategy {strategy} needs the deployment controller ECS.")));
    }
    if strategy == "BLUE_GREEN"
        && given.is_some_and(|given| given["strategy"] == "BLUE_GREEN" && given["bakeTimeInMinutes"].is_null())
    {
        return Err(invalid("bakeTimeInMinutes is required with the deployment strategy BLUE_GREEN."));
    }
    let canary = &configuration["canaryConfiguration"];
    let linear = &configuration["linearConfiguration"];
    in_tenths("canaryPercent", &canary["canaryPercent"], 0.1)?;
    in_range("canaryBakeTimeInMinutes", &canary["canaryBakeTimeInMinutes"], 0, DAY)?;
    in_tenths("stepPercent", &linear["stepPercent"], 3.0)?;
    in_range("stepBakeTimeInMinutes", &linear["stepBakeTimeInMinutes"], 0, DAY)?;
    check_load_balancers(settings, strategy)
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AdvancedConfiguration.html>
fn check_load_balancers(settings: &Members, strategy: &str) -> Result<(), AwsFault> {
    let balancers = settings.get("loadBalancers").cloned().unwrap_or(json!([]));
    let balancers: Vec<LoadBalancer> = serde_json::from_value(balancers)
        .map_err(|problem| AwsFault::client("SerializationException", problem.to_string()))?;
    // Blue/green without traffic is the only one that makes sense without load balancers.
    if balancers.is_empty() && strategy != "BLUE_GREEN" {
        return Err(invalid(format!(
            "The deployment strategy {strategy} needs a load balancer; the lab has no Service Connect."
        )));
    }
    for balancer in balancers {
        let advanced = balancer.advanced_configuration.unwrap_or_default();
        for (name, value) in [
            ("alternateTargetGroupArn", &advanced.alternate_target_group_arn),
            ("productionListenerRule", &advanced.production_listener_rule),
            ("roleArn", &advanced.role_arn),
        ] {
            if value.as_deref().is_none_or(str::is_empty) {
                return Err(invalid(format!(
                    "advancedConfiguration.{name} is required for load balancers with the deployment strategy {strategy}."
                )));
            }
        }
        if advanced.alternate_target_group_arn == balancer.target_group_arn {
            return Err(invalid("The alternate target group must not be the target group itself."));
        }
    }
    Ok(())
}

fn check_hooks(configuration: &Value) -> Result<(), AwsFault> {
    let hooks = configuration["lifecycleHooks"].as_array().map_or(&[][..], Vec::as_slice);
    for kind in ["AWS_LAMBDA", "PAUSE"] {
        if hooks.iter().filter(|hook| hook["targetType"] == kind).count() > MOST_HOOKS {
            return Err(invalid(format!("A service can have at most {MOST_HOOKS} lifecycle hooks of {kind}.")));
        }
    }
    for hook in hooks {
        let pauses = match hook["targetType"].as_str() {
            Some("PAUSE") => true,
            Some("AWS_LAMBDA") => false,
            _ => return Err(invalid("A lifecycle hook's targetType is AWS_LAMBDA or PAUSE.")),
        };
        let stages = hook["lifecycleStages"].as_array().map_or(&[][..], Vec::as_slice);
        if stages.is_empty() {
            return Err(invalid("lifecycleStages cannot be empty."));
        }
        for stage in stages {
            let stage = stage.as_str().unwrap_or_default();
            if !HOOK_STAGES.contains(&stage) {
                return Err(invalid(format!("{stage} is no lifecycle stage for hooks.")));
            }
            if pauses && ["TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"].contains(&stage) {
                return Err(invalid(format!("PAUSE hooks cannot be configured at {stage}.")));
            }
        }
        for member in ["hookTargetArn", "roleArn"] {
            let is_given = hook[member].as_str().is_some_and(|it| !it.is_empty());
            if is_given == pauses {
                let rule = if pauses { "is not for" } else { "is required for" };
                return Err(invalid(format!("{member} {rule} {} hooks.", hook["targetType"].as_str().unwrap_or(""))));
            }
        }
        if !hook["hookDetails"].is_null() && !hook["hookDetails"].is_object() {
            return Err(invalid("hookDetails must be a JSON object."));
        }
        let timeout = &hook["timeoutConfiguration"];
        in_range("timeoutInMinutes", &timeout["timeoutInMinutes"], 1, if pauses { LONGEST_PAUSE } else { DAY })?;
        if timeout["action"].as_str().is_some_and(|action| !["ROLLBACK", "CONTINUE"].contains(&action)) {
            return Err(invalid("The timeout action is ROLLBACK or CONTINUE."));
        }
    }
    Ok(())
}

fn in_range(name: &str, value: &Value, from: i64, to: i64) -> Result<(), AwsFault> {
    if value.is_null() || value.as_i64().is_some_and(|value| (from..=to).contains(&value)) {
        Ok(())
    } else {
        Err(invalid(format!("{name} must be from {from} to {to}.")))
    }
}

/// A percentage in multiples of 0.1, from `from` to 100.
fn in_tenths(name: &str, value: &Value, from: f64) -> Result<(), AwsFault> {
    let fits =
        |percent: f64| (from..=100.0).contains(&percent) && (percent * 10.0 - (percent * 10.0).round()).abs() < 1e-6;
    if value.is_null() || value.as_f64().is_some_and(fits) {
        Ok(())
    } else {
        Err(invalid(format!("{name} must be a multiple of 0.1 from {from:.1} to 100.0.")))
    }
}
