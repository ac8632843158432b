//! How long a step holds.

use crate::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long green is judged at a weight: a duration, or from a least to a most, within which the step ends as soon as
/// there is evidence that green is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Bake {
    For(Span),
    Between(BakeRange),
}

/// From a least to a most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BakeRange {
    /// The step ends this early if there is evidence that green is good enough (`accept`), and neither alarms nor limits
    /// say otherwise.
    pub min: Span,
    /// Without such evidence it lasts this long.
    pub max: Span,
}

impl Bake {
    /// How long the step holds if nothing ends it early.
    #[must_use]
    pub const fn longest(self) -> Span {
        match self {
            Self::For(span) => span,
            Self::Between(range) => range.max,
        }
    }

    /// When evidence that green is good enough may end the step, if it may at all before [`Bake::longest`].
    #[must_use]
    pub fn earliest(self) -> Option<Span> {
        match self {
            Self::Between(range) if range.min < range.max => Some(range.min),
            Self::For(_) | Self::Between(_) => None,
        }
    }
}
