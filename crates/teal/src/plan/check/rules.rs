//! Rules that span several values, or that one place adds to a value's own range.

mod account;
mod compare;
mod pace;
mod route;
mod shifted;
mod strategy;
mod validation;
mod watch;

use super::{Fields, Findings};
use crate::plan::problem::{Path, Problem};
use crate::units::Span;
use std::fmt::Display;

/// Checks all rules.
pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    account::check(fields, findings);
    route::check(fields, findings);
    shifted::check(fields, findings);
    strategy::check(fields, findings);
    validation::check(fields, findings);
    watch::check(fields, findings);
    compare::check(fields, findings);
    pace::check(fields, findings);
}

/// Reports a duration that is not from `least` to `most`.
fn check_span(fields: &Fields<'_>, path: &Path, (least, most): (Span, Span), why: &str, findings: &mut Findings) {
    if let Some(span) = fields.get::<Span>(path)
        && !(least..=most).contains(&span)
    {
        let remedy = format!("Write a duration from \"{least}\" to \"{most}\"");
        findings.problem(Problem::new(path.clone(), format!("it is out of range: {why}"), remedy).showing(span));
    }
}

/// Reports every item that was there before.
pub(crate) fn check_duplicates<T: PartialEq + Display>(items: &[(Path, T)], findings: &mut Findings) {
    for (index, (path, item)) in items.iter().enumerate() {
        if let Some((first, _)) = items[..index].iter().find(|(_, other)| other == item) {
            let reason = format!("it stands at {first} already");
            findings.problem(Problem::new(path.clone(), reason, "Leave it out, or correct it").showing(item));
        }
    }
}

/// Reports a field that does not go with what the plan says elsewhere.
pub(crate) fn check_useless(place: &str, why: &str, remedy: &str, fields: &Fields<'_>, findings: &mut Findings) {
    let path = Path::of(place);
    if fields.is_present(&path) {
        findings.problem(Problem::new(path, why, remedy));
    }
}

/// What a kind of fleet or of route has where its fields can say nothing wrong together.
pub(crate) const fn no_rules(_path: &Path, _fields: &Fields<'_>, _findings: &mut Findings) {}
