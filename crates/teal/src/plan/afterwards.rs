//! What happens once green has all the traffic.

use super::defaults;
use crate::units::{Share, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens once green has all the traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Afterwards {
    /// How long green is still judged at 100%, with blue at full capacity. 0s for not at all.
    #[serde(default = "defaults::after_bake")]
    pub bake: Span,
    /// How long blue is kept, counted from when green got 100% and its flags are for everybody, so that going back takes seconds. Green is
    /// judged all the while. At least `bake`.
    #[serde(default = "defaults::keep_blue")]
    pub keep_blue: Span,
}

impl Default for Afterwards {
    fn default() -> Self {
        Self { bake: defaults::after_bake(), keep_blue: defaults::keep_blue() }
    }
}

/// A step of the flags that go with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlagStep {
    /// The share of the users for whom the flags are turned, above 0% and below 100%.
    pub weight: Share,
    /// How long the version is judged like that, at least 1s. Clients poll, so every bake is a minute longer.
    pub bake: Span,
}
