//! All alarms: their evaluation on the lab clock, and what follows from a change.

use crate::alarm::{Alarm, CompositeAlarm, Definition, MetricAlarm, Standing};
use crate::alarm_events::{DataPoint, standing, state_change};
use crate::alarm_rule::AlarmRule;
use crate::evaluation::AlarmState;
use crate::input::alarm_arn;
use crate::store::{MINUTE, SECOND, Store, Window};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use teal_lab_wire::{AwsFault, Millis};

/// How long after a period's end an alarm looks at it. AWS's own metrics take longer to arrive (ELB: up to a minute
/// or so); the lab's are there at once, and a request that is under way at the end of a period still counts.
pub(crate) const EVALUATION_LAG: Millis = 2 * SECOND;
/// How many history items are kept over all alarms.
const MOST_HISTORY: usize = 10_000;

/// One line of DescribeAlarmHistory.
#[derive(Clone, Debug)]
pub(crate) struct HistoryItem {
    pub(crate) alarm: String,
    pub(crate) alarm_type: &'static str,
    pub(crate) at: Millis,
    /// `ConfigurationUpdate` or `StateUpdate`.
    pub(crate) kind: &'static str,
    pub(crate) summary: String,
    pub(crate) data: Value,
}

#[derive(Debug, Default)]
pub(crate) struct Alarms {
    by_name: BTreeMap<String, Alarm>,
    history: VecDeque<HistoryItem>,
    tags: BTreeMap<String, BTreeMap<String, String>>,
}

impl Alarms {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Alarm> {
        self.by_name.values()
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Alarm> {
        self.by_name.get_mut(name)
    }

    /// Newest first.
    pub(crate) fn history(&self) -> impl Iterator<Item = &HistoryItem> {
        self.history.iter().rev()
    }

    /// The tags of the alarm with this ARN.
    pub(crate) fn tags_mut(&mut self, arn: &str) -> Result<&mut BTreeMap<String, String>, AwsFault> {
        let name = arn.splitn(7, ':').last().unwrap_or_default();
        if self.by_name.contains_key(name) && alarm_arn(name) == arn {
            Ok(self.tags.entry(name.to_owned()).or_default())
        } else {
            let mut fault = AwsFault::client("ResourceNotFoundException", format!("Unknown resource {arn}"));
            fault.status = http::StatusCode::NOT_FOUND;
            Err(fault)
        }
    }

    /// Creates or replaces a metric alarm. A new one is evaluated soon; one that existed keeps its state until then.
    pub(crate) fn put_metric(&mut self, alarm: MetricAlarm, now: Millis) -> Result<(), AwsFault> {
        let watched = alarm.check()?;
        self.put(Definition::Metric(Box::new(alarm), watched), now);
        Ok(())
    }

    /// Creates or replaces a composite alarm.
    pub(crate) fn put_composite(&mut self, alarm: CompositeAlarm, now: Millis) -> Result<(), AwsFault> {
        alarm.common.check()?;
        let rule = AlarmRule::parse(&alarm.alarm_rule).map_err(|problem| {
            crate::protocol::validation(format!("AlarmRule must not contain a syntax error: {problem}."))
        })?;
        if let Some(absent) = rule.alarms().into_iter().find(|name| !self.by_name.contains_key(*name)) {
            return Err(crate::protocol::validation(format!(
                "Could not save the composite alarm as alarm {absent} does not exist."
            )));
        }
        self.put(Definition::Composite(alarm, rule), now);
        Ok(())
    }

    fn put(&mut self, definition: Definition, now: Millis) {
        let unchecked = Standing {
            value: AlarmState::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            updated: now,
        };
        let mut alarm = Alarm { definition, standing: unchecked, transitioned: now, configured: now, due: now };
        let name = alarm.name().to_owned();
        let existing = self.by_name.get(&name);
        if let Some(existing) = existing {
            alarm.standing = existing.standing.clone();
            alarm.transitioned = existing.transitioned;
        }
        let summary = format!("Alarm \"{name}\" {}", if existing.is_some() { "updated" } else { "created" });
        self.remember(&alarm, now, "ConfigurationUpdate", summary, json!({"version": "1.0"}));
        self.by_name.insert(name, alarm);
    }

    pub(crate) fn delete(&mut self, names: &[String]) -> Result<(), AwsFault> {
        if let Some(absent) = names.iter().find(|name| !self.by_name.contains_key(*name)) {
            return Err(not_found(absent));
        }
        for name in names {
            self.by_name.remove(name);
            self.tags.remove(name);
        }
        Ok(())
    }

    /// SetAlarmState: the state holds until the alarm's next evaluation.
    pub(crate) fn set_state(
        &mut self,
        name: &str,
        value: AlarmState,
        reason: String,
        reason_data: Option<String>,
        now: Millis,
    ) -> Result<Vec<Value>, AwsFault> {
        let alarm = self.by_name.get(name).ok_or_else(|| not_found(name))?;
        let due = match &alarm.definition {
            Definition::Metric(_, watched) => next_evaluation(watched.period, now),
            Definition::Composite(..) => now,
        };
        let mut events = Vec::new();
        self.change(name, Standing { value, reason, reason_data, updated: now }, &mut events);
        if let Some(alarm) = self.by_name.get_mut(name) {
            alarm.due = due;
        }
        Ok(events)
    }

    /// Evaluates every alarm that is due, and gives the events of those that changed.
    pub(crate) fn evaluate(&mut self, store: &Store, now: Millis) -> Vec<Value> {
        let mut events = Vec::new();
        let due: Vec<String> =
            self.by_name.values().filter(|alarm| alarm.due <= now).map(|alarm| alarm.name().to_owned()).collect();
        for name in due {
            let Some(alarm) = self.by_name.get_mut(&name) else { continue };
            let Definition::Metric(metric, watched) = &alarm.definition else { continue };
            alarm.due = next_evaluation(watched.period, now);
            let current = alarm.standing.value;
            let range = metric.criteria().evaluation_range();
            let period = watched.period * SECOND;
            let end = (now - EVALUATION_LAG).div_euclid(period) * period;
            let window = Window { start: end - period * Millis::try_from(range).unwrap_or(0), end, period };
            let points = match watched.queries.evaluate(&watched.id, store, window) {
                Ok(points) => points,
                // An expression that cannot be evaluated has no data.
                Err(_) => vec![None; range],
            };
            let breaching: Vec<Option<bool>> = points
                .iter()
                .map(|point| point.map(|value| metric.comparison_operator.is_breached_by(value, metric.threshold)))
                .collect();
            let value = metric.criteria().state(&breaching, current);
            if value != current {
                let points: Vec<DataPoint> = points
                    .iter()
                    .enumerate()
                    .filter_map(|(slot, point)| Some((window.slot_start(slot), (*point)?)))
                    .collect();
                let standing = standing(metric, watched, value, current, &points, now);
                self.change(&name, standing, &mut events);
            }
        }
        self.evaluate_composites(now, &mut events);
        events
    }

    /// When an alarm is due next; `None` without alarms.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let metric_alarms = self.by_name.values().filter(|alarm| matches!(alarm.definition, Definition::Metric(..)));
        metric_alarms.map(|alarm| alarm.due).min()
    }

    /// Composite alarms follow the others at once. They may watch each other: until nothing changes, or as often as
    /// there are alarms, since a circle need not come to rest.
    pub(crate) fn evaluate_composites(&mut self, now: Millis, events: &mut Vec<Value>) {
        for _ in 0..self.by_name.len() {
            let changed: Vec<(String, AlarmState, String)> = self
                .by_name
                .values()
                .filter_map(|alarm| {
                    let Definition::Composite(_, rule) = &alarm.definition else { return None };
                    let state = |name: &str| self.by_name.get(name).map(|other| other.standing.value);
                    let value = if rule.holds(&state) { AlarmState::Alarm } else { AlarmState::Ok };
                    let children = rule.alarms().join(", ");
                    let reason = format!("The rule is {} for the alarms {children}.", value == AlarmState::Alarm);
                    (value != alarm.standing.value).then(|| (alarm.name().to_owned(), value, reason))
                })
                .collect();
            if changed.is_empty() {
                return;
            }
            for (name, value, reason) in changed {
                self.change(&name, Standing { value, reason, reason_data: None, updated: now }, events);
            }
        }
    }

    fn change(&mut self, name: &str, standing: Standing, events: &mut Vec<Value>) {
        let Some(alarm) = self.by_name.get_mut(name) else { return };
        let previous = std::mem::replace(&mut alarm.standing, standing);
        if previous.value == alarm.standing.value {
            return;
        }
        alarm.transitioned = alarm.standing.updated;
        events.push(state_change(alarm, &previous));
        let alarm = alarm.clone();
        let summary = format!("Alarm updated from {} to {}", previous.value.name(), alarm.standing.value.name());
        let data = json!({
            "version": "1.0",
            "oldState": {"stateValue": previous.value.name(), "stateReason": previous.reason},
            "newState": {"stateValue": alarm.standing.value.name(), "stateReason": alarm.standing.reason},
        });
        self.remember(&alarm, alarm.standing.updated, "StateUpdate", summary, data);
    }

    fn remember(&mut self, alarm: &Alarm, at: Millis, kind: &'static str, summary: String, data: Value) {
        if self.history.len() == MOST_HISTORY {
            self.history.pop_front();
        }
        let (alarm, alarm_type) = (alarm.name().to_owned(), alarm.kind());
        self.history.push_back(HistoryItem { alarm, alarm_type, at, kind, summary, data });
    }
}

fn not_found(name: &str) -> AwsFault {
    let mut fault = AwsFault::client("ResourceNotFound", format!("The alarm {name} does not exist."));
    fault.status = http::StatusCode::NOT_FOUND;
    fault
}

/// Alarms of a minute and more are evaluated every minute, high-resolution alarms at the end of each period.
fn next_evaluation(period_seconds: i64, now: Millis) -> Millis {
    let step = (period_seconds * SECOND).min(MINUTE);
    ((now - EVALUATION_LAG).div_euclid(step) + 1) * step + EVALUATION_LAG
}
