//! What CreateAutoScalingGroup and UpdateAutoScalingGroup take, checked as AWS does.

use super::Result;
use crate::model::{Group, State, TemplateReference};
use teal_lab_wire::query::{Params, Tree, invalid};

/// The zones of a group's subnets, in their order.
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
/// Members that are given back as they came.
const KEPT: [&str; 12] = [
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityRebalance",
    "CapacityReservationSpecification",
    "Context",
    "DefaultCooldown",
    "DefaultInstanceWarmup",
    "DesiredCapacityType",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
    "ServiceLinkedRoleARN",
    "TerminationPolicies",
];
/// What the lab does not have.
const NOT_SERVED: [&str; 4] =
    ["InstanceId", "LaunchConfigurationName", "LifecycleHookSpecificationList", "LoadBalancerNames"];

/// Puts everything that was sent into the group. The template must have been read before.
pub(super) fn apply(group: &mut Group, params: &Params<'_>, state: &State) -> Result<()> {
    if let Some(name) = NOT_SERVED.into_iter().find(|name| params.has(name)) {
        return Err(invalid(format!("The lab does not serve groups with {name}")));
    }
    if let Some((template, mixed)) = template(params, state)? {
        (group.template, group.mixed_instances) = (template, mixed);
    }
    group.min = params.number("MinSize", 0..=10_000)?.unwrap_or(group.min);
    group.max = params.number("MaxSize", 0..=10_000)?.unwrap_or(group.max);
    if group.min > group.max {
        return Err(invalid("Max bound must be greater than or equal to min bound"));
    }
    match params.number("DesiredCapacity", 0..=10_000)? {
        Some(desired) => {
            check_desired(desired, group)?;
            group.desired = desired;
        }
        // Changed bounds take the desired capacity with them. Source: API Reference, UpdateAutoScalingGroup.
        None => group.desired = group.desired.clamp(group.min, group.max),
    }
    if let Some(subnets) = params.text("VPCZoneIdentifier") {
        let count = subnets.split(',').filter(|subnet| !subnet.trim().is_empty()).count();
        if count == 0 {
            return Err(invalid("At least one Subnet ID must be given in VPCZoneIdentifier"));
        }
        group.subnets = subnets.to_owned();
        group.zones = ZONES.into_iter().take(count).collect();
    }
    if let Some(kind) = params.text("HealthCheckType") {
        let known = ["EC2", "ELB", "EBS", "VPC_LATTICE"];
        if !kind.split(',').all(|kind| known.contains(&kind.trim())) {
            return Err(invalid(format!("Invalid HealthCheckType '{kind}'")));
        }
        group.health_check = kind.to_owned();
    }
    group.grace_seconds = params.number("HealthCheckGracePeriod", 0..=86_400)?.unwrap_or(group.grace_seconds);
    group.protects_new = params.flag("NewInstancesProtectedFromScaleIn")?.unwrap_or(group.protects_new);
    group.kept.extend(super::members(params, KEPT));
    Ok(())
}

/// Source: error texts of SetDesiredCapacity.
pub(super) fn check_desired(desired: u32, group: &Group) -> Result<()> {
    let (word, bound) = match desired {
        _ if desired > group.max => ("above max", group.max),
        _ if desired < group.min => ("below min", group.min),
        _ => return Ok(()),
    };
    Err(invalid(format!("New SetDesiredCapacity value {desired} is {word} value {bound} for the AutoScalingGroup.")))
}

/// The launch template that was sent, and the mixed instances policy around it if it came in one.
fn template(params: &Params<'_>, state: &State) -> Result<Option<(TemplateReference, Option<Tree>)>> {
    let mixed = params.structure("MixedInstancesPolicy");
    let (specification, kept) = match (params.structure("LaunchTemplate"), &mixed) {
        (Some(_), Some(_)) => {
            return Err(invalid("Valid requests must contain either LaunchTemplate or MixedInstancesPolicy"));
        }
        (Some(specification), None) => (specification, None),
        (None, Some(mixed)) => {
            let template = mixed.structure("LaunchTemplate");
            let inside = template.and_then(|template| template.structure("LaunchTemplateSpecification"));
            let inside =
                inside.ok_or_else(|| invalid("A mixed instances policy needs a LaunchTemplateSpecification"))?;
            (inside, params.tree("MixedInstancesPolicy"))
        }
        (None, None) => return Ok(None),
    };
    let (id, name) = (specification.text("LaunchTemplateId"), specification.text("LaunchTemplateName"));
    let found = match (id, name) {
        (Some(id), None) => state.templates.get(id),
        (None, Some(name)) => state.templates.values().find(|known| known.name == name),
        _ => {
            return Err(invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName"));
        }
    };
    let known = found.ok_or_else(|| {
        let which = id.map_or_else(
            || format!("with template name {}", name.unwrap_or_default()),
            |id| format!("with template ID {id}"),
        );
        bad_template(&format!("The specified launch template, {which}, does not exist."))
    })?;
    let version = specification.text("Version").unwrap_or("$Default").to_owned();
    let reference = TemplateReference { id: known.id.clone(), name: known.name.clone(), version };
    if state.version_of(&reference).is_none() {
        let version = &reference.version;
        return Err(bad_template(&format!("Could not find the specified version {version} for the launch template.")));
    }
    Ok(Some((reference, kept)))
}

fn bad_template(problem: &str) -> teal_lab_wire::AwsFault {
    invalid(format!("You must use a valid fully-formed launch template. {problem}"))
}
