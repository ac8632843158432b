//! Green that somebody else brings up: Teal only watches the targets of the two destinations.

use super::{FleetFacts, PlannedGreen, Runner, RunnerFacts, RunsColour};
use crate::plan::check::no_rules;
use crate::plan::defaults;
use crate::ports::{PortError, PortResult, Progress, Router, RunnerReading, Survey, TargetHealth};
use crate::route::{Colours, Destination, DestinationKind};
use crate::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What every order of such a green says that it runs.
const RUNS: &str = "what is registered there";

/// Green that somebody else brings up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalGreen {
    /// How many targets of green must be healthy. Without this: as many as blue has when the release starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_healthy: Option<u32>,
    /// How long they may take. From 30s to 2h.
    #[serde(default = "defaults::ready_within")]
    pub ready_within: Span,
}

impl PlannedGreen for ExternalGreen {
    const FACTS: FleetFacts = FleetFacts {
        field: "external",
        version: None,
        texts: &[],
        is_brought_up: false,
        behind: &[DestinationKind::TargetGroup, DestinationKind::Flag, DestinationKind::Environment],
        check: no_rules,
    };

    fn ready_within(&self) -> Span {
        self.ready_within
    }
}

/// Whatever somebody else registers there.
impl RunsColour for Destination {
    fn name(&self) -> &str {
        Destination::name(self)
    }

    fn facts(&self) -> RunnerFacts {
        RunnerFacts {
            noun: self.noun(),
            units: "targets",
            version_noun: "version",
            system: "its owner",
            has_units: self.has_units(),
            is_sized_by_teal: false,
            left_because: Some("Teal did not bring it up, so taking it in is its owner's"),
            comes_in_stages: false,
        }
    }

    fn comes_by_itself(&self, desired: u32) -> Option<String> {
        let (noun, name) = (self.noun(), self.name());
        Some(if self.has_units() {
            format!("green is brought up by somebody else: {noun} {name} must have {desired} healthy targets")
        } else {
            format!("green is {noun} {name}: there is nothing to bring up")
        })
    }
}

/// The fleet of somebody else, as it shows behind a route. Nothing of it is AWS's own, so every adapter of the route can serve it.
#[derive(Clone, Copy, Debug)]
pub struct External<'a, R>(pub &'a R);

impl<R: Router> External<'_, R> {
    /// What is registered now; green is to have as many healthy targets as blue has, unless the plan says otherwise.
    ///
    /// # Errors
    /// Those of [`Router::targets`].
    pub async fn survey(&self, green: &ExternalGreen, colours: &Colours) -> PortResult<Survey> {
        let healthy = self.healthy(&colours.blue).await?;
        Ok(Survey {
            blue: RunnerReading {
                runner: Runner::External(colours.blue.clone()),
                desired: green.min_healthy.unwrap_or(healthy),
                settings: BTreeMap::new(),
            },
            green: Runner::External(colours.green.clone()),
            present: None,
            runs: RUNS.to_owned(),
            lacking: Vec::new(),
            green_version: BTreeMap::new(),
            blue_version: BTreeMap::new(),
        })
    }

    /// How many targets of a destination are healthy.
    ///
    /// # Errors
    /// Those of [`Router::targets`].
    pub async fn progress(&self, destination: &Destination) -> PortResult<Progress> {
        let healthy = self.healthy(destination).await?;
        Ok(Progress { desired: healthy, running: healthy, current: true, failed: None, events: Vec::new() })
    }

    /// Why its size is not changed.
    ///
    /// # Errors
    /// Always [`PortError::Refused`].
    pub fn resize(&self, destination: &Destination) -> PortResult<()> {
        let message = format!("{} {destination} is sized by whoever brought it up", destination.noun());
        Err(PortError::Refused { call: "scaling", message })
    }

    async fn healthy(&self, destination: &Destination) -> PortResult<u32> {
        let targets = self.0.targets(destination).await?;
        let healthy = targets.iter().filter(|target| target.health == TargetHealth::Healthy).count();
        Ok(u32::try_from(healthy).unwrap_or(u32::MAX))
    }
}
