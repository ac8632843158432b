//! Whole releases with secrets in all that they are given: none is in what is logged, told to the bus or answered, nor in the record, its
//! plan included.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::state::State;
use teal_sim::{Ending, Machine, World, plan};

const SECRET: &str = "wJalrXUtnFEMI-K7MDENG";
const REFERENCE: &str = "ssm:/teal/plans/checkout";
/// What a header says that is no secret: the record has it.
const TOLD: &str = "green-before-traffic";

/// A plan that tests green by a request.
fn testing(check: &Value) -> Value {
    let mut plan = plan();
    plan["validate"] = json!({"http": [check]});
    plan["traffic"]["test"] = json!({"url": "http://green.internal:8080"});
    plan
}

/// A plan that tests green by a request with these headers.
fn with_headers(headers: &Value) -> Value {
    testing(&json!({"path": "/health", "headers": headers}))
}

/// A plan whose build has this environment.
fn with_environment(environment: &Value) -> Value {
    let mut plan = with_headers(&json!({}));
    plan["validate"]["codeBuild"] = json!({"project": "smoke", "environment": environment});
    plan
}

/// Runs a release. Gives everything that is written of it, and how it ends.
fn written(world: &World, input: Value) -> (String, Ending) {
    let mut machine = Machine::new(world, "r-1", input);
    let ending = machine.finish();
    let record = world.record(machine.release()).map(|record| serde_json::to_string(&record).unwrap());
    let state = world.state();
    let story = state.stories.get(machine.release()).map(Vec::as_slice).unwrap_or_default();
    // A log line has a fact as JSON and in words.
    let lines = story.iter().map(|entry| format!("{} {}", serde_json::to_string(entry).unwrap(), entry.fact));
    let told = serde_json::to_string(&state.announced).unwrap();
    let text = [told, format!("{ending:?}")].into_iter().chain(record).chain(lines).collect::<Vec<_>>().join("\n");
    (text, ending)
}

#[test]
fn what_green_answers_to_a_check_is_told_nowhere() {
    let check = |expect: Value| testing(&json!({"path": "/health", "headers": {"X-Shop": TOLD}, "expect": expect}));
    for (status, expect, state, words) in [
        (200, json!({}), State::Promoted, "GET /health"),
        (200, json!({"bodyContains": "welcome"}), State::RolledBack, "the body does not contain"),
        (401, json!({}), State::RolledBack, "answered 401"),
    ] {
        let world = World::new();
        world.state().green_answers = (status, format!("{{\"session\": \"{SECRET}\"}}"));
        let (text, ending) = written(&world, check(expect));
        assert_eq!(ending.state, state, "{text}");
        assert!(text.contains(words), "the text has what is told: {text}");
        assert!(text.contains(TOLD), "the text has the plan: {text}");
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn what_stands_beside_the_fields_of_a_stored_plan_is_told_nowhere() {
    let world = World::new();
    let kept = format!("# The password of the shop is {SECRET}.\n{}", with_headers(&json!({"X-Shop": TOLD})));
    world.state().plans.insert(REFERENCE.to_owned(), kept);
    let (text, ending) = written(&world, json!({"planRef": REFERENCE, "version": "9"}));
    assert_eq!(ending.state, State::Promoted, "{text}");
    assert!(text.contains(TOLD) && !text.contains(SECRET), "{text}");
}

#[test]
fn a_plan_with_a_credential_is_refused_without_a_record_and_nothing_repeats_it() {
    let bearer = format!("Bearer {SECRET}");
    for (plan, place) in [
        (with_headers(&json!({"Authorization": bearer})), "validate.http[0].headers.Authorization"),
        (with_headers(&json!({"X-Token": SECRET})), "validate.http[0].headers.X-Token"),
        (with_headers(&json!({"X-Session": format!("{SECRET}\n")})), "validate.http[0].headers.X-Session"),
        (with_headers(&json!({"X-Session": [SECRET]})), "validate.http[0].headers.X-Session"),
        (with_headers(&json!(format!("Authorization: {bearer}"))), "validate.http[0].headers"),
        (testing(&json!({"path": "/health", "password": SECRET})), "validate.http[0].password"),
        (with_environment(&json!({"DB_PASSWORD": SECRET})), "validate.codeBuild.environment.DB_PASSWORD"),
        (with_environment(&json!(format!("DB_PASSWORD={SECRET}"))), "validate.codeBuild.environment"),
    ] {
        // As the input of the execution, and as what is kept where the input says.
        for is_kept in [false, true] {
            let world = World::new();
            let input = if is_kept {
                world.state().plans.insert(REFERENCE.to_owned(), plan.to_string());
                json!({"planRef": REFERENCE})
            } else {
                plan.clone()
            };
            let (text, ending) = written(&world, input);
            assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::PlanInvalid)), "{text}");
            assert!(text.contains(place), "the text says where: {text}");
            assert!(!text.contains(SECRET), "{text}");
            assert!(world.state().records.is_empty() && world.state().locks.is_empty(), "{place}");
        }
    }
}

#[test]
fn a_stored_plan_that_cannot_be_read_is_not_repeated() {
    let whole = with_headers(&json!({"X-Shop": SECRET})).to_string();
    let cut = &whole[..whole.find(SECRET).unwrap() + SECRET.len()];
    let headers =
        |value: &str| format!("validate:\n  http:\n    - path: /health\n      headers: {{X-Shop: {value}}}\n");
    let twice = format!("version: {SECRET}\nversion: {SECRET}\n");
    for kept in [cut.to_owned(), headers(&format!("*{SECRET}")), headers(&format!("\"{SECRET}\\q\"")), twice] {
        let world = World::new();
        world.state().plans.insert(REFERENCE.to_owned(), kept.clone());
        let (text, ending) = written(&world, json!({"planRef": REFERENCE}));
        let ended = (ending.state, ending.error);
        assert_eq!(ended, (State::Refused, Some(ErrorName::PlanUnreadable)), "{kept}: {text}");
        assert!(text.contains("line "), "the text says where: {text}");
        assert!(!text.contains(SECRET), "{text}");
        assert!(world.state().records.is_empty(), "{kept}");
    }
}
