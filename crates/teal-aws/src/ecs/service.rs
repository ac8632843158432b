//! Green's service made like blue's.

use super::settings::{is_reserved, primary};
use aws_sdk_ecs::client::Client;
use aws_sdk_ecs::operation::create_service::builders::CreateServiceFluentBuilder;
use aws_sdk_ecs::operation::update_service::builders::UpdateServiceFluentBuilder;
use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, LoadBalancer, SchedulingStrategy, Service};
use teal::ports::GreenOrder;

/// ECS's own role for services, which a request may not name.
const SERVICE_LINKED_ROLE: &str = "/aws-service-role/";

/// Blue's load balancers, with green's target group in the place of blue's: blue has no others.
pub(super) fn load_balancers(blue: &Service, order: &GreenOrder) -> Vec<LoadBalancer> {
    let replaced = |load_balancer: &LoadBalancer| {
        let mut load_balancer = load_balancer.clone();
        if load_balancer.target_group_arn() == Some(order.blue_group.as_str()) {
            load_balancer.target_group_arn = Some(order.green_group.to_string());
        }
        load_balancer
    };
    blue.load_balancers().iter().map(replaced).collect()
}

/// Whether the task definition that ECS names is the one that is ordered, which may be given without its ARN's beginning.
pub(super) fn is_task_definition(found: Option<&str>, ordered: &str) -> bool {
    found.is_some_and(|found| found == ordered || found.rsplit('/').next() == Some(ordered))
}

/// The request that creates green's service like blue's.
pub(super) fn creation(client: &Client, blue: &Service, order: &GreenOrder) -> CreateServiceFluentBuilder {
    let newest = primary(blue);
    let strategy = Some(blue.capacity_provider_strategy()).filter(|strategy| !strategy.is_empty());
    let tags = blue.tags().iter().filter(|tag| !is_reserved(tag.key().unwrap_or_default())).cloned().collect();
    client
        .create_service()
        .cluster(&order.cluster)
        .service_name(&order.green_service)
        .task_definition(&order.task_definition)
        .desired_count(desired(order))
        .client_token(format!("{:032x}", fastrand::u128(..)))
        .set_load_balancers(Some(load_balancers(blue, order)))
        // ECS takes one of the two.
        .set_launch_type(blue.launch_type.clone().filter(|_| strategy.is_none()))
        .set_capacity_provider_strategy(strategy.map(<[_]>::to_vec))
        .set_platform_version(blue.platform_version.clone())
        .set_role(blue.role_arn.clone().filter(|role| !role.contains(SERVICE_LINKED_ROLE)))
        .set_deployment_configuration(blue.deployment_configuration.clone())
        .set_deployment_controller(blue.deployment_controller.clone())
        .set_network_configuration(blue.network_configuration.clone())
        .set_placement_constraints(blue.placement_constraints.clone())
        .set_placement_strategy(blue.placement_strategy.clone())
        .set_health_check_grace_period_seconds(blue.health_check_grace_period_seconds)
        .scheduling_strategy(SchedulingStrategy::Replica)
        .set_availability_zone_rebalancing(blue.availability_zone_rebalancing.clone())
        .set_tags(Some(tags).filter(|tags: &Vec<_>| !tags.is_empty()))
        .enable_ecs_managed_tags(blue.enable_ecs_managed_tags)
        .set_propagate_tags(blue.propagate_tags.clone())
        .enable_execute_command(blue.enable_execute_command)
        .set_service_connect_configuration(newest.and_then(|newest| newest.service_connect_configuration.clone()))
        .set_volume_configurations(newest.and_then(|newest| newest.volume_configurations.clone()))
}

/// The request that brings green's service to what is ordered and to blue's settings, as far as ECS lets them be changed; `None` if
/// there is nothing to change.
pub(super) fn alignment(
    client: &Client,
    blue: &Service,
    green: &Service,
    order: &GreenOrder,
) -> Option<UpdateServiceFluentBuilder> {
    // A part that blue has and green has otherwise; what blue has none of stays as it is.
    fn unlike<T: Clone + PartialEq>(blue: &Option<T>, green: &Option<T>) -> Option<T> {
        blue.clone().filter(|_| blue != green)
    }
    // A list; an empty one takes green's away.
    fn unlike_list<T: Clone + PartialEq>(blue: &[T], green: &[T]) -> Option<Vec<T>> {
        (blue != green).then(|| blue.to_vec())
    }
    let (of_blue, of_green) = (primary(blue), primary(green));
    let load_balancers = load_balancers(blue, order);
    let service_connect = unlike(
        &of_blue.and_then(|newest| newest.service_connect_configuration.clone()),
        &of_green.and_then(|newest| newest.service_connect_configuration.clone()),
    );
    let volumes = unlike(
        &of_blue.and_then(|newest| newest.volume_configurations.clone()),
        &of_green.and_then(|newest| newest.volume_configurations.clone()),
    );
    let is_ordered = is_task_definition(green.task_definition(), &order.task_definition);
    let ordered = Some(order.task_definition.clone()).filter(|_| !is_ordered);
    // Of a deployment that failed before, ECS makes nothing more by itself.
    let anew = Some(true).filter(|_| is_ordered && of_green.is_some_and(is_failed) && green.desired_count == 0);
    let request = client
        .update_service()
        .set_task_definition(ordered)
        .set_force_new_deployment(anew)
        .set_desired_count(Some(desired(order)).filter(|desired| *desired != green.desired_count))
        .set_load_balancers(Some(load_balancers).filter(|wanted| wanted != green.load_balancers()))
        .set_capacity_provider_strategy(
            unlike_list(blue.capacity_provider_strategy(), green.capacity_provider_strategy())
                // ECS changes a strategy, but not a launch type into one or back.
                .filter(|_| blue.launch_type == green.launch_type),
        )
        .set_platform_version(unlike(&blue.platform_version, &green.platform_version))
        .set_deployment_configuration(unlike(&blue.deployment_configuration, &green.deployment_configuration))
        .set_network_configuration(unlike(&blue.network_configuration, &green.network_configuration))
        .set_placement_constraints(unlike_list(blue.placement_constraints(), green.placement_constraints()))
        .set_placement_strategy(unlike_list(blue.placement_strategy(), green.placement_strategy()))
        .set_health_check_grace_period_seconds(unlike(
            &blue.health_check_grace_period_seconds,
            &green.health_check_grace_period_seconds,
        ))
        .set_availability_zone_rebalancing(unlike(
            &blue.availability_zone_rebalancing,
            &green.availability_zone_rebalancing,
        ))
        .set_enable_ecs_managed_tags(unlike(&Some(blue.enable_ecs_managed_tags), &Some(green.enable_ecs_managed_tags)))
        .set_propagate_tags(unlike(&blue.propagate_tags, &green.propagate_tags))
        .set_enable_execute_command(unlike(&Some(blue.enable_execute_command), &Some(green.enable_execute_command)))
        .set_service_connect_configuration(service_connect)
        .set_volume_configurations(volumes);
    let nothing = client.update_service();
    if request.as_input() == nothing.as_input() {
        return None;
    }
    Some(request.cluster(&order.cluster).service(&order.green_service))
}

fn desired(order: &GreenOrder) -> i32 {
    i32::try_from(order.desired).unwrap_or(i32::MAX)
}

/// Whether every task is of the newest deployment. Those of an older one go on until they are replaced, healthy and registered.
pub(super) fn is_current(service: &Service) -> bool {
    let is_older = |deployment: &&Deployment| deployment.status() != Some("PRIMARY");
    primary(service).is_some()
        && service.deployments().iter().filter(is_older).all(|older| older.running_count + older.pending_count == 0)
}

/// Why ECS gave up on a service's newest deployment, if it did.
///
/// With its circuit breaker set to roll back, ECS puts a deployment of its own in the place of the failed one, and says so in that
/// one's reason. A failed deployment further back is an earlier release's.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>
pub(super) fn failure(service: &Service) -> Option<String> {
    let newest = primary(service)?;
    let reason = newest.rollout_state_reason().unwrap_or("its deployment failed");
    (is_failed(newest) || reason.contains("rolling back to")).then(|| reason.to_owned())
}

/// Whether ECS gave up on what is ordered: ordering it again would only hide that from whoever asks for progress.
pub(super) fn gave_up(green: &Service, order: &GreenOrder) -> bool {
    let is_ordered = |found: Option<&str>| is_task_definition(found, &order.task_definition);
    green.desired_count > 0
        && failure(green).is_some()
        && green.deployments().iter().any(|found| is_failed(found) && is_ordered(found.task_definition()))
}

pub(super) fn is_failed(deployment: &Deployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::Failed)
}
