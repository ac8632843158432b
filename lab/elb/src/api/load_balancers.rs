//! Load balancers: Application and Network Load Balancers.

use super::page;
use super::{Call, Result, check_arn, check_name, missing};
use crate::model::{Kind, LoadBalancer, Pairs, arn};
use crate::plane::Balancer;
use std::net::Ipv4Addr;
use std::time::Duration;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{AwsFault, REGION};

/// The attributes that the lab keeps, with AWS's defaults. `idle_timeout.timeout_seconds` and
/// `deletion_protection.enabled` have their effect.
///
/// Source: API Reference, LoadBalancerAttribute.
const APPLICATION_ATTRIBUTES: [(&str, &str); 16] = [
    ("access_logs.s3.bucket", ""),
    ("access_logs.s3.enabled", "false"),
    ("access_logs.s3.prefix", ""),
    ("client_keep_alive.seconds", "3600"),
    ("deletion_protection.enabled", "false"),
    ("idle_timeout.timeout_seconds", "60"),
    ("ipv6.deny_all_igw_traffic", "false"),
    ("load_balancing.cross_zone.enabled", "true"),
    ("routing.http.desync_mitigation_mode", "defensive"),
    ("routing.http.drop_invalid_header_fields.enabled", "false"),
    ("routing.http.preserve_host_header.enabled", "false"),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"),
    ("routing.http.xff_client_port.enabled", "false"),
    ("routing.http.xff_header_processing.mode", "append"),
    ("routing.http2.enabled", "true"),
    ("waf.fail_open.enabled", "false"),
];

/// Those of a Network Load Balancer; `deletion_protection.enabled` has its effect.
const NETWORK_ATTRIBUTES: [(&str, &str); 7] = [
    ("access_logs.s3.bucket", ""),
    ("access_logs.s3.enabled", "false"),
    ("access_logs.s3.prefix", ""),
    ("deletion_protection.enabled", "false"),
    ("dns_record.client_routing_policy", "any_availability_zone"),
    ("ipv6.deny_all_igw_traffic", "false"),
    ("load_balancing.cross_zone.enabled", "false"),
];

fn attribute_defaults(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Application => &APPLICATION_ATTRIBUTES,
        Kind::Network => &NETWORK_ATTRIBUTES,
    }
}

/// What the lab claims of the network that it does not have.
const VPC: &str = "vpc-00000000";
const HOSTED_ZONE: &str = "Z35SXDOTRQ7X7K";

pub(super) fn create(call: &mut Call<'_>) -> Result<Xml> {
    let name = call.params.required("Name")?;
    check_name(name)?;
    if name.starts_with("internal-") {
        return Err(invalid("The name of a load balancer must not begin with 'internal-'"));
    }
    let kind = match call.params.one_of("Type", &["application", "network", "gateway"])? {
        None | Some("application") => Kind::Application,
        Some("network") => Kind::Network,
        Some(other) => return Err(invalid(format!("The lab does not serve load balancers of type '{other}'"))),
    };
    let scheme = call.params.one_of("Scheme", &["internet-facing", "internal"])?.unwrap_or("internet-facing");
    let ip_address_type =
        call.params.one_of("IpAddressType", &["ipv4", "dualstack", "dualstack-without-public-ipv4"])?.unwrap_or("ipv4");
    let mut subnets: Vec<String> = call.params.texts("Subnets").into_iter().map(str::to_owned).collect();
    for mapping in call.params.structures("SubnetMappings") {
        subnets.push(mapping.required("SubnetId")?.to_owned());
    }
    // Source: API Reference, CreateLoadBalancer, Subnets.
    match kind {
        Kind::Application if subnets.len() < 2 => {
            return Err(invalid("At least two subnets in two different Availability Zones must be specified"));
        }
        Kind::Network if subnets.is_empty() => return Err(invalid("A subnet must be specified")),
        _ => {}
    }
    let security_groups: Vec<String> = call.params.texts("SecurityGroups").into_iter().map(str::to_owned).collect();

    // The call is idempotent. Source: API Reference, CreateLoadBalancer.
    if let Some(known) = call.account.load_balancers.values().find(|known| known.name == name) {
        let same = (known.kind, known.scheme, known.ip_address_type, &known.subnets, &known.security_groups)
            == (kind, scheme, ip_address_type, &subnets, &security_groups);
        if !same {
            return Err(AwsFault::client(
                "DuplicateLoadBalancerName",
                format!("A load balancer with the same name '{name}' exists, but with different settings"),
            ));
        }
        return Ok(described(&[known], None));
    }

    let arn = arn(&format!("loadbalancer/{}/{name}/{}", kind.arn_part(), call.plane.dice.resource_id()));
    super::tags::put_new(call, &arn)?;
    let defaults = attribute_defaults(kind).iter();
    let attributes: Pairs = defaults.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let balancer = LoadBalancer {
        kind,
        name: name.to_owned(),
        created: call.plane.clock.now_millis(),
        scheme,
        ip_address_type,
        subnets,
        security_groups,
        address: free_address(call),
        balancer: Balancer::new(&arn, idle_timeout(&attributes)),
        attributes,
        arn: arn.clone(),
    };
    let answer = described(&[&balancer], None);
    call.account.load_balancers.insert(arn, balancer);
    Ok(answer)
}

/// A loopback address that no other load balancer of this lab has. It is drawn at random, so that labs on one machine
/// rarely meet.
fn free_address(call: &Call<'_>) -> Ipv4Addr {
    loop {
        let octet = || 1 + call.plane.address_dice.below(254) as u8;
        let address = Ipv4Addr::new(127, octet(), octet(), octet());
        if call.account.load_balancers.values().all(|known| known.address != address) {
            return address;
        }
    }
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<Xml> {
    let arns = call.params.texts("LoadBalancerArns");
    let names = call.params.texts("Names");
    for arn in &arns {
        check_arn(arn, "loadbalancer")?;
        if !call.account.load_balancers.contains_key(*arn) {
            return Err(missing::load_balancer(arn));
        }
    }
    for name in &names {
        if !call.account.load_balancers.values().any(|known| known.name == **name) {
            return Err(missing::load_balancer(name));
        }
    }
    let all = arns.is_empty() && names.is_empty();
    let wanted = call.account.load_balancers.values();
    let wanted: Vec<&LoadBalancer> =
        wanted.filter(|b| all || arns.contains(&b.arn.as_str()) || names.contains(&b.name.as_str())).collect();
    let (balancers, marker) = page(&call.params, wanted, |balancer| balancer.arn.clone())?;
    Ok(described(&balancers, marker))
}

fn described(balancers: &[&LoadBalancer], marker: Option<String>) -> Xml {
    let mut x = Xml::default();
    x.list("LoadBalancers", balancers, |x, balancer| {
        x.leaf("LoadBalancerArn", &balancer.arn);
        // On the lab the name is the address itself: nothing has to resolve it.
        x.leaf("DNSName", balancer.address);
        x.leaf("CanonicalHostedZoneId", HOSTED_ZONE);
        x.leaf("CreatedTime", teal_lab_wire::iso8601(balancer.created));
        x.leaf("LoadBalancerName", &balancer.name);
        x.leaf("Scheme", balancer.scheme);
        x.leaf("VpcId", VPC);
        x.node("State", |x| x.leaf("Code", "active"));
        x.leaf("Type", balancer.kind.name());
        let zones = balancer.subnets.iter().zip(('a'..='f').cycle());
        x.list("AvailabilityZones", zones, |x, (subnet, letter)| {
            x.leaf("ZoneName", format_args!("{REGION}{letter}"));
            x.leaf("SubnetId", subnet);
        });
        x.values("SecurityGroups", &balancer.security_groups);
        x.leaf("IpAddressType", balancer.ip_address_type);
    });
    x.maybe("NextMarker", marker);
    x
}

/// Deletes a load balancer with its listeners and rules. One that is not there is deleted already.
///
/// Source: API Reference, DeleteLoadBalancer.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Xml> {
    let arn = call.params.required("LoadBalancerArn")?;
    check_arn(arn, "loadbalancer")?;
    let Some(balancer) = call.account.load_balancers.get(arn) else { return Ok(Xml::default()) };
    if balancer.attributes.get("deletion_protection.enabled").is_some_and(|value| value == "true") {
        return Err(AwsFault::client(
            "OperationNotPermitted",
            format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
        ));
    }
    let listeners = call.account.listeners.values().filter(|listener| listener.load_balancer_arn == arn);
    for listener in listeners.map(|listener| listener.arn.clone()).collect::<Vec<_>>() {
        super::listeners::forget(call.account, &listener);
    }
    call.account.load_balancers.remove(arn);
    call.account.tags.remove(arn);
    Ok(Xml::default())
}

pub(super) fn describe_attributes(call: &mut Call<'_>) -> Result<Xml> {
    Ok(attributes(&find(call)?.attributes))
}

pub(super) fn modify_attributes(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let kind = find(call)?.kind;
    let known = attribute_defaults(kind);
    let changes = attribute_changes(&params, |key| known.iter().any(|(known, _)| *known == key))?;
    for (key, value) in &changes {
        let fits = match key.as_str() {
            "idle_timeout.timeout_seconds" => value.parse().is_ok_and(|seconds: u64| (1..=4000).contains(&seconds)),
            "client_keep_alive.seconds" => value.parse().is_ok_and(|seconds: u64| (60..=604_800).contains(&seconds)),
            "load_balancing.cross_zone.enabled" if kind == Kind::Application => value == "true",
            key if key.ends_with(".enabled") => matches!(value.as_str(), "true" | "false"),
            _ => true,
        };
        if !fits {
            return Err(invalid(format!("'{value}' is not a valid value for the load balancer attribute '{key}'")));
        }
    }
    let balancer = find(call)?;
    balancer.attributes.extend(changes);
    balancer.balancer.set_idle_timeout(idle_timeout(&balancer.attributes));
    Ok(attributes(&balancer.attributes))
}

fn idle_timeout(attributes: &Pairs) -> Duration {
    let seconds = attributes.get("idle_timeout.timeout_seconds").and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(60))
}

fn find<'a>(call: &'a mut Call<'_>) -> Result<&'a mut LoadBalancer> {
    let arn = call.params.required("LoadBalancerArn")?;
    check_arn(arn, "loadbalancer")?;
    call.account.load_balancers.get_mut(arn).ok_or_else(|| missing::load_balancer(arn))
}

/// The list `Attributes` of a Modify action; every key must be known.
pub(super) fn attribute_changes(params: &Params<'_>, known: impl Fn(&str) -> bool) -> Result<Pairs> {
    let mut changes = Pairs::new();
    for attribute in params.structures("Attributes") {
        let key = attribute.required("Key")?;
        if !known(key) {
            return Err(invalid(format!("Attribute key '{key}' is not recognized")));
        }
        changes.insert(key.to_owned(), attribute.text("Value").unwrap_or_default().to_owned());
    }
    if changes.is_empty() {
        return Err(invalid("You must specify at least one attribute"));
    }
    Ok(changes)
}

/// Writes attributes.
pub(super) fn attributes(pairs: &Pairs) -> Xml {
    let mut x = Xml::default();
    x.list("Attributes", pairs, |x, (key, value)| {
        x.leaf("Key", key);
        x.leaf("Value", value);
    });
    x
}

/// The quotas that the lab enforces.
///
/// Source: API Reference, Limit.
pub(super) fn describe_limits(_: &mut Call<'_>) -> Result<Xml> {
    let mut x = Xml::default();
    let limits = [("target-groups-per-action-on-application-load-balancer", 5), ("condition-values-per-alb-rule", 5)];
    x.list("Limits", limits, |x, (name, max)| {
        x.leaf("Name", name);
        x.leaf("Max", max);
    });
    Ok(x)
}
