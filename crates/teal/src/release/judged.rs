//! What the comparison with blue has come to in the steps that a release has passed.

use crate::judge;
use crate::verdict::{Reason, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// By what the steps were passed: "no evidence against green" is not "green is good enough", and neither is "not judged". Its
/// `Display` is a sentence for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// Steps passed on evidence that green is good enough.
    pub good_enough: u32,
    /// Steps passed because nothing spoke against green.
    pub clear: u32,
    /// Steps passed although there was too little to judge by, as the plan says to.
    pub unjudged: u32,
    /// What could not be judged in those: metrics by their names, and `limits`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub not_judged: BTreeSet<String>,
}

impl Judged {
    /// A step was passed with this verdict; `short` are the metrics that saw too little.
    pub(crate) fn pass(&mut self, verdict: &Verdict, short: Vec<String>) {
        let has = |wanted: fn(&Reason) -> bool| verdict.reasons.iter().any(wanted);
        let compared = verdict.reasons.iter().find_map(|reason| match reason {
            Reason::Compared { judgement } => Some(judgement.verdict),
            _ => None,
        });
        if has(|reason| matches!(reason, Reason::Unjudged)) {
            self.unjudged += 1;
            self.not_judged.extend(short);
            if has(|reason| matches!(reason, Reason::TooFewRequests { .. } | Reason::NoPeriodYet { .. })) {
                self.not_judged.insert("limits".to_owned());
            }
            if has(|reason| matches!(reason, Reason::AcceptWanted)) {
                self.not_judged.insert("whether green is good enough".to_owned());
            }
        } else if compared == Some(judge::Verdict::Accept) {
            self.good_enough += 1;
        } else if compared == Some(judge::Verdict::Clear) {
            self.clear += 1;
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { good_enough, clear, unjudged, not_judged } = self;
        let mut parts = Vec::new();
        if *good_enough > 0 {
            parts.push(format!("evidence that green is good enough in {}", steps(*good_enough)));
        }
        if *clear > 0 {
            let steps = steps(*clear);
            parts.push(format!("no evidence against green in {steps}, which does not prove that green is good"));
        }
        if *unjudged > 0 {
            let not_judged: Vec<&str> = not_judged.iter().map(String::as_str).collect();
            parts.push(format!("NOT JUDGED in {} for want of data: {}", steps(*unjudged), not_judged.join(", ")));
        }
        if parts.is_empty() {
            return f.write_str("green was not compared with blue");
        }
        f.write_str(&parts.join("; "))
    }
}

fn steps(number: u32) -> String {
    if number == 1 { "1 step".to_owned() } else { format!("{number} steps") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_no_evidence_and_no_judgement_read_differently() {
        assert_eq!(Judged::default().to_string(), "green was not compared with blue");
        let not_judged = ["errors", "traces"].map(str::to_owned).into();
        let all = Judged { good_enough: 1, clear: 2, unjudged: 1, not_judged };
        assert_eq!(
            all.to_string(),
            "evidence that green is good enough in 1 step; no evidence against green in 2 steps, which does not prove that \
             green is good; NOT JUDGED in 1 step for want of data: errors, traces"
        );
    }
}
