//! The lab's AWS CodePipeline: the jobs of its actions, and the operations by which a Lambda function answers them.

mod codepipeline;
mod exchange;

pub use codepipeline::{CodePipeline, JobResult};
