//! The services that run blue and green: Amazon ECS.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/Welcome.html>

mod service;
mod settings;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::error::port_error;
use aws_sdk_ecs::types::{
    DeploymentControllerType, DeploymentStrategy, SchedulingStrategy, Service, ServiceField, TaskDefinition,
};
use teal::plan::{EcsGreen, EcsServiceName, TargetGroupArn};
use teal::ports::{CapacityHold, Fleet, GreenOrder, PortError, PortResult, Progress, Scaling, ServiceReading, Survey};

const DESCRIBE_SERVICES: &str = "ecs:DescribeServices";
const CREATE_SERVICE: &str = "ecs:CreateService";
const UPDATE_SERVICE: &str = "ecs:UpdateService";

/// How many of ECS's events about a service are passed on.
const EVENTS: usize = 3;

impl Fleet for Aws {
    async fn survey(&self, green: &EcsGreen, blue_group: &TargetGroupArn) -> PortResult<Survey> {
        let cluster = green.cluster.as_str();
        let names = green.services.each_ref().map(EcsServiceName::as_str);
        let found = self.services(cluster, &names).await?;
        let blue = find_blue(&found, green, blue_group)?;
        require_copyable(blue)?;
        let name = blue.service_name().unwrap_or_default();
        let green_name = names.into_iter().find(|other| *other != name).unwrap_or_default();
        let blue_task = self.task_definition(blue.task_definition().unwrap_or_default()).await?;
        let green_task = self.task_definition(green.task_definition.as_str()).await?;
        let (blue_task, green_task) = settings::of_tasks(&blue_task, &green_task);
        Ok(Survey {
            blue: read(blue),
            green_name: green_name.to_owned(),
            green: found
                .iter()
                .find(|service| service.service_name() == Some(green_name) && is_active(service))
                .map(read),
            green_task,
            blue_task,
        })
    }

    async fn scaling(&self, cluster: &str, service: &str) -> PortResult<Option<Scaling>> {
        self.read_scaling(cluster, service).await
    }

    async fn hold_capacity(&self, cluster: &str, service: &str, hold: &CapacityHold) -> PortResult<()> {
        self.set_scaling(cluster, service, |present| hold.begun(present)).await
    }

    async fn free_capacity(&self, cluster: &str, service: &str, hold: &CapacityHold) -> PortResult<()> {
        self.set_scaling(cluster, service, |present| hold.ended(present)).await
    }

    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()> {
        let names = [order.blue_service.as_str(), order.green_service.as_str()];
        let found = self.services(&order.cluster, &names).await?;
        let named = |name: &str| found.iter().find(|service| service.service_name() == Some(name));
        let what = |name: &str| format!("service {name} in cluster {}", order.cluster);
        let blue = named(&order.blue_service).filter(|service| is_active(service));
        let blue = blue.ok_or_else(|| PortError::NotFound { what: what(&order.blue_service) })?;
        match named(&order.green_service) {
            Some(green) if is_active(green) => {
                if service::gave_up(green, order) {
                    return Ok(());
                }
                if let Some(request) = service::alignment(self.ecs(), blue, green, order) {
                    let done = request.send().await;
                    done.map_err(|error| port_error(UPDATE_SERVICE, &what(&order.green_service), &error))?;
                }
            }
            Some(green) if green.status() == Some("DRAINING") => {
                let message = format!("{} is being deleted and still drains", what(&order.green_service));
                return Err(PortError::Unavailable { call: CREATE_SERVICE, message });
            }
            _ => self.create(blue, order).await?,
        }
        self.scale_like_blue(order).await
    }

    async fn progress(&self, cluster: &str, service: &str) -> PortResult<Progress> {
        let found = self.services(cluster, &[service]).await?.into_iter().find(is_active);
        let found =
            found.ok_or_else(|| PortError::NotFound { what: format!("service {service} in cluster {cluster}") })?;
        Ok(Progress {
            desired: count(found.desired_count),
            running: count(found.running_count),
            failed: service::failure(&found).filter(|_| found.desired_count > 0),
            events: found.events().iter().filter_map(|event| event.message.clone()).take(EVENTS).collect(),
        })
    }

    async fn scale_out(&self, cluster: &str, service: &str, tasks: u32) -> PortResult<()> {
        let what = format!("service {service} in cluster {cluster}");
        let found = self.services(cluster, &[service]).await?.into_iter().find(is_active);
        let found = found.ok_or_else(|| PortError::NotFound { what: what.clone() })?;
        if count(found.desired_count) >= tasks {
            return Ok(());
        }
        let tasks = i32::try_from(tasks).unwrap_or(i32::MAX);
        let request = self.ecs().update_service().cluster(cluster).service(service).desired_count(tasks);
        request.send().await.map(|_| ()).map_err(|error| port_error(UPDATE_SERVICE, &what, &error))
    }

    async fn scale_in(&self, cluster: &str, service: &str) -> PortResult<()> {
        let what = format!("service {service} in cluster {cluster}");
        let found = self.services(cluster, &[service]).await?.into_iter().find(is_active);
        let found = found.ok_or_else(|| PortError::NotFound { what: what.clone() })?;
        self.suspend_scaling(cluster, service).await?;
        if found.desired_count == 0 {
            return Ok(());
        }
        let request = self.ecs().update_service().cluster(cluster).service(service).desired_count(0);
        request.send().await.map(|_| ()).map_err(|error| port_error(UPDATE_SERVICE, &what, &error))
    }
}

impl Aws {
    /// The services that there are, deleted ones included while ECS still shows them.
    async fn services(&self, cluster: &str, names: &[&str]) -> PortResult<Vec<Service>> {
        let request = self
            .ecs()
            .describe_services()
            .cluster(cluster)
            .set_services(Some(names.iter().map(ToString::to_string).collect()))
            .include(ServiceField::Tags);
        let answer = request.send().await;
        let answer = answer.map_err(|error| port_error(DESCRIBE_SERVICES, &format!("cluster {cluster}"), &error))?;
        // What is missing is only an absence; any other failure could hide a service that is there.
        if let Some(failure) = answer.failures().iter().find(|failure| failure.reason() != Some("MISSING")) {
            let reason = failure.reason().unwrap_or("no reason given");
            let message = format!("{}: {reason}", failure.arn().unwrap_or_default());
            return Err(PortError::Refused { call: DESCRIBE_SERVICES, message });
        }
        Ok(answer.services.unwrap_or_default())
    }

    async fn task_definition(&self, name: &str) -> PortResult<TaskDefinition> {
        let what = format!("task definition {name}");
        let answer = self.ecs().describe_task_definition().task_definition(name).send().await;
        let answer = answer.map_err(|error| port_error("ecs:DescribeTaskDefinition", &what, &error))?;
        answer.task_definition.ok_or(PortError::NotFound { what })
    }

    async fn create(&self, blue: &Service, order: &GreenOrder) -> PortResult<()> {
        match service::creation(self.ecs(), blue, order).send().await {
            Ok(_) => Ok(()),
            // Another run of this step was first; the next one brings it on from there.
            Err(error)
                if error
                    .as_service_error()
                    .and_then(|e| e.meta().message())
                    .is_some_and(|m| m.contains("not idempotent")) =>
            {
                Ok(())
            }
            Err(error) => {
                let what = format!("service {} in cluster {}", order.green_service, order.cluster);
                Err(port_error(CREATE_SERVICE, &what, &error))
            }
        }
    }
}

fn is_active(service: &Service) -> bool {
    service.status() == Some("ACTIVE")
}

fn count(tasks: i32) -> u32 {
    u32::try_from(tasks).unwrap_or(0)
}

/// The service of the pair that serves: behind blue's target group, with tasks.
fn find_blue<'a>(found: &'a [Service], green: &EcsGreen, blue_group: &TargetGroupArn) -> PortResult<&'a Service> {
    let serves = |service: &&Service| {
        let mut groups = service.load_balancers().iter().filter_map(|load_balancer| load_balancer.target_group_arn());
        is_active(service) && service.desired_count > 0 && groups.any(|group| group == blue_group.as_str())
    };
    let [first, second] = &green.services;
    match found.iter().filter(serves).collect::<Vec<_>>().as_slice() {
        [blue] => Ok(blue),
        [] => Err(PortError::NotFound {
            what: format!(
                "a service that serves blue (of {first} and {second} in cluster {}, active, with tasks, and attached to blue's \
                 target group {blue_group})",
                green.cluster
            ),
        }),
        _ => Err(PortError::Refused {
            call: DESCRIBE_SERVICES,
            message: format!(
                "both {first} and {second} have tasks behind blue's target group {blue_group}. Take the one that is not to \
                 serve to 0 tasks, or attach it to the other group"
            ),
        }),
    }
}

/// Whether a service like blue can be made, and brought up without taking traffic on another way than the route.
fn require_copyable(blue: &Service) -> PortResult<()> {
    let refused = |why: &str| {
        let name = blue.service_name().unwrap_or_default();
        Err(PortError::Refused {
            call: DESCRIBE_SERVICES,
            message: format!("service {name} cannot be released by Teal: {why}"),
        })
    };
    let controller = blue.deployment_controller.as_ref().map(|controller| &controller.r#type);
    if controller.is_some_and(|controller| *controller != DeploymentControllerType::Ecs) {
        return refused("its deployment controller is not ECS, so its task definition can only be changed by that one");
    }
    if blue.scheduling_strategy == Some(SchedulingStrategy::Daemon) {
        return refused("a DAEMON service has no number of tasks to scale");
    }
    let strategy = blue.deployment_configuration().and_then(|configuration| configuration.strategy());
    if strategy.is_some_and(|strategy| *strategy != DeploymentStrategy::Rolling) {
        return refused("ECS shifts its traffic by its own deployment strategy. Set the strategy to ROLLING");
    }
    let serves_by_name = settings::primary(blue)
        .and_then(|newest| newest.service_connect_configuration.as_ref())
        .is_some_and(|connect| connect.enabled && !connect.services().is_empty());
    if !blue.service_registries().is_empty() || serves_by_name {
        return refused(
            "clients find its tasks by service discovery or Service Connect too, so they would reach green before it is \
             validated. Give those clients the load balancer's address",
        );
    }
    Ok(())
}

fn read(service: &Service) -> ServiceReading {
    ServiceReading {
        name: service.service_name().unwrap_or_default().to_owned(),
        task_definition: service.task_definition().unwrap_or_default().to_owned(),
        desired: count(service.desired_count),
        running: count(service.running_count),
        settings: settings::of_service(service),
    }
}
