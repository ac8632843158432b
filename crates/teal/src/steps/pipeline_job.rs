//! A CodePipeline action: starts a release or asks it to go back, and tells the pipeline how it goes until it has ended.

use super::Step;
use crate::error::{Disposition, ErrorName, TealResult};
use crate::pipeline::{
    FailureKind, JobAnswer, PipelineJob, Progress, Until, Wish, console_link, progress, release_of, release_of_token,
    token, variables,
};
use crate::ports::{Pipelines, World};
use crate::release::{Phase, Release, ReleaseId};
use crate::request::{Ask, Request};
use serde::Serialize;

/// What a job was told, for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobTold {
    pub job: String,
    /// `continued`, `succeeded` or `failed`.
    pub answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
}

/// The longest message of a failed action, in characters: it is read in a console.
const LONGEST_MESSAGE: usize = 1000;

/// Answers one job. Handed over again, a job starts nothing new: its release is named after it.
///
/// # Errors
/// Those of the ports that may pass: Lambda then hands the job over again. Every other ends the action, with a message.
pub async fn pipeline_job<W: World + Pipelines>(
    step: &mut Step<'_, W>,
    job: &PipelineJob,
    state_machine: &str,
) -> TealResult<JobTold> {
    let answer = match step.answer_to(job, state_machine).await {
        Ok(answer) => answer,
        Err(error) if error.name.disposition() == Disposition::Retry => return Err(error),
        Err(error) => failure(kind_of(error.name), &error.message, None),
    };
    step.world.answer_job(&job.id, &answer).await?;
    let (told, release) = match answer {
        JobAnswer::Continue { progress, .. } => ("continued", Some(progress.release)),
        JobAnswer::Success { progress, .. } => ("succeeded", Some(progress.release)),
        JobAnswer::Failure { release, .. } => ("failed", release),
    };
    Ok(JobTold { job: job.id.clone(), answer: told, release })
}

impl<W: World + Pipelines> Step<'_, W> {
    async fn answer_to(&self, job: &PipelineJob, state_machine: &str) -> TealResult<JobAnswer> {
        let misconfigured = |text: String| Ok(failure(FailureKind::ConfigurationError, &text, None));
        let wish = match Wish::read(&job.user_parameters) {
            Ok(wish) => wish,
            Err(invalid) => return misconfigured(format!("{invalid}.")),
        };
        match (wish, &job.token) {
            (Wish::Release { input, .. }, None) => match release_of(&job.id) {
                Ok(release) => {
                    self.world.start_execution(state_machine, &release, &input.to_string()).await?;
                    Ok(accepting(&release))
                }
                Err(reason) => misconfigured(reason),
            },
            (Wish::Release { until, .. }, Some(token)) => match release_of_token(token) {
                Ok(release) => self.follow(&release, until, state_machine).await,
                Err(reason) => misconfigured(reason),
            },
            (Wish::Abort { release }, token) => self.take_back(&release, &job.id, token.is_none()).await,
        }
    }

    /// How the release stands that the action waits for.
    async fn follow(&self, id: &ReleaseId, until: Until, state_machine: &str) -> TealResult<JobAnswer> {
        let Some(release) = self.world.load(id).await? else {
            // Refused before there was a record of it, or not accepted yet.
            return Ok(match self.world.end_of(state_machine, id).await? {
                None => accepting(id),
                Some(why) => failure(FailureKind::JobFailed, &format!("Release {id}: {why}"), Some(id)),
            });
        };
        let baked = release.bake_passed_at.is_some() && release.setback.is_none();
        Ok(match release.phase {
            Phase::Promoted => success(&release),
            Phase::Bake { .. } | Phase::RetireBlue if until == Until::Baked && baked => success(&release),
            Phase::RolledBack | Phase::Refused | Phase::RollbackNeedsHuman => failed(&release),
            _ => going_on(&release),
        })
    }

    /// Asks a release to go back to blue, and waits until it has.
    async fn take_back(&self, id: &ReleaseId, job: &str, first: bool) -> TealResult<JobAnswer> {
        let Some(release) = self.world.load(id).await? else {
            let text =
                format!("no release {id} is on record. Give the output variable releaseId of the action that released");
            return Ok(failure(FailureKind::ConfigurationError, &text, None));
        };
        if first && release.phase.can_roll_back() {
            let by = format!("CodePipeline (job {job})");
            let request = Request { ask: Ask::Abort, by, at: self.now(), note: None };
            self.world.ask(id, &request).await?;
        }
        Ok(match release.phase {
            Phase::RolledBack => success(&release),
            Phase::RollbackNeedsHuman => failed(&release),
            Phase::Promoted | Phase::RetireBlue => {
                let text = format!(
                    "Release {id} cannot go back any more: blue is retired. Release the version before it; afterwards.keepBlue says how long blue is kept"
                );
                failure(FailureKind::JobFailed, &text, Some(id))
            }
            _ => going_on(&release),
        })
    }
}

fn accepting(release: &ReleaseId) -> JobAnswer {
    let progress =
        Progress { release: release.clone(), summary: "the release is being accepted".to_owned(), percent: 0 };
    JobAnswer::Continue { token: token(release), progress }
}

fn going_on(release: &Release) -> JobAnswer {
    JobAnswer::Continue { token: token(&release.id), progress: progress(release) }
}

fn success(release: &Release) -> JobAnswer {
    JobAnswer::Success { variables: variables(release), progress: progress(release) }
}

/// A release that did not end as it was to: what became of the traffic, why, and where to read on.
fn failed(release: &Release) -> JobAnswer {
    let what = match release.phase {
        Phase::RolledBack => "was rolled back; blue serves every request",
        Phase::Refused => "was refused; nothing was touched",
        _ => "COULD NOT BE ROLLED BACK; a person must look at the route now",
    };
    let why = release
        .setback
        .as_ref()
        .map_or_else(|| "no reason is on record".to_owned(), |setback| format!("{}: {}", setback.error, setback.cause));
    let id = &release.id;
    let plan = &release.plan;
    let link = console_link(&release.execution);
    let text = format!("{} {} {what}. {why}. teal report {id}, or {link}", plan.service, plan.version);
    failure(FailureKind::JobFailed, &text, Some(id))
}

fn failure(kind: FailureKind, text: &str, release: Option<&ReleaseId>) -> JobAnswer {
    let message = text.chars().take(LONGEST_MESSAGE).collect();
    JobAnswer::Failure { kind, message, release: release.cloned() }
}

fn kind_of(error: ErrorName) -> FailureKind {
    match error {
        ErrorName::AccessDenied => FailureKind::PermissionError,
        ErrorName::NotFound | ErrorName::CallRefused => FailureKind::ConfigurationError,
        _ => FailureKind::JobFailed,
    }
}
