//! Whole releases with secrets in all that they are given: none is in what is logged, told to the bus or answered, nor in the record
//! beside the plan itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;
use teal::state::State;
use teal_sim::{Ending, Machine, World, plan};

const SECRET: &str = "wJalrXUtnFEMI-K7MDENG";

/// A release whose checks carry a secret; everything that is written of it but its plan, and how it ends.
fn written(prepare: impl Fn(&World)) -> (String, Ending) {
    let world = World::new();
    prepare(&world);
    let mut plan = plan();
    plan["validate"] = json!({
        "http": [{"path": "/health", "headers": {"Authorization": format!("Bearer {SECRET}"), "X-Token": SECRET}}],
    });
    plan["traffic"]["test"] = json!({"url": "http://green.internal:8080"});
    let mut machine = Machine::new(&world, "r-1", plan);
    let ending = machine.finish();
    let mut record = serde_json::to_value(world.record(machine.release()).unwrap()).unwrap();
    let kept = record.as_object_mut().unwrap().remove("plan").unwrap();
    assert!(kept.to_string().contains(SECRET), "the plan is kept as it is written, and its check warns of that");
    let state = world.state();
    let story = &state.stories[machine.release()];
    // A log line has a fact as JSON and in words.
    let lines = story.iter().map(|entry| format!("{} {}", serde_json::to_string(entry).unwrap(), entry.fact));
    let told = serde_json::to_string(&state.announced).unwrap();
    let text =
        [record.to_string(), told, format!("{ending:?}")].into_iter().chain(lines).collect::<Vec<_>>().join("\n");
    (text, ending)
}

#[test]
fn a_secret_in_a_check_is_nowhere_but_in_the_plan() {
    let (good, ending) = written(|_| {});
    assert_eq!(ending.state, State::Promoted);
    let (bad, ending) = written(|world| world.state().green_answers = (401, "no such user".to_owned()));
    assert_eq!(ending.state, State::RolledBack);
    assert!(bad.contains("answered 401"), "the text has what is told: {bad}");
    for text in [good, bad] {
        assert!(!text.contains(SECRET), "{text}");
    }
}
