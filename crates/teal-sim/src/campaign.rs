//! Many seeds, on every core.

use crate::matrix::Matrix;
use crate::mutation::Mutation;
use crate::simulation::{Report, simulate};
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// After so many broken promises a thread stops.
const ENOUGH: usize = 50;

/// What many runs came to.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    pub schedules: u64,
    /// Calls to the world, all told.
    pub calls: u64,
    /// How many releases ended in which phase.
    pub endings: BTreeMap<String, u64>,
    pub matrix: Matrix,
    /// Seeds that broke a promise, with the first one that each broke.
    pub broken: Vec<(u64, String)>,
}

impl Campaign {
    /// Runs the schedules of these seeds, a share of them on each of so many threads.
    #[must_use]
    pub fn run(seeds: &Range<u64>, mutation: Option<Mutation>, threads: u64) -> Self {
        Self::run_with(seeds, threads, |seed| simulate(seed, mutation))
    }

    fn run_with(seeds: &Range<u64>, threads: u64, run: impl Fn(u64) -> Report + Sync) -> Self {
        let mut all = Self::default();
        thread::scope(|scope| {
            let run = &run;
            let share = |thread| scope.spawn(move || Self::share(seeds.start + thread..seeds.end, threads, run));
            let workers: Vec<_> = (0..threads).map(share).collect();
            for worker in workers {
                let part = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                all.add(&part);
            }
        });
        all.broken.sort();
        all
    }

    fn share(seeds: Range<u64>, threads: u64, run: &impl Fn(u64) -> Report) -> Self {
        let mut part = Self::default();
        let step = usize::try_from(threads).unwrap_or(usize::MAX).max(1);
        for seed in seeds.step_by(step) {
            // A panic is a defect like any other: it is told with its seed, and hides no other one. Nothing of the schedule is used after it.
            match catch_unwind(AssertUnwindSafe(|| run(seed))) {
                Ok(report) => part.take(&report),
                Err(panic) => {
                    part.schedules += 1;
                    part.broken.push((seed, format!("it panicked: {}", in_words(&*panic))));
                }
            }
            if part.broken.len() >= ENOUGH {
                break;
            }
        }
        part
    }

    /// Adds one run.
    pub fn take(&mut self, report: &Report) {
        self.schedules += 1;
        self.calls += report.calls;
        for (ending, count) in &report.endings {
            *self.endings.entry(ending.clone()).or_default() += count;
        }
        self.matrix.add(&report.matrix);
        self.broken.extend(report.breaches.first().map(|breach| (report.seed, breach.to_string())));
    }

    fn add(&mut self, other: &Campaign) {
        self.schedules += other.schedules;
        self.calls += other.calls;
        for (ending, count) in &other.endings {
            *self.endings.entry(ending.clone()).or_default() += count;
        }
        self.matrix.add(&other.matrix);
        self.broken.extend(other.broken.iter().cloned());
    }
}

fn in_words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("nobody knows why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic, reason = "it is what is tested")]
    fn a_schedule_that_panics_is_named_and_the_others_are_run() {
        let seeds = 20..40;
        let all = Campaign::run_with(&seeds, 2, |seed| match seed {
            24 => panic!("a plain one"),
            31 => panic!("one with {}", "words"),
            _ => simulate(seed, None),
        });
        let told: Vec<(u64, &str)> = all.broken.iter().map(|(seed, what)| (*seed, what.as_str())).collect();
        assert_eq!(told, [(24, "it panicked: a plain one"), (31, "it panicked: one with words")]);
        assert_eq!(all.schedules, 20);
    }
}
