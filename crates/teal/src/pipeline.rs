//! What a CodePipeline action asks of Teal, and what it is told.
//!
//! The action invokes on-pipeline-job with a job. Each answer either ends the action or hands back a token, with which CodePipeline
//! comes again under another job's id.
//! <https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html>

use crate::plan::StoredStart;
use crate::release::{Phase, Release, ReleaseId};
use crate::units::{Invalid, text_newtype};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

text_newtype! {
    /// One run of a pipeline: the variable `#{codepipeline.PipelineExecutionId}` of its actions, and `execution-id` in its events.
    PipelineExecutionId {
        noun: "an id of a pipeline's execution",
        pattern: r"^[A-Za-z0-9-]{1,100}$",
        examples: &["01234567-0123-0123-0123-012345678901"],
        check: check_execution_id,
    }
}

fn check_execution_id(text: &str) -> Result<(), Invalid> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=100).contains(&text.len()) && text.bytes().all(is_good) {
        return Ok(());
    }
    let remedy = "Write \"#{codepipeline.PipelineExecutionId}\", which CodePipeline fills in";
    Err(Invalid::new("it is no id of a pipeline's execution", remedy))
}

/// A stage of a pipeline has failed, as EventBridge tells it.
/// <https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageFailure {
    pub pipeline: String,
    pub stage: String,
    pub execution: PipelineExecutionId,
}

/// A job as CodePipeline hands it over, without what is nobody's business: credentials, artifacts, the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineJob {
    pub id: String,
    /// The action's UserParameters: a text of at most 1,000 characters.
    pub user_parameters: String,
    /// What was handed back by the answer to the job before.
    pub token: Option<String>,
}

/// What on-pipeline-job is called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipelineCall {
    /// By an action.
    Job(PipelineJob),
    /// By a rule for stages that fail.
    StageFailed(StageFailure),
}

/// What the action's UserParameters ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// A release from a plan that is kept: the execution's input, and when the action succeeds.
    Release { input: Value, until: Until },
    /// That a release goes back to blue: `{"abort": "#{Release.releaseId}"}`.
    Abort { release: ReleaseId },
    /// To wait until a release has ended, that an action before has taken to `baked`: `{"await": "#{Release.releaseId}"}`.
    Await { release: ReleaseId },
}

/// When the action has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The release has ended: blue is retired.
    Promoted,
    /// Green has everything and its bake is over; blue is still kept, so that a later action can ask to go back to it.
    Baked,
}

const REMEDY: &str = "Write {\"planRef\": \"ssm:/teal/plans/checkout\", \"version\": \"#{Build.VERSION}\"}, with \"until\": \"baked\" and \"pipelineExecutionId\": \"#{codepipeline.PipelineExecutionId}\" if a later stage that fails is to take the release back; {\"abort\": \"#{Release.releaseId}\"} or {\"await\": \"#{Release.releaseId}\"}";

impl Wish {
    /// Reads UserParameters.
    ///
    /// # Errors
    /// What is wrong with them, and what to write instead.
    pub fn read(text: &str) -> Result<Self, Invalid> {
        let invalid = |reason: String| Invalid::new(format!("UserParameters: {reason}"), REMEDY);
        if text.trim().is_empty() {
            return Err(invalid("there are none".to_owned()));
        }
        let mut input: Map<String, Value> = serde_json::from_slice(text.as_bytes())
            .map_err(|problem| invalid(format!("this is no JSON object ({problem})")))?;
        if let Some(release) = release_alone(&input, "abort").map_err(&invalid)? {
            return Ok(Wish::Abort { release });
        }
        if let Some(release) = release_alone(&input, "await").map_err(&invalid)? {
            return Ok(Wish::Await { release });
        }
        let until = match input.remove("until").as_ref().map(Value::as_str) {
            None | Some(Some("promoted")) => Until::Promoted,
            Some(Some("baked")) => Until::Baked,
            Some(_) => return Err(invalid("until is neither \"promoted\" nor \"baked\"".to_owned())),
        };
        let input = Value::Object(input);
        match StoredStart::of(&input) {
            None => Err(invalid("there is no planRef".to_owned())),
            Some(Err(problem)) => Err(Invalid::new(format!("UserParameters: {}", problem.reason), problem.remedy)),
            Some(Ok(_)) => Ok(Wish::Release { input, until }),
        }
    }
}

/// The release that a field names, which stands by itself; nothing where there is no such field.
fn release_alone(input: &Map<String, Value>, field: &str) -> Result<Option<ReleaseId>, String> {
    let Some(release) = input.get(field) else { return Ok(None) };
    let release =
        ReleaseId::new(release.as_str().unwrap_or_default()).map_err(|reason| format!("{field}: {reason}"))?;
    match input.keys().find(|key| *key != field) {
        Some(other) => Err(format!("beside {field} there can be nothing, and there is {other}")),
        None => Ok(Some(release)),
    }
}

/// An answer to a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobAnswer {
    /// Not over: come again with this token.
    Continue { token: String, progress: Progress },
    /// The action has succeeded, with these variables.
    Success { variables: BTreeMap<String, String>, progress: Progress },
    /// The action has failed.
    Failure { kind: FailureKind, message: String, release: Option<ReleaseId> },
}

/// What the console shows beside the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub release: ReleaseId,
    /// One line.
    pub summary: String,
    /// Green's share of the traffic, in whole percent.
    pub percent: u8,
}

/// Why a job failed, as CodePipeline sorts it.
/// <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The release did not end as it was to.
    JobFailed,
    /// The action is not configured as it must be.
    ConfigurationError,
    /// A permission is missing.
    PermissionError,
}

impl FailureKind {
    /// The kind as CodePipeline names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FailureKind::JobFailed => "JobFailed",
            FailureKind::ConfigurationError => "ConfigurationError",
            FailureKind::PermissionError => "PermissionError",
        }
    }
}

/// The name of the execution that a job starts: the same for the same job, however often it is handed over.
///
/// # Errors
/// Why the job's id cannot be part of a name.
pub fn release_of(job: &str) -> Result<ReleaseId, String> {
    ReleaseId::new(format!("pipeline-{job}"))
}

/// What there is to tell of a release while it goes on.
#[must_use]
pub fn progress(release: &Release) -> Progress {
    let flags = release.flags_share().map_or(String::new(), |share| format!(", flags {share}"));
    Progress {
        release: release.id.clone(),
        summary: format!(
            "{} {}: {}, {} on green{flags}",
            release.plan.service, release.plan.version, release.phase, release.green_share
        ),
        percent: percent(release),
    }
}

fn percent(release: &Release) -> u8 {
    u8::try_from(release.green_share.permille() / 10).unwrap_or(100)
}

/// The action's output variables.
#[must_use]
pub fn variables(release: &Release) -> BTreeMap<String, String> {
    let outcome = match release.phase {
        Phase::Promoted => "promoted",
        Phase::RolledBack => "rolledBack",
        _ => "baked",
    };
    [
        ("releaseId", release.id.to_string()),
        ("outcome", outcome.to_owned()),
        ("version", release.plan.version.to_string()),
        ("greenShare", release.green_share.to_string()),
        ("report", console_link(&release.execution)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Where people see an execution.
#[must_use]
pub fn console_link(execution: &str) -> String {
    let region = execution.split(':').nth(3).unwrap_or_default();
    format!("https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{execution}")
}

/// What a token remembers: which release it is about, and what was asked.
#[must_use]
pub fn token(release: &ReleaseId) -> String {
    json!({"release": release}).to_string()
}

/// The release of a token.
///
/// # Errors
/// When it is not one of Teal's.
pub fn release_of_token(token: &str) -> Result<ReleaseId, String> {
    let document: Value = serde_json::from_slice(token.as_bytes()).unwrap_or_default();
    let name = document["release"].as_str().ok_or("the continuation token is not one of Teal's")?;
    ReleaseId::new(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_user_parameters_and_tokens_are_read_or_refused(
            text in prop_oneof![".{0,120}", r#"\{"(planRef|version|until|abort|.{0,4})": ?["\[{]?(ssm:/p|baked|r-1|.{0,9})["\]}]{0,2}"#],
        ) {
            if let Err(invalid) = Wish::read(&text) {
                prop_assert!(invalid.reason.starts_with("UserParameters: ") && !invalid.remedy.is_empty(), "{invalid}");
            }
            let _ = release_of_token(&text);
            let _ = release_of(&text);
        }
    }

    #[test]
    fn a_release_is_asked_for_by_the_name_of_its_plan() {
        let read = |text: &str| Wish::read(text).unwrap();
        assert_eq!(
            read(r#"{"planRef": "ssm:/teal/plans/checkout", "version": "2.4.0"}"#),
            Wish::Release {
                input: json!({"planRef": "ssm:/teal/plans/checkout", "version": "2.4.0"}),
                until: Until::Promoted
            }
        );
        assert_eq!(
            read(r#"{"planRef": "ssm:/p", "until": "baked"}"#),
            Wish::Release { input: json!({"planRef": "ssm:/p"}), until: Until::Baked }
        );
        let release = ReleaseId::new("pipeline-1").unwrap();
        assert_eq!(read(r#"{"abort": "pipeline-1"}"#), Wish::Abort { release: release.clone() });
        assert_eq!(read(r#"{"await": "pipeline-1"}"#), Wish::Await { release });
    }

    #[test]
    fn what_is_wrong_with_user_parameters_is_named_with_the_remedy() {
        for (text, word) in [
            ("", "there are none"),
            ("checkout", "no JSON object"),
            ("[]", "no JSON object"),
            ("{}", "no planRef"),
            (r#"{"planRef": "checkout"}"#, "\"checkout\""),
            (r#"{"planRef": "ssm:/p", "until": "done"}"#, "until"),
            (r#"{"planRef": "ssm:/p", "strategy": {}}"#, "strategy"),
            (r#"{"abort": "a b"}"#, "abort"),
            (r#"{"abort": "r-1", "planRef": "ssm:/p"}"#, "planRef"),
            (r#"{"await": "r-1", "until": "baked"}"#, "until"),
            (r#"{"planRef": "ssm:/p", "pipelineExecutionId": "not resolved"}"#, "pipelineExecutionId"),
        ] {
            let invalid = Wish::read(text).unwrap_err();
            assert!(invalid.reason.contains(word), "{text}: {invalid}");
            assert!(!invalid.remedy.is_empty());
        }
    }

    #[test]
    fn a_token_leads_back_to_its_release() {
        let release = release_of("1f6b0a4e-0000-4000-8000-000000000000").unwrap();
        assert_eq!(release.as_str(), "pipeline-1f6b0a4e-0000-4000-8000-000000000000");
        assert_eq!(release_of_token(&token(&release)), Ok(release));
        assert!(release_of_token("something else").is_err());
    }

    #[test]
    fn the_report_is_where_the_execution_is() {
        let link = console_link("arn:aws:states:eu-central-1:123456789012:execution:teal:r-1");
        assert!(link.starts_with("https://eu-central-1.console.aws.amazon.com/states/"), "{link}");
        assert!(link.ends_with(":execution:teal:r-1"), "{link}");
    }
}
