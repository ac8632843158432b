//! The lab's AWS CodePipeline, the jobs of its actions and the operations by which a Lambda function answers them; and AWS CodeBuild.

mod codebuild;
mod codepipeline;
mod exchange;

pub use codebuild::{CodeBuild, Project};
pub use codepipeline::{CodePipeline, JobResult};
