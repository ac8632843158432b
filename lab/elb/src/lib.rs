//! Elastic Load Balancing v2 for the lab: Application and Network Load Balancers whose traffic is real.
//!
//! The control plane speaks the AWS Query protocol of API version 2015-12-01 and checks its inputs as AWS does. The
//! data plane is a real HTTP/1.1 proxy, or carries TCP connections and UDP datagrams: every load balancer gets a
//! loopback address of its own, which is its DNS name, and every listener binds its port there (Linux answers on all
//! of 127.0.0.0/8; ports below 1024 need the right to bind them).
//!
//! What differs from AWS, on purpose:
//! * A change of weights or rules counts from the next request or flow on; AWS takes some seconds to tell all the nodes
//!   of an Application Load Balancer, and up to some minutes for a Network Load Balancer.
//! * HTTPS and TLS listeners speak plain HTTP and TCP, and actions that authenticate are kept and described but let
//!   every request pass.
//! * Targets of a Network Load Balancer see its address, not the client's: `preserve_client_ip` and `proxy_protocol_v2`
//!   are kept but not enacted. QUIC is not served.
//! * Only targets of type `ip` can be registered by API call, with loopback addresses. Fleets of the lab register
//!   theirs through [`TargetRegistry`], whatever the group's target type.
//! * Slow start, least outstanding requests, application-based cookies, the percentages of healthy targets, source-ip
//!   and regular-expression conditions are not enacted; HTTP/2, gRPC and WebSockets are not served.
//! * Requests in flight to a deregistered target may finish even after the deregistration delay.
//! * Health-check intervals, the deregistration delay and stickiness durations run on the lab clock; idle timeouts and
//!   the throttling of calls run on the wall clock.

mod api;
mod counters;
mod model;
mod plane;
mod random;
mod shift;
mod throttle;
mod weights;

pub use counters::{Counters, LoadBalancerCounts, TargetGroupCounts};
pub use weights::WeightChange;

use api::Call;
use model::{Account, Kind};
use plane::{Group, Health, Matcher, Plane, Route, RouteTable, Scheme};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use teal_lab_wire::query::Form;
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest, LabClock, MetricSink, Millis, TargetAddress, TargetRegistry};
use throttle::Throttle;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use weights::WeightLog;

const VERSION: &str = "2015-12-01";
const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// How an [`Elb`] runs.
#[derive(Clone, Copy, Debug)]
pub struct ElbOptions {
    /// Whether calls are throttled with AWS's token buckets. Fleets that use [`TargetRegistry`] are not: on AWS, too,
    /// services that call on one's behalf have buckets of their own.
    pub throttle: bool,
    /// Makes the choices by weight and the resources' identifiers repeatable, as far as calls and requests come in the
    /// same order. Addresses are never seeded, so that labs on one machine do not meet.
    pub seed: Option<u64>,
}

impl Default for ElbOptions {
    fn default() -> Self {
        Self { throttle: true, seed: None }
    }
}

/// The load balancers of one lab account.
#[derive(Debug)]
pub struct Elb {
    plane: Arc<Plane>,
    throttle: Throttle,
    is_throttled: AtomicBool,
    account: Arc<Mutex<Account>>,
    weights: WeightLog,
    runtime: Handle,
    tasks: Vec<AbortHandle>,
}

impl Elb {
    /// An account without load balancers. Metrics go to `metrics` in the namespaces AWS/ApplicationELB and
    /// AWS/NetworkELB.
    ///
    /// # Panics
    /// Outside a tokio runtime: the data plane runs on it.
    #[must_use]
    pub fn new(clock: LabClock, metrics: Arc<dyn MetricSink>, options: ElbOptions) -> Arc<Self> {
        let runtime = Handle::current();
        let ElbOptions { throttle, seed } = options;
        let (plane, observed) = Plane::new(clock, seed);
        let account = Arc::<Mutex<Account>>::default();
        let hosts = report_every_minute(Arc::clone(&account), plane.clock.clone(), Arc::clone(&metrics));
        let tasks =
            vec![runtime.spawn(plane::publish(observed, metrics)).abort_handle(), runtime.spawn(hosts).abort_handle()];
        let is_throttled = AtomicBool::new(throttle);
        Arc::new(Self {
            plane,
            throttle: Throttle::new(),
            is_throttled,
            account,
            weights: WeightLog::default(),
            runtime,
            tasks,
        })
    }

    /// Switches throttling on or off.
    pub fn throttle(&self, on: bool) {
        self.is_throttled.store(on, Ordering::Relaxed);
    }

    /// Answers one call of the API.
    pub async fn handle(&self, request: AwsRequest) -> AwsAnswer {
        let request_id = self.plane.dice.uuid();
        let form = Form::of(&request);
        let action = form.params().text("Action").unwrap_or_default();
        Xml::answer(NAMESPACE, action, &request_id, self.call(action, &form, &request).map(Some))
    }

    fn call(&self, action: &str, form: &Form, request: &AwsRequest) -> Result<Xml, AwsFault> {
        if self.is_throttled.load(Ordering::Relaxed) && !self.throttle.admits(action, Instant::now()) {
            // The guide names ThrottlingException; on the wire it is Throttling with status 400.
            return Err(AwsFault::client("Throttling", "Rate exceeded"));
        }
        // The older API of Classic Load Balancers shares the endpoint and some names of actions.
        if form.params().text("Version").is_some_and(|version| version != VERSION) {
            return Err(AwsFault::client("InvalidAction", format!("The lab serves API version {VERSION} only")));
        }
        let mut account = self.account();
        let mut call = Call {
            params: form.params(),
            account: &mut account,
            plane: &self.plane,
            runtime: &self.runtime,
            shifted: Vec::new(),
        };
        let result = call.run(action)?;
        let shifted = call.shifted;
        if !action.starts_with("Describe") {
            apply(&account);
            self.weights.add(self.plane.clock.now_millis(), shifted, request.access_key_id().as_deref());
        }
        Ok(result)
    }

    /// A reading of all counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let account = self.account();
        let groups = account.target_groups.values();
        let balancers = account.load_balancers.values();
        Counters {
            target_groups: groups.map(|group| (group.arn.clone(), group.group.counters.read())).collect(),
            load_balancers: balancers.map(|lb| (lb.arn.clone(), lb.balancer.counters.read())).collect(),
        }
    }

    /// The tags of a load balancer, listener, rule or target group; none of what is not known.
    #[must_use]
    pub fn tags(&self, arn: &str) -> BTreeMap<String, String> {
        self.account().tags.get(arn).cloned().unwrap_or_default()
    }

    /// When a target of the group last answered a request; `None` if none ever did or the group is not known.
    #[must_use]
    pub fn last_answered(&self, target_group_arn: &str) -> Option<Instant> {
        self.group(target_group_arn).ok()?.counters.read().last_answered
    }

    /// Every change of weights so far, oldest first.
    #[must_use]
    pub fn weight_changes(&self) -> Vec<WeightChange> {
        self.weights.all()
    }

    /// Every change of weights from now on. A receiver that falls more than 1024 changes behind misses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<WeightChange> {
        self.weights.subscribe()
    }

    /// Closes every port and stops every health check. The account is empty afterwards.
    pub fn shutdown(&self) {
        let account = std::mem::take(&mut *self.account());
        for group in account.target_groups.values() {
            group.group.close();
        }
        for task in &self.tasks {
            task.abort();
        }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }

    fn health(&self, target_group_arn: &str, target: &TargetAddress) -> Option<Health> {
        let report = self.group(target_group_arn).ok()?.report();
        report.into_iter().find(|(known, _)| known.address.address == target.address).map(|(_, health)| health)
    }

    fn group(&self, arn: &str) -> Result<Arc<Group>, String> {
        let account = self.account();
        let group = account.target_groups.get(arn).map(|group| Arc::clone(&group.group));
        group.ok_or_else(|| format!("the target group {arn} does not exist"))
    }
}

impl Drop for Elb {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl TargetRegistry for Elb {
    fn register(&self, target_group_arn: &str, target: TargetAddress) -> Result<(), String> {
        self.group(target_group_arn)?.register(target);
        Ok(())
    }

    fn deregister(&self, target_group_arn: &str, target: &TargetAddress) -> Result<(), String> {
        self.group(target_group_arn)?.deregister(target);
        Ok(())
    }

    fn is_unhealthy(&self, target_group_arn: &str, target: &TargetAddress) -> bool {
        matches!(self.health(target_group_arn, target), Some(Health::Unhealthy(_)))
    }

    fn is_healthy_or_unused(&self, target_group_arn: &str, target: &TargetAddress) -> bool {
        matches!(self.health(target_group_arn, target), Some(Health::Healthy | Health::Unused))
    }

    fn is_draining(&self, target_group_arn: &str, target: &TargetAddress) -> bool {
        matches!(self.health(target_group_arn, target), Some(Health::Draining { .. }))
    }

    fn port(&self, target_group_arn: &str) -> Option<u16> {
        self.account().target_groups.get(target_group_arn).map(|group| group.settings.port)
    }
}

/// Makes the data plane do what the account says. Groups that come into use are ready before a route names them.
fn apply(account: &Account) {
    let used: BTreeSet<&str> = account
        .load_balancers
        .keys()
        .flat_map(|arn| account.action_lists(arn))
        .filter_map(model::forward_of)
        .flat_map(|forward| forward.groups.iter().map(|(arn, _)| arn.as_str()))
        .collect();
    let (in_use, unused): (Vec<_>, Vec<_>) =
        account.target_groups.values().partition(|group| used.contains(group.arn.as_str()));
    in_use.iter().for_each(|group| group.group.set_in_use(true));
    let group = |arn: &str| account.target_groups.get(arn).map(|group| Arc::clone(&group.group));
    for listener in account.listeners.values() {
        let rules = account.rules_of(&listener.arn).into_iter().filter_map(|rule| {
            Some((rule.conditions.iter().map(Matcher::new).collect(), Route::new(&rule.actions, group)?))
        });
        if let Some(default) = Route::new(&listener.default_actions, group) {
            listener.handle.set_table(RouteTable {
                scheme: Scheme::of(listener.protocol),
                rules: rules.collect(),
                default,
            });
        }
    }
    unused.iter().for_each(|group| group.group.set_in_use(false));
}

/// Publishes the host counts of every target group in use and the open flows, at each full lab minute.
async fn report_every_minute(account: Arc<Mutex<Account>>, clock: LabClock, metrics: Arc<dyn MetricSink>) {
    const MINUTE: Millis = 60_000;
    loop {
        let rest = MINUTE - clock.now_millis().rem_euclid(MINUTE);
        clock.sleep(Duration::from_millis(rest.unsigned_abs())).await;
        let at = clock.now_millis();
        let account = lock(&account);
        for balancer in account.load_balancers.values().filter(|balancer| balancer.kind == Kind::Network) {
            plane::report_flows(&*metrics, at, &balancer.balancer);
        }
        for group in account.target_groups.values() {
            if let Some(user) = account.load_balancer_of(&group.arn) {
                plane::report_hosts(&*metrics, at, &user.balancer, &group.group);
            }
        }
    }
}

fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}
