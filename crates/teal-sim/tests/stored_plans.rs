//! Releases that are started with the name of a plan.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::state::State;
use teal_sim::{Ending, Machine, World, plan};

const REFERENCE: &str = "ssm:/teal/plans/checkout";

fn start(input: Value, kept: Option<&str>) -> (World, Ending) {
    let world = World::new();
    if let Some(text) = kept {
        world.state().plans.insert(REFERENCE.to_owned(), text.to_owned());
    }
    let ending = Machine::new(&world, "r-1", input).finish();
    (world, ending)
}

#[test]
fn a_plan_by_its_name_with_the_version_of_the_day_is_promoted() {
    let given = json!({"planRef": REFERENCE, "version": "9", "green": {"ecs": {"taskDefinition": "checkout:9"}}});
    let (world, ending) = start(given, Some(&plan().to_string()));
    assert_eq!(ending, Ending { state: State::Promoted, error: None, cause: None });
    let state = world.state();
    let (id, record) = state.records.iter().next().unwrap();
    assert_eq!(record.plan.version.as_str(), "9");
    assert_eq!(state.services["checkout-b"].task_definition, "checkout:9");
    let told: Vec<String> = state.stories[id].iter().map(|entry| entry.fact.to_string()).collect();
    assert!(told.contains(&"note: the plan is ssm:/teal/plans/checkout (version 7)".to_owned()), "{told:?}");
}

#[test]
fn a_start_that_cannot_be_is_refused_with_the_reference_the_reason_and_the_remedy() {
    let whole = plan().to_string();
    let broken = "service: checkout\n  version: 2\n";
    for (input, kept, error, words) in [
        (json!({"planRef": REFERENCE}), None, ErrorName::PlanUnreadable, [REFERENCE, "teal plan put"]),
        (json!({"planRef": REFERENCE}), Some(broken), ErrorName::PlanUnreadable, ["line 2", "Correct the indentation"]),
        (json!({"planRef": REFERENCE}), Some("service: checkout"), ErrorName::PlanInvalid, [REFERENCE, "traffic"]),
        (json!({"planRef": "checkout"}), Some(&whole), ErrorName::PlanInvalid, ["\"checkout\"", "Write \"ssm:"]),
        (json!({"planRef": REFERENCE, "version": 2}), Some(&whole), ErrorName::PlanInvalid, ["version", "quotes"]),
        (
            json!({"planRef": REFERENCE, "judge": {}}),
            Some(&whole),
            ErrorName::PlanInvalid,
            ["judge", "in the plan itself"],
        ),
        (
            json!({"planRef": REFERENCE, "green": {"asg": {}}}),
            Some(&whole),
            ErrorName::PlanInvalid,
            [REFERENCE, "the plan has no green.asg"],
        ),
    ] {
        let (world, ending) = start(input.clone(), kept);
        assert_eq!((ending.state, ending.error), (State::Refused, Some(error)), "{input}");
        let cause = ending.cause.unwrap();
        for word in words {
            assert!(cause.contains(word), "{input}: no {word:?} in {cause}");
        }
        assert!(world.state().records.is_empty() && world.state().locks.is_empty(), "{input}");
    }
}
