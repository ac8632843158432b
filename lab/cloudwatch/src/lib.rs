//! Amazon CloudWatch, as far as Teal's lab needs it: metrics and alarms in memory, on the lab clock.
//!
//! Services of the lab publish through [`MetricSink`]; clients use the API by CBOR or JSON ([`CloudWatch::handle`]).
//! Alarms are evaluated by [`CloudWatch::run`]; each change of a state gives the event that CloudWatch would send to
//! EventBridge to the function that the gateway supplied.
//!
//! Known differences to AWS: metrics are readable at once (AWS's own arrive up to some minutes late); units are
//! accepted but not told apart; periods of GetMetricData begin at multiples of the period; minutes are kept for a day
//! of the lab clock; of metric math and its functions there is what `math` lists; anomaly detection, Metrics Insights
//! and metric streams are absent.

mod alarm;
mod alarm_api;
mod alarm_events;
mod alarm_rule;
mod alarms;
mod dashboard_api;
mod distribution;
mod evaluation;
mod input;
mod math;
mod math_syntax;
mod metric_api;
mod protocol;
mod query;
mod statistic;
mod store;
#[cfg(test)]
mod tests;

use alarms::Alarms;
use dashboard_api::Dashboards;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Store;
use teal_lab_wire::{AlarmReader, AwsAnswer, AwsFault, AwsRequest, LabClock, MetricSample, MetricSink, Millis};

pub use evaluation::AlarmState;

/// The longest sleep between two looks at the alarms, in lab time: an alarm put meanwhile does not wait longer.
const LONGEST_SLEEP: Millis = 5_000;
/// The shortest sleep, in real time, so that a fast lab clock does not keep a processor busy.
const SHORTEST_SLEEP: Duration = Duration::from_millis(5);

type OnEvent = Box<dyn Fn(Value) + Send + Sync>;

/// The service.
pub struct CloudWatch {
    clock: LabClock,
    store: Mutex<Store>,
    alarms: Mutex<Alarms>,
    dashboards: Mutex<Dashboards>,
    on_event: OnEvent,
}

impl CloudWatch {
    /// A CloudWatch without metrics and alarms.
    ///
    /// `on_event` is given every EventBridge event ("CloudWatch Alarm State Change") as it happens. It is called
    /// while an alarm is evaluated or set, so it should only pass the event on.
    pub fn new(clock: LabClock, on_event: impl Fn(Value) + Send + Sync + 'static) -> Self {
        Self {
            clock,
            store: Mutex::default(),
            alarms: Mutex::default(),
            dashboards: Mutex::default(),
            on_event: Box::new(on_event),
        }
    }

    /// Answers one request of a client.
    #[expect(clippy::unused_async, reason = "the lab's services are awaited alike; this one never has to wait")]
    pub async fn handle(&self, request: AwsRequest) -> AwsAnswer {
        self.answer(&request, self.clock.now_millis())
    }

    /// Publishes what a PutMetricData request with this input would, as services do that find metrics elsewhere.
    ///
    /// # Errors
    /// As that request.
    pub fn put_metric_data(&self, input: Value) -> Result<(), AwsFault> {
        metric_api::put_metric_data(input, &mut lock(&self.store), self.clock.now_millis()).map(drop)
    }

    /// The tags of an alarm, by its ARN; none for what is no alarm here.
    #[must_use]
    pub fn resource_tags(&self, arn: &str) -> BTreeMap<String, String> {
        lock(&self.alarms).tags_mut(arn).map(|tags| tags.clone()).unwrap_or_default()
    }

    /// Evaluates the alarms as their periods end; never returns.
    pub async fn run(&self) {
        loop {
            let now = self.clock.now_millis();
            self.evaluate_alarms(now);
            let due = lock(&self.alarms).next_due().unwrap_or(Millis::MAX);
            let lab = due.saturating_sub(self.clock.now_millis()).clamp(0, LONGEST_SLEEP);
            let real = self.clock.real(Duration::from_millis(lab.unsigned_abs()));
            tokio::time::sleep(real.max(SHORTEST_SLEEP)).await;
        }
    }

    fn evaluate_alarms(&self, now: Millis) {
        let mut alarms = lock(&self.alarms);
        let events = alarms.evaluate(&lock(&self.store), now);
        drop(alarms);
        events.into_iter().for_each(&self.on_event);
    }

    fn answer(&self, request: &AwsRequest, now: Millis) -> AwsAnswer {
        match protocol::decode(request) {
            Ok(call) => protocol::encode(call.protocol, self.call(&call.operation, call.input, now)),
            Err((protocol, fault)) => protocol::encode(protocol, Err(fault)),
        }
    }

    fn call(&self, operation: &str, input: Value, now: Millis) -> Result<Value, AwsFault> {
        let store = || lock(&self.store);
        let alarms = || lock(&self.alarms);
        match operation {
            "PutMetricData" => metric_api::put_metric_data(input, &mut store(), now),
            "GetMetricData" => metric_api::get_metric_data(input, &store()),
            "GetMetricStatistics" => metric_api::get_metric_statistics(input, &store()),
            "ListMetrics" => metric_api::list_metrics(input, &store()),
            "PutMetricAlarm" => alarm_api::put_metric_alarm(input, &mut alarms(), now),
            "PutCompositeAlarm" => alarm_api::put_composite_alarm(input, &mut alarms(), now),
            "DescribeAlarms" => alarm_api::describe_alarms(input, &alarms()),
            "DescribeAlarmHistory" => alarm_api::describe_alarm_history(input, &alarms()),
            "DeleteAlarms" => alarm_api::delete_alarms(input, &mut alarms()),
            "EnableAlarmActions" => alarm_api::switch_actions(input, &mut alarms(), true),
            "DisableAlarmActions" => alarm_api::switch_actions(input, &mut alarms(), false),
            "SetAlarmState" => {
                let events = alarm_api::set_alarm_state(input, &mut alarms(), now)?;
                events.into_iter().for_each(&self.on_event);
                Ok(serde_json::json!({}))
            }
            "TagResource" => alarm_api::tag_resource(input, &mut alarms()),
            "UntagResource" => alarm_api::untag_resource(input, &mut alarms()),
            "ListTagsForResource" => alarm_api::list_tags(input, &mut alarms()),
            "PutDashboard" => dashboard_api::put(input, &mut lock(&self.dashboards)),
            "GetDashboard" => dashboard_api::get(input, &lock(&self.dashboards)),
            other => Err(AwsFault::client(
                "UnknownOperationException",
                format!("The lab's CloudWatch does not have the operation {other}."),
            )),
        }
    }
}

impl MetricSink for CloudWatch {
    fn record(&self, sample: MetricSample) {
        lock(&self.store).record(sample);
    }
}

impl AlarmReader for CloudWatch {
    fn in_alarm(&self, names: &[String]) -> Vec<String> {
        let mut alarms = lock(&self.alarms);
        let mut fires =
            |name: &String| alarms.get_mut(name).is_some_and(|alarm| alarm.standing.value == AlarmState::Alarm);
        names.iter().filter(|name| fires(name)).cloned().collect()
    }
}

/// A panic elsewhere does not make the metrics unreadable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
