//! Groups: made, changed, scaled, deleted.

use super::{Call, Result, attachments, settings};
use crate::model::{Group, Tag, TemplateReference, arn, uuid};
use std::collections::BTreeMap;
use teal_lab_wire::AwsFault;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;

pub(super) fn create(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let name = params.required("AutoScalingGroupName")?;
    if name.len() > 255 || name.contains(':') {
        return Err(invalid(format!("The name '{name}' must have 1 to 255 characters and no colon")));
    }
    if call.state.groups.contains_key(name) {
        return Err(AwsFault::client(
            "AlreadyExists",
            format!("AutoScalingGroup by this name already exists - A group with the name {name} already exists"),
        ));
    }
    for required in ["MinSize", "MaxSize", "VPCZoneIdentifier"] {
        params.required(required)?;
    }
    if !params.has("LaunchTemplate") && !params.has("MixedInstancesPolicy") {
        return Err(invalid(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy \
             parameter.",
        ));
    }
    let mut group = Group {
        arn: arn(&format!("autoScalingGroup:{}:autoScalingGroupName/{name}", uuid())),
        name: name.to_owned(),
        created: call.now,
        template: TemplateReference { id: String::new(), name: String::new(), version: String::new() },
        mixed_instances: None,
        min: 0,
        max: 0,
        desired: 0,
        zones: Vec::new(),
        subnets: String::new(),
        target_groups: attachments::wanted(&params)?,
        health_check: "EC2".to_owned(),
        grace_seconds: 0,
        protects_new: false,
        suspended: BTreeMap::new(),
        tags: tags(&params)?,
        kept: BTreeMap::new(),
        policies: BTreeMap::new(),
        schedules: BTreeMap::new(),
        deleting: false,
        launched: 0,
        failed: 0,
        not_before: 0,
    };
    settings::apply(&mut group, &params, call.state)?;
    call.state.groups.insert(name.to_owned(), group);
    Ok(Xml::default())
}

fn tags(params: &Params<'_>) -> Result<BTreeMap<String, Tag>> {
    let mut tags = BTreeMap::new();
    for tag in params.structures("Tags") {
        let value = tag.text("Value").unwrap_or_default().to_owned();
        let propagate = tag.flag("PropagateAtLaunch")?.unwrap_or(true);
        tags.insert(tag.required("Key")?.to_owned(), Tag { value, propagate });
    }
    Ok(tags)
}

/// Changes what is given and leaves the rest, all or nothing.
pub(super) fn update(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let name = call.group()?.name.clone();
    let Some(mut group) = call.state.groups.remove(&name) else { return Ok(Xml::default()) };
    let before = (group.min, group.max, group.desired, group.template.clone(), group.mixed_instances.clone());
    let applied = settings::apply(&mut group, &params, call.state);
    if applied.is_err() {
        (group.min, group.max, group.desired, group.template, group.mixed_instances) = before;
    }
    call.state.groups.insert(name, group);
    applied.map(|()| Xml::default())
}

pub(super) fn set_desired(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let group = call.group()?;
    let desired = params.number("DesiredCapacity", 0..=10_000)?;
    let desired = desired.ok_or_else(|| invalid("DesiredCapacity is required"))?;
    settings::check_desired(desired, group)?;
    group.desired = desired;
    Ok(Xml::default())
}

/// Deletes a group without instances, or with `ForceDelete` its instances too.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Xml> {
    let force = call.params.flag("ForceDelete")?.unwrap_or(false);
    let name = call.group()?.name.clone();
    let has_instances = !call.state.instances_of(&name).is_empty();
    if has_instances && !force {
        return Err(AwsFault::client(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in \
             the group.",
        ));
    }
    call.group()?.deleting = true;
    Ok(Xml::default())
}
