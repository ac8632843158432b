//! DescribeAutoScalingGroups.
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AutoScalingGroup.html>

use super::{Call, PAGING, Result};
use crate::model::{Group, Instance, TemplateReference};
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{ACCOUNT, iso8601};

/// The groups of the given names, or all; a name that no group has is no error.
pub(super) fn groups(call: &mut Call<'_>) -> Result<Xml> {
    let names = call.params.texts("AutoScalingGroupNames");
    let filters = call.params.structures("Filters");
    let fits = |group: &&Group| {
        (names.is_empty() || names.contains(&group.name.as_str()))
            && filters.iter().all(|filter| {
                let (name, values) = (filter.text("Name").unwrap_or_default(), filter.texts("Values"));
                match name.strip_prefix("tag:") {
                    Some(key) => group.tags.get(key).is_some_and(|tag| values.contains(&tag.value.as_str())),
                    None if name == "tag-key" => group.tags.keys().any(|key| values.contains(&key.as_str())),
                    None => true,
                }
            })
    };
    let found: Vec<&Group> = call.state.groups.values().filter(fits).collect();
    let (page, token) = PAGING.page(&call.params, found, |group| group.name.clone())?;
    let mut x = Xml::default();
    x.list("AutoScalingGroups", page, |x, group| write(x, group, &call.state.instances_of(&group.name)));
    x.maybe("NextToken", token);
    Ok(x)
}

fn write(x: &mut Xml, group: &Group, instances: &[&Instance]) {
    x.leaf("AutoScalingGroupName", &group.name);
    x.leaf("AutoScalingGroupARN", &group.arn);
    match &group.mixed_instances {
        Some(policy) => x.tree("MixedInstancesPolicy", policy),
        None => write_template(x, &group.template, &group.template.version),
    }
    x.leaf("MinSize", group.min);
    x.leaf("MaxSize", group.max);
    x.leaf("DesiredCapacity", group.desired);
    x.values("AvailabilityZones", &group.zones);
    x.values::<&str>("LoadBalancerNames", []);
    x.values("TargetGroupARNs", &group.target_groups);
    x.leaf("HealthCheckType", &group.health_check);
    x.leaf("HealthCheckGracePeriod", group.grace_seconds);
    x.list("Instances", instances, |x, instance| {
        x.leaf("InstanceId", &instance.id);
        x.leaf("InstanceType", &instance.kind);
        x.leaf("AvailabilityZone", instance.zone);
        x.leaf("LifecycleState", instance.lifecycle.name());
        x.leaf("HealthStatus", if instance.healthy { "Healthy" } else { "Unhealthy" });
        write_template(x, &instance.template, &instance.version.to_string());
        x.leaf("ProtectedFromScaleIn", instance.protected);
    });
    x.leaf("CreatedTime", iso8601(group.created));
    x.list("SuspendedProcesses", &group.suspended, |x, (process, reason)| {
        x.leaf("ProcessName", process);
        x.leaf("SuspensionReason", reason);
    });
    x.leaf("VPCZoneIdentifier", &group.subnets);
    x.values::<&str>("EnabledMetrics", []);
    if group.deleting {
        x.leaf("Status", "Delete in progress");
    }
    x.list("Tags", &group.tags, |x, (key, tag)| {
        x.leaf("ResourceId", &group.name);
        x.leaf("ResourceType", "auto-scaling-group");
        x.leaf("Key", key);
        x.leaf("Value", &tag.value);
        x.leaf("PropagateAtLaunch", tag.propagate);
    });
    x.leaf("NewInstancesProtectedFromScaleIn", group.protects_new);
    x.list("TrafficSources", &group.target_groups, |x, arn| {
        x.leaf("Identifier", arn);
        x.leaf("Type", "elbv2");
    });
    for (name, default) in [("DefaultCooldown", "300"), ("TerminationPolicies", "")] {
        if !group.kept.contains_key(name) && default.is_empty() {
            x.values(name, ["Default"]);
        } else if !group.kept.contains_key(name) {
            x.leaf(name, default);
        }
    }
    if !group.kept.contains_key("ServiceLinkedRoleARN") {
        x.leaf(
            "ServiceLinkedRoleARN",
            format!(
                "arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
            ),
        );
    }
    for (name, tree) in &group.kept {
        x.tree(name, tree);
    }
}

fn write_template(x: &mut Xml, template: &TemplateReference, version: &str) {
    x.node("LaunchTemplate", |x| {
        x.leaf("LaunchTemplateId", &template.id);
        x.leaf("LaunchTemplateName", &template.name);
        x.leaf("Version", version);
    });
}
