//! The operations.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_Operations.html>

mod configs;
mod deployments;
mod groups;
mod targets;

use crate::Inner;
use crate::model::{Platform, State};
use serde_json::{Value, json};
use std::sync::Arc;
use teal_lab_wire::AwsFault;

pub(crate) type Answer = Result<Value, AwsFault>;

pub(crate) async fn run(inner: &Arc<Inner>, operation: &str, input: &Value) -> Answer {
    match operation {
        "CreateApplication" => create_application(inner, input),
        "CreateDeploymentGroup" => groups::create(inner, input).await,
        "UpdateDeploymentGroup" => groups::update(inner, input).await,
        "GetDeploymentGroup" => groups::get(inner, input),
        "CreateDeploymentConfig" => configs::create(inner, input),
        "GetDeploymentConfig" => configs::get(inner, input),
        "CreateDeployment" => deployments::create(inner, input),
        "GetDeployment" => deployments::get(inner, input),
        "BatchGetDeployments" => deployments::batch_get(inner, input),
        "ListDeployments" => deployments::list(inner, input),
        "StopDeployment" => deployments::stop(inner, input),
        "ContinueDeployment" => deployments::go_on(inner, input),
        "PutLifecycleEventHookExecutionStatus" => deployments::answer_hook(inner, input),
        "ListDeploymentTargets" => targets::list(inner, input),
        "GetDeploymentTarget" => targets::get(inner, input).await,
        "BatchGetDeploymentTargets" => targets::batch_get(inner, input).await,
        other => Err(fault("UnknownOperationException", format!("the lab does not serve {other}"))),
    }
}

fn fault(code: &str, message: impl Into<String>) -> AwsFault {
    AwsFault::client(code, message)
}

/// A member that must be there, and the code of the fault without it.
fn required<'a>(input: &'a Value, member: &str, code: &str) -> Result<&'a str, AwsFault> {
    let text = input[member].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| fault(code, format!("{member} must be specified")))
}

/// A name of at most 100 characters.
fn name<'a>(input: &'a Value, member: &str, missing: &str, invalid: &str) -> Result<&'a str, AwsFault> {
    let name = required(input, member, missing)?;
    if name.chars().count() > 100 {
        return Err(fault(invalid, format!("{member} has more than 100 characters")));
    }
    Ok(name)
}

fn application<'a>(input: &'a Value, member: &str) -> Result<&'a str, AwsFault> {
    name(input, member, "ApplicationNameRequiredException", "InvalidApplicationNameException")
}

fn group<'a>(input: &'a Value, member: &str) -> Result<&'a str, AwsFault> {
    name(input, member, "DeploymentGroupNameRequiredException", "InvalidDeploymentGroupNameException")
}

fn platform_of(state: &State, application: &str) -> Result<Platform, AwsFault> {
    let missing = || fault("ApplicationDoesNotExistException", format!("No application found for name: {application}"));
    state.applications.get(application).copied().ok_or_else(missing)
}

fn no_group(name: &str) -> AwsFault {
    fault("DeploymentGroupDoesNotExistException", format!("No Deployment Group found for name: {name}"))
}

fn platform(input: &Value) -> Result<Platform, AwsFault> {
    match input["computePlatform"].as_str() {
        Some("ECS") => Ok(Platform::Ecs),
        Some("Lambda") => Ok(Platform::Lambda),
        Some("Server") | None => Ok(Platform::Server),
        Some(other) => {
            let message = format!("{other} is none of the platforms ECS, Lambda and Server");
            Err(fault("InvalidComputePlatformException", message))
        }
    }
}

fn create_application(inner: &Inner, input: &Value) -> Answer {
    let (name, platform) = (application(input, "applicationName")?, platform(input)?);
    let mut state = inner.state();
    if state.applications.contains_key(name) {
        return Err(fault("ApplicationAlreadyExistsException", format!("Application name '{name}' already exists")));
    }
    state.applications.insert(name.to_owned(), platform);
    Ok(json!({"applicationId": crate::model::new_uuid()}))
}
