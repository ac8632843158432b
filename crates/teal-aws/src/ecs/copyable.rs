//! Which services Teal can make a green of: what a copy of them would be, and on which ways traffic would reach it.

use super::{DESCRIBE_SERVICES, settings};
use aws_sdk_ecs::types::{DeploymentControllerType, DeploymentStrategy, SchedulingStrategy, Service};
use teal::ports::{PortError, PortResult};

/// Refuses a blue of which no copy can be made, or whose copy would serve on another way than the route.
pub(super) fn require_copyable(blue: &Service, blue_group: &str) -> PortResult<()> {
    let controller = blue.deployment_controller.as_ref().map(|controller| &controller.r#type);
    if controller.is_some_and(|controller| *controller != DeploymentControllerType::Ecs) {
        let why = "its deployment controller is not ECS, so its task definition can only be changed by that one";
        return Err(refused(blue, why));
    }
    if blue.scheduling_strategy == Some(SchedulingStrategy::Daemon) {
        return Err(refused(blue, "a DAEMON service has no number of tasks to scale"));
    }
    let strategy = blue.deployment_configuration().and_then(|configuration| configuration.strategy());
    if strategy.is_some_and(|strategy| *strategy != DeploymentStrategy::Rolling) {
        let why = "ECS shifts its traffic by its own deployment strategy. Set the strategy to ROLLING";
        return Err(refused(blue, why));
    }
    for load_balancer in blue.load_balancers() {
        let other = match (load_balancer.target_group_arn(), load_balancer.load_balancer_name()) {
            (Some(group), _) if group == blue_group => continue,
            (Some(group), _) => format!("target group {group}"),
            (None, name) => format!("classic load balancer {}", name.unwrap_or_default()),
        };
        let why = format!(
            "its tasks are registered in {other} besides blue's target group {blue_group}, so green's would serve there as soon \
             as they run, whatever the weights say. Take {other} out of the service and let its clients come by the route's \
             listeners or rules"
        );
        return Err(refused(blue, &why));
    }
    require_no_other_way(blue)
}

/// Refuses a service whose tasks clients find without a load balancer. Blue's copy would have it from blue; a green that is there
/// keeps its own.
pub(super) fn require_no_other_way(service: &Service) -> PortResult<()> {
    let newest = settings::primary(service);
    let connect = newest.and_then(|newest| newest.service_connect_configuration.as_ref());
    let way = if !service.service_registries().is_empty() {
        "service discovery (Cloud Map)"
    } else if connect.is_some_and(|connect| connect.enabled && !connect.services().is_empty()) {
        "Service Connect"
    } else if newest.is_some_and(|newest| !newest.vpc_lattice_configurations().is_empty()) {
        "VPC Lattice"
    } else {
        return Ok(());
    };
    let why = format!(
        "clients find its tasks by {way} too, so they would reach green before it is validated, whatever the weights say. Take \
         {way} out of the service and give those clients the load balancer's address"
    );
    Err(refused(service, &why))
}

fn refused(service: &Service, why: &str) -> PortError {
    let name = service.service_name().unwrap_or_default();
    PortError::Refused { call: DESCRIBE_SERVICES, message: format!("service {name} cannot be released by Teal: {why}") }
}
