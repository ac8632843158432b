//! The resources of the control plane, as the API describes them.

use crate::plane::{Balancer, Group, ListenerHandle};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use teal_lab_wire::{ACCOUNT, Millis, REGION};

/// Attributes and tags, sorted by key.
pub(crate) type Pairs = BTreeMap<String, String>;

/// What a load balancer balances: requests or flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Application,
    Network,
}

impl Kind {
    /// `Type` in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Network => "network",
        }
    }

    /// What follows `loadbalancer/` in the ARN.
    pub(crate) fn arn_part(self) -> &'static str {
        match self {
            Self::Application => "app",
            Self::Network => "net",
        }
    }

    /// The protocols that its listeners speak, as far as the lab serves them.
    ///
    /// Source: API Reference, CreateListener, Protocol.
    pub(crate) fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::Application => &["HTTP", "HTTPS"],
            Self::Network => &["TCP", "TLS", "UDP", "TCP_UDP"],
        }
    }
}

#[derive(Debug)]
pub(crate) struct LoadBalancer {
    pub(crate) arn: String,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) created: Millis,
    pub(crate) scheme: &'static str,
    pub(crate) ip_address_type: &'static str,
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) address: Ipv4Addr,
    pub(crate) attributes: Pairs,
    pub(crate) balancer: Arc<Balancer>,
}

#[derive(Debug)]
pub(crate) struct TargetGroup {
    pub(crate) arn: String,
    pub(crate) settings: TargetGroupSettings,
    pub(crate) attributes: Pairs,
    pub(crate) group: Arc<Group>,
}

/// What CreateTargetGroup takes; equal settings make a second call with the same name succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetGroupSettings {
    pub(crate) name: String,
    pub(crate) protocol: &'static str,
    /// Of target groups of HTTP and HTTPS.
    pub(crate) protocol_version: Option<&'static str>,
    pub(crate) port: u16,
    pub(crate) vpc_id: String,
    pub(crate) target_type: &'static str,
    pub(crate) ip_address_type: &'static str,
    pub(crate) health_check: HealthCheck,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HealthCheck {
    pub(crate) protocol: &'static str,
    /// `traffic-port` or a number.
    pub(crate) port: String,
    /// Absent for checks by TCP, which only connect.
    pub(crate) http: Option<HttpCheck>,
    pub(crate) interval_seconds: u64,
    pub(crate) timeout_seconds: u64,
    pub(crate) healthy_threshold: u32,
    pub(crate) unhealthy_threshold: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpCheck {
    pub(crate) path: String,
    /// `200`, `200,202` or `200-299`.
    pub(crate) matcher: String,
}

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) arn: String,
    pub(crate) load_balancer_arn: String,
    pub(crate) port: u16,
    pub(crate) protocol: &'static str,
    pub(crate) ssl_policy: Option<String>,
    pub(crate) certificates: Vec<String>,
    pub(crate) default_actions: Vec<Action>,
    /// Every listener has a default rule of its own ARN.
    pub(crate) default_rule_arn: String,
    pub(crate) handle: ListenerHandle,
}

impl Listener {
    /// Of its load balancer; the protocols tell them apart.
    pub(crate) fn kind(&self) -> Kind {
        if Kind::Application.protocols().contains(&self.protocol) { Kind::Application } else { Kind::Network }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) arn: String,
    pub(crate) listener_arn: String,
    /// 1-50000.
    pub(crate) priority: u32,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) actions: Vec<Action>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    /// 1-50000, as the caller sent it.
    pub(crate) order: Option<u32>,
    pub(crate) kind: ActionKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActionKind {
    Forward(Forward),
    FixedResponse { status: u16, content_type: Option<String>, body: Option<String> },
    Redirect(Redirect),
    Authenticate(Authenticate),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    /// Target group ARN and weight (0-999), 1 to 5 of them.
    pub(crate) groups: Vec<(String, u16)>,
    pub(crate) sticky: bool,
    /// 1-604800.
    pub(crate) sticky_seconds: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) protocol: String,
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// 301 or 302.
    pub(crate) status: u16,
}

/// An `authenticate-oidc` or `authenticate-cognito` action: kept and described, not enacted. The client secret is not
/// kept at all, only that there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authenticate {
    pub(crate) kind: AuthenticateKind,
    /// Field and value, in the API's order.
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) extra_params: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthenticateKind {
    Oidc,
    Cognito,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    PathPattern(Vec<String>),
    HostHeader(Vec<String>),
    HttpHeader {
        name: String,
        values: Vec<String>,
    },
    /// Key (absent: any) and value.
    QueryString(Vec<(Option<String>, String)>),
    HttpRequestMethod(Vec<String>),
}

impl ActionKind {
    pub(crate) fn forward(&self) -> Option<&Forward> {
        match self {
            Self::Forward(forward) => Some(forward),
            _ => None,
        }
    }
}

impl TargetGroupSettings {
    /// The kind of load balancer that takes such a target group.
    pub(crate) fn kind(&self) -> Kind {
        if Kind::Application.protocols().contains(&self.protocol) { Kind::Application } else { Kind::Network }
    }
}

/// The forward of an action list; a list has at most one.
pub(crate) fn forward_of(actions: &[Action]) -> Option<&Forward> {
    actions.iter().find_map(|action| action.kind.forward())
}

/// Everything the account has.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) load_balancers: BTreeMap<String, LoadBalancer>,
    pub(crate) target_groups: BTreeMap<String, TargetGroup>,
    pub(crate) listeners: BTreeMap<String, Listener>,
    pub(crate) rules: BTreeMap<String, Rule>,
    /// Tags by resource ARN.
    pub(crate) tags: BTreeMap<String, Pairs>,
}

impl Account {
    /// The action lists of one load balancer's listeners and rules.
    pub(crate) fn action_lists<'a>(&'a self, load_balancer_arn: &'a str) -> impl Iterator<Item = &'a [Action]> {
        let listeners = self.listeners.values().filter(move |l| l.load_balancer_arn == load_balancer_arn);
        listeners.flat_map(|listener| {
            let rules = self.rules.values().filter(|rule| rule.listener_arn == listener.arn);
            std::iter::once(listener.default_actions.as_slice()).chain(rules.map(|rule| rule.actions.as_slice()))
        })
    }

    /// The load balancer that uses a target group; there is at most one.
    pub(crate) fn load_balancer_of(&self, target_group_arn: &str) -> Option<&LoadBalancer> {
        self.load_balancers.values().find(|balancer| {
            self.action_lists(&balancer.arn)
                .filter_map(forward_of)
                .any(|forward| forward.groups.iter().any(|(arn, _)| arn == target_group_arn))
        })
    }

    /// A listener's rules in the order in which they are tried, the default rule left out.
    pub(crate) fn rules_of(&self, listener_arn: &str) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.values().filter(|rule| rule.listener_arn == listener_arn).collect();
        rules.sort_by_key(|rule| rule.priority);
        rules
    }
}

/// The ARN of a resource of this service.
pub(crate) fn arn(resource: &str) -> String {
    format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:{resource}")
}
