//! CodePipeline's jobs, and its events of stages that fail. Of a job's event only three texts are read: it also holds credentials for the pipeline's artifacts, which no
//! function here needs, and which therefore are in no value of Teal's and in no message.

use serde_json::Value;
use teal::error::{ErrorName, TealError, TealResult};
use teal::pipeline::{PipelineCall, PipelineJob, StageFailure};

/// How much of a text that is not what it must be is repeated, in characters.
const LONGEST_SHOWN: usize = 100;

const STAGE_CHANGE: &str = "CodePipeline Stage Execution State Change";

/// Reads what CodePipeline or EventBridge say.
///
/// # Errors
/// Which field is missing; a job's event is not repeated.
pub fn decode_pipeline_call(event: &Value) -> TealResult<PipelineCall> {
    if event["detail-type"] == STAGE_CHANGE {
        return decode_stage_failure(event).map(PipelineCall::StageFailed);
    }
    decode_pipeline_job(event).map(PipelineCall::Job)
}

/// <https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html>
fn decode_stage_failure(event: &Value) -> TealResult<StageFailure> {
    let refused = |text: String| TealError::new(ErrorName::Internal, text);
    let text = |field: &str| {
        let found = event["detail"][field].as_str();
        found.ok_or_else(|| refused(format!("the event \"{STAGE_CHANGE}\" has no detail.{field}")))
    };
    let state = text("state")?;
    if state != "FAILED" {
        return Err(refused(format!(
            "detail.state is {:?}: no stage has failed. Let the rule that calls this function match FAILED alone, as infra/cloudformation/pipeline.yaml does",
            state.chars().take(LONGEST_SHOWN).collect::<String>()
        )));
    }
    let execution = text("execution-id")?;
    let execution = execution.parse().map_err(|invalid| refused(format!("detail.execution-id: {invalid}")))?;
    Ok(StageFailure { pipeline: text("pipeline")?.to_owned(), stage: text("stage")?.to_owned(), execution })
}

/// Reads the job of a Lambda action.
/// <https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html#actions-invoke-lambda-function-json-event-example>
///
/// # Errors
/// Which field is missing; the event itself is not repeated.
fn decode_pipeline_job(event: &Value) -> TealResult<PipelineJob> {
    let job = &event["CodePipeline.job"];
    let Some(id) = job["id"].as_str() else {
        let text = "the input is no job of CodePipeline, as it has no CodePipeline.job.id, and no stage that failed, by its detail-type. Invoke this function by a Lambda action of a pipeline, or by a rule for its stages that fail";
        return Err(TealError::new(ErrorName::Internal, text));
    };
    let data = &job["data"];
    let parameters = data["actionConfiguration"]["configuration"]["UserParameters"].as_str();
    Ok(PipelineJob {
        id: id.to_owned(),
        user_parameters: parameters.unwrap_or_default().to_owned(),
        token: data["continuationToken"].as_str().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Labels;
    use crate::testing::any_json;
    use proptest::prelude::*;
    use serde_json::json;
    use teal::steps::Invocation;
    use teal::time::Timestamp;

    const SECRET: &str = "wJalrXUtnFEMI-secret";

    fn event() -> Value {
        json!({"CodePipeline.job": {
            "id": "11111111-abcd-1111-abcd-111111abcdef",
            "accountId": "123456789012",
            "data": {
                "actionConfiguration": {"configuration": {"FunctionName": "f", "UserParameters": "{\"planRef\": \"ssm:/p\"}"}},
                "inputArtifacts": [{"name": "source", "location": {"type": "S3", "s3Location": {"bucketName": "b", "objectKey": "k"}}}],
                "outputArtifacts": [],
                "artifactCredentials": {"accessKeyId": "AKIA", "secretAccessKey": SECRET, "sessionToken": SECRET},
                "continuationToken": "{\"release\": \"pipeline-1\"}",
                "encryptionKey": {"id": SECRET, "type": "KMS"},
            },
        }})
    }

    #[test]
    fn a_job_is_read_without_its_credentials() {
        let job = decode_pipeline_job(&event()).unwrap();
        assert_eq!(job.id, "11111111-abcd-1111-abcd-111111abcdef");
        assert_eq!(job.user_parameters, "{\"planRef\": \"ssm:/p\"}");
        assert_eq!(job.token.as_deref(), Some("{\"release\": \"pipeline-1\"}"));
        assert!(!format!("{job:?}").contains(SECRET));
        let first = json!({"CodePipeline.job": {"id": "1", "data": {"actionConfiguration": {"configuration": {}}}}});
        assert_eq!(decode_pipeline_job(&first).unwrap().token, None);
    }

    fn stage_event(state: &str) -> Value {
        json!({
            "detail-type": "CodePipeline Stage Execution State Change",
            "source": "aws.codepipeline",
            "detail": {
                "pipeline": "checkout", "stage": "Verify", "state": state, "version": 3.0,
                "execution-id": "01234567-0123-0123-0123-012345678901",
            },
        })
    }

    #[test]
    fn a_stage_that_failed_is_read_and_nothing_else_that_happens_to_one() {
        let expected = StageFailure {
            pipeline: "checkout".to_owned(),
            stage: "Verify".to_owned(),
            execution: "01234567-0123-0123-0123-012345678901".parse().unwrap(),
        };
        assert_eq!(decode_pipeline_call(&stage_event("FAILED")).unwrap(), PipelineCall::StageFailed(expected));
        let error = decode_pipeline_call(&stage_event("SUCCEEDED")).unwrap_err();
        assert!(error.message.contains("\"SUCCEEDED\"") && error.message.contains("pipeline.yaml"), "{error}");
        for field in ["pipeline", "stage", "state", "execution-id"] {
            let mut event = stage_event("FAILED");
            event["detail"].as_object_mut().unwrap().remove(field);
            let error = decode_pipeline_call(&event).unwrap_err();
            assert!(error.message.contains(&format!("no detail.{field}")), "{error}");
        }
    }

    #[test]
    fn nothing_that_is_logged_about_a_job_holds_its_credentials() {
        let now = Timestamp::UNIX_EPOCH;
        let call = Invocation { id: "r".into(), function: "on-pipeline-job".into(), now, act_by: now, account: None };
        let labels = format!("{:?}", Labels::of(&event(), &call));
        assert!(labels.contains("on-pipeline-job") && !labels.contains(SECRET), "{labels}");
    }

    fn any_event() -> impl Strategy<Value = Value> {
        let names =
            "(CodePipeline.job|id|data|actionConfiguration|configuration|UserParameters|continuationToken|.{0,4})";
        any_json(names, ".{0,300}".prop_map(Value::from))
    }

    proptest! {
        #[test]
        fn any_event_is_read_or_refused_with_the_field_that_is_missing(event in any_event()) {
            if let Err(error) = decode_pipeline_call(&event) {
                prop_assert!(error.message.contains("CodePipeline.job.id"), "{error}");
            }
        }

        #[test]
        fn a_field_of_a_stage_with_something_else_in_it_is_named_or_read(
            place in prop::sample::select(vec!["pipeline", "stage", "state", "execution-id"]),
            other in any_event(),
        ) {
            let mut event = stage_event("FAILED");
            event["detail"][place] = other;
            if let Err(error) = decode_pipeline_call(&event) {
                prop_assert!(error.message.contains(&format!("detail.{place}")), "{error}");
                prop_assert!(error.message.len() < 1_500, "{error}");
            }
        }

        #[test]
        fn an_event_with_a_piece_missing_is_read_or_refused_without_being_repeated(
            path in prop::sample::select(vec!["", "/CodePipeline.job", "/CodePipeline.job/id", "/CodePipeline.job/data",
                "/CodePipeline.job/data/actionConfiguration", "/CodePipeline.job/data/continuationToken"]),
            other in prop::sample::select(vec![json!(null), json!(SECRET), json!([SECRET]), json!({"a": SECRET})]),
        ) {
            let mut event = event();
            *event.pointer_mut(path).unwrap() = other;
            if let Err(error) = decode_pipeline_job(&event) {
                prop_assert!(!error.message.contains(SECRET), "{error}");
            }
        }
    }
}
