//! Task sets, of services with the CODE_DEPLOY controller: what CodeDeploy calls.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateTaskSet.html>

use super::{includes_tags, invalid, service_settings, services};
use crate::describe;
use crate::names;
use crate::protocol::{Members, Tag, typed};
use crate::state::{LoadBalancer, MOST_TASK_SETS, Service, ServiceStatus, State, TaskSetStatus};
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::{AwsFault, Millis};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    cluster: Option<String>,
    service: String,
    task_definition: String,
    external_id: Option<String>,
    load_balancers: Option<Vec<LoadBalancer>>,
    scale: Option<Scale>,
    tags: Vec<Tag>,
    task_set: String,
    task_sets: Vec<String>,
    primary_task_set: String,
    force: bool,
    include: Vec<String>,
}

#[derive(Deserialize)]
struct Scale {
    value: f64,
    #[serde(default)]
    unit: Option<String>,
}

pub(super) fn create(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let input: Input = typed(members)?;
    let definition = services::active_definition(state, &input.task_definition)?;
    if let Some(balancers) = members.get("loadBalancers") {
        service_settings::check_load_balancers(balancers, definition)?;
    }
    let definition = definition.id.clone();
    let scale = percent(input.scale.as_ref())?;
    let service = service(state, &input)?;
    if service.task_sets.len() >= MOST_TASK_SETS {
        return Err(AwsFault::client("LimitExceededException", "The service has as many task sets as it can have."));
    }
    let set = service.add_task_set(definition, input.load_balancers, now);
    set.external_id = input.external_id;
    set.scale = scale;
    set.tags = input.tags;
    let id = set.deployment.id.clone();
    let (key, name) = (key(service), service.name.clone());
    service.say(now, format!("(service {name}) created (taskSet {id})."));
    answer(state, &key, &id)
}

pub(super) fn describe(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let input: Input = typed(members)?;
    let key = key(service(state, &input)?);
    let Some(service) = state.services.get(&key) else { return Ok(json!({})) };
    let with_tags = includes_tags(&input.include);
    let is_wanted = |id: &str| {
        input.task_sets.is_empty()
            || input.task_sets.iter().any(|wanted| names::last_part(wanted) == names::last_part(id))
    };
    let wanted = service.task_sets.iter().filter(|set| is_wanted(&set.deployment.id));
    let described: Vec<_> = wanted.map(|set| describe::task_set(state, service, set, with_tags)).collect();
    let missing = input.task_sets.iter().filter(|wanted| {
        !service.task_sets.iter().any(|set| names::last_part(&set.deployment.id) == names::last_part(wanted))
    });
    let failures: Vec<_> = missing.map(|wanted| super::missing(wanted)).collect();
    Ok(json!({"taskSets": described, "failures": failures}))
}

pub(super) fn set_primary(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let input: Input = typed(members)?;
    let service = service(state, &input)?;
    let id = existing(service, &input.primary_task_set)?;
    service.set_primary(&id, now);
    let key = key(service);
    answer(state, &key, &id)
}

pub(super) fn delete(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let input: Input = typed(members)?;
    let service = service(state, &input)?;
    let id = existing(service, &input.task_set)?;
    let key = key(service);
    if let Some(set) = service.task_set_mut(&id) {
        if set.status == TaskSetStatus::Primary {
            return Err(invalid("The primary task set of a service cannot be deleted."));
        }
        if !input.force && set.scale > 0.0 {
            return Err(invalid("The task set cannot be deleted while it is scaled above 0."));
        }
        set.status = TaskSetStatus::Draining;
        set.deployment.updated_at = now;
    }
    answer(state, &key, &id)
}

/// # Errors
/// As AWS where there is no such service, it is not active, or its controller is another one.
fn service<'a>(state: &'a mut State, input: &Input) -> Result<&'a mut Service, AwsFault> {
    let service = state.service_mut(input.cluster.as_deref(), &input.service)?;
    if service.status != ServiceStatus::Active {
        return Err(AwsFault::client("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    if !service.has_task_sets() {
        return Err(invalid("The service's deployment controller has no task sets."));
    }
    Ok(service)
}

/// The id of a task set that is given by id, or by ARN.
fn existing(service: &Service, reference: &str) -> Result<String, AwsFault> {
    let found = service.task_sets.iter().map(|set| &set.deployment.id);
    let mut found = found.filter(|id| names::last_part(id) == names::last_part(reference));
    found.next().cloned().ok_or_else(|| AwsFault::client("TaskSetNotFoundException", "Task set not found."))
}

fn percent(scale: Option<&Scale>) -> Result<f64, AwsFault> {
    let Some(scale) = scale else { return Ok(100.0) };
    let known = scale.unit.as_deref().is_none_or(|unit| unit == "PERCENT");
    if known && (0.0..=100.0).contains(&scale.value) {
        Ok(scale.value)
    } else {
        Err(invalid("Scale must be from 0 to 100 PERCENT."))
    }
}

fn key(service: &Service) -> (String, String) {
    (service.cluster.clone(), service.name.clone())
}

fn answer(state: &State, key: &(String, String), id: &str) -> Result<Value, AwsFault> {
    let service = state.services.get(key);
    let found =
        service.and_then(|service| Some((service, service.task_sets.iter().find(|set| set.deployment.id == id)?)));
    Ok(json!({"taskSet": found.map(|(service, set)| describe::task_set(state, service, set, true))}))
}
