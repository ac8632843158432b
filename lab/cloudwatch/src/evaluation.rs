//! When an alarm is in which state.
//!
//! Source: "Configuring how CloudWatch alarms treat missing data" in the CloudWatch user guide; the tables of that page
//! are the tables of the tests here.

use serde::{Deserialize, Serialize};

/// A state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum AlarmState {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl AlarmState {
    /// As the API writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// What a period without data counts as, where there is too little data to decide without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TreatMissingData {
    #[default]
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

/// How an alarm's data points lie to its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum ComparisonOperator {
    #[serde(rename = "GreaterThanOrEqualToThreshold")]
    GreaterOrEqual,
    #[serde(rename = "GreaterThanThreshold")]
    Greater,
    #[serde(rename = "LessThanThreshold")]
    Less,
    #[serde(rename = "LessThanOrEqualToThreshold")]
    LessOrEqual,
}

impl ComparisonOperator {
    pub(crate) fn is_breached_by(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Less => value < threshold,
            Self::LessOrEqual => value <= threshold,
        }
    }

    /// As the reasons of state changes put it.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }
}

/// "M out of N", and what is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Criteria {
    /// N.
    pub(crate) evaluation_periods: usize,
    /// M.
    pub(crate) data_points_to_alarm: usize,
    pub(crate) treat_missing_data: TreatMissingData,
}

impl Criteria {
    /// How many periods are looked at: more than N, in case some are missing. AWS gives only one example (5 for N = 3).
    pub(crate) fn evaluation_range(&self) -> usize {
        self.evaluation_periods + 2
    }

    /// The state for the periods of the evaluation range, oldest first: `None` is missing, `Some(true)` breaching.
    pub(crate) fn state(&self, periods: &[Option<bool>], current: AlarmState) -> AlarmState {
        let alarm_if = |breaching: usize| {
            if breaching >= self.data_points_to_alarm { AlarmState::Alarm } else { AlarmState::Ok }
        };
        let real: Vec<bool> = periods.iter().flatten().copied().collect();
        let breaching = |points: &[bool]| points.iter().filter(|breaching| **breaching).count();
        if real.len() >= self.evaluation_periods {
            return alarm_if(breaching(&real[real.len() - self.evaluation_periods..]));
        }
        let filled = self.evaluation_periods - real.len();
        let breaching = breaching(&real);
        let nothing_good = breaching == real.len();
        match self.treat_missing_data {
            TreatMissingData::Breaching => alarm_if(breaching + filled),
            TreatMissingData::NotBreaching => alarm_if(breaching),
            TreatMissingData::Ignore if nothing_good && breaching < self.data_points_to_alarm => current,
            TreatMissingData::Ignore => alarm_if(breaching),
            TreatMissingData::Missing if real.is_empty() => AlarmState::InsufficientData,
            TreatMissingData::Missing if nothing_good && self.oldest_is_old_enough(periods) => AlarmState::Alarm,
            TreatMissingData::Missing => alarm_if(breaching),
        }
    }

    /// The page's "premature alarm state": the oldest point is breaching and M periods old, everything since is
    /// breaching or missing.
    fn oldest_is_old_enough(&self, periods: &[Option<bool>]) -> bool {
        let oldest = periods.iter().position(Option::is_some);
        oldest.is_some_and(|oldest| periods.len() - oldest >= self.data_points_to_alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TreatMissingData::{Breaching, Ignore, Missing, NotBreaching};
    use proptest::prelude::*;

    fn periods(text: &str) -> Vec<Option<bool>> {
        text.split(' ')
            .map(|period| match period {
                "X" => Some(true),
                "0" => Some(false),
                _ => None,
            })
            .collect()
    }

    fn state(text: &str, m: usize, treat_missing_data: TreatMissingData, current: AlarmState) -> AlarmState {
        Criteria { evaluation_periods: 3, data_points_to_alarm: m, treat_missing_data }.state(&periods(text), current)
    }

    /// `None` stands for "retain current state".
    type Row = (&'static str, [Option<AlarmState>; 4]);

    fn check(m: usize, table: &[Row]) {
        for (text, expected) in table {
            for (treatment, expected) in [Missing, Ignore, Breaching, NotBreaching].into_iter().zip(expected) {
                for current in [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData] {
                    let got = state(text, m, treatment, current);
                    assert_eq!(got, expected.unwrap_or(current), "{text}, {m} out of 3, {treatment:?}");
                }
            }
        }
    }

    const OK: Option<AlarmState> = Some(AlarmState::Ok);
    const ALARM: Option<AlarmState> = Some(AlarmState::Alarm);
    const NO_DATA: Option<AlarmState> = Some(AlarmState::InsufficientData);
    const RETAIN: Option<AlarmState> = None;

    #[test]
    fn three_out_of_three() {
        check(
            3,
            &[
                ("0 - X - X", [OK, OK, OK, OK]),
                ("0 - - - -", [OK, OK, OK, OK]),
                ("- - - - -", [NO_DATA, RETAIN, ALARM, OK]),
                ("0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
                ("- - X - -", [ALARM, RETAIN, ALARM, OK]),
            ],
        );
    }

    #[test]
    fn two_out_of_three() {
        check(
            2,
            &[
                ("0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
                ("0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
                ("0 - X - -", [OK, OK, ALARM, OK]),
                ("- - - - 0", [OK, OK, ALARM, OK]),
                ("- - - X -", [ALARM, RETAIN, ALARM, OK]),
            ],
        );
    }

    #[test]
    fn the_first_bad_points_after_a_gap_do_not_alarm_yet() {
        for text in ["- - - - X", "- - - X -", "- - - X 0", "- - X - 0"] {
            assert_eq!(state(text, 3, Missing, AlarmState::Ok), AlarmState::Ok, "{text}");
        }
    }

    #[test]
    fn one_out_of_three_needs_one_point() {
        assert_eq!(state("- - - - X", 1, Missing, AlarmState::Ok), AlarmState::Alarm);
        assert_eq!(state("- - - - X", 1, Ignore, AlarmState::Ok), AlarmState::Alarm);
    }

    proptest! {
        /// With data for every period, the treatment of missing data cannot matter.
        #[test]
        fn without_gaps_the_newest_points_decide(points in proptest::collection::vec(any::<bool>(), 5), m in 1_usize..=3) {
            let periods: Vec<_> = points.iter().copied().map(Some).collect();
            let breaching = points[2..].iter().filter(|breaching| **breaching).count();
            let expected = if breaching >= m { AlarmState::Alarm } else { AlarmState::Ok };
            for treat_missing_data in [Missing, Ignore, Breaching, NotBreaching] {
                let criteria = Criteria { evaluation_periods: 3, data_points_to_alarm: m, treat_missing_data };
                prop_assert_eq!(criteria.state(&periods, AlarmState::InsufficientData), expected);
            }
        }
    }
}
