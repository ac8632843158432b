//! Deployments, and how long they take.
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-creating-deployment-strategy.html>

use serde_json::{Value, json};
use teal_lab_wire::{Millis, iso8601};

/// How long a deployment is under way without duration and bake, and how long rolling back takes: on AWS some seconds, of which nothing is
/// promised.
const MOMENTS: Millis = 5_000;

const MINUTE: Millis = 60_000;

#[derive(Clone, Debug)]
pub(crate) struct Strategy {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) minutes: i64,
    pub(crate) bake_minutes: i64,
    pub(crate) growth: f64,
    pub(crate) growth_type: String,
}

impl Strategy {
    pub(crate) fn at_once(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            minutes: 0,
            bake_minutes: 0,
            growth: 100.0,
            growth_type: "LINEAR".to_owned(),
        }
    }

    /// Those that AWS defines.
    pub(crate) fn predefined() -> [Self; 3] {
        [
            Self { bake_minutes: 10, ..Self::at_once("AppConfig.AllAtOnce") },
            Self {
                minutes: 1,
                bake_minutes: 1,
                growth: 50.0,
                ..Self::at_once("AppConfig.Linear50PercentEvery30Seconds")
            },
            Self {
                minutes: 20,
                bake_minutes: 10,
                growth: 10.0,
                growth_type: "EXPONENTIAL".to_owned(),
                ..Self::at_once("AppConfig.Canary10Percent20Minutes")
            },
        ]
    }

    pub(crate) fn shown(&self) -> Value {
        json!({
            "Id": self.id, "Name": self.name, "DeploymentDurationInMinutes": self.minutes, "GrowthType": self.growth_type,
            "GrowthFactor": self.growth, "FinalBakeTimeInMinutes": self.bake_minutes, "ReplicateTo": "NONE",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Deploying,
    Baking,
    Complete,
    RollingBack,
    RolledBack,
    Reverted,
}

impl State {
    pub(crate) const fn is_under_way(self) -> bool {
        matches!(self, State::Deploying | State::Baking | State::RollingBack)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            State::Deploying => "DEPLOYING",
            State::Baking => "BAKING",
            State::Complete => "COMPLETE",
            State::RollingBack => "ROLLING_BACK",
            State::RolledBack => "ROLLED_BACK",
            State::Reverted => "REVERTED",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) number: u64,
    pub(crate) profile: String,
    pub(crate) profile_name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) strategy: Strategy,
    pub(crate) started_at: Millis,
    /// When it was stopped while it was under way, or reverted.
    pub(crate) stopped_at: Option<Millis>,
    pub(crate) access_key: Option<String>,
}

impl Deployment {
    /// From when on all clients are handed its version.
    pub(crate) fn served_from(&self) -> Millis {
        self.started_at + MOMENTS + self.strategy.minutes * MINUTE
    }

    fn completed_at(&self) -> Millis {
        self.served_from() + self.strategy.bake_minutes * MINUTE
    }

    pub(crate) fn state(&self, now: Millis) -> State {
        match self.stopped_at {
            Some(at) if at >= self.completed_at() => State::Reverted,
            Some(at) if now < at + MOMENTS => State::RollingBack,
            Some(_) => State::RolledBack,
            None if now < self.served_from() => State::Deploying,
            None if now < self.completed_at() => State::Baking,
            None => State::Complete,
        }
    }

    pub(crate) fn summary(&self, now: Millis) -> Value {
        let state = self.state(now);
        let mut shown = json!({
            "DeploymentNumber": self.number,
            "ConfigurationProfileId": self.profile,
            "ConfigurationName": self.profile_name,
            "ConfigurationVersion": self.version,
            "DeploymentDurationInMinutes": self.strategy.minutes,
            "GrowthType": self.strategy.growth_type,
            "GrowthFactor": self.strategy.growth,
            "FinalBakeTimeInMinutes": self.strategy.bake_minutes,
            "State": state.as_str(),
            "PercentageComplete": if matches!(state, State::Baking | State::Complete) { 100.0 } else { 0.0 },
            "StartedAt": iso8601(self.started_at),
        });
        if state == State::Complete {
            shown["CompletedAt"] = iso8601(self.completed_at()).into();
        }
        shown
    }

    pub(crate) fn shown(&self, application: &str, environment: &str, now: Millis) -> Value {
        let mut shown = self.summary(now);
        shown["ApplicationId"] = application.into();
        shown["EnvironmentId"] = environment.into();
        shown["DeploymentStrategyId"] = self.strategy.id.as_str().into();
        shown["ConfigurationLocationUri"] = "hosted".into();
        shown["Description"] = self.description.as_str().into();
        shown["EventLog"] = json!([]);
        shown
    }
}
