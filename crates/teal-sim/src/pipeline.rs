//! A pipeline's action against the world: what on-pipeline-job does with one job.

use crate::beside::Ran;
use crate::function::{ACT_MARGIN_MILLIS, Function};
use crate::link::{Link, Who, later};
use crate::ports::own_account;
use crate::world::World;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use teal::error::TealResult;
use teal::pipeline::{PipelineCall, PipelineJob, StageFailure};
use teal::steps::{self, Invocation, JobTold, PipelineTold, StageTold, Step};

impl World {
    /// Runs on-pipeline-job with a job.
    ///
    /// # Errors
    /// Those of the step.
    ///
    /// # Panics
    /// When a fault leaves the function without an answer.
    pub fn pipeline_job(&self, job: &PipelineJob) -> TealResult<JobTold> {
        match answered(self.pipeline_job_disturbed(job))? {
            PipelineTold::Job(told) => Ok(told),
            PipelineTold::StageFailed(told) => panic!("a job is answered as one, not by {told:?}"),
        }
    }

    /// The same, where a fault may leave the function without an answer.
    pub fn pipeline_job_disturbed(&self, job: &PipelineJob) -> Ran<PipelineTold> {
        self.pipeline_call(&job.id, &PipelineCall::Job(job.clone()))
    }

    /// Runs on-pipeline-job with the event of a stage that has failed.
    ///
    /// # Errors
    /// Those of the step.
    ///
    /// # Panics
    /// When a fault leaves the function without an answer.
    pub fn stage_failed(&self, failure: &StageFailure) -> TealResult<StageTold> {
        match answered(self.pipeline_call("stage-failed", &PipelineCall::StageFailed(failure.clone())))? {
            PipelineTold::StageFailed(told) => Ok(told),
            PipelineTold::Job(told) => panic!("an event is answered as one, not by {told:?}"),
        }
    }

    fn pipeline_call(&self, id: &str, call: &PipelineCall) -> Ran<PipelineTold> {
        let now = self.now();
        // It writes to no route, so that the simulation need not know it; it has the time that triggers have.
        let function = Function::OnExecutionEnd;
        let act_by = later(now, function.timeout_millis() + ACT_MARGIN_MILLIS);
        let invocation = Invocation {
            id: id.to_owned(),
            function: "on-pipeline-job".to_owned(),
            now,
            act_by,
            account: own_account(),
        };
        let link = Link::new(self, Who { invocation: id.to_owned(), function, started: now });
        let mut step = Step::new(&link, &invocation);
        let run =
            pin!(steps::pipeline_call(&mut step, call, "arn:aws:states:eu-central-1:123456789012:stateMachine:teal"));
        match run.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }
}

fn answered<T>(ran: Ran<T>) -> TealResult<T> {
    ran.unwrap_or_else(|| panic!("the world answers at once"))
}
