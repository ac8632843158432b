//! HTTP requests for validation, with the HTTP client that the SDK links anyway.

#[cfg(test)]
mod tests;

use crate::Aws;
use crate::client::client_to;
use aws_smithy_types::body::SdkBody;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::error::Error;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use teal::plan::{HttpCheck, Method, is_own_machine, why_refused};
use teal::ports::{Endpoint, ProbeAnswer, Prober};
use teal::units::Span;

/// How much of a body is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// How much longer than allowed an answer is waited for, so that one that is late by little is reported with its time.
const GRACE: Duration = Duration::from_millis(500);

impl Prober for Aws {
    async fn probe(&self, endpoint: &Endpoint, check: &HttpCheck) -> Result<ProbeAnswer, String> {
        send_in_time(endpoint, check, self.clock().is_of_the_lab()).await
    }

    async fn pause(&self, span: Span) {
        tokio::time::sleep(self.clock().real(span)).await;
    }
}

async fn send_in_time(endpoint: &Endpoint, check: &HttpCheck, on_the_lab: bool) -> Result<ProbeAnswer, String> {
    let limit = check.expect.within.as_duration() + GRACE;
    match tokio::time::timeout(limit, send(endpoint, check, on_the_lab)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no complete answer within {} ms", limit.as_millis())),
    }
}

/// Sends a check; to the function's own machine only on the lab, where green is there.
async fn send(endpoint: &Endpoint, check: &HttpCheck, on_the_lab: bool) -> Result<ProbeAnswer, String> {
    let origin = Origin::of(&endpoint.url)?;
    let addresses = origin.resolve(on_the_lab).await?;
    let headers = headers(endpoint, check);
    let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.as_str());
    let request = request(&origin, host, &headers, check)?;
    let client = client_to(addresses);

    let sent_at = Instant::now();
    let response = client.request(request).await.map_err(|error| in_words(&error))?;
    let status = response.status().as_u16();
    let body = read_body(response.into_body()).await?;
    Ok(ProbeAnswer { status, body, elapsed: sent_at.elapsed() })
}

/// An error with what caused it, and the remedy where the cause is a certificate.
fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some errors repeat their cause.
        let inner = error.to_string();
        if !text.ends_with(&inner) {
            text = format!("{text}: {inner}");
        }
        cause = error.source();
    }
    if text.contains("certificate") {
        text += ". It must be from an authority that the system trusts, for the check's Host header or else for the host of traffic.test.url";
    }
    text
}

/// The headers of the route's conditions, then those of the check; where both have one, the check's own stands.
fn headers(endpoint: &Endpoint, check: &HttpCheck) -> Vec<(String, String)> {
    let own: Vec<(String, String)> =
        check.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let of_route =
        endpoint.headers.iter().filter(|(name, _)| own.iter().all(|(other, _)| !other.eq_ignore_ascii_case(name)));
    of_route.cloned().chain(own.iter().cloned()).collect()
}

fn request(
    origin: &Origin<'_>,
    host: Option<&str>,
    headers: &[(String, String)],
    check: &HttpCheck,
) -> Result<Request<SdkBody>, String> {
    let method = match check.method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
    };
    let uri = format!("{}://{}{}", origin.scheme, origin.authority(host), check.path);
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(SdkBody::empty()).map_err(|error| format!("the request is malformed: {error}"))
}

/// The body up to its limit, undecodable bytes replaced.
async fn read_body(mut body: Incoming) -> Result<String, String> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the body broke off: {error}"))?;
        if let Some(data) = frame.data_ref() {
            read.extend_from_slice(&data[..data.len().min(BODY_LIMIT - read.len())]);
        }
        if read.len() >= BODY_LIMIT {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

/// Scheme, host and port of an endpoint.
#[derive(Debug, PartialEq)]
struct Origin<'a> {
    scheme: &'a str,
    /// Without the brackets of an IPv6 address.
    host: &'a str,
    port: u16,
}

impl<'a> Origin<'a> {
    fn of(url: &'a str) -> Result<Self, String> {
        let malformed = || format!("{url:?} is not an http or https address");
        let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(malformed()),
        };
        let authority = rest.trim_end_matches('/');
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => literal.split_once(']').ok_or_else(malformed)?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| malformed())?,
            None => default_port,
        };
        Ok(Self { scheme, host, port })
    }

    /// The addresses of the host. A name says nothing about its address, so what it resolves to is asked here.
    async fn resolve(&self, on_the_lab: bool) -> Result<Vec<IpAddr>, String> {
        let found = tokio::net::lookup_host((self.host, self.port)).await;
        let found = found.map_err(|error| format!("{} cannot be resolved: {error}", self.host))?;
        self.allowed(found.map(|address| address.ip()).collect(), on_the_lab)
    }

    /// The addresses, unless one of them is such that no check may be sent there: which one is asked is up to chance.
    fn allowed(&self, addresses: Vec<IpAddr>, on_the_lab: bool) -> Result<Vec<IpAddr>, String> {
        let why = |address: IpAddr| {
            // Lambda hands a function its invocations there, to whoever asks; X-Ray's daemon listens there, too.
            // https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
            let is_own = is_own_machine(address) && !on_the_lab;
            why_refused(address).or(is_own.then_some("it is the function's own machine"))
        };
        match addresses.iter().find_map(|address| Some((address, why(*address)?))) {
            Some((address, reason)) => Err(format!("{} is at {address}, where no check is sent: {reason}", self.host)),
            None => Ok(addresses),
        }
    }

    /// Host and port of the request's address. Over TLS the host that the request asks for is the one whose certificate must
    /// be shown; which address it is sent to is settled by then.
    fn authority(&self, asked_host: Option<&str>) -> String {
        let asked_name = asked_host.and_then(|host| host.split(':').next()).filter(|name| is_name(name));
        match asked_name {
            Some(name) if self.scheme == "https" => format!("{name}:{}", self.port),
            _ if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Whether a host is a name: an address in its place would be connected to without being resolved.
fn is_name(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    last.starts_with(|c: char| c.is_ascii_alphabetic())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}
