//! Service deployments and revisions as the API gives them back.

use super::model::{Hook, Revision, ServiceDeployment, deployment_arn, revision_arn};
use crate::describe::{merged, optional_timestamp};
use crate::names;
use crate::protocol::{Members, timestamp};
use crate::state::{Service, State, Task};
use serde_json::{Map, Value, json};

/// What DescribeServices says of a service's deployments: the one under way, and the revisions that have tasks.
pub(crate) fn current(state: &State, service: &Service) -> Members {
    let mut members = Map::new();
    if let Some(deployment) = service.history.under_way() {
        let arn = deployment_arn(&service.cluster, &service.name, &deployment.id);
        members.insert("currentServiceDeployment".to_owned(), json!(arn));
    }
    let revisions: Vec<_> = service.deployments.iter().map(|it| counts(state, service, &it.revision)).collect();
    if !revisions.is_empty() && !service.history.revisions.is_empty() {
        members.insert("currentServiceRevisions".to_owned(), json!(revisions));
    }
    members
}

/// A revision's tasks.
fn counts(state: &State, service: &Service, revision: &str) -> Value {
    let deployment = service.deployment_of(revision);
    let count = |counts: fn(&Task) -> bool| {
        deployment.map_or(0, |it| state.tasks_of(&it.id).filter(|task| counts(task)).count())
    };
    let is_primary = service.primary().is_some_and(|it| it.revision == revision);
    let is_wanted = deployment.is_some_and(|it| it.wanted.unwrap_or(is_primary));
    json!({
        "arn": revision_arn(&service.cluster, &service.name, revision),
        "requestedTaskCount": if is_wanted { service.desired_count } else { 0 },
        "runningTaskCount": count(Task::is_running),
        "pendingTaskCount": count(Task::is_pending),
    })
}

/// The same with the revision's shares of traffic, in percent.
fn with_weights(mut counts: Value, test: f64, production: f64) -> Value {
    counts["requestedTestTrafficWeight"] = json!(test);
    counts["requestedProductionTrafficWeight"] = json!(production);
    counts
}

pub(super) fn deployment(state: &State, service: &Service, deployment: &ServiceDeployment) -> Value {
    let arn = |revision: &str| revision_arn(&service.cluster, &service.name, revision);
    let source = |revision: &String| {
        with_weights(
            counts(state, service, revision),
            100.0 - deployment.test_share,
            100.0 - deployment.production_share,
        )
    };
    let target =
        with_weights(counts(state, service, &deployment.target), deployment.test_share, deployment.production_share);
    let rollback = deployment.rollback.as_ref().map(|it| {
        json!({"reason": it.reason, "startedAt": timestamp(it.started_at), "serviceRevisionArn": arn(&it.revision)})
    });
    merged(
        &brief(service, deployment),
        json!({
            "targetServiceRevisionArn": Value::Null,
            "updatedAt": timestamp(deployment.updated_at),
            "stoppedAt": optional_timestamp(deployment.stopped_at),
            "sourceServiceRevisions": deployment.sources.iter().map(source).collect::<Vec<_>>(),
            "targetServiceRevision": target,
            "lifecycleStage": deployment.stage.filter(|_| !deployment.status.is_over()).map(|stage| stage.shown()),
            "lifecycleHookDetails": deployment.hooks.iter().map(hook).collect::<Vec<_>>(),
            "deploymentConfiguration": deployment.configuration,
            "rollback": rollback,
            "deploymentCircuitBreaker": circuit_breaker(service, deployment),
            "alarms": alarms(deployment),
        }),
    )
}

/// As ListServiceDeployments has it.
pub(super) fn listed(service: &Service, deployment: &ServiceDeployment) -> Value {
    let target = revision_arn(&service.cluster, &service.name, &deployment.target);
    merged(&brief(service, deployment), json!({"targetServiceRevisionArn": target}))
}

fn brief(service: &Service, deployment: &ServiceDeployment) -> Members {
    let all = merged(
        &Members::new(),
        json!({
            "serviceDeploymentArn": deployment_arn(&service.cluster, &service.name, &deployment.id),
            "serviceArn": service.arn(),
            "clusterArn": names::cluster_arn(&service.cluster),
            "createdAt": timestamp(deployment.created_at),
            "startedAt": optional_timestamp(deployment.started_at),
            "finishedAt": optional_timestamp(deployment.finished_at),
            "status": deployment.status.name(),
            "statusReason": deployment.reason,
        }),
    );
    all.as_object().cloned().unwrap_or_default()
}

fn hook(hook: &Hook) -> Value {
    let kind = if hook.function.is_some() { "AWS_LAMBDA" } else { "PAUSE" };
    merged(
        &Members::new(),
        json!({
            "hookId": hook.id,
            "targetType": kind,
            "targetArn": hook.function,
            "status": hook.status.name(),
            "expiresAt": timestamp(hook.expires_at),
            "timeoutAction": hook.timeout_action,
        }),
    )
}

fn circuit_breaker(service: &Service, deployment: &ServiceDeployment) -> Value {
    let failures =
        service.deployment_of(&deployment.target).map_or(0, |it| it.failed_tasks).max(deployment.failed_tasks);
    let threshold = service.circuit_threshold();
    let status = match deployment.configuration["deploymentCircuitBreaker"]["enable"] == true {
        false => "DISABLED",
        true if failures >= threshold => "TRIGGERED",
        true if deployment.status.is_over() => "MONITORING_COMPLETE",
        true => "MONITORING",
    };
    json!({"status": status, "failureCount": failures, "threshold": threshold})
}

fn alarms(deployment: &ServiceDeployment) -> Value {
    let configured = &deployment.configuration["alarms"];
    let triggered = &deployment.alarms.triggered;
    let status = match configured["enable"] == true && !deployment.alarms.ignored {
        false => "DISABLED",
        true if !triggered.is_empty() => "TRIGGERED",
        true if deployment.status.is_over() => "MONITORING_COMPLETE",
        true => "MONITORING",
    };
    let names = configured["alarmNames"].as_array().cloned().unwrap_or_default();
    json!({"status": status, "alarmNames": names, "triggeredAlarmNames": triggered})
}

pub(super) fn revision(state: &State, service: &Service, revision: &Revision) -> Value {
    let images: Vec<_> = state
        .definition(&revision.task_definition)
        .map_or(&[][..], |definition| definition.containers())
        .iter()
        .map(|container| json!({"containerName": container["name"], "image": container["image"]}))
        .collect();
    let mut settings = revision.settings.clone();
    if let Some(deployment) = service.deployment_of(&revision.id) {
        // Where its tasks really are.
        let resolved = deployment.load_balancers.iter().map(|balancer| {
            let advanced = balancer.advanced_configuration.as_ref();
            merged(
                &Members::new(),
                json!({
                    "targetGroupArn": balancer.target_group_arn,
                    "productionListenerRule": advanced.and_then(|it| it.production_listener_rule.clone()),
                }),
            )
        });
        settings.insert("resolvedConfiguration".to_owned(), json!({"loadBalancers": resolved.collect::<Vec<_>>()}));
    }
    merged(
        &settings,
        json!({
            "serviceRevisionArn": revision_arn(&service.cluster, &service.name, &revision.id),
            "serviceArn": service.arn(),
            "clusterArn": names::cluster_arn(&service.cluster),
            "taskDefinition": revision.task_definition.arn(),
            "containerImages": images,
            "guardDutyEnabled": false,
            "createdAt": timestamp(revision.created_at),
        }),
    )
}
