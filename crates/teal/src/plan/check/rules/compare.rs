//! What green is compared with blue by, and whether the comparison can come to anything.

use super::super::{Fields, Findings};
use super::watch::bakes;
use super::{check_duplicates, route};
use crate::plan::limits::{CLOUDWATCH_PERIODS, MAX_LOG_SEARCHES, MAX_MATH_METRICS, MAX_SETTLE, METRIC_PERIOD};
use crate::plan::problem::{Path, Problem};
use crate::plan::{
    CountMetric, CountSeries, InsufficientAction, LogQuery, LogSource, MetricName, OnInsufficient, XRayGroups, defaults,
};
use crate::route::RouteKind;
use crate::units::{Percent, Span};
use serde_json::{Map, Value};

const SOURCES: [&str; 5] = ["errors", "latency", "cloudWatch", "logs", "xray"];

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    let judge = Path::of("judge");
    check_alpha(fields, &judge.field("alpha"), findings);
    let metrics = judge.field("metrics");
    let mut names = Vec::new();
    for index in 0..fields.len(&metrics) {
        names.extend(check_metric(fields, &metrics.item(index), findings));
    }
    check_duplicates(&names, findings);
    if let Some((path, _)) = searches(fields).nth(MAX_LOG_SEARCHES) {
        let remedy = format!("Search logs for at most {MAX_LOG_SEARCHES} metrics; metric filters may count the others");
        findings.problem(Problem::new(path, "it is one search of logs too many for a look", remedy));
    }
    if !is_compared(fields) {
        return;
    }
    if fields.is_present(&Path::of("strategy.allAtOnce")) {
        if fields.is_present(&metrics) {
            findings.warning(Problem::new(
                metrics,
                "with `allAtOnce` blue serves nothing beside green, so there is nothing to compare",
                "Leave it out, or write a strategy with a step such as `canary: {weight: 10%, bake: 10m}`",
            ));
        }
        return;
    }
    check_measured(fields, &metrics, findings);
    check_time(fields, &judge, findings);
}

/// Metrics that count among the requests of the route.
const OF_REQUESTS: [&str; 3] = ["errors", "latency", "logs"];

/// What to do where lines of a log cannot be held against the route's requests.
const OF_LOG_LINES: &str = "Let metric filters count the bad lines and all requests of each service, and compare the two: \
    `cloudWatch: {bad: {...}, total: {...}}`";

/// Reports metrics of requests on a route whose metrics do not tell the colours apart.
fn check_measured(fields: &Fields<'_>, metrics: &Path, findings: &mut Findings) {
    let blind = |kind: &RouteKind| kind.facts().meter.of_requests.is_none();
    let Some(kind) = route::kinds(fields).into_iter().find(blind) else { return };
    let why = format!("`{}` {}", kind.path(), kind.facts().meter.counts);
    let remedy = "Compare what the services count themselves (`cloudWatch`, `xray`), or write `judge.metrics: []` to compare nothing";
    if fields.is_absent(metrics) {
        let reason = format!("without this field green is compared by failed requests, but {why}");
        findings.problem(Problem::new(metrics.clone(), reason, remedy));
    }
    for path in (0..fields.len(metrics)).map(|index| metrics.item(index)) {
        let word = fields.get::<MetricName>(&path);
        let of_requests = OF_REQUESTS.into_iter().find(|name| {
            word.as_ref().is_some_and(|word| word.as_str() == *name) || fields.is_present(&path.field(name))
        });
        if let Some(name) = of_requests {
            let remedy = if name == "logs" { OF_LOG_LINES } else { remedy };
            findings.problem(Problem::new(
                path,
                format!("`{name}` counts among the route's requests, but {why}"),
                remedy,
            ));
        }
    }
}

/// Whether green is compared with blue by anything: it is, unless the plan says otherwise.
pub(super) fn is_compared(fields: &Fields<'_>) -> bool {
    let metrics = Path::of("judge.metrics");
    fields.len(&metrics) > 0 || fields.is_absent(&metrics)
}

fn check_alpha(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let Some(alpha) = fields.get::<Percent>(path) else { return };
    if alpha.millionths() == 0 || alpha.fraction() > 0.5 {
        let reason = "it is out of range: that share of healthy releases may be rolled back by chance";
        let remedy = "Write a percentage above 0% and at most 50%, such as \"1%\"";
        findings.problem(Problem::new(path.clone(), reason, remedy).showing(alpha));
    }
}

/// Checks one metric and gives its name with where it stands.
fn check_metric(fields: &Fields<'_>, path: &Path, findings: &mut Findings) -> Option<(Path, MetricName)> {
    if let Some(word) = fields.get::<MetricName>(path) {
        return Some((path.clone(), word));
    }
    let given: Vec<&str> = SOURCES.into_iter().filter(|name| fields.is_present(&path.field(name))).collect();
    match given.as_slice() {
        ["cloudWatch"] => check_pair(fields, &path.field("cloudWatch"), findings),
        ["logs"] => check_log(fields, &path.field("logs"), findings),
        ["xray"] => check_groups(fields, &path.field("xray"), findings),
        [_] => {}
        // What is no object, or has a misspelt field, was reported.
        [] if fields.names(path).iter().any(|name| !matches!(*name, "name" | "weight" | "noise")) => {}
        [] if fields.get::<Map<String, Value>>(path).is_none() => {}
        [] => findings.problem(Problem::new(
            path.clone(),
            "it names no source",
            "Add one of `errors: {}`, `latency: {}`, `cloudWatch`, `logs` and `xray`",
        )),
        several => findings.problem(Problem::new(
            path.clone(),
            format!("it has the sources {}, but a metric has one", several.join(" and ")),
            "Make an entry of each",
        )),
    }
    let name_path = path.field("name");
    if fields.is_absent(&name_path) {
        return match given.as_slice() {
            ["cloudWatch"] => {
                let remedy = "Add what is bad about the requests, such as `name: failed-orders`";
                findings.problem(Problem::new(name_path, "this field is missing", remedy));
                None
            }
            [source] => Some((path.clone(), source.parse().ok()?)),
            _ => None,
        };
    }
    Some((name_path.clone(), fields.get(&name_path)?))
}

fn check_pair(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let period_path = path.field("period");
    if let Some(period) = fields.get::<Span>(&period_path)
        && !CLOUDWATCH_PERIODS.contains(&period)
    {
        let remedy = "Write \"1s\", \"5s\", \"10s\", \"30s\" or \"1m\"";
        let reason = "the judge reads periods of 1s, 5s, 10s, 30s and 1m";
        findings.problem(Problem::new(period_path, reason, remedy).showing(period));
    }
    for name in ["bad", "total"] {
        let path = path.field(name);
        let Some(series) = fields.get::<CountSeries>(&path) else { continue };
        if !series.metrics().any(CountMetric::tells_colours_apart) {
            findings.problem(same_for_both(&path));
        }
        let CountSeries::Math(math) = series else { continue };
        if math.metrics.is_empty() || math.metrics.len() > MAX_MATH_METRICS {
            let reason = format!("it has {} metrics", math.metrics.len());
            let remedy = format!("Write 1 to {MAX_MATH_METRICS}");
            findings.problem(Problem::new(path.field("metrics"), reason, remedy));
        }
        for id in math.expression.ids().filter(|id| !math.metrics.keys().any(|known| known.as_str() == *id)) {
            findings.problem(
                Problem::new(
                    path.field("expression"),
                    format!("it uses {id}, which is not among `metrics`"),
                    format!("Add a metric `{id}`, or correct the name"),
                )
                .showing(&math.expression),
            );
        }
    }
}

fn check_log(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let query = match fields.get::<LogSource>(path) {
        Some(LogSource::Filter(metric)) if !metric.tells_colours_apart() => {
            return findings.problem(same_for_both(path));
        }
        Some(LogSource::Query(query)) => query,
        Some(LogSource::Filter(_)) | None => return,
    };
    if query.query.is_some() == query.pattern.is_some() {
        let remedy = "Write `pattern: ERROR`, or `query: 'filter level = \"error\"'`";
        findings.problem(Problem::new(path.clone(), "it has not exactly one of `query` and `pattern`", remedy));
    }
    if !query.log_groups.is_empty() && !query.tells_colours_apart() {
        findings.problem(Problem::new(
            path.clone(),
            "it finds the same lines for blue and for green",
            "Write ${service} into a log group's name, or into the query: 'filter service = \"${service}\" and level = \"error\"'",
        ));
    }
    if query.settle > MAX_SETTLE {
        let remedy = format!("Write at most \"{MAX_SETTLE}\"");
        let problem = Problem::new(path.field("settle"), "it is too long", remedy);
        findings.problem(problem.showing(query.settle));
    }
}

/// The metrics whose logs are searched.
fn searches(fields: &Fields<'_>) -> impl Iterator<Item = (Path, Box<LogQuery>)> {
    let metrics = Path::of("judge.metrics");
    let paths = (0..fields.len(&metrics)).map(move |index| metrics.item(index));
    paths.filter_map(|path| match fields.get::<LogSource>(&path.field("logs"))? {
        LogSource::Query(query) => Some((path, query)),
        LogSource::Filter(_) => None,
    })
}

fn same_for_both(path: &Path) -> Problem {
    Problem::new(
        path.clone(),
        "it is the same series for blue and for green",
        "Write a dimension with ${targetGroup}, ${service} or ${colour}, such as `Service: ${service}`, or a name such as \
         `Errors-${service}`",
    )
}

fn check_groups(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let Some(groups) = fields.get::<XRayGroups>(path) else { return };
    for (name, group) in [("faults", &groups.faults), ("traces", &groups.traces)] {
        if !group.tells_colours_apart() {
            findings.problem(
                Problem::new(
                    path.field(name),
                    "it is the same group for blue and for green",
                    "Make a group for each service and write ${service} in its name, such as \"${service}-faults\"",
                )
                .showing(group),
            );
        }
    }
}

/// Reports steps that are over, waiting included, before enough periods have been compared. The periods that `warmUp` leaves out
/// are the first ones with green traffic, so they come on top in the first step.
fn check_time(fields: &Fields<'_>, judge: &Path, findings: &mut Findings) {
    let settle = fields.get_or(&judge.field("settle"), defaults::settle()).filter(|settle| *settle <= MAX_SETTLE);
    let intervals = fields.get_or(&judge.field("minIntervals"), defaults::min_intervals());
    // One that is out of range was reported.
    let warm_up = fields.get_or(&judge.field("warmUp"), 0u32).filter(|warm_up| *warm_up <= 60);
    let patience = fields.get_or(&judge.field("onInsufficient"), defaults::on_insufficient());
    let (Some(settle), Some(intervals), Some(mut warm_up), Some(OnInsufficient { hold_for, then })) =
        (settle, intervals, warm_up, patience)
    else {
        return;
    };
    let searched = searches(fields).map(|(_, query)| query.settle);
    // One that is too long was reported.
    let settle = searched.filter(|settle| *settle <= MAX_SETTLE).fold(settle, Span::max);
    for (path, bake) in bakes(fields).into_iter().filter(|(_, bake)| !bake.is_zero()) {
        let skipped = std::mem::take(&mut warm_up);
        let periods = intervals.min(1000).saturating_add(skipped);
        let soonest = settle.plus(Span::seconds(METRIC_PERIOD.as_seconds().saturating_mul(periods)));
        if bake >= soonest {
            continue;
        }
        let after = if skipped == 0 { String::new() } else { format!(" after {skipped} of `warmUp`") };
        let why = format!(
            "green is compared with blue over {intervals} whole periods of {METRIC_PERIOD}{after}, each read {settle} after its end"
        );
        let remedy = format!("Write at least \"{soonest}\", or write `judge.metrics: []` to compare nothing");
        if bake.plus(hold_for) < soonest && then == InsufficientAction::RollBack {
            let reason = format!("the step is given up before it can be clear: {why}");
            findings.problem(Problem::new(path, reason, remedy).showing(bake));
        } else {
            let reason = format!("the step is always held longer than that: {why}");
            findings.warning(Problem::new(path, reason, remedy).showing(bake));
        }
    }
}
