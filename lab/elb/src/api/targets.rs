//! Registered targets and their health.

use super::target_groups::find;
use super::{Call, Result};
use crate::model::TargetGroup;
use crate::plane::{Health, health::Failure};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{AwsFault, REGION, TargetAddress};

/// Registers targets by IP address, loopback addresses only: nothing else is reachable from the lab.
pub(super) fn register(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let group = find(call)?;
    for target in read(&params, group)? {
        group.group.register(target);
    }
    Ok(Xml::default())
}

pub(super) fn deregister(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let group = find(call)?;
    for target in read(&params, group)? {
        // Deregistering what is not registered succeeds. Source: API Reference, DeregisterTargets.
        group.group.deregister(&target);
    }
    Ok(Xml::default())
}

fn read(params: &Params<'_>, group: &TargetGroup) -> Result<Vec<TargetAddress>> {
    let targets = params.structures("Targets");
    if targets.is_empty() {
        return Err(invalid("You must specify at least one target"));
    }
    targets.iter().map(|target| read_one(target, group)).collect()
}

fn read_one(target: &Params<'_>, group: &TargetGroup) -> Result<TargetAddress> {
    let id = target.required("Id")?;
    let ip = id.parse().ok().filter(IpAddr::is_loopback).ok_or_else(|| {
        AwsFault::client("InvalidTarget", format!("The target '{id}' is not a loopback address; the lab has no others"))
    })?;
    // The group's port is the default. Source: API Reference, TargetDescription.
    let port = target.number("Port", 1..=65_535)?.unwrap_or(group.settings.port);
    let zone = target.text("AvailabilityZone").map_or_else(|| format!("{REGION}a"), str::to_owned);
    Ok(TargetAddress { address: SocketAddr::new(ip, port), zone })
}

pub(super) fn describe_health(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let group = find(call)?;
    let registered: BTreeMap<SocketAddr, (String, Option<Health>)> = group
        .group
        .report()
        .into_iter()
        .map(|(target, health)| (target.address.address, (target.address.zone.clone(), Some(health))))
        .collect();
    let described: Vec<(SocketAddr, (String, Option<Health>))> = if params.has("Targets") {
        let wanted = read(&params, group)?;
        let found = |target: TargetAddress| {
            let known = registered.get(&target.address).cloned();
            (target.address, known.unwrap_or((target.zone, None)))
        };
        wanted.into_iter().map(found).collect()
    } else {
        registered.into_iter().collect()
    };
    let check_port = &group.settings.health_check.port;
    let mut x = Xml::default();
    x.list("TargetHealthDescriptions", described, |x, (address, (zone, health))| {
        x.node("Target", |x| {
            x.leaf("Id", address.ip());
            x.leaf("Port", address.port());
            x.leaf("AvailabilityZone", zone);
        });
        let port = if check_port == "traffic-port" { address.port().to_string() } else { check_port.clone() };
        x.leaf("HealthCheckPort", port);
        x.node("TargetHealth", |x| write_health(x, health));
    });
    Ok(x)
}

/// States, reasons and descriptions: API Reference, TargetHealth.
fn write_health(x: &mut Xml, health: Option<Health>) {
    let (state, reason, description) = match health {
        None => ("unused", "Target.NotRegistered", "Target is not registered to the target group".to_owned()),
        Some(Health::Unused) => (
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer".to_owned(),
        ),
        Some(Health::Registering) => {
            ("initial", "Elb.RegistrationInProgress", "Target registration is in progress".to_owned())
        }
        Some(Health::Initial) => {
            ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress".to_owned())
        }
        Some(Health::Healthy) => return x.leaf("State", "healthy"),
        Some(Health::Unhealthy(Failure::Code(code))) => {
            ("unhealthy", "Target.ResponseCodeMismatch", format!("Health checks failed with these codes: [{code}]"))
        }
        Some(Health::Unhealthy(Failure::Timeout)) => ("unhealthy", "Target.Timeout", "Request timed out".to_owned()),
        Some(Health::Unhealthy(Failure::Connection)) => {
            ("unhealthy", "Target.FailedHealthChecks", "Health checks failed".to_owned())
        }
        Some(Health::Draining { .. }) => {
            ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress".to_owned())
        }
    };
    x.leaf("State", state);
    x.leaf("Reason", reason);
    x.leaf("Description", description);
}
