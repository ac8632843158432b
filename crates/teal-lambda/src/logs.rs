//! Logs: one JSON object a line, each with the release's id. Events are never logged as they came: they may hold credentials.

use serde_json::Value;
use std::fmt::Write as _;
use teal::error::TealError;
use teal::release::ReleaseId;
use teal::steps::Invocation;
use teal::story::StoryEntry;
use tracing::level_filters::LevelFilter;
use tracing::{error, info};

/// Starts logging to standard output, where Lambda collects it. The level comes from `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets from the
/// function's logging configuration; `INFO` without it.
pub(crate) fn start() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse::<LevelFilter>().ok());
    // A second call, in a test, finds the first one's subscriber in place.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .try_init();
}

/// What every line about one run carries.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    release: String,
    step: Option<u64>,
    state: String,
    request: String,
}

impl Labels {
    /// The labels that can be told from the input: release (or the execution's name; of an event, in its detail), step and state.
    pub(crate) fn of(payload: &Value, call: &Invocation) -> Self {
        let text = |key: &str| payload.get(key).and_then(Value::as_str);
        let names = ["/release", "/name", "/detail/release", "/detail/name"];
        let release = names.iter().find_map(|name| payload.pointer(name)?.as_str());
        Self {
            release: release.unwrap_or_default().to_owned(),
            step: payload.get("step").and_then(Value::as_u64),
            state: text("state").unwrap_or(&call.function).to_owned(),
            request: call.id.clone(),
        }
    }

    /// With the release that the run turned out to be about, where the input named none.
    pub(crate) fn about(mut self, release: Option<&ReleaseId>) -> Self {
        if let (true, Some(release)) = (self.release.is_empty(), release) {
            self.release = release.to_string();
        }
        self
    }
}

/// Tells what happened, a line for each fact.
pub(crate) fn tell(labels: &Labels, story: &[(ReleaseId, StoryEntry)]) {
    for (release, entry) in story {
        let fact = serde_json::to_string(&entry.fact).unwrap_or_default();
        info!(
            release = release.as_str(),
            step = labels.step,
            state = labels.state,
            request = labels.request,
            fact,
            "{}",
            entry.fact
        );
    }
}

/// Tells where the state machine goes next.
pub(crate) fn answered(labels: &Labels, answer: &Value) {
    let next = answer.get("next").and_then(Value::as_str).unwrap_or_default();
    let mut message = if next.is_empty() { "done".to_owned() } else { format!("next: {next}") };
    if let Some(seconds) = answer.get("waitSeconds").and_then(Value::as_u64) {
        // Writing to a String cannot fail.
        let _ = write!(message, ", in {seconds} s");
    }
    info!(
        release = labels.release,
        step = labels.step,
        state = labels.state,
        request = labels.request,
        next,
        "{message}"
    );
}

/// Tells why the step could not go on.
pub(crate) fn failed(labels: &Labels, problem: &TealError) {
    error!(
        release = labels.release,
        step = labels.step,
        state = labels.state,
        request = labels.request,
        error = problem.name.as_str(),
        "{}",
        problem.message
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_names_the_release_of_the_input_or_the_one_that_the_run_failed_for() {
        let call = Invocation {
            id: "1".into(),
            function: "sweep".into(),
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
            act_by: "2026-11-22T10:01:00Z".parse().unwrap(),
            account: None,
        };
        let failed = ReleaseId::new("checkout-7").unwrap();
        let table = [
            (json!({"release": "r-1"}), "r-1"),
            (json!({"name": "r-2"}), "r-2"),
            (json!({"detail-type": "Step Functions Execution Status Change", "detail": {"name": "r-3"}}), "r-3"),
            (json!({"detail-type": "Teal Release Phase Change", "detail": {"release": "r-4"}}), "r-4"),
            (json!({"detail-type": "CloudWatch Alarm State Change", "detail": {"alarmName": "a"}}), "checkout-7"),
            (json!({"detail-type": "Scheduled Event", "detail": {}}), "checkout-7"),
        ];
        for (payload, release) in table {
            assert_eq!(Labels::of(&payload, &call).about(Some(&failed)).release, release, "{payload}");
        }
        assert_eq!(Labels::of(&json!({}), &call).about(None).release, "");
    }
}
