//! Target groups.

use super::load_balancers::{attribute_changes, attributes};
use super::page;
use super::{Call, Result, check_arn, check_name, missing};
use crate::model::{Account, HealthCheck, HttpCheck, Kind, Pairs, TargetGroup, TargetGroupSettings, arn};
use crate::plane::health::{self, Probe};
use crate::plane::{Group, Policy};
use std::time::Duration;
use teal_lab_wire::AwsFault;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;

/// The attributes that the lab keeps, with AWS's defaults. `deregistration_delay.timeout_seconds` and stickiness by
/// `lb_cookie` have their effect; slow start, the other algorithms and `app_cookie` do not.
///
/// Source: API Reference, TargetGroupAttribute.
const APPLICATION_ATTRIBUTES: [(&str, &str); 14] = [
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.algorithm.anomaly_mitigation", "off"),
    ("load_balancing.algorithm.type", "round_robin"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.app_cookie.cookie_name", ""),
    ("stickiness.app_cookie.duration_seconds", "86400"),
    ("stickiness.enabled", "false"),
    ("stickiness.lb_cookie.duration_seconds", "86400"),
    ("stickiness.type", "lb_cookie"),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
];

/// Those of target groups of Network Load Balancers. The deregistration delay, what becomes of flows at its end and
/// when a target becomes unhealthy, and stickiness by `source_ip` have their effect.
const NETWORK_ATTRIBUTES: [(&str, &str); 13] = [
    ("deregistration_delay.connection_termination.enabled", "false"),
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("preserve_client_ip.enabled", "false"),
    ("proxy_protocol_v2.enabled", "false"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "source_ip"),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
    ("target_health_state.unhealthy.connection_termination.enabled", "true"),
    ("target_health_state.unhealthy.draining_interval_seconds", "0"),
];

fn attribute_defaults(settings: &TargetGroupSettings) -> Pairs {
    let defaults = match settings.kind() {
        Kind::Application => APPLICATION_ATTRIBUTES.as_slice(),
        Kind::Network => NETWORK_ATTRIBUTES.as_slice(),
    };
    let mut attributes: Pairs = defaults.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    // Two defaults depend on what is sent to whom.
    if matches!(settings.protocol, "UDP" | "TCP_UDP") {
        attributes.insert("deregistration_delay.connection_termination.enabled".to_owned(), "true".to_owned());
        attributes.insert("preserve_client_ip.enabled".to_owned(), "true".to_owned());
    } else if settings.kind() == Kind::Network && settings.target_type == "instance" {
        attributes.insert("preserve_client_ip.enabled".to_owned(), "true".to_owned());
    }
    attributes
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Xml> {
    let params = &call.params;
    let name = params.required("Name")?;
    check_name(name)?;
    let target_type = params.one_of("TargetType", &["instance", "ip", "lambda", "alb"])?.unwrap_or("instance");
    if matches!(target_type, "lambda" | "alb") {
        return Err(invalid(format!("The lab does not serve target groups of type '{target_type}'")));
    }
    let protocol = params.required("Protocol")?;
    let known = Kind::Application.protocols().iter().chain(Kind::Network.protocols());
    let protocol = known.copied().find(|known| *known == protocol);
    let protocol = protocol.ok_or_else(|| invalid("The lab does not serve target groups of this protocol"))?;
    let is_http = matches!(protocol, "HTTP" | "HTTPS");
    let defaults = HealthCheck {
        // Source: API Reference, CreateTargetGroup, HealthCheckProtocol.
        protocol: if is_http { protocol } else { "TCP" },
        port: "traffic-port".to_owned(),
        http: None,
        interval_seconds: 30,
        timeout_seconds: 0,
        healthy_threshold: 5,
        unhealthy_threshold: 2,
    };
    let settings = TargetGroupSettings {
        name: name.to_owned(),
        protocol,
        protocol_version: params.one_of("ProtocolVersion", &["HTTP1"])?.or(is_http.then_some("HTTP1")),
        port: params.number("Port", 1..=65_535)?.ok_or_else(|| invalid("A port must be specified"))?,
        vpc_id: params.required("VpcId")?.to_owned(),
        target_type,
        ip_address_type: params.one_of("IpAddressType", &["ipv4"])?.unwrap_or("ipv4"),
        health_check: read_health_check(params, &defaults, if is_http { Kind::Application } else { Kind::Network })?,
    };
    if !is_http && settings.protocol_version.is_some() {
        return Err(invalid("A protocol version can be specified for target groups of HTTP and HTTPS only"));
    }
    // The call is idempotent. Source: API Reference, CreateTargetGroup.
    if let Some(known) = call.account.target_groups.values().find(|known| known.settings.name == name) {
        if known.settings != settings {
            return Err(AwsFault::client(
                "DuplicateTargetGroupName",
                format!("A target group with the same name '{name}' exists, but with different settings"),
            ));
        }
        return Ok(described(call.account, &[known], None));
    }

    let arn = arn(&format!("targetgroup/{name}/{}", call.plane.dice.resource_id()));
    super::tags::put_new(call, &arn)?;
    let attributes = attribute_defaults(&settings);
    let policy = policy(&settings, &attributes);
    let group = Group::new(&arn, policy, call.plane.clock.clone(), call.runtime.clone());
    let target_group = TargetGroup { arn: arn.clone(), settings, attributes, group };
    let answer = described(call.account, &[&target_group], None);
    call.account.target_groups.insert(arn, target_group);
    Ok(answer)
}

/// Ranges: API Reference, CreateTargetGroup.
fn read_health_check(params: &Params<'_>, base: &HealthCheck, kind: Kind) -> Result<HealthCheck> {
    if params.flag("HealthCheckEnabled")? == Some(false) {
        return Err(invalid("Health checks must be enabled for target groups with target type 'instance' or 'ip'"));
    }
    let port = params.text("HealthCheckPort").unwrap_or(&base.port);
    if port != "traffic-port" && port.parse().is_ok_and(|port: u16| port > 0).then_some(()).is_none() {
        return Err(invalid(format!("Health check port '{port}' must be 'traffic-port' or in the range 1-65535")));
    }
    let allowed: &[&str] = match kind {
        Kind::Application => &["HTTP", "HTTPS"],
        Kind::Network => &["TCP", "HTTP", "HTTPS"],
    };
    let protocol = params.one_of("HealthCheckProtocol", allowed)?.unwrap_or(base.protocol);
    // A changed protocol begins with its own defaults.
    let base_timeout = (base.timeout_seconds > 0 && protocol == base.protocol).then_some(base.timeout_seconds);
    let default_timeout = match (kind, protocol) {
        (Kind::Application, _) => 5,
        (Kind::Network, "HTTP") => 6,
        (Kind::Network, _) => 10,
    };
    let check = HealthCheck {
        protocol,
        port: port.to_owned(),
        http: read_http_check(params, base.http.as_ref(), protocol, kind)?,
        interval_seconds: params.number("HealthCheckIntervalSeconds", 5..=300)?.unwrap_or(base.interval_seconds),
        timeout_seconds: params
            .number("HealthCheckTimeoutSeconds", 2..=120)?
            .or(base_timeout)
            .unwrap_or(default_timeout),
        healthy_threshold: params.number("HealthyThresholdCount", 2..=10)?.unwrap_or(base.healthy_threshold),
        unhealthy_threshold: params.number("UnhealthyThresholdCount", 2..=10)?.unwrap_or(base.unhealthy_threshold),
    };
    // Network Load Balancers were made with checks every 10 seconds that time out after 10.
    let shortest = if kind == Kind::Network { check.timeout_seconds } else { check.timeout_seconds + 1 };
    if check.interval_seconds < shortest {
        return Err(invalid("Health check timeout must be smaller than the interval"));
    }
    Ok(check)
}

/// Path and matcher of a check by HTTP or HTTPS; a check by TCP has neither.
fn read_http_check(
    params: &Params<'_>,
    base: Option<&HttpCheck>,
    protocol: &str,
    kind: Kind,
) -> Result<Option<HttpCheck>> {
    let path = params.text("HealthCheckPath");
    let matcher = params.structure("Matcher").and_then(|matcher| matcher.text("HttpCode"));
    if protocol == "TCP" {
        return match (path, matcher) {
            (None, None) => Ok(None),
            _ => Err(invalid("A health check path and a matcher cannot be specified for health checks of TCP")),
        };
    }
    let path = path.or(base.map(|base| base.path.as_str())).unwrap_or("/");
    if !path.starts_with('/') || path.len() > 1024 || path.parse::<http::uri::PathAndQuery>().is_err() {
        return Err(invalid(format!(
            "Health check path '{path}' must begin with '/' and have at most 1024 characters"
        )));
    }
    // Source: API Reference, Matcher.
    let (default, highest) = match kind {
        Kind::Application => ("200", 499),
        Kind::Network => ("200-399", 599),
    };
    let matcher = matcher.or(base.map(|base| base.matcher.as_str())).unwrap_or(default);
    if codes(matcher, highest).is_none() {
        return Err(invalid(format!("Health check matcher HTTP code '{matcher}' must be within '200-{highest}'")));
    }
    Ok(Some(HttpCheck { path: path.to_owned(), matcher: matcher.to_owned() }))
}

/// The ranges of a matcher such as `200`, `200,202` or `200-299`; `None` if one is outside 200 to `highest`.
fn codes(matcher: &str, highest: u16) -> Option<Vec<(u16, u16)>> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (200 <= from && from <= to && to <= highest).then_some((from, to))
    };
    matcher.split(',').map(range).collect()
}

fn policy(settings: &TargetGroupSettings, attributes: &Pairs) -> Policy {
    let check = &settings.health_check;
    let attribute = |key: &str| attributes.get(key).map(String::as_str).unwrap_or_default();
    let seconds = |key: &str| Duration::from_secs(attribute(key).parse().unwrap_or_default());
    let is_on = |key: &str| attribute(key) == "true";
    let sticky = |kind: &str| is_on("stickiness.enabled") && attribute("stickiness.type") == kind;
    Policy {
        health_check: health::Settings {
            port: check.port.parse().ok(),
            probe: check.http.as_ref().map_or(Probe::Tcp, |http| Probe::Http {
                path: http.path.clone(),
                codes: codes(&http.matcher, 599).unwrap_or_default(),
            }),
            interval: Duration::from_secs(check.interval_seconds),
            timeout: Duration::from_secs(check.timeout_seconds),
            healthy_threshold: check.healthy_threshold,
            unhealthy_threshold: check.unhealthy_threshold,
        },
        deregistration_delay: seconds("deregistration_delay.timeout_seconds"),
        lb_cookie: sticky("lb_cookie").then(|| seconds("stickiness.lb_cookie.duration_seconds")),
        by_source: sticky("source_ip"),
        ends_flows_of_deregistered: is_on("deregistration_delay.connection_termination.enabled"),
        ends_flows_of_unhealthy: is_on("target_health_state.unhealthy.connection_termination.enabled"),
    }
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<Xml> {
    let params = &call.params;
    let (arns, names) = (params.texts("TargetGroupArns"), params.texts("Names"));
    let load_balancer = params.text("LoadBalancerArn");
    // Source: API Reference, DescribeTargetGroups: one kind of filter at a time.
    if usize::from(!arns.is_empty()) + usize::from(!names.is_empty()) + usize::from(load_balancer.is_some()) > 1 {
        return Err(invalid("Target group ARNs, target group names, and a load balancer ARN cannot be combined"));
    }
    let groups = &call.account.target_groups;
    for arn in &arns {
        check_arn(arn, "targetgroup")?;
    }
    let unknown = arns.iter().any(|arn| !groups.contains_key(*arn))
        || names.iter().any(|name| !groups.values().any(|group| group.settings.name == **name));
    if unknown {
        return Err(AwsFault::client("TargetGroupNotFound", "One or more target groups not found"));
    }
    if let Some(arn) = load_balancer {
        check_arn(arn, "loadbalancer")?;
        if !call.account.load_balancers.contains_key(arn) {
            return Err(missing::load_balancer(arn));
        }
    }
    let wanted = |group: &&TargetGroup| match load_balancer {
        Some(arn) => call.account.load_balancer_of(&group.arn).is_some_and(|user| user.arn == arn),
        None if !arns.is_empty() => arns.contains(&group.arn.as_str()),
        None => names.is_empty() || names.contains(&group.settings.name.as_str()),
    };
    let (groups, marker) = page(params, groups.values().filter(wanted).collect(), |group| group.arn.clone())?;
    Ok(described(call.account, &groups, marker))
}

fn described(account: &Account, groups: &[&TargetGroup], marker: Option<String>) -> Xml {
    let mut x = Xml::default();
    x.list("TargetGroups", groups, |x, group| {
        let (settings, check) = (&group.settings, &group.settings.health_check);
        x.leaf("TargetGroupArn", &group.arn);
        x.leaf("TargetGroupName", &settings.name);
        x.leaf("Protocol", settings.protocol);
        x.leaf("Port", settings.port);
        x.leaf("VpcId", &settings.vpc_id);
        x.leaf("HealthCheckProtocol", check.protocol);
        x.leaf("HealthCheckPort", &check.port);
        x.leaf("HealthCheckEnabled", true);
        x.leaf("HealthCheckIntervalSeconds", check.interval_seconds);
        x.leaf("HealthCheckTimeoutSeconds", check.timeout_seconds);
        x.leaf("HealthyThresholdCount", check.healthy_threshold);
        x.leaf("UnhealthyThresholdCount", check.unhealthy_threshold);
        if let Some(http) = &check.http {
            x.leaf("HealthCheckPath", &http.path);
            x.node("Matcher", |x| x.leaf("HttpCode", &http.matcher));
        }
        x.values("LoadBalancerArns", account.load_balancer_of(&group.arn).map(|balancer| &balancer.arn));
        x.leaf("TargetType", settings.target_type);
        x.maybe("ProtocolVersion", settings.protocol_version);
        x.leaf("IpAddressType", settings.ip_address_type);
    });
    x.maybe("NextMarker", marker);
    x
}

/// The target group that a call names.
pub(super) fn find<'a>(call: &'a mut Call<'_>) -> Result<&'a mut TargetGroup> {
    let arn = call.params.required("TargetGroupArn")?;
    check_arn(arn, "targetgroup")?;
    call.account.target_groups.get_mut(arn).ok_or_else(|| missing::target_group(arn))
}

pub(super) fn modify(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let group = find(call)?;
    let kind = group.settings.kind();
    group.settings.health_check = read_health_check(&params, &group.settings.health_check, kind)?;
    group.group.set_policy(policy(&group.settings, &group.attributes));
    let arn = group.arn.clone();
    let groups: Vec<&TargetGroup> = call.account.target_groups.get(&arn).into_iter().collect();
    Ok(described(call.account, &groups, None))
}

/// Deletes a target group that no action names. One that is not there is deleted already.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Xml> {
    let arn = call.params.required("TargetGroupArn")?;
    check_arn(arn, "targetgroup")?;
    if call.account.load_balancer_of(arn).is_some() {
        return Err(AwsFault::client(
            "ResourceInUse",
            format!("Target group '{arn}' is currently in use by a listener or a rule"),
        ));
    }
    if let Some(group) = call.account.target_groups.remove(arn) {
        group.group.close();
    }
    call.account.tags.remove(arn);
    Ok(Xml::default())
}

pub(super) fn describe_attributes(call: &mut Call<'_>) -> Result<Xml> {
    Ok(attributes(&find(call)?.attributes))
}

pub(super) fn modify_attributes(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let group = find(call)?;
    let is_network = group.settings.kind() == Kind::Network;
    let changes = attribute_changes(&params, |key| group.attributes.contains_key(key))?;
    for (key, value) in &changes {
        let within = |from: u64, to: u64| value.parse().is_ok_and(|number: u64| (from..=to).contains(&number));
        let fits = match key.as_str() {
            "deregistration_delay.timeout_seconds" => within(0, 3600),
            "slow_start.duration_seconds" => within(30, 900) || value == "0",
            "preserve_client_ip.enabled" if matches!(group.settings.protocol, "UDP" | "TCP_UDP") => value == "true",
            "target_health_state.unhealthy.draining_interval_seconds" => within(0, 360_000),
            key if key.ends_with(".enabled") && key != "load_balancing.cross_zone.enabled" => {
                matches!(value.as_str(), "true" | "false")
            }
            "stickiness.type" if is_network => value == "source_ip",
            "stickiness.type" => matches!(value.as_str(), "lb_cookie" | "app_cookie"),
            "stickiness.lb_cookie.duration_seconds" | "stickiness.app_cookie.duration_seconds" => within(1, 604_800),
            "stickiness.app_cookie.cookie_name" => !value.starts_with("AWSALB"),
            "load_balancing.algorithm.type" => {
                matches!(value.as_str(), "round_robin" | "least_outstanding_requests" | "weighted_random")
            }
            _ => true,
        };
        if !fits {
            return Err(invalid(format!("'{value}' is not a valid value for the target group attribute '{key}'")));
        }
    }
    group.attributes.extend(changes);
    group.group.set_policy(policy(&group.settings, &group.attributes));
    Ok(attributes(&group.attributes))
}
