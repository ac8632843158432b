//! One cell of the table: many releases of one service, and what each rule made of them.

use crate::rules::Rule;
use crate::service::{MINUTES, Service};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use std::num::NonZero;
use std::thread;

/// What one rule made of a cell's releases.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    runs: u64,
    /// Releases rolled back after each minute.
    at: [u64; MINUTES],
    /// Bad requests that green served until then, over all releases.
    bad: u64,
}

impl Default for Outcome {
    fn default() -> Self {
        Self { runs: 0, at: [0; MINUTES], bad: 0 }
    }
}

impl Outcome {
    /// Adds a release, rolled back after `minute` (counted from 1) or not at all.
    pub fn add(&mut self, minute: Option<usize>, bad: u64) {
        self.runs += 1;
        self.bad += bad;
        if let Some(minute) = minute {
            self.at[minute - 1] += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.bad += other.bad;
        for (at, more) in self.at.iter_mut().zip(other.at) {
            *at += more;
        }
    }

    /// The share of releases rolled back by each minute.
    #[must_use]
    pub fn by_minute(&self) -> Vec<f64> {
        let so_far = self.at.iter().scan(0, |so_far, at| {
            *so_far += at;
            Some(*so_far)
        });
        so_far.map(|count| count as f64 / self.runs as f64).collect()
    }

    /// The share of releases rolled back: power where green is worse, false rollbacks where it is not.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.at.iter().sum::<u64>() as f64 / self.runs as f64
    }

    /// The Monte-Carlo standard error of [`Outcome::rate`]; of one release where there was none, or all.
    #[must_use]
    pub fn error(&self) -> f64 {
        let (n, p) = (self.runs as f64, self.rate());
        let p = p.clamp(1.0 / n, 1.0 - 1.0 / n);
        (p * (1.0 - p) / n).sqrt()
    }

    /// The minute by which half of all releases were rolled back, if ever.
    #[must_use]
    pub fn median_minute(&self) -> Option<usize> {
        self.by_minute().iter().position(|share| *share >= 0.5).map(|minute| minute + 1)
    }

    /// Bad requests that green served until it was rolled back, or until the last step ended, per release.
    #[must_use]
    pub fn mean_bad(&self) -> f64 {
        self.bad as f64 / self.runs as f64
    }
}

/// Simulates `runs` releases of `service` and shows each to every rule. The same `seed` gives the same outcome on any
/// number of threads.
#[must_use]
pub fn simulate(service: &Service, rules: &[Box<dyn Rule>], runs: u64, seed: u64) -> Vec<Outcome> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let part = |thread: u64| {
        let mut outcomes = vec![Outcome::default(); rules.len()];
        for run in (thread..runs).step_by(threads as usize) {
            let release = service.release(&mut Xoshiro256PlusPlus::seed_from_u64(seed << 32 | run));
            for (outcome, rule) in outcomes.iter_mut().zip(rules) {
                let minute = rule.rolls_back_at(&release);
                let exposed = &release.minutes[..minute.unwrap_or(MINUTES)];
                outcome.add(minute, exposed.iter().map(|minute| minute.green.bad()).sum());
            }
        }
        outcomes
    };
    let mut outcomes = vec![Outcome::default(); rules.len()];
    thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        for joined in parts {
            match joined.join() {
                Ok(part) => outcomes.iter_mut().zip(&part).for_each(|(outcome, part)| outcome.merge(part)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_says_how_often_when_and_at_what_cost() {
        let mut outcome = Outcome::default();
        for (minute, bad) in [(Some(2), 10), (Some(4), 30), (Some(4), 20), (None, 100)] {
            outcome.add(minute, bad);
        }
        assert_eq!(outcome.median_minute(), Some(4));
        assert!((outcome.rate() - 0.75).abs() < 1e-12 && (outcome.mean_bad() - 40.0).abs() < 1e-12);
        assert!((outcome.error() - (0.75f64 * 0.25 / 4.0).sqrt()).abs() < 1e-12);
        outcome.add(None, 0);
        outcome.add(None, 0);
        outcome.add(None, 0);
        assert_eq!(outcome.median_minute(), None);
    }

    #[test]
    fn a_cell_does_not_depend_on_the_machine() {
        use crate::rules;
        use crate::service::Noise;
        let service = Service { rps: 100, blue: 0.01, green: 0.06, noise: Noise::Clumped };
        let rules = rules::all();
        let outcomes = simulate(&service, &rules, 20, 3);
        assert_eq!(outcomes, simulate(&service, &rules, 20, 3));
        assert!((outcomes[0].rate() - 1.0).abs() < 1e-12 && outcomes[0].median_minute() <= Some(5));
    }
}
