//! What a scenario can make the service do, and when.

use crate::duration_text;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;
use std::time::Duration;

/// The whole behaviour of one version. The default answers 200 at once, always.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Behaviour {
    /// Same seed and task number, same draws: request number n of a process always meets the same fate.
    pub seed: u64,
    /// Lab time (Unix milliseconds) that the phases' `from` counts from. Absent: from the start of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// How the service comes up.
    pub start: Start,
    /// The CloudWatch namespace of the metrics `Requests` and `Failures` by `Service`, which the service then embeds in lines of
    /// its log, one for each request. None without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// In any order; the one with the latest `from` that has passed applies. Before the first: the default phase.
    pub phases: Vec<Phase>,
}

/// How long the service takes to come up, and what clients see meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Start {
    /// Lab time, always from the start of the process: every task that is started anew is slow to come up.
    #[serde(with = "duration_text")]
    pub delay: Duration,
    pub until: Until,
}

/// What a client meets before the service is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Until {
    /// The port is taken but does not listen: connections are refused.
    #[default]
    Refuse,
    /// Every request, `/health` too, is answered 503.
    Unavailable,
}

/// What the service does from one time on. A phase says everything: nothing is inherited from the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Phase {
    /// Lab time.
    #[serde(with = "duration_text")]
    pub from: Duration,
    /// Share of requests answered with `error_status`, 0 to 1.
    pub error_rate: f64,
    /// 400 to 599; 500 by default.
    pub error_status: u16,
    /// Real time between a request and its answer, errors included.
    pub latency: Latency,
    /// Every n-th request gets no answer: the connection is closed. 1 is every request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_every: Option<NonZeroU64>,
    /// Share of requests never answered, with the connection kept open, 0 to 1.
    pub hang_rate: f64,
    /// Lines that some requests leave in the log, whatever they are answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogLine>,
    /// What `/health` says.
    pub health: Health,
    /// Ends the process with this status when the phase begins, requests under way included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
}

impl Default for Phase {
    fn default() -> Self {
        Self {
            from: Duration::ZERO,
            error_rate: 0.0,
            error_status: 500,
            latency: Latency::default(),
            drop_every: None,
            hang_rate: 0.0,
            logs: Vec::new(),
            health: Health::default(),
            exit: None,
        }
    }
}

/// A line in the log: JSON with `level`, `service`, `version`, `request` (its number) and `message`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLine {
    /// `error`, `info`, ...
    pub level: String,
    /// The message; `#` in it becomes the number of the request.
    pub message: String,
    /// Share of requests that leave it, 0 to 1.
    pub rate: f64,
}

/// How long answers take. Real time, whatever the lab clock's scale; precise to about a millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Latency {
    Constant(#[serde(with = "duration_text")] Duration),
    /// Every value from `min` to `max` is as likely as any other.
    Uniform {
        #[serde(with = "duration_text")]
        min: Duration,
        #[serde(with = "duration_text")]
        max: Duration,
    },
    /// The usual shape of a service's latency, with a long tail.
    Lognormal {
        #[serde(with = "duration_text")]
        median: Duration,
        #[serde(with = "duration_text")]
        p99: Duration,
    },
}

impl Default for Latency {
    fn default() -> Self {
        Self::Constant(Duration::ZERO)
    }
}

/// What `/health` says once the service is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Health {
    /// 200.
    #[default]
    Passing,
    /// 503.
    Failing,
    /// No answer.
    Hanging,
}

impl Behaviour {
    /// Everything that is wrong with the values, in one sentence each; empty if nothing is.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (index, phase) in self.phases.iter().enumerate() {
            let mut problem = |text: String| problems.push(format!("phases[{index}]: {text}"));
            let rates = [("errorRate", phase.error_rate), ("hangRate", phase.hang_rate)];
            for (name, rate) in rates.into_iter().chain(phase.logs.iter().map(|line| ("logs.rate", line.rate))) {
                if !(0.0..=1.0).contains(&rate) {
                    problem(format!("{name} is {rate}, not a share from 0 to 1"));
                }
            }
            if !(400..=599).contains(&phase.error_status) {
                problem(format!("errorStatus is {}, not an HTTP error from 400 to 599", phase.error_status));
            }
            match phase.latency {
                Latency::Uniform { min, max } if min > max => {
                    problem("latency.uniform has min above max".to_owned());
                }
                Latency::Lognormal { median, p99 } if median.is_zero() || p99 < median => {
                    problem("latency.lognormal needs 0 < median <= p99".to_owned());
                }
                _ => {}
            }
        }
        problems
    }

    /// The phase that applies after `elapsed` of lab time; `None` before the first.
    #[must_use]
    pub fn phase_at(&self, elapsed: Duration) -> Option<&Phase> {
        // Of two phases with the same `from`, the later in the list wins: max_by_key gives the last maximum.
        self.phases.iter().filter(|phase| phase.from <= elapsed).max_by_key(|phase| phase.from)
    }

    /// When a process that is up at `elapsed` next ends, as lab time after the origin, and with which status.
    ///
    /// A process that starts while the phase that applies has an `exit` ends at once: with `since`, tasks are crashing
    /// all through such a phase, and stay up again from the next one on.
    #[must_use]
    pub fn next_exit(&self, elapsed: Duration) -> Option<(Duration, u8)> {
        let now = self.phase_at(elapsed).and_then(|phase| Some((elapsed, phase.exit?)));
        let later = || {
            let to_come = self.phases.iter().filter(|phase| phase.from > elapsed);
            to_come.filter_map(|phase| Some((phase.from, phase.exit?))).min_by_key(|(from, _)| *from)
        };
        now.or_else(later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Behaviour {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_latest_phase_that_has_begun_applies() {
        let behaviour = parse(r#"{"phases": [{"from": "2m", "errorRate": 0.5}, {"from": "10s", "errorRate": 0.1}]}"#);
        let rate_at = |seconds| behaviour.phase_at(Duration::from_secs(seconds)).map(|phase| phase.error_rate);
        assert_eq!(rate_at(9), None);
        assert_eq!(rate_at(10), Some(0.1));
        assert_eq!(rate_at(119), Some(0.1));
        assert_eq!(rate_at(120), Some(0.5));
    }

    #[test]
    fn every_form_of_latency_and_crash_reads_and_writes_the_same() {
        let text = r#"{"seed": 3, "since": 1790000000000, "start": {"delay": "1m30s", "until": "unavailable"}, "phases": [
            {"latency": {"constant": "5ms"}},
            {"from": "1s", "latency": {"uniform": {"min": "1ms", "max": "9ms"}}, "dropEvery": 7, "hangRate": 0.25,
             "logs": [{"level": "error", "message": "order # lost", "rate": 0.5}]},
            {"from": "2s", "latency": {"lognormal": {"median": "20ms", "p99": "200ms"}}, "health": "hanging"},
            {"from": "3s", "exit": 1}]}"#;
        let behaviour = parse(text);
        assert_eq!(behaviour.start.delay, Duration::from_secs(90));
        let written = serde_json::to_string(&behaviour).unwrap();
        assert_eq!(parse(&written), behaviour, "{written}");
    }

    #[test]
    fn a_process_ends_when_the_exit_phase_begins_or_at_once_while_it_lasts() {
        let behaviour =
            parse(r#"{"phases": [{}, {"from": "5s", "exit": 3}, {"from": "9s"}, {"from": "20s", "exit": 4}]}"#);
        let next_exit =
            |seconds| behaviour.next_exit(Duration::from_secs(seconds)).map(|(at, status)| (at.as_secs(), status));
        assert_eq!(next_exit(0), Some((5, 3)));
        assert_eq!(next_exit(7), Some((7, 3)));
        assert_eq!(next_exit(9), Some((20, 4)));
        assert_eq!(Behaviour::default().next_exit(Duration::MAX), None);
    }

    #[test]
    fn a_field_that_does_not_exist_is_refused() {
        let problem = serde_json::from_str::<Behaviour>(r#"{"phases": [{"error_rate": 0.5}]}"#).unwrap_err();
        assert!(problem.to_string().contains("error_rate"), "{problem}");
    }

    #[test]
    fn a_duration_without_a_unit_is_refused_with_an_example() {
        let problem = serde_json::from_str::<Behaviour>(r#"{"start": {"delay": "20"}}"#).unwrap_err();
        assert!(problem.to_string().contains("250ms"), "{problem}");
    }

    #[test]
    fn every_value_out_of_range_is_named() {
        let behaviour = parse(
            r#"{"phases": [{"errorRate": 1.5, "errorStatus": 200, "hangRate": -1,
                "latency": {"lognormal": {"median": "20ms", "p99": "10ms"}}},
                {"latency": {"uniform": {"min": "2ms", "max": "1ms"}}}]}"#,
        );
        assert_eq!(behaviour.problems().len(), 5, "{:?}", behaviour.problems());
        assert!(Behaviour::default().problems().is_empty());
    }
}
