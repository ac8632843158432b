//! Runs the simulation: many seeds on every core, or one seed with its story. See `docs/simulation.md`.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;
use teal_sim::{CANARY, Campaign, DEPLOYED, Mutation, Pairs, Planned, Report, courses, replay, simulate};

const USAGE: &str = "\
Usage: teal-sim [--seeds N] [--from SEED] [--mutation NAME]   runs N schedules (1000000) from SEED (0) on every core
       teal-sim --seed SEED [--mutation NAME]                 runs one schedule and tells its story
       teal-sim --mutations                                   runs every mutation until a promise is broken
       teal-sim --pairs                                       ends two functions at each pair of calls, in every small course";

fn main() -> ExitCode {
    match Options::read(std::env::args().skip(1)) {
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Ok(options) => options.run(),
    }
}

/// What is asked for.
#[derive(Debug)]
struct Options {
    seed: Option<u64>,
    seeds: u64,
    from: u64,
    mutation: Option<Mutation>,
    mutations: bool,
    pairs: bool,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { seed: None, seeds: 1_000_000, from: 0, mutation: None, mutations: false, pairs: false };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is not a number"));
            match argument.as_str() {
                "--seed" => options.seed = Some(number(value()?)?),
                "--seeds" => options.seeds = number(value()?)?,
                "--from" => options.from = number(value()?)?,
                "--mutations" => options.mutations = true,
                "--pairs" => options.pairs = true,
                "--mutation" => {
                    let name = value()?;
                    let found = Mutation::ALL.iter().find(|mutation| format!("{mutation:?}") == name);
                    options.mutation = Some(*found.ok_or(format!("{name} is none of {:?}", Mutation::ALL))?);
                }
                other => return Err(format!("{other} is not known")),
            }
        }
        Ok(options)
    }

    fn run(&self) -> ExitCode {
        match self.seed {
            Some(seed) => tell(&replay(seed, self.mutation)),
            None if self.mutations => self.run_mutations(),
            None if self.pairs => run_pairs(),
            None => self.run_all(),
        }
    }

    fn run_mutations(&self) -> ExitCode {
        let mut survivors = 0;
        for mutation in Mutation::ALL.iter().copied() {
            let seeds = self.from..self.from.saturating_add(self.seeds);
            match seeds.map(|seed| simulate(seed, Some(mutation))).find(|report| !report.breaches.is_empty()) {
                Some(report) => println!("{mutation:?}: caught by seed {}, {}", report.seed, report.breaches[0]),
                None => {
                    survivors += 1;
                    println!("{mutation:?}: NOT CAUGHT in {} schedules", self.seeds);
                }
            }
        }
        if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn run_all(&self) -> ExitCode {
        let threads = thread::available_parallelism().map_or(1, |count| count.get() as u64);
        let began = Instant::now();
        let all = Campaign::run(&(self.from..self.from.saturating_add(self.seeds)), self.mutation, threads);
        let seconds = began.elapsed().as_secs_f64();
        println!("{}\n\n{:?}", all.matrix, all.endings);
        println!(
            "{} schedules with {} calls in {seconds:.1} s on {threads} threads: {:.0} schedules a second",
            all.schedules,
            all.calls,
            all.schedules as f64 / seconds
        );
        for (seed, breach) in &all.broken {
            println!("seed {seed}: {breach}");
        }
        let empty = all.matrix.empty_cells();
        for (place, what) in &empty {
            println!("never met: {what} in {place}");
        }
        if all.broken.is_empty() && empty.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn run_pairs() -> ExitCode {
    let mut fine = true;
    let deployed = courses().into_iter().take(1).map(|course| (DEPLOYED, course));
    for (seed, course) in courses().into_iter().map(|course| (CANARY, course)).chain(deployed) {
        let planned = |planned: &[Planned]| planned.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let pairs = Pairs::of(seed, std::slice::from_ref(&course), |_| true);
        println!(
            "{} pairs in the course [{}] of seed {seed}: {} broke a promise",
            pairs.schedules,
            planned(&course),
            pairs.broken.len()
        );
        for (broken, breach) in &pairs.broken {
            println!("  {}: {breach}", planned(broken));
        }
        fine &= pairs.broken.is_empty();
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(report: &Report) -> ExitCode {
    for line in &report.story {
        println!("{line}");
    }
    println!("\n{:?}", report.endings);
    for breach in &report.breaches {
        println!("BROKEN {breach}");
    }
    if report.breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
