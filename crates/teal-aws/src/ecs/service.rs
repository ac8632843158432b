//! Green's service made like blue's.

use super::ServiceOrder;
use super::description::{Deployment, Service};
use super::settings::is_reserved;
use crate::json::Members;
use serde_json::{Value, json};

/// ECS's own role for services, which a request may not name.
const SERVICE_LINKED_ROLE: &str = "/aws-service-role/";

/// Members of a service that CreateService takes as DescribeServices gives them, besides those that [`creation`] makes.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>
const CREATED_ALIKE: [&str; 11] = [
    "availabilityZoneRebalancing",
    "deploymentConfiguration",
    "deploymentController",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
];

/// The same of a service's newest deployment; UpdateService takes them, too.
const ALIKE_OF_DEPLOYMENT: [&str; 2] = ["serviceConnectConfiguration", "volumeConfigurations"];

/// Members that UpdateService sets to blue's where blue has them. What blue has none of stays as it is.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
const UPDATED_ALIKE: [&str; 6] = [
    "availabilityZoneRebalancing",
    "deploymentConfiguration",
    "healthCheckGracePeriodSeconds",
    "networkConfiguration",
    "platformVersion",
    "propagateTags",
];

/// Switches, which are off where a service does not have them.
const SWITCHES: [&str; 2] = ["enableECSManagedTags", "enableExecuteCommand"];

/// Which capacity providers run a service's tasks, in the place of a launch type.
const STRATEGY: &str = "capacityProviderStrategy";

/// Begins a deployment even where nothing else of the service asks for one.
const FORCE: &str = "forceNewDeployment";

/// Lists; an empty one takes green's away.
const LISTS: [&str; 2] = ["placementConstraints", "placementStrategy"];

/// Blue's load balancers, with green's target group in the place of blue's: blue has no others.
fn load_balancers(blue: &Service, order: &ServiceOrder<'_>) -> Value {
    let mut load_balancers = list(blue, "loadBalancers");
    for group in load_balancers.iter_mut().filter_map(|load_balancer| load_balancer.get_mut("targetGroupArn")) {
        if group.as_str() == Some(order.blue_group.as_str()) {
            *group = order.green_group.as_str().into();
        }
    }
    load_balancers.into()
}

/// Whether the task definition that ECS names is the one that is ordered, which may be given without its ARN's beginning.
pub(super) fn is_task_definition(found: &str, ordered: &str) -> bool {
    found == ordered || found.rsplit('/').next() == Some(ordered)
}

/// The input of the CreateService that makes green's service like blue's.
pub(super) fn creation(blue: &Service, order: &ServiceOrder<'_>) -> Value {
    let mut input = Members::new();
    let mut alike = |name: &str, value: Option<&Value>| {
        input.extend(value.map(|value| (name.to_owned(), value.clone())));
    };
    CREATED_ALIKE.iter().for_each(|name| alike(name, blue.member(name)));
    ALIKE_OF_DEPLOYMENT.iter().for_each(|name| alike(name, blue.member_of_primary(name)));
    // ECS takes one of the two.
    match blue.member(STRATEGY) {
        Some(strategy) => alike(STRATEGY, Some(strategy)),
        None => alike("launchType", blue.member("launchType")),
    }
    let is_ours = |role: &&Value| role.as_str().is_some_and(|role| !role.contains(SERVICE_LINKED_ROLE));
    alike("role", blue.member("roleArn").filter(is_ours));
    let mut tags = list(blue, "tags");
    tags.retain(|tag| !tag.get("key").and_then(Value::as_str).is_some_and(is_reserved));
    if !tags.is_empty() {
        alike("tags", Some(&tags.into()));
    }
    let mut input = Value::Object(input);
    input["cluster"] = order.cluster.into();
    input["serviceName"] = order.green_service.into();
    input["taskDefinition"] = order.task_definition.into();
    input["desiredCount"] = order.desired.into();
    input["clientToken"] = format!("{:032x}", fastrand::u128(..)).into();
    input["loadBalancers"] = load_balancers(blue, order);
    input["schedulingStrategy"] = "REPLICA".into();
    input
}

/// The input of the UpdateService that brings green's service to what is ordered and to blue's settings, as far as ECS lets them be
/// changed; `None` if there is nothing to change.
pub(super) fn alignment(blue: &Service, green: &Service, order: &ServiceOrder<'_>) -> Option<Value> {
    let mut input = Members::new();
    let mut set = |name: &str, value: Value| {
        input.insert(name.to_owned(), value);
    };
    if !is_task_definition(&green.task_definition, order.task_definition) {
        set("taskDefinition", order.task_definition.into());
    } else if green.desired_count == 0 && green.primary().is_some_and(Deployment::is_failed) {
        // Of a deployment that failed before, ECS makes nothing more by itself.
        set(FORCE, true.into());
    }
    if green.desired_count != order.desired {
        set("desiredCount", order.desired.into());
    }
    let load_balancers = load_balancers(blue, order);
    if load_balancers != Value::from(list(green, "loadBalancers")) {
        set("loadBalancers", load_balancers);
    }
    let same = UPDATED_ALIKE.iter().map(|name| (name, blue.member(name), green.member(name)));
    let newest = ALIKE_OF_DEPLOYMENT.iter();
    let newest = newest.map(|name| (name, blue.member_of_primary(name), green.member_of_primary(name)));
    for (name, blue, green) in same.chain(newest) {
        if let Some(blue) = blue.filter(|_| blue != green) {
            set(name, blue.clone());
        }
    }
    for name in SWITCHES {
        let is_on = |service: &Service| service.member(name) == Some(&Value::Bool(true));
        if is_on(blue) != is_on(green) {
            set(name, is_on(blue).into());
        }
    }
    for name in LISTS {
        let (blue, green) = (list(blue, name), list(green, name));
        if blue != green {
            set(name, blue.into());
        }
    }
    // An empty strategy takes green back to its launch type. ECS refuses another one without a new deployment.
    let [blue_strategy, green_strategy] = [blue, green].map(|service| list(service, STRATEGY));
    if blue_strategy != green_strategy {
        set(STRATEGY, blue_strategy.into());
        set(FORCE, true.into());
    }
    if input.is_empty() {
        return None;
    }
    let named = json!({"cluster": order.cluster, "service": order.green_service});
    input.extend(named.as_object().cloned().unwrap_or_default());
    Some(input.into())
}

/// The elements of a list among a service's members.
fn list(service: &Service, name: &str) -> Vec<Value> {
    service.member(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Whether every task is of the newest deployment. Those of an older one go on until they are replaced, healthy and registered.
pub(super) fn is_current(service: &Service) -> bool {
    let mut older = service.deployments.iter().filter(|deployment| !deployment.is_primary());
    service.primary().is_some() && older.all(|older| older.running_count + older.pending_count == 0)
}

/// Why ECS gave up on a service's newest deployment, if it did.
///
/// With its circuit breaker set to roll back, ECS puts a deployment of its own in the place of the failed one, and says so in that
/// one's reason. A failed deployment further back is an earlier release's.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>
pub(super) fn failure(service: &Service) -> Option<String> {
    let newest = service.primary()?;
    let reason = newest.rollout_state_reason.as_deref().unwrap_or("its deployment failed");
    (newest.is_failed() || reason.contains("rolling back to")).then(|| reason.to_owned())
}

/// Whether ECS gave up on what is ordered: ordering it again would only hide that from whoever asks for progress.
pub(super) fn gave_up(green: &Service, order: &ServiceOrder<'_>) -> bool {
    let is_ordered = |found: &str| is_task_definition(found, order.task_definition);
    green.desired_count > 0
        && failure(green).is_some()
        && green.deployments.iter().any(|found| found.is_failed() && is_ordered(&found.task_definition))
}
