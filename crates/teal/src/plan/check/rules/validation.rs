//! The checks before traffic: there is a way to green, and they end in time.

use super::super::{Fields, Findings};
use super::{check_span, route};
use crate::credential::carries_credential;
use crate::plan::limits::{
    ATTEMPT_PAUSE, MAX_BUILD, MAX_CHECK_LATENCY, MAX_FUNCTION_TEST, MIN_BUILD, VALIDATION_BUDGET,
};
use crate::plan::problem::{Path, Problem};
use crate::plan::{CheckPath, Expectation, Method, defaults};
use crate::route::GreenReached;
use crate::units::Latency;
use std::time::Duration;

/// Why no credential may stand in a plan, and what to do in a check instead.
const READ_BY: &str = "whoever may read the plan or the release's record could read";
const WITHOUT_ONE: &str = "Let the path be tested without one, or have a function or a build test green that fetches its own (`validate.lambda`, `validate.codeBuild`)";

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    let http = Path::of("validate.http");
    let (build, function) = (Path::of("validate.codeBuild"), Path::of("validate.lambda"));
    let checks = fields.len(&http);
    let test = Path::of("traffic.test");
    let by_others = [&build, &function].into_iter().find(|path| fields.is_present(path));
    let reached = |how| route::kinds(fields).iter().any(|kind| kind.facts().green_reached == how);
    let is_invoked = reached(GreenReached::ByInvocation);
    let answers_itself = is_invoked || reached(GreenReached::AtItsAddress);
    if checks > 0 && is_invoked && fields.is_absent(&test) {
        findings.problem(Problem::new(
            http.clone(),
            "a version of a function has no address for requests of HTTP",
            "Have a function test it (`validate.lambda` is told the version), or give the `traffic.test.url` of an alias that is only for tests",
        ));
    } else if (checks > 0 || by_others.is_some()) && fields.is_absent(&test) && !answers_itself {
        let reason = match by_others {
            Some(path) if checks == 0 => {
                format!("`{path}` tests green, but nothing says how it is reached before it takes traffic")
            }
            _ => "`validate.http` has checks, but nothing says how they reach green before it takes traffic".to_owned(),
        };
        let remedy = "Add a `listener`, a `rule` or a `url` for tests, or leave `validate` out";
        findings.problem(Problem::new(test, reason, remedy));
    } else if checks == 0 && by_others.is_none() && fields.is_present(&test) {
        findings.warning(Problem::new(
            test,
            "there is a way to test green, but `validate.http` has no checks, so nothing is tested",
            "Add checks to `validate.http`, or leave this out",
        ));
    }
    for index in 0..checks {
        check_one(fields, &http.item(index), findings);
    }
    let why = "a build takes a while to begin, and traffic waits for its end";
    check_span(fields, &build.field("within"), (MIN_BUILD, MAX_BUILD), why, findings);
    let variables = build.field("environment");
    for name in fields.names(&variables).iter().filter(|name| carries_credential(name)) {
        findings.problem(Problem::new(
            variables.field(name),
            format!("its name says that it carries a credential, which {READ_BY}"),
            "Have the project's own environment take it from Secrets Manager or the Parameter Store",
        ));
    }
    check_function(fields, &function, findings);
    check_budget(fields, &http, &function, findings);
}

fn check_function(fields: &Fields<'_>, function: &Path, findings: &mut Findings) {
    let within = function.field("within");
    if let Some(latency) = fields.get::<Latency>(&within).filter(|latency| *latency > MAX_FUNCTION_TEST) {
        let reason = format!("a function may test for at most {MAX_FUNCTION_TEST}");
        let remedy = format!("Write at most \"{MAX_FUNCTION_TEST}\", or let a CodeBuild project test for longer");
        findings.problem(Problem::new(within, reason, remedy).showing(latency));
    }
}

fn check_one(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let expect = path.field("expect");
    let body = expect.field("bodyContains");
    if fields.get::<Method>(&path.field("method")) == Some(Method::Head) && fields.is_present(&body) {
        findings.problem(Problem::new(
            body,
            "the answer to HEAD has no body",
            "Write `method: GET`, or leave this out",
        ));
    }
    let within = expect.field("within");
    if let Some(latency) = fields.get::<Latency>(&within).filter(|latency| *latency > MAX_CHECK_LATENCY) {
        let reason = format!("a check may take at most {MAX_CHECK_LATENCY}");
        let remedy = format!("Write at most \"{MAX_CHECK_LATENCY}\"");
        findings.problem(Problem::new(within, reason, remedy).showing(latency));
    }
    let asked = path.field("path");
    for name in fields.get::<CheckPath>(&asked).iter().flat_map(CheckPath::parameters).filter(|n| carries_credential(n))
    {
        findings.problem(Problem::new(
            asked.clone(),
            format!("the name of its query parameter {name:?} says that it carries a credential, which {READ_BY}"),
            WITHOUT_ONE,
        ));
    }
    let headers = path.field("headers");
    let names = fields.names(&headers);
    for name in names.iter().filter(|name| carries_credential(name)) {
        findings.problem(Problem::new(
            headers.field(name),
            format!("its name says that it carries a credential, which {READ_BY}"),
            WITHOUT_ONE,
        ));
    }
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names[..index].iter().find(|other| other.eq_ignore_ascii_case(name)) {
            let reason = format!("it is the same header as {first:?}: case does not matter");
            findings.problem(Problem::new(headers.field(name), reason, "Keep one of them"));
        }
    }
}

fn check_budget(fields: &Fields<'_>, http: &Path, function: &Path, findings: &mut Findings) {
    let by_function =
        fields.is_present(function).then(|| fields.get_or(&function.field("within"), defaults::function_within()));
    let by_function = by_function.flatten().map_or(Duration::ZERO, |within| within.as_duration());
    let longest: Duration = (0..fields.len(http))
        .filter_map(|index| {
            let check = http.item(index);
            let attempts = fields.get_or(&check.field("attempts"), defaults::attempts())?;
            let expect = fields.get_or::<Expectation>(&check.field("expect"), defaults::expectation())?;
            Some((expect.within.as_duration() + ATTEMPT_PAUSE.as_duration()).saturating_mul(attempts))
        })
        .fold(by_function, Duration::saturating_add);
    if longest > VALIDATION_BUDGET.as_duration() {
        findings.problem(Problem::new(
            http.clone(),
            format!(
                "all attempts together may take {}s, with {ATTEMPT_PAUSE} between attempts; {VALIDATION_BUDGET} are allowed",
                longest.as_secs()
            ),
            "Write fewer checks, fewer `attempts` or a shorter `expect.within`; what takes longer is a test for a CodeBuild project",
        ));
    }
}
