//! One request through a listener: route it, choose a group and a target, pass it on, count what happened.

use super::answers::{self, AnswerBody, Guarded};
use super::group::{Group, Target};
use super::observe::{Observation, Outcome};
use super::route::{Route, RouteTable, Split};
use super::{Balancer, Plane, sticky};
use arc_swap::ArcSwap;
use http::header::{CONNECTION, SET_COOKIE, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use teal_lab_wire::Millis;

/// One listener's end towards its clients.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) plane: Arc<Plane>,
    pub(crate) balancer: Arc<Balancer>,
    pub(crate) table: Arc<ArcSwap<RouteTable>>,
    pub(crate) port: u16,
}

type Answer = Response<AnswerBody<Option<InFlight>>>;

/// The status the access log shows for a client that went away before it was answered.
///
/// Source: Application Load Balancers guide, "Troubleshoot", HTTP 460.
const CLIENT_GONE: u16 = 460;

impl Front {
    /// Answers one request.
    pub(crate) async fn serve(&self, request: Request<Incoming>, client: IpAddr) -> Answer {
        let (route, scheme) = {
            let table = self.table.load();
            (table.route(&request).clone(), table.scheme.name())
        };
        match route {
            Route::Forward(split) => self.forward(&split, scheme, request, client).await,
            Route::FixedResponse { status, content_type, body } => {
                self.count_own(Outcome::FixedResponse);
                answers::fixed(status, &content_type, &body)
            }
            Route::Redirect(redirect) => {
                self.count_own(Outcome::Redirect);
                answers::redirect(&redirect, &request, scheme, self.port)
            }
        }
    }

    async fn forward(
        &self,
        split: &Split,
        scheme: &'static str,
        mut request: Request<Incoming>,
        client: IpAddr,
    ) -> Answer {
        let now = self.plane.clock.now_millis();
        let Some(group) = self.choose_group(split, request.headers(), now) else {
            // All weights are 0.
            return self.no_target(None);
        };
        let policy = group.policy();
        let sticky_target = policy.lb_cookie.and_then(|_| self.plane.seal.read(request.headers(), sticky::TARGET, now));
        let Some(target) = group.choose(sticky_target) else {
            return self.no_target(Some(&group));
        };

        let exchange = Exchange::begin(self, &group, &target);
        if self.address(&mut request, &target, scheme, client).is_none() {
            return exchange.failed(StatusCode::BAD_REQUEST, false);
        }
        let sent = Instant::now();
        match tokio::time::timeout(self.balancer.idle_timeout(), self.plane.client.request(request)).await {
            Ok(Ok(answer)) => {
                let (mut head, body) = answer.into_parts();
                remove_hop_by_hop(&mut head.headers);
                head.version = Version::HTTP_11;
                let stay = |name, key, duration: Option<Duration>| {
                    duration.map(|d| self.plane.seal.set_cookie(name, key, now + d.as_millis() as Millis))
                };
                let cookies = [
                    stay(sticky::TARGET_GROUP, group.id, split.sticky),
                    stay(sticky::TARGET, target.key, policy.lb_cookie),
                ];
                for cookie in cookies.into_iter().flatten().flatten().flatten() {
                    head.headers.append(SET_COOKIE, cookie);
                }
                let guard = exchange.answered(head.status.as_u16(), sent.elapsed());
                Response::from_parts(head, Either::Left(Guarded { body, _guard: guard }))
            }
            Ok(Err(error)) => {
                // A target that cannot be connected to in time is a 504, any other broken connection a 502.
                // Source: Application Load Balancers guide, "Troubleshoot".
                let status =
                    if connect_timed_out(&error) { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
                exchange.failed(status, error.is_connect())
            }
            Err(_) => exchange.failed(StatusCode::GATEWAY_TIMEOUT, false),
        }
    }

    /// The group of the client's cookie, if group stickiness is on and the group is still in the action, else one by
    /// weight. A cookie counts even at weight 0: AWS promises no eviction, and this is the case to be ready for.
    fn choose_group(&self, split: &Split, headers: &HeaderMap, now: Millis) -> Option<Arc<Group>> {
        if split.sticky.is_some()
            && let Some(id) = self.plane.seal.read(headers, sticky::TARGET_GROUP, now)
            && let Some((group, _)) = split.groups.iter().find(|(group, _)| group.id == id)
        {
            return Some(Arc::clone(group));
        }
        let total = split.total();
        if total == 0 {
            return None;
        }
        split.at(self.plane.dice.below(total)).cloned()
    }

    /// 503: nothing is registered where the request was to go.
    fn no_target(&self, group: Option<&Group>) -> Answer {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        if let Some(group) = group {
            group.counters.failed(status.as_u16(), false);
        }
        self.count_own(Outcome::Failed { status: status.as_u16(), no_connection: false });
        answers::error(status)
    }

    /// Counts an answer for which no target was chosen.
    fn count_own(&self, outcome: Outcome) {
        match outcome {
            Outcome::Failed { status, .. } => self.balancer.counters.failed(status),
            _ => self.balancer.counters.ended(),
        }
        self.plane.observe(Observation {
            at: self.plane.clock.now_millis(),
            balancer: Arc::clone(&self.balancer),
            chosen: None,
            outcome,
        });
    }

    /// Turns the client's request into the one for the target: its address, and the forwarding headers.
    ///
    /// Source: Application Load Balancers guide, "HTTP headers and Application Load Balancers".
    fn address(
        &self,
        request: &mut Request<Incoming>,
        target: &Target,
        scheme: &'static str,
        client: IpAddr,
    ) -> Option<()> {
        const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
        const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
        const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(target.authority.clone())
            .path_and_query(path)
            .build()
            .ok()?;
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        remove_hop_by_hop(headers);
        let chain = match headers.get(&FORWARDED_FOR).and_then(|before| before.to_str().ok()) {
            Some(before) => format!("{before}, {client}"),
            None => client.to_string(),
        };
        headers.insert(FORWARDED_FOR, HeaderValue::from_str(&chain).ok()?);
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
        headers.insert(FORWARDED_PORT, HeaderValue::from(self.port));
        if !headers.contains_key(&TRACE_ID) {
            let (seconds, dice) = (self.plane.clock.now_millis() / 1000, &self.plane.dice);
            let root = format!("Root=1-{seconds:08x}-{:016x}{:08x}", dice.next(), dice.next() >> 32);
            headers.insert(TRACE_ID, HeaderValue::from_str(&root).ok()?);
        }
        Some(())
    }
}

/// A request that was given to a target. However it ends, it is counted once; if nobody says how, the client is gone.
struct Exchange<'a> {
    front: &'a Front,
    group: &'a Arc<Group>,
    target: &'a Arc<Target>,
    /// Taken when the target answers.
    in_flight: Option<InFlight>,
    counted: bool,
}

/// Counts a request as in flight until the last byte of its answer is sent or given up.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Group>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.counters.done();
    }
}

impl<'a> Exchange<'a> {
    fn begin(front: &'a Front, group: &'a Arc<Group>, target: &'a Arc<Target>) -> Self {
        group.counters.sent();
        Self { front, group, target, in_flight: Some(InFlight(Arc::clone(group))), counted: false }
    }

    fn answered(mut self, status: u16, after: Duration) -> Option<InFlight> {
        self.group.counters.answered(status);
        self.front.balancer.counters.ended();
        self.count(Outcome::Target { status, seconds: after.as_secs_f64() });
        self.in_flight.take()
    }

    fn failed(mut self, status: StatusCode, no_connection: bool) -> Answer {
        self.fail(status.as_u16(), no_connection);
        answers::error(status)
    }

    fn fail(&mut self, status: u16, no_connection: bool) {
        self.group.counters.failed(status, true);
        self.front.balancer.counters.failed(status);
        self.count(Outcome::Failed { status, no_connection });
    }

    fn count(&mut self, outcome: Outcome) {
        self.counted = true;
        let plane = &self.front.plane;
        plane.observe(Observation {
            at: plane.clock.now_millis(),
            balancer: Arc::clone(&self.front.balancer),
            chosen: Some((Arc::clone(self.group), Arc::clone(self.target))),
            outcome,
        });
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.counted {
            self.fail(CLIENT_GONE, false);
        }
    }
}

/// Removes what concerns one connection only (RFC 9110, 7.6.1).
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        headers.remove(name);
    }
}

fn connect_timed_out(error: &legacy::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.is_connect().then_some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}
