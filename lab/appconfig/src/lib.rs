//! The lab's AWS AppConfig and AppConfigData.
//! <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/Welcome.html>
//!
//! As on AWS
//!
//! * an environment has one deployment at a time, whatever the profile, and `LatestDeploymentNumber` and `Latest-Version-Number` are locks;
//! * a deployment is under way for its duration and its bake, and for some seconds even without either; what is stopped rolls back, and
//!   what is complete can be reverted;
//! * feature flags are checked against their definitions when a version of them is made;
//! * clients are handed a flag's value alone, and of a flag that is disabled nothing but that; a token is good for one call, and polling
//!   faster than the session said is refused.
//!
//! Not modelled: configurations that are not hosted, validators, extensions, monitors, tags, multi-variant flags, experiments, pages of
//! lists.

mod api;
mod data;
mod deployment;
mod flags;
mod model;
mod wire;

pub use model::FlagChange;

use deployment::Strategy;
use model::Model;
use std::sync::{Mutex, MutexGuard, PoisonError};
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock};

/// AWS AppConfig.
#[derive(Debug)]
pub struct AppConfig {
    clock: LabClock,
    model: Mutex<Model>,
}

impl AppConfig {
    /// Without any application; with the deployment strategies that AWS defines.
    #[must_use]
    pub fn new(clock: LabClock) -> Self {
        Self { clock, model: Mutex::new(Model::new()) }
    }

    /// Answers a request signed for `appconfig`: both services sign so.
    #[must_use]
    pub fn handle(&self, request: &AwsRequest) -> AwsAnswer {
        api::answer(&mut self.model(), request, self.clock.now_millis())
    }

    /// Knows a deployment strategy that was made elsewhere: without growth and without bake.
    pub fn adopt_strategy(&self, id: &str) {
        self.model().strategies.insert(id.to_owned(), Strategy::at_once(id));
    }

    /// What each deployment so far did to the flags of its profile, oldest first.
    #[must_use]
    pub fn flag_changes(&self) -> Vec<FlagChange> {
        self.model().flag_changes(self.clock.now_millis())
    }

    /// The value of a flag as clients are handed it now, if it is deployed.
    #[must_use]
    pub fn flag(&self, application: &str, environment: &str, profile: &str, key: &str) -> Option<serde_json::Value> {
        self.model().flag(application, environment, profile, key, self.clock.now_millis())
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        // A panic while the lock was held is a defect that its own test shows; the others may go on.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
