//! The operations on alarms.

use crate::alarm::{Alarm, CompositeAlarm, MetricAlarm};
use crate::alarms::Alarms;
use crate::evaluation::AlarmState;
use crate::input::{Timestamp, epoch_seconds, page_start, page_token, read, require};
use crate::protocol::validation;
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::{AwsFault, Millis};

const MOST_RECORDS: usize = 100;
const DEFAULT_RECORDS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutAlarm<T> {
    #[serde(flatten)]
    alarm: T,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// Tags given with a Put count only when the alarm is new; later they are changed by TagResource.
fn put_tags(alarms: &mut Alarms, name: &str, existed: bool, tags: Vec<Tag>) -> Result<Value, AwsFault> {
    if !existed {
        let stored = alarms.tags_mut(&crate::input::alarm_arn(name))?;
        stored.extend(tags.into_iter().map(|tag| (tag.key, tag.value)));
    }
    Ok(json!({}))
}

pub(crate) fn put_metric_alarm(input: Value, alarms: &mut Alarms, now: Millis) -> Result<Value, AwsFault> {
    let input: PutAlarm<MetricAlarm> = read(input)?;
    let name = input.alarm.common.alarm_name.clone();
    let existed = alarms.get_mut(&name).is_some();
    alarms.put_metric(input.alarm, now)?;
    put_tags(alarms, &name, existed, input.tags)
}

pub(crate) fn put_composite_alarm(input: Value, alarms: &mut Alarms, now: Millis) -> Result<Value, AwsFault> {
    let input: PutAlarm<CompositeAlarm> = read(input)?;
    let name = input.alarm.common.alarm_name.clone();
    let existed = alarms.get_mut(&name).is_some();
    alarms.put_composite(input.alarm, now)?;
    put_tags(alarms, &name, existed, input.tags)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AlarmNames {
    #[serde(default)]
    alarm_names: Vec<String>,
}

pub(crate) fn delete_alarms(input: Value, alarms: &mut Alarms) -> Result<Value, AwsFault> {
    let input: AlarmNames = read(input)?;
    require(input.alarm_names.len() <= MOST_RECORDS, || "At most 100 alarms can be deleted at once.".to_owned())?;
    alarms.delete(&input.alarm_names)?;
    Ok(json!({}))
}

pub(crate) fn switch_actions(input: Value, alarms: &mut Alarms, enabled: bool) -> Result<Value, AwsFault> {
    let input: AlarmNames = read(input)?;
    // Neither operation has an error for a name that is nobody's.
    for name in &input.alarm_names {
        if let Some(alarm) = alarms.get_mut(name) {
            alarm.common_mut().actions_enabled = enabled;
        }
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetAlarmState {
    alarm_name: String,
    state_value: AlarmState,
    state_reason: String,
    state_reason_data: Option<String>,
}

/// Gives the events of the change.
pub(crate) fn set_alarm_state(input: Value, alarms: &mut Alarms, now: Millis) -> Result<Vec<Value>, AwsFault> {
    let input: SetAlarmState = read(input)?;
    let data = input.state_reason_data;
    if data.as_ref().is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
        return Err(AwsFault::client("InvalidFormat", "StateReasonData was not in JSON format."));
    }
    let mut events = alarms.set_state(&input.alarm_name, input.state_value, input.state_reason, data, now)?;
    alarms.evaluate_composites(now, &mut events);
    Ok(events)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeAlarms {
    #[serde(default)]
    alarm_names: Vec<String>,
    alarm_name_prefix: Option<String>,
    alarm_types: Option<Vec<String>>,
    state_value: Option<AlarmState>,
    action_prefix: Option<String>,
    children_of_alarm_name: Option<String>,
    parents_of_alarm_name: Option<String>,
    max_records: Option<usize>,
    next_token: Option<String>,
}

pub(crate) fn describe_alarms(input: Value, alarms: &Alarms) -> Result<Value, AwsFault> {
    let input: DescribeAlarms = read(input)?;
    require(input.alarm_names.is_empty() || input.alarm_name_prefix.is_none(), || {
        "AlarmNames and AlarmNamePrefix cannot be specified together.".to_owned()
    })?;
    require(input.alarm_names.len() <= MOST_RECORDS, || "At most 100 AlarmNames can be specified.".to_owned())?;
    if input.children_of_alarm_name.is_some() || input.parents_of_alarm_name.is_some() {
        return Err(validation("The lab does not search alarms by their children or parents."));
    }
    // Without AlarmTypes, composite alarms are left out.
    let types = input.alarm_types.unwrap_or_else(|| vec!["MetricAlarm".to_owned()]);
    let matches = |alarm: &&Alarm| {
        let common = alarm.common();
        let mut actions =
            common.ok_actions.iter().chain(&common.alarm_actions).chain(&common.insufficient_data_actions);
        types.iter().any(|kind| kind == alarm.kind())
            && (input.alarm_names.is_empty() || input.alarm_names.iter().any(|name| name == alarm.name()))
            && input.alarm_name_prefix.as_ref().is_none_or(|prefix| alarm.name().starts_with(prefix))
            && input.state_value.is_none_or(|state| alarm.standing.value == state)
            && input.action_prefix.as_ref().is_none_or(|prefix| actions.any(|action| action.starts_with(prefix)))
    };
    let (page, next) = page(alarms.iter().filter(matches), input.max_records, input.next_token.as_deref())?;
    let of =
        |kind: &str| page.iter().filter(|alarm| alarm.kind() == kind).map(|alarm| alarm.describe()).collect::<Vec<_>>();
    let output = json!({"MetricAlarms": of("MetricAlarm"), "CompositeAlarms": of("CompositeAlarm")});
    Ok(with_token(output, next))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeAlarmHistory {
    alarm_name: Option<String>,
    alarm_types: Option<Vec<String>>,
    history_item_type: Option<String>,
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
    max_records: Option<usize>,
    next_token: Option<String>,
    scan_by: Option<String>,
}

pub(crate) fn describe_alarm_history(input: Value, alarms: &Alarms) -> Result<Value, AwsFault> {
    let input: DescribeAlarmHistory = read(input)?;
    let types = input.alarm_types.unwrap_or_else(|| vec!["MetricAlarm".to_owned()]);
    let mut items: Vec<_> = alarms
        .history()
        .filter(|item| {
            types.iter().any(|kind| kind == item.alarm_type)
                && input.alarm_name.as_ref().is_none_or(|name| *name == item.alarm)
                && input.history_item_type.as_ref().is_none_or(|kind| kind == item.kind)
                && input.start_date.is_none_or(|start| item.at >= start.0)
                && input.end_date.is_none_or(|end| item.at <= end.0)
        })
        .collect();
    if input.scan_by.as_deref() == Some("TimestampAscending") {
        items.reverse();
    }
    let (page, next) = page(items.into_iter(), input.max_records, input.next_token.as_deref())?;
    let items: Vec<_> = page
        .into_iter()
        .map(|item| {
            json!({
                "AlarmName": item.alarm,
                "AlarmType": item.alarm_type,
                "Timestamp": epoch_seconds(item.at),
                "HistoryItemType": item.kind,
                "HistorySummary": item.summary,
                "HistoryData": item.data.to_string(),
            })
        })
        .collect();
    Ok(with_token(json!({"AlarmHistoryItems": items}), next))
}

fn page<T>(
    items: impl Iterator<Item = T>,
    size: Option<usize>,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<usize>), AwsFault> {
    let size = size.unwrap_or(DEFAULT_RECORDS);
    require((1..=MOST_RECORDS).contains(&size), || "MaxRecords must be between 1 and 100.".to_owned())?;
    let first = page_start(token)?;
    let mut rest = items.skip(first);
    let page: Vec<T> = rest.by_ref().take(size).collect();
    Ok((page, rest.next().map(|_| first.saturating_add(size))))
}

fn with_token(mut output: Value, next: Option<usize>) -> Value {
    if let Some(next) = next {
        output["NextToken"] = page_token(next).into();
    }
    output
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagsOf {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

pub(crate) fn tag_resource(input: Value, alarms: &mut Alarms) -> Result<Value, AwsFault> {
    let input: TagsOf = read(input)?;
    let stored = alarms.tags_mut(&input.resource_arn)?;
    stored.extend(input.tags.into_iter().map(|tag| (tag.key, tag.value)));
    Ok(json!({}))
}

pub(crate) fn untag_resource(input: Value, alarms: &mut Alarms) -> Result<Value, AwsFault> {
    let input: TagsOf = read(input)?;
    let stored = alarms.tags_mut(&input.resource_arn)?;
    stored.retain(|key, _| !input.tag_keys.contains(key));
    Ok(json!({}))
}

pub(crate) fn list_tags(input: Value, alarms: &mut Alarms) -> Result<Value, AwsFault> {
    let input: TagsOf = read(input)?;
    let stored = alarms.tags_mut(&input.resource_arn)?;
    let tags: Vec<_> = stored.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"Tags": tags}))
}
