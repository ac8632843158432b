//! Live counters of the data plane, for whoever watches a release without waiting for a metric period to end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A reading of every counter; numbers only grow, but for `in_flight`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// By target group ARN.
    pub target_groups: BTreeMap<String, TargetGroupCounts>,
    /// By load balancer ARN.
    pub load_balancers: BTreeMap<String, LoadBalancerCounts>,
}

/// What happened to the requests for which one target group was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroupCounts {
    /// Requests for which a target was chosen and that have ended; the metric `RequestCount`.
    pub requests: u64,
    pub target_2xx: u64,
    pub target_3xx: u64,
    pub target_4xx: u64,
    pub target_5xx: u64,
    /// Answered 502 by the load balancer: the target refused or reset the connection or answered nonsense.
    pub elb_502: u64,
    /// Answered 503 by the load balancer: the group was chosen and had no registered target.
    pub elb_503: u64,
    /// Answered 504 by the load balancer: the target did not answer in time.
    pub elb_504: u64,
    /// Flows for which a target was chosen (Network Load Balancers).
    pub flows: u64,
    /// Requests that are with a target now, answers under way included, and flows that are open now.
    pub in_flight: u64,
    /// When a target of the group last answered a request; `None` if none ever did.
    pub last_answered: Option<Instant>,
}

/// What one load balancer itself answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadBalancerCounts {
    /// Requests that have ended, of whatever kind.
    pub requests: u64,
    /// 4xx made by the load balancer (460: the client went away).
    pub elb_4xx: u64,
    /// 5xx made by the load balancer: `elb_502 + elb_503 + elb_504`.
    pub elb_5xx: u64,
    pub elb_502: u64,
    pub elb_503: u64,
    pub elb_504: u64,
}

/// A count that many connections add to.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters behind [`TargetGroupCounts`].
#[derive(Debug)]
pub(crate) struct GroupCounters {
    requests: Count,
    flows: Count,
    by_class: [Count; 4],
    by_elb_status: ElbStatuses,
    in_flight: Count,
    created: Instant,
    /// Nanoseconds after `created`; 0 for never.
    last_answered: AtomicU64,
}

#[derive(Debug, Default)]
struct ElbStatuses {
    bad_gateway: Count,
    unavailable: Count,
    timeout: Count,
}

impl ElbStatuses {
    fn add(&self, status: u16) {
        match status {
            502 => self.bad_gateway.add(),
            503 => self.unavailable.add(),
            504 => self.timeout.add(),
            _ => {}
        }
    }
}

impl GroupCounters {
    pub(crate) fn new() -> Self {
        Self {
            requests: Count::default(),
            flows: Count::default(),
            by_class: Default::default(),
            by_elb_status: ElbStatuses::default(),
            in_flight: Count::default(),
            created: Instant::now(),
            last_answered: AtomicU64::new(0),
        }
    }

    pub(crate) fn sent(&self) {
        self.in_flight.add();
    }

    /// A flow was given to a target.
    pub(crate) fn flow_began(&self) {
        self.flows.add();
        self.sent();
    }

    pub(crate) fn done(&self) {
        self.in_flight.subtract();
    }

    /// A target answered with `status`.
    pub(crate) fn answered(&self, status: u16) {
        self.requests.add();
        if let Some(class) = usize::from(status / 100).checked_sub(2).and_then(|i| self.by_class.get(i)) {
            class.add();
        }
        let now = u64::try_from(self.created.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1);
        self.last_answered.fetch_max(now, Ordering::Relaxed);
    }

    /// The load balancer answered in a target's stead; `chosen` tells whether there was a target to choose.
    pub(crate) fn failed(&self, elb_status: u16, chosen: bool) {
        if chosen {
            self.requests.add();
        }
        self.by_elb_status.add(elb_status);
    }

    pub(crate) fn read(&self) -> TargetGroupCounts {
        let last_answered = match self.last_answered.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(self.created + Duration::from_nanos(nanos)),
        };
        TargetGroupCounts {
            requests: self.requests.get(),
            target_2xx: self.by_class[0].get(),
            target_3xx: self.by_class[1].get(),
            target_4xx: self.by_class[2].get(),
            target_5xx: self.by_class[3].get(),
            elb_502: self.by_elb_status.bad_gateway.get(),
            elb_503: self.by_elb_status.unavailable.get(),
            elb_504: self.by_elb_status.timeout.get(),
            flows: self.flows.get(),
            in_flight: self.in_flight.get(),
            last_answered,
        }
    }
}

/// The counters behind [`LoadBalancerCounts`].
#[derive(Debug, Default)]
pub(crate) struct BalancerCounters {
    requests: Count,
    elb_4xx: Count,
    by_elb_status: ElbStatuses,
}

impl BalancerCounters {
    pub(crate) fn ended(&self) {
        self.requests.add();
    }

    /// The load balancer made an answer of its own.
    pub(crate) fn failed(&self, elb_status: u16) {
        self.requests.add();
        if (400..500).contains(&elb_status) {
            self.elb_4xx.add();
        }
        self.by_elb_status.add(elb_status);
    }

    pub(crate) fn read(&self) -> LoadBalancerCounts {
        let (elb_502, elb_503, elb_504) = (
            self.by_elb_status.bad_gateway.get(),
            self.by_elb_status.unavailable.get(),
            self.by_elb_status.timeout.get(),
        );
        LoadBalancerCounts {
            requests: self.requests.get(),
            elb_4xx: self.elb_4xx.get(),
            elb_5xx: elb_502 + elb_503 + elb_504,
            elb_502,
            elb_503,
            elb_504,
        }
    }
}
