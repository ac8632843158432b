//! Tags of clusters, task definitions, services and tasks.

use super::invalid;
use crate::describe;
use crate::names;
use crate::protocol::{Members, Tag, typed};
use crate::state::State;
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::AwsFault;

/// The most that AWS allows on one resource.
const MOST_TAGS: usize = 50;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    resource_arn: String,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
}

pub(super) fn tag(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let request: Request = typed(members)?;
    let tags = tags_of(state, &request.resource_arn)?;
    let kept = tags.iter().filter(|old| request.tags.iter().all(|new| new.key != old.key)).cloned();
    let merged: Vec<Tag> = kept.chain(request.tags.iter().cloned()).collect();
    if merged.len() > MOST_TAGS {
        return Err(invalid(format!("A resource can have at most {MOST_TAGS} tags.")));
    }
    *tags = merged;
    Ok(json!({}))
}

pub(super) fn untag(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let request: Request = typed(members)?;
    tags_of(state, &request.resource_arn)?.retain(|tag| !request.tag_keys.contains(&tag.key));
    Ok(json!({}))
}

pub(super) fn list(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let request: Request = typed(members)?;
    Ok(json!({"tags": describe::tags(tags_of(state, &request.resource_arn)?)}))
}

fn tags_of<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut Vec<Tag>, AwsFault> {
    let parts: Vec<_> = arn.strip_prefix(&names::arn("")).unwrap_or_default().split('/').collect();
    match parts[..] {
        ["cluster", name] => state
            .clusters
            .get_mut(name)
            .map(|it| &mut it.tags)
            .ok_or_else(|| AwsFault::client("ClusterNotFoundException", "Cluster not found.")),
        // These operations have no ServiceNotFoundException.
        ["service", cluster, name] => state
            .services
            .get_mut(&(cluster.to_owned(), name.to_owned()))
            .map(|it| &mut it.tags)
            .ok_or_else(|| invalid("The specified service is not found.")),
        ["task", _, id] => {
            state.tasks.get_mut(id).map(|it| &mut it.tags).ok_or_else(|| invalid("The specified task is not found."))
        }
        ["task-definition", name] => {
            let id = state.task_definition(name).map(|it| it.id.clone());
            id.and_then(|id| state.task_definitions.get_mut(&id.family)?.iter_mut().find(|it| it.id == id))
                .map(|it| &mut it.tags)
                .ok_or_else(|| invalid("The specified task definition is not found."))
        }
        _ => Err(invalid("Invalid resource ARN.")),
    }
}
