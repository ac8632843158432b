//! What holds for every document.

use super::super::shape;
use super::routes::{alias, elsewhere, flag, network, shifted};
use super::{GROUP_A, LISTENER, RULE, full, problems, put};
use crate::document::Document;
use crate::plan::{Path, Plan, Problem, Segment, StoredStart};
use proptest::prelude::*;
use serde_json::{Value, json};

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
        // Eighths: what is not Teal's own is kept as it was read, and serde_json may read longer ones off by their last bit.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        Just(json!(1e300)),
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

/// Plans in which nothing is wrong, of every kind of route and fleet, by what they are about.
fn samples() -> Vec<(&'static str, Value)> {
    let with = |mut plan: Value, changes: &[(&str, Value)]| {
        changes.iter().for_each(|(pointer, value)| put(&mut plan, pointer, value.clone()));
        plan
    };
    let of_page = Document::parse(include_str!("../../../../../../docs/examples/steps.yaml")).unwrap().value;
    let flag_steps = json!([{"weight": "10%", "bake": "5m"}, {"weight": "50%", "bake": "5m"}]);
    let cname =
        json!({"name": "checkout.eu-central-1.elasticbeanstalk.com", "environments": ["checkout-a", "checkout-b"]});
    let build = json!({"project": "smoke", "within": "20m", "environment": {"SUITE": "short"}});
    let logs = json!({
        "name": "errors-logged", "weight": 2, "noise": {"phi": 1, "cv": 0.25},
        "logs": {
            "logGroups": ["/ecs/${service}"], "query": "filter level = 'error'", "settle": "4m",
            "newMessages": {"field": "message", "requestField": "id", "atLeast": 5, "then": "rollBack"},
        },
    });
    let xray = json!({"xray": {"faults": "${service}-faults", "traces": "${service}"}});
    let app_spec = json!({"codeDeploy": {"application": "shop", "deploymentGroup": "checkout", "appSpec": {"version": 0.0, "Resources": []}}});
    vec![
        ("listeners and rules", full()),
        ("the page's", of_page),
        (
            "another account",
            elsewhere(
                json!({"role": "arn:aws:iam::000000000000:role/TealRelease", "externalId": "teal-7f3c", "deploymentStrategy": "abc1234"}),
            ),
        ),
        ("a network load balancer", network()),
        ("a flag", flag()),
        (
            "flags with a version",
            with(full(), &[("/flags", json!([flag()["traffic"]["flag"]])), ("/flagSteps", flag_steps)]),
        ),
        ("an alias", alias()),
        (
            "an alias that CodeDeploy shifts",
            with(
                alias(),
                &[
                    ("/traffic", json!({"lambda": {"function": "checkout", "alias": "live"}, "shiftedBy": app_spec})),
                    ("/strategy", json!({"allAtOnce": {}})),
                    ("/judge", json!({"metrics": []})),
                    ("/validate", json!({})),
                ],
            ),
        ),
        (
            "environments that swap",
            with(
                network(),
                &[
                    ("/green", json!({"beanstalk": {"versionLabel": "v2", "blue": "keep"}})),
                    ("/traffic", json!({"cname": cname})),
                    ("/strategy", json!({"allAtOnce": {}})),
                    ("/validate", json!({"http": [{"path": "/health"}]})),
                ],
            ),
        ),
        ("a deployment of CodeDeploy", shifted("codeDeploy")),
        ("a deployment of ECS", shifted("ecs")),
        ("a build", with(full(), &[("/validate/codeBuild", build)])),
        ("logs and traces", with(full(), &[("/judge/metrics", json!(["errors", logs, xray]))])),
        (
            "a canary",
            with(full(), &[("/strategy", json!({"canary": {"weight": "10%", "bake": {"min": "5m", "max": "10m"}}}))]),
        ),
        (
            "linear",
            with(full(), &[("/strategy", json!({"linear": {"by": "20%", "bake": "5m"}})), ("/deadline", json!("12h"))]),
        ),
    ]
}

/// All places in a value, the outermost first.
fn places(value: &Value, at: &Path) -> Vec<Path> {
    let mut found = vec![at.clone()];
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, part)| found.extend(places(part, &at.field(name)))),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, part)| found.extend(places(part, &at.item(index))));
        }
        _ => {}
    }
    found
}

/// Puts something else at a place, or takes away what is there.
fn damage(plan: &mut Value, place: &Path, with: Option<Value>) {
    let Some((last, around)) = place.segments().split_last() else {
        *plan = with.unwrap_or_default();
        return;
    };
    let at = around.iter().fold(plan, |at, segment| match segment {
        Segment::Field(name) => &mut at[name.as_str()],
        Segment::Item(index) => &mut at[*index],
    });
    match (last, with) {
        (Segment::Field(name), Some(value)) => at[name.as_str()] = value,
        (Segment::Item(index), Some(value)) => at[*index] = value,
        (Segment::Field(name), None) => drop(at.as_object_mut().unwrap().remove(name)),
        (Segment::Item(index), None) => drop(at.as_array_mut().unwrap().remove(*index)),
    }
}

/// A plan with something else somewhere, or something missing; and where.
fn damaged_plan() -> impl Strategy<Value = (Value, Path)> {
    let samples: Vec<(Value, Vec<Path>)> =
        samples().into_iter().map(|(_, plan)| (plan.clone(), places(&plan, &Path::root()))).collect();
    let other = prop_oneof![1 => Just(None), 4 => any_json().prop_map(Some)];
    (prop::sample::select(samples), any::<prop::sample::Index>(), other).prop_map(|((mut plan, places), at, other)| {
        let place = at.get(&places).clone();
        damage(&mut plan, &place, other);
        (plan, place)
    })
}

/// Whether one place is the other, or around it.
fn is_along(one: &Path, other: &Path) -> bool {
    one.segments().iter().zip(other.segments()).all(|(one, other)| one == other)
}

#[test]
fn the_plans_of_these_properties_are_plans() {
    for (name, plan) in samples() {
        assert_eq!(problems(&plan), Vec::<String>::new(), "{name}");
    }
}

/// What no place takes, put into each place of each plan: the problem is there, or at what is around it.
#[test]
fn what_is_of_a_wrong_kind_is_told_where_it_is() {
    for (name, plan) in samples() {
        for place in places(&plan, &Path::root()) {
            for wrong in [json!(-1.5e300), json!([[[]]]), json!({"é": 1}), json!("\u{0}".repeat(5_000))] {
                let mut damaged = plan.clone();
                damage(&mut damaged, &place, Some(wrong.clone()));
                // Of a build's variables and an AppSpec there is little that is wrong.
                let Err(found) = Plan::check(&damaged) else { continue };
                let is_there = found.problems.iter().any(|problem| is_along(&problem.path, &place));
                assert!(is_there, "{name}, {place}: {:.60}: {:?}", wrong.to_string(), found.problems);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_document_makes_the_check_panic(document in any_json()) {
        let _ = Plan::check(&document);
    }

    /// The schema's shape and the type agree: what the one lets through, the other reads.
    #[test]
    fn a_document_has_the_right_shape_exactly_if_it_can_be_read((document, place) in damaged_plan()) {
        let mut found = Vec::new();
        shape::check(&document, &mut found);
        // An entry whose only field is gone may be told to lack another one.
        let beside = |path: &Path| path.segments().split_last().is_some_and(|(_, around)| place.segments().starts_with(around));
        let elsewhere = found.iter().find(|problem| !is_along(&problem.path, &place) && !beside(&problem.path));
        prop_assert!(elsewhere.is_none(), "{} was damaged, not {:?}", place, elsewhere);
        let read = serde_json::from_value::<Plan>(document.clone());
        if found.is_empty() {
            // Rules beside the shape, with problems of their own.
            let beside = ["exactly one thing splits", "a metric has exactly one source", "the metric has no name"];
            let by_rule = |error: &serde_json::Error| beside.iter().any(|start| error.to_string().starts_with(start));
            let reads = read.as_ref().map_or_else(by_rule, |_| true) && (read.is_ok() || Plan::check(&document).is_err());
            prop_assert!(reads, "{:?} for {}", read.err(), document);
        } else if let Ok(plan) = read {
            // serde knows no ranges and lengths, and takes a list of values for an object; nothing else may pass it.
            let beyond_serde = ["it is not from", "it has ", "it is a list, not an object"];
            let bounded = found.iter().all(|problem| beyond_serde.iter().any(|start| problem.reason.starts_with(start)));
            prop_assert!(bounded, "{found:?} was read as {plan:?}");
        }
    }

    #[test]
    fn what_was_checked_is_written_and_checked_the_same((document, _) in damaged_plan()) {
        if let Ok(checked) = Plan::check(&document) {
            let written = serde_json::to_value(checked.plan()).unwrap();
            let again = Plan::check(&written).unwrap();
            prop_assert_eq!(again.plan(), checked.plan());
            prop_assert_eq!(again.timeline(), checked.timeline());
            // What was said for nothing is not written again, nor warned of.
            let known = |warning: &&Problem| {
                // What is compared where nothing is said of it is written out.
                checked.warnings().contains(warning) || warning.path == Path::of("judge.metrics")
            };
            let new = again.warnings().iter().find(|warning| !known(warning));
            prop_assert!(new.is_none(), "{:?}", new);
        }
    }

    #[test]
    fn a_start_with_something_else_in_it_is_read_or_refused_with_the_field(
        place in prop::sample::select(vec!["planRef", "version", "green", "green.ecs", "green.ecs.taskDefinition", "appSpec", "deployment", "pipelineExecutionId", "other"]),
        other in prop_oneof![any_json(), Just(json!("x".repeat(100_000)))],
    ) {
        let mut start = json!({
            "planRef": "ssm:/teal/plans/checkout", "version": "2", "green": {"ecs": {"taskDefinition": "checkout:2"}},
            "appSpec": {"version": 0.0}, "deployment": "d-ABC123XYZ", "pipelineExecutionId": "01234567-0123-0123-0123-012345678901",
        });
        prop_assert!(matches!(StoredStart::of(&start), Some(Ok(_))));
        damage(&mut start, &Path::of(place), Some(other));
        if let Some(Err(refused)) = StoredStart::of(&start) {
            let field = place.split('.').next().unwrap();
            prop_assert!(refused.reason.contains(field), "{}: {}", place, refused);
            prop_assert!(refused.reason.chars().count() < 500, "{} characters: {}", refused.reason.len(), place);
        }
    }
}
