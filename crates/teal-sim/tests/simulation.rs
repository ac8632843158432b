//! The promises of the design, under what seeds let go wrong. `docs/simulation.md` tells how to run more, and how to replay one.

use std::thread;
use teal_sim::{Campaign, Mutation, Promise, replay, simulate};

/// What a test can afford in a debug build. The command in `docs/simulation.md` runs millions.
const SEEDS: u64 = 4_000;
/// Within so many schedules each mutation is to be caught.
const MUTANT_SEEDS: u64 = 10_000;

fn threads() -> u64 {
    thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

#[test]
fn no_promise_is_broken_whatever_goes_wrong() {
    let campaign = Campaign::run(&(0..SEEDS), None, threads());
    if let Some((seed, breach)) = campaign.broken.first() {
        for line in replay(*seed, None).story {
            println!("{line}");
        }
        panic!(
            "seed {seed}: {breach}\nall of them: {:#?}\nreplay: cargo run -p teal-sim --profile bench -- --seed {seed}",
            campaign.broken
        );
    }
    for ending in ["Promoted", "RolledBack", "Refused", "RollbackNeedsHuman"] {
        assert!(campaign.endings.contains_key(ending), "no release ended in {ending}: {:?}", campaign.endings);
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 4_711, 90_210] {
        let (once, again) = (replay(seed, None), replay(seed, None));
        assert_eq!(once.story, again.story, "seed {seed}");
        assert!(once.story.len() > 10, "the story tells something: {:?}", once.story);
        let told_nothing = simulate(seed, None);
        assert_eq!((told_nothing.calls, told_nothing.endings), (once.calls, once.endings), "telling changes nothing");
    }
}

/// A guard that can be taken out without anybody noticing would guard nothing.
#[test]
fn every_mutation_is_caught() {
    let caught_by = |mutation| {
        (0..MUTANT_SEEDS).map(|seed| simulate(seed, Some(mutation))).find(|report| !report.breaches.is_empty())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = Mutation::ALL
            .iter()
            .copied()
            .map(|mutation| (mutation, scope.spawn(move || caught_by(mutation))))
            .collect();
        for (mutation, worker) in workers {
            let report = worker.join().unwrap_or(None);
            let report =
                report.unwrap_or_else(|| panic!("{mutation:?} was not caught within {MUTANT_SEEDS} schedules"));
            println!("{mutation:?}: caught by seed {}, {}", report.seed, report.breaches[0].promise);
        }
    });
}

/// A promise that nothing can break is not checked.
#[test]
fn every_promise_is_broken_by_a_mutation() {
    let broken_by = |promise: Promise| {
        let meant: Vec<Mutation> =
            Mutation::ALL.iter().copied().filter(|mutation| mutation.breaks() == promise).collect();
        let breaks =
            |seed, mutation| simulate(seed, Some(mutation)).breaches.iter().any(|breach| breach.promise == promise);
        // Some of them do it in every tenth schedule, others in hardly any.
        (0..MUTANT_SEEDS)
            .flat_map(|seed| meant.iter().map(move |mutation| (seed, *mutation)))
            .find(|(seed, mutation)| breaks(*seed, *mutation))
    };
    thread::scope(|scope| {
        let workers: Vec<_> =
            Promise::ALL.iter().map(|promise| (promise, scope.spawn(move || broken_by(*promise)))).collect();
        for (promise, worker) in workers {
            let (seed, mutation) = worker.join().unwrap_or(None).unwrap_or_else(|| {
                panic!("{promise} was broken by no mutation that is meant to break it within {MUTANT_SEEDS} schedules")
            });
            println!("{promise}: broken by {mutation:?} with seed {seed}");
        }
    });
}
