//! Many seeds, on every core.

use crate::matrix::Matrix;
use crate::mutation::Mutation;
use crate::simulation::{Report, simulate};
use std::collections::BTreeMap;
use std::ops::Range;
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
        let mut all = Self::default();
        thread::scope(|scope| {
            let share = |thread| scope.spawn(move || Self::share(seeds.start + thread..seeds.end, mutation, threads));
            let workers: Vec<_> = (0..threads).map(share).collect();
            for worker in workers {
                match worker.join() {
                    Ok(part) => all.add(&part),
                    // A panic is a defect like any other, and its message has the place.
                    Err(_) => all.broken.push((0, "a thread panicked".to_owned())),
                }
            }
        });
        all.broken.sort();
        all
    }

    fn share(seeds: Range<u64>, mutation: Option<Mutation>, threads: u64) -> Self {
        let mut part = Self::default();
        let step = usize::try_from(threads).unwrap_or(usize::MAX).max(1);
        for seed in seeds.step_by(step) {
            part.take(&simulate(seed, mutation));
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
