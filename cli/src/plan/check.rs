//! `teal plan check`.

use super::report::{Finding, Report};
use super::{PlanFile, table};
use crate::document::{Document, Place, Source, Unreadable};
use crate::exit::Exit;
use clap::Args;
use serde_json::Value;
use std::error::Error;
use std::io::Write;
use teal::plan::{CheckedPlan, Plan, Problem};

#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    plan: PlanFile,

    /// Writes one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Checks a plan and reports on it.
///
/// # Errors
/// When the file cannot be read or the report cannot be written. A plan with problems is no error here.
pub(crate) fn run(args: &CheckArgs, mut out: impl Write) -> Result<Exit, Box<dyn Error>> {
    let source = Source::read(&args.plan.file)?;
    let (report, checked) = check(&source);
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", report.in_words(&source))?;
        if let Some(checked) = &checked {
            write!(out, "{}", table::timeline(checked))?;
        }
    }
    Ok(if checked.is_some() { Exit::Fine } else { Exit::Problems })
}

/// Reads a plan that is to be used at once: its problems go to standard error, and there is no plan then.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read_checked(file: &PlanFile) -> Result<Option<(CheckedPlan, Value)>, Unreadable> {
    let source = Source::read(&file.file)?;
    let (report, checked) = check(&source);
    let value = Document::parse(&source.text).and_then(Document::into_value).ok();
    match (checked, value) {
        (Some(checked), Some(value)) => Ok(Some((checked, value))),
        _ => {
            eprint!("{}", report.in_words(&source));
            Ok(None)
        }
    }
}

/// Everything there is to say about a plan, and the plan if it is one.
pub(super) fn check(source: &Source) -> (Report, Option<CheckedPlan>) {
    let document = match Document::parse(&source.text) {
        Ok(document) => document,
        Err(flaws) => return (Report::of_flaws(source, flaws), None),
    };
    let placed = |problems: &[Problem]| -> Vec<Finding> {
        problems.iter().map(|problem| Finding::new(problem, place(&document, problem))).collect()
    };
    let sorted = |mut findings: Vec<Finding>| {
        findings.sort_by_key(|finding| finding.place);
        findings
    };
    let (problems, warnings) = match Plan::check(&document.value) {
        Ok(checked) if document.repeated.is_empty() => {
            return (Report::of_plan(source, &checked, sorted(placed(checked.warnings()))), Some(checked));
        }
        Ok(checked) => (Vec::new(), placed(checked.warnings())),
        Err(found) => (placed(&found.problems), placed(&found.warnings)),
    };
    let repeated = document.repeated.iter().map(|repeated| Finding::new(&repeated.problem, repeated.place));
    (Report::of_problems(source, sorted(problems.into_iter().chain(repeated).collect()), sorted(warnings)), None)
}

/// A value that is wrong is marked itself; anything else by its field's name.
fn place(document: &Document, problem: &Problem) -> Place {
    if problem.value.is_some() { document.value_place(&problem.path) } else { document.key_place(&problem.path) }
}
