//! Alarms that a release may begin in spite of.

use crate::plan::AlarmName;
use crate::ports::{AlarmReading, AlarmState};
use crate::time::{Timestamp, after};
use serde::{Deserialize, Serialize};

/// How far apart CloudWatch's answers and its events may date one change of state, in seconds. An alarm is evaluated every ten
/// seconds at most, so two changes to ALARM are further apart.
const SAME_CHANGE_SECONDS: u64 = 1;

/// An alarm that was in ALARM when a release began whose plan allows that (`judge.startWhileAlarming`), and that has not been out of
/// it since, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Form")]
pub struct PassedOver {
    pub alarm: AlarmName,
    /// When it went into ALARM; records of older versions do not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Whether it had no data when it was read last. It was not OK then, and is not raised anew when it has some.
    #[serde(default, skip_serializing_if = "is_false")]
    pub silent: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl PassedOver {
    /// An alarm as it is in ALARM when the release begins.
    #[must_use]
    pub const fn new(alarm: AlarmName, since: Option<Timestamp>) -> Self {
        Self { alarm, since, silent: false }
    }

    /// Heeds what is read now. Whether it says that the alarm was OK in between: it is, or it is in ALARM since another moment and did
    /// not lose its data meanwhile.
    #[must_use]
    pub fn is_over(&mut self, reading: &AlarmReading) -> bool {
        match reading.state {
            AlarmState::Ok => true,
            AlarmState::Alarm if self.silent => {
                (self.since, self.silent) = (reading.since, false);
                false
            }
            AlarmState::Alarm => reading.since.is_some_and(|at| self.is_before(at, false)),
            AlarmState::InsufficientData => {
                self.silent = true;
                false
            }
        }
    }

    /// Whether an alarm that went into ALARM at this moment must have been OK before, as `was_ok` says where it is known to have been. Where it is
    /// not known since when it was in ALARM, it may be the same change.
    #[must_use]
    pub fn is_before(&self, raised_at: Timestamp, was_ok: bool) -> bool {
        (was_ok || !self.silent) && self.since.is_some_and(|since| raised_at > after(since, SAME_CHANGE_SECONDS))
    }
}

/// As records have it: older ones have the name only.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Name(AlarmName),
    Since {
        alarm: AlarmName,
        #[serde(default)]
        since: Option<Timestamp>,
        #[serde(default)]
        silent: bool,
    },
}

impl From<Form> for PassedOver {
    fn from(form: Form) -> Self {
        match form {
            Form::Name(alarm) => Self::new(alarm, None),
            Form::Since { alarm, since, silent } => Self { alarm, since, silent },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> PassedOver {
        serde_json::from_value(value).unwrap()
    }

    fn reading(state: AlarmState, since: &str) -> AlarmReading {
        let (name, reason) = ("checkout-5xx".parse().unwrap(), String::new());
        AlarmReading { name, state, reason, since: Some(since.parse().unwrap()) }
    }

    #[test]
    fn it_is_over_when_the_alarm_is_ok_or_raised_anew() {
        let known = read(json!({"alarm": "checkout-5xx", "since": "2026-11-23T10:00:00.985Z"}));
        for (state, since, over) in [
            (AlarmState::Alarm, "2026-11-23T10:00:00.985Z", false),
            (AlarmState::Alarm, "2026-11-23T10:00:01Z", false),
            (AlarmState::Alarm, "2026-11-23T10:00:10.985Z", true),
            (AlarmState::InsufficientData, "2026-11-23T10:00:10.985Z", false),
            (AlarmState::Ok, "2026-11-23T10:00:10.985Z", true),
        ] {
            assert_eq!(known.clone().is_over(&reading(state, since)), over, "{state:?} since {since}");
        }
    }

    #[test]
    fn one_that_lost_its_data_was_not_ok_and_is_passed_over_when_it_has_some_again() {
        let mut known = read(json!({"alarm": "checkout-5xx", "since": "2026-11-23T10:00:00Z"}));
        assert!(!known.is_over(&reading(AlarmState::InsufficientData, "2026-11-23T10:05:00Z")));
        known = read(serde_json::to_value(&known).unwrap());
        let raised_at = "2026-11-23T10:09:00Z".parse().unwrap();
        assert!(!known.is_before(raised_at, false), "its event, after it had no data");
        assert!(known.is_before(raised_at, true), "its event, after it was OK");
        assert!(!known.is_over(&reading(AlarmState::Alarm, "2026-11-23T10:09:00Z")));
        assert!(!known.is_over(&reading(AlarmState::Alarm, "2026-11-23T10:09:00Z")), "the same change");
        assert!(known.is_over(&reading(AlarmState::Alarm, "2026-11-23T10:12:00Z")));
    }

    #[test]
    fn records_of_older_versions_have_the_name_only_and_it_is_over_when_it_was_seen_ok() {
        let mut known = read(json!("checkout-5xx"));
        assert_eq!(known, PassedOver::new("checkout-5xx".parse().unwrap(), None));
        assert!(!known.is_over(&reading(AlarmState::Alarm, "2026-11-23T10:00:10Z")));
        assert!(known.is_over(&reading(AlarmState::Ok, "2026-11-23T10:00:10Z")));
        assert_eq!(read(serde_json::to_value(&known).unwrap()), known);
    }
}
