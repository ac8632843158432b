//! The requests of a scenario.

use crate::load::{Arrivals, LoadProtocol};
use serde::Deserialize;
use teal::units::Span;

/// The load on production listeners.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadSpec {
    /// Requests per real second from the beginning on.
    pub rate: f64,
    /// What carries them.
    #[serde(default)]
    pub protocol: LoadProtocol,
    /// Later rates.
    #[serde(default)]
    pub changes: Vec<RateChange>,
    #[serde(default)]
    pub arrivals: Arrivals,
    /// Users who keep their cookies and send the requests in turn; 0 for users without cookies.
    #[serde(default)]
    pub sessions: usize,
    /// Whether connections serve one request after another, as most clients have it, and where nothing is said; otherwise each
    /// request has its own.
    #[serde(default)]
    pub keep_alive: Option<bool>,
    /// Users who name themselves in `x-user`, for feature flags; 0 for requests that name nobody.
    #[serde(default)]
    pub users: u32,
    /// How long such a user stays before another one comes in their place (lab time); for good if not said.
    #[serde(default)]
    pub session_life: Option<Span>,
    /// Where requests go, in turn.
    #[serde(default = "default_targets")]
    pub targets: Vec<TargetSpec>,
}

/// From when on another rate holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateChange {
    /// Lab time since the load began.
    pub at: Span,
    pub rate: f64,
}

/// A port of the load balancer, and a path on it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetSpec {
    #[serde(default = "default_port")]
    pub port: u16,
    #[serde(default = "default_path")]
    pub path: String,
}

fn default_targets() -> Vec<TargetSpec> {
    vec![TargetSpec { port: default_port(), path: default_path() }]
}

/// The port of the template's production listener in the lab.
pub const PRODUCTION_PORT: u16 = 8080;

fn default_port() -> u16 {
    PRODUCTION_PORT
}

fn default_path() -> String {
    "/".into()
}

impl LoadSpec {
    /// What is wrong, with the path of the field.
    pub(super) fn check(&self) -> Result<(), String> {
        let rates = std::iter::once(self.rate).chain(self.changes.iter().map(|change| change.rate));
        if let Some(rate) = rates.into_iter().find(|rate| !(rate.is_finite() && *rate >= 0.0)) {
            return Err(format!("load: {rate} is not a rate"));
        }
        if self.targets.is_empty() {
            return Err("load.targets: there is none".into());
        }
        if self.protocol == LoadProtocol::Udp {
            // The first field that says something about clients who send more than one request.
            let fields = [
                ("keepAlive", self.keep_alive == Some(true)),
                ("sessions", self.sessions > 0),
                ("users", self.users > 0),
            ];
            if let Some((field, _)) = fields.into_iter().find(|(_, is_said)| *is_said) {
                return Err(format!(
                    "load.{field}: with `protocol: udp` every request is a flow of its own, without connections to keep, cookies or users"
                ));
            }
        }
        Ok(())
    }
}
