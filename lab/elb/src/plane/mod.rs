//! The data plane: real listeners, real connections to real targets.

mod answers;
mod datagrams;
mod flows;
mod group;
pub(crate) mod health;
mod listen;
mod observe;
mod proxy;
mod route;
mod sticky;

pub(crate) use group::{Group, Health, Policy};
pub(crate) use listen::ListenerHandle;
pub(crate) use observe::{publish, report_flows, report_hosts};
pub(crate) use route::{Matcher, Route, RouteTable, Scheme};

use crate::counters::{BalancerCounters, Count};
use crate::random::Dice;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use observe::{FlowObservation, Observation, Observed};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use sticky::Seal;
use teal_lab_wire::LabClock;
use tokio::sync::mpsc;

/// How long a connection to a target may take to be made, in real time.
///
/// Source: Application Load Balancers guide, "Troubleshoot", HTTP 504: ten seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What all load balancers of one lab share.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) clock: LabClock,
    pub(crate) dice: Dice,
    /// Never seeded: labs with one seed on one machine must not meet on one address.
    pub(crate) address_dice: Dice,
    seal: Seal,
    client: Client<HttpConnector, Incoming>,
    observations: mpsc::UnboundedSender<Observed>,
}

impl Plane {
    /// The plane, and the end where what it observes comes out.
    pub(crate) fn new(clock: LabClock, seed: Option<u64>) -> (Arc<Self>, mpsc::UnboundedReceiver<Observed>) {
        let (observations, observed) = mpsc::unbounded_channel();
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let plane = Self {
            clock,
            dice: Dice::new(seed),
            address_dice: Dice::new(None),
            seal: Seal::default(),
            client,
            observations,
        };
        (Arc::new(plane), observed)
    }

    fn observe(&self, observation: Observation) {
        // The receiver is gone only while the lab shuts down.
        let _ = self.observations.send(Observed::Request(observation));
    }

    fn observe_flow(&self, observation: FlowObservation) {
        let _ = self.observations.send(Observed::Flow(observation));
    }
}

/// A load balancer as the data plane sees it.
#[derive(Debug)]
pub(crate) struct Balancer {
    /// `app/name/id` or `net/name/id`, the value of the metrics' LoadBalancer dimension.
    pub(crate) suffix: Arc<str>,
    pub(crate) counters: BalancerCounters,
    pub(crate) active_flows: ActiveFlows,
    idle_timeout_seconds: AtomicU64,
}

/// How many flows are open now, by protocol.
#[derive(Debug, Default)]
pub(crate) struct ActiveFlows {
    tcp: Count,
    tls: Count,
    udp: Count,
}

impl ActiveFlows {
    pub(crate) fn of(&self, protocol: &str) -> &Count {
        match protocol {
            "UDP" => &self.udp,
            "TLS" => &self.tls,
            _ => &self.tcp,
        }
    }
}

impl Balancer {
    pub(crate) fn new(arn: &str, idle_timeout: Duration) -> Arc<Self> {
        let suffix = arn.split_once("loadbalancer/").map_or("", |(_, suffix)| suffix).into();
        let idle_timeout_seconds = AtomicU64::new(idle_timeout.as_secs());
        let (counters, active_flows) = (BalancerCounters::default(), ActiveFlows::default());
        Arc::new(Self { suffix, counters, active_flows, idle_timeout_seconds })
    }

    pub(crate) fn set_idle_timeout(&self, timeout: Duration) {
        self.idle_timeout_seconds.store(timeout.as_secs(), Ordering::Relaxed);
    }

    /// `idle_timeout.timeout_seconds`, in real time: what a request takes is real, too.
    fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_seconds.load(Ordering::Relaxed))
    }
}
