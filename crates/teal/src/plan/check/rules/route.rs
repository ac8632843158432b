//! The route: its parts belong together, and tests do not go through it.

use super::super::{Fields, Findings};
use super::check_duplicates;
use crate::plan::limits::MAX_ROUTE_PARTS;
use crate::plan::problem::{Path, Problem};
use crate::plan::{
    AutoScalingGroupName, Cluster, EcsServiceName, EnvironmentName, FlagRoute, Home, ListenerArn, RuleArn,
    TargetGroupArn, TaskDefinition, TestRoute,
};
use crate::route::{FlagRef, RouteKind};
use serde_json::{Map, Value};
use std::fmt::Display;

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    check_kind(fields, findings);
    check_flag(fields, findings);
    check_green(fields, findings);
    check_flags(fields, findings);
    let alb = RouteKind::Alb.path();
    let listeners: Vec<(Path, ListenerArn)> = [RouteKind::Alb, RouteKind::Nlb]
        .into_iter()
        .flat_map(|kind| {
            let mut listeners = fields.items::<ListenerArn>(&kind.path().field("listeners"));
            listeners.retain(|(path, listener)| check_family(kind, path, listener, findings));
            listeners
        })
        .collect();
    let rules = fields.items::<RuleArn>(&alb.field("rules"));
    let groups: Vec<(Path, TargetGroupArn)> =
        RouteKind::ALL.into_iter().flat_map(|kind| fields.items(&kind.path().field("targetGroups"))).collect();
    let services = fields.items::<EcsServiceName>(&Path::of("green.ecs.services"));

    if fields.is_present(&alb) {
        check_number(fields, &alb, findings);
    }
    check_duplicates(&listeners, findings);
    check_duplicates(&rules, findings);
    check_duplicates(&groups, findings);
    check_duplicates(&services, findings);
    check_duplicates(&fields.items::<AutoScalingGroupName>(&Path::of("green.autoScaling.groups")), findings);
    check_environments(fields, findings);

    let test_path = Path::of("traffic.test");
    let test = fields.get::<TestRoute>(&test_path);
    check_test_of_alias(test.as_ref(), &test_path, fields, findings);
    check_test_in_place(test.as_ref(), &test_path, fields, findings);
    if let Some(test) = &test {
        check_test_apart(test, &test_path, &listeners, &rules, findings);
    }

    let mut parts = Parts::default();
    for (path, listener) in &listeners {
        parts.add(path, listener, listener.home(), Some(listener.load_balancer()));
    }
    for (path, rule) in &rules {
        parts.add(path, rule, rule.home(), Some(rule.load_balancer()));
    }
    for (path, group) in &groups {
        parts.add(path, group, group.home(), None);
    }
    let test_part = |name: &str| test_path.field(name);
    match &test {
        Some(TestRoute::Listener(arn)) => parts.add(&test_part("listener"), arn, arn.home(), Some(arn.load_balancer())),
        Some(TestRoute::Rule(arn)) => parts.add(&test_part("rule"), arn, arn.home(), Some(arn.load_balancer())),
        Some(TestRoute::Url(_) | TestRoute::Instance(_)) | None => {}
    }
    let ecs = Path::of("green.ecs");
    let cluster = fields.get::<Cluster>(&ecs.field("cluster"));
    if let Some((cluster, home)) = cluster.as_ref().and_then(|cluster| Some((cluster, cluster.home()?))) {
        parts.add(&ecs.field("cluster"), cluster, home, None);
    }
    let task = fields.get::<TaskDefinition>(&ecs.field("taskDefinition"));
    if let Some((task, home)) = task.as_ref().and_then(|task| Some((task, task.home()?))) {
        parts.add(&ecs.field("taskDefinition"), task, home, None);
    }
    parts.report(findings);
}

/// The kinds of routes that the plan names: one, where it is right.
pub(super) fn kinds(fields: &Fields<'_>) -> Vec<RouteKind> {
    RouteKind::ALL.into_iter().filter(|kind| fields.is_present(&kind.path())).collect()
}

impl RouteKind {
    /// Where a plan has it.
    pub(super) fn path(self) -> Path {
        Path::of("traffic").field(self.field())
    }
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

/// Reports what a flag has no use for: it has neither targets nor an address, and no stack template sets its percentage.
fn check_flag(fields: &Fields<'_>, findings: &mut Findings) {
    let flag = RouteKind::Flag.path();
    if !fields.is_present(&flag) {
        return;
    }
    for fleet in ["ecs", "autoScaling", "beanstalk"] {
        let path = Path::of("green").field(fleet);
        if fields.is_present(&path) {
            findings.problem(Problem::new(
                path,
                format!("`{flag}` releases a behaviour that the running version has already, and nothing is brought up for it"),
                "Write `green: {external: {}}`",
            ));
        }
    }
    let useless = [
        ("green.external.minHealthy", "a flag has no targets"),
        ("traffic.test.listener", "no listener leads to one state of a flag"),
        ("traffic.test.rule", "no rule leads to one state of a flag"),
        ("traffic.weightParameters", "a flag's percentage is in its configuration, which no stack template reads"),
    ];
    for (path, why) in useless.map(|(path, why)| (Path::of(path), why)) {
        if fields.is_present(&path) {
            findings.problem(Problem::new(path, why, "Leave it out"));
        }
    }
}

/// Reports environments that stand in the wrong place, and what does not go with the domain name that they swap.
fn check_environments(fields: &Fields<'_>, findings: &mut Findings) {
    let cname = RouteKind::Cname.path();
    let beanstalk = Path::of("green.beanstalk");
    let of_green = beanstalk.field("environments");
    for list in [&of_green, &cname.field("environments")] {
        check_duplicates(&fields.items::<EnvironmentName>(list), findings);
    }
    if !fields.is_present(&cname) {
        if fields.is_present(&beanstalk) && fields.is_absent(&of_green) {
            let reason = "nothing says which environments stand behind the load balancer";
            findings.problem(Problem::new(of_green, reason, "Name both, in any order"));
        }
        return;
    }
    if fields.is_present(&of_green) {
        let reason = format!("`{cname}` names the environments, of which one is green");
        findings.problem(Problem::new(of_green, reason, "Leave it out"));
    }
    for other in ["green.ecs", "green.autoScaling"].map(Path::of).into_iter().filter(|path| fields.is_present(path)) {
        let reason = format!("`{cname}` sends traffic to environments of Elastic Beanstalk, which it does not run");
        findings.problem(Problem::new(
            other,
            reason,
            "Write `green.beanstalk`, or `green.external` if somebody else deploys",
        ));
    }
    for field in ["listener", "rule"] {
        let path = Path::of("traffic.test").field(field);
        if fields.is_present(&path) {
            let reason = "a domain name has no second one for tests: green answers at its own address";
            findings.problem(Problem::new(path, reason, "Leave `test` out, or write a `url` that reaches green"));
        }
    }
    let parameters = Path::of("traffic.weightParameters");
    if fields.is_present(&parameters) {
        let reason = "stack templates set no weights of a domain name";
        findings.problem(Problem::new(parameters, reason, "Leave it out"));
    }
}

/// Reports green that cannot take its traffic from what splits it: a version of a function from anything but an alias, and the other way round.
fn check_green(fields: &Fields<'_>, findings: &mut Findings) {
    let (green, route) = (Path::of("green.lambda"), RouteKind::Lambda.path());
    let others = fields.names(&Path::of("green")).iter().any(|name| *name != "lambda");
    let other_routes = kinds(fields).into_iter().any(|kind| kind != RouteKind::Lambda);
    if fields.is_present(&green) && other_routes {
        findings.problem(Problem::new(
            green,
            "a version of a function takes its traffic from an alias of that function",
            format!("Write `{route}: {{function: ..., alias: ...}}` for what splits the traffic"),
        ));
    } else if fields.is_present(&route) && others {
        findings.problem(Problem::new(
            route,
            "an alias splits traffic between versions of its function, and `green` names none",
            format!("Write `{green}: {{functionVersion: \"42\"}}`"),
        ));
    }
}

/// Reports a test route behind a load balancer where there is none.
fn check_test_of_alias(test: Option<&TestRoute>, path: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    let field = match test {
        Some(TestRoute::Listener(_)) => "listener",
        Some(TestRoute::Rule(_)) => "rule",
        Some(TestRoute::Url(_) | TestRoute::Instance(_)) | None => return,
    };
    if fields.is_present(&RouteKind::Lambda.path()) {
        findings.problem(Problem::new(
            path.field(field),
            "it forwards to target groups, and green is a version of a function",
            "Leave it out: `validate.lambda` is told the version and invokes it; or give the `url` of an alias that is only for tests",
        ));
    }
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

/// Reports a listener of another kind of load balancer. Gives whether it is one of this kind.
fn check_family(kind: RouteKind, path: &Path, listener: &ListenerArn, findings: &mut Findings) -> bool {
    let (other, name) = match (kind, listener.is_of_network_load_balancer()) {
        (RouteKind::Alb, true) => (RouteKind::Nlb, "a Network Load Balancer"),
        (RouteKind::Nlb, false) => (RouteKind::Alb, "an Application Load Balancer"),
        (RouteKind::Alb, false)
        | (RouteKind::Nlb, true)
        | (RouteKind::Flag | RouteKind::Cname | RouteKind::Lambda, _) => return true,
    };
    let problem =
        Problem::new(path.clone(), format!("it belongs to {name}"), format!("Write it under `{}`", other.path()));
    findings.problem(problem.showing(listener));
    false
}

fn check_number(fields: &Fields<'_>, alb: &Path, findings: &mut Findings) {
    let lists = [alb.field("listeners"), alb.field("rules")];
    // A list that is not a list was reported as such.
    if lists.iter().any(|list| fields.is_present(list) && fields.get::<Vec<Value>>(list).is_none()) {
        return;
    }
    let number: usize = lists.iter().map(|list| fields.len(list)).sum();
    if number == 0 {
        findings.problem(Problem::new(
            alb.clone(),
            "it names nothing that splits traffic",
            "Add at least one listener to `listeners` or one rule to `rules`",
        ));
    } else if number > MAX_ROUTE_PARTS {
        findings.problem(Problem::new(
            alb.clone(),
            format!("it names {number} listeners and rules; Elastic Load Balancing takes {MAX_ROUTE_PARTS} changes at once, and rolling back must not queue"),
            format!("Name at most {MAX_ROUTE_PARTS}"),
        ));
    }
}

fn check_test_apart(
    test: &TestRoute,
    path: &Path,
    listeners: &[(Path, ListenerArn)],
    rules: &[(Path, RuleArn)],
    findings: &mut Findings,
) {
    let shared = match test {
        TestRoute::Listener(arn) => listeners.iter().find(|(_, other)| other == arn).map(|(at, _)| ("listener", at)),
        TestRoute::Rule(arn) => rules.iter().find(|(_, other)| other == arn).map(|(at, _)| ("rule", at)),
        TestRoute::Url(_) | TestRoute::Instance(_) => None,
    };
    if let Some((kind, production)) = shared {
        findings.problem(Problem::new(
            path.field(kind),
            format!("{production} takes production traffic through the same {kind}, so a test would not reach green"),
            format!("Name a {kind} that is only for tests"),
        ));
    }
}

/// What must be in one place: everything in one account and region, what splits traffic on one load balancer.
#[derive(Default)]
struct Parts<'a> {
    all: Vec<Part<'a>>,
}

struct Part<'a> {
    path: Path,
    arn: String,
    home: Home<'a>,
    load_balancer: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn add(&mut self, path: &Path, arn: &impl Display, home: Home<'a>, load_balancer: Option<&'a str>) {
        self.all.push(Part { path: path.clone(), arn: arn.to_string(), home, load_balancer });
    }

    fn report(&self, findings: &mut Findings) {
        let Some(first) = self.all.first() else { return };
        let balanced = self.all.iter().find_map(|part| Some((part, part.load_balancer?)));
        for part in &self.all {
            if part.home != first.home {
                findings.problem(
                    Problem::new(
                        part.path.clone(),
                        format!("it is in {}, but {} is in {}", part.home, first.path, first.home),
                        "Name resources of one account and region",
                    )
                    .showing(&part.arn),
                );
            } else if let (Some(own), Some((other, expected))) = (part.load_balancer, balanced)
                && own != expected
            {
                findings.problem(
                    Problem::new(
                        part.path.clone(),
                        format!(
                            "it belongs to the load balancer {own}, but {} to {expected}; a target group has only one",
                            other.path
                        ),
                        "Name listeners and rules of one load balancer",
                    )
                    .showing(&part.arn),
                );
            }
        }
    }
}
