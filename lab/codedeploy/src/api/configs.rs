//! Deployment configurations.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeploymentConfig.html>

use super::{Answer, fault, name, platform};
use crate::model::{Config, HealthyHosts, Platform, Shift, State, new_uuid};
use crate::{Inner, show};
use serde_json::{Value, json};
use teal_lab_wire::AwsFault;

/// Minutes between increments: at most two days.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html>
const LONGEST_INTERVAL: u64 = 2880;

fn config_name(input: &Value) -> Result<&str, AwsFault> {
    name(input, "deploymentConfigName", "DeploymentConfigNameRequiredException", "InvalidDeploymentConfigNameException")
}

pub(super) fn existing<'a>(state: &'a State, name: &str) -> Result<&'a Config, AwsFault> {
    let missing = || {
        fault("DeploymentConfigDoesNotExistException", format!("No Deployment Configuration found for name: {name}"))
    };
    state.configs.get(name).ok_or_else(missing)
}

pub(super) fn create(inner: &Inner, input: &Value) -> Answer {
    let name = config_name(input)?;
    if name.starts_with("CodeDeployDefault.") {
        let message = "Names of configurations cannot begin with CodeDeployDefault.";
        return Err(fault("InvalidDeploymentConfigNameException", message));
    }
    let platform = platform(input)?;
    let (shift, hosts) = match platform {
        Platform::Server => (Shift::AllAtOnce, Some(hosts(&input["minimumHealthyHosts"])?)),
        Platform::Ecs | Platform::Lambda => (shift(&input["trafficRoutingConfig"])?, None),
    };
    let mut state = inner.state();
    if state.configs.contains_key(name) {
        let message = format!("Deployment Configuration '{name}' already exists");
        return Err(fault("DeploymentConfigAlreadyExistsException", message));
    }
    let created = inner.clock.now_millis();
    let config = Config { id: new_uuid(), name: name.to_owned(), platform, shift, hosts, created };
    let answer = json!({"deploymentConfigId": config.id});
    state.configs.insert(name.to_owned(), config);
    Ok(answer)
}

fn hosts(minimum: &Value) -> Result<HealthyHosts, AwsFault> {
    let value = minimum["value"].as_u64().and_then(|value| usize::try_from(value).ok());
    match (minimum["type"].as_str(), value) {
        (Some("HOST_COUNT"), Some(count)) => Ok(HealthyHosts::Count(count)),
        (Some("FLEET_PERCENT"), Some(percent)) if percent <= 100 => Ok(HealthyHosts::Percent(percent)),
        _ => Err(fault(
            "InvalidMinimumHealthyHostValueException",
            "minimumHealthyHosts is a HOST_COUNT, or a FLEET_PERCENT of at most 100",
        )),
    }
}

fn shift(routing: &Value) -> Result<Shift, AwsFault> {
    let wrong = || {
        let message =
            format!("A percentage from 1 to 99 and an interval from 1 to {LONGEST_INTERVAL} minutes are needed");
        fault("InvalidTrafficRoutingConfigurationException", message)
    };
    let pair = |kind: &str, percentage: &str, interval: &str| {
        let percentage = routing[kind][percentage].as_u64().filter(|share| (1..=99).contains(share));
        let interval = routing[kind][interval].as_u64().filter(|minutes| (1..=LONGEST_INTERVAL).contains(minutes));
        percentage.and_then(|share| u8::try_from(share).ok()).zip(interval).ok_or_else(wrong)
    };
    match routing["type"].as_str() {
        Some("AllAtOnce") => Ok(Shift::AllAtOnce),
        Some("TimeBasedCanary") => pair("timeBasedCanary", "canaryPercentage", "canaryInterval")
            .map(|(percentage, interval)| Shift::Canary { percentage, interval }),
        Some("TimeBasedLinear") => pair("timeBasedLinear", "linearPercentage", "linearInterval")
            .map(|(percentage, interval)| Shift::Linear { percentage, interval }),
        _ => Err(wrong()),
    }
}

pub(super) fn get(inner: &Inner, input: &Value) -> Answer {
    let name = config_name(input)?;
    let state = inner.state();
    Ok(json!({"deploymentConfigInfo": show::config(existing(&state, name)?)}))
}
