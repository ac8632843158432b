//! `teal judge --from-cloudwatch`: the account's own past, as if something had been released all the time.

use super::JudgeError;
use super::replay::write_line;
use crate::plan::{PlanFile, read_checked};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use teal::compare::{self, Summary};
use teal::units::Span;
use teal_aws::{Aws, AwsSettings, Clock, sdk_config};

/// Reads blue's past by the SDK's usual environment and writes one line for each window that would have been rolled back,
/// then a summary.
///
/// # Errors
/// When the plan has problems, AWS cannot be read, or nothing that the plan compares has a history.
pub(super) fn run(plan: &Path, since: Span, out: &mut impl Write) -> Result<(), JudgeError> {
    let failed = JudgeError::Account;
    let checked = read_checked(&PlanFile::new(plan)).map_err(|error| failed(error.to_string()))?;
    let Some((checked, _)) = checked else { return Err(JudgeError::Plan(super::shown(plan))) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let replayed = runtime.block_on(async {
        let clock = Clock::from_env().map_err(failed)?;
        // Neither table nor bus is touched.
        let settings = AwsSettings { table: String::new(), event_bus: String::new(), deployment_strategy: None, clock };
        let now = settings.clock.now();
        let aws = Aws::new(&sdk_config().await, settings);
        compare::replay(&aws, &checked, since, now).await.map_err(|error| failed(error.to_string()))
    })?;
    for firing in &replayed.firings {
        write_line(out, firing)?;
    }
    let reason = replayed.summary.to_string();
    Ok(write_line(out, &SummaryLine { summary: &replayed.summary, reason })?)
}

/// What is written at the end.
#[derive(Serialize)]
struct SummaryLine<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    /// The summary as a sentence.
    reason: String,
}
