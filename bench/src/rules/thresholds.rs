//! Rules that hold green's share of bad requests against a fixed threshold. None of them looks at blue.

use super::Rule;
use crate::service::Release;
use teal::judge::Counts;

fn share(counts: Counts) -> f64 {
    if counts.total() == 0 { 0.0 } else { counts.bad() as f64 / counts.total() as f64 }
}

/// A CloudWatch alarm on green's target group: more than 1 % of responses are 5xx in 2 of 3 minutes.
pub struct CloudWatchAlarm;

impl Rule for CloudWatchAlarm {
    fn name(&self) -> &'static str {
        "CloudWatch alarm"
    }

    fn rolls_back_at(&self, release: &Release) -> Option<usize> {
        let breaching: Vec<bool> = release.minutes.iter().map(|minute| share(minute.green) > 0.01).collect();
        (1..=breaching.len()).find(|end| {
            let window = &breaching[end.saturating_sub(3)..*end];
            window.iter().filter(|breaching| **breaching).count() >= 2
        })
    }
}

/// Flagger: `request-success-rate` of at least 99 % each minute, rolled back at the `threshold` of failed checks. Its pages
/// show a threshold of 5 in the tutorials and of 10 in "How it works": the quicker one is taken.
pub struct Flagger;

impl Flagger {
    const THRESHOLD: usize = 5;
}

impl Rule for Flagger {
    fn name(&self) -> &'static str {
        "Flagger"
    }

    fn rolls_back_at(&self, release: &Release) -> Option<usize> {
        let failed = (1..).zip(&release.minutes).filter(|(_, minute)| share(minute.green) > 0.01);
        failed.map(|(minute, _)| minute).nth(Self::THRESHOLD - 1)
    }
}

/// Argo Rollouts, `result >= 0.95` as in "Analysis & Progressive Delivery".
pub enum Argo {
    /// The background analysis of that page: every 5 minutes, failed at three bad measurements.
    Background,
    /// The in-line analysis of that page: `interval: 60s`, failed at the first bad measurement (failureLimit 0).
    EveryMinute,
}

impl Rule for Argo {
    fn name(&self) -> &'static str {
        match self {
            Self::Background => "Argo, every 5 min",
            Self::EveryMinute => "Argo, every minute",
        }
    }

    fn rolls_back_at(&self, release: &Release) -> Option<usize> {
        let (every, failures) = match self {
            Self::Background => (5, 3),
            Self::EveryMinute => (1, 1),
        };
        let measured = release.minutes.chunks(every).map(|minutes| {
            let bad: u64 = minutes.iter().map(|minute| minute.green.bad()).sum();
            let total: u64 = minutes.iter().map(|minute| minute.green.total()).sum();
            share(Counts::new(total, bad))
        });
        (1..).zip(measured).filter(|(_, share)| *share > 0.05).map(|(n, _)| n * every).nth(failures - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Minute;

    fn release(green_bad: &[u64]) -> Release {
        let minute = |bad: &u64| Minute { green: Counts::new(1_000, *bad), blue: Counts::new(1_000, 0) };
        Release { history: Vec::new(), minutes: green_bad.iter().map(minute).collect() }
    }

    #[test]
    fn the_alarm_wants_two_of_three_minutes() {
        assert_eq!(CloudWatchAlarm.rolls_back_at(&release(&[20, 0, 0, 20, 0, 20, 0])), Some(6));
        assert_eq!(CloudWatchAlarm.rolls_back_at(&release(&[10, 10, 10, 20, 0, 0, 20])), None);
        assert_eq!(CloudWatchAlarm.rolls_back_at(&release(&[20, 20])), Some(2));
    }

    #[test]
    fn flagger_counts_failed_checks() {
        assert_eq!(Flagger.rolls_back_at(&release(&[20, 0, 20, 20, 0, 20, 11, 0])), Some(7));
        assert_eq!(Flagger.rolls_back_at(&release(&[20, 20, 20, 20, 10, 10])), None);
    }

    #[test]
    fn argo_measures_five_minutes_or_one() {
        let bad = [60; 15];
        assert_eq!(Argo::Background.rolls_back_at(&release(&bad)), Some(15));
        assert_eq!(Argo::EveryMinute.rolls_back_at(&release(&bad)), Some(1));
        assert_eq!(Argo::EveryMinute.rolls_back_at(&release(&[50; 15])), None);
    }
}
