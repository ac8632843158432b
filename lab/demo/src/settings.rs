//! The environment, read once.

use crate::{Behaviour, FlagSettings, LabTime};
use std::net::{Ipv4Addr, SocketAddr};

/// Everything the process was started with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    pub version: String,
    pub task: String,
    /// The ECS service; empty where there is none.
    pub service: String,
    /// The task's number in its service.
    pub task_number: u64,
    pub behaviour: Behaviour,
    /// The feature flag that another behaviour is behind.
    pub flag: Option<FlagSettings>,
    pub clock: LabTime,
}

/// A variable that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("TEAL_DEMO_BEHAVIOUR is not a behaviour: {0}")]
    Behaviour(#[from] serde_json::Error),
    #[error("TEAL_DEMO_FLAG is not a flag: {0}")]
    Flag(serde_json::Error),
    #[error("TEAL_DEMO_BEHAVIOUR has values out of range: {}", .0.join("; "))]
    Values(Vec<String>),
    #[error("{name} is `{value}`, not {expected}")]
    Value { name: &'static str, value: String, expected: &'static str },
}

impl Settings {
    /// Reads the variables through `variable`, which gives the value of a name.
    ///
    /// # Errors
    /// The first variable that cannot be understood.
    pub fn from_environment(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        fn parsed<T>(
            (name, value): (&'static str, Option<String>),
            parse: impl Fn(&str) -> Option<T>,
            expected: &'static str,
            default: impl FnOnce() -> T,
        ) -> Result<T, SettingsError> {
            let Some(value) = value else { return Ok(default()) };
            parse(&value).ok_or(SettingsError::Value { name, value, expected })
        }
        let named = |name| (name, variable(name));

        let behaviour: Behaviour = match variable("TEAL_DEMO_BEHAVIOUR") {
            Some(text) => serde_json::from_str(&text)?,
            None => Behaviour::default(),
        };
        let flag: Option<FlagSettings> = match variable("TEAL_DEMO_FLAG") {
            Some(text) => Some(serde_json::from_str(&text).map_err(SettingsError::Flag)?),
            None => None,
        };
        let mut problems = behaviour.problems();
        problems.extend(flag.iter().flat_map(|flag| flag.behaviour.problems()));
        if !problems.is_empty() {
            return Err(SettingsError::Values(problems));
        }
        Ok(Self {
            listen: parsed(
                named("TEAL_DEMO_LISTEN"),
                |text| text.parse().ok(),
                "an address such as 127.0.0.1:0",
                || SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            )?,
            version: variable("TEAL_DEMO_VERSION").unwrap_or_else(|| "unversioned".to_owned()),
            task: variable("TEAL_LAB_TASK").unwrap_or_else(|| std::process::id().to_string()),
            service: variable("TEAL_LAB_SERVICE").unwrap_or_default(),
            task_number: parsed(
                named("TEAL_LAB_TASK_NUMBER"),
                |text| text.parse().ok(),
                "a whole number from 0",
                || 0,
            )?,
            behaviour,
            flag,
            clock: parsed(
                named("TEAL_LAB_CLOCK"),
                LabTime::parse,
                "<origin in Unix milliseconds>:<scale above 0>",
                LabTime::wall,
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> Result<Settings, SettingsError> {
        let value = value.to_owned();
        Settings::from_environment(move |asked| (asked == name).then(|| value.clone()))
    }

    #[test]
    fn an_empty_environment_is_enough() {
        let settings = Settings::from_environment(|_| None).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:0");
        assert_eq!(settings.behaviour, Behaviour::default());
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (name, value) in [
            ("TEAL_DEMO_BEHAVIOUR", "{"),
            ("TEAL_DEMO_BEHAVIOUR", r#"{"phases": [{"errorRate": 2}]}"#),
            ("TEAL_DEMO_FLAG", r#"{"key": "f"}"#),
            ("TEAL_DEMO_LISTEN", "localhost"),
            ("TEAL_LAB_CLOCK", "now"),
            ("TEAL_LAB_TASK_NUMBER", "-1"),
        ] {
            let problem = with(name, value).unwrap_err().to_string();
            assert!(problem.contains(name), "{problem}");
        }
    }
}
