//! Suspended processes, and what somebody says of single instances.

use super::{Call, Result};
use crate::model::Instance;
use teal_lab_wire::query::invalid;
use teal_lab_wire::xml::Xml;

/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html>
const PROCESSES: [&str; 9] = [
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];

/// The processes that a call names, or all.
fn named(call: &Call<'_>) -> Result<Vec<&'static str>> {
    let names = call.params.texts("ScalingProcesses");
    if names.is_empty() {
        return Ok(PROCESSES.to_vec());
    }
    let known = |name: &&str| {
        let found = PROCESSES.into_iter().find(|known| known == name);
        found.ok_or_else(|| invalid(format!("{name} is not a valid process type")))
    };
    names.iter().map(known).collect()
}

pub(super) fn suspend(call: &mut Call<'_>) -> Result<Xml> {
    let (names, now) = (named(call)?, call.now);
    let reason = format!("User suspended at {}", teal_lab_wire::iso8601(now));
    let group = call.group()?;
    for name in names {
        group.suspended.entry(name).or_insert_with(|| reason.clone());
    }
    Ok(Xml::default())
}

pub(super) fn resume(call: &mut Call<'_>) -> Result<Xml> {
    let names = named(call)?;
    call.group()?.suspended.retain(|name, _| !names.contains(name));
    Ok(Xml::default())
}

pub(super) fn protect(call: &mut Call<'_>) -> Result<Xml> {
    let group = call.group()?.name.clone();
    let protected = call.params.flag("ProtectedFromScaleIn")?;
    let protected = protected.ok_or_else(|| invalid("ProtectedFromScaleIn is required"))?;
    let ids: Vec<String> = call.params.texts("InstanceIds").into_iter().map(str::to_owned).collect();
    for id in &ids {
        if call.state.instances.get(id).is_none_or(|instance| instance.group != group) {
            return Err(invalid(format!("The instance {id} is not part of Auto Scaling group {group}.")));
        }
    }
    for id in ids {
        if let Some(instance) = call.state.instances.get_mut(&id) {
            instance.protected = protected;
        }
    }
    Ok(Xml::default())
}

pub(super) fn set_health(call: &mut Call<'_>) -> Result<Xml> {
    let id = call.params.required("InstanceId")?;
    let healthy = match call.params.required("HealthStatus")? {
        "Healthy" => true,
        "Unhealthy" => false,
        other => return Err(invalid(format!("'{other}' is not a health status"))),
    };
    let instance: &mut Instance =
        call.state.instances.get_mut(id).ok_or_else(|| invalid(format!("Instance Id not found - {id}")))?;
    instance.healthy = healthy;
    Ok(Xml::default())
}
