//! Tests of green that others run.

use super::PortResult;
use serde_json::Value;
use std::time::Duration;

/// Whoever tests green for a release.
pub trait Testers {
    /// Starts a build and gives its id. Ordered again with the same token within minutes, it is the same build.
    async fn start_build(&self, order: &BuildOrder) -> PortResult<String>;

    /// How a build stands.
    async fn build(&self, id: &str) -> PortResult<BuildReading>;

    /// Invokes a function with a document and gives its answer, or how it failed. It is not invoked again within the call.
    async fn test_by_function(
        &self,
        function: &str,
        input: &Value,
        within: Duration,
    ) -> PortResult<Result<Value, String>>;
}

/// A build to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOrder {
    pub project: String,
    /// Variables in plain text.
    pub environment: Vec<(String, String)>,
    /// After so long the build ends by itself.
    pub within: Duration,
    /// The same for the same order.
    pub token: String,
}

/// How a build stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildReading {
    pub state: BuildState,
    /// What went wrong, in CodeBuild's words: the phase that failed and its message.
    pub trouble: Option<String>,
    /// Where its log is.
    pub logs: Option<String>,
}

/// A build's status.
/// <https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildState {
    Running,
    Succeeded,
    /// Failed, faulted, stopped, or timed out.
    Failed,
}
