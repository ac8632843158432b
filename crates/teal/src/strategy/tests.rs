//! What strategies compile to, and what a release along them takes.

use super::{AllAtOnce, Bake, Canary, Linear, Pace, Shift, Stage, StepEntry, Timeline, Usage, spec};
use crate::plan::{FlagStep, Judge, defaults, limits};
use crate::units::{Share, Span};
use proptest::prelude::*;
use serde_json::json;

fn pace() -> Pace {
    Pace {
        every: Span::minutes(1),
        hold_for: Span::minutes(10),
        ready_within: Span::minutes(15),
        keep_blue: Span::hours(1),
        deadline: Span::hours(4),
        propagation: Span::ZERO,
        waits_for_others: false,
    }
}

fn timeline(strategy: serde_json::Value) -> Timeline {
    let strategy: spec::Strategy = serde_json::from_value(strategy).unwrap();
    Timeline::new(&strategy, &[], Span::minutes(10), pace())
}

/// Checks the stages, each written as `[gate] weight bake`.
#[track_caller]
fn check(strategy: serde_json::Value, expect: &[&str]) {
    let stages: Vec<String> = timeline(strategy)
        .stages()
        .iter()
        .map(|stage| {
            let gate = stage.gate_before.as_ref().map_or(String::new(), |gate| format!("[{}] ", gate.name));
            format!("{gate}{} {}", stage.weight, stage.bake)
        })
        .collect();
    assert_eq!(stages, expect);
}

#[test]
fn every_form_becomes_stages_that_end_at_100_percent() {
    check(json!({"allAtOnce": {}}), &["100% 10m"]);
    check(json!({"canary": {"weight": "2.5%", "bake": "7m"}}), &["2.5% 7m", "100% 10m"]);
    check(json!({"linear": {"by": "20%", "bake": "5m"}}), &["20% 5m", "40% 5m", "60% 5m", "80% 5m", "100% 10m"]);
    check(json!({"linear": {"by": "30%", "bake": "5m"}}), &["30% 5m", "60% 5m", "90% 5m", "100% 10m"]);
    check(json!({"linear": {"by": "99.9%", "bake": "5m"}}), &["99.9% 5m", "100% 10m"]);
    check(json!({"linear": {"by": "0%", "bake": "5m"}}), &["100% 10m"]);
}

#[test]
fn a_gate_stands_before_the_stage_that_follows_it() {
    let gate = |name: &str| json!({"gate": {"name": name, "within": "2h"}});
    check(
        json!({"steps": [
            gate("before the first"),
            {"weight": "5%", "bake": "5m"},
            {"weight": "50%", "bake": "10m"},
            gate("before all"),
        ]}),
        &["[before the first] 5% 5m", "50% 10m", "[before all] 100% 10m"],
    );
    check(json!({"steps": [gate("only this")]}), &["[only this] 100% 10m"]);
}

#[test]
fn the_timeline_reads_back_from_the_record() {
    let timeline = timeline(json!({"canary": {"weight": "10%", "bake": "10m"}}));
    let written = serde_json::to_value(&timeline).unwrap();
    assert_eq!(written["stages"][0], json!({"weight": "10%", "bake": "10m"}));
    assert_eq!(serde_json::from_value::<Timeline>(written).unwrap(), timeline);
}

#[test]
fn the_schedule_adds_up() {
    let timeline = timeline(json!({"steps": [
        {"weight": "5%", "bake": "5m"},
        {"gate": {"name": "go on?", "within": "2h"}},
        {"weight": "50%", "bake": "90s"},
    ]}));
    let rows = timeline.schedule();
    let starts: Vec<Option<String>> = rows.iter().map(|row| row.starts.map(|span| span.to_string())).collect();
    let at = |text: &str| Some(text.to_owned());
    assert_eq!(starts, [None, at("0s"), at("5m"), at("6m30s"), at("16m30s")]);
    let looks: Vec<u32> = rows.iter().map(|row| row.usage.looks).collect();
    // Five; one at the gate and two in 90 s; ten at 100%; fifty while blue is kept.
    assert_eq!(looks, [0, 5, 3, 10, 50]);
    assert_eq!(rows[4].lasts, Some(Span::minutes(50)));
}

/// Flags in steps come behind the version: it bakes without them first, as long as with all of them in the end.
#[test]
fn flags_in_steps_have_stages_and_rows_of_their_own() {
    let steps: Vec<FlagStep> =
        serde_json::from_value(json!([{"weight": "10%", "bake": "4m"}, {"weight": "50%", "bake": "5m"}])).unwrap();
    let gate = json!({"gate": {"name": "all?", "within": "2h"}});
    let strategies = [json!({"allAtOnce": {}}), json!({"steps": [{"weight": "5%", "bake": "5m"}, gate]})];
    for (strategy, before) in strategies.into_iter().zip([&[][..], &["5% - 5m"]]) {
        let strategy: spec::Strategy = serde_json::from_value(strategy).unwrap();
        // Of a load balancer whose weights come into force after ten minutes: those of flags do not wait for it.
        let pace = Pace { propagation: Span::minutes(10), ..pace() };
        let timeline = Timeline::new(&strategy, &steps, Span::minutes(20), pace);
        let rows: Vec<String> = timeline.schedule()[1..]
            .iter()
            .map(|row| {
                let flags = row.flags.map_or("-".to_owned(), |share| share.to_string());
                format!("{} {flags} {}", row.weight, row.lasts.unwrap())
            })
            .collect();
        let rest = ["100% 0% 30m", "100% 10% 5m", "100% 50% 6m", "100% 100% 21m", "100% 100% 39m"];
        let longer = before.iter().map(|row| row.replace("5m", "15m"));
        assert_eq!(rows, longer.chain(rest.map(str::to_owned)).collect::<Vec<_>>());
        let turns: Vec<bool> = timeline.stages().iter().rev().map(Stage::turns_flags).collect();
        assert_eq!(turns[..4], [true, true, true, false]);
        let written = serde_json::to_value(&timeline).unwrap();
        assert_eq!(serde_json::from_value::<Timeline>(written).unwrap(), timeline);
    }
}

#[test]
fn a_record_of_an_older_version_says_what_it_waits_for() {
    let mut written = serde_json::to_value(pace()).unwrap();
    written["byDeployment"] = json!(true);
    assert!(serde_json::from_value::<Pace>(written).unwrap().waits_for_others);
}

#[test]
fn a_look_is_three_transitions_and_nine_events() {
    let timeline = |bake: &str| timeline(json!({"canary": {"weight": "10%", "bake": bake}}));
    let (one, two) = (timeline("10m").bounds(), timeline("11m").bounds());
    assert_eq!(two.looks - one.looks, 1);
    assert_eq!(two.transitions - one.transitions, 3);
    assert_eq!(two.history_events - one.history_events, 9);
    assert_eq!(two.invocations - one.invocations, 1);
}

#[test]
fn the_deadline_bounds_the_looks() {
    let steps: Vec<_> = (1..100).map(|n| json!({"weight": format!("{n}%"), "bake": "1m"})).collect();
    let timeline = timeline(json!({ "steps": steps }));
    // Each of the 99 steps could be held for ten minutes, but after four hours the release is over.
    let looks = timeline.bounds().looks;
    assert!((240..=240 + 200 + 50).contains(&looks), "{looks}");
}

#[test]
fn where_others_may_be_waited_for_only_the_deadline_bounds_the_looks() {
    let strategy: spec::Strategy = serde_json::from_value(json!({"canary": {"weight": "10%", "bake": "1m"}})).unwrap();
    let looks = |waits_for_others| {
        let pace = Pace { waits_for_others, keep_blue: Span::minutes(10), ..pace() };
        Timeline::new(&strategy, &[], Span::minutes(10), pace).bounds().looks
    };
    assert!(looks(false) < 60, "{}", looks(false));
    assert!(looks(true) >= 240, "one a minute in the four hours until the deadline: {}", looks(true));
}

#[test]
fn the_default_pace_costs_cents() {
    let timeline = timeline(json!({"canary": {"weight": "10%", "bake": "10m"}}));
    let judge = Judge {
        limits: serde_json::from_value(
            json!({"badShare": {"above": "1%"}, "latency": {"percentile": "p99", "above": "1s"}}),
        )
        .unwrap(),
        ..Judge::default()
    };
    let usual: Usage = timeline.schedule().iter().map(|row| row.usage).sum();
    let cost = usual.cost(&judge);
    assert!((0.001..0.05).contains(&cost.usd), "{cost:?}");
    let metrics = cost.items.iter().find(|item| item.rate.unit.starts_with("metrics")).unwrap();
    assert_eq!(usual.comparisons, 10, "one a minute while both serve");
    let expected = usual.comparisons * (8 + 2) + (usual.looks - usual.comparisons) * (4 + 2);
    assert_eq!(metrics.quantity, f64::from(expected), "errors of both colours, at 100% of green; two of latency");
    assert!(timeline.bounds().cost(&judge).usd > cost.usd);
    assert!(timeline.bounds().history_events < limits::MAX_HISTORY_EVENTS);
    assert_eq!(judge.every, defaults::every());
}

/// Strategies as the check lets them through.
fn strategies() -> impl Strategy<Value = spec::Strategy> {
    let at_least = |least: u16| (least..1000).prop_map(|permille| Share::from_permille(permille).unwrap());
    let share = || at_least(1);
    let bake = || (1_u32..100_000).prop_map(Span::seconds);
    prop_oneof![
        Just(spec::Strategy::AllAtOnce(AllAtOnce {})),
        (share(), bake()).prop_map(|(weight, bake)| spec::Strategy::Canary(Canary { weight, bake: Bake::For(bake) })),
        // At most 200 steps.
        (at_least(5), bake()).prop_map(|(by, bake)| spec::Strategy::Linear(Linear { by, bake: Bake::For(bake) })),
        (prop::collection::btree_set(share(), 1..20), bake()).prop_map(|(weights, bake)| {
            spec::Strategy::Steps(
                weights.into_iter().map(|weight| StepEntry::Shift(Shift { weight, bake: Bake::For(bake) })).collect(),
            )
        }),
    ]
}

proptest! {
    #[test]
    fn weights_rise_to_100_percent(strategy in strategies(), after in 0_u32..100_000) {
        let timeline = Timeline::new(&strategy, &[], Span::seconds(after), pace());
        let weights: Vec<Share> = timeline.stages().iter().map(|stage| stage.weight).collect();
        prop_assert!(weights.is_sorted_by(|a, b| a < b), "{weights:?}");
        prop_assert!(weights[0] > Share::NONE);
        prop_assert_eq!(weights.last(), Some(&Share::ALL));
        let bakes: u64 = timeline.stages().iter().map(|stage| u64::from(stage.bake.as_seconds())).sum();
        prop_assert_eq!(u64::from(timeline.baking().as_seconds()), bakes.min(u64::from(Span::MAX.as_seconds())));
    }

    #[test]
    fn what_is_usual_stays_within_the_bounds(strategy in strategies(), after in 0_u32..3600, every in 10_u32..3600) {
        let pace = Pace { every: Span::seconds(every), deadline: Span::MAX, ..pace() };
        let timeline = Timeline::new(&strategy, &[], Span::seconds(after), pace);
        let usual: Usage = timeline.schedule().iter().map(|row| row.usage).sum();
        let most = timeline.bounds();
        prop_assert!(usual.looks <= most.looks && usual.transitions <= most.transitions, "{usual:?} {most:?}");
        prop_assert!(usual.history_events <= most.history_events && usual.invocations <= most.invocations);
    }
}
