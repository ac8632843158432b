//! The lab's AWS CodePipeline, the jobs of its actions and the operations by which a Lambda function answers them; and AWS CodeBuild.

mod codebuild;
mod codepipeline;

pub use codebuild::{CodeBuild, Project};
pub use codepipeline::{ARTIFACT_SECRETS, CodePipeline, JobResult};

use serde_json::Value;
use teal_lab_wire::AwsFault;

/// A text that must be there; without it the fault has this code.
fn text<'a>(input: &'a Value, member: &str, code: &str) -> Result<&'a str, AwsFault> {
    input[member]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| AwsFault::client(code, format!("Value null at '{member}' failed to satisfy constraint")))
}
