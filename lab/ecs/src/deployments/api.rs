//! Operations on service deployments and revisions.

use super::describe;
use super::model::{HookStatus, ServiceDeployment, Status, Stop};
use super::notes::failed;
use super::settings::shifts_traffic;
use crate::page::page;
use crate::protocol::{Members, typed};
use crate::state::{Rollout, Service, State};
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::{AwsFault, Millis};

/// DescribeServiceDeployments and DescribeServiceRevisions take at most this many ARNs.
const MOST_DESCRIBED: usize = 20;
/// Service deployments on a page, if the request does not say, and at most.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html>
const ON_PAGE: (usize, usize) = (20, 100);

fn invalid(message: impl Into<String>) -> AwsFault {
    AwsFault::client("InvalidParameterException", message)
}

/// Cluster, service and id in an ARN of this kind.
fn parts<'a>(arn: &'a str, kind: &str) -> Result<[&'a str; 3], AwsFault> {
    let resource = arn.split_once(":ecs:").and_then(|(_, rest)| rest.splitn(3, ':').nth(2));
    match resource.map(|resource| resource.split('/').collect::<Vec<_>>()).as_deref() {
        Some([known, cluster, service, id]) if *known == kind => Ok([cluster, service, id]),
        _ => Err(invalid(format!("Invalid {} ARN: {arn}", kind.replace('-', " ")))),
    }
}

fn service_of<'a>(state: &'a State, cluster: &str, service: &str) -> Option<&'a Service> {
    state.services.get(&(cluster.to_owned(), service.to_owned()))
}

fn checked(arns: &[String], what: &str) -> Result<(), AwsFault> {
    match arns.len() {
        0 => Err(invalid(format!("{what} ARNs cannot be empty."))),
        1..=MOST_DESCRIBED => Ok(()),
        _ => Err(invalid(format!("{what} ARNs cannot be more than {MOST_DESCRIBED}."))),
    }
}

/// What is found by ARN, and what is not.
fn found(
    arns: &[String],
    kind: &str,
    member: &str,
    find: impl Fn(&str, &str, &str) -> Option<Value>,
) -> Result<Value, AwsFault> {
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        let [cluster, service, id] = parts(arn, kind)?;
        match find(cluster, service, id) {
            Some(one) => all.push(one),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({(member): all, "failures": failures}))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Described {
    service_deployment_arns: Vec<String>,
    service_revision_arns: Vec<String>,
}

pub(crate) fn describe(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let arns = typed::<Described>(members)?.service_deployment_arns;
    checked(&arns, "Service deployment")?;
    found(&arns, "service-deployment", "serviceDeployments", |cluster, service, id| {
        let service = service_of(state, cluster, service)?;
        Some(describe::deployment(state, service, service.history.deployment(id)?))
    })
}

pub(crate) fn describe_revisions(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let arns = typed::<Described>(members)?.service_revision_arns;
    checked(&arns, "Service revision")?;
    found(&arns, "service-revision", "serviceRevisions", |cluster, service, id| {
        let service = service_of(state, cluster, service)?;
        Some(describe::revision(state, service, service.history.revisions.iter().find(|it| it.id == id)?))
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct List {
    cluster: Option<String>,
    service: String,
    status: Vec<String>,
    created_at: Between,
    next_token: Option<String>,
    max_results: Option<usize>,
}

/// Unix seconds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Between {
    before: Option<f64>,
    after: Option<f64>,
}

impl Between {
    fn has(&self, at: Millis) -> bool {
        let at = at as f64 / 1000.0;
        self.before.is_none_or(|before| at < before) && self.after.is_none_or(|after| at > after)
    }
}

/// The latest first.
pub(crate) fn list(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let request: List = typed(members)?;
    let service = state.service_mut(request.cluster.as_deref(), &request.service)?;
    let limit = request.max_results.unwrap_or(ON_PAGE.0);
    if !(1..=ON_PAGE.1).contains(&limit) {
        return Err(invalid(format!("maxResults must be between 1 and {}", ON_PAGE.1)));
    }
    let is_wanted = |it: &ServiceDeployment| {
        (request.status.is_empty() || request.status.iter().any(|status| status == it.status.name()))
            && request.created_at.has(it.created_at)
    };
    let count = service.history.deployments.len();
    let deployments = service.history.deployments.iter().enumerate().rev().filter(|(_, it)| is_wanted(it));
    // What is added later has a smaller number yet: a token stays right.
    let items =
        deployments.map(|(place, it)| (format!("{:010}", u32::MAX as usize - place), describe::listed(service, it)));
    let (items, next) =
        page(items.take(count), request.next_token.as_deref(), limit).ok_or_else(|| invalid("Invalid token"))?;
    let mut answer = json!({"serviceDeployments": items});
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Change {
    service_deployment_arn: String,
    stop_type: Option<String>,
    hook_id: String,
    action: Option<String>,
}

/// The service that an ARN's deployment is of, and its id.
fn changed<'a>(state: &'a mut State, arn: &str) -> Result<(&'a mut Service, String), AwsFault> {
    let [cluster, service, id] = parts(arn, "service-deployment")?;
    let missing = || AwsFault::client("ServiceDeploymentNotFoundException", "Service deployment not found.");
    let key = (cluster.to_owned(), service.to_owned());
    let service = state.services.get_mut(&key).ok_or_else(missing)?;
    service.history.deployment(id).ok_or_else(missing)?;
    Ok((service, id.to_owned()))
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html>
pub(crate) fn stop(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let request: Change = typed(members)?;
    let arn = request.service_deployment_arn;
    if request.stop_type.is_some_and(|kind| kind != "ROLLBACK") {
        return Err(invalid("The only stop type is ROLLBACK."));
    }
    let (service, id) = changed(state, &arn)?;
    let reason = "The service deployment was stopped by a user.";
    let deployment = service.history.deployment_mut(&id);
    let Some(deployment) = deployment.filter(|it| !it.status.is_over()) else {
        let text = "The service deployment cannot be stopped: it has ended.";
        return Err(AwsFault::client("ConflictException", text));
    };
    if matches!(deployment.status, Status::Pending | Status::InProgress) {
        if shifts_traffic(&deployment.configuration) {
            request_rollback(deployment, reason, now);
        } else {
            roll_back_update(service, reason, now);
        }
    }
    Ok(json!({"serviceDeploymentArn": arn}))
}

fn request_rollback(deployment: &mut ServiceDeployment, reason: &str, now: Millis) {
    deployment.status = Status::RollbackRequested;
    deployment.updated_at = now;
    deployment.stop.send_replace(Some(Stop::RollBack(reason.to_owned())));
}

/// Of a rolling update: the last task definition that was deployed comes again.
fn roll_back_update(service: &mut Service, reason: &str, now: Millis) {
    if let Some(primary) = service.deployments.first_mut() {
        primary.rollout = Rollout::Failed;
        primary.reason = reason.to_owned();
        primary.updated_at = now;
    }
    let back_to = service.last_completed.clone().map(|good| service.place(good, now));
    failed(service, reason, back_to, now);
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/continue-service-deployment.html>
pub(crate) fn go_on(state: &mut State, members: &Members, now: Millis) -> Result<Value, AwsFault> {
    let request: Change = typed(members)?;
    let arn = request.service_deployment_arn;
    let (service, id) = changed(state, &arn)?;
    let goes_on = match request.action.as_deref() {
        None | Some("CONTINUE") => true,
        Some("ROLLBACK") => false,
        Some(other) => return Err(invalid(format!("The action {other} is not CONTINUE or ROLLBACK."))),
    };
    let deployment = service.history.deployment_mut(&id).filter(|it| it.status == Status::InProgress);
    let deployment = deployment.ok_or_else(|| invalid("The service deployment is not IN_PROGRESS."))?;
    let hook = deployment.hooks.iter_mut().find(|hook| hook.id == request.hook_id && hook.function.is_none());
    let hook = hook.ok_or_else(|| invalid(format!("There is no paused lifecycle hook {}.", request.hook_id)))?;
    if hook.status != HookStatus::AwaitingAction {
        return Err(invalid("The lifecycle hook is not AWAITING_ACTION."));
    }
    hook.status = if goes_on { HookStatus::Succeeded } else { HookStatus::Failed };
    deployment.updated_at = now;
    Ok(json!({"serviceDeploymentArn": arn}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_another_kind_are_refused() {
        let arn = "arn:aws:ecs:us-east-1:000000000000:service-deployment/prod/web/EZe5RNVLH6PPzHXINuP28";
        assert_eq!(parts(arn, "service-deployment"), Ok(["prod", "web", "EZe5RNVLH6PPzHXINuP28"]));
        for wrong in [arn.replace("-deployment", "-revision"), arn.replace("/web", ""), "EZe5".to_owned()] {
            assert_eq!(parts(&wrong, "service-deployment").unwrap_err().code, "InvalidParameterException");
        }
    }
}
