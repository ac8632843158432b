//! Task definitions.

use super::{Paging, includes_tags, invalid};
use crate::describe;
use crate::protocol::{Members, Tag, typed};
use crate::state::{State, TaskDefinition, TaskDefinitionId};
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::{AwsFault, Millis};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Register {
    #[serde(default)]
    family: String,
    #[serde(default)]
    container_definitions: Vec<Value>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn register(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let request: Register = typed(members)?;
    let fault = |message: &str| Err(AwsFault::client("ClientException", message));
    let family_is_valid = (1..=255).contains(&request.family.len())
        && request.family.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_');
    if !family_is_valid {
        return fault("Family should be 1 to 255 letters, numbers, hyphens and underscores.");
    }
    if request.container_definitions.is_empty() {
        return fault("Container definitions should not be null or empty.");
    }
    if request.container_definitions.iter().any(|it| it["name"].as_str().is_none_or(str::is_empty)) {
        return fault("Container.name should not be null or empty.");
    }
    if request.container_definitions.iter().all(|it| it["essential"] == false) {
        return fault("A task definition must have at least one essential container.");
    }
    let mut settings = members.clone();
    settings.remove("tags");
    for (name, default) in [("volumes", json!([])), ("placementConstraints", json!([]))] {
        settings.entry(name).or_insert(default);
    }
    fill_containers(&mut settings);
    let fargate = members
        .get("requiresCompatibilities")
        .is_some_and(|it| it.as_array().is_some_and(|it| it.contains(&json!("FARGATE"))));
    settings.insert("compatibilities".to_owned(), if fargate { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) });

    let revisions = state.task_definitions.entry(request.family.clone()).or_default();
    let revision = u32::try_from(revisions.len() + 1).map_err(|_| invalid("too many revisions"))?;
    let definition = TaskDefinition {
        id: TaskDefinitionId { family: request.family, revision },
        settings,
        tags: request.tags,
        registered_at: now,
        deregistered_at: None,
    };
    let answer = json!({
        "taskDefinition": describe::task_definition(&definition),
        "tags": describe::tags(&definition.tags),
    });
    revisions.push(definition);
    Ok(answer)
}

/// What AWS adds to every container definition.
fn fill_containers(settings: &mut Members) {
    let containers = settings.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        for (name, default) in [
            ("cpu", json!(0)),
            ("essential", json!(true)),
            ("environment", json!([])),
            ("mountPoints", json!([])),
            ("portMappings", json!([])),
            ("systemControls", json!([])),
            ("volumesFrom", json!([])),
        ] {
            container.entry(name).or_insert(default);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    #[serde(default)]
    task_definition: String,
    #[serde(default)]
    include: Vec<String>,
}

pub(super) fn describe(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let request: Reference = typed(members)?;
    let definition = state
        .task_definition(&request.task_definition)
        .ok_or_else(|| AwsFault::client("ClientException", "Unable to describe task definition."))?;
    let mut answer = json!({"taskDefinition": describe::task_definition(definition)});
    if includes_tags(&request.include) {
        answer["tags"] = describe::tags(&definition.tags);
    }
    Ok(answer)
}

/// The revision becomes INACTIVE: services that use it go on, but no new one may.
pub(super) fn deregister(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let request: Reference = typed(members)?;
    let unknown = || AwsFault::client("ClientException", "The specified task definition does not exist.");
    if !request.task_definition.rsplit('/').next().is_some_and(|name| name.contains(':')) {
        return Err(AwsFault::client("ClientException", "The revision must be given, as in family:revision."));
    }
    let id = state.task_definition(&request.task_definition).ok_or_else(unknown)?.id.clone();
    let definition = state
        .task_definitions
        .get_mut(&id.family)
        .and_then(|revisions| revisions.iter_mut().find(|it| it.id == id))
        .ok_or_else(unknown)?;
    definition.deregistered_at.get_or_insert(now);
    Ok(json!({"taskDefinition": describe::task_definition(definition)}))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct List {
    family_prefix: Option<String>,
    status: Option<String>,
    sort: Option<String>,
}

pub(super) fn list(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let paging: Paging = typed(members)?;
    let request: List = typed(members)?;
    let inactive = match request.status.as_deref() {
        None | Some("ACTIVE") => false,
        Some("INACTIVE") => true,
        Some(other) => return Err(invalid(format!("status {other} is not ACTIVE or INACTIVE"))),
    };
    // Without a prefix every family; a prefix is a whole family's name, as on AWS.
    let mut definitions: Vec<_> = state
        .task_definitions
        .values()
        .flatten()
        .filter(|it| request.family_prefix.as_ref().is_none_or(|family| *family == it.id.family))
        .filter(|it| it.deregistered_at.is_some() == inactive)
        .collect();
    if request.sort.as_deref() == Some("DESC") {
        definitions.reverse();
    }
    let arns = definitions.into_iter().enumerate().map(|(index, it)| (format!("{index:08}"), it.id.arn()));
    paging.answer("taskDefinitionArns", arns, 100, 100)
}
