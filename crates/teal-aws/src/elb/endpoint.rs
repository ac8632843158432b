//! Where a request must go, and what it must carry, to reach a listener or a rule.

use super::Place;
use aws_sdk_elasticloadbalancingv2::types::{Listener, ProtocolEnum, RuleCondition};
use teal::plan::{ListenerArn, RuleArn};
use teal::ports::{Endpoint, PortError, PortResult};

/// The endpoint of a listener's default action.
pub(super) fn of_listener(arn: &ListenerArn, listener: &Listener, dns_name: &str) -> PortResult<Endpoint> {
    let scheme = match listener.protocol {
        Some(ProtocolEnum::Http | ProtocolEnum::Tcp) => "http",
        Some(ProtocolEnum::Https | ProtocolEnum::Tls) => "https",
        _ => {
            return Err(refused(format!(
                "nobody can send HTTP to listener {arn}: it takes neither HTTP(S) nor TCP or TLS"
            )));
        }
    };
    let port = listener.port.ok_or_else(|| refused(format!("listener {arn} has no port")))?;
    Ok(Endpoint { url: format!("{scheme}://{dns_name}:{port}"), headers: Vec::new(), paths: Vec::new() })
}

fn refused(message: String) -> PortError {
    PortError::Refused { call: "elasticloadbalancing:DescribeListeners", message }
}

/// The listener that a rule belongs to: its ARN without the last id, under the other resource type.
pub(super) fn listener_of(rule: &RuleArn) -> PortResult<ListenerArn> {
    let listener =
        rule.as_str().rsplit_once('/').map(|(listener, _)| listener.replacen(":listener-rule/", ":listener/", 1));
    let parsed = listener.and_then(|arn| arn.parse().ok());
    parsed.ok_or_else(|| refused(format!("the listener of rule {rule} cannot be told from its ARN")))
}

/// The load balancer of a listener or rule: its ARN up to the load balancer's id, under the other resource type.
pub(super) fn load_balancer_of(place: Place<'_>) -> PortResult<String> {
    let (arn, load_balancer) = match place {
        Place::Listener(arn) => (arn.as_str(), arn.load_balancer()),
        Place::Rule(arn) => (arn.as_str(), arn.load_balancer()),
    };
    let head = arn.match_indices(':').nth(4).map(|(at, _)| &arn[..at]);
    let head = head.ok_or_else(|| refused(format!("the load balancer of {arn} cannot be told from its ARN")))?;
    Ok(format!("{head}:loadbalancer/{load_balancer}"))
}

/// The endpoint with what the rule's conditions ask for. Conditions on the method, the query and the client's address
/// are the checks' own affair.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>
pub(super) fn matching(mut endpoint: Endpoint, conditions: &[RuleCondition]) -> Endpoint {
    for condition in conditions {
        // `Values` is the older spelling of the host-header and path-pattern conditions.
        match condition.field() {
            Some("host-header") => {
                let values = condition.host_header_config.as_ref().map_or(condition.values(), |config| config.values());
                endpoint.headers.extend(first_match(values).map(|host| ("Host".to_owned(), host)));
            }
            Some("http-header") => {
                if let Some(config) = &condition.http_header_config
                    && let (Some(name), Some(value)) = (&config.http_header_name, first_match(config.values()))
                {
                    endpoint.headers.push((name.clone(), value));
                }
            }
            Some("path-pattern") => {
                let values =
                    condition.path_pattern_config.as_ref().map_or(condition.values(), |config| config.values());
                endpoint.paths.extend(values.iter().cloned());
            }
            _ => {}
        }
    }
    endpoint
}

/// A text that matches the first of the patterns; one without wildcards is preferred. `*` stands for any characters, `?`
/// for one.
fn first_match(patterns: &[String]) -> Option<String> {
    let exact = patterns.iter().find(|pattern| !pattern.contains(['*', '?']));
    exact.or(patterns.first()).map(|pattern| pattern.replace('*', "teal").replace('?', "t"))
}
