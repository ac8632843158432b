//! Addresses at which green is tested.

use crate::units::{Invalid, text_newtype};
use std::net::{IpAddr, Ipv4Addr};

text_newtype! {
    /// An address for tests: http or https, a host, and a port if it is not the usual one. No path, no user, no query. Addresses of instance and task metadata are refused.
    BaseUrl {
        noun: "an http or https address",
        pattern: r"^https?://[^/?#@ ]+/?$",
        examples: &["http://green.internal:8080"],
        check: check_url,
    }
}

impl BaseUrl {
    /// The address without a slash at its end, so that a path can follow.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.as_str().trim_end_matches('/')
    }
}

/// Why no check may be sent to this address, if none may. What a name resolves to must be asked as well, when it is
/// resolved: a name says nothing about its address.
#[must_use]
pub fn why_refused(address: IpAddr) -> Option<&'static str> {
    match innermost(address) {
        IpAddr::V4(v4) if v4.is_link_local() => Some("it is link-local, where AWS serves instance and task metadata"),
        // Alibaba Cloud's metadata; in AWS it is nobody's.
        IpAddr::V4(v4) if v4 == Ipv4Addr::new(100, 100, 100, 200) => Some("it is an address of cloud metadata"),
        // "This network". Linux connects to itself at 0.0.0.0, where Lambda's runtime API answers.
        IpAddr::V4(v4) if v4.octets()[0] == 0 || v4.is_broadcast() || v4.is_multicast() => Some("it is not one host"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("it is link-local"),
        // Instance metadata at fd00:ec2::254, credentials of pods at fd00:ec2::23, name and time service.
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
        // https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
        IpAddr::V6(v6) if v6.segments()[..2] == [0xfd00, 0xec2] => {
            Some("AWS serves metadata and credentials to instances and pods there")
        }
        IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() => Some("it is not one host"),
        _ => None,
    }
}

/// Whether the address is the caller's own machine's.
#[must_use]
pub fn is_own_machine(address: IpAddr) -> bool {
    innermost(address).is_loopback()
}

/// The IPv4 address that an IPv6 address stands for, if it stands for one: mapped (`::ffff:169.254.169.254`), compatible
/// (`::169.254.169.254`), by NAT64 (`64:ff9b::169.254.169.254`, which NAT gateways translate) or 6to4 (`2002:a9fe:a9fe::`).
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html>
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let embedded = match v6.segments() {
        // Of the compatible ones only: :: and ::1 are IPv6's own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some((high, low)),
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some((high, low))
        }
        _ => None,
    };
    embedded.map_or(address, |(high, low)| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))))
}

fn check_url(text: &str) -> Result<(), Invalid> {
    let invalid = |reason: &str| {
        Err(Invalid::new(reason, "Write scheme, host and port only, such as \"http://green.internal:8080\""))
    };
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return invalid("it does not begin with http:// or https://");
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('@') {
        return invalid("it names a user, which would stand in the record in clear");
    }
    if authority.contains(['/', '?', '#']) {
        return invalid("it has a path or a query; the checks bring theirs");
    }
    let Some((host, port)) = split_port(authority) else {
        return invalid("its host is malformed");
    };
    if port.is_some_and(|port| port.is_empty() || port.starts_with('+') || !matches!(port.parse::<u16>(), Ok(1..))) {
        return invalid("its port is not a number from 1 to 65535");
    }
    let address = match host.strip_prefix('[') {
        Some(literal) => match literal.trim_end_matches(']').parse() {
            Ok(v6) => Some(IpAddr::V6(v6)),
            Err(_) => return invalid("its host is not an IPv6 address"),
        },
        None if ends_in_number(host) => match host.parse() {
            Ok(v4) => Some(IpAddr::V4(v4)),
            // Other spellings of IPv4 (decimal, octal, hexadecimal, fewer parts) are read differently by different clients.
            Err(_) => return invalid("its host is not an IPv4 address in the usual form"),
        },
        None if !is_host_name(host) => return invalid("its host is not a host name"),
        None => None,
    };
    if let Some(reason) = address.and_then(why_refused) {
        return Err(Invalid::new(reason, "Write the address of the service itself"));
    }
    Ok(())
}

/// Host (an IPv6 address with its brackets) and port.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let (host, after) = authority.split_at(authority.find(']')? + 1);
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((authority, None)),
    }
}

/// Whether clients take the host for an IPv4 address: its last label is a number (WHATWG URL, "ends in a number").
fn ends_in_number(host: &str) -> bool {
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_host_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}
