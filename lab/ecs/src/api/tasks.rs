//! Tasks.

use super::{Paging, includes_tags, invalid, missing};
use crate::describe;
use crate::names;
use crate::protocol::{Members, typed};
use crate::state::{Ending, State};
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::AwsFault;

/// DescribeTasks takes at most this many.
const MOST_DESCRIBED: usize = 100;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct List {
    cluster: Option<String>,
    service_name: Option<String>,
    family: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
    launch_type: Option<String>,
}

pub(super) fn list(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let paging: Paging = typed(members)?;
    let request: List = typed(members)?;
    let cluster = state.cluster(request.cluster.as_deref())?.name.clone();
    let service = match &request.service_name {
        Some(reference) => Some(state.service_mut(Some(&cluster), reference)?.name.clone()),
        None => None,
    };
    let wanted = match request.desired_status.as_deref() {
        None | Some("RUNNING") => true,
        Some("STOPPED") => false,
        // Documented: the filter is accepted, and nothing ever has this desired status.
        Some("PENDING") => return Ok(json!({"taskArns": []})),
        Some(other) => return Err(invalid(format!("desiredStatus {other} is not RUNNING, PENDING or STOPPED"))),
    };
    let launch_type = |service: &str| {
        state.services.get(&(cluster.clone(), service.to_owned())).map(|service| service.setting("launchType"))
    };
    let arns = state
        .tasks
        .values()
        .filter(|task| task.cluster == cluster && task.is_wanted() == wanted)
        .filter(|task| service.as_ref().is_none_or(|service| *service == task.service))
        .filter(|task| request.family.as_ref().is_none_or(|family| *family == task.task_definition.family))
        .filter(|task| request.started_by.as_ref().is_none_or(|by| *by == task.deployment))
        .filter(|task| {
            request.launch_type.as_ref().is_none_or(|it| launch_type(&task.service).is_some_and(|is| is == it))
        })
        .map(|task| (task.id.clone(), task.arn()));
    paging.answer("taskArns", arns, 100, 100)
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Describe {
    cluster: Option<String>,
    tasks: Vec<String>,
    include: Vec<String>,
}

pub(super) fn describe(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let request: Describe = typed(members)?;
    let cluster = state.cluster(request.cluster.as_deref())?.name.clone();
    if request.tasks.is_empty() {
        return Err(invalid("Tasks cannot be empty."));
    }
    if request.tasks.len() > MOST_DESCRIBED {
        return Err(invalid(format!("Tasks cannot be more than {MOST_DESCRIBED}.")));
    }
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for reference in &request.tasks {
        let id = names::in_cluster(reference, &cluster)?;
        match state.tasks.get(id).filter(|task| task.cluster == cluster) {
            Some(task) => tasks.push(describe::task(state, task, includes_tags(&request.include))),
            None => failures.push(missing(&names::task_arn(&cluster, id))),
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stop {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

pub(super) fn stop(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let request: Stop = typed(members)?;
    let cluster = state.cluster(request.cluster.as_deref())?.name.clone();
    let id = names::in_cluster(&request.task, &cluster)?;
    let task = state
        .tasks
        .get_mut(id)
        .filter(|task| task.cluster == cluster)
        .ok_or_else(|| invalid("The referenced task was not found."))?;
    task.stop(Ending {
        code: "UserInitiated",
        reason: request.reason.unwrap_or_else(|| "Task stopped by user".to_owned()),
    });
    let id = task.id.clone();
    let task = state.tasks.get(&id).map(|task| describe::task(state, task, true));
    Ok(json!({"task": task}))
}
