//! The route: its parts belong together, and tests do not go through it.

use super::super::{Fields, Findings};
use super::check_duplicates;
use crate::fleet::FleetFacts;
use crate::plan::problem::{Path, Problem};
use crate::plan::{FlagRoute, Green, Home, ListenerArn, RuleArn, TestRoute, home_of};
use crate::route::{FlagRef, RouteKind};
use serde_json::{Map, Value};

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    check_kind(fields, findings);
    for kind in kinds(fields) {
        (kind.facts().check)(&kind.path(), fields, findings);
    }
    for fleet in fleets(fields) {
        check_behind(fleet, fields, findings);
        (fleet.check)(&fleet.path(), fields, findings);
    }
    check_flags(fields, findings);
    let test_path = Path::of("traffic.test");
    let test = fields.get::<TestRoute>(&test_path);
    check_test_in_place(test.as_ref(), &test_path, fields, findings);
    if let Some(test) = &test {
        check_test_apart(test, &test_path, fields, findings);
    }
    check_one_place(fields, findings);
}

/// The kinds of fleets that the plan names: one, where it is right.
pub(super) fn fleets(fields: &Fields<'_>) -> impl Iterator<Item = &'static FleetFacts> {
    Green::KINDS.iter().filter(|fleet| fields.is_present(&fleet.path()))
}

/// The kinds of routes that the plan names: one, where it is right.
pub(super) fn kinds(fields: &Fields<'_>) -> Vec<RouteKind> {
    RouteKind::ALL.iter().copied().filter(|kind| fields.is_present(&kind.path())).collect()
}

/// Whether traffic has a field of this name.
fn is_of_traffic(name: &str) -> bool {
    matches!(name, "test" | "weightParameters" | "shiftedBy") || RouteKind::ALL.iter().any(|kind| kind.field() == name)
}

/// Reports traffic that nothing splits, or more than one thing.
fn check_kind(fields: &Fields<'_>, findings: &mut Findings) {
    let traffic = Path::of("traffic");
    let names: Vec<String> = RouteKind::ALL.iter().map(|kind| format!("`{}`", kind.field())).collect();
    match kinds(fields).as_slice() {
        [_] => {}
        // What is no object, or has a misspelt field, was reported.
        [] if fields.get::<Map<String, Value>>(&traffic).is_none() => {}
        [] if fields.names(&traffic).iter().any(|name| !is_of_traffic(name)) => {}
        [] => findings.problem(Problem::new(
            traffic,
            "nothing says what splits the traffic",
            format!("Add one of {}", names.join(" and ")),
        )),
        several => {
            let given: Vec<String> = several.iter().map(|kind| format!("`{}`", kind.field())).collect();
            findings.problem(Problem::new(
                traffic,
                format!("it has {}, which exclude each other", given.join(" and ")),
                "Keep the one that the service's clients come by; a service behind several routes needs a release of each",
            ));
        }
    }
}

/// Reports green that is brought up behind other destinations than those that the route sends traffic to.
fn check_behind(fleet: &FleetFacts, fields: &Fields<'_>, findings: &mut Findings) {
    for route in kinds(fields) {
        let sends_to = route.facts().sends_to;
        if fleet.behind.contains(&sends_to) {
            continue;
        }
        let fleets = Green::KINDS.iter().filter(|other| other.behind.contains(&sends_to));
        let routes = RouteKind::ALL.iter().filter(|other| fleet.behind.contains(&other.facts().sends_to));
        findings.problem(Problem::new(
            fleet.path(),
            format!("`{}` sends traffic to {}, and green would be none of them", route.path(), sends_to.plural()),
            format!(
                "Write {}, or split the traffic by {}",
                either(fleets.map(FleetFacts::path)),
                either(routes.map(|other| other.path()))
            ),
        ));
    }
}

/// Several places of which one is to be chosen.
fn either(paths: impl Iterator<Item = Path>) -> String {
    let mut names: Vec<String> = paths.map(|path| format!("`{path}`")).collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} or {last}", names.join(", ")) }
}

/// Reports an instance to be tested where a deployment brings up others beside it.
fn check_test_in_place(test: Option<&TestRoute>, path: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    if matches!(test, Some(TestRoute::Instance(_))) && fields.is_present(&Path::of("traffic.shiftedBy")) {
        findings.problem(Problem::new(
            path.field("instance"),
            "it is for deployments in place, and `traffic.shiftedBy` is about one that brings green up beside blue",
            "Give the `listener` that the deployment points at green",
        ));
    }
}

/// Reports flags that cannot go with the version.
fn check_flags(fields: &Fields<'_>, findings: &mut Findings) {
    let flags = Path::of("flags");
    let given: Vec<(Path, FlagRef)> =
        fields.items::<FlagRoute>(&flags).into_iter().map(|(path, flag)| (path, flag.part())).collect();
    check_duplicates(&given, findings);
    if !given.is_empty() && fields.is_present(&RouteKind::Flag.path()) {
        findings.problem(Problem::new(
            flags,
            format!("`{}` releases a flag by itself, and no version that others could go with", RouteKind::Flag.path()),
            "Release each flag by a plan of its own",
        ));
    }
}

fn check_test_apart(test: &TestRoute, path: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    let (kind, arn) = match test {
        TestRoute::Listener(arn) => ("listener", arn.as_str()),
        TestRoute::Rule(arn) => ("rule", arn.as_str()),
        TestRoute::Url(_) | TestRoute::Instance(_) => return,
    };
    let production = kinds(fields).into_iter().flat_map(|kind| fields.texts_below(&kind.path()));
    if let Some((production, _)) = production.into_iter().find(|(_, text)| *text == arn) {
        findings.problem(Problem::new(
            path.field(kind),
            format!("{production} takes production traffic through the same {kind}, so a test would not reach green"),
            format!("Name a {kind} that is only for tests"),
        ));
    }
}

/// What the plan names by an ARN of what is the service's: what splits its traffic, what tests it, and what runs green.
pub(super) fn arns<'a>(fields: &Fields<'a>) -> Vec<(Path, &'a str, Home<'a>)> {
    let routes = RouteKind::ALL.iter().map(|kind| kind.path());
    let places = routes.chain(["traffic.test", "green"].map(Path::of));
    let texts = places.flat_map(|place| fields.texts_below(&place));
    texts.filter_map(|(path, text)| Some((path, text, home_of(text)?))).collect()
}

/// `app/name/id` of a listener's or a rule's ARN.
fn load_balancer(arn: &str) -> Option<String> {
    let listener = arn.parse().map(|arn: ListenerArn| arn.load_balancer().to_owned());
    listener.or_else(|_| arn.parse().map(|arn: RuleArn| arn.load_balancer().to_owned())).ok()
}

/// Reports what is not in the account and region of the first, and what splits traffic on another load balancer. What is malformed, or of
/// another kind of load balancer, was reported.
fn check_one_place(fields: &Fields<'_>, findings: &mut Findings) {
    let mut arns = arns(fields);
    arns.retain(|(path, ..)| !findings.is_reported(path));
    let balanced: Vec<Option<String>> = arns.iter().map(|(_, arn, _)| load_balancer(arn)).collect();
    let Some((first_path, _, first)) = arns.first() else { return };
    let first_balanced = arns.iter().zip(&balanced).find_map(|((path, ..), own)| Some((path, own.as_ref()?)));
    for ((path, arn, home), own) in arns.iter().zip(&balanced) {
        let (reason, remedy) = if home != first {
            let reason = format!("it is in {home}, but {first_path} is in {first}");
            (reason, "Name resources of one account and region")
        } else if let (Some(own), Some((other, expected))) = (own, first_balanced)
            && own != expected
        {
            let reason = format!(
                "it belongs to the load balancer {own}, but {other} to {expected}; a target group has only one"
            );
            (reason, "Name listeners and rules of one load balancer")
        } else {
            continue;
        };
        findings.problem(Problem::new(path.clone(), reason, remedy).showing(arn));
    }
}
