//! Executions that a pipeline's action starts, and the answers to its jobs.
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/Welcome.html>

use crate::Aws;
use crate::json;
use crate::stepfunctions::{Execution, execution_arn};
use serde_json::{Value, json};
use teal::pipeline::{JobAnswer, Progress};
use teal::ports::{Pipelines, PortError, PortResult};
use teal::release::ReleaseId;

const CODEPIPELINE: json::Service =
    json::Service { name: "codepipeline", target: "CodePipeline_20150709", version: "1.1", id: "codepipeline" };

impl Pipelines for Aws {
    async fn start_execution(&self, state_machine: &str, name: &ReleaseId, input: &str) -> PortResult<()> {
        // A name that is taken is this job's, handed over again after its release had ended.
        self.start_release(state_machine, name, input).await.map(|_| ())
    }

    async fn end_of(&self, state_machine: &str, name: &ReleaseId) -> PortResult<Option<String>> {
        let Some(execution) = execution_arn(state_machine, name) else { return Ok(None) };
        Ok(match self.execution(&execution).await? {
            Execution::Running | Execution::Unknown => None,
            Execution::Ended { status, error, cause } => {
                let why = [error, cause].into_iter().flatten().collect::<Vec<_>>().join(": ");
                Some(if why.is_empty() { format!("its execution ended {status}") } else { why })
            }
        })
    }

    async fn answer_job(&self, job: &str, answer: &JobAnswer) -> PortResult<()> {
        let (call, input) = request(job, answer);
        let client = json::Client::new(&self.config, &CODEPIPELINE);
        match client.call(call, &format!("job {job}"), &input).await {
            // Answered by an earlier run: the first answer stands.
            Err(PortError::Refused { message, .. }) if message.starts_with("InvalidJobStateException") => Ok(()),
            answered => answered.map(|_| ()),
        }
    }
}

fn request(job: &str, answer: &JobAnswer) -> (&'static str, Value) {
    match answer {
        JobAnswer::Continue { token, progress } => (
            "codepipeline:PutJobSuccessResult",
            json!({"jobId": job, "continuationToken": token, "executionDetails": details(progress)}),
        ),
        JobAnswer::Success { variables, progress } => (
            "codepipeline:PutJobSuccessResult",
            json!({"jobId": job, "outputVariables": variables, "executionDetails": details(progress)}),
        ),
        JobAnswer::Failure { kind, message, release } => {
            let mut failure = json!({"type": kind.as_str(), "message": message});
            if let Some(release) = release {
                failure["externalExecutionId"] = json!(release);
            }
            ("codepipeline:PutJobFailureResult", json!({"jobId": job, "failureDetails": failure}))
        }
    }
}

fn details(progress: &Progress) -> Value {
    json!({
        "summary": progress.summary,
        "externalExecutionId": progress.release,
        "percentComplete": progress.percent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Script;
    use teal::pipeline::FailureKind;

    const JOB: &str = "11111111-abcd-1111-abcd-000000000001";

    fn release() -> ReleaseId {
        ReleaseId::new("pipeline-1").unwrap()
    }

    fn progress() -> Progress {
        Progress { release: release(), summary: "checkout 2: Bake(1), 20% on green".into(), percent: 20 }
    }

    #[tokio::test]
    async fn a_job_that_goes_on_is_a_success_with_a_token() {
        let script = Script::default().answers(200, "");
        let answer = JobAnswer::Continue { token: "t".into(), progress: progress() };
        script.aws().answer_job(JOB, &answer).await.unwrap();
        let sent = &script.sent()[0];
        assert_eq!(sent.headers["x-amz-target"], "CodePipeline_20150709.PutJobSuccessResult");
        let details = json!({"summary": "checkout 2: Bake(1), 20% on green", "externalExecutionId": "pipeline-1", "percentComplete": 20});
        assert_eq!(sent.json(), json!({"jobId": JOB, "continuationToken": "t", "executionDetails": details}));
    }

    #[tokio::test]
    async fn an_end_has_variables_or_a_message() {
        let script = Script::default().answers(200, "").answers(200, "");
        let variables = [("outcome".to_owned(), "promoted".to_owned())].into();
        let aws = script.aws();
        aws.answer_job(JOB, &JobAnswer::Success { variables, progress: progress() }).await.unwrap();
        let failure =
            JobAnswer::Failure { kind: FailureKind::JobFailed, message: "why".into(), release: Some(release()) };
        aws.answer_job(JOB, &failure).await.unwrap();
        let sent = script.sent();
        assert_eq!(sent[0].json()["outputVariables"], json!({"outcome": "promoted"}));
        assert_eq!(sent[0].json().get("continuationToken"), None);
        assert_eq!(
            sent[1].json()["failureDetails"],
            json!({"type": "JobFailed", "message": "why", "externalExecutionId": "pipeline-1"})
        );
    }

    #[tokio::test]
    async fn a_job_that_was_answered_is_done() {
        let error = |code: &str| json!({"__type": code, "message": "not InProgress"}).to_string();
        let script = Script::default()
            .answers(400, error("InvalidJobStateException"))
            .answers(400, error("JobNotFoundException"));
        let aws = script.aws();
        let answer = JobAnswer::Continue { token: "t".into(), progress: progress() };
        assert_eq!(aws.answer_job(JOB, &answer).await, Ok(()));
        assert!(matches!(aws.answer_job(JOB, &answer).await, Err(PortError::NotFound { .. })));
    }
}
