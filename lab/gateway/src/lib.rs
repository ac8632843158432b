//! The lab's one AWS endpoint.
//!
//! Everything in the lab is given this endpoint: functions, the runner, boto3 and the AWS CLI. A request goes by the
//! service in its credential scope to the emulator that [`Gateway::serve`] named for it, and otherwise, unchanged, to
//! ministack. On the way it is logged ([`Gateway::calls`]), checked against its caller's policy
//! ([`Gateway::policy_report`]), and hit by the faults that a scenario injects ([`Gateway::inject`]).
//!
//! The gateway also plays EventBridge for events that ministack cannot take ([`Gateway::send_event`]).

mod account;
mod call;
mod call_log;
mod caller_process;
mod callers;
mod events;
mod fault;
mod iam;
mod identity;
mod invoke;
mod rates;
mod refusal;
mod server;
mod service;
mod upstream;
mod wildcard;

pub use account::{AssumableRole, AssumedCredentials};
pub use call_log::{CallKey, CallRecord};
pub use events::{DeliveryOutcome, DeliveryRecord};
pub use fault::{CallPattern, FaultId, FaultKind, FaultRule, Moment};
pub use iam::{PermissionUse, PolicyError, PolicyReport, ResourceTags, Violation};
pub use identity::{ROOT_ACCESS_KEY, execution_access_key};
pub use service::{BoxFuture, PartOfService, Service};

use account::Accounts;
use call::Call;
use call_log::CallLog;
use caller_process::Connection;
use events::{Delivery, delivery_call};
use fault::{Faults, Subject};
use iam::Ledger;
use rates::Rates;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest, LabClock};
use tokio::task::JoinHandle;
use upstream::Upstream;

/// The lab's own name among the callers: whoever uses the account's root key.
const LAB: &str = "lab";

/// The endpoint. It stops listening when it is dropped.
pub struct Gateway {
    core: Arc<Core>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// What requests are answered with.
struct Core {
    clock: LabClock,
    services: RwLock<HashMap<String, Arc<dyn Service>>>,
    parts: RwLock<HashMap<String, Arc<dyn PartOfService>>>,
    accounts: Accounts,
    /// The access keys of roles of the gateway's own.
    roles: RwLock<BTreeSet<String>>,
    upstream: Upstream,
    log: CallLog,
    ledger: Ledger,
    faults: Faults,
    rates: Rates,
    delivery: Delivery,
    /// Where deliveries run: whoever sends an event need not be on the runtime's threads.
    runtime: tokio::runtime::Handle,
}

/// Gives events to the gateway from anywhere, without waiting.
#[derive(Clone)]
pub struct EventSender(Arc<Core>);

impl Gateway {
    /// Listens on a free port of 127.0.0.1. `seed` makes the choices of faults with a probability repeatable.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub async fn start(clock: LabClock, seed: u64) -> std::io::Result<Self> {
        let core = Arc::new(Core {
            clock,
            services: RwLock::default(),
            parts: RwLock::default(),
            accounts: Accounts::default(),
            roles: RwLock::default(),
            upstream: Upstream::new(),
            log: CallLog::default(),
            ledger: Ledger::default(),
            faults: Faults::new(seed),
            rates: Rates::default(),
            delivery: Delivery::default(),
            runtime: tokio::runtime::Handle::current(),
        });
        // A root user has no policy, so nothing can be wrong with it.
        let _ = core.ledger.register([ROOT_ACCESS_KEY.to_owned()], LAB, None);
        let (address, server) = server::start(Arc::clone(&core)).await?;
        Ok(Self { core, address, server })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As clients take it in `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves the requests with this service in their credential scope (`elasticloadbalancing`, `monitoring`, `ecs`, ...).
    pub fn serve(&self, scope: &str, service: impl Service + 'static) {
        let mut services = self.core.services.write().unwrap_or_else(PoisonError::into_inner);
        services.insert(scope.to_owned(), Arc::new(service));
    }

    /// Serves those requests with this service in their credential scope that are about the service's own resources; the others are
    /// forwarded.
    pub fn serve_some(&self, scope: &str, service: impl PartOfService + 'static) {
        let mut parts = self.core.parts.write().unwrap_or_else(PoisonError::into_inner);
        parts.insert(scope.to_owned(), Arc::new(service));
    }

    /// Forwards all other requests to ministack at this address.
    pub fn forward_to(&self, upstream: SocketAddr) {
        self.core.upstream.set_address(upstream);
    }

    /// Where conditions on `aws:ResourceTag` find a resource's tags, by its ARN.
    pub fn set_resource_tags(&self, tags: impl Fn(&str) -> BTreeMap<String, String> + Send + Sync + 'static) {
        self.core.ledger.set_tags(Box::new(tags));
    }

    /// Puts a fault in force.
    #[must_use]
    pub fn inject(&self, fault: FaultRule) -> FaultId {
        self.core.faults.inject(fault)
    }

    /// Ends a fault; says how many calls it hit.
    pub fn end_fault(&self, fault: FaultId) -> u32 {
        self.core.faults.end(fault)
    }

    /// Whether everybody's calls but the lab's own are limited to the rates that AWS publishes for an account. They are not in the beginning.
    pub fn limit_rates(&self, on: bool) {
        self.core.rates.limit(on);
    }

    /// All calls so far (the latest 100,000), oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.core.log.calls()
    }

    /// How many calls of which operation each caller made: requests on the wire, retries included.
    #[must_use]
    pub fn call_counts(&self) -> BTreeMap<CallKey, u64> {
        self.core.log.counts()
    }

    /// What callers were refused, and which of their permissions were used.
    #[must_use]
    pub fn policy_report(&self) -> PolicyReport {
        self.core.ledger.report()
    }

    /// What became of events, one entry per target.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.core.delivery.records()
    }

    /// Forgets calls, violations, uses and deliveries; callers, policies and faults stay. For the next scenario.
    pub fn clear_records(&self) {
        self.core.log.clear();
        self.core.ledger.clear();
        self.core.delivery.clear();
    }

    /// For services that have events to send, CloudWatch's alarms above all.
    #[must_use]
    pub fn event_sender(&self) -> EventSender {
        EventSender(Arc::clone(&self.core))
    }

    /// Delivers an event, as it is, to the targets of the rules on ministack's default bus, in the background.
    pub fn send_event(&self, event: Value) {
        self.event_sender().deliver(event);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl EventSender {
    /// Delivers a service's event to the targets of the rules on ministack's default bus, in the background: that of another account where
    /// it is forwarded from there, and as that account's.
    ///
    /// Faults can hit it as the call `Deliver` of the service `events` by the caller `EventBridge`: a latency delays it,
    /// every other kind loses it.
    pub fn send(&self, event: Value) {
        if let Some(event) = self.0.accounts.forwarded(event) {
            self.deliver(event);
        }
    }

    fn deliver(&self, event: Value) {
        let core = Arc::clone(&self.0);
        let happened = core.clock.now_millis();
        let delivery = async move {
            let CallKey { caller, service, operation } = delivery_call();
            let body = event.to_string();
            let call =
                Subject { service: &service, operation: &operation, caller: &caller, path: "/", body: body.as_bytes() };
            let lost = match core.faults.strike(&call) {
                None => false,
                Some(FaultKind::Latency { millis, .. }) => {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    false
                }
                Some(FaultKind::Error { .. } | FaultKind::Throttle | FaultKind::LostAnswer | FaultKind::Kill(_)) => {
                    true
                }
            };
            core.delivery.deliver(&event, happened, lost, &core.faults, &core.upstream, &core.clock).await;
        };
        self.0.runtime.spawn(delivery);
    }
}

impl Core {
    /// Answers a request; `None` is a connection that is to be closed without an answer.
    /// `connection` is the caller's end and ours.
    async fn answer(&self, request: AwsRequest, connection: Option<Connection>) -> Option<AwsAnswer> {
        let started = Instant::now();
        let (at, real_time) = (self.clock.now_millis(), SystemTime::now());
        let session = request.access_key_id().and_then(|key| self.accounts.of_session(&key));
        let request = match &session {
            Some(session) => account::inwards(request, &session.account),
            None => request,
        };
        let call = Call::read(&request);
        let known_as = self.ledger.caller(&call.access_key);
        // Whoever calls by a role is still the caller, to faults and to the log.
        let (caller, role) = match &session {
            Some(session) => (session.assumed_by.clone(), Some(known_as.clone())),
            None => (known_as.clone(), None),
        };
        let subject = Subject {
            service: &call.service,
            operation: &call.operation,
            caller: &caller,
            path: request.uri.path(),
            body: &request.body,
        };
        let is_limited = || caller != LAB && !self.rates.admits(&call, started);
        let fault = self.faults.strike(&subject).or_else(|| is_limited().then_some(FaultKind::Throttle));
        let kill = || {
            if let Some(connection) = connection {
                caller_process::kill(connection);
            }
        };
        let answer = if fault == Some(FaultKind::Kill(Moment::Before)) {
            kill();
            None
        } else {
            let answer = self.answer_with(request, &call, &known_as, fault.as_ref()).await;
            Some(match &session {
                Some(session) => account::outwards(answer, &session.account),
                None => answer,
            })
        };
        match fault {
            Some(FaultKind::Kill(Moment::After)) => kill(),
            Some(FaultKind::Latency { millis, when: Moment::After }) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            _ => {}
        }
        let answer = answer.filter(|_| !matches!(fault, Some(FaultKind::LostAnswer | FaultKind::Kill(_))));
        let mut resources: Vec<String> =
            iam::needed(&call).into_iter().flatten().map(|needed| needed.resource).filter(|arn| arn != "*").collect();
        // What a call only reads has no resource in its permission.
        resources.extend(call.arns().chain(call.partition_keys()));
        resources.sort_unstable();
        resources.dedup();
        self.log.add(CallRecord {
            at,
            real_time,
            caller,
            role,
            service: call.service,
            operation: call.operation,
            resources,
            status: answer.as_ref().map_or(0, |answer| answer.status.as_u16()),
            error_code: answer.as_ref().and_then(refusal::code_of),
            duration: started.elapsed(),
        });
        answer
    }

    async fn forward(&self, request: AwsRequest, call: &Call, caller: &str) -> AwsAnswer {
        // ministack 1.5.33 does not know the condition key events:source, and takes the resource of GetParametersByPath for `*`: it would
        // refuse what the policy allows; and it knows no sessions of roles of another account, and no roles of the gateway's own. The gateway
        // has checked these, so they go on in the root user's name.
        let is_own = self.roles.read().unwrap_or_else(PoisonError::into_inner).contains(&call.access_key);
        let is_session = self.accounts.of_session(&call.access_key).is_some();
        let misjudged = is_own || is_session || call.service == "events" || call.operation == "GetParametersByPath";
        let request = if misjudged { upstream::as_root(request, &call.access_key) } else { request };
        match self.upstream.forward(&request).await {
            Ok(answer) => {
                if refusal::code_of(&answer).is_some_and(|code| code.starts_with("AccessDenied")) {
                    self.ledger.refused_elsewhere(caller, call, self.clock.now_millis());
                }
                answer
            }
            Err(error) => upstream::bad_gateway(&error),
        }
    }

    async fn answer_with(
        &self,
        request: AwsRequest,
        call: &Call,
        caller: &str,
        fault: Option<&FaultKind>,
    ) -> AwsAnswer {
        match fault {
            Some(FaultKind::Error { status, code, message }) => {
                let status = http::StatusCode::from_u16(*status).unwrap_or(http::StatusCode::BAD_REQUEST);
                let fault = AwsFault { status, code: code.clone(), message: message.clone() };
                return refusal::answer(call, &fault);
            }
            Some(FaultKind::Throttle) => return refusal::answer(call, &refusal::throttled(call)),
            Some(FaultKind::Latency { millis, when: Moment::Before }) => {
                tokio::time::sleep(Duration::from_millis(*millis)).await;
            }
            Some(FaultKind::Latency { .. } | FaultKind::LostAnswer | FaultKind::Kill(_)) | None => {}
        }
        if let Err(message) = self.ledger.check(caller, call, self.clock.now_millis()) {
            return refusal::answer(call, &refusal::access_denied(call, message));
        }
        if (call.service.as_str(), call.operation.as_str()) == ("sts", "AssumeRole") {
            let (answer, session) = self.accounts.assume(caller, call);
            // The role's policies were read when it was added.
            let _ = session.map(|(key, role)| self.ledger.register([key], &role, None));
            return answer;
        }
        let is_session = self.accounts.of_session(&call.access_key).is_some();
        if !is_session
            && caller != LAB
            && let Some(name) = self.accounts.foreign(call, &request)
        {
            let message = self.ledger.refuse(
                caller,
                call,
                &format!("{name}, which is in another account"),
                self.clock.now_millis(),
            );
            return refusal::answer(call, &refusal::access_denied(call, message));
        }
        let service = self.services.read().unwrap_or_else(PoisonError::into_inner).get(&call.service).map(Arc::clone);
        if let Some(service) = service {
            return service.handle(request).await;
        }
        let part = self.parts.read().unwrap_or_else(PoisonError::into_inner).get(&call.service).map(Arc::clone);
        if let Some(part) = part
            && let Some(answer) = part.handle_some(request.clone()).await
        {
            return answer;
        }
        self.forward(request, call, caller).await
    }
}
