//! What `teal plan check` found, for people and for programs.

use crate::document::{Flaw, Place, Source, excerpt};
use serde::Serialize;
use std::fmt::Write;
use teal::plan::{CheckedPlan, Plan, Problem};
use teal::strategy::{Cost, RATES_AS_OF, RATES_REGION, ScheduleRow, Timeline, Usage};

/// One problem or warning with its place in the file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    /// Empty where the text is no document at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<serde_json::Value>,
    reason: String,
    remedy: String,
    #[serde(flatten)]
    pub(super) place: Place,
}

impl Finding {
    pub(super) fn new(problem: &Problem, place: Place) -> Self {
        Self {
            path: Some(problem.path.to_string()),
            value: problem.value.clone(),
            reason: problem.reason.clone(),
            remedy: problem.remedy.clone(),
            place,
        }
    }

    fn in_words(&self, kind: &str, source: &Source) -> String {
        let path = self.path.as_ref().map_or(String::new(), |path| format!("{path}: "));
        let margin = " ".repeat(self.place.line.to_string().len());
        let excerpt = excerpt(source, self.place);
        format!("{kind}: {path}{}\n{excerpt}{margin} = {}.\n\n", self.reason, self.remedy)
    }
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    file: String,
    valid: bool,
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    outlook: Option<Outlook>,
}

/// What a valid plan would do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outlook {
    /// The plan with every default filled in.
    plan: Plan,
    timeline: Timeline,
    schedule: Vec<ScheduleRow>,
    usual: Estimate,
    at_most: Estimate,
}

/// What a release uses and costs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Estimate {
    usage: Usage,
    cost: Cost,
    prices: String,
}

impl Estimate {
    fn new(usage: Usage, plan: &Plan) -> Self {
        Self { usage, cost: usage.cost(&plan.judge), prices: format!("{RATES_REGION}, {RATES_AS_OF}") }
    }
}

impl Report {
    pub(super) fn of_plan(source: &Source, checked: &CheckedPlan, warnings: Vec<Finding>) -> Self {
        let (plan, timeline) = (checked.plan(), checked.timeline());
        let schedule = timeline.schedule();
        let usual = schedule.iter().map(|row| row.usage).sum();
        let outlook = Outlook {
            plan: plan.clone(),
            timeline: timeline.clone(),
            schedule,
            usual: Estimate::new(usual, plan),
            at_most: Estimate::new(timeline.bounds(), plan),
        };
        Self { file: source.name.clone(), valid: true, problems: Vec::new(), warnings, outlook: Some(outlook) }
    }

    pub(super) fn of_problems(source: &Source, problems: Vec<Finding>, warnings: Vec<Finding>) -> Self {
        Self { file: source.name.clone(), valid: false, problems, warnings, outlook: None }
    }

    pub(super) fn of_flaws(source: &Source, flaws: Vec<Flaw>) -> Self {
        let finding = |flaw: Flaw| Finding {
            path: None,
            value: None,
            reason: flaw.reason,
            remedy: flaw.remedy,
            place: flaw.place,
        };
        Self::of_problems(source, flaws.into_iter().map(finding).collect(), Vec::new())
    }

    /// Every finding with its line, and a sentence that counts them.
    pub(super) fn in_words(&self, source: &Source) -> String {
        let mut text: String = self.problems.iter().map(|finding| finding.in_words("problem", source)).collect();
        text.extend(self.warnings.iter().map(|finding| finding.in_words("warning", source)));
        let warnings = match self.warnings.len() {
            0 => String::new(),
            number => format!(" and {}", counted(number, "warning")),
        };
        let verdict = match self.problems.len() {
            0 if warnings.is_empty() => "the plan is valid".to_owned(),
            0 => format!("the plan is valid, with {}", counted(self.warnings.len(), "warning")),
            number => format!("{}{warnings}", counted(number, "problem")),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {verdict}", self.file);
        if let Some(account) = self.outlook.as_ref().and_then(|outlook| outlook.plan.account.as_ref()) {
            let (number, role) = (account.number(), &account.role);
            let _ = writeln!(text, "The service is in account {number}; Teal reaches it by {role}.");
        }
        text
    }
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
