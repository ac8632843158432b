//! Releases judged by comparing green with blue: no alarms and no limits, only traffic.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::cell::Cell;
use teal::error::ErrorName;
use teal::judge;
use teal::release::{Phase, Release, ReleaseId};
use teal::state::State;
use teal::story::Fact;
use teal::time::{Timestamp, seconds_until};
use teal::verdict::Reason;
use teal_sim::{Ending, GROUP_A, GROUP_B, Machine, World, plan};

/// 10, 25 and 50 %, each for ten minutes; only the comparison judges.
fn compared(edit: impl FnOnce(&mut Value)) -> Value {
    let mut plan = plan();
    plan["strategy"] = json!({"steps": [
        {"weight": "10%", "bake": "10m"}, {"weight": "25%", "bake": "10m"}, {"weight": "50%", "bake": "10m"},
    ]});
    plan["judge"] = json!({});
    edit(&mut plan);
    plan
}

/// Requests a minute and bad ones among them.
type Traffic = (f64, f64);

/// Runs a release. `traffic` tells what blue and green do in each minute since the first look.
fn run(world: &World, plan: Value, traffic: impl Fn(u64) -> [Traffic; 2]) -> Ending {
    let mut machine = Machine::new(world, "r-1", plan);
    let begin = Cell::new(None::<Timestamp>);
    loop {
        let minute = begin.get().map_or(0, |begin| seconds_until(begin, world.now()) / 60);
        if matches!(machine.state(), State::Bake | State::EvaluateHealth) && begin.get().is_none() {
            begin.set(Some(world.now()));
        }
        let [blue, green] = traffic(minute);
        world.state().traffic.insert(GROUP_A.to_owned(), blue);
        world.state().traffic.insert(GROUP_B.to_owned(), green);
        if machine.state().nexts().is_empty() {
            return machine.finish();
        }
        machine.enter();
    }
}

fn id() -> ReleaseId {
    ReleaseId::new("r-1").unwrap()
}

fn record(world: &World) -> Release {
    world.record(&id()).unwrap()
}

fn told(world: &World) -> String {
    let state = world.state();
    state.stories[&id()].iter().map(|entry| format!("{} {}\n", entry.at, entry.fact)).collect()
}

/// The judge's verdict at each look, in order.
fn verdicts(world: &World) -> Vec<judge::Verdict> {
    let state = world.state();
    let reasons = state.stories[&id()].iter().filter_map(|entry| match &entry.fact {
        Fact::Looked { verdict, .. } => Some(verdict.reasons.clone()),
        _ => None,
    });
    let judged = |reason: Reason| match reason {
        Reason::Compared { judgement } => Some(judgement.verdict),
        _ => None,
    };
    reasons.flatten().filter_map(judged).collect()
}

const BLUE: Traffic = (5_000.0, 50.0);

/// What the event says that tells of the promotion; the last line but one of the story says the same.
#[track_caller]
fn promoted_with(world: &World) -> String {
    let event = world.state().announced.iter().rfind(|event| event.release == id()).cloned().unwrap();
    assert_eq!(event.state, State::Promoted);
    let said = event.summary.unwrap();
    assert_eq!((event.judged, &said), (Some(record(world).judged), &record(world).judged.to_string()));
    let story = told(world);
    assert!(story.lines().rev().nth(1).unwrap().ends_with(&format!("judged: {said}")), "{story}");
    said
}

#[test]
fn three_times_blues_failures_are_rolled_back_with_no_alarm_and_no_limit() {
    let world = World::new();
    let ending = run(&world, compared(|_| {}), |_| [BLUE, (1_000.0, 30.0)]);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::Regression)), "{}", told(&world));
    let cause = ending.cause.unwrap();
    assert!(cause.starts_with("roll back: green ") && cause.contains("requests failed, blue "), "{cause}");
    assert!(cause.contains("a healthy release would look like this at most once in "), "{cause}");
    assert!(record(&world).looks <= 8, "found within minutes: {}", told(&world));
}

#[test]
fn a_service_that_always_fails_as_much_is_promoted_as_clear() {
    let world = World::new();
    let ending = run(&world, compared(|_| {}), |_| [BLUE, (1_000.0, 10.0)]);
    assert_eq!(ending.state, State::Promoted, "{}", told(&world));
    let verdicts = verdicts(&world);
    assert!(verdicts.iter().all(|verdict| *verdict != judge::Verdict::RollBack));
    assert_eq!(record(&world).compared[0].name, "errors");
}

#[test]
fn a_burst_on_both_is_not_blamed_on_green() {
    let world = World::new();
    let ending = run(&world, compared(|_| {}), |minute| match minute {
        4..=7 => [(5_000.0, 1_500.0), (1_000.0, 300.0)],
        _ => [BLUE, (1_000.0, 10.0)],
    });
    assert_eq!(ending.state, State::Promoted, "{}", told(&world));
}

#[test]
fn a_green_that_crashes_is_blamed_although_no_status_is_counted() {
    let world = World::new();
    // Every third request is answered by nobody: the target group counts it, with no class of answers.
    let ending = run(&world, compared(|_| {}), |_| [(5_000.0, 0.0), (300.0, 100.0)]);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::Regression)), "{}", told(&world));
}

#[test]
fn a_service_that_never_fails_is_clear() {
    let world = World::new();
    let ending = run(&world, compared(|_| {}), |_| [(500.0, 0.0), (100.0, 0.0)]);
    assert_eq!(ending.state, State::Promoted, "{}", told(&world));
    assert!(verdicts(&world).contains(&judge::Verdict::Clear), "{}", told(&world));
    assert!(told(&world).contains("no evidence against green, which does not prove that green is good"));
    assert_eq!(promoted_with(&world), "no evidence against green in 3 steps, which does not prove that green is good");
}

#[test]
fn almost_no_traffic_is_held_and_then_follows_on_insufficient() {
    let world = World::new();
    let ending = run(&world, compared(|_| {}), |_| [(60.0, 0.0), (3.0, 0.0)]);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::InsufficientData)));
    let cause = ending.cause.unwrap();
    assert!(cause.contains("too little traffic to judge green") && cause.contains("of the 100 needed"), "{cause}");
    assert!(record(&world).looks >= 20, "ten minutes of bake and ten of waiting: {}", told(&world));

    let world = World::new();
    let plan = compared(|plan| {
        plan["judge"]["onInsufficient"] = json!({"holdFor": "5m", "then": "advance"});
        plan["judge"]["metrics"] = json!(["errors", "latency"]);
    });
    // At half of the traffic there is enough of it.
    let ending = run(&world, plan, |minute| if minute < 34 { [(60.0, 0.0), (3.0, 0.0)] } else { [(60.0, 0.0); 2] });
    assert_eq!(ending.state, State::Promoted, "{}", told(&world));
    assert!(told(&world).contains("the plan says to go on unjudged"));
    assert_eq!(
        promoted_with(&world),
        "no evidence against green in 1 step, which does not prove that green is good; NOT JUDGED in 2 steps for want of data: \
         errors, latency p50, latency p90, latency p99"
    );
}

#[test]
fn green_without_data_is_no_good_news() {
    for nothing in [(0.0, 0.0), (f64::NAN, f64::NAN)] {
        let world = World::new();
        let ending = run(&world, compared(|_| {}), move |_| [BLUE, nothing]);
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::InsufficientData)), "{nothing:?}");
        let skipped = record(&world).compared[0].state.skipped();
        assert_eq!(skipped > 0, nothing.0.is_nan(), "unusable periods are counted");
    }
}

fn stages(world: &World) -> Vec<u64> {
    let state = world.state();
    let story = &state.stories[&id()];
    let entered = |wanted: &dyn Fn(Phase) -> bool| {
        story.iter().find(|entry| matches!(entry.fact, Fact::Entered { phase } if wanted(phase))).map(|entry| entry.at)
    };
    (0..3)
        .map(|stage| {
            let begin = entered(&|phase| phase == Phase::Bake { stage }).unwrap();
            let end = entered(&|phase| match phase {
                Phase::ShiftTraffic { stage: next } => next == stage + 1,
                phase => phase == Phase::Promote && stage == 2,
            });
            seconds_until(begin, end.unwrap())
        })
        .collect()
}

#[test]
fn evidence_that_green_is_good_enough_ends_a_bake_early_where_the_plan_allows_it() {
    let early = |plan: &mut Value| {
        for step in plan["strategy"]["steps"].as_array_mut().unwrap() {
            step["bake"] = json!({"min": "4m", "max": "20m"});
        }
    };
    let world = World::new();
    let ending = run(&world, compared(early), |_| [BLUE, (5_000.0, 40.0)]);
    assert_eq!(ending.state, State::Promoted, "{}", told(&world));
    assert!(told(&world).contains("there is evidence that green is good enough"), "{}", told(&world));
    assert_eq!(promoted_with(&world), "evidence that green is good enough in 3 steps");
    assert!(stages(&world).iter().all(|seconds| (240..20 * 60).contains(seconds)), "{:?}", stages(&world));
    // With hardly any traffic there is no such evidence: the step lasts to its end.
    let world = World::new();
    run(&world, compared(early), |_| [(200.0, 0.0), (50.0, 0.0)]);
    assert!(stages(&world)[0] >= 20 * 60, "{:?}", stages(&world));
}

#[test]
fn a_plan_may_ask_for_more_than_no_evidence() {
    let strict = |plan: &mut Value| {
        plan["judge"] = json!({"advanceOn": "accept", "onInsufficient": {"holdFor": "5m", "then": "rollBack"}});
    };
    let world = World::new();
    let ending = run(&world, compared(strict), |_| [(500.0, 0.0), (100.0, 0.0)]);
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::InsufficientData)));
    assert!(ending.cause.unwrap().contains("`advanceOn: accept`"));
    let world = World::new();
    let ending = run(&world, compared(strict), |_| [BLUE, (5_000.0, 40.0)]);
    assert_eq!(ending.state, State::Promoted, "{}", told(&world));
}

#[test]
fn a_regression_seen_only_after_promotion_is_still_rolled_back() {
    // The last two minutes beside blue are final only when green has everything: they are judged then.
    let world = World::new();
    let ending = run(&world, compared(|_| {}), |minute| match minute {
        0..=30 => [BLUE, (5_000.0, 50.0)],
        _ => [BLUE, (5_000.0, 900.0)],
    });
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::Regression)), "{}", told(&world));
    let state = world.state();
    let phases = state.stories[&id()].iter().filter_map(|entry| match entry.fact {
        Fact::Entered { phase } => Some(phase),
        _ => None,
    });
    assert!(phases.collect::<Vec<_>>().contains(&Phase::Bake { stage: 3 }), "green had everything");
}

#[test]
fn what_is_learnt_about_blue_is_on_record_and_told() {
    let world = World::new();
    run(&world, compared(|plan| plan["judge"]["metrics"] = json!(["errors", {"latency": {}, "weight": 3}])), |_| {
        [BLUE, (5_000.0, 50.0)]
    });
    let compared = record(&world).compared;
    let names: Vec<(&str, f64)> = compared.iter().map(|metric| (metric.name.as_str(), metric.weight)).collect();
    assert_eq!(names, [("errors", 1.0), ("latency p50", 1.0), ("latency p90", 1.0), ("latency p99", 1.0)]);
    let story = told(&world);
    assert!(story.contains("errors is compared with blue's: noise measured on "), "{story}");
    assert!(story.contains("blue's latency percentiles could not be read"), "{story}");
}

#[test]
fn an_empty_list_compares_nothing() {
    let world = World::new();
    let ending = run(&world, compared(|plan| plan["judge"]["metrics"] = json!([])), |_| [BLUE, (1_000.0, 900.0)]);
    assert_eq!(ending.state, State::Promoted);
    assert!(record(&world).compared.is_empty() && verdicts(&world).is_empty());
    assert_eq!(promoted_with(&world), "green was not compared with blue");
}

#[test]
fn a_record_with_its_story_stays_small() {
    let world = World::new();
    let metrics: Vec<Value> = (0..20).map(|n| json!({"errors": {}, "name": format!("errors-{n}")})).collect();
    run(&world, compared(|plan| plan["judge"]["metrics"] = json!(metrics)), |_| [BLUE, (1_000.0, 10.0)]);
    let record = serde_json::to_string(&record(&world)).unwrap();
    assert!(record.len() < 60_000, "{} bytes", record.len());
    let state = world.state();
    let longest = state.stories[&id()].iter().map(|entry| serde_json::to_string(entry).unwrap().len()).max().unwrap();
    assert!(longest < 1_000, "{longest} bytes");
}

/// How many calls to AWS each of the first looks makes.
fn calls_of_looks(metrics: &Value) -> Vec<usize> {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", compared(|plan| plan["judge"]["metrics"] = metrics.clone()));
    let mut looks = Vec::new();
    while looks.len() < 8 {
        let (state, before) = (machine.state(), world.calls());
        machine.enter();
        if state == State::EvaluateHealth {
            looks.push(world.calls() - before);
        }
    }
    looks
}

#[test]
fn a_look_makes_one_call_for_all_metrics_however_many_they_are() {
    let series = |name: String| json!({"namespace": "Shop", "metric": name, "dimensions": {"Service": "${service}"}});
    let pair = |n: usize| json!({"bad": series(format!("Bad{n}")), "total": series(format!("All{n}"))});
    let metrics: Vec<Value> = (0..20).map(|n| json!({"name": format!("m{n}"), "cloudWatch": pair(n)})).collect();
    let (none, one, twenty) =
        (calls_of_looks(&json!([])), calls_of_looks(&json!(["errors"])), calls_of_looks(&json!(metrics)));
    assert_eq!(one, twenty);
    let more: Vec<usize> = one.iter().zip(none).map(|(one, none)| one - none).collect();
    assert!(
        more.contains(&1) && more.iter().all(|more| *more <= 1),
        "one GetMetricData once a minute is final: {more:?}"
    );
}
