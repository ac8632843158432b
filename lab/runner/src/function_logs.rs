//! What Teal's own functions log.
//!
//! ministack keeps it in its CloudWatch Logs, in the group that template.yaml names, but the lab's CloudWatch is the gateway's. So the lines
//! are written on into the gateway's CloudWatch Logs, where queries find them and metrics embedded in them are published, as Lambda
//! does it on AWS.
//!
//! Known differences to AWS: lines come when the run that wrote them has ended; what Lambda itself says of a run comes from the emulator as
//! text and is left out, since the template asks Lambda for warnings only, and for JSON.

use crate::{Aws, LabError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use teal_lab_logs::Logs;
use teal_lab_wire::{LogSink as _, Millis};
use tokio::sync::Mutex;

/// From one reading to the next (lab time), though not faster than [`SHORTEST_PAUSE`].
pub(crate) const PAUSE: Duration = Duration::from_secs(5);
/// In real time.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The most events that FilterLogEvents gives at once.
const PAGE: usize = 10_000;
/// How late an event may be found after the time that it bears (real milliseconds).
const OVERLAP: Millis = 3_000;
/// What Lambda says at the beginning and the end of a run.
const OF_LAMBDA: [&str; 3] = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "];

/// The functions' lines on their way from ministack to the gateway.
#[derive(Debug)]
pub(crate) struct FunctionLogs {
    /// By ministack's own address: for everybody else the gateway serves CloudWatch Logs.
    ministack: Aws,
    group: String,
    logs: Arc<Logs>,
    reader: Mutex<Reader>,
}

/// What was read.
#[derive(Debug, Default)]
struct Reader {
    /// From when on events may be new, in Unix milliseconds of the wall.
    from: Millis,
    /// How many lines of each stream were taken. Each run has a stream of its own.
    taken: BTreeMap<String, usize>,
}

impl FunctionLogs {
    pub(crate) fn new(ministack: Aws, group: String, logs: Arc<Logs>) -> Self {
        Self { ministack, group, logs, reader: Mutex::default() }
    }

    /// Writes on what is new.
    ///
    /// # Errors
    /// If ministack does not answer.
    pub(crate) async fn collect(&self) -> Result<(), LabError> {
        let mut reader = self.reader.lock().await;
        loop {
            let parameters = json!({"logGroupName": self.group, "startTime": reader.from, "limit": PAGE});
            let answer = self.ministack.call("logs", "FilterLogEvents", parameters).await?;
            let events = answer["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            for (stream, line) in reader.new_lines(events) {
                self.logs.write(&self.group, stream, line);
            }
            if events.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// All lines so far that were written since a lab time, in the order in which they came.
    ///
    /// # Errors
    /// If ministack does not answer.
    pub(crate) async fn lines(&self, since: Millis) -> Result<Vec<String>, LabError> {
        self.collect().await?;
        Ok(self.logs.lines(&self.group, since))
    }
}

impl Reader {
    /// Streams and lines that were not taken yet. `events` begin at `from`, in the order of time.
    fn new_lines<'a>(&mut self, events: &'a [Value]) -> Vec<(&'a str, &'a str)> {
        let mut found = BTreeMap::<&str, usize>::new();
        let mut lines = Vec::new();
        for event in events {
            let stream = event["logStreamName"].as_str().unwrap_or_default();
            let line = event["message"].as_str().unwrap_or_default();
            let seen = found.entry(stream).or_default();
            *seen += 1;
            let taken = self.taken.entry(stream.to_owned()).or_default();
            if *seen > *taken {
                *taken = *seen;
                if !OF_LAMBDA.iter().any(|start| line.starts_with(start)) {
                    lines.push((stream, line));
                }
            }
        }
        // All lines of a stream bear one time: a stream is in the next answer wholly or not at all.
        let last = events.last().and_then(|event| event["timestamp"].as_i64()).unwrap_or(self.from);
        let is_whole = events.len() < PAGE;
        self.from = self.from.max(if is_whole { last - OVERLAP } else { last });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: Millis, stream: &str, line: &str) -> Value {
        json!({"timestamp": at, "logStreamName": stream, "message": line})
    }

    #[test]
    fn a_line_is_taken_once_however_often_it_is_found() {
        let mut reader = Reader::default();
        let first = [
            event(10_000, "a", "START RequestId: 1 Version: 1"),
            event(10_000, "a", "one"),
            event(10_000, "a", "one"),
            event(10_000, "a", "END RequestId: 1"),
        ];
        assert_eq!(reader.new_lines(&first), [("a", "one"), ("a", "one")]);
        let late = event(9_000, "b", "two");
        let second: Vec<_> = [late].into_iter().chain(first).collect();
        assert_eq!(reader.new_lines(&second), [("b", "two")]);
        assert_eq!(reader.from, 7_000);
    }

    #[test]
    fn a_stream_that_an_answer_cuts_off_is_taken_to_its_end_by_the_next() {
        let mut reader = Reader::default();
        let mut page: Vec<_> = (0..PAGE - 1).map(|_| event(5_000, "a", "line")).collect();
        page.push(event(6_000, "b", "one"));
        assert_eq!(reader.new_lines(&page).len(), PAGE);
        assert_eq!(reader.from, 6_000);
        let rest = [event(6_000, "b", "one"), event(6_000, "b", "two")];
        assert_eq!(reader.new_lines(&rest), [("b", "two")]);
    }
}
