//! What there is: environments, versions, configuration templates.

use crate::Move;
use std::collections::BTreeMap;
use teal_lab_wire::Millis;

#[derive(Debug, Default)]
pub(crate) struct State {
    /// By name. Terminated ones are gone.
    pub(crate) environments: BTreeMap<String, Environment>,
    /// The bundles' keys by application and label.
    pub(crate) versions: BTreeMap<(String, String), String>,
    /// By application and name.
    pub(crate) templates: BTreeMap<(String, String), Options>,
    /// Oldest first.
    pub(crate) events: Vec<Event>,
    pub(crate) moves: Vec<Move>,
    /// Names that have a relay.
    pub(crate) relayed: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub(crate) name: String,
    /// `e-` and ten letters or digits.
    pub(crate) id: String,
    pub(crate) application: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) operations_role: Option<String>,
    pub(crate) cname: String,
    pub(crate) status: Status,
    pub(crate) health: &'static str,
    pub(crate) options: Options,
    pub(crate) created: Millis,
    pub(crate) parts: Parts,
}

/// What an environment is made of, as far as it is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) target_group: Option<String>,
    /// Its own, or the one that it shares.
    pub(crate) load_balancer: Option<String>,
    /// Address and port of the load balancer's listener.
    pub(crate) endpoint: Option<String>,
    /// Of a load balancer of its own.
    pub(crate) listener: Option<String>,
    /// On a listener of one that it shares.
    pub(crate) rule: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) instances: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Launching,
    Updating,
    Ready,
    Terminating,
}

impl Status {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Launching => "Launching",
            Self::Updating => "Updating",
            Self::Ready => "Ready",
            Self::Terminating => "Terminating",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Millis,
    pub(crate) environment: String,
    pub(crate) severity: &'static str,
    pub(crate) message: String,
}

/// Option settings by namespace and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options(pub(crate) BTreeMap<(String, String), String>);

impl Options {
    /// An option, or what it is by default.
    pub(crate) fn get<'a>(&'a self, namespace: &str, name: &str, default: &'a str) -> &'a str {
        self.0.get(&(namespace.to_owned(), name.to_owned())).map_or(default, String::as_str)
    }
}

impl State {
    pub(crate) fn note(&mut self, at: Millis, environment: &str, severity: &'static str, message: impl Into<String>) {
        self.events.push(Event { at, environment: environment.to_owned(), severity, message: message.into() });
    }

    /// The environment with a name or an id.
    pub(crate) fn find(&self, name_or_id: &str) -> Option<&Environment> {
        self.environments.values().find(|one| one.name == name_or_id || one.id == name_or_id)
    }
}
