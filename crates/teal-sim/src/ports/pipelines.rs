//! Pipelines that wait for releases.

use crate::link::{Link, Op};
use teal::pipeline::JobAnswer;
use teal::ports::{Pipelines, PortResult};
use teal::release::ReleaseId;

impl Pipelines for Link<'_> {
    async fn start_execution(&self, _state_machine: &str, name: &ReleaseId, input: &str) -> PortResult<()> {
        self.call(Op::other("StartExecution"), |_| {
            self.world.state().started.entry(name.clone()).or_insert_with(|| input.to_owned());
            Ok(())
        })
        .await
    }

    async fn end_of(&self, _state_machine: &str, name: &ReleaseId) -> PortResult<Option<String>> {
        self.call(Op::other("DescribeExecution"), |_| Ok(self.world.state().ends.get(name).cloned())).await
    }

    async fn answer_job(&self, job: &str, answer: &JobAnswer) -> PortResult<()> {
        self.call(Op::other("PutJobSuccessResult"), |_| {
            self.world.state().answers.push((job.to_owned(), answer.clone()));
            Ok(())
        })
        .await
    }
}
