//! Services.

use super::{Paging, includes_tags, invalid, missing, service_settings};
use crate::deployments::History;
use crate::describe;
use crate::names;
use crate::protocol::{Members, Tag, typed};
use crate::state::{Service, ServiceStatus, State, TaskDefinition};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use teal_lab_wire::{AwsFault, Millis};

/// DescribeServices takes at most this many.
const MOST_DESCRIBED: usize = 10;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Create {
    cluster: Option<String>,
    service_name: String,
    task_definition: String,
    desired_count: Option<i64>,
    tags: Vec<Tag>,
}

pub(super) fn create(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let request: Create = typed(members)?;
    let cluster = state.cluster(request.cluster.as_deref())?.name.clone();
    let name = request.service_name;
    let name_is_valid =
        (1..=255).contains(&name.len()) && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_');
    if !name_is_valid {
        return Err(invalid("Service name should be 1 to 255 letters, numbers, hyphens and underscores."));
    }
    let mut creation = members.clone();
    creation.remove("clientToken");
    let key = (cluster.clone(), name.clone());
    if let Some(service) = state.services.get(&key) {
        match service.status {
            ServiceStatus::Active if service.creation == creation => {
                return Ok(json!({"service": describe::service(state, service, true)}));
            }
            ServiceStatus::Active => return Err(invalid("Creation of service was not idempotent.")),
            ServiceStatus::Draining => {
                return Err(invalid("Unable to Start a service that is still Draining."));
            }
            ServiceStatus::Inactive => {}
        }
    }
    if request.task_definition.is_empty() {
        return Err(invalid("TaskDefinition can not be blank."));
    }
    let definition = active_definition(state, &request.task_definition)?;
    let desired_count = count(request.desired_count.ok_or_else(|| invalid("Desired count should not be null."))?)?;
    let mut service = Service {
        cluster,
        name,
        status: ServiceStatus::Active,
        settings: service_settings::of_new(members, definition)?,
        creation,
        tags: request.tags,
        desired_count,
        deployments: Vec::new(),
        task_sets: Vec::new(),
        history: History::default(),
        last_completed: None,
        events: VecDeque::new(),
        created_at: now,
        tasks_started: 0,
        early_endings: 0,
        not_before: now,
        said_steady: false,
        said_no_capacity: false,
    };
    if service.has_task_sets() {
        service.add_task_set(definition.id.clone(), None, now);
    } else {
        service.deploy(definition.id.clone(), now);
    }
    state.services.insert(key.clone(), service);
    Ok(json!({"service": state.services.get(&key).map(|service| describe::service(state, service, true))}))
}

pub(super) fn active_definition<'a>(state: &'a State, reference: &str) -> Result<&'a TaskDefinition, AwsFault> {
    let definition = state
        .task_definition(reference)
        .ok_or_else(|| AwsFault::client("ClientException", "TaskDefinition not found."))?;
    if definition.deregistered_at.is_some() {
        return Err(AwsFault::client("ClientException", "TaskDefinition is inactive"));
    }
    Ok(definition)
}

fn count(count: i64) -> Result<u32, AwsFault> {
    u32::try_from(count).map_err(|_| invalid("Desired count should be between 0 and 2147483647."))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Describe {
    cluster: Option<String>,
    services: Vec<String>,
    include: Vec<String>,
}

pub(super) fn describe(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let request: Describe = typed(members)?;
    let cluster = state.cluster(request.cluster.as_deref())?.name.clone();
    if request.services.is_empty() {
        return Err(invalid("Services cannot be empty."));
    }
    if request.services.len() > MOST_DESCRIBED {
        return Err(invalid(format!("Services cannot be more than {MOST_DESCRIBED}.")));
    }
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for reference in &request.services {
        let name = names::in_cluster(reference, &cluster)?;
        match state.services.get(&(cluster.clone(), name.to_owned())) {
            Some(service) => services.push(describe::service(state, service, includes_tags(&request.include))),
            None => failures.push(missing(&names::service_arn(&cluster, name))),
        }
    }
    Ok(json!({"services": services, "failures": failures}))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Update {
    cluster: Option<String>,
    service: String,
    task_definition: Option<String>,
    desired_count: Option<i64>,
    force_new_deployment: bool,
}

pub(super) fn update(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let request: Update = typed(members)?;
    let service = state.service_mut(request.cluster.as_deref(), &request.service)?;
    if service.status != ServiceStatus::Active {
        return Err(AwsFault::client("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    if service.setting("deploymentController")["type"] == "CODE_DEPLOY" {
        refuse_what_codedeploy_changes(members)?;
    }
    let key = (service.cluster.clone(), service.name.clone());
    let present = service.primary().map(|it| it.task_definition.clone());
    let settings = service.settings.clone();

    let definition = match &request.task_definition {
        Some(reference) => active_definition(state, reference)?,
        None => present
            .as_ref()
            .and_then(|id| state.definition(id))
            .ok_or_else(|| AwsFault::client("ClientException", "TaskDefinition not found."))?,
    };
    let (settings, changed) = service_settings::updated(&settings, members, definition)?;
    let desired_count = request.desired_count.map(count).transpose()?;
    let id = definition.id.clone();

    let service = state.service_mut(request.cluster.as_deref(), &request.service)?;
    service.settings = settings;
    if let Some(desired_count) = desired_count {
        service.set_desired_count(desired_count, now);
    }
    if !service.has_task_sets() && (changed || request.force_new_deployment || present.as_ref() != Some(&id)) {
        service.deploy(id, now);
    }
    Ok(json!({"service": state.services.get(&key).map(|service| describe::service(state, service, true))}))
}

/// With the CODE_DEPLOY controller these change by a CodeDeploy deployment only.
fn refuse_what_codedeploy_changes(members: &Members) -> Result<(), AwsFault> {
    for (member, what) in [
        ("taskDefinition", "task definition"),
        ("loadBalancers", "load balancers"),
        ("networkConfiguration", "network parameters"),
        ("platformVersion", "platform version"),
    ] {
        if members.contains_key(member) {
            return Err(invalid(format!(
                "Unable to update {what} on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to \
                 trigger a new deployment."
            )));
        }
    }
    if members.get("forceNewDeployment").is_some_and(|it| it == true) {
        return Err(invalid(
            "Cannot force a new deployment on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to \
             trigger a new deployment.",
        ));
    }
    Ok(())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delete {
    cluster: Option<String>,
    service: String,
    force: bool,
}

pub(super) fn delete(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let request: Delete = typed(members)?;
    let service = state.service_mut(request.cluster.as_deref(), &request.service)?;
    match service.status {
        ServiceStatus::Inactive => {
            return Err(AwsFault::client("ServiceNotFoundException", "Service not found."));
        }
        ServiceStatus::Active if service.desired_count > 0 && !request.force => {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        _ => {}
    }
    service.status = ServiceStatus::Draining;
    service.desired_count = 0;
    let key = (service.cluster.clone(), service.name.clone());
    Ok(json!({"service": state.services.get(&key).map(|service| describe::service(state, service, true))}))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct List {
    cluster: Option<String>,
    launch_type: Option<String>,
    scheduling_strategy: Option<String>,
}

/// ACTIVE services only, as AWS lists them; 10 on a page unless the request says more.
pub(super) fn list(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let paging: Paging = typed(members)?;
    let request: List = typed(members)?;
    let cluster = &state.cluster(request.cluster.as_deref())?.name;
    let fits = |wanted: &Option<String>, is: &Value| wanted.as_ref().is_none_or(|wanted| is == wanted);
    let arns = state
        .services
        .values()
        .filter(|service| service.cluster == *cluster && service.status == ServiceStatus::Active)
        .filter(|service| fits(&request.launch_type, service.setting("launchType")))
        .filter(|service| fits(&request.scheduling_strategy, service.setting("schedulingStrategy")))
        .map(|service| (service.name.clone(), service.arn()));
    paging.answer("serviceArns", arns, 10, 100)
}
