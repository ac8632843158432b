//! The strategy: weights rise, every step has time, gates stand between steps.

use super::super::{Fields, Findings};
use super::compare::is_compared;
use super::{check_span, route};
use crate::plan::limits::{MAX_RELEASE, MAX_STEPS, MIN_GATE};
use crate::plan::problem::{Path, Problem};
use crate::route::{Granularity, RouteKind};
use crate::strategy::Bake;
use crate::units::{Share, Span};

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    for kind in route::kinds(fields) {
        check_granularity(kind.field(), kind.facts().granularity, fields, findings);
    }
    check_steps(fields, &Path::of("strategy.steps"), findings);

    check_flag_steps(fields, &Path::of("flagSteps"), findings);

    let canary = Path::of("strategy.canary");
    check_weight(fields, &canary.field("weight"), findings);
    check_bake(fields, &canary.field("bake"), findings);

    let linear = Path::of("strategy.linear");
    check_weight(fields, &linear.field("by"), findings);
    check_bake(fields, &linear.field("bake"), findings);
    check_number(fields, &linear.field("by"), findings);
}

/// The forms of a strategy in which green takes a part of the traffic first.
pub(super) const STEPPED: [&str; 3] = ["steps", "canary", "linear"];

/// Reports steps of a route that gives one side everything or nothing.
fn check_granularity(name: &str, granularity: Granularity, fields: &Fields<'_>, findings: &mut Findings) {
    if granularity == Granularity::Permille {
        return;
    }
    let strategy = Path::of("strategy");
    for form in STEPPED {
        let path = strategy.field(form);
        if fields.is_present(&path) {
            findings.problem(Problem::new(
                path,
                format!("`traffic.{name}` sends everybody to one side or the other, so green cannot take a part of the traffic"),
                "Write `allAtOnce: {}` and judge green in `afterwards.bake`; for steps, put a load balancer in front of both",
            ));
        }
    }
}

fn check_steps(fields: &Fields<'_>, steps: &Path, findings: &mut Findings) {
    let mut before: Option<(Path, Share)> = None;
    let mut gate_before: Option<Path> = None;
    for index in 0..fields.len(steps) {
        let step = steps.item(index);
        let gate = step.field("gate");
        check_span(
            fields,
            &gate.field("within"),
            (MIN_GATE, MAX_RELEASE),
            "a person needs time to answer, but not for ever",
            findings,
        );
        // An entry with a gate and a weight was reported; it counts as the step that it also is.
        if fields.is_present(&gate) && fields.is_absent(&step.field("weight")) {
            if let Some(first) = &gate_before {
                findings.problem(Problem::new(
                    gate.clone(),
                    format!("it follows the gate at {first}, with no step in between"),
                    "Make one gate of both, or put a step between them",
                ));
            }
            gate_before = Some(gate);
            continue;
        }
        gate_before = None;
        check_bake(fields, &step.field("bake"), findings);
        let weight_path = step.field("weight");
        let Some(weight) = check_weight(fields, &weight_path, findings) else { continue };
        if let Some((path, previous)) = before.filter(|(_, previous)| weight <= *previous) {
            let remedy = format!("Write more than \"{previous}\", or leave the step out");
            let reason = format!("it is not more than {path}, which is {previous}: green's share only rises");
            findings.problem(Problem::new(weight_path.clone(), reason, remedy).showing(weight));
        }
        before = Some((weight_path, weight));
    }
}

/// Reports steps of flags that there are none of, and those that do not rise.
fn check_flag_steps(fields: &Fields<'_>, steps: &Path, findings: &mut Findings) {
    let number = fields.len(steps);
    if number > 0 && fields.len(&Path::of("flags")) == 0 {
        let alone = RouteKind::Flag.path();
        let (reason, remedy) = if fields.is_present(&alone) {
            (format!("`{alone}` releases a flag by itself"), "Leave them out: it is turned in the steps of `strategy`")
        } else {
            ("no flags go with the version".to_owned(), "Name them in `flags`, or leave the steps out")
        };
        findings.problem(Problem::new(steps.clone(), reason, remedy));
    }
    let mut before: Option<(Path, Share)> = None;
    for step in (0..number).map(|index| steps.item(index)) {
        check_bake(fields, &step.field("bake"), findings);
        let path = step.field("weight");
        let Some(weight) = fields.get::<Share>(&path) else { continue };
        let reason = match &before {
            _ if weight == Share::NONE => "the version bakes without its flags before by itself".to_owned(),
            _ if weight == Share::ALL => "everybody comes behind the last step by itself".to_owned(),
            Some((other, previous)) if weight <= *previous => {
                format!("it is not more than {other}, which is {previous}")
            }
            _ => {
                before = Some((path, weight));
                continue;
            }
        };
        findings.problem(Problem::new(path, reason, "Write rising shares above 0% and below 100%").showing(weight));
    }
}

/// Reports a weight of nothing or everything. Gives the weight if it is a step's weight.
fn check_weight(fields: &Fields<'_>, path: &Path, findings: &mut Findings) -> Option<Share> {
    let weight = fields.get::<Share>(path)?;
    let problem = match weight {
        Share::NONE => Problem::new(
            path.clone(),
            "green takes no traffic at 0%, so there is nothing to judge",
            "Write a weight above 0%, or a gate if somebody is to look first",
        ),
        Share::ALL => Problem::new(
            path.clone(),
            "100% is not a step: it comes behind the last one by itself",
            "Leave the step out and write its bake as `afterwards.bake`; for no step at all, write `allAtOnce: {}`",
        ),
        _ => return Some(weight),
    };
    findings.problem(problem.showing(weight));
    None
}

fn check_bake(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let why = "a step needs time in which green is judged";
    let (min, max) = (path.field("min"), path.field("max"));
    for path in [path, &min, &max] {
        check_span(fields, path, (Span::seconds(1), MAX_RELEASE), why, findings);
    }
    if let Some(Bake::Between(range)) = fields.get(path) {
        if range.min > range.max {
            let remedy = format!("Write at most \"{}\"", range.max);
            findings.problem(Problem::new(min, "it is more than `max`", remedy).showing(range.min));
        } else if !is_compared(fields) {
            findings.warning(Problem::new(
                min,
                "green is not compared with blue (`judge.metrics` is empty), so nothing ends the step early",
                "Write one duration",
            ));
        }
    }
}

fn check_number(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let Some(by) = fields.get::<Share>(path).filter(|by| *by > Share::NONE) else { return };
    let steps = usize::from(Share::ALL.permille()).div_ceil(usize::from(by.permille())) - 1;
    if steps > MAX_STEPS {
        let reason = format!("it makes {steps} steps, more than {MAX_STEPS}");
        findings.problem(Problem::new(path.clone(), reason, "Write a larger share, such as \"5%\"").showing(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_that_cannot_be_split_takes_no_steps() {
        let problems = |strategy: serde_json::Value, granularity| {
            let document = json!({"strategy": strategy});
            let mut findings = Findings::default();
            check_granularity("cname", granularity, &Fields::new(&document), &mut findings);
            findings.problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let canary = json!({"canary": {"weight": "10%", "bake": "10m"}});
        assert_eq!(problems(canary.clone(), Granularity::Permille), Vec::<String>::new());
        assert_eq!(problems(json!({"allAtOnce": {}}), Granularity::Whole), Vec::<String>::new());
        let found = problems(canary, Granularity::Whole);
        assert!(found[0].starts_with("strategy.canary: ") && found[0].contains("allAtOnce"), "{found:?}");
    }
}
