//! A feature flag of AWS AppConfig as a place where traffic is split: between two behaviours of one version, by user.
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html>

use super::kind::{Granularity, GreenReached, MovedBy, PlannedRoute, RouteFacts, SplitsTraffic, TakesTraffic};
use super::meter::{DimensionOf, Meter};
use super::{Destination, DestinationKind, Named, PartRef, RouteKind};
use crate::fleet::Green;
use crate::plan::check::{Fields, Findings, check_useless};
use crate::plan::problem::Path;
use crate::plan::texts::kind;
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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

/// Clients poll: AppConfig's agent every 45 s unless it is told otherwise.
/// <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-integration-lambda-extensions-config.html>
const PROPAGATION: Span = Span::minutes(1);

impl Meter {
    /// It hands flags out and sees no requests: the service counts its own.
    pub const APP_CONFIG: Self = Self {
        namespace: "AWS/AppConfig",
        of_requests: None,
        counts: "counts no requests: AppConfig hands out the flag and does not see who is served",
        counts_unrouted: false,
        knows_zones: false,
        is_greens_own: false,
        dimensions: &[("Flag", DimensionOf::Route), ("Variant", DimensionOf::Destination)],
    };
}

impl PlannedRoute for FlagRoute {
    const FACTS: RouteFacts = RouteFacts {
        sends_to: DestinationKind::Flag,
        granularity: Granularity::Permille,
        meter: Meter::APP_CONFIG,
        propagation: PROPAGATION,
        given_back_within: PROPAGATION,
        may_take_no_http: false,
        // It is its owners' to turn at any time.
        is_kept_between_releases: false,
        lists_idle: true,
        green_reached: GreenReached::OnlyByTest,
        moved_by: MovedBy::NOBODY,
        texts: &[kind::<AppConfigId>(), kind::<FlagKey>()],
        check,
    };

    fn parts(&self) -> Vec<PartRef> {
        vec![PartRef::Flag(self.part())]
    }

    fn named(&self, _green: &Green) -> Named {
        Named::Green(Destination::Flag(self.green()))
    }
}

/// Reports what a flag has no use for: it has neither targets nor an address, and no stack template sets its percentage.
fn check(_flag: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    let useless = [
        ("green.external.minHealthy", "a flag has no targets"),
        ("traffic.test.listener", "no listener leads to one state of a flag"),
        ("traffic.test.rule", "no rule leads to one state of a flag"),
        ("traffic.weightParameters", "a flag's percentage is in its configuration, which no stack template reads"),
    ];
    for (place, why) in useless {
        check_useless(place, why, "Leave it out", fields, findings);
    }
}

impl SplitsTraffic for FlagRef {
    fn noun(&self) -> &'static str {
        "flag"
    }

    fn kind(&self) -> RouteKind {
        RouteKind::Flag
    }

    fn key(&self) -> &str {
        self.as_str()
    }
}

impl TakesTraffic for FlagState {
    const NOUN: &'static str = "flag";
    const PLURAL: &'static str = "behaviours of the version that runs already";

    fn full_name(&self) -> &str {
        self.as_str()
    }

    fn name(&self) -> &str {
        self.word()
    }

    /// Both behaviours are in every unit of the version that runs.
    fn has_units(&self) -> bool {
        false
    }
}

/// What the name of a flag begins with.
const SYSTEM: &str = "appconfig:";

/// A feature flag in one environment, as `appconfig:<application>/<environment>/<profile>/<flag>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlagRef(String);

impl FlagRef {
    pub(crate) fn new(parts: [&str; 4]) -> Self {
        Self(format!("{SYSTEM}{}", parts.join("/")))
    }

    /// Its whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Application, environment, profile and the flag's key.
    #[must_use]
    pub fn parts(&self) -> [&str; 4] {
        let mut parts = self.0[SYSTEM.len()..].split('/');
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    }

    /// The behaviour of those for whom it is on, or off.
    #[must_use]
    pub fn state(&self, on: bool) -> FlagState {
        FlagState(format!("{}#{}", self.0, word(on)))
    }
}

impl fmt::Display for FlagRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FlagRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix(SYSTEM).ok_or_else(|| format!("{text:?} does not begin with {SYSTEM:?}"))?;
        let parts: Vec<&str> = rest.split('/').collect();
        let [application, environment, profile, flag] = parts[..] else {
            return Err(format!("{text:?} has not the form {SYSTEM}application/environment/profile/flag"));
        };
        for id in [application, environment, profile] {
            id.parse::<AppConfigId>().map_err(|invalid| invalid.to_string())?;
        }
        flag.parse::<FlagKey>().map_err(|invalid| invalid.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

impl Serialize for FlagRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FlagRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One of the two behaviours that a flag decides between: the flag's name, then `#on` or `#off`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlagState(String);

impl FlagState {
    /// Its whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of those for whom the flag is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.ends_with("#on")
    }

    /// `on` or `off`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        word(self.is_on())
    }

    /// The flag.
    #[must_use]
    pub fn flag(&self) -> FlagRef {
        FlagRef(self.0[..self.0.len() - 1 - self.word().len()].to_owned())
    }
}

impl FromStr for FlagState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (flag, state) = text.rsplit_once('#').ok_or_else(|| format!("{text:?} ends neither in #on nor in #off"))?;
        let flag: FlagRef = flag.parse()?;
        match state {
            "on" => Ok(flag.state(true)),
            "off" => Ok(flag.state(false)),
            _ => Err(format!("{text:?} ends neither in #on nor in #off")),
        }
    }
}

const fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Destination, PartRef};

    const FLAG: &str = "appconfig:shop123/prod123/flag123/new-checkout";

    #[test]
    fn a_flag_and_its_two_states_read_back_as_they_were_written() {
        let flag: FlagRef = FLAG.parse().unwrap();
        assert_eq!(flag.parts(), ["shop123", "prod123", "flag123", "new-checkout"]);
        for on in [true, false] {
            let state = flag.state(on);
            assert_eq!((state.flag(), state.is_on()), (flag.clone(), on));
            let destination = Destination::Flag(state);
            assert_eq!(destination.as_str().parse(), Ok(destination.clone()));
        }
        let part = PartRef::Flag(flag);
        let json = serde_json::to_string(&part).unwrap();
        assert_eq!(serde_json::from_str::<PartRef>(&json).unwrap(), part);
        assert_eq!(part.key(), FLAG);
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        for text in
            ["", "appconfig:a/b/c/d", "appconfig:shop123/prod123/flag123", "appconfig:shop123/prod123/flag123/New"]
        {
            assert!(text.parse::<FlagRef>().is_err(), "{text:?}");
        }
        for text in [FLAG, &format!("{FLAG}#maybe"), "#on"] {
            assert!(text.parse::<FlagState>().is_err(), "{text:?}");
        }
    }
}
