//! Application Auto Scaling
//! (<https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html>) for ECS services' desired count.

mod policies;
mod requests;
mod schedules;
mod tags;
mod targets;

use crate::protocol::{Members, Tag, unknown_operation};
use crate::scheduler::Fleet;
use crate::state::{Rollout, Service, ServiceStatus};
use requests::{Resource, validation};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use teal_lab_wire::{AwsFault, Millis};

/// What comes before the operation's name in `X-Amz-Target`.
pub(crate) const TARGET_PREFIX: &str = "AnyScaleFrontendService";

/// How often a scaling policy is taken to act. Lab time.
const POLICY_INTERVAL: Duration = Duration::from_secs(60);

/// Scalable targets with their policies and scheduled actions.
pub(crate) struct AutoScaling {
    fleet: Arc<Fleet>,
    targets: Mutex<BTreeMap<Resource, Target>>,
}

type Targets = BTreeMap<Resource, Target>;

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalableTarget.html>
struct Target {
    arn: String,
    min_capacity: u32,
    max_capacity: u32,
    role_arn: String,
    suspended: Suspended,
    created_at: Millis,
    tags: Vec<Tag>,
    policies: BTreeMap<String, Policy>,
    scheduled_actions: BTreeMap<String, ScheduledAction>,
}

#[derive(Clone, Copy, Default)]
struct Suspended {
    scale_in: bool,
    scale_out: bool,
    scheduled: bool,
}

struct Policy {
    /// As it was put, with ARN, alarms and creation time.
    description: Members,
}

struct ScheduledAction {
    description: Members,
}

impl AutoScaling {
    pub(crate) fn start(fleet: Arc<Fleet>) -> Arc<Self> {
        let this = Arc::new(Self { fleet, targets: Mutex::default() });
        let running = Arc::clone(&this);
        tokio::spawn(async move {
            let mut stopping = running.fleet.stopping();
            loop {
                tokio::select! {
                    () = running.fleet.clock.sleep(POLICY_INTERVAL) => running.policies_act(),
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                }
            }
        });
        this
    }

    pub(crate) fn dispatch(&self, operation: &str, members: &Members) -> Result<Value, AwsFault> {
        let now = self.fleet.clock.now_millis();
        let mut targets = self.targets();
        let targets = &mut *targets;
        match operation {
            "RegisterScalableTarget" => targets::register(self, targets, members, now),
            "DescribeScalableTargets" => targets::describe(targets, members),
            "DeregisterScalableTarget" => targets::deregister(targets, members),
            "PutScalingPolicy" => policies::put(targets, members, now),
            "DescribeScalingPolicies" => policies::describe(targets, members),
            "DeleteScalingPolicy" => policies::delete(targets, members),
            "PutScheduledAction" => schedules::put(targets, members, now),
            "DescribeScheduledActions" => schedules::describe(targets, members),
            "DeleteScheduledAction" => schedules::delete(targets, members),
            "TagResource" => tags::tag(targets, members),
            "UntagResource" => tags::untag(targets, members),
            "ListTagsForResource" => tags::list(targets, members),
            _ => Err(unknown_operation(operation)),
        }
    }

    fn targets(&self) -> MutexGuard<'_, Targets> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a scaling policy that acts does to a count outside the bounds. It does not scale in during a deployment
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html>).
    fn policies_act(&self) {
        for (resource, target) in self.targets().iter().filter(|(_, target)| !target.policies.is_empty()) {
            self.bring_within(resource, |service| {
                let count = service.desired_count;
                let deploys = service.deployments.iter().any(|it| it.rollout == Rollout::InProgress);
                if count < target.min_capacity && !target.suspended.scale_out {
                    target.min_capacity
                } else if count > target.max_capacity && !target.suspended.scale_in && !deploys {
                    target.max_capacity
                } else {
                    count
                }
            });
        }
    }

    /// What a scaling policy does whose metric is low: it takes tasks from the service, down to the minimum, unless scaling in is
    /// suspended or a deployment is under way.
    pub(crate) fn scale_in(&self, cluster: &str, service: &str) {
        let is_it = |resource: &Resource| resource.cluster == cluster && resource.service == service;
        for (resource, target) in self.targets().iter().filter(|(resource, _)| is_it(resource)) {
            self.bring_within(resource, |service| {
                let deploys = service.deployments.iter().any(|it| it.rollout == Rollout::InProgress);
                if target.suspended.scale_in || deploys {
                    service.desired_count
                } else {
                    service.desired_count.min(target.min_capacity)
                }
            });
        }
    }

    /// Changes the desired count of an ACTIVE service; nothing happens to one that is not.
    fn bring_within(&self, resource: &Resource, count: impl FnOnce(&Service) -> u32) {
        let now = self.fleet.clock.now_millis();
        let mut state = self.fleet.state();
        let service = state
            .services
            .get_mut(&(resource.cluster.clone(), resource.service.clone()))
            .filter(|service| service.status == ServiceStatus::Active);
        if let Some(service) = service {
            let (old, new) = (service.desired_count, count(service));
            if old != new {
                service.set_desired_count(new, now);
                let event = format!(
                    "(service {}) Application Auto Scaling set the desired count from {old} to {new}.",
                    service.name
                );
                service.say(now, event);
            }
        }
        drop(state);
        self.fleet.changed();
    }

    /// # Errors
    /// ValidationException if there is no such service that is ACTIVE.
    fn check_service_exists(&self, resource: &Resource) -> Result<(), AwsFault> {
        self.fleet
            .state()
            .services
            .get(&(resource.cluster.clone(), resource.service.clone()))
            .filter(|service| service.status == ServiceStatus::Active)
            .map(|_| ())
            .ok_or_else(|| validation(format!("ECS service doesn't exist: {}", resource.id())))
    }
}

/// # Errors
/// ObjectNotFoundException if the resource is not a scalable target.
fn registered<'a>(targets: &'a mut Targets, resource: &Resource) -> Result<&'a mut Target, AwsFault> {
    targets.get_mut(resource).ok_or_else(|| {
        AwsFault::client(
            "ObjectNotFoundException",
            format!(
                "No scalable target registered for service namespace: ecs, resource ID: {}, scalable dimension: {}",
                resource.id(),
                requests::DIMENSION
            ),
        )
    })
}
