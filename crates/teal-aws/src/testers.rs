//! Tests of green that others run: AWS CodeBuild and AWS Lambda.

use crate::Aws;
use crate::json;
use crate::lambda::LAMBDA;
use crate::rest::{self, Request, percent_encoded};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use serde_json::{Value, json};
use std::time::Duration;
use teal::ports::{BuildOrder, BuildReading, BuildState, PortError, PortResult, Testers};

const CODEBUILD: json::Service =
    json::Service { name: "codebuild", target: "CodeBuild_20161006", version: "1.1", id: "codebuild" };

/// How much longer than the function's own time its answer is waited for: a cold start.
const GRACE: Duration = Duration::from_secs(5);

/// The most of a function's error that is passed on, in characters.
const LONGEST: usize = 500;

impl Testers for Aws {
    /// <https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html>
    async fn start_build(&self, order: &BuildOrder) -> PortResult<String> {
        const CALL: &str = "codebuild:StartBuild";
        let variable = |(name, value): &(String, String)| json!({"name": name, "value": value, "type": "PLAINTEXT"});
        let input = json!({
            "projectName": order.project,
            "environmentVariablesOverride": order.environment.iter().map(variable).collect::<Vec<_>>(),
            "timeoutInMinutesOverride": order.within.as_secs().div_ceil(60),
            "idempotencyToken": order.token,
        });
        let what = format!("CodeBuild project {}", order.project);
        let answer = self.codebuild().call(CALL, &what, &input).await?;
        let id = answer["build"]["id"].as_str();
        id.map(str::to_owned).ok_or_else(|| PortError::Unavailable { call: CALL, message: "no id came back".into() })
    }

    /// <https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetBuilds.html>
    async fn build(&self, id: &str) -> PortResult<BuildReading> {
        let what = format!("build {id}");
        let answer = self.codebuild().call("codebuild:BatchGetBuilds", &what, &json!({"ids": [id]})).await?;
        let build = answer["builds"].get(0).ok_or(PortError::NotFound { what })?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let state = match build["buildStatus"].as_str() {
            Some("SUCCEEDED") => BuildState::Succeeded,
            Some("IN_PROGRESS") => BuildState::Running,
            _ => BuildState::Failed,
        };
        let trouble = (state == BuildState::Failed).then(|| trouble(build)).filter(|text| !text.is_empty());
        Ok(BuildReading { state, trouble, logs: text(&build["logs"]["deepLink"]) })
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    async fn test_by_function(
        &self,
        function: &str,
        input: &Value,
        within: Duration,
    ) -> PortResult<Result<Value, String>> {
        const CALL: &str = "lambda:InvokeFunction";
        let whole = within + GRACE;
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(whole).operation_timeout(whole).build();
        // A test may change what it tests: once and no more.
        let config = self.config.to_builder().retry_config(RetryConfig::disabled()).timeout_config(timeouts).build();
        let (name, query) = match function.strip_prefix("arn:") {
            // The ARN may carry a qualifier itself.
            Some(_) => (function, String::new()),
            None => match function.split_once(':') {
                Some((name, qualifier)) => (name, format!("?Qualifier={}", percent_encoded(qualifier, ""))),
                None => (function, String::new()),
            },
        };
        let path = format!("/2015-03-31/functions/{}/invocations{query}", percent_encoded(name, ""));
        let request = Request::json("POST", path, input);
        let what = format!("function {function}");
        let answer = rest::Client::new(&config, &LAMBDA).call(CALL, &what, request).await?;
        let document = answer.document();
        if answer.headers.contains_key("x-amz-function-error") {
            let text = |field: &str| document[field].as_str().unwrap_or_default();
            let error = format!("{}: {}", text("errorType"), text("errorMessage"));
            return Ok(Err(format!("it failed with {}", error.chars().take(LONGEST).collect::<String>())));
        }
        Ok(Ok(document))
    }
}

impl Aws {
    fn codebuild(&self) -> json::Client {
        json::Client::new(&self.config, &CODEBUILD)
    }
}

/// The phases that did not succeed, with their messages.
fn trouble(build: &Value) -> String {
    let phases = build["phases"].as_array().into_iter().flatten();
    let failed = phases.filter(|phase| phase["phaseStatus"].as_str().is_some_and(|status| status != "SUCCEEDED"));
    let words = failed.map(|phase| {
        let messages = phase["contexts"].as_array().into_iter().flatten();
        let messages: Vec<&str> = messages.filter_map(|context| context["message"].as_str()).collect();
        let status = phase["phaseStatus"].as_str().unwrap_or_default();
        format!("phase {} {status} {}", phase["phaseType"].as_str().unwrap_or_default(), messages.join("; "))
    });
    let text = words.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("; ");
    let text = if text.is_empty() { build["buildStatus"].as_str().unwrap_or_default().to_owned() } else { text };
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Script;

    #[tokio::test]
    async fn a_build_is_started_with_its_environment() {
        let script = Script::default().json(&json!({"build": {"id": "p:1", "buildStatus": "IN_PROGRESS"}}));
        let order = BuildOrder {
            project: "p".into(),
            environment: vec![("SUITE".into(), "smoke".into())],
            within: Duration::from_secs(301),
            token: "r-1".into(),
        };
        assert_eq!(script.aws().start_build(&order).await, Ok("p:1".to_owned()));
        let variable = json!({"name": "SUITE", "value": "smoke", "type": "PLAINTEXT"});
        let expected = json!({
            "projectName": "p",
            "environmentVariablesOverride": [variable],
            "timeoutInMinutesOverride": 6,
            "idempotencyToken": "r-1",
        });
        assert_eq!(script.sent()[0].json(), expected);
    }

    #[tokio::test]
    async fn a_build_that_failed_says_in_which_phase_and_where_its_log_is() {
        let phases = json!([
            {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"},
            {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "exit status 1"}]},
            {"phaseType": "COMPLETED"},
        ]);
        let build =
            json!({"id": "p:1", "buildStatus": "FAILED", "phases": phases, "logs": {"deepLink": "https://logs"}});
        let script = Script::default().json(&json!({"builds": [build]})).json(&json!({"builds": []}));
        let expected = BuildReading {
            state: BuildState::Failed,
            trouble: Some("phase BUILD FAILED exit status 1".into()),
            logs: Some("https://logs".into()),
        };
        let aws = script.aws();
        assert_eq!(aws.build("p:1").await, Ok(expected));
        assert!(matches!(aws.build("p:2").await, Err(PortError::NotFound { .. })));
    }

    #[tokio::test]
    async fn a_function_is_invoked_once_and_its_answer_read() {
        let script = Script::default().json(&json!({"passed": true}));
        let input = json!({"url": "http://green"});
        let second = Duration::from_secs(1);
        let answer = script.aws().test_by_function("checkout-validation:live", &input, second).await;
        assert_eq!(answer, Ok(Ok(json!({"passed": true}))));
        let sent = &script.sent()[0];
        let path = "/2015-03-31/functions/checkout-validation/invocations?Qualifier=live";
        assert_eq!(sent.uri, format!("https://lambda.eu-central-1.amazonaws.com{path}"));
        let script = Script::default().answers(500, "");
        let lost = script.aws_with_retries().test_by_function("checkout-validation", &input, second).await;
        assert!(matches!(lost, Err(PortError::Unavailable { .. })), "{lost:?}");
        assert_eq!(script.sent().len(), 1);
    }
}
