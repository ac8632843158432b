//! Scaling policies of blue, rewritten for green.

use super::members;
use crate::ecs::ServiceOrder;
use serde_json::Value;

pub(super) const NAME: &str = "PolicyName";

/// What PutScalingPolicy takes, and what makes two policies scale alike; their ARNs, alarms and ages differ always.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>
const SETTINGS: [&str; 5] = [
    NAME,
    "PolicyType",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
];

/// What makes up a policy.
pub(super) fn settings(policy: &Value) -> Value {
    members(policy, &SETTINGS)
}

/// Blue's policy with green where it names blue: the target group of `ALBRequestCountPerTarget`, and the dimensions of a customized
/// metric. A policy that went on following blue's metrics would scale green by blue's load.
pub(super) fn for_green(blue: &Value, order: &ServiceOrder<'_>) -> Value {
    let mut policy = settings(blue);
    if let Some(tracking) = policy.get_mut("TargetTrackingScalingPolicyConfiguration") {
        retarget(tracking, order);
    }
    policy
}

fn retarget(tracking: &mut Value, order: &ServiceOrder<'_>) {
    let (blue_group, green_group) = (order.blue_group.name_in_metrics(), order.green_group.name_in_metrics());
    if let Some(Value::String(label)) = tracking.pointer_mut("/PredefinedMetricSpecification/ResourceLabel") {
        // app/<name>/<id>/targetgroup/<name>/<id>
        *label = label.replace(blue_group, green_group);
    }
    let rename = |value: &mut String| {
        if value == order.blue_service {
            order.green_service.clone_into(value);
        } else if value == blue_group {
            green_group.clone_into(value);
        }
    };
    if let Some(metric) = tracking.get_mut("CustomizedMetricSpecification") {
        rename_dimensions(metric, &rename);
        let queries = metric.get_mut("Metrics").and_then(Value::as_array_mut).into_iter().flatten();
        for metric in queries.filter_map(|query| query.pointer_mut("/MetricStat/Metric")) {
            rename_dimensions(metric, &rename);
        }
    }
}

fn rename_dimensions(metric: &mut Value, rename: &impl Fn(&mut String)) {
    let dimensions = metric.get_mut("Dimensions").and_then(Value::as_array_mut).into_iter().flatten();
    for dimension in dimensions {
        if let Some(Value::String(value)) = dimension.get_mut("Value") {
            rename(value);
        }
    }
}
