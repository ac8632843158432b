//! The reasons of an alarm's states, and the event that CloudWatch sends to EventBridge when a state changes.
//!
//! Source: "Alarm events and EventBridge" in the CloudWatch user guide.

use crate::alarm::{Alarm, Definition, MetricAlarm, Standing, Watched};
use crate::evaluation::{AlarmState, TreatMissingData};
use crate::input::{alarm_arn, event_time, format_time};
use crate::query::{MetricDataQuery, MetricStat};
use serde_json::{Map, Value, json};
use std::hash::{BuildHasher, Hasher, RandomState};
use teal_lab_wire::{ACCOUNT, Millis, REGION};

/// A data point that an alarm was evaluated with.
pub(crate) type DataPoint = (Millis, f64);

/// Why the alarm is in `value`, for the data points its evaluation found (oldest first).
pub(crate) fn standing(
    alarm: &MetricAlarm,
    watched: &Watched,
    value: AlarmState,
    from: AlarmState,
    points: &[DataPoint],
    now: Millis,
) -> Standing {
    let n = alarm.evaluation_periods;
    let newest_first: Vec<DataPoint> = points.iter().rev().take(n).copied().collect();
    Standing {
        value,
        reason: reason(alarm, value, from, &newest_first),
        reason_data: Some(reason_data(alarm, watched, &newest_first, now).to_string()),
        updated: now,
    }
}

fn reason(alarm: &MetricAlarm, value: AlarmState, from: AlarmState, newest_first: &[DataPoint]) -> String {
    let criteria = alarm.criteria();
    let n = criteria.evaluation_periods;
    if value == AlarmState::InsufficientData {
        return format!("Insufficient Data: {n} {} unknown.", if n == 1 { "datapoint was" } else { "datapoints were" });
    }
    if newest_first.is_empty() {
        let treated = match criteria.treat_missing_data {
            TreatMissingData::Breaching => "Breaching",
            TreatMissingData::NotBreaching => "NonBreaching",
            TreatMissingData::Missing => "Missing",
            TreatMissingData::Ignore => "Ignore",
        };
        let (periods, points) = if n == 1 { ("period", "datapoint was") } else { ("periods", "datapoints were") };
        return format!(
            "Threshold Crossed: no datapoints were received for {n} {periods} and {n} missing {points} treated as [{treated}]."
        );
    }
    let is_alarm = value == AlarmState::Alarm;
    let telling: Vec<_> = newest_first
        .iter()
        .filter(|(_, point)| alarm.comparison_operator.is_breached_by(*point, alarm.threshold) == is_alarm)
        .collect();
    let listed: Vec<_> =
        telling.iter().map(|(at, point)| format!("{point:?} ({})", format_time(*at, "%d/%m/%y %H:%M:%S"))).collect();
    // To leave ALARM takes so many good points that fewer than M of N are bad.
    let m = criteria.data_points_to_alarm;
    let (minimum, arrow) =
        if is_alarm { (m, format!("{} -> ALARM", from.name())) } else { (n - m + 1, format!("{} -> OK", from.name())) };
    let not = if is_alarm { "" } else { "not " };
    format!(
        "Threshold Crossed: {} out of the last {n} datapoints [{}] {} {not}{} the threshold ({:?}) (minimum {minimum} datapoint{} for {arrow} transition).",
        telling.len(),
        listed.join(", "),
        if telling.len() == 1 { "was" } else { "were" },
        alarm.comparison_operator.phrase(),
        alarm.threshold,
        if minimum == 1 { "" } else { "s" },
    )
}

fn reason_data(alarm: &MetricAlarm, watched: &Watched, newest_first: &[DataPoint], now: Millis) -> Value {
    let mut data = json!({
        "version": "1.0",
        "queryDate": event_time(now),
        "period": watched.period,
        "recentDatapoints": newest_first.iter().rev().map(|(_, point)| *point).collect::<Vec<_>>(),
        "threshold": alarm.threshold,
        "evaluatedDatapoints": newest_first
            .iter()
            .map(|(at, point)| json!({"timestamp": event_time(*at), "value": point}))
            .collect::<Vec<_>>(),
    });
    if let Some((oldest, _)) = newest_first.last() {
        data["startDate"] = event_time(*oldest).into();
    }
    if let Some(statistic) = alarm.statistic.as_ref().or(alarm.extended_statistic.as_ref()) {
        data["statistic"] = statistic.clone().into();
    }
    data
}

/// The event for an alarm that has just left `previous`.
pub(crate) fn state_change(alarm: &Alarm, previous: &Standing) -> Value {
    json!({
        "version": "0",
        "id": unique_id(),
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": format_time(alarm.standing.updated, "%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [alarm_arn(alarm.name())],
        "detail": {
            "alarmName": alarm.name(),
            "configuration": configuration(alarm),
            "previousState": state(previous),
            "state": state(&alarm.standing),
        },
    })
}

fn state(standing: &Standing) -> Value {
    let mut state = json!({
        "reason": standing.reason,
        "timestamp": event_time(standing.updated),
        "value": standing.value.name(),
    });
    if let Some(data) = &standing.reason_data {
        state["reasonData"] = data.clone().into();
    }
    state
}

fn configuration(alarm: &Alarm) -> Value {
    let mut configuration = match &alarm.definition {
        Definition::Metric(_, watched) => json!({"metrics": watched.queries.iter().map(metric).collect::<Vec<_>>()}),
        Definition::Composite(composite, _) => json!({"alarmRule": composite.alarm_rule}),
    };
    if let Some(description) = &alarm.common().alarm_description {
        configuration["description"] = description.clone().into();
    }
    configuration
}

fn metric(query: &MetricDataQuery) -> Value {
    let mut metric = json!({"id": query.id, "returnData": query.returns_data()});
    if let Some(MetricStat { metric: of, period, stat, unit }) = &query.metric_stat {
        let dimensions: Map<String, Value> =
            of.dimensions.iter().map(|d| (d.name.clone(), Value::from(d.value.clone()))).collect();
        metric["metricStat"] = json!({
            "metric": {"namespace": of.namespace, "name": of.metric_name, "dimensions": dimensions},
            "period": period,
            "stat": stat,
        });
        if let Some(unit) = unit {
            metric["metricStat"]["unit"] = unit.clone().into();
        }
    }
    if let Some(expression) = &query.expression {
        metric["expression"] = expression.clone().into();
    }
    if let Some(label) = &query.label {
        metric["label"] = label.clone().into();
    }
    metric
}

/// A random identifier in the form of a UUID: two events never share one.
pub(crate) fn unique_id() -> String {
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}
