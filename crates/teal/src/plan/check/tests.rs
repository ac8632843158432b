//! What each problem looks like, one by one and all at once.

mod metrics;
mod properties;
mod routes;
mod texts;

use super::*;
use serde_json::json;

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";
const LISTENER_443: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/shop/50dc6c495c0c9188/0467ef3c8400ae65";
const TEST_LISTENER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/shop/50dc6c495c0c9188/aaaaaaaaaaaaaaaa";
const RULE: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";
const GROUP_A: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/checkout-a/73e2d6bc24d8a067";
const GROUP_B: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/checkout-b/943f017f100becff";

/// A plan that says as much as a plan can say, with nothing wrong in it and nothing to warn about.
fn full() -> Value {
    json!({
        "service": "checkout",
        "version": "2.4.0",
        "green": {"ecs": {
            "cluster": "prod",
            "services": ["checkout-a", "checkout-b"],
            "taskDefinition": "checkout:42",
            "readyWithin": "15m",
        }},
        "traffic": {
            "alb": {"listeners": [LISTENER, LISTENER_443], "rules": [RULE], "targetGroups": [GROUP_A, GROUP_B]},
            "test": {"listener": TEST_LISTENER},
        },
        "strategy": {"steps": [
            {"gate": {"name": "QA looks at it", "within": "2h"}},
            {"weight": "5%", "bake": "5m"},
            {"weight": "50%", "bake": "10m"},
        ]},
        "validate": {"http": [{
            "path": "/health",
            "method": "GET",
            "headers": {"X-Probe": "green"},
            "expect": {"status": 200, "bodyContains": "ok", "within": "2s"},
            "attempts": 3,
        }]},
        "judge": {
            "every": "1m",
            "settle": "2m",
            "alarms": ["checkout-5xx"],
            "limits": {
                "minRequests": 100,
                "badShare": {"above": "2%"},
                "loadBalancer5xx": {"above": "1%"},
                "latency": {"percentile": "p99", "above": "800ms"},
            },
            "onInsufficient": {"holdFor": "10m", "then": "rollBack"},
        },
        "afterwards": {"bake": "10m", "keepBlue": "1h"},
        "deadline": "4h",
    })
}

/// The full plan with one value replaced; `null` takes it out. The path is a JSON pointer; what it leads through is made.
fn with(pointer: &str, value: Value) -> Value {
    let mut plan = full();
    put(&mut plan, pointer, value);
    plan
}

fn put(plan: &mut Value, pointer: &str, value: Value) {
    let mut at = plan;
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let (last, parents) = parts.split_last().unwrap();
    for part in parents {
        at = match part.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[*part],
        };
    }
    match (last.parse::<usize>(), value) {
        (Ok(index), value) => at[index] = value,
        (Err(_), Value::Null) => {
            at.as_object_mut().unwrap().remove(*last);
        }
        (Err(_), value) => at[*last] = value,
    }
}

fn problems(document: &Value) -> Vec<String> {
    match Plan::check(document) {
        Ok(_) => Vec::new(),
        Err(found) => found.problems.iter().map(Problem::to_string).collect(),
    }
}

fn warnings(document: &Value) -> Vec<String> {
    let warnings = match Plan::check(document) {
        Ok(checked) => checked.warnings,
        Err(found) => found.warnings,
    };
    warnings.iter().map(Problem::to_string).collect()
}

/// Checks that replacing one value gives exactly one problem, that it is at `path`, and that it says `words`.
#[track_caller]
fn check(pointer: &str, value: Value, path: &str, words: &str) {
    let found = problems(&with(pointer, value));
    let [problem] = found.as_slice() else { panic!("not one problem but {}: {found:#?}", found.len()) };
    assert!(problem.starts_with(&format!("{path}: ")), "not at {path}: {problem}");
    assert!(problem.contains(words), "does not say {words:?}: {problem}");
}

#[test]
fn a_full_plan_has_neither_problems_nor_warnings() {
    assert_eq!(problems(&full()), Vec::<String>::new());
    assert_eq!(warnings(&full()), Vec::<String>::new());
}

#[test]
fn the_least_plan_gets_the_defaults() {
    let plan = json!({
        "service": "checkout",
        "version": "1",
        "green": {"ecs": {"cluster": "prod", "services": ["a", "b"], "taskDefinition": "checkout:1"}},
        "traffic": {"alb": {"listeners": [LISTENER]}},
        "strategy": {"allAtOnce": {}},
    });
    let (plan, timeline, warnings) = Plan::check(&plan).unwrap().into_parts();
    assert_eq!(plan.deadline.to_string(), "4h");
    assert_eq!(plan.judge.every.to_string(), "1m");
    assert_eq!(plan.afterwards.keep_blue.to_string(), "1h");
    assert_eq!(timeline.stages().len(), 1);
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.to_string().starts_with("judge: nothing watches green"), "{warning}");
}

#[test]
fn a_problem_is_one_paragraph_of_path_value_reason_and_remedy() {
    assert_eq!(
        problems(&with("/strategy/steps/2/weight", json!("2.55%"))),
        [
            "strategy.steps[2].weight: \"2.55%\" — a load balancer cannot split traffic finer than 0.1%. Write at most 1 \
             digits after the decimal point."
        ]
    );
}

#[test]
fn shape() {
    check("/deadlines", json!("4h"), "deadlines", "Did you mean `deadline`?");
    check("/judge/look_every", json!("1m"), "judge.look_every", "there is no such field");
    check("/judge/Every", json!("1m"), "judge.Every", "Did you mean `every`?");
    check("/service", Value::Null, "service", "Add a service name, such as `service: checkout`");
    check("/green/ecs/taskDefinition", Value::Null, "green.ecs.taskDefinition", "this field is missing");
    check("/version", json!(2.4), "version", "it is a number, not a version. Write it in quotes");
    check("/strategy/steps/1/weight", json!(5), "strategy.steps[1].weight", "such as \"5%\"");
    check("/afterwards/keepBlue", json!(7200), "afterwards.keepBlue", "such as \"7200s\"");
    check("/judge/alarms", json!("checkout-5xx"), "judge.alarms", "it is a text, not a list");
    check("/judge", json!([]), "judge", "it is a list, not an object. Write fields: `advanceOn`, `alarms`");
    check("/judge/limits/minRequests", json!("100"), "judge.limits.minRequests", "it is a text, not a whole number");
    check("/judge/limits/minRequests", json!(0), "judge.limits.minRequests", "it is not from 1 to 1000000000");
    check("/judge/limits/minRequests", json!(1.5), "judge.limits.minRequests", "it is not a whole number");
    check("/judge/limits/minRequests", json!(-1), "judge.limits.minRequests", "it is not from 1");
    check("/judge/onInsufficient/then", json!("rollback"), "judge.onInsufficient.then", "Did you mean \"rollBack\"?");
    check("/validate/http/0/method", json!("POST"), "validate.http[0].method", "Write `GET` or `HEAD`");
    check("/validate/http/0/expect/status", json!(99), "validate.http[0].expect.status", "it is not from 200 to 599");
    check("/validate/http/0/expect/bodyContains", json!(""), "validate.http[0].expect.bodyContains", "at least 1");
    check("/green/ecs/services", json!(["a"]), "green.ecs.services", "it has 1 items. Write exactly 2");
    check("/traffic/test", json!({}), "traffic.test", "Write exactly one of `listener`, `rule`, `url` and `instance`");
    check("/traffic/test", json!("url"), "traffic.test", "Write it as a field: `url: {…}`");
}

#[test]
fn exactly_one_strategy() {
    check("/strategy", json!({}), "strategy", "exactly one of `steps`, `canary`, `linear` and `allAtOnce`");
    check("/strategy", json!("allAtOnce"), "strategy", "Write it as a field: `allAtOnce: {…}`");
    check("/strategy", json!({"allAtOnce": null}), "strategy.allAtOnce", "Write {}");
    check("/strategy", json!({"canari": {}}), "strategy.canari", "Did you mean `canary`?");
    let two = json!({"canary": {"weight": "10%", "bake": "10m"}, "allAtOnce": {}});
    check("/strategy", two, "strategy", "it has `allAtOnce` and `canary`, which exclude each other");
    check("/strategy/steps", json!([]), "strategy.steps", "Write at least 1");
    let both = json!({"weight": "10%", "bake": "10m", "gate": {"name": "x", "within": "1h"}});
    check("/strategy/steps/1", both, "strategy.steps[1].gate", "Give it an entry of its own");
}

#[test]
fn strategies() {
    check("/strategy/steps/1/weight", json!("0%"), "strategy.steps[1].weight", "nothing to judge");
    check("/strategy/steps/2/weight", json!("100%"), "strategy.steps[2].weight", "100% is not a step");
    check("/strategy/steps/2/weight", json!("5%"), "strategy.steps[2].weight", "more than strategy.steps[1].weight");
    check("/strategy/steps/2/bake", json!("0s"), "strategy.steps[2].bake", "needs time");
    check("/strategy/steps/0/gate/within", json!("10s"), "strategy.steps[0].gate.within", "needs time to answer");
    let gate = json!({"gate": {"name": "again", "within": "1h"}});
    check("/strategy/steps/1", gate, "strategy.steps[1].gate", "follows the gate at strategy.steps[0].gate");
    let linear = |by: &str| json!({"linear": {"by": by, "bake": "5m"}});
    check("/strategy", linear("100%"), "strategy.linear.by", "100% is not a step");
    let short = json!({"canary": {"weight": "10%", "bake": "0s"}});
    assert_eq!(problems(&with("/strategy", short)).len(), 1);
}

#[test]
fn a_linear_strategy_has_a_bounded_number_of_steps() {
    let mut plan = with("/strategy", json!({"linear": {"by": "0.1%", "bake": "5m"}}));
    plan["deadline"] = json!("10d");
    let found = problems(&plan);
    assert!(found[0].starts_with("strategy.linear.by: \"0.1%\" — it makes 999 steps"), "{found:#?}");
}

#[test]
fn validation() {
    check("/traffic/test", Value::Null, "traffic.test", "nothing says how they reach green");
    check("/validate/http/0/method", json!("HEAD"), "validate.http[0].expect.bodyContains", "no body");
    check("/validate/http/0/expect/within", json!("31s"), "validate.http[0].expect.within", "at most 30s");
    check("/validate/http/0/headers", json!({"A": "1", "a": "2"}), "validate.http[0].headers.a", "same header");
    let slow = json!({"path": "/", "attempts": 20, "expect": {"within": "30s"}});
    check("/validate/http/0", slow, "validate.http", "4m are allowed");
    let untested = with("/validate", json!({}));
    assert!(warnings(&untested)[0].starts_with("traffic.test: there is a way to test green"), "{untested}");
}

#[test]
fn watching() {
    check("/judge/every", json!("5s"), "judge.every", "Write a duration from \"10s\" to \"1h\"");
    check("/judge/settle", json!("1h"), "judge.settle", "Write a duration from \"0s\" to \"15m\"");
    check("/judge/limits", json!({}), "judge.limits", "it names no limit");
    check("/judge/limits/badShare/above", json!("100%"), "judge.limits.badShare.above", "no share is ever above it");
    check("/judge/alarms", json!(["a", "b", "a"]), "judge.alarms[2]", "it stands at judge.alarms[0] already");
    check("/strategy/steps/1/bake", json!("2m"), "strategy.steps[1].bake", "over before a limit can say anything");
    check("/afterwards/bake", json!("1m"), "afterwards.bake", "Write at least \"4m\"");
    assert!(warnings(&with("/judge/every", json!("10s")))[0].contains("most looks see no new ones"));
    assert!(warnings(&with("/strategy/steps/1/bake", json!("3m")))[0].contains("may be over before"));
    assert!(warnings(&with("/afterwards/bake", json!("0s")))[0].contains("green is not judged at 100%"));
}

#[test]
fn pace() {
    check("/afterwards/keepBlue", json!("9m"), "afterwards.keepBlue", "Write at least \"10m\"");
    check("/deadline", json!("25m"), "deadline", "all bakes together take 25m");
    check("/deadline", json!("29d"), "deadline", "could take longer than 29d");
    check("/green/ecs/readyWithin", json!("3h"), "green.ecs.readyWithin", "from \"30s\" to \"2h\"");
    assert!(warnings(&with("/deadline", json!("2h")))[0].contains("the release takes 2h40m if"));
}

#[test]
fn the_history_is_bounded_and_the_remedy_is_enough() {
    let mut plan = with("/strategy/steps/0/gate/within", json!("2d"));
    plan["deadline"] = json!("3d");
    let found = problems(&plan);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("judge.every: \"1m\" — up to "), "{found:#?}");
    assert!(found[0].contains("Write at least \"2m\""), "{found:#?}");
    plan["judge"]["every"] = json!("2m");
    assert_eq!(problems(&plan), Vec::<String>::new());
}

#[test]
fn every_problem_is_reported_at_once() {
    let found = problems(&json!({
        "service": "check out",
        "version": 2.4,
        "green": {"ecs": {"cluster": "prod", "services": ["a", "a"], "taskDefinition": "checkout"}},
        "traffic": {"alb": {"listener": [LISTENER]}},
        "strategy": {"steps": [
            {"weight": "50%", "bake": "10m"},
            {"weight": "fifty", "bake": "10m"},
            {"weight": "20%", "bake": "0s"},
        ]},
        "validate": {"http": [{"path": "health"}]},
        "judge": {"every": "1s", "limits": {}},
        "afterwards": {"bake": "2h"},
        "deadline": "10 minutes",
    }));
    let paths: Vec<&str> = found.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    let mut expected = vec![
        "service",
        "version",
        "green.ecs.services[1]",
        "green.ecs.taskDefinition",
        "traffic.alb.listener",
        "traffic.alb",
        "strategy.steps[1].weight",
        "strategy.steps[2].weight",
        "strategy.steps[2].bake",
        "validate.http[0].path",
        "traffic.test",
        "judge.every",
        "judge.limits",
        "afterwards.keepBlue",
        "deadline",
    ];
    let mut paths = paths;
    paths.sort_unstable();
    expected.sort_unstable();
    assert_eq!(paths, expected, "{found:#?}");
}

#[test]
fn what_is_no_object_is_one_problem() {
    for document in [json!(null), json!(true), json!(7), json!("plan"), json!([])] {
        let found = problems(&document);
        assert_eq!(found.len(), 1, "{document}: {found:#?}");
        assert!(found[0].starts_with("the plan: "), "{}", found[0]);
    }
}

#[test]
fn a_long_value_is_cut_short() {
    let found = problems(&with("/service", json!("ä".repeat(10_000))));
    assert!(found[0].len() < 600, "{}", found[0]);
}

/// The shape is checked by the schema: every keyword in it must be one that the check understands.
#[test]
fn the_schema_uses_only_what_the_check_understands() {
    const KNOWN: [&str; 22] = [
        "$defs",
        "$ref",
        "$schema",
        "additionalProperties",
        "anyOf",
        "const",
        "default",
        "description",
        "enum",
        "examples",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "oneOf",
        "patternProperties",
        "properties",
        "required",
    ];
    fn walk(schema: &Value, unknown: &mut Vec<String>) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            match (keyword.as_str(), value) {
                ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                    named.values().for_each(|inner| walk(inner, unknown));
                }
                ("anyOf" | "oneOf", Value::Array(inner)) => inner.iter().for_each(|inner| walk(inner, unknown)),
                ("items", inner) => walk(inner, unknown),
                ("type" | "title", _) => {}
                // A pattern is checked by the parser of its definition.
                ("pattern", Value::String(pattern)) if crate::plan::texts::by_pattern(pattern).is_some() => {}
                (keyword, _) if KNOWN.contains(&keyword) => {}
                (keyword, _) => unknown.push(keyword.to_owned()),
            }
        }
    }
    let schema = Plan::schema();
    let mut unknown = Vec::new();
    walk(&schema, &mut unknown);
    assert_eq!(unknown, Vec::<String>::new());
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let is_text = definition.get("pattern").is_some();
        assert_eq!(crate::plan::texts::by_name(name).is_some(), is_text, "{name}");
    }
}

/// What kinds of fleets and routes say of their fields is what plans have.
#[test]
fn kinds_are_named_as_the_schema_names_them() {
    let schema = Plan::schema();
    let definitions = &schema["$defs"];
    let green = definitions["Green"]["oneOf"].as_array().unwrap();
    let named = |field: &str| green.iter().find(|one| one["properties"][field].is_object());
    for fleet in super::super::Green::KINDS {
        let own = named(fleet.field).unwrap_or_else(|| panic!("{} is no field of green", fleet.field));
        let Some(version) = fleet.version else { continue };
        let of = own["properties"][fleet.field]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(definitions[of]["properties"][version].is_object(), "{of} has no {version}");
    }
    let traffic =
        definitions.as_object().unwrap().values().find(|one| one["properties"]["weightParameters"].is_object());
    for route in crate::route::RouteKind::ALL {
        assert!(traffic.unwrap()["properties"][route.field()].is_object(), "{} is no field of traffic", route.field());
    }
}
