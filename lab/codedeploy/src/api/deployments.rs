//! Deployments: what begins, stops, continues, answers and tells of them.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html>

use super::groups::{check_alarms, check_rollback};
use super::{Answer, application, configs, fault, group, no_group, platform_of, required};
use crate::appspec::{self, AppSpec, Bundle, Resource};
use crate::model::{Begun, Deployment, Order, Platform, State, Status, Trouble};
use crate::{Inner, run, show};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use teal_lab_wire::AwsFault;

/// BatchGetDeployments and BatchGetDeploymentTargets take at most this many.
pub(super) const MOST_AT_ONCE: usize = 25;

pub(super) fn create(inner: &Arc<Inner>, input: &Value) -> Answer {
    let (application, name) = (application(input, "applicationName")?, group(input, "deploymentGroupName")?);
    let mut state = inner.state();
    let platform = platform_of(&state, application)?;
    let group = state.groups.get(&(application.to_owned(), name.to_owned())).ok_or_else(|| no_group(name))?;
    let config = input["deploymentConfigName"].as_str().or_else(|| group.setting("deploymentConfigName").as_str());
    let config = configs::existing(&state, config.unwrap_or_default())?.clone();
    if config.platform != platform {
        let message = format!("{} is not for the compute platform {}", config.name, platform.name());
        return Err(fault("InvalidDeploymentConfigNameException", message));
    }
    let description = input["description"].as_str().map(str::to_owned);
    if description.as_ref().is_some_and(|text| text.chars().count() > 256) {
        return Err(fault("DescriptionTooLongException", "The description has more than 256 characters"));
    }
    let (content, app_spec) = match platform {
        Platform::Server => ("", AppSpec { resource: bundle(&input["revision"])?, hooks: BTreeMap::new() }),
        Platform::Ecs | Platform::Lambda => {
            let content = content(&input["revision"])?;
            let app_spec = appspec::read(content, platform);
            (content, app_spec.map_err(|problem| fault("InvalidRevisionException", problem))?)
        }
    };
    check_rollback(&input["autoRollbackConfiguration"])?;
    check_alarms(&input["overrideAlarmConfiguration"])?;
    let mut own_settings = Map::new();
    for (given, setting) in [
        ("autoRollbackConfiguration", "autoRollbackConfiguration"),
        ("overrideAlarmConfiguration", "alarmConfiguration"),
    ] {
        if !input[given].is_null() {
            own_settings.insert(setting.to_owned(), input[given].clone());
        }
    }
    if let Some(active) = state.active(application, name) {
        let message = format!("The Deployment Group '{name}' already has an active Deployment '{}'", active.id);
        return Err(fault("DeploymentLimitExceededException", message));
    }
    let content = content.to_owned();
    let begun = Begun { config, description, content, app_spec, own_settings, at: inner.clock.now_millis() };
    let deployment = Deployment::begin(application, name, group, platform, begun);
    let id = deployment.id.clone();
    state.add(deployment);
    drop(state);
    run::start(inner, id.clone());
    Ok(json!({"deploymentId": id}))
}

/// An archive in S3.
fn bundle(revision: &Value) -> Result<Resource, AwsFault> {
    if revision.is_null() {
        return Err(fault("RevisionRequiredException", "A revision must be specified"));
    }
    let text = |member: &str| revision["s3Location"][member].as_str().map(str::to_owned);
    match (revision["revisionType"].as_str(), text("bucket"), text("key"), text("bundleType")) {
        (Some("S3"), Some(bucket), Some(key), Some(kind)) if ["tar", "tgz"].contains(&kind.as_str()) => {
            Ok(Resource::Bundle(Bundle { bucket, key, kind }))
        }
        _ => {
            Err(fault("InvalidRevisionException", "the lab's instances take archives of S3, of the types tar and tgz"))
        }
    }
}

/// An AppSpec file as text.
fn content(revision: &Value) -> Result<&str, AwsFault> {
    if revision.is_null() {
        return Err(fault("RevisionRequiredException", "A revision must be specified"));
    }
    let content = match revision["revisionType"].as_str() {
        Some("AppSpecContent") => revision["appSpecContent"]["content"].as_str(),
        Some("String") => revision["string"]["content"].as_str(),
        _ => None,
    };
    content.ok_or_else(|| fault("InvalidRevisionException", "the lab takes the content of an AppSpec file only"))
}

/// The id of a deployment that exists.
pub(super) fn existing<'a>(state: &State, input: &'a Value) -> Result<&'a str, AwsFault> {
    let id = required(input, "deploymentId", "DeploymentIdRequiredException")?;
    if !is_id(id) {
        return Err(fault("InvalidDeploymentIdException", format!("The format of the deployment ID is invalid: {id}")));
    }
    let missing = || fault("DeploymentDoesNotExistException", format!("The deployment {id} could not be found"));
    state.deployment(id).map(|_| id).ok_or_else(missing)
}

fn is_id(id: &str) -> bool {
    id.strip_prefix("d-").is_some_and(|rest| rest.len() == 9 && rest.chars().all(|it| it.is_ascii_alphanumeric()))
}

pub(super) fn get(inner: &Inner, input: &Value) -> Answer {
    let state = inner.state();
    let id = existing(&state, input)?;
    Ok(json!({"deploymentInfo": state.deployment(id).map(show::deployment)}))
}

pub(super) fn batch_get(inner: &Inner, input: &Value) -> Answer {
    let ids: Vec<&str> = input["deploymentIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if ids.is_empty() {
        return Err(fault("DeploymentIdRequiredException", "At least one deployment ID must be specified"));
    }
    if ids.len() > MOST_AT_ONCE {
        return Err(fault(
            "BatchLimitExceededException",
            format!("At most {MOST_AT_ONCE} deployments can be asked for"),
        ));
    }
    if let Some(wrong) = ids.iter().find(|id| !is_id(id)) {
        return Err(fault(
            "InvalidDeploymentIdException",
            format!("The format of the deployment ID is invalid: {wrong}"),
        ));
    }
    let state = inner.state();
    let found: Vec<Value> = ids.iter().filter_map(|id| state.deployment(id)).map(show::deployment).collect();
    Ok(json!({"deploymentsInfo": found}))
}

/// The newest first.
pub(super) fn list(inner: &Inner, input: &Value) -> Answer {
    const STATUSES: [&str; 8] =
        ["Created", "Queued", "InProgress", "Baking", "Succeeded", "Failed", "Stopped", "Ready"];
    let named = !input["applicationName"].is_null() || !input["deploymentGroupName"].is_null();
    let names =
        if named { Some((application(input, "applicationName")?, group(input, "deploymentGroupName")?)) } else { None };
    let statuses: Vec<&str> =
        input["includeOnlyStatuses"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(wrong) = statuses.iter().find(|status| !STATUSES.contains(status)) {
        return Err(fault("InvalidDeploymentStatusException", format!("{wrong} is no status of a deployment")));
    }
    let bound = |name: &str| input["createTimeRange"][name].as_f64();
    let (start, end) = (bound("start").unwrap_or(f64::NEG_INFINITY), bound("end").unwrap_or(f64::INFINITY));
    if start > end {
        return Err(fault("InvalidTimeRangeException", "The time range ends before it starts"));
    }
    let state = inner.state();
    if let Some((application, name)) = names {
        platform_of(&state, application)?;
        state.groups.get(&(application.to_owned(), name.to_owned())).ok_or_else(|| no_group(name))?;
    }
    let fits = |one: &&Deployment| {
        let created = one.created as f64 / 1000.0;
        names.is_none_or(|(application, group)| one.application == application && one.group == group)
            && (statuses.is_empty() || statuses.contains(&one.status.name()))
            && (start..=end).contains(&created)
    };
    let found: Vec<&str> = state.deployments.iter().rev().filter(fits).map(|one| one.id.as_str()).collect();
    Ok(json!({"deployments": found}))
}

fn already_completed() -> AwsFault {
    fault("DeploymentAlreadyCompletedException", "The deployment is completed already")
}

/// It is carried out as soon as the deployment comes to it: the answer is `Pending`.
pub(super) fn stop(inner: &Inner, input: &Value) -> Answer {
    let id = {
        let state = inner.state();
        let id = existing(&state, input)?;
        if state.deployment(id).is_none_or(|one| one.status.has_ended()) {
            return Err(already_completed());
        }
        id
    };
    inner.change(id, |deployment| {
        let wish = input["autoRollbackEnabled"].as_bool();
        let rolls_back = wish.unwrap_or_else(|| deployment.rolls_back_on("DEPLOYMENT_STOP_ON_REQUEST"));
        let why = Trouble::new("MANUAL_STOP", "The deployment was stopped by a call of StopDeployment.");
        // The first order stands, unless a later one asks for more.
        let order = deployment.order.get_or_insert(Order { why, rolls_back });
        order.rolls_back |= rolls_back;
    });
    Ok(json!({"status": "Pending", "statusMessage": "The deployment is being stopped."}))
}

pub(super) fn go_on(inner: &Inner, input: &Value) -> Answer {
    let mut state = inner.state();
    let id = existing(&state, input)?;
    let Some(deployment) = state.deployment_mut(id) else { return Err(already_completed()) };
    if deployment.status.has_ended() {
        return Err(already_completed());
    }
    let not_ready = || fault("DeploymentIsNotInReadyStateException", "The deployment does not wait to be continued");
    match input["deploymentWaitType"].as_str().unwrap_or("READY_WAIT") {
        "READY_WAIT" if deployment.status == Status::Ready => deployment.ready_continued = true,
        "TERMINATION_WAIT" if deployment.waits_for_termination => deployment.termination_continued = true,
        "READY_WAIT" | "TERMINATION_WAIT" => return Err(not_ready()),
        other => {
            return Err(fault("InvalidDeploymentWaitTypeException", format!("{other} is no wait of a deployment")));
        }
    }
    drop(state);
    inner.change(id, |_| ());
    Ok(Value::Null)
}

pub(super) fn answer_hook(inner: &Inner, input: &Value) -> Answer {
    let execution = input["lifecycleEventHookExecutionId"].as_str().unwrap_or_default();
    let mut state = inner.state();
    let id = existing(&state, input)?;
    let succeeded = match input["status"].as_str() {
        Some("Succeeded") => true,
        Some("Failed") => false,
        _ => {
            let message = "The status must be Succeeded or Failed";
            return Err(fault("InvalidLifecycleEventHookExecutionStatusException", message));
        }
    };
    let deployment = state.deployment_mut(id);
    let has_ended = deployment.as_ref().is_none_or(|deployment| deployment.status.has_ended());
    let unknown = || {
        let message = "There is no such execution of a hook in this deployment";
        fault("InvalidLifecycleEventHookExecutionIdException", message)
    };
    let hook = deployment.and_then(|deployment| deployment.hooks.get_mut(execution)).ok_or_else(unknown)?;
    if has_ended || hook.succeeded.is_some() || hook.is_over {
        let message = "The lifecycle event is completed already";
        return Err(fault("LifecycleEventAlreadyCompletedException", message));
    }
    hook.succeeded = Some(succeeded);
    drop(state);
    inner.change(id, |_| ());
    Ok(json!({"lifecycleEventHookExecutionId": execution}))
}
