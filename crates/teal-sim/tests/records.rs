//! Records and inputs as they may come: cut off, older, newer, or not meant for Teal at all. Nothing panics, and an error names the field.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use teal::drift::RouteLeft;
use teal::hook::HookTicket;
use teal::ports::AlarmState;
use teal::release::{Phase, RECORD_FORMAT, Release, ReleaseId, Summary};
use teal::request::{Ask, Request};
use teal::state::State;
use teal::steps::{AcceptInput, RollBackInput, StateInput, StepInput};
use teal::story::StoryEntry;
use teal_sim::{ALARM, GROUP_A, LISTENER, Machine, World, plan};

/// The record of a release that bakes at its first stage.
fn record() -> Value {
    let world = World::new();
    let mut machine = Machine::new(&world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    serde_json::to_value(world.record(&ReleaseId::new("r-1").unwrap()).unwrap()).unwrap()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("(release|state|step|plan|name|error|cause|.{0,4})", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Every place in a document, as JSON pointers.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                places(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                places(inner, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

/// A record as its bytes come can be asked anything, or the error names the field of it in which `place` is.
fn is_read_or_refused(record: &Value, place: &str) {
    match teal::json::read::<Release>(&record.to_string()) {
        Ok(release) => {
            let _ = (release.state(), release.step(), release.lock_keys(), release.summary(), release.bake_ends_at());
            let _ = (release.bake_may_end_at(), release.stage_in_force());
            let _ = (release.stage(release.step()), release.judge_config());
        }
        Err(error) => {
            let field = place.split('/').nth(1).unwrap_or_default();
            assert!(error.contains(field), "{place}: {error}");
        }
    }
}

/// Takes what is at a place out of a document.
fn take_out(document: &mut Value, place: &str) {
    let (parent, last) = place.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(&last.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(last.parse().unwrap())),
        other => panic!("{place}: {other} has nothing in it"),
    }
}

proptest! {
    #[test]
    fn a_record_with_something_else_somewhere_is_read_or_refused(
        which in any::<prop::sample::Index>(),
        pick in any::<prop::sample::Index>(),
        other in any_json(),
    ) {
        let (_, mut record) = which.get(&all_records()).clone();
        let mut all = Vec::new();
        places(&record, "", &mut all);
        let place = pick.get(all.as_slice()).as_str();
        *record.pointer_mut(place).unwrap() = other;
        is_read_or_refused(&record, place);
    }

    #[test]
    fn what_is_no_input_of_a_step_is_refused(input in any_json()) {
        let _ = serde_json::from_value::<StepInput>(input.clone());
        let _ = serde_json::from_value::<StateInput>(input.clone());
        let _ = serde_json::from_value::<RollBackInput>(input.clone());
        let _ = serde_json::from_value::<Request>(input.clone());
        let _ = serde_json::from_value::<StoryEntry>(input.clone());
        let _ = serde_json::from_value::<HookTicket>(input.clone());
        let _ = serde_json::from_value::<RouteLeft>(input.clone());
        let _ = serde_json::from_value::<Summary>(input.clone());
        if let Ok(accept) = serde_json::from_value::<AcceptInput>(input) {
            prop_assert!(!accept.name.as_str().is_empty());
        }
    }

    #[test]
    fn any_plan_comes_to_an_ending(document in any_json()) {
        let world = World::new();
        let ending = Machine::new(&world, "r-1", document).finish();
        prop_assert_eq!(ending.state, State::Refused);
        prop_assert!(world.state().locks.is_empty());
    }
}

#[test]
fn a_record_without_any_one_thing_or_with_another_in_its_place_is_read_or_refused() {
    let others = [json!(null), json!(true), json!(-7), json!(0.5), json!("x"), json!([]), json!({}), json!([{"x": 1}])];
    for (_, record) in all_records() {
        let mut all = Vec::new();
        places(&record, "", &mut all);
        for place in all {
            if !place.is_empty() {
                let mut without = record.clone();
                take_out(&mut without, &place);
                is_read_or_refused(&without, &place);
            }
            for other in &others {
                let mut changed = record.clone();
                *changed.pointer_mut(&place).unwrap() = other.clone();
                is_read_or_refused(&changed, &place);
            }
        }
    }
}

#[test]
fn a_record_that_was_cut_off_is_refused_wherever_the_cut_is() {
    for (name, record) in all_records() {
        let text = record.to_string();
        assert!(serde_json::from_str::<Release>(&text).is_ok(), "{name}");
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert!(serde_json::from_str::<Release>(&text[..end]).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn nesting_without_end_is_refused_and_not_followed() {
    let deep = "[".repeat(1_000_000);
    assert!(serde_json::from_str::<Release>(&deep).is_err());
    assert!(serde_json::from_str::<AcceptInput>(&format!("{{\"plan\":{deep}")).is_err());
}

#[test]
fn a_field_that_is_missing_is_named_unless_it_came_with_a_later_version() {
    let later = [
        "compared",
        "judged",
        "executionStartedAt",
        "greenOrderedAt",
        "firstShiftAt",
        "insufficientSince",
        "bakePassedAt",
    ];
    for (origin, record) in all_records() {
        for name in record.as_object().unwrap().keys() {
            let mut without = record.clone();
            without.as_object_mut().unwrap().remove(name);
            // serde reads an absent `Option` as `None`.
            let may_be_missing = later.contains(&name.as_str()) || record[name].is_null() || may_be_absent(name);
            match serde_json::from_value::<Release>(without) {
                Ok(_) => assert!(may_be_missing, "{origin}: {name}"),
                Err(error) => assert!(error.to_string().contains(name), "{origin}: {name}: {error}"),
            }
        }
    }
}

fn may_be_absent(name: &str) -> bool {
    ["testRoute", "shiftedAt", "setback", "restoredAt"].contains(&name)
}

#[test]
fn an_older_record_without_what_came_later_is_read_and_a_newer_one_with_more_too() {
    let mut record = record();
    let fields = record.as_object_mut().unwrap();
    for name in ["compared", "judged", "alarmingSinceStart", "executionStartedAt", "keptOnGreenSince", "greenOrderedAt"]
    {
        fields.remove(name);
    }
    fields["green"].as_object_mut().unwrap().remove("hold");
    let older: Release = serde_json::from_value(record.clone()).unwrap();
    assert_eq!((older.format, older.green.hold), (RECORD_FORMAT, None));
    record["somethingNew"] = json!({"x": 1});
    assert_eq!(serde_json::from_value::<Release>(record).unwrap(), older, "within one format, fields may be added");
}

/// `tests/data/records` has records as versions of Teal wrote them. They are never written anew: a release may be under way while Teal is
/// upgraded, and the new triggers find what the old functions wrote. `TEAL_KEEP_RECORD=<version>` adds one as this version writes it.
#[test]
fn releases_of_earlier_versions_go_back_by_the_triggers_of_this_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/records");
    if let Ok(version) = std::env::var("TEAL_KEEP_RECORD") {
        let file = folder.join(format!("{version}.json"));
        assert!(!file.exists(), "{} is kept already", file.display());
        std::fs::write(file, format!("{:#}\n", record())).unwrap();
    }
    for (file, old) in kept() {
        for way in [Way::Alarm, Way::ExecutionEnd, Way::Sweep, Way::RollBack] {
            let what = format!("{} by {way:?}", file.display());
            let world = World::new();
            let mut machine = Machine::new(&world, "r-1", plan());
            machine.run_until(|state| state == State::Bake);
            machine.enter();
            world.state().records.insert(old.id.clone(), old.clone());
            match way {
                Way::Alarm => {
                    let effects = world.alarm_raised(None, ALARM).unwrap().unwrap();
                    assert_eq!(effects.len(), 1, "{what}");
                    assert_eq!(world.weight(LISTENER, GROUP_A), Some(100), "{what}");
                    world.set_alarm(ALARM, AlarmState::Alarm);
                    assert_eq!(machine.finish().state, State::RolledBack, "{what}");
                }
                Way::RollBack => {
                    world.ask(&old.id, Ask::Abort);
                    assert_eq!(machine.finish().state, State::RolledBack, "{what}");
                }
                // It may end with what it waits for; Lambda tries it again then.
                Way::ExecutionEnd => drop(world.execution_stopped(&old.id).unwrap()),
                Way::Sweep => {
                    world.state().ended.insert(old.execution.clone(), "ABORTED".to_owned());
                    world.pass(300);
                    let _ = world.sweep().unwrap().unwrap();
                }
            }
            assert_eq!(world.weight(LISTENER, GROUP_A), Some(100), "{what}");
            // What is waited for before a release ends sweep waits for, too.
            while !world.record(&old.id).unwrap().phase.is_terminal() {
                world.pass(300);
                world.state().ended.insert(old.execution.clone(), "ABORTED".to_owned());
                let _ = world.sweep().unwrap().unwrap();
            }
            assert_eq!(world.record(&old.id).unwrap().phase, Phase::RolledBack, "{what}");
        }
    }
}

/// What finds a release whose record an earlier version wrote.
#[derive(Clone, Copy, Debug)]
enum Way {
    Alarm,
    ExecutionEnd,
    Sweep,
    RollBack,
}

/// The files with records that earlier versions wrote, and what is in them.
fn files() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/records");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<(PathBuf, String)> =
        files.map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect();
    assert!(!files.is_empty());
    files
}

/// The records that earlier versions wrote.
fn kept() -> Vec<(PathBuf, Release)> {
    let read = |(file, text): (PathBuf, String)| {
        let old = teal::json::read(&text).unwrap_or_else(|problem| panic!("{}: {problem}", file.display()));
        (file, old)
    };
    files().into_iter().map(read).collect()
}

/// Records as earlier versions wrote them, field by field, and as this one does; each with where it is from.
fn all_records() -> Vec<(String, Value)> {
    let old =
        files().into_iter().map(|(file, text)| (file.display().to_string(), serde_json::from_str(&text).unwrap()));
    old.chain([("this version's".to_owned(), record())]).collect()
}
