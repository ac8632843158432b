//! Watching executions from outside, by their history: what Step Functions says, not what Teal says about itself.

use crate::result::StateVisit;
use crate::{Aws, LabError};
use serde_json::{Value, json};
use teal_lab_wire::LabClock;

/// The times of a run: lab seconds since the load began.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    clock: LabClock,
    zero_millis: i64,
}

impl Timeline {
    /// Counts from a lab time in milliseconds.
    pub(crate) fn from(clock: LabClock, zero_millis: i64) -> Self {
        Self { clock, zero_millis }
    }

    pub(crate) fn now(&self) -> f64 {
        self.of_lab_millis(self.clock.now_millis())
    }

    pub(crate) fn of_lab_millis(&self, millis: i64) -> f64 {
        (millis - self.zero_millis) as f64 / 1000.0
    }

    /// Of a wall-clock time in seconds since the Unix epoch, as the emulator's history has it.
    fn of_wall_seconds(&self, seconds: f64) -> f64 {
        let origin = self.clock.origin_millis() as f64;
        let lab_millis = origin + (seconds * 1000.0 - origin) * self.clock.scale();
        (lab_millis - self.zero_millis as f64) / 1000.0
    }
}

/// One execution, followed by polling.
#[derive(Debug)]
pub(crate) struct Observer {
    aws: Aws,
    timeline: Timeline,
    pub(crate) execution: String,
    pub(crate) visits: Vec<StateVisit>,
    pub(crate) started_at: f64,
    /// The highest event id seen; ids count from 1.
    last_event: u64,
    tasks_scheduled: u64,
    tasks_entered: u64,
    /// Set when the execution has ended.
    pub(crate) end: Option<End>,
}

/// How an execution ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: f64,
    pub(crate) status: String,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

const PAGE: u64 = 200;

impl Observer {
    pub(crate) fn new(aws: Aws, timeline: Timeline, execution: String) -> Self {
        let started_at = timeline.now();
        Self {
            aws,
            timeline,
            execution,
            visits: Vec::new(),
            started_at,
            last_event: 0,
            tasks_scheduled: 0,
            tasks_entered: 0,
            end: None,
        }
    }

    /// The release's id: the execution's name.
    pub(crate) fn name(&self) -> &str {
        self.execution.rsplit(':').next().unwrap_or(&self.execution)
    }

    /// The state it is in.
    pub(crate) fn state(&self) -> Option<&str> {
        self.visits.last().map(|visit| visit.state.as_str())
    }

    /// What AWS bills: each state entered and each retry of a task.
    pub(crate) fn transitions(&self) -> u64 {
        self.visits.len() as u64 + self.tasks_scheduled.saturating_sub(self.tasks_entered)
    }

    pub(crate) fn history_events(&self) -> u64 {
        self.last_event
    }

    /// Reads what is new and returns the states entered since the last time.
    pub(crate) async fn poll(&mut self) -> Result<Vec<String>, LabError> {
        let new_events = self.events_after(self.last_event).await?;
        let mut entered = Vec::new();
        for event in new_events.iter().rev() {
            entered.extend(self.take_in(event));
        }
        Ok(entered)
    }

    /// The whole history, newest first.
    pub(crate) async fn history(&self) -> Result<Vec<Value>, LabError> {
        self.events_after(0).await
    }

    /// The events after the one with this id, newest first.
    async fn events_after(&self, known: u64) -> Result<Vec<Value>, LabError> {
        let mut new_events = Vec::new();
        let mut next_token = Value::Null;
        loop {
            let mut parameters = json!({"executionArn": self.execution, "reverseOrder": true, "maxResults": PAGE});
            if !next_token.is_null() {
                parameters["nextToken"] = next_token;
            }
            let mut page = self.aws.call("states", "GetExecutionHistory", parameters).await?;
            if let Some(Value::Array(events)) = page.get_mut("events").map(Value::take) {
                for event in events {
                    if event["id"].as_u64().unwrap_or_default() <= known {
                        return Ok(new_events);
                    }
                    new_events.push(event);
                }
            }
            next_token = page["nextToken"].take();
            if next_token.is_null() {
                return Ok(new_events);
            }
        }
    }

    /// Takes in one event; returns the state it enters, if it enters one.
    fn take_in(&mut self, event: &Value) -> Option<String> {
        self.last_event = event["id"].as_u64().unwrap_or(self.last_event);
        let at = self.timeline.of_wall_seconds(event["timestamp"].as_f64().unwrap_or_default());
        let kind = event["type"].as_str().unwrap_or_default();
        match kind {
            "ExecutionStarted" => self.started_at = at,
            "TaskScheduled" => self.tasks_scheduled += 1,
            "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut" => {
                let mut detail_field = format!("{kind}EventDetails");
                detail_field[..1].make_ascii_lowercase();
                let detail = &event[detail_field];
                let text = |name: &str| detail[name].as_str().map(str::to_owned);
                let status = kind.trim_start_matches("Execution");
                let status = if status == "TimedOut" { "TIMED_OUT".into() } else { status.to_uppercase() };
                if let Some(visit) = self.visits.last_mut() {
                    visit.left_at.get_or_insert(at);
                }
                self.end = Some(End { at, status, error: text("error"), cause: text("cause") });
            }
            _ if kind.ends_with("StateEntered") => {
                self.tasks_entered += u64::from(kind == "TaskStateEntered");
                let state = event["stateEnteredEventDetails"]["name"].as_str().unwrap_or_default().to_owned();
                self.visits.push(StateVisit { state: state.clone(), entered_at: at, left_at: None });
                return Some(state);
            }
            _ if kind.ends_with("StateExited") => {
                if let Some(visit) = self.visits.last_mut() {
                    visit.left_at = Some(at);
                }
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_becomes_visits_transitions_and_an_end() {
        let clock = LabClock::starting_now(10.0);
        let origin = clock.origin_millis();
        let timeline = Timeline::from(clock, origin);
        let mut observer = Observer::new(Aws::new("http://127.0.0.1:1"), timeline, "arn:x:execution:m:r-1".into());
        let seconds = origin as f64 / 1000.0;
        let event = |id: u64, after: f64, kind: &str, details: (&str, Value)| json!({"id": id, "timestamp": seconds + after, "type": kind, (details.0): details.1});
        let name = |name: &str| ("stateEnteredEventDetails", json!({ "name": name }));
        let none = || ("x", Value::Null);
        let events = [
            event(1, 0.0, "ExecutionStarted", none()),
            event(2, 0.1, "TaskStateEntered", name("Accept")),
            event(3, 0.1, "TaskScheduled", none()),
            event(4, 0.2, "TaskScheduled", none()),
            event(5, 0.3, "TaskStateExited", none()),
            event(6, 0.3, "FailStateEntered", name("Refused")),
            event(
                7,
                0.4,
                "ExecutionFailed",
                ("executionFailedEventDetails", json!({"error": "Teal.RouteBusy", "cause": "why"})),
            ),
        ];
        let entered: Vec<_> = events.iter().filter_map(|event| observer.take_in(event)).collect();
        assert_eq!(entered, ["Accept", "Refused"]);
        assert_eq!(observer.transitions(), 3);
        assert_eq!(observer.name(), "r-1");
        let end = observer.end.unwrap();
        assert_eq!((end.status.as_str(), end.error.as_deref()), ("FAILED", Some("Teal.RouteBusy")));
        assert!((end.at - 4.0).abs() < 0.02, "{}", end.at);
        assert!(observer.visits[0].left_at.is_some_and(|left| (left - 3.0).abs() < 0.02));
    }
}
