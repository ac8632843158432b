//! Scaling policies of blue, rewritten for green.

use aws_sdk_applicationautoscaling::types::{
    CustomizedMetricSpecification, ScalingPolicy, TargetTrackingScalingPolicyConfiguration,
};
use teal::ports::GreenOrder;

/// Blue's policy with green where it names blue: the target group of `ALBRequestCountPerTarget`, and the dimensions of a customized
/// metric. A policy that went on following blue's metrics would scale green by blue's load.
pub(super) fn for_green(blue: &ScalingPolicy, order: &GreenOrder) -> ScalingPolicy {
    let mut policy = blue.clone();
    if let Some(tracking) = &mut policy.target_tracking_scaling_policy_configuration {
        retarget(tracking, order);
    }
    policy
}

fn retarget(tracking: &mut TargetTrackingScalingPolicyConfiguration, order: &GreenOrder) {
    let (blue_group, green_group) = (order.blue_group.dimension(), order.green_group.dimension());
    if let Some(metric) = &mut tracking.predefined_metric_specification
        && let Some(label) = &mut metric.resource_label
    {
        // app/<name>/<id>/targetgroup/<name>/<id>
        *label = label.replace(blue_group, green_group);
    }
    let rename = |value: &mut String| {
        if *value == order.blue_service {
            value.clone_from(&order.green_service);
        } else if value == blue_group {
            green_group.clone_into(value);
        }
    };
    if let Some(metric) = &mut tracking.customized_metric_specification {
        rename_dimensions(metric, rename);
    }
}

fn rename_dimensions(metric: &mut CustomizedMetricSpecification, rename: impl Fn(&mut String)) {
    for dimension in metric.dimensions.iter_mut().flatten() {
        rename(&mut dimension.value);
    }
    let stats = metric.metrics.iter_mut().flatten().filter_map(|query| query.metric_stat.as_mut());
    for metric in stats.filter_map(|stat| stat.metric.as_mut()) {
        for dimension in metric.dimensions.iter_mut().flatten() {
            rename(&mut dimension.value);
        }
    }
}

/// Whether two policies scale alike; their ARNs, alarms and ages differ always.
pub(super) fn is_same(green: &ScalingPolicy, wanted: &ScalingPolicy) -> bool {
    green.policy_name == wanted.policy_name
        && green.policy_type == wanted.policy_type
        && green.target_tracking_scaling_policy_configuration == wanted.target_tracking_scaling_policy_configuration
        && green.step_scaling_policy_configuration == wanted.step_scaling_policy_configuration
        && green.predictive_scaling_policy_configuration == wanted.predictive_scaling_policy_configuration
}
