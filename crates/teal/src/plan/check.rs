//! Checks a document and says everything that is wrong with it at once.
//!
//! First its shape, against the JSON Schema that is generated from [`Plan`]: fields, types, ranges, and each value by
//! its own parser. Then the rules that span several values; each of them reads what it needs from the document
//! itself, so that one wrong value hides no other.

mod fields;
mod rules;
mod shape;

use super::Plan;
use super::problem::{Path, Problem, Problems};
use crate::strategy::{Timeline, compile};
pub(crate) use fields::Fields;
pub(crate) use rules::{check_duplicates, check_useless, no_rules};
use serde_json::Value;

/// A plan in which nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPlan {
    plan: Plan,
    timeline: Timeline,
    warnings: Vec<Problem>,
}

impl CheckedPlan {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What its strategy is compiled to.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// What is allowed, but perhaps not meant.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Plan, timeline and warnings.
    #[must_use]
    pub fn into_parts(self) -> (Plan, Timeline, Vec<Problem>) {
        (self.plan, self.timeline, self.warnings)
    }
}

impl Plan {
    /// Checks a document: `problems` is everything that must change before it is a plan.
    ///
    /// # Errors
    /// All problems: first those of single values, then those between values; with the warnings beside them.
    pub fn check(document: &Value) -> Result<CheckedPlan, Problems> {
        let mut findings = Findings::default();
        shape::check(document, &mut findings.problems);
        rules::check(&Fields::new(document), &mut findings);
        if findings.problems.is_empty() {
            // From its text, as records are read: a function carries the code for one of both.
            match crate::json::read::<Plan>(&document.to_string()) {
                Ok(plan) => {
                    return Ok(CheckedPlan { timeline: compile(&plan), plan, warnings: findings.warnings });
                }
                // The shape was right, so this is a gap between the schema and the type: say so rather than pass it.
                Err(error) => findings.problem(Problem::new(
                    Path::root(),
                    format!("it cannot be read ({error})"),
                    "Compare it with the plan's JSON Schema",
                )),
            }
        }
        Err(Problems { problems: findings.problems, warnings: findings.warnings })
    }

    /// The JSON Schema of plans, for editors: draft 2020-12.
    #[must_use]
    pub fn schema() -> Value {
        schemars::schema_for!(Plan).to_value()
    }
}

/// What a check has found so far.
#[derive(Default)]
pub(crate) struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Findings {
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Whether something was found wrong there.
    pub(crate) fn is_reported(&self, path: &Path) -> bool {
        self.problems.iter().any(|problem| problem.path == *path)
    }

    pub(crate) fn warning(&mut self, warning: Problem) {
        self.warnings.push(warning);
    }
}

#[cfg(test)]
mod tests;
