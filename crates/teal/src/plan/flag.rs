//! A feature flag of AWS AppConfig.
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html>

use crate::route::{FlagRef, FlagState};
use crate::units::{Invalid, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A feature flag of AWS AppConfig that decides for each user which of two behaviours of one version they get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlagRoute {
    /// The application's id.
    pub application: AppConfigId,
    /// The environment's id.
    pub environment: AppConfigId,
    /// The id of the configuration profile, of type AWS.AppConfig.FeatureFlags in the hosted configuration store.
    pub profile: AppConfigId,
    /// The flag's key. It has an attribute `percentage` (a number), and may have `users` (a list of texts) and `salt` (a text).
    pub flag: FlagKey,
    /// What the release does with it: `on` in steps for everybody, or `off`.
    #[serde(default)]
    pub turn: Turn,
}

/// Which way a flag is turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Turn {
    /// Off is blue, on is green.
    #[default]
    On,
    /// On is blue, off is green.
    Off,
}

impl FlagRoute {
    /// The place where the flag's percentage is set.
    #[must_use]
    pub fn part(&self) -> FlagRef {
        FlagRef::new([self.application.as_str(), self.environment.as_str(), self.profile.as_str(), self.flag.as_str()])
    }

    /// The behaviour that is released.
    #[must_use]
    pub fn green(&self) -> FlagState {
        self.part().state(self.turn == Turn::On)
    }
}

text_newtype! {
    /// An id of AWS AppConfig: 4 to 7 lower-case letters and digits.
    AppConfigId {
        noun: "an id of AWS AppConfig",
        pattern: r"^[a-z0-9]{4,7}$",
        examples: &["abc1234"],
        check: check_id,
    }
}

text_newtype! {
    /// A feature flag's key: a lower-case letter, then up to 63 letters, digits, underscores and hyphens.
    FlagKey {
        noun: "a feature flag's key",
        pattern: r"^[a-z][a-zA-Z0-9_-]{0,63}$",
        examples: &["new-checkout"],
        check: check_key,
    }
}

fn check_id(text: &str) -> Result<(), Invalid> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if (4..=7).contains(&text.len()) && text.chars().all(is_part) {
        return Ok(());
    }
    Err(Invalid::new(
        "it is not 4 to 7 lower-case letters and digits",
        "Write the id, not the name: the console and `aws appconfig list-applications` show it",
    ))
}

fn check_key(text: &str) -> Result<(), Invalid> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= 64 && text.chars().all(is_part) {
        return Ok(());
    }
    Err(Invalid::new(
        "it is not a lower-case letter followed by at most 63 letters, digits, underscores and hyphens",
        "Write the flag's key, such as \"new-checkout\"",
    ))
}
