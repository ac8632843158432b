//! A feature flag as a place where traffic is split: between two behaviours of one version, by user.

use crate::plan::{AppConfigId, FlagKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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
