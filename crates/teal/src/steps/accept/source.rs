//! The plan that a release is started with: given as the execution's input, or named by it.

use super::{AcceptInput, plan_of};
use crate::document::Document;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::{Beside, CheckedPlan, Plan, PlanRef, Problems, StoredStart};
use crate::ports::{PortError, World};
use crate::steps::Step;
use crate::story::Fact;
use crate::units::Invalid;
use serde_json::Value;

impl<W: World> Step<'_, W> {
    /// The plan, and what the start names beside it.
    pub(super) async fn checked_plan(&mut self, input: &AcceptInput) -> TealResult<(CheckedPlan, Beside)> {
        let invalid = |text: String| TealError::new(ErrorName::PlanInvalid, text);
        let Some(start) = StoredStart::of(&input.plan) else {
            let checked = Plan::check(plan_of(input)).map_err(|problems| invalid(in_short(&problems)))?;
            let beside = beside_plan(input).map_err(|problem| invalid(format!("{problem}.")))?;
            return Ok((checked, beside));
        };
        let start = start.map_err(|problem| invalid(format!("{problem}.")))?;
        let (mut plan, origin) = self.stored(&start.plan_ref).await?;
        let of_plan = |text: String| invalid(format!("the plan at {origin}: {text}"));
        start.apply(&mut plan).map_err(|problem| of_plan(format!("{problem}.")))?;
        let checked = Plan::check(&plan).map_err(|problems| of_plan(in_short(&problems)))?;
        self.note(Fact::Noted { note: format!("the plan is {origin}") });
        Ok((checked, start.beside))
    }

    /// The plan at a reference, and its name with the version that was read.
    async fn stored(&self, reference: &PlanRef) -> TealResult<(Value, String)> {
        let unreadable = |text: String| TealError::new(ErrorName::PlanUnreadable, text);
        let stored = match self.world.stored_plan(reference).await {
            Ok(stored) => stored,
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => return Err(error.into()),
            Err(error) => return Err(unreadable(format!("planRef {reference}: {}", why(&error, reference)))),
        };
        let origin = match &stored.version {
            Some(version) => format!("{reference} (version {version})"),
            None => reference.to_string(),
        };
        match Document::parse(&stored.text).and_then(Document::into_value) {
            Ok(plan) => Ok((plan, origin)),
            Err(flaws) => {
                let first = flaws.first().map_or_else(String::new, |flaw| {
                    let place = flaw.place;
                    format!("line {}, column {}: {}. {}", place.line, place.column, flaw.reason, flaw.remedy)
                });
                Err(unreadable(format!(
                    "planRef {origin}: what is kept there is no plan. {first}. `teal plan put` checks a plan before it keeps it"
                )))
            }
        }
    }
}

/// What stands beside a plan that is given whole.
fn beside_plan(input: &AcceptInput) -> Result<Beside, Invalid> {
    match input.plan.as_object() {
        Some(fields) if fields.get("plan").is_some_and(Value::is_object) => Beside::taken_from(&mut fields.clone()),
        _ => Ok(Beside::default()),
    }
}

/// Why a plan could not be had, and what to do.
fn why(error: &PortError, reference: &PlanRef) -> String {
    let parameter = match reference {
        PlanRef::Parameter { .. } => "PlanParameters",
        PlanRef::Object { .. } => "PlanObjects",
    };
    match error {
        PortError::NotFound { .. } => {
            "nothing is kept there. `teal plan list` shows the plans that are; `teal plan put` keeps one".to_owned()
        }
        PortError::Denied { .. } => format!(
            "{error}. Teal's stack names in its parameter {parameter} what accept may read; S3 also answers so where there is no such object"
        ),
        other => other.to_string(),
    }
}

/// The longest text of a plan's problems, in characters: what the state machine passes on to the execution's cause.
const PROBLEMS_LIMIT: usize = 700;

/// As many problems as fit, whole, and how many more there are.
fn in_short(problems: &Problems) -> String {
    let mut text = String::new();
    for (index, problem) in problems.problems.iter().enumerate() {
        let problem = problem.to_string();
        if index > 0 && text.chars().count() + problem.chars().count() > PROBLEMS_LIMIT {
            let more = problems.problems.len() - index;
            text.push_str(&format!(" And {more} more; `teal plan check` shows all of them, with their places."));
            break;
        }
        if index > 0 {
            text.push(' ');
        }
        text.extend(problem.chars().take(PROBLEMS_LIMIT));
    }
    text
}
