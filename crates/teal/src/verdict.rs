//! One verdict from alarms, limits and what else judges: any "roll back" wins, "advance" needs all.

use crate::error::ErrorName;
use crate::judge::{self, Judgement};
use crate::plan::AlarmName;
use crate::units::Share;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a look came to.
#[must_use]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    pub decision: Decision,
    /// Why; at least one for every decision but `Hold`.
    pub reasons: Vec<Reason>,
}

/// What to do, from the least to the most urgent: [`Verdict::all`] takes the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Nothing speaks against going on.
    Advance,
    /// Too early to say.
    Hold,
    /// The bake is over, and there was too little to judge by.
    Insufficient,
    RollBack,
}

/// Why, with the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "why")]
pub enum Reason {
    /// An alarm is in ALARM.
    AlarmRaised { alarm: AlarmName, detail: String },
    /// An alarm has no data, is gone or cannot be read: it cannot say that all is well.
    AlarmSilent { alarm: AlarmName, detail: String },
    /// An alarm was in ALARM before the release began and still is; the plan says to start all the same.
    AlarmPassedOver { alarm: AlarmName },
    /// Metrics could not be read; no data is not good data.
    MetricsUnreadable { detail: String },
    /// A measured share is above its limit.
    AboveLimit { measure: Measure, bad: u64, of: u64, limit_percent: f64 },
    /// A measured share is within its limit.
    WithinLimit { measure: Measure, bad: u64, of: u64, limit_percent: f64 },
    /// Fewer requests than the plan asks for.
    TooFewRequests { measure: Measure, requests: u64, wanted: u64 },
    /// No whole metric period since the shift can be read yet.
    NoPeriodYet { readable_in_seconds: u64 },
    /// Green was compared with blue: the strongest evidence against it.
    Compared { judgement: Judgement },
    /// Green writes a message into its log that blue never wrote: the one that it wrote most often.
    NewMessage { metric: String, text: String, count: u64, others: usize, at_least: u32, rolls_back: bool },
    /// Blue writes so many different messages that none can be called new.
    MessagesTooVarious { metric: String },
    /// The plan wants evidence that green is good enough, and there is not enough yet.
    AcceptWanted,
    /// The deployment that moves the traffic has not come to the stage's weight.
    DeploymentAwaited { share: Share, weight: Share },
    /// The deployment that moves the traffic may ask a hook again, and be taken back by the answer.
    DeploymentAsks,
    /// What others have under way keeps the next step from being taken.
    InTheWay { what: String },
    /// The bake is not over.
    StillBaking { seconds_left: u64 },
    /// Nothing in the plan judges by metrics, and no alarm is raised.
    NothingAgainst,
    /// The plan says to go on although there was too little to judge by.
    Unjudged,
}

/// What a limit is about: each is a count of bad requests among all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// Bad requests of green's target group.
    GreenBadShare,
    /// 5xx answers that the load balancer made itself.
    LoadBalancer5xx,
    /// Requests that green took longer for than the limit on a latency percentile; `p99 above 800ms` means more than 1 % of them.
    GreenSlower { than_millis: u32 },
}

impl Verdict {
    /// A verdict with one reason.
    pub fn because(decision: Decision, reason: Reason) -> Self {
        Self { decision, reasons: vec![reason] }
    }

    /// All verdicts together: the most urgent decision, with every reason once, the deciding ones first.
    pub fn all(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let mut verdicts: Vec<Verdict> = verdicts.into_iter().collect();
        verdicts.sort_by_key(|verdict| std::cmp::Reverse(verdict.decision));
        let decision = verdicts.first().map_or(Decision::Advance, |first| first.decision);
        let mut reasons: Vec<Reason> = Vec::new();
        for reason in verdicts.into_iter().flat_map(|verdict| verdict.reasons) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        Verdict { decision, reasons }
    }

    /// Whether something could not be read at all, besides there being too little of it: that never lets a release go on.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        let blind = |reason: &Reason| matches!(reason, Reason::AlarmSilent { .. } | Reason::MetricsUnreadable { .. });
        self.reasons.iter().any(blind)
    }

    /// The error name a rollback for this verdict carries.
    #[must_use]
    pub fn error(&self) -> ErrorName {
        let raised = self.reasons.iter().any(|reason| matches!(reason, Reason::AlarmRaised { .. }));
        let regressed = self.reasons.iter().any(Reason::is_regression);
        match (raised, regressed) {
            (true, _) => ErrorName::AlarmRaised,
            (false, true) => ErrorName::Regression,
            (false, false) => ErrorName::InsufficientData,
        }
    }
}

impl Reason {
    /// Whether this says, by numbers, that green is worse than it may be.
    fn is_regression(&self) -> bool {
        match self {
            Self::AboveLimit { .. } | Self::NewMessage { rolls_back: true, .. } => true,
            Self::Compared { judgement } => judgement.verdict == judge::Verdict::RollBack,
            _ => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.decision {
            Decision::Advance => "advance",
            Decision::Hold => "hold",
            Decision::Insufficient => "not enough to judge by",
            Decision::RollBack => "roll back",
        })?;
        for (index, reason) in self.reasons.iter().enumerate() {
            write!(f, "{} {reason}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measure::GreenBadShare => f.write_str("of green's requests failed"),
            Measure::LoadBalancer5xx => f.write_str("of all requests were answered 5xx by the load balancer itself"),
            Measure::GreenSlower { than_millis } => write!(f, "of green's requests took longer than {than_millis} ms"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::AlarmRaised { alarm, detail } => write!(f, "alarm {alarm} is in ALARM ({detail})"),
            Reason::AlarmSilent { alarm, detail } => write!(f, "alarm {alarm} cannot vouch for green ({detail})"),
            Reason::AlarmPassedOver { alarm } => {
                write!(f, "alarm {alarm} has been in ALARM since before the release and is passed over until it was OK")
            }
            Reason::MetricsUnreadable { detail } => write!(f, "metrics cannot be read ({detail})"),
            Reason::AboveLimit { measure, bad, of, limit_percent } => {
                write!(f, "{:.2} % {measure} ({bad} of {of}), the limit is {limit_percent} %", percent(*bad, *of))
            }
            Reason::WithinLimit { measure, bad, of, limit_percent } => {
                write!(f, "{:.2} % {measure} ({bad} of {of}), within {limit_percent} %", percent(*bad, *of))
            }
            Reason::TooFewRequests { measure, requests, wanted } => {
                write!(f, "only {requests} requests to tell what share {measure}, {wanted} are wanted")
            }
            Reason::NoPeriodYet { readable_in_seconds } => {
                write!(f, "the first whole metric period since the shift can be read in {readable_in_seconds} s")
            }
            Reason::Compared { judgement } => write!(f, "{judgement}"),
            Reason::NewMessage { metric, text, count, others, at_least, rolls_back } => {
                write!(f, "{metric}: green wrote {text:?} {}, blue never did", times(*count))?;
                match others {
                    0 => {}
                    1 => f.write_str(" (and 1 more such message)")?,
                    others => write!(f, " (and {others} more such messages)")?,
                }
                if *rolls_back {
                    write!(f, "; the plan rolls back from {at_least} on")?;
                }
                Ok(())
            }
            Reason::MessagesTooVarious { metric } => {
                write!(f, "{metric}: blue writes so many different messages that none of green's can be called new")
            }
            Reason::AcceptWanted => {
                f.write_str("the plan advances on evidence that green is good enough (`advanceOn: accept`), of which there is too little")
            }
            Reason::DeploymentAwaited { share, weight } => {
                write!(f, "the deployment has come to {share} of {weight}")
            }
            Reason::DeploymentAsks => f.write_str("the deployment may still ask a hook"),
            Reason::InTheWay { what } => write!(f, "the next step waits for what others do: {what}"),
            Reason::StillBaking { seconds_left } => write!(f, "the bake goes on for {seconds_left} s"),
            Reason::NothingAgainst => f.write_str("nothing speaks against green"),
            Reason::Unjudged => f.write_str("the plan says to go on unjudged"),
        }
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn percent(bad: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { 100.0 * bad as f64 / of as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(decision: Decision) -> Verdict {
        Verdict::because(decision, Reason::NothingAgainst)
    }

    #[test]
    fn any_rollback_wins_and_advance_needs_all() {
        use Decision::{Advance, Hold, Insufficient, RollBack};
        let table: [(&[Decision], Decision); 6] = [
            (&[], Advance),
            (&[Advance, Advance], Advance),
            (&[Advance, Hold], Hold),
            (&[Hold, Insufficient, Advance], Insufficient),
            (&[Insufficient, RollBack], RollBack),
            (&[RollBack, Advance, Hold], RollBack),
        ];
        for (parts, expected) in table {
            let mut forwards = parts.to_vec();
            assert_eq!(Verdict::all(forwards.iter().copied().map(verdict)).decision, expected, "{parts:?}");
            forwards.reverse();
            assert_eq!(Verdict::all(forwards.into_iter().map(verdict)).decision, expected, "{parts:?} reversed");
        }
    }

    #[test]
    fn a_new_message_is_a_regression_where_the_plan_rolls_back_for_it() {
        let new = |rolls_back| Reason::NewMessage {
            metric: "logs".to_owned(),
            text: "price # is negative".to_owned(),
            count: 7,
            others: 1,
            at_least: 5,
            rolls_back,
        };
        let verdict = Verdict::because(Decision::RollBack, new(true));
        assert_eq!(
            verdict.to_string(),
            "roll back: logs: green wrote \"price # is negative\" 7 times, blue never did (and 1 more such message); the plan rolls \
             back from 5 on"
        );
        assert_eq!(verdict.error(), ErrorName::Regression);
        let reported = Verdict::because(Decision::Advance, new(false));
        assert!(reported.to_string().ends_with("never did (and 1 more such message)"), "{reported}");
        assert_eq!(reported.error(), ErrorName::InsufficientData);
    }

    #[test]
    fn the_deciding_reason_comes_first() {
        let slow = Reason::AboveLimit {
            measure: Measure::GreenSlower { than_millis: 800 },
            bad: 9,
            of: 300,
            limit_percent: 1.0,
        };
        let all = Verdict::all([
            Verdict::because(Decision::Hold, Reason::StillBaking { seconds_left: 60 }),
            Verdict::because(Decision::RollBack, slow),
        ]);
        assert_eq!(
            all.to_string(),
            "roll back: 3.00 % of green's requests took longer than 800 ms (9 of 300), the limit is 1 %; the bake goes on for 60 s"
        );
        assert_eq!(all.error(), ErrorName::Regression);
    }
}
