//! What green has of blue, and which groups Teal can make a green of.

use super::DESCRIBE_GROUPS;
use super::group::Group;
use crate::json::Members;
use serde_json::{Value, json};
use teal::fleet::GreenOrder;
use teal::ports::{PortError, PortResult};

/// Settings that CreateAutoScalingGroup and UpdateAutoScalingGroup take as DescribeAutoScalingGroups shows them.
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html>
const SETTINGS: [&str; 17] = [
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityRebalance",
    "CapacityReservationSpecification",
    "Context",
    "DefaultCooldown",
    "DefaultInstanceWarmup",
    "DesiredCapacityType",
    "HealthCheckGracePeriod",
    "HealthCheckType",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
    "NewInstancesProtectedFromScaleIn",
    "PlacementGroup",
    ROLE,
    "TerminationPolicies",
    "VPCZoneIdentifier",
];

const ROLE: &str = "ServiceLinkedRoleARN";

/// What the ARN of the role ends in that EC2 Auto Scaling takes where none is given.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-service-linked-role.html>
const DEFAULT_ROLE: &str = "/AWSServiceRoleForAutoScaling";

/// Processes whose suspension green has from blue. Of the others a release needs each.
const COPIED_SUSPENSIONS: [&str; 5] =
    ["AZRebalance", "AlarmNotification", "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions"];

/// Refuses a blue of which no copy can be made, or whose copy would serve on another way than the route.
pub(super) fn require_copyable(blue: &Group, blue_group: &str) -> PortResult<()> {
    if blue.template().is_none() {
        return Err(no_template(blue));
    }
    require_own_group_only(blue, blue_group)
}

pub(super) fn no_template(blue: &Group) -> PortError {
    refused(
        blue,
        "it has no launch template, and a launch configuration has no versions. Move it to a launch template first",
    )
}

/// Refuses a group that is attached to anything but its own target group: its instances would serve there as soon as they run,
/// whatever the weights say.
pub(super) fn require_own_group_only(group: &Group, own: &str) -> PortResult<()> {
    let others = group.target_groups().into_iter().filter(|arn| *arn != own).map(|arn| format!("target group {arn}"));
    let classic = group.list("LoadBalancerNames").iter().filter_map(Value::as_str);
    let classic = classic.map(|name| format!("classic load balancer {name}"));
    let sources = group.list("TrafficSources").iter().filter_map(|source| {
        let (kind, identifier) = (super::group::text(source, "Type"), super::group::text(source, "Identifier"));
        (!matches!(kind, "elb" | "elbv2")).then(|| format!("traffic source {identifier}"))
    });
    match others.chain(classic).chain(sources).next() {
        None => Ok(()),
        Some(other) => {
            let why = format!(
                "its instances are registered in {other} besides its own target group {own}, so green's would serve there \
                 whatever the weights say. Detach {other} from the group"
            );
            Err(refused(group, &why))
        }
    }
}

fn refused(group: &Group, why: &str) -> PortError {
    let message = format!("group {} cannot take turns: {why}", group.name());
    PortError::Refused { call: DESCRIBE_GROUPS, message }
}

/// The version in an order's `name:version`.
pub(super) fn version_of(runs: &str) -> &str {
    runs.rsplit(':').next().unwrap_or_default()
}

/// Green's settings: blue's, with the ordered version, at the ordered size, within blue's bounds as far as they are not held.
pub(super) fn settings(blue: &Group, order: &GreenOrder) -> PortResult<Members> {
    let copied = SETTINGS.into_iter().filter_map(|name| Some((name.to_owned(), blue.member(name)?.clone())));
    let mut settings: Members = copied.collect();
    if !settings.contains_key("VPCZoneIdentifier")
        && let Some(zones) = blue.member("AvailabilityZones")
    {
        settings.insert("AvailabilityZones".to_owned(), zones.clone());
    }
    let template = blue.template().ok_or_else(|| no_template(blue))?;
    let specification = json!({"LaunchTemplateId": template.id, "Version": version_of(&order.runs)});
    match blue.member("MixedInstancesPolicy") {
        Some(policy) => {
            let mut policy = policy.clone();
            policy["LaunchTemplate"]["LaunchTemplateSpecification"] = specification;
            let overrides = policy.pointer_mut("/LaunchTemplate/Overrides").and_then(Value::as_array_mut);
            for one in overrides.into_iter().flatten() {
                // Shown with id and name, taken with one of them.
                if let Some(Value::Object(own)) = one.get_mut("LaunchTemplateSpecification") {
                    own.remove("LaunchTemplateName");
                }
            }
            settings.insert("MixedInstancesPolicy".to_owned(), policy);
        }
        None => {
            settings.insert("LaunchTemplate".to_owned(), specification);
        }
    }
    let scaling = order.hold.map_or(blue.scaling(), |hold| hold.begun(blue.scaling()));
    let most = scaling.max_capacity.max(order.desired);
    // Texts, as answers have them: what is written is compared with what is read.
    for (name, size) in [("MinSize", scaling.min_capacity), ("MaxSize", most), ("DesiredCapacity", order.desired)] {
        settings.insert(name.to_owned(), size.to_string().into());
    }
    Ok(settings)
}

/// Leaves blue's service-linked role out where green has it anyway: handing it over takes a permission.
pub(super) fn without_own_role(mut settings: Members, green: Option<&Group>) -> Members {
    let role = settings.get(ROLE);
    let has_it = match green {
        Some(green) => role == green.member(ROLE),
        None => role.and_then(Value::as_str).is_some_and(|role| role.ends_with(DEFAULT_ROLE)),
    };
    if has_it {
        settings.remove(ROLE);
    }
    settings
}

/// The input that creates green.
pub(super) fn creation(blue: &Group, order: &GreenOrder, name: &str, mut settings: Members) -> Value {
    settings.insert("AutoScalingGroupName".to_owned(), name.into());
    settings.insert("TargetGroupARNs".to_owned(), json!([order.colours.green.as_str()]));
    settings.insert("Tags".to_owned(), blue.tags());
    Value::Object(settings)
}

/// Whether a group is not what is wanted of it.
pub(super) fn differs(green: &Group, wanted: &Members) -> bool {
    let template = |value: &Value| match value.get("Version") {
        Some(version) => json!({"LaunchTemplateId": value.get("LaunchTemplateId"), "Version": version}),
        None => value.clone(),
    };
    wanted.iter().any(|(name, wanted)| {
        let found = green.member(name);
        if name == "LaunchTemplate" { found.map(template).as_ref() != Some(wanted) } else { found != Some(wanted) }
    })
}

/// Which of green's processes are to be suspended, and which are to go on.
pub(super) fn suspensions<'a>(blue: &'a Group, green: Option<&'a Group>) -> (Vec<&'a str>, Vec<&'a str>) {
    let wanted: Vec<&str> =
        blue.suspended().into_iter().filter(|process| COPIED_SUSPENSIONS.contains(process)).collect();
    let present = green.map(Group::suspended).unwrap_or_default();
    let suspend = wanted.iter().copied().filter(|process| !present.contains(process)).collect();
    let resume = present.iter().copied().filter(|process| !wanted.contains(process)).collect();
    (suspend, resume)
}
