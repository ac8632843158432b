//! Scaling policies: kept and given back; see [`crate::Ecs::handle_autoscaling`] for what they do.

use super::requests::{DIMENSION, Filter, Named, Resource, validation};
use super::{Policy, Targets, registered};
use crate::names;
use crate::protocol::{Members, timestamp, typed};
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::{ACCOUNT, AwsFault, Millis, REGION};

/// Type of policy, the member that configures it, and whether AWS makes alarms for it.
const TYPES: [(&str, &str, bool); 2] = [
    ("StepScaling", "StepScalingPolicyConfiguration", false),
    ("TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration", true),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Put {
    policy_name: String,
    policy_type: Option<String>,
}

/// Creates a policy, or replaces the one of that name; its ARN and alarms stay.
pub(super) fn put(targets: &mut Targets, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let resource = typed::<Named>(members)?.resource()?;
    let request: Put = typed(members)?;
    if request.policy_name.is_empty() {
        return Err(validation("PolicyName cannot be empty"));
    }
    let target = registered(targets, &resource)?;
    let old = target.policies.get(&request.policy_name).map(|policy| policy.description.clone());

    // AWS's default is StepScaling; an update keeps what the policy is.
    let kind = request.policy_type.or_else(|| Some(old.as_ref()?.get("PolicyType")?.as_str()?.to_owned()));
    let kind = kind.unwrap_or_else(|| "StepScaling".to_owned());
    let (kind, member, has_alarms) = TYPES
        .into_iter()
        .find(|(name, ..)| *name == kind)
        .ok_or_else(|| validation(format!("the lab does not have policies of type {kind}")))?;
    let configuration = members
        .get(member)
        .filter(|configuration| configuration.is_object())
        .ok_or_else(|| validation(format!("{member} is required for a policy of type {kind}")))?;
    check(kind, configuration)?;

    let mut description = old.unwrap_or_else(|| new_description(&resource, &request.policy_name, has_alarms, now));
    for (_, other, _) in TYPES {
        description.remove(other);
    }
    description.insert("PolicyType".to_owned(), json!(kind));
    description.insert(member.to_owned(), configuration.clone());
    let answer = json!({"PolicyARN": description.get("PolicyARN"), "Alarms": description.get("Alarms")});
    target.policies.insert(request.policy_name, Policy { description });
    Ok(answer)
}

fn check(kind: &str, configuration: &Value) -> Result<(), AwsFault> {
    if kind == "TargetTrackingScaling" {
        if !configuration["TargetValue"].is_number() {
            return Err(validation("TargetValue is required"));
        }
        let metrics = ["PredefinedMetricSpecification", "CustomizedMetricSpecification"];
        if metrics.iter().filter(|name| configuration[**name].is_object()).count() != 1 {
            return Err(validation(format!("exactly one of {} is required", metrics.join(" and "))));
        }
    } else if configuration["AdjustmentType"].as_str().is_none() {
        return Err(validation("AdjustmentType is required"));
    }
    Ok(())
}

fn new_description(resource: &Resource, name: &str, has_alarms: bool, now: Millis) -> Members {
    let id = resource.id();
    let alarm = |kind: &str| {
        let name = format!("TargetTracking-{id}-{kind}-{}", names::new_uuid());
        json!({"AlarmARN": format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"), "AlarmName": name})
    };
    let mut description = Members::new();
    for (member, value) in [
        (
            "PolicyARN",
            json!(format!(
                "arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:{}:resource/ecs/{id}:policyName/{name}",
                names::new_uuid()
            )),
        ),
        ("PolicyName", json!(name)),
        ("ServiceNamespace", json!("ecs")),
        ("ResourceId", json!(id)),
        ("ScalableDimension", json!(DIMENSION)),
        ("Alarms", if has_alarms { json!([alarm("AlarmHigh"), alarm("AlarmLow")]) } else { json!([]) }),
        ("CreationTime", timestamp(now)),
    ] {
        description.insert(member.to_owned(), value);
    }
    description
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Describe {
    policy_names: Option<Vec<String>>,
}

pub(super) fn describe(targets: &Targets, members: &Members) -> Result<Value, AwsFault> {
    let filter: Filter = typed(members)?;
    let request: Describe = typed(members)?;
    let described = targets
        .iter()
        .filter(|(resource, _)| filter.fits(resource))
        .flat_map(|(resource, target)| target.policies.iter().map(move |policy| (resource, policy)))
        .filter(|(_, (name, _))| request.policy_names.as_ref().is_none_or(|names| names.contains(name)))
        .map(|(resource, (name, policy))| {
            (format!("{} {name}", resource.id()), Value::Object(policy.description.clone()))
        });
    filter.answer("ScalingPolicies", described)
}

pub(super) fn delete(targets: &mut Targets, members: &Members) -> Result<Value, AwsFault> {
    let resource = typed::<Named>(members)?.resource()?;
    let request: Put = typed(members)?;
    let removed = targets.get_mut(&resource).and_then(|target| target.policies.remove(&request.policy_name));
    removed.map(|_| json!({})).ok_or_else(|| {
        AwsFault::client("ObjectNotFoundException", format!("No scaling policy found: {}", request.policy_name))
    })
}
