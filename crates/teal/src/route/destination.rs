//! What traffic can be sent to: the two things that share a route.

use super::{FlagState, FunctionVersion};
use crate::plan::{EnvironmentName, TargetGroupArn};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One of the two things that share the traffic of a route. It is written as one string, whose form says what it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// A target group of a load balancer.
    TargetGroup(TargetGroupArn),
    /// The behaviour of those for whom a feature flag is on, or off.
    Flag(FlagState),
    /// An Elastic Beanstalk environment. Its name has no colon, which every ARN has.
    Environment(EnvironmentName),
    /// A published version of a Lambda function: `name:42`.
    FunctionVersion(FunctionVersion),
}

impl Destination {
    /// What names it, in full.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Destination::TargetGroup(arn) => arn.as_str(),
            Destination::Flag(state) => state.as_str(),
            Destination::Environment(name) => name.as_str(),
            Destination::FunctionVersion(version) => version.as_str(),
        }
    }

    /// What metrics call it: of a target group the value of CloudWatch's dimension `TargetGroup`, of a flag `on` or `off`, of a function's
    /// version that of `ExecutedVersion`.
    #[must_use]
    pub fn name_in_metrics(&self) -> &str {
        match self {
            Destination::TargetGroup(arn) => arn.dimension(),
            Destination::Flag(state) => state.word(),
            Destination::Environment(name) => name.as_str(),
            Destination::FunctionVersion(version) => version.number(),
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Destination::TargetGroup(arn) => arn.name(),
            Destination::Flag(state) => state.word(),
            Destination::Environment(name) => name.as_str(),
            Destination::FunctionVersion(version) => version.as_str(),
        }
    }

    /// What kind of thing it is, in words.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Destination::TargetGroup(_) => "target group",
            Destination::Flag(_) => "flag",
            Destination::Environment(_) => "environment",
            Destination::FunctionVersion(_) => "function version",
        }
    }

    /// The version of a function that it is: what a test function is told to invoke, and what answers without an address.
    #[must_use]
    pub const fn function_version(&self) -> Option<&FunctionVersion> {
        match self {
            Destination::FunctionVersion(version) => Some(version),
            Destination::TargetGroup(_) | Destination::Flag(_) | Destination::Environment(_) => None,
        }
    }

    /// Whether somebody brings up what answers there, and takes it in when it gets no traffic any more.
    #[must_use]
    pub const fn has_units(&self) -> bool {
        match self {
            Destination::TargetGroup(_) | Destination::Environment(_) | Destination::FunctionVersion(_) => true,
            // Both behaviours are in every unit of the version that runs.
            Destination::Flag(_) => false,
        }
    }
}

impl From<TargetGroupArn> for Destination {
    fn from(arn: TargetGroupArn) -> Self {
        Destination::TargetGroup(arn)
    }
}

impl From<FunctionVersion> for Destination {
    fn from(version: FunctionVersion) -> Self {
        Destination::FunctionVersion(version)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(state) = text.parse() {
            return Ok(Destination::Flag(state));
        }
        if let Ok(environment) = text.parse() {
            return Ok(Destination::Environment(environment));
        }
        if let Ok(version) = text.parse() {
            return Ok(Destination::FunctionVersion(version));
        }
        let arn: Result<TargetGroupArn, _> = text.parse();
        arn.map(Destination::TargetGroup).map_err(|invalid| format!("{text:?} is no destination of traffic: {invalid}"))
    }
}

impl Serialize for Destination {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
