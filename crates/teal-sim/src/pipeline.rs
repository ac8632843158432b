//! A pipeline's action against the world: what on-pipeline-job does with one job.

use crate::function::{ACT_MARGIN_MILLIS, Function};
use crate::link::{Link, Who, later};
use crate::ports::own_account;
use crate::world::World;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use teal::error::TealResult;
use teal::pipeline::PipelineJob;
use teal::steps::{self, Invocation, JobTold, Step};

impl World {
    /// Runs on-pipeline-job with a job.
    ///
    /// # Errors
    /// Those of the step.
    ///
    /// # Panics
    /// When a fault leaves the function without an answer.
    pub fn pipeline_job(&self, job: &PipelineJob) -> TealResult<JobTold> {
        let now = self.now();
        // It writes to no route, so that the simulation need not know it; it has the time that triggers have.
        let function = Function::OnExecutionEnd;
        let act_by = later(now, function.timeout_millis() + ACT_MARGIN_MILLIS);
        let call = Invocation {
            id: job.id.clone(),
            function: "on-pipeline-job".to_owned(),
            now,
            act_by,
            account: own_account(),
        };
        let link = Link::new(self, Who { invocation: job.id.clone(), function, started: now });
        let mut step = Step::new(&link, &call);
        let run =
            pin!(steps::pipeline_job(&mut step, job, "arn:aws:states:eu-central-1:123456789012:stateMachine:teal"));
        match run.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("the world answers at once"),
        }
    }
}
