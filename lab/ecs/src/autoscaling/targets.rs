//! Scalable targets.

use super::requests::{DIMENSION, Filter, Named, Resource, validation};
use super::{AutoScaling, Suspended, Target, Targets, registered};
use crate::names;
use crate::protocol::{Members, Tag, timestamp, typed};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal_lab_wire::{ACCOUNT, AwsFault, Millis, REGION};

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Register {
    min_capacity: Option<i64>,
    max_capacity: Option<i64>,
    #[serde(rename = "RoleARN")]
    role_arn: Option<String>,
    suspended_state: SuspendedState,
    tags: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SuspendedState {
    dynamic_scaling_in_suspended: Option<bool>,
    dynamic_scaling_out_suspended: Option<bool>,
    scheduled_scaling_suspended: Option<bool>,
}

/// Registers or updates: what an update does not name stays as it was. An ACTIVE service's desired count is brought
/// within the bounds, suspended or not
/// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>).
pub(super) fn register(
    autoscaling: &AutoScaling,
    targets: &mut Targets,
    members: &Members,
    now: Millis,
) -> Result<Value, AwsFault> {
    let resource = typed::<Named>(members)?.resource()?;
    let request: Register = typed(members)?;
    autoscaling.check_service_exists(&resource)?;
    let old = targets.get(&resource);
    let capacity = |given: Option<i64>, old: Option<u32>, name: &str| match given {
        Some(given) => {
            u32::try_from(given).map_err(|_| validation(format!("{name} must be greater than or equal to 0")))
        }
        None => old.ok_or_else(|| validation(format!("{name} cannot be null when registering a new scalable target"))),
    };
    let min_capacity = capacity(request.min_capacity, old.map(|it| it.min_capacity), "Minimum capacity")?;
    let max_capacity = capacity(request.max_capacity, old.map(|it| it.max_capacity), "Maximum capacity")?;
    if min_capacity > max_capacity {
        return Err(validation("Maximum capacity cannot be less than minimum capacity"));
    }
    if old.is_some() && !request.tags.is_empty() {
        return Err(validation("Tags cannot be given for a scalable target that exists; use TagResource"));
    }
    let target = targets.entry(resource.clone()).or_insert_with(|| Target {
        arn: format!("arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/{}", names::new_id()),
        min_capacity,
        max_capacity,
        role_arn: format!(
            "arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
             AWSServiceRoleForApplicationAutoScaling_ECSService"
        ),
        suspended: Suspended::default(),
        created_at: now,
        tags: request.tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
        policies: BTreeMap::new(),
        scheduled_actions: BTreeMap::new(),
    });
    target.min_capacity = min_capacity;
    target.max_capacity = max_capacity;
    if let Some(role_arn) = request.role_arn {
        target.role_arn = role_arn;
    }
    let (state, suspended) = (request.suspended_state, &mut target.suspended);
    suspended.scale_in = state.dynamic_scaling_in_suspended.unwrap_or(suspended.scale_in);
    suspended.scale_out = state.dynamic_scaling_out_suspended.unwrap_or(suspended.scale_out);
    suspended.scheduled = state.scheduled_scaling_suspended.unwrap_or(suspended.scheduled);
    let answer = json!({"ScalableTargetARN": target.arn});
    autoscaling.bring_within(&resource, |service| service.desired_count.clamp(min_capacity, max_capacity));
    Ok(answer)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Describe {
    resource_ids: Option<Vec<String>>,
}

pub(super) fn describe(targets: &Targets, members: &Members) -> Result<Value, AwsFault> {
    let filter: Filter = typed(members)?;
    let request: Describe = typed(members)?;
    let described = targets
        .iter()
        .filter(|(resource, _)| request.resource_ids.as_ref().is_none_or(|ids| ids.contains(&resource.id())))
        .map(|(resource, target)| (resource.id(), description(resource, target)));
    filter.answer("ScalableTargets", described)
}

fn description(resource: &Resource, target: &Target) -> Value {
    json!({
        "ServiceNamespace": "ecs",
        "ResourceId": resource.id(),
        "ScalableDimension": DIMENSION,
        "MinCapacity": target.min_capacity,
        "MaxCapacity": target.max_capacity,
        "RoleARN": target.role_arn,
        "CreationTime": timestamp(target.created_at),
        "SuspendedState": {
            "DynamicScalingInSuspended": target.suspended.scale_in,
            "DynamicScalingOutSuspended": target.suspended.scale_out,
            "ScheduledScalingSuspended": target.suspended.scheduled,
        },
        "ScalableTargetARN": target.arn,
    })
}

/// Its policies and scheduled actions go with it.
pub(super) fn deregister(targets: &mut Targets, members: &Members) -> Result<Value, AwsFault> {
    let resource = typed::<Named>(members)?.resource()?;
    registered(targets, &resource)?;
    targets.remove(&resource);
    Ok(json!({}))
}
