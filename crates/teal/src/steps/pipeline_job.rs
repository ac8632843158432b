//! A CodePipeline action: starts a release or asks it to go back, and tells the pipeline how it goes until it has ended. A stage that fails
//! later takes the releases of its run back.

use super::Step;
use crate::error::{Disposition, ErrorName, TealResult};
use crate::pipeline::{
    FailureKind, JobAnswer, PipelineCall, PipelineJob, Progress, StageFailure, Until, Wish, console_link, progress,
    release_of, release_of_token, token, variables,
};
use crate::ports::{Pipelines, World};
use crate::release::{Phase, Release, ReleaseId};
use crate::request::{Ask, Request};
use crate::story::Fact;
use serde::Serialize;

/// What was done for a pipeline, for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PipelineTold {
    Job(JobTold),
    StageFailed(StageTold),
}

/// Answers an action's job, or acts on a stage that has failed.
///
/// # Errors
/// Those of the ports: of a job only those that may pass, for Lambda hands it over again, and every other ends the action with a message.
/// Of a stage that has failed all of them; what could be asked is asked then, and the event, handed over again, asks nothing else.
pub async fn pipeline_call<W: World + Pipelines>(
    step: &mut Step<'_, W>,
    call: &PipelineCall,
    state_machine: &str,
) -> TealResult<PipelineTold> {
    match call {
        PipelineCall::Job(job) => pipeline_job(step, job, state_machine).await.map(PipelineTold::Job),
        PipelineCall::StageFailed(failure) => stage_failed(step, failure).await.map(PipelineTold::StageFailed),
    }
}

/// What a job was told, for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobTold {
    pub job: String,
    /// `continued`, `succeeded` or `failed`.
    pub answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
}

/// What was done about a stage that failed, for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageTold {
    pub pipeline: String,
    pub stage: String,
    /// The releases that are asked to go back to blue.
    pub asked: Vec<ReleaseId>,
    /// Those of the same run that cannot go back any more.
    pub too_late: Vec<ReleaseId>,
}

/// The longest message of a failed action, in characters: it is read in a console.
const LONGEST_MESSAGE: usize = 1000;

/// Answers one job. Handed over again, a job starts nothing new: its release is named after it.
///
/// # Errors
/// Those of the ports that may pass: Lambda then hands the job over again. Every other ends the action, with a message.
async fn pipeline_job<W: World + Pipelines>(
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

/// A stage of a pipeline has failed: asks the releases that this run of the pipeline started to go back to blue, as long as they can.
///
/// # Errors
/// Those of the ports. What could be asked is asked; the event, handed over again, asks nothing else.
async fn stage_failed<W: World>(step: &mut Step<'_, W>, failure: &StageFailure) -> TealResult<StageTold> {
    let (pipeline, stage) = (failure.pipeline.clone(), failure.stage.clone());
    let by = format!("CodePipeline (stage {stage} of {pipeline} failed)");
    let mut told = StageTold { pipeline, stage, asked: Vec::new(), too_late: Vec::new() };
    let mut problem = None;
    for id in step.world.active().await? {
        let release = match step.world.load(&id).await {
            Ok(Some(release)) if release.pipeline_execution_id.as_ref() == Some(&failure.execution) => release,
            Ok(_) => continue,
            // Another one's record is no reason to leave this one's traffic where it is.
            Err(error) => {
                problem = Some(error);
                continue;
            }
        };
        if !release.phase.can_roll_back() {
            step.tell_only(&id, Fact::Noted { note: format!("{by}, when it was too late to go back") });
            told.too_late.push(id);
            continue;
        }
        let request = Request { ask: Ask::Abort, by: by.clone(), at: step.now(), note: None };
        match step.world.ask(&id, &request).await {
            Ok(()) => {
                step.tell_only(&id, Fact::Noted { note: format!("asked to go back to blue: {by}") });
                told.asked.push(id);
            }
            Err(error) => problem = Some(error),
        }
    }
    problem.map_or(Ok(told), |error| Err(error.into()))
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
            (Wish::Await { release }, _) => match self.world.load(&release).await? {
                Some(_) => self.follow(&release, Until::Promoted, state_machine).await,
                None => Ok(unknown(&release)),
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
        let Some(release) = self.world.load(id).await? else { return Ok(unknown(id)) };
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

fn unknown(id: &ReleaseId) -> JobAnswer {
    let text = format!("no release {id} is on record. Give the output variable releaseId of the action that released");
    failure(FailureKind::ConfigurationError, &text, None)
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
