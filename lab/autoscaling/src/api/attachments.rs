//! Target groups of groups: attached instances are registered, detached ones deregistered.

use super::{Call, PAGING, Result};
use crate::model::{Group, Instance, Lifecycle};
use std::collections::BTreeSet;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;

/// The target groups that CreateAutoScalingGroup names, in either of its two members.
pub(super) fn wanted(params: &Params<'_>) -> Result<BTreeSet<String>> {
    let mut groups = sources(params)?;
    groups.extend(params.texts("TargetGroupARNs").into_iter().map(str::to_owned));
    groups.iter().try_for_each(|arn| check(arn))?;
    Ok(groups)
}

/// Source: API Reference, TrafficSourceIdentifier.
fn sources(params: &Params<'_>) -> Result<BTreeSet<String>> {
    let mut groups = BTreeSet::new();
    for source in params.structures("TrafficSources") {
        let identifier = source.required("Identifier")?;
        if source.text("Type").unwrap_or("elbv2") != "elbv2" {
            return Err(invalid("The lab serves traffic sources of type 'elbv2' only"));
        }
        check(identifier)?;
        groups.insert(identifier.to_owned());
    }
    Ok(groups)
}

fn check(arn: &str) -> Result<()> {
    if arn.starts_with("arn:") && arn.contains(":targetgroup/") {
        return Ok(());
    }
    Err(invalid(format!("Provided Target Groups may not be valid. Please ensure they exist: {arn}")))
}

pub(super) fn attach_target_groups(call: &mut Call<'_>) -> Result<Xml> {
    let groups = call.params.texts("TargetGroupARNs").into_iter().map(str::to_owned).collect();
    attach(call, &groups)
}

pub(super) fn attach_sources(call: &mut Call<'_>) -> Result<Xml> {
    let groups = sources(&call.params)?;
    attach(call, &groups)
}

fn attach(call: &mut Call<'_>, groups: &BTreeSet<String>) -> Result<Xml> {
    groups.iter().try_for_each(|arn| check(arn))?;
    let group = call.group()?;
    group.target_groups.extend(groups.iter().cloned());
    let (name, adds) = (group.name.clone(), !group.is_suspended("AddToLoadBalancer"));
    let fleet = call.fleet;
    if adds {
        for instance in in_service(call, &name) {
            fleet.register(instance, groups);
        }
    }
    Ok(Xml::default())
}

fn in_service<'a>(call: &'a mut Call<'_>, group: &str) -> impl Iterator<Item = &'a mut Instance> {
    let instances = call.state.instances.values_mut();
    let group = group.to_owned();
    instances.filter(move |instance| instance.group == group && instance.lifecycle == Lifecycle::InService)
}

pub(super) fn detach_target_groups(call: &mut Call<'_>) -> Result<Xml> {
    let groups = call.params.texts("TargetGroupARNs").into_iter().map(str::to_owned).collect();
    detach(call, &groups)
}

pub(super) fn detach_sources(call: &mut Call<'_>) -> Result<Xml> {
    let groups = sources(&call.params)?;
    detach(call, &groups)
}

fn detach(call: &mut Call<'_>, groups: &BTreeSet<String>) -> Result<Xml> {
    let group = call.group()?;
    if let Some(other) = groups.iter().find(|arn| !group.target_groups.contains(*arn)) {
        return Err(invalid(format!("Trying to remove Target Groups that are not part of the group: {other}")));
    }
    group.target_groups.retain(|arn| !groups.contains(arn));
    let name = group.name.clone();
    let fleet = call.fleet;
    for instance in in_service(call, &name) {
        groups.iter().for_each(|arn| fleet.take_out(instance, arn));
    }
    Ok(Xml::default())
}

/// States: `Adding` until the group's instances are registered, `Added` until one of them passes its checks, then
/// `InService`. Source: API Reference, LoadBalancerTargetGroupState.
fn state(call: &Call<'_>, group: &Group, arn: &str) -> &'static str {
    let instances: Vec<&Instance> = call.state.instances_of(&group.name);
    let running: Vec<_> = instances.into_iter().filter(|one| one.lifecycle == Lifecycle::InService).collect();
    match running.iter().all(|instance| instance.registered.contains(arn)) {
        false => "Adding",
        true if running.iter().any(|instance| !call.fleet.is_unhealthy(instance)) => "InService",
        true => "Added",
    }
}

pub(super) fn describe_target_groups(call: &mut Call<'_>) -> Result<Xml> {
    described(call, "LoadBalancerTargetGroups", "LoadBalancerTargetGroupARN")
}

pub(super) fn describe_sources(call: &mut Call<'_>) -> Result<Xml> {
    described(call, "TrafficSources", "Identifier")
}

fn described(call: &mut Call<'_>, list: &str, name: &str) -> Result<Xml> {
    let group = call.group()?.name.clone();
    let Some(group) = call.state.groups.get(&group) else { return Ok(Xml::default()) };
    let (page, token) = PAGING.page(&call.params, group.target_groups.iter().collect(), |arn| (*arn).clone())?;
    let mut x = Xml::default();
    x.list(list, page, |x, arn| {
        x.leaf(name, arn);
        x.leaf("State", state(call, group, arn));
        if name == "Identifier" {
            x.leaf("Type", "elbv2");
        }
    });
    x.maybe("NextToken", token);
    Ok(x)
}
