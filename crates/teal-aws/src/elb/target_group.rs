//! A target group with everything that a person may have set on it.

use super::settings::members;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use serde_json::Value;
use teal::ports::DestinationReading;

/// The group with its settings under ELB's names: the members of `TargetGroup` (without what names it), and its attributes.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroup.html>
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
pub(super) fn read(group: &sdk::TargetGroup, attributes: &[sdk::TargetGroupAttribute]) -> DestinationReading {
    let text = |value: Option<&str>| Value::from(value);
    let matcher = group.matcher.as_ref();
    let mut settings = members([
        ("Protocol", text(group.protocol.as_ref().map(|protocol| protocol.as_str()))),
        ("ProtocolVersion", text(group.protocol_version())),
        ("Port", group.port.into()),
        ("TargetType", text(group.target_type.as_ref().map(|kind| kind.as_str()))),
        ("IpAddressType", text(group.ip_address_type.as_ref().map(|kind| kind.as_str()))),
        ("VpcId", text(group.vpc_id())),
        ("TargetControlPort", group.target_control_port.into()),
        ("HealthCheckEnabled", group.health_check_enabled.into()),
        ("HealthCheckProtocol", text(group.health_check_protocol.as_ref().map(|protocol| protocol.as_str()))),
        ("HealthCheckPort", text(group.health_check_port())),
        ("HealthCheckPath", text(group.health_check_path())),
        ("HealthCheckIntervalSeconds", group.health_check_interval_seconds.into()),
        ("HealthCheckTimeoutSeconds", group.health_check_timeout_seconds.into()),
        ("HealthyThresholdCount", group.healthy_threshold_count.into()),
        ("UnhealthyThresholdCount", group.unhealthy_threshold_count.into()),
        ("Matcher.HttpCode", text(matcher.and_then(|matcher| matcher.http_code()))),
        ("Matcher.GrpcCode", text(matcher.and_then(|matcher| matcher.grpc_code()))),
    ]);
    let attributes = attributes.iter().filter_map(|attribute| {
        Some((attribute.key.clone()?, Value::from(attribute.value.clone().unwrap_or_default())))
    });
    settings.extend(attributes);
    DestinationReading {
        sticky: settings.get("stickiness.enabled").and_then(Value::as_str) == Some("true"),
        settings: settings.into_iter().collect(),
    }
}
