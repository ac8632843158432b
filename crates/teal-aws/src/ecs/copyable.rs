//! Which services Teal can make a green of: what a copy of them would be, and on which ways traffic would reach it.

use super::DESCRIBE_SERVICES;
use super::description::Service;
use serde_json::Value;
use teal::ports::{PortError, PortResult};

/// Refuses a blue of which no copy can be made, or whose copy would serve on another way than the route.
pub(super) fn require_copyable(blue: &Service, blue_group: &str) -> PortResult<()> {
    let text = |path: &str| blue.document.pointer(path).and_then(Value::as_str);
    if text("/deploymentController/type").is_some_and(|controller| controller != "ECS") {
        let why = "its deployment controller is not ECS, so its task definition can only be changed by that one";
        return Err(refused(blue, why));
    }
    if text("/schedulingStrategy") == Some("DAEMON") {
        return Err(refused(blue, "a DAEMON service has no number of tasks to scale"));
    }
    if text("/deploymentConfiguration/strategy").is_some_and(|strategy| strategy != "ROLLING") {
        let why = "ECS shifts its traffic by its own deployment strategy. Set the strategy to ROLLING";
        return Err(refused(blue, why));
    }
    for load_balancer in &blue.load_balancers {
        let other = match (load_balancer.target_group_arn.as_deref(), load_balancer.load_balancer_name.as_deref()) {
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
    let connect = service.member_of_primary("serviceConnectConfiguration");
    let offers = |connect: &Value| {
        let services = connect.get("services").and_then(Value::as_array);
        connect.get("enabled") == Some(&Value::Bool(true)) && services.is_some_and(|services| !services.is_empty())
    };
    let way = if service.member("serviceRegistries").is_some() {
        "service discovery (Cloud Map)"
    } else if connect.is_some_and(offers) {
        "Service Connect"
    } else if service.member_of_primary("vpcLatticeConfigurations").is_some() {
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
    let name = &service.service_name;
    PortError::Refused { call: DESCRIBE_SERVICES, message: format!("service {name} cannot be released by Teal: {why}") }
}
