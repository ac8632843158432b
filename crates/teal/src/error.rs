//! The closed set of error names. The state machine routes by them, so they are stable strings.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! error_names {
    ($($(#[$doc:meta])* $name:ident: $disposition:ident,)*) => {
        /// Why a step could not go on. [`ErrorName::as_str`] is what the state machine's `Catch` and `Retry` match.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorName { $($(#[$doc])* $name,)* }

        impl ErrorName {
            /// Every name there is.
            pub const ALL: &'static [ErrorName] = &[$(ErrorName::$name,)*];

            /// The stable string, for example `Teal.RouteBusy`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorName::$name => concat!("Teal.", stringify!($name)),)* }
            }

            /// What the state machine does with it.
            #[must_use]
            pub const fn disposition(self) -> Disposition {
                match self { $(ErrorName::$name => Disposition::$disposition,)* }
            }
        }
    };
}

/// What the state machine does with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The release never began: `Accept` ends in `Refused`, and nothing was touched.
    Refuse,
    /// `Accept` waits for it to pass, for about an hour; if it stays, the release never began.
    Wait,
    /// Worth another try after a pause; if it stays, the release rolls back.
    Retry,
    /// The release rolls back.
    RollBack,
}

error_names! {
    /// The plan has problems; all of them are in the message.
    PlanInvalid: Refuse,
    /// The plan that a start refers to cannot be had: it does not exist, may not be read, is too large, or is no YAML.
    PlanUnreadable: Refuse,
    /// A listener, rule, target group, service or task definition that the plan names does not exist.
    NotFound: Refuse,
    /// The route cannot be shifted as it is: it does not split between two target groups, or neither has all the weight.
    RouteNotShiftable: Refuse,
    /// An earlier execution of this name left a record, which is another release's.
    NameTaken: Refuse,
    /// Another release holds the route.
    RouteBusy: Refuse,
    /// Another release holds the route; it was asked to go back to blue, and this one begins when it has. Or a deployment goes back whose release has ended.
    RouteSuperseding: Wait,
    /// An alarm that would roll the release back fires already.
    AlarmFiring: Refuse,
    /// Blue does not serve as it should, so there is nothing safe to go back to.
    BlueNotHealthy: Refuse,
    /// An alarm that the plan names does not exist or cannot be read.
    AlarmUnreadable: Refuse,
    /// AWS refuses a call without which nothing can be begun: a permission is missing, or what the plan names cannot be used.
    CannotBegin: Refuse,
    /// Somebody else changed the route while Teal held it.
    RouteChanged: RollBack,
    /// The load balancer did not give back what was written, or another act is still under way.
    RouteNotSettled: Retry,
    /// Green did not become healthy in time, or lost its health.
    GreenNotHealthy: RollBack,
    /// A validation check failed.
    ValidationFailed: RollBack,
    /// Live metrics say that green is worse than the plan allows.
    Regression: RollBack,
    /// The deployment that moves the traffic failed, was stopped, or takes its traffic back.
    DeploymentFailed: RollBack,
    /// An alarm went off.
    AlarmRaised: RollBack,
    /// There was not enough traffic to judge green by.
    InsufficientData: RollBack,
    /// A person said no at a gate.
    Rejected: RollBack,
    /// Nobody answered at a gate in time.
    ApprovalExpired: RollBack,
    /// A person ended the release.
    Aborted: RollBack,
    /// The release took longer than its plan allows.
    DeadlineExceeded: RollBack,
    /// No release of that name is on record.
    ReleaseUnknown: RollBack,
    /// The record does not allow this step now.
    IllegalTransition: RollBack,
    /// Another function changed the record meanwhile; read it again.
    RecordChanged: Retry,
    /// AWS throttled the call.
    Throttled: Retry,
    /// AWS did not answer, or answered with a fault of its own.
    Unavailable: Retry,
    /// AWS refused the call: a permission is missing.
    AccessDenied: RollBack,
    /// AWS refused the call for another reason.
    CallRefused: RollBack,
    /// A defect in Teal.
    Internal: RollBack,
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ErrorName {
    type Err = UnknownErrorName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|name| name.as_str() == text).ok_or(UnknownErrorName)
    }
}

/// The text is not one of Teal's error names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of Teal's error names")]
pub struct UnknownErrorName;

impl Serialize for ErrorName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom(format!("{text:?} is not one of Teal's error names")))
    }
}

/// An error with a name for the machine and a sentence for the person: what, where, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct TealError {
    pub name: ErrorName,
    pub message: String,
}

impl TealError {
    /// An error with its sentence.
    #[must_use]
    pub fn new(name: ErrorName, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }
}

/// What every fallible operation of the core gives.
pub type TealResult<T> = Result<T, TealError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself() {
        for name in ErrorName::ALL {
            assert_eq!(name.as_str().parse(), Ok(*name));
            let json = serde_json::to_string(name).unwrap();
            assert_eq!(serde_json::from_str::<ErrorName>(&json).unwrap(), *name);
        }
        assert!("Teal.Nonsense".parse::<ErrorName>().is_err());
    }
}
