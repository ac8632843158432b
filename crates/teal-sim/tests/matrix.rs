//! Every disturbance in every place that it can reach, each at least once; and every crash point of every function, alone and in
//! pairs, while other functions run at the same time.

use std::collections::BTreeSet;
use teal_sim::{
    CANARY, DEPLOYED, Disturbance, FaultKind, Function, Happening, Matrix, Pairs, Place, Planned, Report, courses,
    crash, on_every_core, rehearse,
};

/// Seeds that are tried for one cell: they differ in route, plan and latencies.
const TRIES: u64 = 600;
/// The most calls that a function makes in one run of the plans that seeds draw.
const CALLS: u32 = 16;

/// What brings a release to a place that it does not come to by itself.
fn way_to(place: Place, variant: u64) -> Vec<Planned> {
    let looks = Place::Runs(Function::EvaluateHealth);
    let nth = u32::try_from(variant * 3 % 29).unwrap_or_default();
    let at = |happening| vec![Planned::at_call(looks, nth, Disturbance::World(happening))];
    match place {
        Place::Runs(Function::OnAlarm) => at(Happening::AlarmRaised),
        Place::Runs(Function::OnExecutionEnd) => at(Happening::Stopped),
        Place::Runs(Function::Sweep) => at(Happening::StoppedUnheard),
        Place::Runs(Function::RollBack) => at(Happening::Aborted),
        Place::Waits(teal::state::State::WaitForRollBack) => {
            let shift = Place::Runs(Function::ShiftTraffic);
            vec![
                Planned::at_write(shift, 0, Disturbance::Call(FaultKind::HangUntilLate)),
                Planned::at_write(shift, 0, Disturbance::World(Happening::AlarmRaised)),
            ]
        }
        _ => Vec::new(),
    }
}

#[track_caller]
fn holds(report: &Report, planned: &[Planned]) {
    let plan: Vec<String> = planned.iter().map(ToString::to_string).collect();
    assert!(report.breaches.is_empty(), "seed {} with {plan:?}: {:?}", report.seed, report.breaches);
}

/// Runs a check for each of many cases, and adds up what was met.
fn met_by<T: Sync>(cases: &[T], check: impl Fn(&T) -> Matrix + Sync) -> Matrix {
    let mut all = Matrix::default();
    for part in on_every_core(cases, |part: &mut Matrix, case| part.add(&check(case))) {
        all.add(&part);
    }
    all
}

#[test]
fn every_disturbance_is_met_in_every_place_it_can_reach() {
    let cells = Matrix::default().empty_cells();
    let met = met_by(&cells, |(place, what)| {
        for seed in 0..TRIES {
            let mut planned = way_to(*place, seed);
            // At the first call of a run as a rule. Some can happen at later ones only: once there is a record, say.
            let nth = match place {
                Place::Runs(_) => u32::try_from(seed / 40).unwrap_or_default() % CALLS,
                Place::Waits(_) => 0,
            };
            let aimed = Planned::at_call(*place, nth, *what);
            planned.extend(aimed.change_to_be_missed());
            planned.push(aimed);
            let report = rehearse(seed, planned.clone());
            holds(&report, &planned);
            if report.matrix.has(*place, *what) {
                return report.matrix;
            }
        }
        Matrix::default()
    });
    println!("{met}");
    assert_eq!(met.empty_cells(), vec![], "cells that can be reached and were not");
}

/// Seed 1 has a build and a flag, seed 2 two listeners, seed 5 a deployment.
const CRASHES: [FaultKind; 3] = [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::HangUntilLate];

/// Each function is ended at each of its calls, before it, after it, and while it is under way, and the others go on.
#[test]
fn every_crash_point_of_every_function() {
    let mut cases = Vec::new();
    let mut met = BTreeSet::new();
    for seed in [CANARY, 1, 2, 5] {
        for course in courses() {
            let points = rehearse(seed, course.clone()).points;
            met.extend(points.iter().map(|(place, _)| *place));
            let crashes = points.into_iter().flat_map(|point| CRASHES.map(|kind| crash(point, kind)));
            cases.extend(crashes.map(|crash| (seed, [course.clone(), vec![crash]].concat())));
        }
    }
    let functions: BTreeSet<Place> = Function::ALL.into_iter().map(Place::Runs).collect();
    assert_eq!(met, functions, "every function runs");
    println!("{} schedules", cases.len());
    met_by(&cases, |(seed, planned)| {
        holds(&rehearse(*seed, planned.clone()), planned);
        Matrix::default()
    });
}

/// Each function is ended at each of its calls; and then whatever runs after that is ended at each call, too.
#[test]
fn every_pair_of_crash_points() {
    // The others take some minutes more: `teal-sim --pairs` has all.
    let pairs = Pairs::of(CANARY, &courses()[..2], |_| true);
    println!("{} schedules", pairs.schedules);
    assert!(pairs.schedules > 1_000 && pairs.broken.is_empty(), "{pairs:?}");
}

/// The same where a deployment's hooks ask, and the function that they ask is ended first.
#[test]
fn every_pair_of_crash_points_that_a_hook_begins() {
    let pairs = Pairs::of(DEPLOYED, &courses()[..1], |function| function == Function::OnLifecycleHook);
    println!("{} schedules", pairs.schedules);
    assert!(pairs.schedules > 1_000 && pairs.broken.is_empty(), "{pairs:?}");
}

/// Where an alarm goes off while a shift is under way, and two functions are ended: at each pair of points.
#[test]
fn every_pair_of_crash_points_of_a_shift_and_its_rollback() {
    let functions = [Function::ShiftTraffic, Function::RollBack, Function::OnAlarm];
    let points: Vec<(Place, u32)> =
        functions.iter().flat_map(|function| (0..CALLS).map(|nth| (Place::Runs(*function), nth))).collect();
    let mut cases = Vec::new();
    for (index, first) in points.iter().enumerate() {
        for second in &points[index + 1..] {
            cases.push([crash(*first, FaultKind::HangUntilLate), crash(*second, FaultKind::CrashAfter)]);
        }
    }
    met_by(&cases, |pair| {
        let alarm = Disturbance::World(Happening::AlarmRaised);
        let mut planned = vec![Planned::at_write(Place::Runs(Function::ShiftTraffic), 0, alarm)];
        planned.extend(pair);
        holds(&rehearse(CANARY, planned.clone()), &planned);
        Matrix::default()
    });
}
