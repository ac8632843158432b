//! What watches green, and whether it can see anything.

use super::super::{Fields, Findings};
use super::compare::is_compared;
use super::{check_duplicates, check_span, route};
use crate::plan::limits::{MAX_HOLD, MAX_LOOK_INTERVAL, MAX_SETTLE, METRIC_PERIOD, MIN_LOOK_INTERVAL};
use crate::plan::problem::{Path, Problem};
use crate::plan::{AlarmName, defaults};
use crate::route::RouteKind;
use crate::strategy::Bake;
use crate::units::{Percent, Span};
use serde_json::Value;

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    let judge = Path::of("judge");
    let every = judge.field("every");
    let why = "Teal looks at green, at approvals and at the deadline in this interval";
    check_span(fields, &every, (MIN_LOOK_INTERVAL, MAX_LOOK_INTERVAL), why, findings);
    let why = "load balancer metrics are complete within minutes";
    check_span(fields, &judge.field("settle"), (Span::ZERO, MAX_SETTLE), why, findings);
    let hold = judge.field("onInsufficient").field("holdFor");
    check_span(fields, &hold, (Span::ZERO, MAX_HOLD), "a release does not wait longer for traffic", findings);
    check_duplicates(&fields.items::<AlarmName>(&judge.field("alarms")), findings);

    let limits = judge.field("limits");
    if fields.is_present(&limits) {
        check_measured(fields, &limits, findings);
        check_limits(fields, &limits, findings);
        check_look_interval(fields, &every, findings);
        check_judgeable(fields, &judge, findings);
    } else if fields.is_absent(&limits) {
        let alarms = fields.get_or::<Vec<Value>>(&judge.field("alarms"), Vec::new());
        if alarms.is_some_and(|alarms| alarms.is_empty()) {
            let compared = is_compared(fields) && fields.is_absent(&Path::of("strategy.allAtOnce"));
            let reason = if compared {
                "nothing watches green at 100%, where there is no blue to compare it with: there are neither alarms nor \
                 limits"
            } else {
                "nothing watches green: it is not compared with blue, and there are neither alarms nor limits, so every \
                 bake passes"
            };
            findings.warning(Problem::new(judge, reason, "Add `alarms`, or `limits` such as `badShare: {above: 1%}`"));
        }
    }
}

/// Reports limits on a route whose metrics do not tell the colours apart.
fn check_measured(fields: &Fields<'_>, limits: &Path, findings: &mut Findings) {
    for kind in route::kinds(fields).into_iter().filter(|kind| kind.facts().meter.of_requests.is_none()) {
        findings.problem(Problem::new(
            limits.clone(),
            format!("`{}` {}: there is nothing to limit", kind.path(), kind.facts().meter.counts),
            "Leave it out; write `alarms` on what the service itself counts",
        ));
    }
    let unrouted = limits.field("loadBalancer5xx");
    let uncounted = |kind: &RouteKind| kind.facts().meter.of_requests.is_some() && !kind.facts().meter.counts_unrouted;
    if let Some(kind) = route::kinds(fields).into_iter().find(uncounted)
        && fields.is_present(&unrouted)
    {
        findings.problem(Problem::new(
            unrouted,
            format!("behind `{}` there is no load balancer that answers by itself", kind.path()),
            "Leave it out; invocations that fail count in `badShare`, and throttled ones are for an alarm on Throttles",
        ));
    }
}

const LIMITS: [&str; 3] = ["badShare", "loadBalancer5xx", "latency"];

fn check_limits(fields: &Fields<'_>, limits: &Path, findings: &mut Findings) {
    if LIMITS.iter().all(|name| fields.is_absent(&limits.field(name))) {
        findings.problem(Problem::new(
            limits.clone(),
            "it names no limit",
            "Add `badShare`, `loadBalancer5xx` or `latency`, or leave `limits` out",
        ));
    }
    for name in ["badShare", "loadBalancer5xx"] {
        let above = limits.field(name).field("above");
        if let Some(share) = fields.get::<Percent>(&above).filter(|share| share.fraction() >= 1.0) {
            let remedy = "Write less than 100%, such as \"1%\"";
            findings.problem(Problem::new(above, "no share is ever above it", remedy).showing(share));
        }
    }
}

fn check_look_interval(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let Some(every) = fields.get_or(path, defaults::every()) else { return };
    if every >= MIN_LOOK_INTERVAL && every < METRIC_PERIOD {
        findings.warning(
            Problem::new(
                path.clone(),
                format!("load balancer metrics come every {METRIC_PERIOD}, so most looks see no new ones"),
                format!("Write \"{METRIC_PERIOD}\", or keep it for the sake of alarms and approvals"),
            )
            .showing(every),
        );
    }
}

/// The bakes of all steps before 100%, in full.
pub(super) fn bakes(fields: &Fields<'_>) -> Vec<(Path, Span)> {
    let strategy = Path::of("strategy");
    let mut bakes: Vec<Path> = ["canary", "linear"].iter().map(|form| strategy.field(form).field("bake")).collect();
    let steps = strategy.field("steps");
    bakes.extend((0..fields.len(&steps)).map(|index| steps.item(index).field("bake")));
    let longest = |path: &Path| Some((path.clone(), fields.get::<Bake>(path)?.longest()));
    bakes.iter().filter_map(longest).collect()
}

/// Reports bakes that are over before the first metric period in them can be read.
fn check_judgeable(fields: &Fields<'_>, judge: &Path, findings: &mut Findings) {
    let settle = fields.get_or(&judge.field("settle"), defaults::settle());
    let Some(settle) = settle.filter(|settle| *settle <= MAX_SETTLE) else { return };
    let never = settle.plus(METRIC_PERIOD);
    // Periods begin on the minute: a bake that begins just after one waits for the next.
    let always = never.plus(METRIC_PERIOD);
    let mut bakes = bakes(fields);
    let after = Path::of("afterwards.bake");
    bakes.extend(fields.get_or(&after, defaults::after_bake()).map(|bake| (after, bake)));
    let flag_steps = Path::of("flagSteps");
    let of_flags = (0..fields.len(&flag_steps)).map(|index| flag_steps.item(index).field("bake"));
    bakes.extend(of_flags.filter_map(|path| Some((path.clone(), fields.get::<Span>(&path)?))));
    for (path, bake) in bakes {
        if bake.is_zero() {
            continue;
        }
        let why = format!("a metric period takes {METRIC_PERIOD} and is read {settle} after its end (`judge.settle`)");
        if bake < never {
            findings.problem(
                Problem::new(
                    path,
                    format!("the bake is over before a limit can say anything: {why}"),
                    format!("Write at least \"{always}\""),
                )
                .showing(bake),
            );
        } else if bake < always {
            findings.warning(
                Problem::new(
                    path,
                    format!(
                        "the bake may be over before a limit can say anything: {why}, and periods begin on the minute"
                    ),
                    format!("Write at least \"{always}\""),
                )
                .showing(bake),
            );
        }
    }
}
