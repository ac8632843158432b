//! Whole releases with secrets in all that they are given: none is in what is logged, told to the bus or answered, nor in the record
//! beside the plan itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;
use teal::error::ErrorName;
use teal::state::State;
use teal_sim::{Ending, Machine, World, plan};

const SECRET: &str = "wJalrXUtnFEMI-K7MDENG";

/// Runs a release whose check has a header with a secret. Gives everything that is written of it but its plan, and how it ends.
fn written(header: &str, prepare: impl Fn(&World)) -> (String, Ending) {
    let world = World::new();
    prepare(&world);
    let mut plan = plan();
    plan["validate"] = json!({"http": [{"path": "/health", "headers": {header: format!("Bearer {SECRET}")}}]});
    plan["traffic"]["test"] = json!({"url": "http://green.internal:8080"});
    let mut machine = Machine::new(&world, "r-1", plan);
    let ending = machine.finish();
    let record = world.record(machine.release()).map(|record| {
        let mut record = serde_json::to_value(record).unwrap();
        let kept = record.as_object_mut().unwrap().remove("plan").unwrap();
        assert!(kept.to_string().contains(SECRET), "the plan is kept as it is written");
        record.to_string()
    });
    let state = world.state();
    let story = state.stories.get(machine.release()).map(Vec::as_slice).unwrap_or_default();
    // A log line has a fact as JSON and in words.
    let lines = story.iter().map(|entry| format!("{} {}", serde_json::to_string(entry).unwrap(), entry.fact));
    let told = serde_json::to_string(&state.announced).unwrap();
    let text = [told, format!("{ending:?}")].into_iter().chain(record).chain(lines).collect::<Vec<_>>().join("\n");
    (text, ending)
}

#[test]
fn a_secret_in_a_check_is_nowhere_but_in_the_plan() {
    // That this header carries one nobody can know.
    let (good, ending) = written("X-Shop", |_| {});
    assert_eq!(ending.state, State::Promoted);
    let (bad, ending) = written("X-Shop", |world| world.state().green_answers = (401, "no such user".to_owned()));
    assert_eq!(ending.state, State::RolledBack);
    assert!(bad.contains("answered 401"), "the text has what is told: {bad}");
    for text in [good, bad] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn a_credential_in_a_check_is_refused_and_nothing_repeats_it() {
    let (text, ending) = written("Authorization", |_| {});
    assert_eq!((ending.state, ending.error), (State::Refused, Some(ErrorName::PlanInvalid)));
    assert!(text.contains("validate.http[0].headers"), "the text says which: {text}");
    assert!(!text.contains(SECRET), "{text}");
}
