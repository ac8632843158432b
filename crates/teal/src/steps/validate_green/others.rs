//! Tests of green that others run: started or invoked here, and a build waited for by the state machine.

use super::super::{Answer, Step};
use super::Reach;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::{CodeBuildCheck, LambdaCheck, Plan};
use crate::ports::{BuildOrder, BuildReading, BuildState, Endpoint, Testers, World};
use crate::release::{BuildUnderWay, Release};
use crate::state::State;
use crate::story::Fact;
use crate::strategy::READY_POLL;
use crate::time::{after, seconds_until};
use serde_json::{Map, Value, json};

/// CodeBuild lets a build run for at least five minutes.
/// <https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html>
const SHORTEST_BUILD: u64 = 5 * 60;

impl<W: World> Step<'_, W> {
    /// Has the plan's function test green.
    pub(in crate::steps) async fn run_function(
        &mut self,
        side: &impl Testers,
        plan: &Plan,
        release: &str,
        green: &Reach,
        check: &LambdaCheck,
    ) -> TealResult<()> {
        let mut input = json!({
            "service": plan.service,
            "version": plan.version,
            "release": release,
        });
        if let Some(endpoint) = &green.endpoint {
            input["url"] = json!(endpoint.url);
            input["headers"] = headers(endpoint);
            input["paths"] = json!(endpoint.paths);
        }
        if let Some(version) = &green.version {
            input["function"] = json!(version);
        }
        let function = check.function.as_str();
        let answer = side.test_by_function(function, &input, check.within.as_duration()).await?;
        let failed = |why: String| TealError::new(ErrorName::ValidationFailed, format!("function {function}: {why}"));
        let answer = answer.map_err(failed)?;
        let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or("it gives no reason").to_owned();
        if answer.get("passed") == Some(&Value::Bool(false)) {
            return Err(failed(format!("green did not pass: {}", text("reason"))));
        }
        self.note(Fact::Noted { note: format!("validation: function {function} passed green") });
        Ok(())
    }

    /// Starts the plan's build, and waits for it.
    pub(super) async fn start_build(
        &mut self,
        release: &mut Release,
        green: &Reach,
        check: &CodeBuildCheck,
    ) -> TealResult<Answer> {
        let mut given = vec![
            ("TEAL_SERVICE", release.plan.service.to_string()),
            ("TEAL_VERSION", release.plan.version.to_string()),
            ("TEAL_RELEASE", release.id.to_string()),
        ];
        if let Some(endpoint) = &green.endpoint {
            given.push(("TEAL_GREEN_URL", endpoint.url.clone()));
            given.push(("TEAL_GREEN_HEADERS", headers(endpoint).to_string()));
        }
        if let Some(version) = &green.version {
            given.push(("TEAL_GREEN_FUNCTION", version.clone()));
        }
        let own = check.environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let order = BuildOrder {
            project: check.project.to_string(),
            environment: own.chain(given.into_iter().map(|(name, value)| (name.to_owned(), value))).collect(),
            within: std::time::Duration::from_secs(u64::from(check.within.as_seconds()).max(SHORTEST_BUILD)),
            token: release.id.to_string(),
        };
        let side = self.side(release).await?;
        let id = side.start_build(&order).await?;
        self.note(Fact::Noted { note: format!("validation: build {id} tests green") });
        release.build = Some(BuildUnderWay { id, started_at: self.now() });
        self.wait_for_build(release, check).await
    }

    /// How the build stands: nothing if it succeeded, for then validation is over.
    pub(super) async fn follow_build(
        &mut self,
        release: &mut Release,
        build: &BuildUnderWay,
        check: &CodeBuildCheck,
    ) -> TealResult<Option<Answer>> {
        let side = self.side(release).await?;
        let reading = side.build(&build.id).await?;
        let until = after(build.started_at, check.within.as_seconds().into()).min(release.deadline_at);
        match reading.state {
            BuildState::Succeeded => {
                let logs = reading.logs.map_or_else(String::new, |logs| format!("; its log: {logs}"));
                self.note(Fact::Noted { note: format!("validation: build {} succeeded{logs}", build.id) });
                Ok(None)
            }
            BuildState::Failed => Err(failure(&build.id, &reading, "failed")),
            BuildState::Running if self.now() >= until => {
                Err(failure(&build.id, &reading, &format!("did not end within {}", check.within)))
            }
            BuildState::Running => self.wait_for_build(release, check).await.map(Some),
        }
    }

    async fn wait_for_build(&mut self, release: &mut Release, check: &CodeBuildCheck) -> TealResult<Answer> {
        self.save_and_announce(release).await?;
        let begun = release.build.as_ref().map_or(self.now(), |build| build.started_at);
        let until = after(begun, check.within.as_seconds().into()).min(release.deadline_at);
        let wait = u64::from(READY_POLL.as_seconds()).min(seconds_until(self.now(), until));
        Ok(Answer::waiting(release, State::WaitForValidation, wait))
    }
}

fn headers(endpoint: &Endpoint) -> Value {
    let headers: Map<String, Value> =
        endpoint.headers.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    Value::Object(headers)
}

fn failure(id: &str, reading: &BuildReading, what: &str) -> TealError {
    let mut text = format!("build {id} {what}");
    if let Some(trouble) = &reading.trouble {
        text.push_str(&format!(": {trouble}"));
    }
    if let Some(logs) = &reading.logs {
        text.push_str(&format!(". Its log: {logs}"));
    }
    TealError::new(ErrorName::ValidationFailed, text)
}
