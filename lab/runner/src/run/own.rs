//! What is seen of Teal itself while a scenario runs: its alarms, and what its functions log and keep.

use super::Run;
use crate::LabError;
use crate::function_processes::FunctionProcesses;
use crate::result::Searched;
use crate::stage::SECRET;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use teal::state::State;
use teal_lab_gateway::AssumedCredentials;
use teal_lab_pipeline::ARTIFACT_SECRETS;

/// How long alarms on Teal are waited for, and how long they must stay quiet where none is to go off (lab time): the longest period is
/// five minutes, which may have begun just before, and alarms are evaluated every minute.
const ALARMS_WITHIN: Duration = Duration::from_secs(12 * 60);
/// Between two looks at them.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Credentials of a process that are nobody else's business. Its access key's id is in CloudTrail, too.
const CREDENTIALS: [&str; 2] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

impl Run<'_> {
    /// The alarms on Teal, by their logical ids, that have gone off since the scenario began. Waits for those that are expected; where
    /// none is, as long as one could still go off.
    pub(super) async fn alarms_on_teal(&self, expected: &[String]) -> Result<Vec<String>, LabError> {
        let mut left = ALARMS_WITHIN;
        loop {
            let raised = self.raised_alarms().await?;
            let all = !expected.is_empty() && expected.iter().all(|name| raised.contains(name));
            if all || left.is_zero() {
                return Ok(raised.into_iter().collect());
            }
            self.lab.clock().sleep(LOOK_EVERY).await;
            left = left.saturating_sub(LOOK_EVERY);
        }
    }

    async fn raised_alarms(&self) -> Result<BTreeSet<String>, LabError> {
        let mut raised = BTreeSet::new();
        for (logical, name) in &self.lab.deployment().alarms {
            // In a lab with other scenarios it may have been in ALARM before.
            let described = self.lab.aws().call("monitoring", "DescribeAlarms", json!({"AlarmNames": [name]})).await?;
            let is_raised = described["MetricAlarms"][0]["StateValue"] == "ALARM";
            let changes = self.alarm_changes(name).await?;
            if is_raised || changes.iter().any(|change| change.state == "ALARM" && change.at >= 0.0) {
                raised.insert(logical.clone());
            }
        }
        Ok(raised)
    }

    /// What is wrong with what the functions have logged since the scenario began, with what the table keeps of its releases, and with the
    /// histories of their executions: a sentence each.
    pub(super) async fn indiscretions(&self) -> Result<Vec<String>, LabError> {
        let lines = self.lab.function_lines(self.begun_at).await?;
        let mut found: Vec<String> = lines.iter().filter_map(|line| not_as_documented(line)).collect();
        let secrets = self.secrets();
        let mut look = |what: &str, text: &str| found.extend(told(&secrets, what, text));
        let mut histories = Vec::new();
        for line in &lines {
            look("a line of the log", line);
        }
        for running in &self.releases {
            let name = running.observer.name();
            if let Some(record) = self.lab.ledger().record(name).await? {
                // Its plan as well: one that names a credential is refused, and there is no record of it.
                look("the record", &json!(record).to_string());
            }
            for entry in self.lab.ledger().story(name).await? {
                look("the story", &format!("{} {}", json!(entry), entry.fact));
            }
            match running.observer.history().await {
                // It went with its machine.
                Err(LabError::Aws { code, .. }) if code == "ExecutionDoesNotExist" => {}
                history => histories.push(history?),
            }
        }
        for (kind, item) in self.kept.items() {
            look(&format!("an item {kind} of the table"), item);
        }
        for history in &histories {
            found.extend(told_by_history(&secrets, history));
        }
        if lines.is_empty() {
            found.push("no function has logged anything".to_owned());
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Where was looked for whose secrets.
    pub(super) fn searched(&self) -> Searched {
        let whose = self.secrets().into_iter().map(|(whose, _)| whose);
        Searched { secrets: whose.collect::<BTreeSet<_>>().into_iter().collect(), items: self.kept.counts() }
    }

    /// Whose secret, and the secret.
    fn secrets(&self) -> Vec<(String, String)> {
        let planted =
            self.scenario.secrets.iter().map(|secret| ("a secret of the scenario".to_owned(), secret.clone()));
        let functions = FunctionProcesses::of(self.lab).running().into_iter().flat_map(|process| {
            let whose = move |(name, value): (String, String)| (format!("{name} of {}", process.binary), value);
            process
                .environment
                .into_iter()
                .filter(|(name, value)| CREDENTIALS.contains(&&**name) && !value.is_empty())
                .map(whose)
        });
        let always = ARTIFACT_SECRETS.map(|secret| ("a pipeline's artifact credential".to_owned(), secret.to_owned()));
        let services = ("a variable of a service's environment".to_owned(), SECRET.1.to_owned());
        let sessions = self.lab.gateway().assumed_credentials().into_iter().flat_map(|given| {
            let AssumedCredentials { role, access_key_id, secret_access_key, session_token } = given;
            let parts =
                [("access key", access_key_id), ("secret", secret_access_key), ("session token", session_token)];
            parts.map(|(part, secret)| (format!("the {part} of a session of {role}"), secret))
        });
        planted.chain(always).chain([services]).chain(functions).chain(sessions).collect()
    }
}

/// Whose secrets a text tells: a sentence each.
fn told(secrets: &[(String, String)], what: &str, text: &str) -> Vec<String> {
    let told = secrets.iter().filter(|(_, secret)| text.contains(secret.as_str()));
    told.map(|(whose, _)| format!("{whose} in {what}")).collect()
}

/// Whose secrets an execution's history tells, but for those that it was started with: whoever did has put them there.
fn told_by_history(secrets: &[(String, String)], history: &[Value]) -> Vec<String> {
    let given = history.iter().filter_map(|event| event["executionStartedEventDetails"]["input"].as_str());
    let given: String = given.collect();
    let secrets: Vec<_> = secrets.iter().filter(|(_, secret)| !given.contains(secret.as_str())).cloned().collect();
    history.iter().flat_map(|event| told(&secrets, "the execution's history", &event.to_string())).collect()
}

/// What is wrong with a line, as docs/events.md has it: one JSON object, with the release where it is about one.
fn not_as_documented(line: &str) -> Option<String> {
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
        return Some(format!("a line of the log is no JSON object: {line}"));
    };
    if fields.contains_key("_aws") {
        return None;
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    // The machine's functions are about its release, and so is each fact.
    let is_about_one = !text("fact").is_empty() || State::ALL.iter().any(|state| state.to_string() == text("state"));
    (is_about_one && text("release").is_empty()).then(|| format!("a line of the log names no release: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands_in_a_text() {
        let secrets = [("a token", "abc/1"), ("a key", "xyz")].map(|(whose, secret)| (whose.into(), secret.into()));
        assert_eq!(told(&secrets, "the story", r#"{"cause":"Bearer abc/1 was refused"}"#), ["a token in the story"]);
        assert_eq!(told(&secrets, "the story", "abc/2 and xy z"), Vec::<String>::new());
    }

    #[test]
    fn a_history_tells_no_secret_but_those_that_it_was_started_with() {
        let secrets =
            [("a header", "given"), ("a token", "abc/1")].map(|(whose, secret)| (whose.into(), secret.into()));
        let started = json!({"executionStartedEventDetails": {"input": r#"{"headers": "given"}"#}});
        let scheduled = json!({"taskScheduledEventDetails": {"parameters": r#"{"headers": "given"}"#}});
        let failed = json!({"taskFailedEventDetails": {"cause": "Bearer abc/1 was refused"}});
        assert_eq!(told_by_history(&secrets, &[started, scheduled.clone()]), Vec::<String>::new());
        let found = told_by_history(&secrets, &[failed, scheduled]);
        assert_eq!(found, ["a token in the execution's history", "a header in the execution's history"]);
    }

    #[test]
    fn a_line_is_json_and_names_the_release_that_it_is_about() {
        let fine = [
            r#"{"level":"INFO","message":"done","release":"","state":"sweep","next":""}"#,
            r#"{"level":"INFO","message":"next: Bake","release":"r-1","state":"ShiftTraffic"}"#,
            r#"{"level":"INFO","message":"...","release":"r-1","state":"sweep","fact":"{}"}"#,
            r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"Looks":1}"#,
        ];
        assert_eq!(fine.map(not_as_documented), [const { None }; 4]);
        let wrong = [
            "thread 'main' panicked at src/main.rs",
            "7",
            r#"{"message":"next: Bake","release":"","state":"ShiftTraffic"}"#,
            r#"{"message":"...","state":"sweep","fact":"{}"}"#,
        ];
        assert!(wrong.iter().all(|line| not_as_documented(line).is_some()));
    }
}
