//! What there is, as the API gives it back.

use crate::appspec::{Bundle, Resource};
use crate::model::{
    Config, Creator, Deployment, Event, EventStatus, Group, InstanceStatus, InstanceTarget, Platform, Shift, State,
    Status,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use teal_lab_wire::{ACCOUNT, Millis, REGION};

/// A time as the protocol writes it: seconds since the Unix epoch.
fn timestamp(at: Millis) -> Value {
    json!(at as f64 / 1000.0)
}

/// A document without the members that are null: in the protocol they are absent.
fn without_nulls(document: Value) -> Value {
    match document {
        Value::Object(members) => {
            let present = members.into_iter().filter(|(_, value)| !value.is_null());
            present.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

pub(crate) fn config(config: &Config) -> Value {
    let routing = match config.shift {
        Shift::AllAtOnce => json!({"type": "AllAtOnce"}),
        Shift::Canary { percentage, interval } => json!({
            "type": "TimeBasedCanary",
            "timeBasedCanary": {"canaryPercentage": percentage, "canaryInterval": interval},
        }),
        Shift::Linear { percentage, interval } => json!({
            "type": "TimeBasedLinear",
            "timeBasedLinear": {"linearPercentage": percentage, "linearInterval": interval},
        }),
    };
    let hosts = config.hosts.map(|hosts| {
        let (kind, value) = hosts.shown();
        json!({"type": kind, "value": value})
    });
    without_nulls(json!({
        "deploymentConfigId": config.id,
        "deploymentConfigName": config.name,
        "computePlatform": config.platform.name(),
        "createTime": timestamp(config.created),
        "trafficRoutingConfig": if hosts.is_some() { Value::Null } else { routing },
        "minimumHealthyHosts": hosts,
    }))
}

pub(crate) fn group(state: &State, application: &str, name: &str, platform: Platform, group: &Group) -> Value {
    let last = |id: &Option<String>| id.as_deref().and_then(|id| state.deployment(id));
    let shown = |deployment: &Deployment| {
        json!({
            "deploymentId": deployment.id,
            "status": deployment.status.name(),
            "createTime": timestamp(deployment.created),
            "endTime": deployment.completed.map(timestamp),
        })
    };
    let mut info = json!({
        "applicationName": application,
        "deploymentGroupId": group.id,
        "deploymentGroupName": name,
        "computePlatform": platform.name(),
        "targetRevision": last(&group.last_successful).map(revision),
        "lastSuccessfulDeployment": last(&group.last_successful).map(shown),
        "lastAttemptedDeployment": last(&group.last_attempted).map(shown),
    });
    for (name, value) in &group.settings {
        info[name] = value.clone();
    }
    if let Some(names) = group.setting("autoScalingGroups").as_array() {
        info["autoScalingGroups"] = names.iter().map(|name| json!({"name": name})).collect();
    }
    without_nulls(info)
}

/// The content of an AppSpec file is not given back, only its hash.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeployment.html>
fn revision(deployment: &Deployment) -> Value {
    if let Resource::Bundle(Bundle { bucket, key, kind }) = &deployment.app_spec.resource {
        return json!({"revisionType": "S3", "s3Location": {"bucket": bucket, "key": key, "bundleType": kind}});
    }
    let mut hash = String::new();
    for byte in Sha256::digest(&deployment.content) {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    json!({"revisionType": "AppSpecContent", "appSpecContent": {"sha256": hash}})
}

pub(crate) fn deployment(deployment: &Deployment) -> Value {
    let status = target_status(deployment);
    let count = |of: InstanceStatus| match deployment.platform {
        Platform::Server => deployment.count(of),
        Platform::Ecs | Platform::Lambda => usize::from(status == of.name()),
    };
    let overview = json!({
        "Pending": count(InstanceStatus::Pending),
        "InProgress": count(InstanceStatus::InProgress),
        "Succeeded": count(InstanceStatus::Succeeded),
        "Failed": count(InstanceStatus::Failed),
        "Skipped": count(InstanceStatus::Skipped),
        "Ready": u8::from(status == "Ready"),
    });
    let creator = match deployment.creator {
        Creator::User => "user",
        Creator::Rollback => "codeDeployRollback",
    };
    let rollback = [
        ("rollbackDeploymentId", &deployment.rolled_back_by),
        ("rollbackTriggeringDeploymentId", &deployment.rolls_back),
        ("rollbackMessage", &deployment.rollback_message),
    ];
    let rollback = rollback.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let rollback: Value = rollback.map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))).collect();
    let setting = |name: &str| deployment.settings.get(name).cloned().unwrap_or_default();
    let trouble = deployment.trouble.as_ref();
    without_nulls(json!({
        "applicationName": deployment.application,
        "deploymentGroupName": deployment.group,
        "deploymentConfigName": deployment.config.name,
        "deploymentId": deployment.id,
        "revision": revision(deployment),
        "status": deployment.status.name(),
        "errorInformation": trouble.map(|trouble| json!({"code": trouble.code, "message": trouble.message})),
        "createTime": timestamp(deployment.created),
        "startTime": deployment.started.map(timestamp),
        "completeTime": deployment.completed.map(timestamp),
        "deploymentOverview": (deployment.status != Status::Created).then_some(overview),
        "description": deployment.description,
        "creator": creator,
        "ignoreApplicationStopFailures": false,
        "updateOutdatedInstancesOnly": false,
        "autoRollbackConfiguration": setting("autoRollbackConfiguration"),
        "rollbackInfo": if rollback == json!({}) { Value::Null } else { rollback },
        "deploymentStyle": setting("deploymentStyle"),
        "instanceTerminationWaitTimeStarted": deployment.waits_for_termination || deployment.termination_continued,
        "blueGreenDeploymentConfiguration": setting("blueGreenDeploymentConfiguration"),
        "loadBalancerInfo": setting("loadBalancerInfo"),
        "fileExistsBehavior": "DISALLOW",
        "deploymentStatusMessages": [],
        "computePlatform": deployment.platform.name(),
    }))
}

pub(crate) fn target_status(deployment: &Deployment) -> &'static str {
    match deployment.status {
        Status::Created => "Pending",
        Status::InProgress => "InProgress",
        Status::Ready => "Ready",
        Status::Succeeded => "Succeeded",
        Status::Failed => "Failed",
        // What had begun was given up.
        Status::Stopped => "Skipped",
    }
}

fn event(event: &Event) -> Value {
    let (script, log) = (&event.script, &event.log);
    let diagnostics = match &event.failure {
        Some((code, message)) => json!({"errorCode": code, "scriptName": script, "message": message, "logTail": log}),
        None if event.status == EventStatus::Succeeded => {
            json!({"errorCode": "Success", "scriptName": script, "message": "Succeeded", "logTail": log})
        }
        None => Value::Null,
    };
    json!({
        "lifecycleEventName": event.name,
        "status": event.status.name(),
        "startTime": event.started.map(timestamp),
        "endTime": event.ended.map(timestamp),
        "diagnostics": diagnostics,
    })
}

fn target(deployment: &Deployment, arn: &str, more: &Value) -> Value {
    let mut target = json!({
        "deploymentId": deployment.id,
        "targetId": deployment.target_ids().first(),
        "targetArn": arn,
        "status": target_status(deployment),
        "lastUpdatedAt": deployment.target.updated.map(timestamp),
        "lifecycleEvents": deployment.events.iter().map(event).collect::<Vec<_>>(),
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        target[name] = value.clone();
    }
    target
}

pub(crate) fn lambda_target(deployment: &Deployment) -> Value {
    let Resource::Lambda { function, alias, current, target: to } = &deployment.app_spec.resource else {
        return Value::Null;
    };
    let info = json!({
        "functionName": function,
        "functionAlias": alias,
        "currentVersion": current,
        "targetVersion": to,
        "targetVersionWeight": f64::from(deployment.target.share),
    });
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:{alias}");
    let shown = target(deployment, &arn, &json!({"lambdaFunctionInfo": info}));
    without_nulls(json!({"deploymentTargetType": "LambdaTarget", "lambdaTarget": shown}))
}

pub(crate) fn instance_target(deployment: &Deployment, instance: &InstanceTarget) -> Value {
    let shown = json!({
        "deploymentId": deployment.id,
        "targetId": instance.id,
        "targetArn": format!("arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{}", instance.id),
        "status": instance.status.name(),
        "lastUpdatedAt": instance.updated.map(timestamp),
        "lifecycleEvents": instance.events.iter().map(event).collect::<Vec<_>>(),
    });
    without_nulls(json!({"deploymentTargetType": "InstanceTarget", "instanceTarget": shown}))
}

/// With the service as ECS describes it now.
pub(crate) fn ecs_target(deployment: &Deployment, service: &Value) -> Value {
    let (cluster, name) = deployment.target_names();
    let of = &deployment.target;
    let sets = service["taskSets"].as_array().into_iter().flatten().map(|set| {
        let is = |id: &Option<String>| set["id"].as_str().is_some_and(|set| id.as_deref() == Some(set));
        let (label, weight) = if is(&of.replacement) {
            ("Green", of.share)
        } else {
            ("Blue", if is(&of.original) || of.original.is_none() { 100 - of.share } else { 0 })
        };
        let group = set["loadBalancers"][0]["targetGroupArn"].as_str().and_then(|arn| arn.split('/').nth(1));
        json!({
            "identifer": set["id"],
            "desiredCount": set["computedDesiredCount"],
            "pendingCount": set["pendingCount"],
            "runningCount": set["runningCount"],
            "status": set["status"],
            "trafficWeight": f64::from(weight),
            "targetGroup": group.map(|name| json!({"name": name})),
            "taskSetLabel": label,
        })
    });
    let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/{cluster}/{name}");
    let shown = target(deployment, &arn, &json!({"taskSetsInfo": sets.collect::<Vec<_>>()}));
    without_nulls(json!({"deploymentTargetType": "ECSTarget", "ecsTarget": shown}))
}
