//! Jobs of Lambda actions.
//! <https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html>

use crate::text;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use teal_lab_wire::{ACCOUNT, AwsAnswer, AwsFault, AwsRequest, LabClock, json};
use tokio::sync::watch;

/// How long a function may leave a job without an answer.
/// <https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html>
const ANSWER_WITHIN: Duration = Duration::from_secs(20 * 60);

/// The longest texts of an answer, in characters.
/// <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ExecutionDetails.html>
const LONGEST: [(&str, usize); 4] = [
    ("/continuationToken", 2048),
    ("/executionDetails/summary", 2048),
    ("/executionDetails/externalExecutionId", 1500),
    ("/failureDetails/message", 5000),
];

/// The kinds of failures.
/// <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html>
const FAILURES: [&str; 6] = [
    "JobFailed",
    "ConfigurationError",
    "PermissionError",
    "RevisionOutOfSync",
    "RevisionUnavailable",
    "SystemUnavailable",
];

/// What requests are addressed to.
const TARGET: &str = "CodePipeline_20150709";

/// The code of an input that does not fit.
const INVALID: &str = "ValidationException";

/// What became of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobResult {
    /// The function wants to be invoked again, with this token.
    Continued {
        token: String,
        execution: String,
        summary: String,
    },
    Succeeded {
        variables: BTreeMap<String, String>,
    },
    Failed {
        kind: String,
        message: String,
    },
    /// Nobody answered in time.
    TimedOut,
}

/// The service.
#[derive(Debug)]
pub struct CodePipeline {
    clock: LabClock,
    jobs: Mutex<BTreeMap<String, watch::Sender<Option<JobResult>>>>,
}

/// What every job's event holds, and nobody may tell on: secret key and session token for the pipeline's artifacts.
pub const ARTIFACT_SECRETS: [&str; 2] = ["lab-artifact-secret", "lab-artifact-token"];

impl CodePipeline {
    #[must_use]
    pub fn new(clock: LabClock) -> Self {
        Self { clock, jobs: Mutex::default() }
    }

    /// Makes a job for a Lambda action, and the event that the function gets. CodePipeline makes a new one for each time that it
    /// comes back with a token.
    #[must_use]
    pub fn open_job(&self, function: &str, user_parameters: &str, token: Option<&str>) -> (String, Value) {
        let mut jobs = self.lock();
        let id = format!("11111111-abcd-1111-abcd-{:012}", jobs.len() + 1);
        jobs.insert(id.clone(), watch::Sender::new(None));
        let mut data = json!({
            "actionConfiguration": {"configuration": {"FunctionName": function, "UserParameters": user_parameters}},
            "inputArtifacts": [],
            "outputArtifacts": [],
            "artifactCredentials": {
                "accessKeyId": "ASIALABARTIFACTS",
                "secretAccessKey": ARTIFACT_SECRETS[0],
                "sessionToken": ARTIFACT_SECRETS[1],
            },
        });
        if let Some(token) = token {
            data["continuationToken"] = token.into();
        }
        let event = json!({"CodePipeline.job": {"id": id, "accountId": ACCOUNT, "data": data}});
        (id, event)
    }

    /// Waits for a job's answer, for 20 minutes of lab time.
    pub async fn result_of(&self, job: &str) -> JobResult {
        let Some(mut answered) = self.lock().get(job).map(watch::Sender::subscribe) else { return JobResult::TimedOut };
        let limit = self.clock.real(ANSWER_WITHIN);
        let waited = tokio::time::timeout(limit, answered.wait_for(Option::is_some)).await;
        match waited {
            Ok(Ok(result)) => result.clone().unwrap_or(JobResult::TimedOut),
            _ => JobResult::TimedOut,
        }
    }

    /// Serves one request.
    pub async fn handle(&self, request: AwsRequest) -> AwsAnswer {
        json::answer(json::read(&request, TARGET).and_then(|(operation, input)| self.serve(&operation, &input)))
    }

    fn serve(&self, operation: &str, input: &Value) -> Result<Value, AwsFault> {
        let result = match operation {
            "PutJobSuccessResult" => succeeded(input)?,
            "PutJobFailureResult" => failed(input)?,
            other => {
                return Err(AwsFault::client("UnknownOperationException", format!("the lab does not serve {other}")));
            }
        };
        for (pointer, longest) in LONGEST {
            if input.pointer(pointer).and_then(Value::as_str).is_some_and(|text| text.chars().count() > longest) {
                return Err(invalid(pointer));
            }
        }
        self.answer(text(input, "jobId", INVALID)?, result)
    }

    /// A job is answered once.
    fn answer(&self, job: &str, result: JobResult) -> Result<Value, AwsFault> {
        let jobs = self.lock();
        let found = jobs
            .get(job)
            .ok_or_else(|| AwsFault::client("JobNotFoundException", format!("no job {job} exists in the lab")))?;
        if found.borrow().is_some() {
            let message = format!("job {job} is not InProgress");
            return Err(AwsFault::client("InvalidJobStateException", message));
        }
        found.send_replace(Some(result));
        Ok(Value::Null)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, watch::Sender<Option<JobResult>>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn invalid(pointer: &str) -> AwsFault {
    AwsFault::client(INVALID, format!("Value at '{}' failed to satisfy constraint", &pointer[1..]))
}

/// <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobSuccessResult.html>
fn succeeded(input: &Value) -> Result<JobResult, AwsFault> {
    let text = |pointer: &str| input.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(percent) = input.pointer("/executionDetails/percentComplete")
        && percent.as_u64().is_none_or(|percent| percent > 100)
    {
        return Err(invalid("/executionDetails/percentComplete"));
    }
    if let Some(token) = input["continuationToken"].as_str() {
        return Ok(JobResult::Continued {
            token: token.to_owned(),
            execution: text("/executionDetails/externalExecutionId"),
            summary: text("/executionDetails/summary"),
        });
    }
    let mut variables = BTreeMap::new();
    for (name, value) in input["outputVariables"].as_object().into_iter().flatten() {
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "@-_".contains(c));
        match value.as_str() {
            Some(value) if is_name => variables.insert(name.clone(), value.to_owned()),
            _ => return Err(invalid("/outputVariables")),
        };
    }
    Ok(JobResult::Succeeded { variables })
}

/// <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html>
fn failed(input: &Value) -> Result<JobResult, AwsFault> {
    let details = &input["failureDetails"];
    let kind = text(details, "type", INVALID)?;
    if !FAILURES.contains(&kind) {
        return Err(invalid("/failureDetails/type"));
    }
    Ok(JobResult::Failed { kind: kind.to_owned(), message: text(details, "message", INVALID)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> CodePipeline {
        CodePipeline::new(LabClock::starting_now(1000.0))
    }

    #[tokio::test]
    async fn a_job_is_answered_once_and_its_answer_is_waited_for() {
        let service = service();
        let (job, event) = service.open_job("on-pipeline-job", "{}", Some("token"));
        assert_eq!(event["CodePipeline.job"]["data"]["continuationToken"], "token");
        let details = json!({"externalExecutionId": "r-1", "summary": "20% on green", "percentComplete": 20});
        let input = json!({"jobId": job, "continuationToken": "next", "executionDetails": details});
        assert_eq!(service.serve("PutJobSuccessResult", &input), Ok(Value::Null));
        let expected =
            JobResult::Continued { token: "next".into(), execution: "r-1".into(), summary: "20% on green".into() };
        assert_eq!(service.result_of(&job).await, expected);
        assert_eq!(service.serve("PutJobSuccessResult", &input).unwrap_err().code, "InvalidJobStateException");
    }

    #[tokio::test]
    async fn a_job_that_nobody_answers_times_out() {
        let service = CodePipeline::new(LabClock::starting_now(100_000.0));
        let (job, _) = service.open_job("on-pipeline-job", "{}", None);
        assert_eq!(service.result_of(&job).await, JobResult::TimedOut);
    }

    #[test]
    fn answers_are_checked_as_codepipeline_checks_them() {
        let service = service();
        let (job, _) = service.open_job("f", "{}", None);
        let success = |more: Value| {
            let mut input = json!({"jobId": job});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            service.serve("PutJobSuccessResult", &input).unwrap_err().code
        };
        assert_eq!(success(json!({"outputVariables": {"a b": "c"}})), "ValidationException");
        assert_eq!(success(json!({"outputVariables": {"a": 1}})), "ValidationException");
        assert_eq!(success(json!({"continuationToken": "x".repeat(2049)})), "ValidationException");
        assert_eq!(success(json!({"executionDetails": {"percentComplete": 101}})), "ValidationException");
        let failure = |details: Value| {
            let input = json!({"jobId": job, "failureDetails": details});
            service.serve("PutJobFailureResult", &input).unwrap_err().code
        };
        assert_eq!(failure(json!({"type": "Broken", "message": "m"})), "ValidationException");
        assert_eq!(failure(json!({"type": "JobFailed"})), "ValidationException");
        let unknown = json!({"jobId": "nobody"});
        assert_eq!(service.serve("PutJobSuccessResult", &unknown).unwrap_err().code, "JobNotFoundException");
    }
}
