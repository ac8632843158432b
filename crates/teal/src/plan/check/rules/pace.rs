//! Time: the parts fit into the whole, and the whole into what Step Functions can record.

use super::super::{Fields, Findings};
use super::{check_span, route};
use crate::plan::limits::{
    MAX_HISTORY_EVENTS, MAX_LOOK_INTERVAL, MAX_READY_WITHIN, MAX_RELEASE, MIN_LOOK_INTERVAL, MIN_READY_WITHIN,
};
use crate::plan::problem::{Path, Problem};
use crate::plan::{FlagStep, Green, defaults};
use crate::route::RouteKind;
use crate::strategy::{Pace, Strategy, Timeline};
use crate::units::Span;

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    // One of them is there; where none is, that was reported.
    let green = route::fleets(fields).next().unwrap_or(&Green::KINDS[0]);
    let ready = green.path().field("readyWithin");
    let why = "what runs it needs time to start, and does not need longer";
    check_span(fields, &ready, (MIN_READY_WITHIN, MAX_READY_WITHIN), why, findings);

    let after = Path::of("afterwards");
    let bake = fields.get_or(&after.field("bake"), defaults::after_bake());
    let keep_blue = fields.get_or(&after.field("keepBlue"), defaults::keep_blue());
    check_afterwards(&after, bake, keep_blue, findings);

    let deadline_path = Path::of("deadline");
    let deadline = fields.get_or(&deadline_path, defaults::deadline());
    if let (Some(deadline), Some(keep_blue)) = (deadline, keep_blue)
        && deadline.plus(keep_blue) > MAX_RELEASE
    {
        findings.problem(
            Problem::new(
                deadline_path.clone(),
                format!("with `afterwards.keepBlue` ({keep_blue}) the release could take longer than {MAX_RELEASE}"),
                format!("Write durations that are at most {MAX_RELEASE} together"),
            )
            .showing(deadline),
        );
    }

    let judge = Path::of("judge");
    let every = fields
        .get_or(&judge.field("every"), defaults::every())
        .filter(|every| (MIN_LOOK_INTERVAL..=MAX_LOOK_INTERVAL).contains(every));
    let hold_for = fields.get_or(&judge.field("onInsufficient").field("holdFor"), defaults::on_insufficient().hold_for);
    let strategy = fields.get::<Strategy>(&Path::of("strategy"));
    let build = Path::of("validate.codeBuild");
    let patience = fields.is_present(&build).then(|| fields.get_or(&build.field("within"), defaults::build_within()));
    let patience = patience.flatten().unwrap_or(Span::ZERO);
    let ready_within = fields.get_or(&ready, defaults::ready_within()).map(|ready| ready.plus(patience));
    // What is malformed was reported as that; a timeline needs all of it.
    let (Some(strategy), Some(after_bake), Some(keep_blue), Some(deadline)) = (strategy, bake, keep_blue, deadline)
    else {
        return;
    };
    let (Some(every), Some(hold_for), Some(ready_within)) = (every, hold_for, ready_within) else { return };
    let kind = route::kinds(fields).first().copied();
    let propagation = kind.map_or(Span::ZERO, |kind| kind.facts().propagation);
    let waits_for_others = kind == Some(RouteKind::Flag)
        || ["traffic.shiftedBy", "flags"].iter().any(|path| fields.is_present(&Path::of(path)));
    let pace = Pace { every, hold_for, ready_within, keep_blue, deadline, propagation, waits_for_others };
    let flag_steps =
        fields.items::<FlagStep>(&Path::of("flagSteps")).into_iter().map(|(_, step)| step).collect::<Vec<_>>();
    let timeline = Timeline::new(&strategy, &flag_steps, after_bake, pace);
    check_deadline(&timeline, &deadline_path, findings);
    check_history((&strategy, &flag_steps), after_bake, pace, &judge.field("every"), findings);
}

fn check_afterwards(after: &Path, bake: Option<Span>, keep_blue: Option<Span>, findings: &mut Findings) {
    if let (Some(bake), Some(keep_blue)) = (bake, keep_blue)
        && keep_blue < bake
    {
        findings.problem(
            Problem::new(
                after.field("keepBlue"),
                format!("blue would be gone before the bake at 100% is over ({bake}), with nothing to go back to"),
                format!("Write at least \"{bake}\""),
            )
            .showing(keep_blue),
        );
    }
    if let Some(bake) = bake.filter(|bake| bake.is_zero()) {
        findings.warning(
            Problem::new(
                after.field("bake"),
                "green is not judged at 100%, the first time it has all the traffic",
                "Write a duration such as \"10m\"",
            )
            .showing(bake),
        );
    }
}

fn check_deadline(timeline: &Timeline, path: &Path, findings: &mut Findings) {
    let deadline = timeline.pace().deadline;
    let baking = timeline.baking();
    let propagation = timeline.pace().propagation;
    let mut longer = if propagation.is_zero() {
        String::new()
    } else {
        format!(", each of them {propagation} longer than written because weights are in force only then")
    };
    if timeline.stages().iter().any(|stage| stage.flags.is_some()) {
        let polled = RouteKind::Flag.facts().propagation;
        longer.push_str(&format!(", those with flags {polled} because clients poll"));
    }
    if deadline <= baking {
        findings.problem(
            Problem::new(
                path.clone(),
                format!("all bakes together take {baking}{longer}, so the release would be rolled back before its end"),
                format!("Write more than \"{baking}\", with room for green to start and for gates"),
            )
            .showing(deadline),
        );
        return;
    }
    let patient = timeline.baking().plus(timeline.pace().ready_within).plus(timeline.gates());
    if deadline < patient {
        findings.warning(
            Problem::new(
                path.clone(),
                format!(
                    "the release takes {patient} if green starts and gates are answered as late as the plan allows"
                ),
                format!("Write at least \"{patient}\", or shorten `within` and `readyWithin`"),
            )
            .showing(deadline),
        );
    }
}

/// Intervals to propose, from the shortest.
const ROUND_INTERVALS: [Span; 7] = [
    Span::minutes(1),
    Span::minutes(2),
    Span::minutes(5),
    Span::minutes(10),
    Span::minutes(15),
    Span::minutes(30),
    Span::hours(1),
];

fn check_history(
    (strategy, flag_steps): (&Strategy, &[FlagStep]),
    after_bake: Span,
    pace: Pace,
    path: &Path,
    findings: &mut Findings,
) {
    let usage = |every| Timeline::new(strategy, flag_steps, after_bake, Pace { every, ..pace }).bounds();
    let bounds = usage(pace.every);
    if bounds.history_events <= MAX_HISTORY_EVENTS {
        return;
    }
    let fits = |every: &Span| *every > pace.every && usage(*every).history_events <= MAX_HISTORY_EVENTS;
    // A bake that waits for others lasts until the deadline, whatever the plan says of bakes.
    let shorten = if pace.waits_for_others { "`deadline`" } else { "the bakes and gates" };
    let remedy = match ROUND_INTERVALS.into_iter().find(|every| fits(every)) {
        Some(every) => format!("Write at least \"{every}\", or shorten {shorten}"),
        None => format!("Shorten {shorten}"),
    };
    findings.problem(
        Problem::new(
            path.clone(),
            format!(
                "up to {} looks make {} events in the execution's history; a release may make {MAX_HISTORY_EVENTS}, \
                 since Step Functions ends an execution at 25,000",
                bounds.looks, bounds.history_events
            ),
            remedy,
        )
        .showing(pace.every),
    );
}
