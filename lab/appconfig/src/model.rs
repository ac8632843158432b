//! What there is.

use crate::deployment::{Deployment, State, Strategy};
use serde_json::Value;
use std::collections::BTreeMap;
use teal_lab_wire::Millis;

/// By application and the id in it.
pub(crate) type Key = (String, String);

#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Names by id.
    pub(crate) applications: BTreeMap<String, String>,
    pub(crate) environments: BTreeMap<Key, String>,
    pub(crate) profiles: BTreeMap<Key, Profile>,
    pub(crate) strategies: BTreeMap<String, Strategy>,
    /// By application and environment, oldest first.
    pub(crate) deployments: BTreeMap<Key, Vec<Deployment>>,
    /// By token.
    pub(crate) sessions: BTreeMap<String, Session>,
    ids: u64,
}

/// A configuration profile with the versions of its hosted configuration.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Version n is at n - 1.
    pub(crate) versions: Vec<Version>,
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) content_type: String,
    pub(crate) description: String,
    pub(crate) content: Vec<u8>,
}

/// A client of AppConfigData.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) application: String,
    pub(crate) environment: String,
    pub(crate) profile: String,
    /// Seconds.
    pub(crate) poll_interval: u32,
    pub(crate) next_poll_at: Millis,
    pub(crate) has: Option<String>,
}

/// A flag's value in a version that was deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct FlagChange {
    /// When clients could first be handed it (lab time).
    pub at: Millis,
    pub application: String,
    pub environment: String,
    pub profile: String,
    pub key: String,
    pub value: Value,
    /// Who started the deployment.
    pub access_key: Option<String>,
}

impl Model {
    pub(crate) fn new() -> Self {
        let strategies = Strategy::predefined().map(|strategy| (strategy.id.clone(), strategy));
        Self { strategies: strategies.into(), ..Self::default() }
    }

    /// An id as AppConfig makes them: seven letters and digits.
    pub(crate) fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("lab{:04x}", self.ids)
    }

    pub(crate) fn content(&self, application: &str, profile: &str, version: &str) -> Option<&Version> {
        let number: usize = version.parse().ok()?;
        self.profiles.get(&(application.to_owned(), profile.to_owned()))?.versions.get(number.checked_sub(1)?)
    }

    /// The newest deployment of a profile that clients are handed.
    pub(crate) fn served(
        &self,
        application: &str,
        environment: &str,
        profile: &str,
        now: Millis,
    ) -> Option<&Deployment> {
        let all = self.deployments.get(&(application.to_owned(), environment.to_owned()))?;
        all.iter().rev().find(|one| {
            // Which clients get a configuration early is not modelled: none does before all do.
            one.profile == profile && matches!(one.state(now), State::Baking | State::Complete)
        })
    }

    pub(crate) fn flag(
        &self,
        application: &str,
        environment: &str,
        profile: &str,
        key: &str,
        now: Millis,
    ) -> Option<Value> {
        let deployed = self.served(application, environment, profile, now)?;
        self.value(application, deployed, key)
    }

    fn value(&self, application: &str, deployed: &Deployment, key: &str) -> Option<Value> {
        let content = &self.content(application, &deployed.profile, &deployed.version)?.content;
        let document: Value = serde_json::from_slice(content).ok()?;
        document["values"].get(key).cloned()
    }

    pub(crate) fn flag_changes(&self, now: Millis) -> Vec<FlagChange> {
        let mut changes = Vec::new();
        for ((application, environment), deployments) in &self.deployments {
            for one in deployments.iter().filter(|one| matches!(one.state(now), State::Baking | State::Complete)) {
                let content = self.content(application, &one.profile, &one.version);
                let document: Value =
                    content.and_then(|version| serde_json::from_slice(&version.content).ok()).unwrap_or_default();
                for (key, value) in document["values"].as_object().into_iter().flatten() {
                    changes.push(FlagChange {
                        at: one.served_from(),
                        application: application.clone(),
                        environment: environment.clone(),
                        profile: one.profile.clone(),
                        key: key.clone(),
                        value: value.clone(),
                        access_key: one.access_key.clone(),
                    });
                }
            }
        }
        changes.sort_by_key(|change| change.at);
        changes
    }
}
