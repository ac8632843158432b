//! `statemachine/release.asl.json` against `teal::state` and `teal::error`.

use crate::repository::{document, text, words};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use teal::error::{Disposition, ErrorName};
use teal::plan::limits::MAX_RELEASE;
use teal::state::State;

const FILE: &str = "statemachine/release.asl.json";

fn machine() -> Value {
    document(FILE)
}

fn states(machine: &Value) -> &Map<String, Value> {
    machine["States"].as_object().unwrap()
}

fn is_choice(state: &Value) -> bool {
    state["Type"] == "Choice"
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

fn rules<'a>(state: &'a Value, field: &str) -> &'a [Value] {
    state[field].as_array().map_or(&[], Vec::as_slice)
}

/// What the rules of one kind, `Retry` or `Catch`, name together.
fn named<'a>(state: &'a Value, field: &str) -> BTreeSet<&'a str> {
    rules(state, field).iter().flat_map(|rule| strings(&rule["ErrorEquals"])).collect()
}

fn errors(disposition: Disposition) -> BTreeSet<&'static str> {
    ErrorName::ALL.iter().filter(|name| name.disposition() == disposition).map(|name| name.as_str()).collect()
}

fn tasks(machine: &Value) -> impl Iterator<Item = (&String, &Value)> {
    states(machine).iter().filter(|(_, state)| state["Type"] == "Task")
}

/// Where a state may go when it does not fail.
fn nexts(machine: &Value, state: &Value) -> Vec<String> {
    let Some(next) = state["Next"].as_str() else { return Vec::new() };
    let target = &machine["States"][next];
    if !is_choice(target) {
        return vec![next.to_owned()];
    }
    rules(target, "Choices").iter().map(|choice| choice["Next"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_states_are_those_of_the_code() {
    let machine = machine();
    let expected = |state: State| match state {
        state if state.is_task() => "Task",
        state if state.waits() => "Wait",
        State::Promoted => "Succeed",
        _ => "Fail",
    };
    let in_code: BTreeSet<(String, &str)> =
        State::ALL.iter().map(|state| (state.to_string(), expected(*state))).collect();
    let in_file: BTreeSet<(String, &str)> = states(&machine)
        .iter()
        .filter(|(_, state)| !is_choice(state))
        .map(|(name, state)| (name.clone(), state["Type"].as_str().unwrap()))
        .collect();
    assert_eq!(in_file, in_code);
    assert_eq!(machine["StartAt"], State::Accept.to_string());
}

#[test]
fn every_state_goes_exactly_where_the_code_says() {
    let machine = machine();
    for state in State::ALL {
        let expected: Vec<String> = state.nexts().iter().map(State::to_string).collect();
        assert_eq!(nexts(&machine, &machine["States"][state.to_string()]), expected, "after {state}");
    }
}

#[test]
fn choices_only_route_by_the_answers_next() {
    let machine = machine();
    for (name, choice) in states(&machine).iter().filter(|(_, state)| is_choice(state)) {
        for rule in rules(choice, "Choices") {
            let next = rule["Next"].as_str().unwrap();
            assert_eq!(rule["Condition"], format!("{{% $states.input.next = '{next}' %}}"), "{name}");
        }
        let by: Vec<&String> =
            tasks(&machine).filter(|(_, task)| task["Next"] == **name).map(|(name, _)| name).collect();
        assert_eq!(by.len(), 1, "{name} sorts the answers of one function");
        // RollBack asked again because of an answer that nobody knows would be asked for ever.
        let otherwise = if by[0] == "RollBack" { State::RollbackUnfinished } else { State::RollBack };
        assert_eq!(choice["Default"], otherwise.to_string(), "{name}");
    }
}

#[test]
fn every_error_name_in_the_file_exists() {
    let known: BTreeSet<String> = ErrorName::ALL.iter().map(|name| name.as_str().to_owned()).collect();
    let unknown: Vec<String> = words(&text(FILE), "Teal.").difference(&known).cloned().collect();
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn refusals_end_in_refused_and_only_in_accept() {
    let machine = machine();
    for (name, task) in tasks(&machine) {
        let refused: BTreeSet<&str> = rules(task, "Catch")
            .iter()
            .filter(|rule| rule["Next"] == State::Refused.to_string())
            .flat_map(|rule| strings(&rule["ErrorEquals"]))
            .collect();
        let mut expected = BTreeSet::new();
        if name == "Accept" {
            expected.extend(errors(Disposition::Refuse));
            // Waited for in vain.
            expected.extend(errors(Disposition::Wait));
        }
        assert_eq!(refused, expected, "{name}");
    }
}

#[test]
fn what_may_pass_is_tried_again_and_nothing_else_of_teals() {
    let machine = machine();
    for (name, task) in tasks(&machine) {
        let retried: BTreeSet<&str> =
            named(task, "Retry").into_iter().filter(|error| error.starts_with("Teal.")).collect();
        let mut expected = errors(Disposition::Retry);
        expected.extend((name == "Accept").then(|| errors(Disposition::Wait)).into_iter().flatten());
        assert_eq!(retried, expected, "{name}");
        for rule in rules(task, "Retry") {
            assert_eq!(rule["JitterStrategy"], "FULL", "{name}: many releases do not come back at one moment");
            assert!(rule["BackoffRate"].as_f64() > Some(1.0), "{name}: {rule}");
            assert!(rule["MaxDelaySeconds"].is_u64(), "{name}: {rule}");
        }
    }
}

#[test]
fn what_accept_waits_for_it_waits_for_patiently() {
    let machine = machine();
    let rules = rules(&machine["States"]["Accept"], "Retry");
    for name in errors(Disposition::Wait) {
        let rule = rules.iter().find(|rule| strings(&rule["ErrorEquals"]).contains(&name)).unwrap();
        let number = |field: &str| rule[field].as_f64().unwrap();
        // With full jitter a delay is half of its most on average. A look may be as long as an hour away.
        let seconds = number("MaxAttempts") * number("MaxDelaySeconds") / 2.0;
        assert!((3_000.0..7_200.0).contains(&seconds), "{name}: {seconds} s");
        assert!(number("IntervalSeconds") >= 5.0, "{name}: gently, for each attempt reads the whole route");
    }
}

#[test]
fn a_function_that_lambda_or_its_timeout_ended_is_run_again() {
    let machine = machine();
    for (name, task) in tasks(&machine) {
        let retried = named(task, "Retry");
        for error in ["Lambda.ServiceException", "Lambda.TooManyRequestsException", "Lambda.Unknown", "States.Timeout"]
        {
            assert!(retried.contains(error), "{name}: {error}");
        }
    }
}

#[test]
fn every_error_of_every_function_leads_to_rolling_back() {
    let machine = machine();
    for (name, task) in tasks(&machine) {
        let last = rules(task, "Catch").last().unwrap_or_else(|| panic!("{name} catches nothing"));
        assert_eq!(strings(&last["ErrorEquals"]), ["States.ALL"], "{name}");
        let expected = if name == "RollBack" { State::RollbackUnfinished } else { State::RollBack };
        assert_eq!(last["Next"], expected.to_string(), "{name}");
    }
}

#[test]
fn rolling_back_is_tried_longest_and_for_any_error() {
    let machine = machine();
    let waits = errors(Disposition::Wait);
    let is_fault = |rule: &&Value| !strings(&rule["ErrorEquals"]).iter().any(|error| waits.contains(error));
    let patience = |task: &Value| -> u64 {
        let faults = rules(task, "Retry").iter().filter(is_fault);
        faults.map(|rule| rule["MaxAttempts"].as_u64().unwrap()).sum()
    };
    let roll_back = &machine["States"]["RollBack"];
    assert!(named(roll_back, "Retry").contains("States.ALL"));
    for (name, task) in tasks(&machine).filter(|(name, _)| *name != "RollBack") {
        assert!(patience(roll_back) > 5 * patience(task), "{name}");
        assert!(!named(task, "Retry").contains("States.ALL"), "{name}");
    }
}

/// With 200 releases at once it takes more than ten minutes until everybody had the calls that a step needs.
#[test]
fn throttling_is_waited_out() {
    let machine = machine();
    for (name, task) in tasks(&machine) {
        let rules = rules(task, "Retry");
        let rule = rules.iter().find(|rule| strings(&rule["ErrorEquals"]).contains(&"Teal.Throttled")).unwrap();
        // Lambda's own, too: its rates, and a function in a VPC that nobody has invoked for weeks. The first invocation fails and brings its
        // network back, which takes minutes; those until then conflict with that.
        // https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
        for error in ["TooManyRequests", "ResourceNotReady", "ResourceConflict", "ENINotReady", "EC2Throttled"] {
            let error = format!("Lambda.{error}Exception");
            assert!(strings(&rule["ErrorEquals"]).contains(&error.as_str()), "{name}: {error}");
        }
        let number = |field: &str| rule[field].as_f64().unwrap();
        let (mut pause, mut mean) = (number("IntervalSeconds"), 0.0);
        for _ in 0..rule["MaxAttempts"].as_u64().unwrap() {
            // Full jitter: anything up to the pause.
            mean += pause / 2.0;
            pause = (pause * number("BackoffRate")).min(number("MaxDelaySeconds"));
        }
        assert!(mean > 900.0, "{name}: {mean} s");
        let longest = number("MaxDelaySeconds");
        assert!(if name == "RollBack" { longest <= 10.0 } else { longest >= 60.0 }, "{name}: {longest} s");
    }
}

#[test]
fn functions_get_the_release_and_the_state_they_serve_and_nothing_of_size() {
    let machine = machine();
    for (name, task) in tasks(&machine).filter(|(name, _)| !["Accept", "RollBack"].contains(&name.as_str())) {
        let payload = task["Arguments"]["Payload"].as_object().unwrap();
        assert_eq!(payload.keys().collect::<Vec<_>>(), ["release", "state", "step"], "{name}");
        assert_eq!(payload["state"], **name);
    }
}

#[test]
fn every_state_is_reached_and_every_way_ends() {
    let machine = machine();
    let states = states(&machine);
    let ways = |state: &Value| -> BTreeSet<String> {
        let mut ways: BTreeSet<String> = rules(state, "Catch")
            .iter()
            .chain(rules(state, "Choices"))
            .filter_map(|rule| rule["Next"].as_str().map(str::to_owned))
            .collect();
        ways.extend(["Next", "Default"].iter().filter_map(|field| state[*field].as_str().map(str::to_owned)));
        ways
    };
    let closure = |start: &str| -> BTreeSet<String> {
        let mut reached = BTreeSet::from([start.to_owned()]);
        let mut open = vec![start.to_owned()];
        while let Some(name) = open.pop() {
            open.extend(ways(&states[&name]).into_iter().filter(|way| reached.insert(way.clone())));
        }
        reached
    };
    assert_eq!(closure("Accept"), states.keys().cloned().collect());
    for (name, state) in
        states.iter().filter(|(_, state)| !["Succeed", "Fail"].contains(&state["Type"].as_str().unwrap()))
    {
        let reached = closure(name);
        assert!(reached.contains("Promoted"), "{name} can end well");
        assert!(reached.contains("RolledBack"), "{name} can be rolled back");
        assert!(!ways(state).is_empty(), "{name}");
    }
}

#[test]
fn the_machine_outlives_every_release() {
    let machine = machine();
    assert_eq!(machine["QueryLanguage"], "JSONata");
    assert!(machine["TimeoutSeconds"].as_u64() > Some(u64::from(MAX_RELEASE.as_seconds())));
}

#[test]
fn the_rounds_are_as_long_as_the_timeline_counts_them() {
    let machine = machine();
    let kinds = |states: [&str; 3]| states.map(|state| machine["States"][state]["Type"].as_str().unwrap());
    for round in [
        ["WaitForGreen", "PrepareGreen", "GreenReady"],
        ["Bake", "EvaluateHealth", "Judged"],
        ["AwaitApproval", "EvaluateHealth", "Judged"],
        ["WaitForRetirement", "RetireBlue", "Retired"],
    ] {
        assert_eq!(kinds(round), ["Wait", "Task", "Choice"], "{round:?}");
        for pair in round.windows(2) {
            assert_eq!(machine["States"][pair[0]]["Next"], pair[1], "{round:?}");
        }
    }
    for shift in ["ShiftTraffic", "Promote"] {
        assert_eq!(machine["States"][shift]["Next"], "Bake", "a shift has no choice after it");
    }
}
