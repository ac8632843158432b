//! Listeners. Each one binds its port on its load balancer's address.

use super::action::{self, Place};
use super::page;
use super::{Call, Result, check_arn, missing};
use crate::model::{Account, Kind, Listener, arn, forward_of};
use crate::plane::{ListenerHandle, Route, RouteTable, Scheme};
use std::net::SocketAddr;
use std::sync::Arc;
use teal_lab_wire::AwsFault;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;

/// What AWS takes where none is given. Source: API Reference, CreateListener, SslPolicy.
const SSL_POLICY: &str = "ELBSecurityPolicy-2016-08";

pub(super) fn create(call: &mut Call<'_>) -> Result<Xml> {
    let params = &call.params;
    let load_balancer_arn = params.required("LoadBalancerArn")?;
    check_arn(load_balancer_arn, "loadbalancer")?;
    let balancer = call.account.load_balancers.get(load_balancer_arn);
    let balancer = balancer.ok_or_else(|| missing::load_balancer(load_balancer_arn))?;
    let port = params.number("Port", 1..=65_535)?.ok_or_else(|| invalid("A port must be specified"))?;
    let protocol = read_protocol(params, balancer.kind)?.ok_or_else(|| invalid("A protocol must be specified"))?;
    let certificates = read_certificates(params)?;
    check_certificates(protocol, &certificates)?;
    let place = Place { account: call.account, load_balancer_arn, kind: balancer.kind, protocol, before: &[] };
    let default_actions = action::read(params, "DefaultActions", &place)?;
    // The call is idempotent. Source: API Reference, CreateListener.
    let mut listeners = call.account.listeners.values();
    let same = listeners.find(|known| {
        (known.load_balancer_arn.as_str(), known.port, known.protocol) == (load_balancer_arn, port, protocol)
            && (&known.certificates, &known.default_actions) == (&certificates, &default_actions)
    });
    if let Some(same) = same {
        return Ok(described(&[same], None));
    }
    check_port(call.account, load_balancer_arn, port, None)?;

    let id = call.plane.dice.resource_id();
    let suffix = format!("{}/{id}", balancer.balancer.suffix);
    let listener = Listener {
        arn: arn(&format!("listener/{suffix}")),
        default_rule_arn: arn(&format!("listener-rule/{suffix}/{}", call.plane.dice.resource_id())),
        load_balancer_arn: load_balancer_arn.to_owned(),
        port,
        protocol,
        ssl_policy: read_ssl_policy(params, protocol),
        certificates,
        default_actions,
        handle: bind(call, load_balancer_arn, port, protocol)?,
    };
    let answer = described(&[&listener], None);
    super::tags::put_new(call, &listener.arn)?;
    call.shifted(&listener.arn, None, forward_of(&listener.default_actions));
    call.account.listeners.insert(listener.arn.clone(), listener);
    Ok(answer)
}

/// Opens the port. Until its rules are in place it answers 503 or resets flows, as a listener without targets does.
fn bind(call: &Call<'_>, load_balancer_arn: &str, port: u16, protocol: &'static str) -> Result<ListenerHandle> {
    let balancer = call.account.load_balancers.get(load_balancer_arn);
    let balancer = balancer.ok_or_else(|| missing::load_balancer(load_balancer_arn))?;
    let nothing = Route::FixedResponse { status: 503, content_type: "text/plain".to_owned(), body: String::new() };
    let address = SocketAddr::from((balancer.address, port));
    ListenerHandle::bind(
        call.runtime,
        address,
        protocol,
        Arc::clone(call.plane),
        Arc::clone(&balancer.balancer),
        RouteTable { scheme: Scheme::of(protocol), rules: Vec::new(), default: nothing },
    )
    .map_err(|error| invalid(format!("The lab cannot listen on {address}: {error}")))
}

fn read_protocol(params: &Params<'_>, kind: Kind) -> Result<Option<&'static str>> {
    let Some(wanted) = params.text("Protocol") else { return Ok(None) };
    let known = kind.protocols().iter().find(|known| **known == wanted);
    known.copied().map(Some).ok_or_else(|| {
        let allowed = kind.protocols().join(", ");
        let kind = kind.name();
        AwsFault::client("UnsupportedProtocol", format!("Protocol '{wanted}' must be one of '{allowed}' ({kind})"))
    })
}

fn read_certificates(params: &Params<'_>) -> Result<Vec<String>> {
    let certificates = params.structures("Certificates");
    certificates.iter().map(|certificate| certificate.required("CertificateArn").map(str::to_owned)).collect()
}

/// Whether a listener of this protocol ends encryption.
fn is_secure(protocol: &str) -> bool {
    matches!(protocol, "HTTPS" | "TLS")
}

/// An HTTPS or TLS listener has exactly one default certificate, any other none.
///
/// Source: API Reference, CreateListener, Certificates.
fn check_certificates(protocol: &str, certificates: &[String]) -> Result<()> {
    match (is_secure(protocol), certificates.len()) {
        (true, 1) | (false, 0) => Ok(()),
        (true, 0) => Err(AwsFault::client(
            "CertificateNotFound",
            format!("A certificate must be specified for {protocol} listeners"),
        )),
        (true, _) => Err(invalid(format!("Exactly one certificate must be specified for a listener of {protocol}"))),
        (false, _) => Err(invalid(format!("Certificates cannot be specified for {protocol} listeners"))),
    }
}

/// Whether a listener of this protocol takes TCP connections, and whether it takes UDP datagrams.
pub(super) fn transports(protocol: &str) -> (bool, bool) {
    (protocol != "UDP", matches!(protocol, "UDP" | "TCP_UDP"))
}

fn read_ssl_policy(params: &Params<'_>, protocol: &str) -> Option<String> {
    is_secure(protocol).then(|| params.text("SslPolicy").unwrap_or(SSL_POLICY).to_owned())
}

fn check_port(account: &Account, load_balancer_arn: &str, port: u16, except: Option<&str>) -> Result<()> {
    let taken = account.listeners.values().any(|listener| {
        listener.load_balancer_arn == load_balancer_arn
            && listener.port == port
            && except.is_none_or(|arn| listener.arn != arn)
    });
    if !taken {
        return Ok(());
    }
    Err(AwsFault::client(
        "DuplicateListener",
        format!("A listener already exists on this port for this load balancer '{load_balancer_arn}'"),
    ))
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<Xml> {
    let params = &call.params;
    let arns = params.texts("ListenerArns");
    let load_balancer = params.text("LoadBalancerArn");
    let listeners = &call.account.listeners;
    // Source: API Reference, DescribeListeners: one of the two must be given.
    let wanted: Vec<&Listener> = match load_balancer {
        Some(_) if !arns.is_empty() => {
            return Err(invalid("You cannot specify both listener ARNs and a load balancer ARN"));
        }
        Some(arn) => {
            check_arn(arn, "loadbalancer")?;
            if !call.account.load_balancers.contains_key(arn) {
                return Err(missing::load_balancer(arn));
            }
            listeners.values().filter(|listener| listener.load_balancer_arn == arn).collect()
        }
        None if arns.is_empty() => {
            return Err(invalid("You must specify either listener ARNs or a load balancer ARN"));
        }
        None => {
            let find = |arn: &&str| {
                check_arn(arn, "listener")?;
                listeners.get(*arn).ok_or_else(missing::listener)
            };
            arns.iter().map(find).collect::<Result<_>>()?
        }
    };
    let (listeners, marker) = page(params, wanted, |listener| listener.arn.clone())?;
    Ok(described(&listeners, marker))
}

fn described(listeners: &[&Listener], marker: Option<String>) -> Xml {
    let mut x = Xml::default();
    x.list("Listeners", listeners, |x, listener| {
        x.leaf("ListenerArn", &listener.arn);
        x.leaf("LoadBalancerArn", &listener.load_balancer_arn);
        x.leaf("Port", listener.port);
        x.leaf("Protocol", listener.protocol);
        if !listener.certificates.is_empty() {
            x.list("Certificates", &listener.certificates, |x, arn| x.leaf("CertificateArn", arn));
        }
        x.maybe("SslPolicy", listener.ssl_policy.as_ref());
        x.list("DefaultActions", &listener.default_actions, |x, action| action::write(x, action, listener.kind()));
    });
    x.maybe("NextMarker", marker);
    x
}

/// Changes what is given and leaves the rest; a given action list replaces the whole one before.
///
/// Source: API Reference, ModifyListener.
pub(super) fn modify(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let arn = params.required("ListenerArn")?;
    check_arn(arn, "listener")?;
    let listener = call.account.listeners.get(arn).ok_or_else(missing::listener)?;
    let load_balancer_arn = listener.load_balancer_arn.clone();
    let balancer = call.account.load_balancers.get(&load_balancer_arn);
    let kind = balancer.ok_or_else(|| missing::load_balancer(&load_balancer_arn))?.kind;
    let port = params.number("Port", 1..=65_535)?.unwrap_or(listener.port);
    let protocol = read_protocol(&params, kind)?.unwrap_or(listener.protocol);
    let certificates = match read_certificates(&params)? {
        given if !given.is_empty() => given,
        _ if !is_secure(protocol) => Vec::new(),
        _ => listener.certificates.clone(),
    };
    check_certificates(protocol, &certificates)?;
    check_port(call.account, &load_balancer_arn, port, Some(arn))?;
    let before = &listener.default_actions;
    let place = Place { account: call.account, load_balancer_arn: &load_balancer_arn, kind, protocol, before };
    let actions = if params.has("DefaultActions") {
        action::read(&params, "DefaultActions", &place)?
    } else {
        action::check_protocols(before, &place)?;
        before.clone()
    };
    let ssl_policy = match (params.text("SslPolicy"), &listener.ssl_policy) {
        (None, Some(known)) if is_secure(protocol) => Some(known.clone()),
        _ => read_ssl_policy(&params, protocol),
    };
    if transports(protocol) != transports(listener.protocol) {
        return Err(invalid(format!(
            "The lab does not turn a listener of {} into one of {protocol}",
            listener.protocol
        )));
    }
    let moved = port != listener.port;
    let handle = moved.then(|| bind(call, &load_balancer_arn, port, protocol)).transpose()?;

    let listener = call.account.listeners.get_mut(arn).ok_or_else(missing::listener)?;
    listener.port = port;
    listener.protocol = protocol;
    listener.certificates = certificates;
    listener.ssl_policy = ssl_policy;
    if let Some(handle) = handle {
        listener.handle = handle;
    }
    let before = std::mem::replace(&mut listener.default_actions, actions);
    let answer = described(&[listener], None);
    let after = listener.default_actions.clone();
    call.shifted(arn, forward_of(&before), forward_of(&after));
    Ok(answer)
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Xml> {
    let arn = call.params.required("ListenerArn")?;
    check_arn(arn, "listener")?;
    if !call.account.listeners.contains_key(arn) {
        return Err(missing::listener());
    }
    forget(call.account, arn);
    Ok(Xml::default())
}

/// Removes a listener with its rules and their tags; its port is closed.
pub(super) fn forget(account: &mut Account, arn: &str) {
    let rules: Vec<String> = account.rules_of(arn).into_iter().map(|rule| rule.arn.clone()).collect();
    for rule in rules {
        account.rules.remove(&rule);
        account.tags.remove(&rule);
    }
    if let Some(listener) = account.listeners.remove(arn) {
        account.tags.remove(&listener.default_rule_arn);
    }
    account.tags.remove(arn);
}
