//! Scheduled actions: kept and given back, not carried out.

use super::requests::{DIMENSION, Filter, Named, validation};
use super::{ScheduledAction, Targets, registered};
use crate::names;
use crate::protocol::{Members, timestamp, typed};
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::{ACCOUNT, AwsFault, Millis, REGION};

/// Members of PutScheduledAction that are given back as they came.
const KEPT: [&str; 5] = ["Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction"];

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Put {
    scheduled_action_name: String,
    schedule: Option<String>,
}

/// Creates an action, or updates the one of that name: what an update does not name stays.
pub(super) fn put(targets: &mut Targets, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let resource = typed::<Named>(members)?.resource()?;
    let request: Put = typed(members)?;
    let name = request.scheduled_action_name;
    if name.is_empty() {
        return Err(validation("ScheduledActionName cannot be empty"));
    }
    if request.schedule.is_some_and(|it| !["at(", "rate(", "cron("].iter().any(|form| it.starts_with(form))) {
        return Err(validation("Schedule must be an at, rate or cron expression"));
    }
    let target = registered(targets, &resource)?;
    let mut description = match target.scheduled_actions.get(&name) {
        Some(old) => old.description.clone(),
        None if !members.contains_key("Schedule") => return Err(validation("Schedule is required for a new action")),
        None => {
            let id = resource.id();
            let arn = format!(
                "arn:aws:autoscaling:{REGION}:{ACCOUNT}:scheduledAction:{}:resource/ecs/{id}:scheduledActionName/{name}",
                names::new_uuid()
            );
            [
                ("ScheduledActionName", json!(name)),
                ("ScheduledActionARN", json!(arn)),
                ("ServiceNamespace", json!("ecs")),
                ("ResourceId", json!(id)),
                ("ScalableDimension", json!(DIMENSION)),
                ("CreationTime", timestamp(now)),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
        }
    };
    for kept in KEPT {
        if let Some(value) = members.get(kept) {
            description.insert(kept.to_owned(), value.clone());
        }
    }
    target.scheduled_actions.insert(name, ScheduledAction { description });
    Ok(json!({}))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Describe {
    scheduled_action_names: Option<Vec<String>>,
}

pub(super) fn describe(targets: &Targets, members: &Members) -> Result<Value, AwsFault> {
    let filter: Filter = typed(members)?;
    let request: Describe = typed(members)?;
    let described = targets
        .iter()
        .filter(|(resource, _)| filter.fits(resource))
        .flat_map(|(resource, target)| target.scheduled_actions.iter().map(move |action| (resource, action)))
        .filter(|(_, (name, _))| request.scheduled_action_names.as_ref().is_none_or(|names| names.contains(name)))
        .map(|(resource, (name, action))| {
            (format!("{} {name}", resource.id()), Value::Object(action.description.clone()))
        });
    filter.answer("ScheduledActions", described)
}

pub(super) fn delete(targets: &mut Targets, members: &Members) -> Result<Value, AwsFault> {
    let resource = typed::<Named>(members)?.resource()?;
    let request: Put = typed(members)?;
    let name = &request.scheduled_action_name;
    let removed = targets.get_mut(&resource).and_then(|target| target.scheduled_actions.remove(name));
    removed
        .map(|_| json!({}))
        .ok_or_else(|| AwsFault::client("ObjectNotFoundException", format!("No scheduled action found: {name}")))
}
