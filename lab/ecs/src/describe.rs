//! What exists, as the API gives it back.

use crate::deployments;
use crate::names;
use crate::protocol::{Members, Tag, timestamp};
use crate::state::{Cluster, Deployment, Service, ServiceStatus, State, Task, TaskDefinition, TaskSet};
use serde_json::{Value, json};
use teal_lab_wire::{ACCOUNT, Millis};

/// `members` with `more` put over them.
pub(crate) fn merged(members: &Members, more: Value) -> Value {
    let mut all = members.clone();
    if let Value::Object(more) = more {
        // What is null is absent in this protocol.
        all.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(all)
}

pub(crate) fn optional_timestamp(at: Option<Millis>) -> Value {
    at.map_or(Value::Null, timestamp)
}

/// Kept with the service, but only given back by its deployments.
const ONLY_IN_DEPLOYMENTS: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

pub(crate) fn tags(tags: &[Tag]) -> Value {
    json!(tags)
}

pub(crate) fn cluster(state: &State, cluster: &Cluster, with_tags: bool) -> Value {
    let services = || state.services.values().filter(|service| service.cluster == cluster.name);
    let tasks = || state.tasks.values().filter(|task| task.cluster == cluster.name);
    merged(
        &cluster.settings,
        json!({
            "clusterArn": names::cluster_arn(&cluster.name),
            "clusterName": cluster.name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": tasks().filter(|task| task.is_running()).count(),
            "pendingTasksCount": tasks().filter(|task| task.is_pending()).count(),
            "activeServicesCount": services().filter(|service| service.status == ServiceStatus::Active).count(),
            "statistics": [],
            "tags": if with_tags { tags(&cluster.tags) } else { json!([]) },
        }),
    )
}

pub(crate) fn task_definition(definition: &TaskDefinition) -> Value {
    merged(
        &definition.settings,
        json!({
            "taskDefinitionArn": definition.id.arn(),
            "family": definition.id.family,
            "revision": definition.id.revision,
            "status": if definition.deregistered_at.is_some() { "INACTIVE" } else { "ACTIVE" },
            "registeredAt": timestamp(definition.registered_at),
            "registeredBy": root_arn(),
            "deregisteredAt": optional_timestamp(definition.deregistered_at),
        }),
    )
}

fn root_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:root")
}

pub(crate) fn service(state: &State, service: &Service, with_tags: bool) -> Value {
    let mut settings = service.settings.clone();
    settings.retain(|name, _| !ONLY_IN_DEPLOYMENTS.contains(&name.as_str()));
    settings.extend(deployments::current(state, service));
    let of_service =
        || state.tasks.values().filter(|task| task.service == service.name && task.cluster == service.cluster);
    let last = service.primary().map(|it| &it.task_definition).or(service.last_completed.as_ref());
    merged(
        &settings,
        json!({
            "serviceArn": service.arn(),
            "serviceName": service.name,
            "clusterArn": names::cluster_arn(&service.cluster),
            "status": service.status.name(),
            "desiredCount": service.desired_count,
            "runningCount": of_service().filter(|task| task.is_running()).count(),
            "pendingCount": of_service().filter(|task| task.is_pending()).count(),
            "taskDefinition": last.map(|id| id.arn()),
            "deployments": service
                .deployments
                .iter()
                .enumerate()
                .map(|(index, it)| deployment(state, service, it, index == 0))
                .collect::<Vec<_>>(),
            "taskSets": service.has_task_sets().then(|| {
                service.task_sets.iter().map(|set| task_set(state, service, set, with_tags)).collect::<Vec<_>>()
            }),
            "events": service
                .events
                .iter()
                .map(|event| json!({"id": event.id, "createdAt": timestamp(event.at), "message": event.message}))
                .collect::<Vec<_>>(),
            "createdAt": timestamp(service.created_at),
            "createdBy": root_arn(),
            "tags": if with_tags { tags(&service.tags) } else { Value::Null },
        }),
    )
}

fn deployment(state: &State, service: &Service, deployment: &Deployment, primary: bool) -> Value {
    let running = state.tasks_of(&deployment.id).filter(|task| task.is_running()).count();
    let pending = state.tasks_of(&deployment.id).filter(|task| task.is_pending()).count();
    merged(
        &deployment.settings,
        json!({
            "id": deployment.id,
            "status": if primary { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": deployment.task_definition.arn(),
            "desiredCount": if deployment.wanted.unwrap_or(primary) { service.desired_count } else { 0 },
            "pendingCount": pending,
            "runningCount": running,
            "failedTasks": deployment.failed_tasks,
            "createdAt": timestamp(deployment.created_at),
            "updatedAt": timestamp(deployment.updated_at),
            "rolloutState": deployment.rollout.name(),
            "rolloutStateReason": deployment.reason,
        }),
    )
}

pub(crate) fn task_set(state: &State, service: &Service, set: &TaskSet, with_tags: bool) -> Value {
    let deployment = &set.deployment;
    let running = state.tasks_of(&deployment.id).filter(|task| task.is_running()).count();
    let pending = state.tasks_of(&deployment.id).filter(|task| task.is_pending()).count();
    let mut settings = deployment.settings.clone();
    // Given back by deployments only.
    settings.retain(|name, _| !ONLY_IN_DEPLOYMENTS.contains(&name.as_str()));
    merged(
        &settings,
        json!({
            "id": deployment.id,
            "taskSetArn": names::arn(&format!("task-set/{}/{}/{}", service.cluster, service.name, deployment.id)),
            "serviceArn": service.arn(),
            "clusterArn": names::cluster_arn(&service.cluster),
            "startedBy": "CODE_DEPLOY",
            "externalId": set.external_id,
            "status": set.status.name(),
            "taskDefinition": deployment.task_definition.arn(),
            "computedDesiredCount": set.desired(service.desired_count),
            "pendingCount": pending,
            "runningCount": running,
            "createdAt": timestamp(deployment.created_at),
            "updatedAt": timestamp(deployment.updated_at),
            "loadBalancers": deployment.load_balancers,
            "serviceRegistries": [],
            "scale": {"value": set.scale, "unit": "PERCENT"},
            "stabilityStatus": if set.steady { "STEADY_STATE" } else { "STABILIZING" },
            "stabilityStatusAt": timestamp(set.steady_at),
            "tags": if with_tags { tags(&set.tags) } else { Value::Null },
        }),
    )
}

pub(crate) fn task(state: &State, task: &Task, with_tags: bool) -> Value {
    let service = state.services.get(&(task.cluster.clone(), task.service.clone()));
    let setting = |name: &str| service.map_or(&Value::Null, |service| service.setting(name)).clone();
    let definition = state.definition(&task.task_definition);
    let of_definition = |name: &str| definition.and_then(|it| it.settings.get(name)).cloned().unwrap_or(Value::Null);
    let containers: Vec<_> = definition
        .map_or(&[][..], TaskDefinition::containers)
        .iter()
        .map(|container| merged(&Members::new(), self::container(task, container)))
        .collect();
    merged(
        &Members::new(),
        json!({
            "taskArn": task.arn(),
            "clusterArn": names::cluster_arn(&task.cluster),
            "taskDefinitionArn": task.task_definition.arn(),
            "group": format!("service:{}", task.service),
            "startedBy": task.deployment,
            "availabilityZone": task.zone,
            "lastStatus": task.status.name(),
            "desiredStatus": if task.is_wanted() { "RUNNING" } else { "STOPPED" },
            "healthStatus": "UNKNOWN",
            "connectivity": "CONNECTED",
            "connectivityAt": timestamp(task.created_at),
            "containers": containers,
            "cpu": of_definition("cpu"),
            "memory": of_definition("memory"),
            "launchType": setting("launchType"),
            "platformVersion": setting("platformVersion"),
            "platformFamily": setting("platformFamily"),
            "enableExecuteCommand": setting("enableExecuteCommand"),
            "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
            "attributes": [],
            "attachments": attachments(task),
            "createdAt": timestamp(task.created_at),
            "startedAt": optional_timestamp(task.started_at),
            "stoppingAt": optional_timestamp(task.stopping_at),
            "stoppedAt": optional_timestamp(task.stopped_at),
            "stopCode": task.ending.as_ref().map(|ending| ending.code),
            "stoppedReason": task.ending.as_ref().map(|ending| ending.reason.clone()),
            "tags": if with_tags { tags(&task.tags) } else { json!([]) },
            "version": 1,
        }),
    )
}

/// Where the task is reached. With awsvpc this is where AWS says the task's address; the lab says it for every task.
fn attachments(task: &Task) -> Value {
    match task.address {
        Some(address) => json!([{
            "id": task.id,
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED",
            "details": [{"name": "privateIPv4Address", "value": address.ip().to_string()}],
        }]),
        None => json!([]),
    }
}

fn container(task: &Task, container: &Value) -> Value {
    let bindings = match (task.address, container["portMappings"][0]["containerPort"].as_u64()) {
        (Some(address), Some(port)) => json!([{
            "bindIP": address.ip().to_string(),
            "containerPort": port,
            "hostPort": address.port(),
            "protocol": "tcp",
        }]),
        _ => json!([]),
    };
    json!({
        "containerArn": names::arn(&format!("container/{}/{}", task.cluster, task.id)),
        "taskArn": task.arn(),
        "name": container["name"],
        "image": container["image"],
        "lastStatus": task.status.name(),
        "exitCode": task.exit_code,
        "networkBindings": bindings,
        "networkInterfaces": [],
        "healthStatus": "UNKNOWN",
    })
}
