//! A target group as the data plane sees it: its targets, their health, and who gets the next request.

use super::health;
use crate::counters::GroupCounters;
use arc_swap::ArcSwap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use teal_lab_wire::{LabClock, Millis, TargetAddress};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// A registered target. What is in flight to it keeps it alive after it is gone from its group.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: TargetAddress,
    pub(crate) zone: Arc<str>,
    /// `ip:port`, as a URI wants it.
    pub(crate) authority: http::uri::Authority,
    /// What the stickiness cookie calls it.
    pub(crate) key: u64,
    /// Told when the flows to the target are to end, though neither side has closed them.
    pub(crate) flows_end: Notify,
}

/// What a group's attributes and health-check settings ask of the data plane.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) health_check: health::Settings,
    /// Lab time.
    pub(crate) deregistration_delay: Duration,
    /// How long a client stays with one target (lab time), if `stickiness.type` is `lb_cookie` and enabled.
    pub(crate) lb_cookie: Option<Duration>,
    /// Whether the flows of one client stay with one target (`stickiness.type` is `source_ip` and enabled).
    pub(crate) by_source: bool,
    /// Whether flows end when the deregistration delay does.
    pub(crate) ends_flows_of_deregistered: bool,
    /// Whether flows end when their target becomes unhealthy.
    pub(crate) ends_flows_of_unhealthy: bool,
}

/// The states of a target, with AWS's reasons.
///
/// Source: API Reference, TargetHealth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Unused,
    /// Registered and not checked yet.
    Registering,
    /// Under its first checks.
    Initial,
    Healthy,
    Unhealthy(health::Failure),
    /// Deregistered: no new requests until it is forgotten at `until`.
    Draining {
        until: Millis,
    },
}

#[derive(Debug)]
struct Member {
    target: Arc<Target>,
    health: Health,
    /// Consecutive checks that contradict the state.
    streak: u32,
    checks: Option<AbortHandle>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop_checks();
    }
}

impl Member {
    fn stop_checks(&mut self) {
        if let Some(checks) = self.checks.take() {
            checks.abort();
        }
    }
}

#[derive(Debug, Default)]
struct Members {
    in_use: bool,
    list: Vec<Member>,
}

#[derive(Debug)]
pub(crate) struct Group {
    /// `targetgroup/name/id`, the value of the metrics' TargetGroup dimension.
    pub(crate) suffix: Arc<str>,
    /// The number behind the id, for the stickiness cookie.
    pub(crate) id: u64,
    pub(crate) counters: GroupCounters,
    policy: ArcSwap<Policy>,
    /// The targets that may get a new request.
    roster: ArcSwap<Vec<Arc<Target>>>,
    turn: AtomicUsize,
    members: Mutex<Members>,
    clock: LabClock,
    runtime: Handle,
}

impl Group {
    pub(crate) fn new(arn: &str, policy: Policy, clock: LabClock, runtime: Handle) -> Arc<Self> {
        let suffix = arn.rsplit(':').next().unwrap_or_default().into();
        let id = arn.rsplit('/').next().and_then(|id| u64::from_str_radix(id, 16).ok()).unwrap_or_default();
        Arc::new(Self {
            suffix,
            id,
            counters: GroupCounters::new(),
            policy: ArcSwap::from_pointee(policy),
            roster: ArcSwap::default(),
            turn: AtomicUsize::new(0),
            members: Mutex::default(),
            clock,
            runtime,
        })
    }

    pub(crate) fn set_policy(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
    }

    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// The target of the next request: round robin over those that may get one, or the one a cookie names.
    /// `None` if no target is registered.
    pub(crate) fn choose(&self, sticky: Option<u64>) -> Option<Arc<Target>> {
        let roster = self.roster.load();
        if let Some(target) = sticky.and_then(|key| roster.iter().find(|target| target.key == key)) {
            return Some(Arc::clone(target));
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        roster.get(turn.checked_rem(roster.len())?).cloned()
    }

    /// The target of a new flow: round robin, or always the same one for a client while the targets are the same.
    /// `None` if no target is registered.
    pub(crate) fn choose_for_flow(&self, client: IpAddr) -> Option<Arc<Target>> {
        if !self.policy.load().by_source {
            return self.choose(None);
        }
        let rank = |target: &&Arc<Target>| {
            let mut hasher = DefaultHasher::new();
            (client, target.key).hash(&mut hasher);
            hasher.finish()
        };
        self.roster.load().iter().max_by_key(rank).cloned()
    }

    /// Tells whether a listener or a rule names the group. Health checks run only then; before, its targets are
    /// `unused`.
    pub(crate) fn set_in_use(self: &Arc<Self>, in_use: bool) {
        let mut members = self.members();
        if members.in_use == in_use {
            return;
        }
        members.in_use = in_use;
        // A group that leaves its load balancer has nothing to drain.
        members.list.retain(|member| !matches!(member.health, Health::Draining { .. }));
        for member in &mut members.list {
            member.stop_checks();
            self.begin(member, in_use);
        }
        self.publish(&members);
    }

    /// Registers a target; one that is draining comes back as new, one that is registered stays as it is.
    pub(crate) fn register(self: &Arc<Self>, address: TargetAddress) {
        let mut members = self.members();
        let known = members.list.iter().position(|member| member.target.address.address == address.address);
        if let Some(known) = known {
            if !matches!(members.list[known].health, Health::Draining { .. }) {
                return;
            }
            members.list.remove(known);
        }
        let Ok(authority) = address.address.to_string().parse() else { return };
        let mut hasher = DefaultHasher::new();
        (self.id, address.address).hash(&mut hasher);
        let zone = address.zone.as_str().into();
        let target = Arc::new(Target { zone, authority, key: hasher.finish(), flows_end: Notify::new(), address });
        let mut member = Member { target, health: Health::Unused, streak: 0, checks: None };
        self.begin(&mut member, members.in_use);
        members.list.push(member);
        self.publish(&members);
    }

    /// Starts draining a target; false if it is not registered.
    ///
    /// Even a target with nothing in flight is shown as draining until the delay has passed, and the load balancer
    /// stops its health checks at once. Source: Application Load Balancers guide, "Deregistration delay".
    pub(crate) fn deregister(&self, address: &TargetAddress) -> bool {
        let now = self.clock.now_millis();
        let policy = self.policy.load();
        let delay = policy.deregistration_delay;
        let mut members = self.members();
        let Some(index) = members.list.iter().position(|member| member.target.address.address == address.address)
        else {
            return false;
        };
        if matches!(members.list[index].health, Health::Draining { .. }) {
            return true;
        }
        if members.in_use && !delay.is_zero() {
            let until = now + delay.as_millis() as Millis;
            let member = &mut members.list[index];
            member.stop_checks();
            member.health = Health::Draining { until };
            if policy.ends_flows_of_deregistered {
                let (target, clock) = (Arc::clone(&member.target), self.clock.clone());
                self.runtime.spawn(async move {
                    clock.sleep(delay).await;
                    target.flows_end.notify_waiters();
                });
            }
        } else {
            members.list.remove(index);
        }
        self.publish(&members);
        true
    }

    /// Every target with its state now.
    pub(crate) fn report(&self) -> Vec<(Arc<Target>, Health)> {
        let now = self.clock.now_millis();
        let mut members = self.members();
        members.list.retain(|member| !matches!(member.health, Health::Draining { until } if until <= now));
        members.list.iter().map(|member| (Arc::clone(&member.target), member.health)).collect()
    }

    /// Stops every health check, for good.
    pub(crate) fn close(&self) {
        self.members().list.clear();
        self.roster.store(Arc::default());
    }

    /// Takes note that the first check of a target starts.
    pub(crate) fn checking(&self, target: &Arc<Target>) {
        let mut members = self.members();
        if let Some(member) = members.find(target)
            && member.health == Health::Registering
        {
            member.health = Health::Initial;
        }
    }

    /// Takes note of a check's result. A new target is healthy after one good check; otherwise the thresholds of
    /// consecutive results decide.
    ///
    /// Source: Application Load Balancers guide, "Health checks for target groups".
    pub(crate) fn checked(&self, target: &Arc<Target>, result: Result<(), health::Failure>) {
        let policy = self.policy.load();
        let (healthy_threshold, unhealthy_threshold) =
            (policy.health_check.healthy_threshold, policy.health_check.unhealthy_threshold);
        let mut members = self.members();
        let Some(member) = members.find(target) else { return };
        let before = member.health;
        match (before, result) {
            (Health::Registering | Health::Initial, Ok(())) => member.health = Health::Healthy,
            (Health::Unhealthy(_), Ok(())) => {
                member.streak += 1;
                if member.streak >= healthy_threshold {
                    member.health = Health::Healthy;
                }
            }
            (Health::Registering | Health::Initial | Health::Healthy, Err(failure)) => {
                member.streak += 1;
                if member.streak >= unhealthy_threshold {
                    member.health = Health::Unhealthy(failure);
                    if policy.ends_flows_of_unhealthy {
                        member.target.flows_end.notify_waiters();
                    }
                }
            }
            (Health::Healthy, Ok(())) => member.streak = 0,
            (Health::Unhealthy(_), Err(failure)) => {
                member.streak = 0;
                member.health = Health::Unhealthy(failure);
            }
            (Health::Unused | Health::Draining { .. }, _) => return,
        }
        if member.health != before {
            if !matches!((before, member.health), (Health::Unhealthy(_), Health::Unhealthy(_))) {
                member.streak = 0;
            }
            self.publish(&members);
        }
    }

    fn begin(self: &Arc<Self>, member: &mut Member, in_use: bool) {
        member.streak = 0;
        if in_use {
            member.health = Health::Registering;
            let checks = health::check(Arc::clone(self), Arc::clone(&member.target), self.clock.clone());
            member.checks = Some(self.runtime.spawn(checks).abort_handle());
        } else {
            member.health = Health::Unused;
        }
    }

    /// Publishes who may get requests: the healthy targets or, if there is none, all that are registered (the group
    /// fails open). Draining targets never.
    ///
    /// Source: Application Load Balancers guide, "Health checks for target groups".
    fn publish(&self, members: &Members) {
        let of = |wanted: fn(&Health) -> bool| -> Vec<Arc<Target>> {
            let members = members.list.iter().filter(|member| wanted(&member.health));
            members.map(|member| Arc::clone(&member.target)).collect()
        };
        let mut roster = of(|health| *health == Health::Healthy);
        if roster.is_empty() {
            roster = of(|health| !matches!(health, Health::Draining { .. } | Health::Unused));
        }
        self.roster.store(Arc::new(roster));
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn find(&mut self, target: &Arc<Target>) -> Option<&mut Member> {
        self.list.iter_mut().find(|member| Arc::ptr_eq(&member.target, target))
    }
}
