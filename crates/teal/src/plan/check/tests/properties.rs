//! What holds for every document.

use super::super::shape;
use super::{GROUP_A, LISTENER, RULE, full};
use crate::plan::Plan;
use proptest::prelude::*;
use serde_json::Value;

/// Any JSON, with names and values of plans among it so that it gets past the first level.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "service",
        "green",
        "ecs",
        "traffic",
        "alb",
        "test",
        "url",
        "strategy",
        "steps",
        "gate",
        "weight",
        "bake",
        "judge",
        "limits",
        "metrics",
        "errors",
        "cloudWatch",
        "bad",
        "min",
        "afterwards",
        "canary",
        "linear",
        "allAtOnce",
        "validate",
        "http",
        "headers",
        "expect",
        "within",
    ]);
    let texts =
        prop::sample::select(vec!["5%", "1m", "0s", "p99", "365d", LISTENER, RULE, GROUP_A, "http://[::1", "é"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let name = prop_oneof![4 => words.clone().prop_map(str::to_owned), 1 => ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(name, inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// The full plan with something else somewhere.
fn damaged_plan() -> impl Strategy<Value = Value> {
    let pointers = vec![
        "/service",
        "/green",
        "/green/ecs",
        "/green/ecs/services",
        "/traffic/alb",
        "/traffic/alb/listeners/0",
        "/traffic/test",
        "/strategy",
        "/strategy/steps",
        "/strategy/steps/0",
        "/strategy/steps/1/weight",
        "/validate",
        "/validate/http/0",
        "/validate/http/0/headers",
        "/judge",
        "/judge/limits",
        "/judge/limits/badShare",
        "/judge/onInsufficient",
        "/judge/alarms",
        "/afterwards",
        "/afterwards/bake",
        "/deadline",
    ];
    (prop::sample::select(pointers), any_json()).prop_map(|(pointer, value)| {
        let mut plan = full();
        if let Some(at) = plan.pointer_mut(pointer) {
            *at = value;
        }
        plan
    })
}

proptest! {
    #[test]
    fn no_document_makes_the_check_panic(document in any_json()) {
        let _ = Plan::check(&document);
    }

    /// The schema's shape and the type agree: what the one lets through, the other reads.
    #[test]
    fn a_document_has_the_right_shape_exactly_if_it_can_be_read(document in damaged_plan()) {
        let mut found = Vec::new();
        shape::check(&document, &mut found);
        let read = serde_json::from_value::<Plan>(document.clone());
        if found.is_empty() {
            // That there is exactly one kind of route is a rule beside the shape, with a problem of its own.
            let one_route = |error: &serde_json::Error| error.to_string().starts_with("exactly one thing splits");
            let reads = read.as_ref().map_or_else(one_route, |_| true);
            prop_assert!(reads, "{:?} for {}", read.err(), document);
        } else if let Ok(plan) = read {
            // serde knows no ranges and lengths, and takes a list of values for an object; nothing else may pass it.
            let beyond_serde = ["it is not from", "it has ", "it is a list, not an object"];
            let bounded = found.iter().all(|problem| beyond_serde.iter().any(|start| problem.reason.starts_with(start)));
            prop_assert!(bounded, "{found:?} was read as {plan:?}");
        }
    }

    #[test]
    fn what_was_checked_is_written_and_checked_the_same(document in damaged_plan()) {
        if let Ok(checked) = Plan::check(&document) {
            let written = serde_json::to_value(checked.plan()).unwrap();
            let again = Plan::check(&written).unwrap();
            prop_assert_eq!(again, checked);
        }
    }
}
