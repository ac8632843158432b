//! Whether what happened is what was expected.

use crate::deployments::DeploymentResult;
use crate::pipeline::ActionResult;
use crate::result::{Check, ReleaseResult, ScenarioResult};
use crate::scenario::{Bounds, DeploymentExpectation, Expectation, FinalRoute, Outcome, PipelineExpectation};
use serde_json::Value;
use std::fmt::Display;
use teal::state::State;

/// The actions of one listener or rule at the start and at the end.
#[derive(Clone, Debug)]
pub(crate) struct PartActions {
    /// For people.
    pub(crate) name: String,
    /// The ARN.
    pub(crate) part: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

/// Checks the release under test with everything around it.
pub(crate) fn check_scenario(expected: &Expectation, result: &ScenarioResult, route: &[PartActions]) -> Vec<Check> {
    let mut checks = check_release(expected, &result.release);
    for (service, bounds) in &expected.requests {
        let found = result.requests.get(service).map_or(0, |totals| totals.requests);
        checks.push(within(&format!("requests answered by {service}"), bounds, found as f64));
    }
    for (service, bounds) in &expected.errors {
        let found = result.requests.get(service).map_or(0, |totals| totals.errors);
        checks.push(within(&format!("errors of {service}"), bounds, found as f64));
    }
    if let Some(bounds) = &expected.wrongly_served {
        checks.push(within("requests served wrongly by the load balancer", bounds, result.wrongly_served as f64));
    }
    if let Some(bounds) = &expected.seconds_to_blue {
        checks.push(match result.seconds_to_blue {
            Some(found) => within("seconds from the first trouble to blue", bounds, found),
            None => Check::new("seconds from the first trouble to blue", bounds, "it never came to that", false),
        });
    }
    let restoring = "requests of on-alarm for one listener or rule, from its intent until it had read it back";
    let answered = format!("{restoring}, without those refused for their rate");
    for (what, bounds, found) in [
        (restoring, &expected.restoring_requests, result.restoring_requests),
        (&answered, &expected.restoring_answered, result.restoring_answered),
    ] {
        let Some(bounds) = bounds else { continue };
        checks.push(match found {
            Some(found) => within(what, bounds, found as f64),
            None => Check::new(what, bounds, "it restored nothing", false),
        });
    }
    for (function, bounds) in &expected.weight_changes {
        let found = result.weights.iter().filter(|change| change.by == *function).count();
        checks.push(within(&format!("changes of weights by {function}"), bounds, found as f64));
    }
    if expected.within_budget {
        let over = &result.over_budget;
        let found = if over.is_empty() { "none".to_owned() } else { over.join("; ") };
        checks.push(Check::new("calls of Elastic Load Balancing beyond the budget", "none", found, over.is_empty()));
    }
    if let Some(found) = result.green_after_blue {
        let what = "requests that green answered after all traffic was back on blue";
        checks.push(match &expected.green_after_blue {
            Some(bounds) => within(what, bounds, found as f64),
            None => Check::new(what, 0, found, found == 0),
        });
    }
    let wanted = expected.final_route.unwrap_or(match expected.outcome {
        Outcome::Promoted => FinalRoute::Exchanged,
        Outcome::RolledBack | Outcome::Refused => FinalRoute::Original,
        Outcome::NeedsHuman | Outcome::Unfinished => FinalRoute::Any,
    });
    checks.extend(route.iter().filter_map(|part| check_route(wanted, part)));
    if let Some(wanted) = expected.drifted {
        let found = result.drifted.join(", ");
        checks.push(Check::new("sweep tells of drift", wanted, found, wanted != result.drifted.is_empty()));
    }
    if let Some(wanted) = &expected.alarms_on_teal {
        let found = &result.alarms_on_teal;
        let passed = if wanted.is_empty() { found.is_empty() } else { wanted.iter().all(|name| found.contains(name)) };
        checks.push(Check::new(
            "alarms on Teal itself that go off",
            listed_or_none(wanted),
            listed_or_none(found),
            passed,
        ));
    }
    if let Some(expected) = &expected.deployment {
        checks.push(check_deployment(expected, result.deployment.as_ref()));
    }
    let told = &result.indiscretions;
    let found = if told.is_empty() { "none".to_owned() } else { told.join("; ") };
    let what =
        "lines of functions that are no JSON or name no release, and secrets in them, in the table and in histories";
    checks.push(Check::new(what, "none", found, told.is_empty()));
    let violations = &result.policy_violations;
    let found = if violations.is_empty() { "none".to_owned() } else { violations.join("; ") };
    checks.push(Check::new("calls that a function's policy does not allow", "none", found, violations.is_empty()));
    checks
}

fn listed_or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Checks what the pipeline shows of its action.
pub(crate) fn check_pipeline(expected: &PipelineExpectation, action: Option<&ActionResult>) -> Vec<Check> {
    let found = action.map_or_else(|| "still under way".to_owned(), |action| format!("{:?}", action.status));
    let passed = action.is_some_and(|action| action.status == expected.status);
    let mut checks =
        vec![Check::new("status of the pipeline's action", format!("{:?}", expected.status), found, passed)];
    let message = action.and_then(|action| action.message.as_deref()).unwrap_or_default();
    for text in &expected.message {
        let passed = message.contains(text.as_str());
        checks.push(Check::new("the action's message contains", text, if passed { text } else { message }, passed));
    }
    for (name, value) in &expected.variables {
        let found = action.and_then(|action| action.variables.get(name)).map_or("none", String::as_str);
        checks.push(Check::new(format!("output variable {name}"), value, found, found == value));
    }
    checks
}

/// Checks how the deployment ended that moved the traffic.
fn check_deployment(expected: &DeploymentExpectation, found: Option<&DeploymentResult>) -> Check {
    let shown = |status: &str, rollback: Option<&String>| match rollback {
        Some(rollback) => format!("{status}, rolled back by one that is {rollback}"),
        None => status.to_owned(),
    };
    let wanted = shown(&expected.status, expected.rollback.as_ref());
    let found_status = found.map_or_else(|| "none".to_owned(), |found| shown(&found.status, found.rollback.as_ref()));
    let passed = wanted == found_status;
    let why = found.and_then(|found| found.message.as_deref()).filter(|_| !passed);
    let found = why.map_or_else(|| found_status.clone(), |why| format!("{found_status} ({why})"));
    Check::new("status of the deployment", wanted, found, passed)
}

/// Checks one release by itself.
pub(crate) fn check_release(expected: &Expectation, release: &ReleaseResult) -> Vec<Check> {
    let mut checks = Vec::new();
    let of = |what: &str| format!("{}: {what}", release.id);
    let outcome = format!("{:?}", expected.outcome);
    let found = format!("{:?}", release.outcome);
    let passed = expected.outcome == release.outcome;
    let found = match &release.cause {
        Some(cause) if !passed => format!("{found} ({cause})"),
        _ => found,
    };
    checks.push(Check::new(of("outcome"), outcome, found, passed));
    if let Some(error) = expected.error {
        let found = release.error.clone().unwrap_or_else(|| "none".into());
        let passed = found == error.as_str();
        checks.push(Check::new(of("error"), error, found, passed));
    }
    let told = release.told();
    for text in &expected.reasons {
        let passed = told.contains(text.as_str());
        checks.push(Check::new(of("the reasons contain"), text, if passed { text } else { &told }, passed));
    }
    let visited: Vec<&str> = release.states.iter().map(|visit| visit.state.as_str()).collect();
    if !expected.states.is_empty() {
        let passed = is_subsequence(&expected.states, &visited);
        checks.push(Check::new(of("states in this order"), listed(&expected.states), visited.join(", "), passed));
    }
    for state in &expected.never {
        let passed = !visited.contains(&state.to_string().as_str());
        checks.push(Check::new(of("never enters"), state, if passed { "never" } else { "entered" }, passed));
    }
    if let Some(bounds) = &expected.setbacks {
        checks.push(within(&of("decisions to roll back"), bounds, release.setbacks as f64));
    }
    if let Some(bounds) = &expected.seconds {
        checks.push(within(&of("seconds"), bounds, release.seconds));
    }
    if let Some(bounds) = &expected.state_transitions {
        checks.push(within(&of("state transitions"), bounds, release.state_transitions as f64));
    }
    checks
}

fn check_route(wanted: FinalRoute, part: &PartActions) -> Option<Check> {
    let expected = match wanted {
        FinalRoute::Any => return None,
        FinalRoute::Original => part.before.clone(),
        FinalRoute::Exchanged => with_weights_exchanged(&part.before),
    };
    let passed = without_order(&expected) == without_order(&part.after);
    let what = format!("actions of {}", part.name);
    let found = if passed { "the same".to_owned() } else { part.after.to_string() };
    Some(Check::new(what, expected, found, passed))
}

/// The actions with the target groups of every forward in the order of their names: CodeDeploy writes green's first.
fn without_order(actions: &Value) -> Value {
    let mut actions = actions.clone();
    for action in actions.as_array_mut().into_iter().flatten() {
        let groups = action.pointer_mut("/ForwardConfig/TargetGroups").and_then(Value::as_array_mut);
        if let Some(groups) = groups {
            groups.sort_by_key(|group| group["TargetGroupArn"].to_string());
        }
    }
    actions
}

/// The actions with the two weights of every forward exchanged: what a promotion leaves.
fn with_weights_exchanged(actions: &Value) -> Value {
    let mut actions = actions.clone();
    for action in actions.as_array_mut().into_iter().flatten() {
        let groups = action.pointer_mut("/ForwardConfig/TargetGroups").and_then(Value::as_array_mut);
        if let Some([first, second]) = groups.map(Vec::as_mut_slice) {
            let weights = (first["Weight"].take(), second["Weight"].take());
            (second["Weight"], first["Weight"]) = weights;
        }
    }
    actions
}

fn is_subsequence(wanted: &[State], visited: &[&str]) -> bool {
    let mut visited = visited.iter();
    wanted.iter().all(|state| {
        let name = state.to_string();
        visited.any(|visited| *visited == name)
    })
}

fn listed(states: &[State]) -> String {
    states.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn within(what: &str, bounds: &Bounds, found: f64) -> Check {
    let shown = if found.fract() == 0.0 { format!("{found}") } else { format!("{found:.1}") };
    Check::new(what, bounds, shown, bounds.contains(found))
}

impl Check {
    pub(crate) fn new(what: impl Into<String>, expected: impl Display, found: impl Display, passed: bool) -> Self {
        Self { what: what.into(), expected: format!("{expected}"), found: format!("{found}"), passed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn actions(first: &str, second: &str) -> Value {
        json!([
            {"Type": "authenticate-oidc", "Order": "1"},
            {"Type": "forward", "Order": "2", "ForwardConfig": {"TargetGroups": [
                {"TargetGroupArn": "a", "Weight": first}, {"TargetGroupArn": "b", "Weight": second}],
                "TargetGroupStickinessConfig": {"Enabled": "true"}}},
        ])
    }

    fn part(after: Value) -> PartActions {
        PartActions { name: "l".into(), part: "l".into(), before: actions("100", "0"), after }
    }

    #[test]
    fn a_promoted_route_differs_by_the_exchanged_weights_only() {
        let passed = |wanted, after| check_route(wanted, &part(after)).map(|check| check.passed);
        assert_eq!(passed(FinalRoute::Exchanged, actions("0", "100")), Some(true));
        assert_eq!(passed(FinalRoute::Exchanged, actions("0", "1000")), Some(false));
        assert_eq!(passed(FinalRoute::Original, actions("100", "0")), Some(true));
        assert_eq!(passed(FinalRoute::Original, actions("0", "100")), Some(false));
        let mut without_auth = actions("0", "100");
        without_auth.as_array_mut().unwrap().remove(0);
        assert_eq!(passed(FinalRoute::Exchanged, without_auth), Some(false));
        let mut other_order = actions("0", "100");
        other_order[1]["ForwardConfig"]["TargetGroups"].as_array_mut().unwrap().reverse();
        assert_eq!(passed(FinalRoute::Exchanged, other_order.clone()), Some(true));
        assert_eq!(passed(FinalRoute::Original, other_order), Some(false));
        assert_eq!(passed(FinalRoute::Any, json!([])), None);
    }

    #[test]
    fn states_may_have_others_between_them_but_not_another_order() {
        let visited = ["Accept", "PrepareGreen", "WaitForGreen", "PrepareGreen", "ValidateGreen"];
        assert!(is_subsequence(&[State::Accept, State::ValidateGreen], &visited));
        assert!(is_subsequence(&[State::PrepareGreen, State::PrepareGreen], &visited));
        assert!(!is_subsequence(&[State::ValidateGreen, State::PrepareGreen], &visited));
    }
}
