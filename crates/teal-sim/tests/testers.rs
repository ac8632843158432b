//! Green is tested by a build and by a function before it takes traffic.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::ports::BuildState;
use teal::request::Ask;
use teal::state::State;
use teal_sim::{Machine, World, plan};

fn tested(by: &Value) -> Value {
    let mut plan = plan();
    plan["traffic"]["test"] = json!({"url": "http://green.internal:8080"});
    plan["validate"] = by.clone();
    plan
}

fn by_build() -> Value {
    let environment = json!({"SUITE": "smoke"});
    tested(&json!({"codeBuild": {"project": "checkout-validation", "environment": environment, "within": "10m"}}))
}

fn by_function() -> Value {
    tested(&json!({"lambda": {"function": "checkout-validation"}}))
}

#[test]
fn a_build_gets_greens_address_is_waited_for_and_its_success_moves_traffic() {
    let world = World::new();
    world.state().build_state = Some(BuildState::Running);
    let mut machine = Machine::new(&world, "r-1", by_build());
    machine.run_until(|state| state == State::WaitForValidation);
    machine.enter();
    machine.enter();
    assert_eq!(machine.state(), State::WaitForValidation, "it goes on");
    world.state().build_state = Some(BuildState::Succeeded);
    assert_eq!(machine.finish().state, State::Promoted);
    let state = world.state();
    assert_eq!(state.builds.len(), 1, "one build, however often it was asked about");
    for (name, value) in [
        ("SUITE", "smoke"),
        ("TEAL_GREEN_URL", "http://green.internal:8080"),
        ("TEAL_VERSION", "2"),
        ("TEAL_RELEASE", "r-1"),
    ] {
        assert!(state.builds[0].environment.contains(&(name.to_owned(), value.to_owned())), "{name}");
    }
}

#[test]
fn a_build_that_fails_or_does_not_end_rolls_back_with_its_log() {
    for (found, words) in [(BuildState::Failed, "exit status 1"), (BuildState::Running, "did not end within 10m")] {
        let world = World::new();
        world.state().build_state = Some(found);
        let ending = Machine::new(&world, "r-1", by_build()).finish();
        assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::ValidationFailed)));
        let cause = ending.cause.unwrap();
        assert!(cause.contains(words) && cause.contains("https://logs"), "{cause}");
    }
}

#[test]
fn a_release_can_be_aborted_while_its_build_runs() {
    let world = World::new();
    world.state().build_state = Some(BuildState::Running);
    let mut machine = Machine::new(&world, "r-1", by_build());
    machine.run_until(|state| state == State::WaitForValidation);
    let release = machine.release().clone();
    world.ask(&release, Ask::Abort);
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::Aborted)));
}

#[test]
fn a_function_that_fails_or_says_no_rolls_back() {
    for (answer, words) in [
        (Err("it failed with TypeError: x".to_owned()), Some("TypeError")),
        (Ok(json!({"passed": false, "reason": "the cart is empty"})), Some("the cart is empty")),
        (Ok(json!({"passed": true})), None),
        (Ok(Value::Null), None),
    ] {
        let world = World::new();
        world.state().function_answer = Some(answer);
        let ending = Machine::new(&world, "r-1", by_function()).finish();
        match words {
            Some(words) => {
                assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::ValidationFailed)));
                assert!(ending.cause.unwrap().contains(words));
            }
            None => assert_eq!(ending.state, State::Promoted),
        }
        assert_eq!(world.state().invoked[0]["url"], "http://green.internal:8080");
    }
}
