//! Verdicts as people read them.

use super::state::{MIN_BAD_GREEN, MIN_INFORMATIVE};
use super::{ACCEPT_LIMIT, Evidence, Judgement, Shortage, Verdict};
use std::fmt;

/// Above this, E is not spelt out: nobody has made a million releases.
const LARGEST: f64 = 1_000_000.0;

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deciding = self.evidence.first();
        match self.verdict {
            Verdict::RollBack => {
                self.counts(f, deciding)?;
                write!(f, "a healthy release would look like this at most once in {} releases; ", once_in(self.ln_e))?;
                self.e(f)
            }
            Verdict::Accept => {
                self.counts(f, deciding)?;
                write!(
                    f,
                    "there is evidence that green is good enough: its share of bad requests is below twice blue's plus 0.1 \
                     points (accept {}, limit {ACCEPT_LIMIT})",
                    wealth(self.ln_accept)
                )
            }
            Verdict::Clear => {
                self.counts(f, deciding)?;
                write!(f, "no evidence against green, which does not prove that green is good; ")?;
                self.e(f)
            }
            Verdict::Insufficient => {
                // Without a single period there may be traffic that nobody could count.
                let unseen = |shortage: &Shortage| shortage.intervals == 0 || !shortage.lacks_requests();
                let lacking = if self.shortages.iter().all(unseen) { "too few periods" } else { "too little traffic" };
                write!(f, "{lacking} to judge green")?;
                if self.evidence.is_empty() {
                    write!(f, ": no metric was read")?;
                }
                for (i, shortage) in self.shortages.iter().enumerate() {
                    write!(f, "{}{shortage}", if i == 0 { ": " } else { "; " })?;
                }
                Ok(())
            }
            Verdict::Hold => {
                self.counts(f, deciding)?;
                if self.ln_e < self.limit.ln() {
                    write!(f, "no verdict yet; ")?;
                } else {
                    // The evidence is there, and what it rests on is not enough.
                    write!(
                        f,
                        "no verdict before one metric has {MIN_BAD_GREEN} bad requests on green and {MIN_INFORMATIVE} periods \
                         with bad requests; "
                    )?;
                }
                self.e(f)
            }
        }
    }
}

impl Judgement {
    /// "green 31 of 3,020 requests failed, blue 9 of 57,020; ", with the metric's name where there are several.
    fn counts(&self, f: &mut fmt::Formatter<'_>, evidence: Option<&Evidence>) -> fmt::Result {
        let Some(evidence) = evidence else { return Ok(()) };
        if self.metrics > 1 {
            write!(f, "{}: ", evidence.metric)?;
        }
        evidence.counts(f)?;
        write!(f, "; ")
    }

    /// "E = 4,118, limit 100", with the number of metrics where there are several.
    fn e(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E {}", with_relation(self.ln_e))?;
        if self.metrics > 1 {
            write!(f, " over {} metrics", self.metrics)?;
        }
        write!(f, ", limit {}", wealth(self.limit.ln()))
    }
}

impl fmt::Display for Shortage {
    /// "errors has 40 requests on green and 2,000 on blue of the 100 needed since the shift": what is lacking, and why if it is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has ", self.metric)?;
        if self.lacks_periods() {
            write!(f, "{} of the {} periods", self.intervals, self.intervals_needed)?;
        }
        if self.lacks_periods() && self.lacks_requests() {
            write!(f, ", and ")?;
        }
        if self.lacks_requests() {
            let (green, blue, needed) = (grouped(self.green), grouped(self.blue), grouped(self.requests_needed));
            write!(f, "{green} requests on green and {blue} on blue of the {needed}")?;
        }
        write!(f, " needed since the shift")?;
        if self.skipped > 0 {
            write!(f, " ({})", unusable(self.skipped))?;
        }
        Ok(())
    }
}

/// "2 periods of the release could not be used: ...".
fn unusable(periods: u32) -> String {
    let periods = if periods == 1 { "1 period".to_owned() } else { format!("{} periods", grouped(periods.into())) };
    format!("{periods} of the release could not be used: a datum was not a number, or below 0")
}

impl Evidence {
    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "green {} of {} requests {}, blue {} of {}",
            grouped(self.green.bad()),
            grouped(self.green.total()),
            self.bad_means,
            grouped(self.blue.bad()),
            grouped(self.blue.total())
        )
    }
}

impl fmt::Display for Evidence {
    /// "errors: green 31 of 3,020 requests failed, blue 9 of 57,020; E = 4,118, accept 0.02".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.metric)?;
        self.counts(f)?;
        write!(f, "; E {}, accept {}", with_relation(self.ln_e), wealth(self.ln_accept))?;
        if self.skipped > 0 {
            write!(f, "; {}", unusable(self.skipped))?;
        }
        Ok(())
    }
}

/// A whole number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The N of "at most once in N releases": E rounded down to two digits, at most a million.
fn once_in(ln_e: f64) -> String {
    let mut releases = floor(ln_e);
    let mut unit = 1;
    while releases >= 100 {
        releases /= 10;
        unit *= 10;
    }
    grouped((releases * unit).max(1))
}

/// `exp(ln)` rounded down to a whole number, at most a million.
fn floor(ln: f64) -> u64 {
    // A limit of 100 comes back from its logarithm as 99.99...
    (ln.exp() * (1.0 + 1e-9)).clamp(0.0, LARGEST) as u64
}

fn wealth(ln: f64) -> String {
    if ln >= LARGEST.ln() {
        format!("over {}", grouped(floor(ln)))
    } else if ln >= 10f64.ln() {
        grouped(floor(ln))
    } else {
        format!("{:.2}", ln.exp())
    }
}

fn with_relation(ln: f64) -> String {
    if ln >= LARGEST.ln() { format!("> {}", grouped(floor(ln))) } else { format!("= {}", wealth(ln)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Counts, Shortage};

    fn judgement(verdict: Verdict, e: f64, metrics: usize) -> Judgement {
        let evidence = Evidence {
            metric: "errors".to_owned(),
            bad_means: "failed".to_owned(),
            green: Counts::new(3_020, 31),
            blue: Counts::new(57_020, 9),
            ln_e: e.ln(),
            ln_accept: 150f64.ln(),
            skipped: 0,
        };
        Judgement {
            verdict,
            ln_e: e.ln(),
            limit: 100.0,
            ln_accept: 150f64.ln(),
            metrics,
            evidence: vec![evidence; metrics],
            shortages: vec![],
        }
    }

    #[test]
    fn a_roll_back_says_its_numbers() {
        assert_eq!(
            judgement(Verdict::RollBack, 4_118.4, 1).to_string(),
            "green 31 of 3,020 requests failed, blue 9 of 57,020; a healthy release would look like this at most once in \
             4,100 releases; E = 4,118, limit 100"
        );
        assert_eq!(
            judgement(Verdict::RollBack, 1e300, 3).to_string(),
            "errors: green 31 of 3,020 requests failed, blue 9 of 57,020; a healthy release would look like this at most \
             once in 1,000,000 releases; E > 1,000,000 over 3 metrics, limit 100"
        );
        assert!(
            judgement(Verdict::RollBack, 100.0, 1).to_string().contains("once in 100 releases; E = 100, limit 100")
        );
    }

    #[test]
    fn clear_accept_and_insufficient_read_differently() {
        let clear = judgement(Verdict::Clear, 0.2, 1).to_string();
        assert!(
            clear.ends_with("no evidence against green, which does not prove that green is good; E = 0.20, limit 100")
        );
        let accept = judgement(Verdict::Accept, 0.2, 1).to_string();
        assert!(accept.contains("evidence that green is good enough") && accept.ends_with("(accept 150, limit 20)"));
    }

    #[test]
    fn what_is_lacking_is_named_and_why() {
        let says = |(intervals, green, skipped)| {
            let shortage = Shortage {
                metric: "errors".to_owned(),
                intervals,
                intervals_needed: 3,
                green,
                blue: 2_000,
                requests_needed: 100,
                skipped,
            };
            Judgement { shortages: vec![shortage], ..judgement(Verdict::Insufficient, 1.0, 1) }.to_string()
        };
        assert_eq!(
            says((3, 40, 0)),
            "too little traffic to judge green: errors has 40 requests on green and 2,000 on blue of the 100 needed since the \
             shift"
        );
        assert_eq!(
            says((2, 300, 0)),
            "too few periods to judge green: errors has 2 of the 3 periods needed since the shift"
        );
        assert_eq!(
            says((1, 40, 1)),
            "too little traffic to judge green: errors has 1 of the 3 periods, and 40 requests on green and 2,000 on blue of \
             the 100 needed since the shift (1 period of the release could not be used: a datum was not a number, or below 0)"
        );
        assert!(
            says((0, 0, 4))
                .starts_with("too few periods to judge green: errors has 0 of the 3 periods, and 0 requests")
        );
        assert!(says((0, 0, 4)).contains("(4 periods of the release could not be used"));
        let none = Judgement { evidence: vec![], ..judgement(Verdict::Insufficient, 1.0, 0) };
        assert_eq!(none.to_string(), "too few periods to judge green: no metric was read");
    }

    #[test]
    fn evidence_tells_of_periods_that_could_not_be_used() {
        let Some(evidence) = judgement(Verdict::Clear, 0.2, 1).evidence.pop() else { panic!("there is one") };
        assert!(evidence.to_string().ends_with("; E = 0.20, accept 150"));
        let skipped = Evidence { skipped: 2, ..evidence };
        assert!(skipped.to_string().contains("accept 150; 2 periods of the release could not be used"), "{skipped}");
    }

    #[test]
    fn a_hold_beyond_the_limit_says_what_the_evidence_lacks() {
        assert!(judgement(Verdict::Hold, 99.0, 1).to_string().ends_with("no verdict yet; E = 99, limit 100"));
        let held = judgement(Verdict::Hold, 257.0, 1).to_string();
        let lacks = "no verdict before one metric has 3 bad requests on green and 2 periods with bad requests; E = 257, limit 100";
        assert!(held.ends_with(lacks), "{held}");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }
}
