//! What traffic can be sent to: the two things that share a route.

use super::kind::{self, TakesTraffic};
use super::{FlagState, FunctionVersion};
use crate::fleet::EnvironmentName;
use crate::plan::TargetGroupArn;
use serde::{Deserialize, Serialize};
use std::fmt;

// Destinations are sorted in this order, too.
kind::destinations! { ($)
    /// The behaviour of those for whom a feature flag is on, or off.
    Flag(FlagState);
    /// An Elastic Beanstalk environment. Its name has no colon, which every ARN has.
    Environment(EnvironmentName);
    /// A published version of a Lambda function: `name:42`.
    FunctionVersion(FunctionVersion);
    /// A target group of a load balancer.
    TargetGroup(TargetGroupArn);
}

impl Destination {
    /// What names it, in full.
    #[must_use]
    pub fn as_str(&self) -> &str {
        for_destination!(self, it => it.full_name())
    }

    /// What metrics call it: of a target group the value of CloudWatch's dimension `TargetGroup`, of a flag `on` or `off`, of a function's
    /// version that of `ExecutedVersion`.
    #[must_use]
    pub fn name_in_metrics(&self) -> &str {
        for_destination!(self, it => TakesTraffic::name_in_metrics(it))
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        for_destination!(self, it => TakesTraffic::name(it))
    }

    /// The version of a function that it is: what a test function is told to invoke, and what answers without an address.
    #[must_use]
    pub fn function_version(&self) -> Option<&FunctionVersion> {
        for_destination!(self, it => it.function_version())
    }

    /// Whether somebody brings up what answers there, and takes it in when it gets no traffic any more.
    #[must_use]
    pub fn has_units(&self) -> bool {
        for_destination!(self, it => it.has_units())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
