//! From what the data plane sees to CloudWatch metrics.
//!
//! Source of names, meanings and dimensions: Application Load Balancers guide, "CloudWatch metrics for your
//! Application Load Balancer", and Network Load Balancers guide, "CloudWatch metrics for your Network Load Balancer".
//! The sets {LoadBalancer, AvailabilityZone} are left out: the lab's load balancers are one node each. The bytes of
//! headers are not in `ProcessedBytes`.

use super::Balancer;
use super::group::{Group, Health, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use teal_lab_wire::{MetricSample, MetricSink, Millis};
use tokio::sync::mpsc;

/// What the data plane saw.
#[derive(Debug)]
pub(crate) enum Observed {
    Request(Observation),
    Flow(FlowObservation),
}

/// Something that happened to a flow.
#[derive(Debug)]
pub(crate) struct FlowObservation {
    pub(crate) at: Millis,
    pub(crate) balancer: Arc<Balancer>,
    /// `TCP`, `TLS` or `UDP`.
    pub(crate) protocol: &'static str,
    pub(crate) event: FlowEvent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FlowEvent {
    Began,
    /// Payload that was carried, in either direction.
    Bytes(usize),
    /// The client's side reset the flow.
    ClientReset,
    /// The target's side reset the flow.
    TargetReset,
    /// The load balancer reset the flow: nobody to give it to, idle for too long, or its target went away.
    BalancerReset,
}

impl FlowEvent {
    /// The metrics of an event, and what it adds to their sums.
    ///
    /// Resets are not published by protocol.
    fn metrics(self, protocol: &str) -> (&'static [&'static str], f64) {
        match (self, protocol) {
            (Self::Began, "UDP") => (&["NewFlowCount", "NewFlowCount_UDP"], 1.0),
            (Self::Began, "TLS") => (&["NewFlowCount", "NewFlowCount_TLS"], 1.0),
            (Self::Began, _) => (&["NewFlowCount", "NewFlowCount_TCP"], 1.0),
            (Self::Bytes(n), "UDP") => (&["ProcessedBytes", "ProcessedBytes_UDP"], n as f64),
            (Self::Bytes(n), "TLS") => (&["ProcessedBytes", "ProcessedBytes_TLS"], n as f64),
            (Self::Bytes(n), _) => (&["ProcessedBytes", "ProcessedBytes_TCP"], n as f64),
            (Self::ClientReset, _) => (&["TCP_Client_Reset_Count"], 1.0),
            (Self::TargetReset, _) => (&["TCP_Target_Reset_Count"], 1.0),
            (Self::BalancerReset, _) => (&["TCP_ELB_Reset_Count"], 1.0),
        }
    }
}

/// One ended request.
#[derive(Debug)]
pub(crate) struct Observation {
    /// When it was answered.
    pub(crate) at: Millis,
    pub(crate) balancer: Arc<Balancer>,
    /// The target that was chosen, if one was.
    pub(crate) chosen: Option<(Arc<Group>, Arc<Target>)>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The target answered.
    Target {
        status: u16,
        /// Seconds until the target's answer began.
        seconds: f64,
    },
    /// The load balancer answered with an error of its own.
    Failed {
        status: u16,
        no_connection: bool,
    },
    FixedResponse,
    Redirect,
}

/// The dimensions of a sample: always the load balancer, then as far down as is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    balancer: Arc<str>,
    group: Option<Arc<str>>,
    zone: Option<Arc<str>>,
}

impl Scope {
    fn balancer(balancer: &Balancer) -> Self {
        Self { balancer: Arc::clone(&balancer.suffix), group: None, zone: None }
    }

    /// The sets that metrics about targets are published under.
    fn all(observation: &Observation) -> Vec<Self> {
        let balancer = Self::balancer(&observation.balancer);
        let Some((group, target)) = &observation.chosen else { return vec![balancer] };
        let group = Self { group: Some(Arc::clone(&group.suffix)), ..balancer.clone() };
        let zone = Self { zone: Some(Arc::clone(&target.zone)), ..group.clone() };
        vec![balancer, group, zone]
    }

    fn sample(&self, name: &'static str, at: Millis, value: f64, count: f64) -> MetricSample {
        let mut dimensions = Vec::with_capacity(3);
        dimensions.push(("LoadBalancer", self.balancer.to_string()));
        dimensions.extend(self.group.iter().map(|group| ("TargetGroup", group.to_string())));
        dimensions.extend(self.zone.iter().map(|zone| ("AvailabilityZone", zone.to_string())));
        let namespace = if self.balancer.starts_with("net/") { "AWS/NetworkELB" } else { "AWS/ApplicationELB" };
        MetricSample { namespace, name, dimensions, at, value, count }
    }
}

/// Publishes what comes out of the data plane, until the plane is gone. Requests of one lab second that were counted
/// alike become one sample; response times stay single, so that percentiles are right.
pub(crate) async fn publish(mut observed: mpsc::UnboundedReceiver<Observed>, sink: Arc<dyn MetricSink>) {
    const BATCH: usize = 4096;
    let mut batch = Vec::with_capacity(BATCH);
    while observed.recv_many(&mut batch, BATCH).await > 0 {
        let mut counts: BTreeMap<(&'static str, Millis, Scope), f64> = BTreeMap::new();
        for observed in batch.drain(..) {
            let observation = match observed {
                Observed::Request(observation) => observation,
                Observed::Flow(flow) => {
                    let (names, sum) = flow.event.metrics(flow.protocol);
                    for name in names {
                        let scope = Scope::balancer(&flow.balancer);
                        *counts.entry((name, flow.at - flow.at.rem_euclid(1000), scope)).or_default() += sum;
                    }
                    continue;
                }
            };
            let second = observation.at - observation.at.rem_euclid(1000);
            let mut count = |name, scope: &Scope| *counts.entry((name, second, scope.clone())).or_default() += 1.0;
            let scopes = Scope::all(&observation);
            if observation.chosen.is_some() {
                scopes.iter().for_each(|scope| count("RequestCount", scope));
            }
            match observation.outcome {
                Outcome::Target { status, seconds } => {
                    for scope in &scopes {
                        if let Some(name) = target_class(status) {
                            count(name, scope);
                        }
                        sink.record(scope.sample("TargetResponseTime", second, seconds, 1.0));
                    }
                }
                Outcome::Failed { status, no_connection } => {
                    if no_connection {
                        scopes.iter().for_each(|scope| count("TargetConnectionErrorCount", scope));
                    }
                    elb_classes(status).into_iter().for_each(|name| count(name, &scopes[0]));
                }
                Outcome::FixedResponse => count("HTTP_Fixed_Response_Count", &scopes[0]),
                Outcome::Redirect => count("HTTP_Redirect_Count", &scopes[0]),
            }
        }
        for ((name, at, scope), n) in counts {
            sink.record(scope.sample(name, at, 1.0, n));
        }
    }
}

/// Publishes how many targets of a group are healthy and unhealthy, in all and by zone. Targets that are draining or
/// under their first checks are neither.
pub(crate) fn report_hosts(sink: &dyn MetricSink, at: Millis, balancer: &Balancer, group: &Group) {
    let whole = Scope { group: Some(Arc::clone(&group.suffix)), ..Scope::balancer(balancer) };
    let mut counts: BTreeMap<Scope, (f64, f64)> = BTreeMap::new();
    for (target, health) in group.report() {
        let (healthy, unhealthy) = match health {
            Health::Healthy => (1.0, 0.0),
            Health::Unhealthy(_) => (0.0, 1.0),
            _ => (0.0, 0.0),
        };
        for scope in [whole.clone(), Scope { zone: Some(Arc::clone(&target.zone)), ..whole.clone() }] {
            let count = counts.entry(scope).or_default();
            *count = (count.0 + healthy, count.1 + unhealthy);
        }
    }
    for (scope, (healthy, unhealthy)) in counts {
        sink.record(scope.sample("HealthyHostCount", at, healthy, 1.0));
        sink.record(scope.sample("UnHealthyHostCount", at, unhealthy, 1.0));
    }
}

/// Publishes how many flows a Network Load Balancer has, in all and by protocol.
pub(crate) fn report_flows(sink: &dyn MetricSink, at: Millis, balancer: &Balancer) {
    let scope = Scope::balancer(balancer);
    let [tcp, tls, udp] = ["TCP", "TLS", "UDP"].map(|protocol| balancer.active_flows.of(protocol).get() as f64);
    for (name, flows) in [
        ("ActiveFlowCount", tcp + tls + udp),
        ("ActiveFlowCount_TCP", tcp),
        ("ActiveFlowCount_TLS", tls),
        ("ActiveFlowCount_UDP", udp),
    ] {
        sink.record(scope.sample(name, at, flows, 1.0));
    }
}

fn target_class(status: u16) -> Option<&'static str> {
    match status / 100 {
        2 => Some("HTTPCode_Target_2XX_Count"),
        3 => Some("HTTPCode_Target_3XX_Count"),
        4 => Some("HTTPCode_Target_4XX_Count"),
        5 => Some("HTTPCode_Target_5XX_Count"),
        _ => None,
    }
}

fn elb_classes(status: u16) -> Vec<&'static str> {
    match status {
        502 => vec!["HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_502_Count"],
        503 => vec!["HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_503_Count"],
        504 => vec!["HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_504_Count"],
        400..500 => vec!["HTTPCode_ELB_4XX_Count"],
        _ => vec![],
    }
}
