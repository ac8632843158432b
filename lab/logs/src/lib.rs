//! The lab's CloudWatch Logs: the lines that containers and functions write, and Logs Insights over them.
//!
//! Lines come through [`LogSink`], as from the `awslogs` driver or from Lambda. Served are `StartQuery` and `GetQueryResults`, by AWS's JSON 1.1
//! protocol (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html>). As on AWS
//!
//! * a line is found some time after it was written, not at once ([`SEARCHABLE_AFTER`]);
//! * a query has a result only when it is asked for again;
//! * fields of JSON lines are found by their names, and those in objects by names with dots;
//! * metrics embedded in lines are published ([`Logs::publish_through`]).
//!
//! Of the query language there are `fields`, `filter` (comparisons, `like`, `and`, `or`, `not`), `stats count(*) by bin(...)`, `sort
//! @timestamp` and `limit`; any other query is malformed here. Not modelled: quotas, queries over other accounts, and everything else of
//! CloudWatch Logs.

mod api;
mod embedded;
mod query;
mod store;

use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Store;
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock, LogSink, Millis};

/// How long after it was written a line is found by queries (lab time). On AWS it is mostly seconds, and not promised.
pub const SEARCHABLE_AFTER: Duration = Duration::from_secs(20);

/// CloudWatch Logs.
pub struct Logs {
    clock: LabClock,
    store: Mutex<Store>,
    publish: Option<Box<dyn Fn(Value) + Send + Sync>>,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Logs {
    /// Without any log group.
    #[must_use]
    pub fn new(clock: LabClock) -> Self {
        Self { clock, store: Mutex::default(), publish: None }
    }

    /// From now on `publish` is given what PutMetricData would be given for metrics embedded in lines.
    #[must_use]
    pub fn publish_through(mut self, publish: impl Fn(Value) + Send + Sync + 'static) -> Self {
        self.publish = Some(Box::new(publish));
        self
    }

    /// Answers a request signed for `logs`.
    #[must_use]
    pub fn handle(&self, request: &AwsRequest) -> AwsAnswer {
        api::answer(self, request)
    }

    /// The lines of a group that were written since a lab time, oldest first.
    #[must_use]
    pub fn lines(&self, group: &str, since: Millis) -> Vec<String> {
        let store = self.store();
        let lines = store.lines(group).into_iter().flatten();
        lines.filter(|line| line.at >= since).map(|line| line.text.clone()).collect()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic while the lock was held is a defect that its own test shows; the others may go on.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when what was written is found now.
    fn searchable_until(&self) -> Millis {
        self.clock.now_millis() - SEARCHABLE_AFTER.as_millis() as Millis
    }
}

impl LogSink for Logs {
    fn create_group(&self, group: &str) {
        self.store().group(group);
    }

    fn write(&self, group: &str, stream: &str, line: &str) {
        self.store().write(group, stream, self.clock.now_millis(), line);
        if let Some(publish) = &self.publish {
            embedded::metrics(line).into_iter().for_each(publish);
        }
    }
}
