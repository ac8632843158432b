//! A deployment that moves the traffic: what it can move, and what it waits for.

use super::super::{Fields, Findings};
use super::strategy::STEPPED;
use super::{check_useless, route};
use crate::plan::defaults;
use crate::plan::limits::MAX_HOOK_WAIT;
use crate::plan::problem::{Path, Problem};
use crate::route::{DestinationKind, Granularity, RouteKind};
use crate::units::Span;

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    let shifted_by = Path::of("traffic.shiftedBy");
    let code_deploy = fields.is_present(&shifted_by.field("codeDeploy"));
    if !code_deploy && !fields.is_present(&shifted_by.field("ecs")) {
        return;
    }
    for kind in route::kinds(fields) {
        check_kind(kind, code_deploy, &shifted_by, fields, findings);
    }
    for fleet in route::fleets(fields).filter(|fleet| fleet.is_brought_up) {
        findings.problem(Problem::new(
            fleet.path(),
            format!("`{shifted_by}` names whose deployment brings green up, and Teal brings up nothing beside it"),
            "Write `green: {external: {}}`, or leave `shiftedBy` out and let Teal deploy",
        ));
    }
    let flags = Path::of("flags");
    if fields.len(&flags) > 0 {
        findings.problem(Problem::new(
            flags,
            format!("`{shifted_by}` names whose deployment moves the traffic, and nobody keeps flags in step with it"),
            "Release each flag by a plan of its own",
        ));
    }
    check_gates(code_deploy, fields, findings);
    if code_deploy {
        check_bake(fields, findings);
    }
}

/// Reports what the deployment cannot move, and a pair that nobody names: between deployments a listener may forward to one of them only.
fn check_kind(kind: RouteKind, code_deploy: bool, shifted_by: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    let system = if code_deploy { "CodeDeploy" } else { "ECS" };
    let moved_by = kind.facts().moved_by;
    let fits = if code_deploy { moved_by.code_deploy.is_some() } else { moved_by.ecs };
    if !fits {
        findings.problem(Problem::new(
            shifted_by.clone(),
            format!("no deployment of {system} moves the traffic of `{}`", kind.path()),
            "Leave it out: Teal moves that traffic itself",
        ));
        return;
    }
    if code_deploy && moved_by.code_deploy == Some(Granularity::Whole) {
        check_whole(kind, fields, findings);
    }
    let pair = kind.path().field("targetGroups");
    if kind.facts().sends_to == DestinationKind::TargetGroup && fields.is_absent(&pair) {
        findings.problem(Problem::new(
            pair,
            format!("{system} may leave only one of the two target groups on a listener, and then nothing says which is the other"),
            "Name both, in any order",
        ));
    }
}

/// Reports steps where CodeDeploy moves everything at once.
fn check_whole(kind: RouteKind, fields: &Fields<'_>, findings: &mut Findings) {
    for form in STEPPED {
        let why = format!("CodeDeploy moves the traffic of `{}` all at once", kind.path());
        let remedy = "Write `allAtOnce: {}` and judge green in `afterwards.bake`, or let Teal move the traffic";
        check_useless(&format!("strategy.{form}"), &why, remedy, fields, findings);
    }
}

/// Reports gates between steps, at which no deployment waits, and those at which CodeDeploy waits less long.
fn check_gates(code_deploy: bool, fields: &Fields<'_>, findings: &mut Findings) {
    let steps = Path::of("strategy.steps");
    for index in 0..fields.len(&steps) {
        let gate = steps.item(index).field("gate");
        if !fields.is_present(&gate) {
            continue;
        }
        if index > 0 {
            findings.problem(Problem::new(
                gate,
                "the deployment moves the traffic on by its own configuration, and waits for nobody between two steps",
                "Put the gate before the first step, or leave it out",
            ));
            continue;
        }
        let within = gate.field("within");
        if let Some(span) = fields.get::<Span>(&within).filter(|span| code_deploy && *span > MAX_HOOK_WAIT) {
            findings.problem(
                Problem::new(
                    within,
                    "a hook of CodeDeploy waits for an hour, validation included",
                    format!("Write at most \"{MAX_HOOK_WAIT}\""),
                )
                .showing(span),
            );
        }
    }
}

/// Reports a bake at 100% that the hook behind it does not wait for.
fn check_bake(fields: &Fields<'_>, findings: &mut Findings) {
    let path = Path::of("afterwards.bake");
    let hold_for = Path::of("judge.onInsufficient.holdFor");
    let bake = fields.get_or(&path, defaults::after_bake());
    let hold_for = fields.get_or(&hold_for, defaults::on_insufficient().hold_for);
    let (Some(bake), Some(hold_for)) = (bake, hold_for) else { return };
    let propagation = route::kinds(fields).first().map_or(Span::ZERO, |kind| kind.facts().propagation);
    let longest = bake.plus(hold_for).plus(propagation);
    if longest > MAX_HOOK_WAIT {
        findings.problem(
            Problem::new(
                path,
                format!(
                    "with `judge.onInsufficient.holdFor` ({hold_for}) it may take {longest}, and a hook of CodeDeploy waits for an hour"
                ),
                format!("Write durations that are at most \"{MAX_HOOK_WAIT}\" together"),
            )
            .showing(bake),
        );
    }
}
