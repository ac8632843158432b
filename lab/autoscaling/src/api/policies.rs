//! Scaling policies and scheduled actions: kept and given back.

use super::{Call, PAGING, Result, members};
use crate::model::{Policy, Schedule, arn, uuid};
use std::collections::BTreeMap;
use teal_lab_wire::query::{Params, Tree, invalid};
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{ACCOUNT, REGION};

/// Type of policy, and the member that has to configure it.
/// Source: API Reference, PutScalingPolicy.
const TYPES: [(&str, &str); 4] = [
    ("SimpleScaling", "AdjustmentType"),
    ("StepScaling", "StepAdjustments"),
    ("TargetTrackingScaling", "TargetTrackingConfiguration"),
    ("PredictiveScaling", "PredictiveScalingConfiguration"),
];
const POLICY_MEMBERS: [&str; 11] = [
    "AdjustmentType",
    "Cooldown",
    "Enabled",
    "EstimatedInstanceWarmup",
    "MetricAggregationType",
    "MinAdjustmentMagnitude",
    "MinAdjustmentStep",
    "PredictiveScalingConfiguration",
    "ScalingAdjustment",
    "StepAdjustments",
    "TargetTrackingConfiguration",
];
const SCHEDULE_MEMBERS: [&str; 7] =
    ["DesiredCapacity", "EndTime", "MaxSize", "MinSize", "Recurrence", "StartTime", "TimeZone"];

/// Makes a policy, or replaces the one of that name; its ARN stays.
pub(super) fn put(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let group = call.group()?;
    let name = params.required("PolicyName")?;
    let kind = params.text("PolicyType").unwrap_or("SimpleScaling");
    let (kind, needed) = TYPES
        .into_iter()
        .find(|(known, _)| *known == kind)
        .ok_or_else(|| invalid(format!("PolicyType '{kind}' is not valid")))?;
    if !params.has(needed) {
        return Err(invalid(format!("{needed} is required for a policy of type {kind}")));
    }
    let policy = Policy {
        arn: group.policies.get(name).map_or_else(
            || {
                let group = &group.name;
                arn(&format!("scalingPolicy:{}:autoScalingGroupName/{group}:policyName/{name}", uuid()))
            },
            |known| known.arn.clone(),
        ),
        kind,
        members: members(&params, POLICY_MEMBERS).collect(),
    };
    let mut x = Xml::default();
    x.leaf("PolicyARN", &policy.arn);
    write_alarms(&mut x, &group.name, kind);
    group.policies.insert(name.to_owned(), policy);
    Ok(x)
}

/// AWS makes two alarms for a policy that tracks a target.
fn write_alarms(x: &mut Xml, group: &str, kind: &str) {
    let alarms: &[&str] = if kind == "TargetTrackingScaling" { &["AlarmHigh", "AlarmLow"] } else { &[] };
    x.list("Alarms", alarms, |x, end| {
        let name = format!("TargetTracking-{group}-{end}");
        x.leaf("AlarmName", &name);
        x.leaf("AlarmARN", format_args!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"));
    });
}

/// The policies of one group, or of all.
pub(super) fn describe(call: &mut Call<'_>) -> Result<Xml> {
    let names = call.params.texts("PolicyNames");
    let kinds = call.params.texts("PolicyTypes");
    let found: Vec<_> = in_groups(call)?
        .into_iter()
        .flat_map(|group| group.policies.iter().map(move |(name, policy)| (group.name.as_str(), name, policy)))
        .filter(|(_, name, policy)| {
            (names.is_empty() || names.contains(&name.as_str()) || names.contains(&policy.arn.as_str()))
                && (kinds.is_empty() || kinds.contains(&policy.kind))
        })
        .collect();
    let (page, token) = PAGING.page(&call.params, found, |(group, name, _)| format!("{group}/{name}"))?;
    let mut x = Xml::default();
    x.list("ScalingPolicies", page, |x, (group, name, policy)| {
        x.leaf("AutoScalingGroupName", group);
        x.leaf("PolicyName", name);
        x.leaf("PolicyARN", &policy.arn);
        x.leaf("PolicyType", policy.kind);
        policy.members.iter().for_each(|(name, tree)| x.tree(name, tree));
        if !policy.members.contains_key("Enabled") {
            x.leaf("Enabled", true);
        }
        write_alarms(x, group, policy.kind);
    });
    x.maybe("NextToken", token);
    Ok(x)
}

/// The group that a Describe action names, or all groups.
fn in_groups<'a>(call: &'a Call<'_>) -> Result<Vec<&'a crate::model::Group>> {
    match call.params.text("AutoScalingGroupName") {
        None => Ok(call.state.groups.values().collect()),
        Some(name) => call.state.groups.get(name).map(|group| vec![group]).ok_or_else(|| super::no_group(name)),
    }
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Xml> {
    let name = call.params.required("PolicyName")?.to_owned();
    let group = call.group()?;
    let found = group.policies.iter().find(|(known, policy)| **known == name || policy.arn == name);
    let known = found.map(|(known, _)| known.clone());
    let known = known.ok_or_else(|| invalid(format!("No scaling policy found: {name}")))?;
    group.policies.remove(&known);
    Ok(Xml::default())
}

pub(super) fn put_schedule(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    put_one(call, &params)?;
    Ok(Xml::default())
}

/// Puts several scheduled actions; those that cannot be put are listed in the answer.
pub(super) fn put_schedules(call: &mut Call<'_>) -> Result<Xml> {
    call.group()?;
    let mut failed = Vec::new();
    for action in call.params.structures("ScheduledUpdateGroupActions") {
        if let Err(fault) = put_one(call, &action) {
            failed.push((action.text("ScheduledActionName").unwrap_or_default().to_owned(), fault));
        }
    }
    let mut x = Xml::default();
    x.list("FailedScheduledUpdateGroupActions", failed, |x, (name, fault)| {
        x.leaf("ScheduledActionName", name);
        x.leaf("ErrorCode", fault.code);
        x.leaf("ErrorMessage", fault.message);
    });
    Ok(x)
}

fn put_one(call: &mut Call<'_>, action: &Params<'_>) -> Result<()> {
    let group = call.group()?;
    let name = action.required("ScheduledActionName")?;
    if !["MinSize", "MaxSize", "DesiredCapacity"].iter().any(|size| action.has(size)) {
        return Err(invalid("At least one of MinSize, MaxSize and DesiredCapacity must be specified"));
    }
    if !action.has("StartTime") && !action.has("Recurrence") {
        return Err(invalid("StartTime or Recurrence must be specified"));
    }
    let members: BTreeMap<&'static str, Tree> = members(action, SCHEDULE_MEMBERS).collect();
    let arn = group.schedules.get(name).map_or_else(
        || {
            let group = &group.name;
            arn(&format!(
                "scheduledUpdateGroupAction:{}:autoScalingGroupName/{group}:scheduledActionName/{name}",
                uuid()
            ))
        },
        |known| known.arn.clone(),
    );
    group.schedules.insert(name.to_owned(), Schedule { arn, members });
    Ok(())
}

pub(super) fn describe_schedules(call: &mut Call<'_>) -> Result<Xml> {
    let names = call.params.texts("ScheduledActionNames");
    let found: Vec<_> = in_groups(call)?
        .into_iter()
        .flat_map(|group| group.schedules.iter().map(move |(name, schedule)| (group.name.as_str(), name, schedule)))
        .filter(|(_, name, _)| names.is_empty() || names.contains(&name.as_str()))
        .collect();
    let (page, token) = PAGING.page(&call.params, found, |(group, name, _)| format!("{group}/{name}"))?;
    let mut x = Xml::default();
    x.list("ScheduledUpdateGroupActions", page, |x, (group, name, schedule)| {
        x.leaf("AutoScalingGroupName", group);
        x.leaf("ScheduledActionName", name);
        x.leaf("ScheduledActionARN", &schedule.arn);
        schedule.members.iter().for_each(|(name, tree)| x.tree(name, tree));
    });
    x.maybe("NextToken", token);
    Ok(x)
}

pub(super) fn delete_schedule(call: &mut Call<'_>) -> Result<Xml> {
    let name = call.params.required("ScheduledActionName")?.to_owned();
    let removed = call.group()?.schedules.remove(&name);
    removed.map(|_| Xml::default()).ok_or_else(|| invalid(format!("Scheduled action name not found: {name}")))
}
