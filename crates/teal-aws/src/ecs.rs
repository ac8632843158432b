//! Services of Amazon ECS that run blue and green.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/Welcome.html>

mod copyable;
mod deployments;
mod description;
mod service;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use deployments::ServiceDeployments;

use crate::fleet::{GreenOnAws, RunnerOnAws};
use crate::{Aws, json};
use copyable::{require_copyable, require_no_other_way};
use description::{Deployment, Service};
use serde_json::{Value, json};
use teal::fleet::{EcsService, GreenOrder, Runner};
use teal::plan::{EcsGreen, EcsServiceName};
use teal::ports::{CapacityHold, PortError, PortResult, Progress, RunnerReading, Scaling, Survey};
use teal::route::{Colours, Destination};

const DESCRIBE_SERVICES: &str = "ecs:DescribeServices";
const CREATE_SERVICE: &str = "ecs:CreateService";
const UPDATE_SERVICE: &str = "ecs:UpdateService";

pub(crate) const ECS: json::Service =
    json::Service { name: "ecs", target: "AmazonEC2ContainerServiceV20141113", version: "1.1", id: "ecs" };

/// How many of ECS's events about a service are passed on.
const EVENTS: usize = 3;

/// An order as ECS takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceOrder<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) blue_service: &'a str,
    pub(crate) green_service: &'a str,
    pub(crate) task_definition: &'a str,
    pub(crate) blue_group: &'a Destination,
    pub(crate) green_group: &'a Destination,
    pub(crate) desired: u32,
    pub(crate) hold: Option<&'a CapacityHold>,
}

impl<'a> ServiceOrder<'a> {
    /// The order of a green service; blue's is in the same cluster.
    pub(crate) fn new(order: &'a GreenOrder, green: &'a EcsService) -> Self {
        Self {
            cluster: &green.cluster,
            blue_service: order.blue.name(),
            green_service: &green.service,
            task_definition: &order.runs,
            blue_group: &order.colours.blue,
            green_group: &order.colours.green,
            desired: order.desired,
            hold: order.hold.as_ref(),
        }
    }
}

impl GreenOnAws for EcsGreen {
    async fn survey(&self, aws: &Aws, colours: &Colours) -> PortResult<Survey> {
        let (green, blue_group) = (self, &colours.blue);
        let cluster = green.cluster.as_str();
        let names = green.services.each_ref().map(EcsServiceName::as_str);
        let found = aws.services(cluster, &names).await?;
        let blue = find_blue(&found, green, blue_group)?;
        require_copyable(blue, blue_group.as_str())?;
        let name = blue.service_name.as_str();
        let green_name = names.into_iter().find(|other| *other != name).unwrap_or_default();
        let present = found.iter().find(|service| service.service_name == green_name && service.is_active());
        present.map_or(Ok(()), require_no_other_way)?;
        let blue_task = aws.task_definition(&blue.task_definition).await?;
        let green_task = aws.task_definition(green.task_definition.as_str()).await?;
        let (blue_version, green_version) = settings::of_tasks(&blue_task, &green_task);
        Ok(Survey {
            blue: read(cluster, blue),
            green: runner(cluster, green_name),
            present: present.map(|service| read(cluster, service)),
            runs: green.task_definition.to_string(),
            lacking: aws.policies_without_alarms(cluster, name, green_name).await?,
            green_version,
            blue_version,
        })
    }
}

impl RunnerOnAws for EcsService {
    async fn scaling(&self, aws: &Aws) -> PortResult<Option<Scaling>> {
        aws.read_scaling(&self.cluster, &self.service).await
    }

    async fn hold_capacity(&self, aws: &Aws, hold: &CapacityHold) -> PortResult<()> {
        aws.set_scaling(&self.cluster, &self.service, |present| hold.begun(present)).await
    }

    async fn free_capacity(&self, aws: &Aws, hold: &CapacityHold) -> PortResult<()> {
        aws.set_scaling(&self.cluster, &self.service, |present| hold.ended(present)).await
    }

    async fn bring_up(&self, aws: &Aws, order: &GreenOrder) -> PortResult<()> {
        let order = &ServiceOrder::new(order, self);
        let names = [order.blue_service, order.green_service];
        let found = aws.services(order.cluster, &names).await?;
        let named = |name: &str| found.iter().find(|service| service.service_name == name);
        let what = |name: &str| format!("service {name} in cluster {}", order.cluster);
        let blue = named(order.blue_service).filter(|service| service.is_active());
        let blue = blue.ok_or_else(|| PortError::NotFound { what: what(order.blue_service) })?;
        // Somebody may have added a way since the release was accepted.
        require_copyable(blue, order.blue_group.as_str())?;
        match named(order.green_service) {
            Some(green) if green.is_active() => {
                require_no_other_way(green)?;
                if service::gave_up(green, order) {
                    return Ok(());
                }
                if let Some(input) = service::alignment(blue, green, order) {
                    aws.ecs().call(UPDATE_SERVICE, &what(order.green_service), &input).await?;
                }
            }
            Some(green) if green.status == "DRAINING" => {
                let message = format!("{} is being deleted and still drains", what(order.green_service));
                return Err(PortError::Unavailable { call: CREATE_SERVICE, message });
            }
            _ => aws.create(blue, order).await?,
        }
        aws.scale_like_blue(order).await
    }

    async fn bring_on(&self, _aws: &Aws, _order: &GreenOrder) -> PortResult<()> {
        Ok(())
    }

    async fn progress_of_green(&self, aws: &Aws, order: &GreenOrder) -> PortResult<Progress> {
        let order = ServiceOrder::new(order, self);
        let found = aws.services(order.cluster, &[order.green_service]).await?.into_iter().find(Service::is_active);
        let Some(found) = found else {
            // DescribeServices may say MISSING for a while after CreateService.
            let events = vec![format!("service {} is not shown yet", order.green_service)];
            return Ok(Progress { desired: 0, running: 0, current: false, failed: None, events });
        };
        let newest = found.primary();
        let ordered =
            newest.filter(|newest| service::is_task_definition(&newest.task_definition, order.task_definition));
        let mut progress = progress(&found, ordered.map_or(0, |newest| newest.running_count));
        if ordered.is_none() && newest.is_some_and(Deployment::is_failed) {
            // What failed is an earlier release's: ECS does not show the order yet.
            progress.failed = None;
        }
        Ok(progress)
    }

    async fn progress(&self, aws: &Aws) -> PortResult<Progress> {
        let Self { cluster, service } = self;
        let found = aws.services(cluster, &[service]).await?.into_iter().find(Service::is_active);
        let found =
            found.ok_or_else(|| PortError::NotFound { what: format!("service {service} in cluster {cluster}") })?;
        Ok(progress(&found, found.running_count))
    }

    async fn scale_out(&self, aws: &Aws, tasks: u32) -> PortResult<()> {
        let Self { cluster, service } = self;
        let what = format!("service {service} in cluster {cluster}");
        let found = aws.services(cluster, &[service]).await?.into_iter().find(Service::is_active);
        let found = found.ok_or_else(|| PortError::NotFound { what: what.clone() })?;
        if found.desired_count >= tasks {
            return Ok(());
        }
        let input = json!({"cluster": cluster, "service": service, "desiredCount": tasks});
        aws.ecs().call(UPDATE_SERVICE, &what, &input).await.map(|_| ())
    }

    async fn scale_in(&self, aws: &Aws) -> PortResult<()> {
        let Self { cluster, service } = self;
        let what = format!("service {service} in cluster {cluster}");
        let found = aws.services(cluster, &[service]).await?.into_iter().find(Service::is_active);
        let found = found.ok_or_else(|| PortError::NotFound { what: what.clone() })?;
        aws.suspend_scaling(cluster, service).await?;
        if found.desired_count == 0 {
            return Ok(());
        }
        let input = json!({"cluster": cluster, "service": service, "desiredCount": 0});
        aws.ecs().call(UPDATE_SERVICE, &what, &input).await.map(|_| ())
    }
}

impl Aws {
    /// The services that there are, deleted ones included while ECS still shows them.
    async fn services(&self, cluster: &str, names: &[&str]) -> PortResult<Vec<Service>> {
        let input = json!({"cluster": cluster, "services": names, "include": ["TAGS"]});
        let mut answer = self.ecs().call(DESCRIBE_SERVICES, &format!("cluster {cluster}"), &input).await?;
        // What is missing is only an absence; any other failure could hide a service that is there.
        let text =
            |failure: &Value, name: &str| failure.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let failures = answer.get("failures").and_then(Value::as_array);
        if let Some(failure) = failures.into_iter().flatten().find(|failure| text(failure, "reason") != "MISSING") {
            let message = format!("{}: {}", text(failure, "arn"), text(failure, "reason"));
            return Err(PortError::Refused { call: DESCRIBE_SERVICES, message });
        }
        let Some(Value::Array(found)) = answer.get_mut("services").map(Value::take) else { return Ok(Vec::new()) };
        let read = found.into_iter().map(Service::read).collect::<Result<_, _>>();
        read.map_err(|error| PortError::Unavailable { call: DESCRIBE_SERVICES, message: error.to_string() })
    }

    async fn task_definition(&self, name: &str) -> PortResult<Value> {
        let what = format!("task definition {name}");
        let input = json!({"taskDefinition": name});
        let mut answer = match self.ecs().call("ecs:DescribeTaskDefinition", &what, &input).await {
            Ok(answer) => answer,
            // So ECS tells of one that is not there.
            Err(PortError::Refused { message, .. }) if message.contains("Unable to describe task definition") => {
                return Err(PortError::NotFound { what });
            }
            Err(error) => return Err(error),
        };
        answer.get_mut("taskDefinition").map(Value::take).ok_or(PortError::NotFound { what })
    }

    async fn create(&self, blue: &Service, order: &ServiceOrder<'_>) -> PortResult<()> {
        let what = format!("service {} in cluster {}", order.green_service, order.cluster);
        match self.ecs().call(CREATE_SERVICE, &what, &service::creation(blue, order)).await {
            Ok(_) => Ok(()),
            // Another run of this step was first; the next one brings it on from there.
            Err(PortError::Refused { message, .. }) if message.contains("not idempotent") => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The service of the pair that serves: behind blue's target group, with tasks.
fn find_blue<'a>(found: &'a [Service], green: &EcsGreen, blue_group: &Destination) -> PortResult<&'a Service> {
    let serves =
        |service: &&Service| service.is_active() && service.desired_count > 0 && service.is_behind(blue_group.as_str());
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
        desired: service.desired_count,
        running,
        current: service::is_current(service),
        failed: service::failure(service).filter(|_| service.desired_count > 0),
        events: service.events.iter().filter_map(|event| event.message.clone()).take(EVENTS).collect(),
    }
}

fn runner(cluster: &str, service: &str) -> Runner {
    Runner::Ecs(EcsService { cluster: cluster.to_owned(), service: service.to_owned() })
}

fn read(cluster: &str, service: &Service) -> RunnerReading {
    RunnerReading {
        runner: runner(cluster, &service.service_name),
        desired: service.desired_count,
        settings: settings::of_service(service),
    }
}
