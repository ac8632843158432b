//! What green is compared with blue by.

use super::{check, problems, warnings, with};
use crate::plan::{Metric, MetricSource, Plan};
use serde_json::{Value, json};

fn series(metric: &str) -> Value {
    json!({"namespace": "Shop", "metric": metric, "dimensions": {"Service": "${service}"}})
}

fn pair() -> Value {
    json!({"name": "failed-orders", "cloudWatch": {"bad": series("Failed"), "total": series("Orders")}})
}

#[track_caller]
fn check_metric(metric: &Value, path: &str, words: &str) {
    check("/judge/metrics", json!([metric]), &format!("judge.metrics[0]{path}"), words);
}

#[test]
fn metrics_are_written_short_or_in_full_and_read_back_the_same() {
    let groups = json!({"faults": "${service}-faults", "traces": "${service}"});
    let log = json!({"namespace": "Shop", "metric": "Errors-${service}"});
    let plan = with(
        "/judge/metrics",
        json!(["errors", {"latency": {}, "weight": 2}, pair(), {"logs": log, "noise": {"phi": 1, "cv": 0.25}}, {"xray": groups}]),
    );
    let checked = Plan::check(&plan).unwrap();
    let metrics = &checked.plan().judge.metrics;
    let names: Vec<(&str, u32)> = metrics.iter().map(|metric| (metric.name.as_str(), metric.weight)).collect();
    assert_eq!(names, [("errors", 1), ("latency", 2), ("failed-orders", 1), ("logs", 1), ("xray", 1)]);
    let written = serde_json::to_value(metrics).unwrap();
    assert_eq!(written[0], json!({"errors": {}}));
    assert_eq!(&serde_json::from_value::<Vec<Metric>>(written).unwrap(), metrics);
}

#[test]
fn a_plan_that_says_nothing_is_compared_by_errors_and_an_empty_list_by_nothing() {
    let metrics = |value| Plan::check(&with("/judge/metrics", value)).unwrap().plan().judge.metrics.clone();
    assert!(matches!(metrics(Value::Null).as_slice(), [Metric { source: MetricSource::Errors, .. }]));
    assert!(metrics(json!([])).is_empty());
}

#[test]
fn a_metric_has_one_source_and_a_name_of_its_own() {
    check_metric(&json!({}), "", "it names no source");
    check_metric(&json!({"weight": 2}), "", "it names no source");
    check_metric(&json!("error"), "", "Did you mean \"errors\"?");
    check_metric(&json!(5), "", "it is a number");
    check_metric(&json!({"error": {}}), ".error", "Did you mean `errors`?");
    check_metric(&json!({"errors": {}, "latency": {}}), "", "it has the sources errors and latency");
    check_metric(&json!({"errors": {"above": "1%"}}), ".errors.above", "there is no such field");
    check_metric(&json!({"errors": {}, "weight": 0}), ".weight", "it is not from 1 to 1000");
    check_metric(&json!({"errors": {}, "name": "a/b"}), ".name", "1 to 40 letters");
    check_metric(&json!({"noise": {"phi": 1, "cv": 1}}), "", "it names no source");
    let noisy = |noise: Value| json!({"errors": {}, "noise": noise});
    check_metric(&noisy(json!({"phi": 0.9, "cv": 0.5})), ".noise.phi", "it is not from 1 to 1000");
    check_metric(&noisy(json!({"phi": 1, "cv": 0.009})), ".noise.cv", "it is not from 0.01 to 10");
    check_metric(&noisy(json!({"phi": 1, "cv": 10.1})), ".noise.cv", "it is not from 0.01 to 10");
    check_metric(&noisy(json!({"phi": 1})), ".noise.cv", "this field is missing");
    check("/judge/metrics", json!(["errors", {"errors": {}}]), "judge.metrics[1]", "stands at judge.metrics[0]");
    let many: Vec<Value> = (0..21).map(|n| json!({"errors": {}, "name": format!("m{n}")})).collect();
    check("/judge/metrics", json!(many), "judge.metrics", "Write at most 20");
}

#[test]
fn a_cloudwatch_pair_tells_the_colours_apart_and_counts() {
    let edited = |pointer: &str, value: Value| {
        let mut pair = pair();
        *pair.pointer_mut(pointer).unwrap() = value;
        pair
    };
    let mut unnamed = pair();
    unnamed.as_object_mut().unwrap().remove("name");
    check_metric(&unnamed, ".name", "this field is missing");
    check_metric(&edited("/cloudWatch/bad/dimensions", json!({})), ".cloudWatch.bad", "the same series for blue and");
    let dimensions = "/cloudWatch/total/dimensions";
    check_metric(&edited(dimensions, json!({"A": "${loadBalancer}"})), ".cloudWatch.total", "the same series");
    check_metric(&edited(dimensions, json!({"A": "${color}"})), ".cloudWatch.total.dimensions.A", "stands for nothing");
    let average = json!({"namespace": "Shop", "metric": "M", "statistic": "Average"});
    check_metric(&edited("/cloudWatch/bad", average), ".cloudWatch.bad.statistic", "it does not count");
    let mut slow = pair();
    slow["cloudWatch"]["period"] = json!("5m");
    check_metric(&slow, ".cloudWatch.period", "1s, 5s, 10s, 30s and 1m");
    let math = |expression: &str| json!({"expression": expression, "metrics": {"a": series("A"), "b": series("B")}});
    assert_eq!(
        problems(&with("/judge/metrics", json!([edited("/cloudWatch/bad", math("FILL(a, 0) + b"))]))),
        Vec::<String>::new()
    );
    check_metric(&edited("/cloudWatch/bad", math("a + c")), ".cloudWatch.bad.expression", "it uses c, which");
    let none = json!({"expression": "1", "metrics": {}});
    let found = problems(&with("/judge/metrics", json!([edited("/cloudWatch/bad", none)])));
    assert!(found.iter().any(|problem| problem.contains("Write 1 to 5")), "{found:#?}");
    check_metric(&json!({"logs": {"namespace": "Shop", "metric": "Errors"}}), ".logs", "the same series for blue and");
    let log = |field: &str, value: Value| {
        let mut log = json!({"logs": {"logGroups": ["/ecs/${service}"], "pattern": "ERROR"}});
        log["logs"][field] = value;
        log
    };
    assert_eq!(problems(&with("/judge/metrics", json!([log("settle", json!("5m"))]))), Vec::<String>::new());
    let new = json!({"atLeast": 3, "then": "rollBack", "field": "message", "requestField": "requestId"});
    assert_eq!(problems(&with("/judge/metrics", json!([log("newMessages", new)]))), Vec::<String>::new());
    check_metric(&log("query", json!("filter a = 1")), ".logs", "exactly one of `query` and `pattern`");
    check_metric(&log("pattern", Value::Null), ".logs", "exactly one of `query` and `pattern`");
    check_metric(&log("pattern", json!("\"")), ".logs.pattern", "without double quotes");
    check_metric(&log("logGroups", json!(["/ecs/shop"])), ".logs", "the same lines for blue and for green");
    check_metric(&log("logGroups", json!([])), ".logs.logGroups", "Write at least 1");
    check_metric(&log("logGroups", json!(["arn:aws:logs:x"])), ".logs.logGroups[0]", "not the ARN");
    check_metric(&log("settle", json!("16m")), ".logs.settle", "it is too long");
    check_metric(&log("newMessages", json!({"atLeast": 0})), ".logs.newMessages.atLeast", "it is not from 1 to 10000");
    check_metric(&log("newMessages", json!({})), ".logs.newMessages.atLeast", "this field is missing");
    let named = |name: String| {
        let mut log = log("settle", json!("3m"));
        log["name"] = json!(name);
        log
    };
    let many: Vec<Value> = (0..6).map(|n| named(format!("m{n}"))).collect();
    check("/judge/metrics", json!(many), "judge.metrics[5]", "one search of logs too many");
    let groups = json!({"xray": {"faults": "all-faults", "traces": "${service}"}});
    check_metric(&groups, ".xray.faults", "the same group for blue and for green");
}

#[test]
fn settings_of_the_comparison() {
    check("/judge/rho", json!(0.9), "judge.rho", "Write a number from 1 to 1000");
    check("/judge/rho", json!("1.1"), "judge.rho", "it is a text, not a number");
    check("/judge/alpha", json!("0%"), "judge.alpha", "above 0%");
    check("/judge/alpha", json!("51%"), "judge.alpha", "at most 50%");
    check("/judge/strict", json!("yes"), "judge.strict", "Write true or false");
    check("/judge/warmUp", json!(61), "judge.warmUp", "it is not from 0 to 60");
    check("/judge/minIntervals", json!(0), "judge.minIntervals", "it is not from 1");
    check("/judge/advanceOn", json!("accepted"), "judge.advanceOn", "Did you mean \"accept\"?");
}

#[test]
fn a_bake_is_one_duration_or_two() {
    let bake = "/strategy/steps/1/bake";
    assert_eq!(problems(&with(bake, json!({"min": "2m", "max": "10m"}))), Vec::<String>::new());
    check(bake, json!({"min": "11m", "max": "10m"}), "strategy.steps[1].bake.min", "it is more than `max`");
    check(bake, json!({"min": "0s", "max": "10m"}), "strategy.steps[1].bake.min", "needs time");
    check(bake, json!({"min": "2m"}), "strategy.steps[1].bake.max", "this field is missing");
    check(bake, json!({"min": "2m", "max": "10m", "most": 1}), "strategy.steps[1].bake.most", "no such field");
    check(bake, json!(5), "strategy.steps[1].bake", "such as \"5s\"");
    check(bake, json!("5"), "strategy.steps[1].bake", "it is not a duration");
    check("/afterwards/bake", json!({"min": "2m", "max": "9m"}), "afterwards.bake", "it is an object, not a duration");
    let mut plan = with(bake, json!({"min": "2m", "max": "10m"}));
    plan["judge"]["metrics"] = json!([]);
    assert!(warnings(&plan)[0].contains("nothing ends the step early"), "{:?}", warnings(&plan));
}

#[test]
fn steps_are_long_enough_to_be_clear() {
    let mut plan = with("/strategy/steps/1/bake", json!("4m"));
    assert!(warnings(&plan)[0].contains("always held longer"), "{:?}", warnings(&plan));
    plan["judge"]["onInsufficient"] = json!({"holdFor": "30s", "then": "rollBack"});
    assert!(problems(&plan)[0].contains("given up before it can be clear"), "{:?}", problems(&plan));
    plan["judge"]["metrics"] = json!([]);
    assert_eq!(problems(&plan), Vec::<String>::new());
    let mut plan = with("/strategy/steps/1/bake", json!("6m"));
    assert_eq!(warnings(&plan), Vec::<String>::new());
    plan["judge"]["metrics"] = json!([{"logs": {"logGroups": ["${service}"], "pattern": "ERROR", "settle": "4m"}}]);
    assert!(warnings(&plan)[0].contains("each read 4m after its end"), "{:?}", warnings(&plan));
    let mut plan = with("/strategy/steps/1/bake", json!("25m"));
    plan["judge"]["warmUp"] = json!(20);
    assert_eq!(warnings(&plan), Vec::<String>::new());
    plan["judge"]["warmUp"] = json!(21);
    assert_eq!(warnings(&plan).len(), 1, "later steps begin warm");
    assert!(warnings(&plan)[0].contains("3 whole periods of 1m after 21 of `warmUp`"), "{:?}", warnings(&plan));
    assert!(warnings(&plan)[0].contains("at least \"26m\""), "{:?}", warnings(&plan));
    plan["judge"]["warmUp"] = json!(60);
    assert!(problems(&plan)[0].contains("given up before it can be clear"), "{:?}", problems(&plan));
    let mut plan = with("/strategy", json!({"allAtOnce": {}}));
    plan["judge"]["metrics"] = json!(["errors"]);
    assert!(warnings(&plan)[0].contains("nothing to compare"), "{:?}", warnings(&plan));
}
