//! The services that run blue and green: Amazon ECS.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/Welcome.html>

mod copyable;
mod service;
mod settings;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::error::port_error;
use aws_sdk_ecs::types::{Service, ServiceField, TaskDefinition};
use copyable::{require_copyable, require_no_other_way};
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
        require_copyable(blue, blue_group.as_str())?;
        let name = blue.service_name().unwrap_or_default();
        let green_name = names.into_iter().find(|other| *other != name).unwrap_or_default();
        let present = found.iter().find(|service| service.service_name() == Some(green_name) && is_active(service));
        present.map_or(Ok(()), require_no_other_way)?;
        let blue_task = self.task_definition(blue.task_definition().unwrap_or_default()).await?;
        let green_task = self.task_definition(green.task_definition.as_str()).await?;
        let (blue_task, green_task) = settings::of_tasks(&blue_task, &green_task);
        Ok(Survey {
            blue: read(blue),
            green_name: green_name.to_owned(),
            green: present.map(read),
            lacking: self.policies_without_alarms(cluster, name, green_name).await?,
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
        // Somebody may have added a way since the release was accepted.
        require_copyable(blue, order.blue_group.as_str())?;
        match named(&order.green_service) {
            Some(green) if is_active(green) => {
                require_no_other_way(green)?;
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

    async fn progress_of_green(&self, order: &GreenOrder) -> PortResult<Progress> {
        let found = self.services(&order.cluster, &[&order.green_service]).await?.into_iter().find(is_active);
        let Some(found) = found else {
            // DescribeServices may say MISSING for a while after CreateService.
            let events = vec![format!("service {} is not shown yet", order.green_service)];
            return Ok(Progress { desired: 0, running: 0, current: false, failed: None, events });
        };
        let newest = settings::primary(&found);
        let ordered =
            newest.filter(|newest| service::is_task_definition(newest.task_definition(), &order.task_definition));
        let mut progress = progress(&found, ordered.map_or(0, |newest| count(newest.running_count)));
        if ordered.is_none() && newest.is_some_and(service::is_failed) {
            // What failed is an earlier release's: ECS does not show the order yet.
            progress.failed = None;
        }
        Ok(progress)
    }

    async fn progress(&self, cluster: &str, service: &str) -> PortResult<Progress> {
        let found = self.services(cluster, &[service]).await?.into_iter().find(is_active);
        let found =
            found.ok_or_else(|| PortError::NotFound { what: format!("service {service} in cluster {cluster}") })?;
        Ok(progress(&found, count(found.running_count)))
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

/// How a service is doing, with so many of the tasks that count.
fn progress(service: &Service, running: u32) -> Progress {
    Progress {
        desired: count(service.desired_count),
        running,
        current: service::is_current(service),
        failed: service::failure(service).filter(|_| service.desired_count > 0),
        events: service.events().iter().filter_map(|event| event.message.clone()).take(EVENTS).collect(),
    }
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
