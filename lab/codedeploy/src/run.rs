//! What goes on in a deployment.

mod alarms;
mod ecs;
mod hooks;
mod instance;
mod lambda;
mod listeners;
mod server;

use crate::Inner;
use crate::appspec::AppSpec;
use crate::model::{Creator, Deployment, EventStatus, InstanceStatus, Order, Platform, Status, Trouble};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use teal_lab_wire::{AwsFault, Millis};

pub(crate) const MINUTE: Millis = 60_000;

/// A call that was throttled, or failed in the service called, is tried again so often, after these pauses at first (real time).
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Why a deployment does not go on.
#[derive(Debug)]
pub(crate) enum End {
    /// Somebody, or an alarm, has stopped it.
    Stopped(Order),
    Failed(Trouble),
}

type Step<T> = Result<T, End>;

fn failed(code: &'static str, message: impl Into<String>) -> End {
    End::Failed(Trouble::new(code, message))
}

/// Starts a deployment that was created.
pub(crate) fn start(inner: &Arc<Inner>, id: String) {
    inner.spawn(run(Arc::clone(inner), id.clone()));
    inner.spawn(alarms::watch(Arc::clone(inner), id));
}

async fn run(inner: Arc<Inner>, id: String) {
    let now = inner.clock.now_millis();
    let begun = inner.change(&id, |deployment| {
        deployment.status = Status::InProgress;
        deployment.started = Some(now);
        deployment.clone()
    });
    let Some(deployment) = begun else { return };
    let went = match (deployment.platform, deployment.creator) {
        (Platform::Ecs, Creator::User) => ecs::deploy(&inner, &deployment).await,
        (Platform::Ecs, Creator::Rollback) => ecs::roll_back(&inner, &deployment).await,
        (Platform::Lambda, Creator::User) => lambda::deploy(&inner, &deployment).await,
        (Platform::Lambda, Creator::Rollback) => lambda::roll_back(&inner, &deployment).await,
        // What goes back is deployed as everything else is.
        (Platform::Server, _) => server::deploy(&inner, &deployment).await,
    };
    end(&inner, &id, went);
}

/// Ends a deployment as it went. What is to be rolled back is, by a deployment that begins in the same moment: the group is never without an
/// active one in between.
fn end(inner: &Arc<Inner>, id: &str, went: Step<()>) {
    let now = inner.clock.now_millis();
    let begun = {
        let mut state = inner.state();
        let good = state.deployment(id).and_then(|one| state.last_good(one)).map(|good| good.app_spec.clone());
        let rollback = state.deployment_mut(id).and_then(|deployment| finish(deployment, went, good, now));
        let begun = rollback.as_ref().map(|rollback| rollback.id.clone());
        if let Some(rollback) = rollback {
            state.add(rollback);
        }
        state.note_success(id);
        begun
    };
    inner.changes.send_modify(|count| *count += 1);
    if let Some(rollback) = begun {
        inner.spawn(run(Arc::clone(inner), rollback));
    }
}

/// Writes down how a deployment went; gives the one that rolls it back. On servers that deploys what was `good` before.
fn finish(deployment: &mut Deployment, went: Step<()>, good: Option<AppSpec>, now: Millis) -> Option<Deployment> {
    deployment.completed = Some(now);
    deployment.target.updated = Some(now);
    deployment.waits_for_termination = false;
    let (status, trouble, rolls_back) = match went {
        Ok(()) => (Status::Succeeded, None, false),
        Err(End::Stopped(order)) => (Status::Stopped, Some(order.why), order.rolls_back),
        Err(End::Failed(trouble)) => (Status::Failed, Some(trouble), deployment.rolls_back_on("DEPLOYMENT_FAILURE")),
    };
    (deployment.status, deployment.trouble) = (status, trouble);
    if status != Status::Succeeded {
        let begun = if status == Status::Failed { EventStatus::Failed } else { EventStatus::Skipped };
        for event in &mut deployment.events {
            event.end(begun, now);
        }
    }
    for instance in &mut deployment.instances {
        instance.end(InstanceStatus::Skipped, EventStatus::Skipped, now);
    }
    if !rolls_back || deployment.creator == Creator::Rollback {
        return None;
    }
    if deployment.platform == Platform::Ecs && deployment.target.replacement.is_none() {
        deployment.rollback_message = Some("Nothing was deployed that could be rolled back.".to_owned());
        return None;
    }
    let mut rollback = deployment.rollback(now);
    if deployment.platform == Platform::Server {
        let Some(good) = good else {
            deployment.rollback_message =
                Some("No earlier deployment succeeded whose revision could be deployed.".to_owned());
            return None;
        };
        rollback.app_spec = good;
    }
    deployment.rolled_back_by = Some(rollback.id.clone());
    deployment.rollback_message = Some(format!("Deployment {} is rolled back by {}.", deployment.id, rollback.id));
    Some(rollback)
}

/// Waits until a deployment is as wanted, or a time on the lab clock: then nothing is found. An order ends every wait.
async fn wait<T>(
    inner: &Inner,
    id: &str,
    until: Millis,
    mut wanted: impl FnMut(&mut Deployment) -> Option<T>,
) -> Step<Option<T>> {
    let mut changes = inner.changes.subscribe();
    loop {
        changes.borrow_and_update();
        {
            let mut state = inner.state();
            let Some(deployment) = state.deployment_mut(id) else { return Ok(None) };
            if let Some(order) = deployment.order.clone() {
                return Err(End::Stopped(order));
            }
            if let Some(found) = wanted(deployment) {
                return Ok(Some(found));
            }
        }
        let left = until - inner.clock.now_millis();
        if left <= 0 {
            return Ok(None);
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = inner.clock.sleep(Duration::from_millis(left.unsigned_abs())) => {}
        }
    }
}

/// Waits for so long.
async fn pause(inner: &Inner, id: &str, millis: Millis) -> Step<()> {
    wait(inner, id, inner.clock.now_millis() + millis, |_| None::<()>).await.map(drop)
}

/// Ends here if there is an order.
async fn check(inner: &Inner, id: &str) -> Step<()> {
    pause(inner, id, 0).await
}

fn begin_event(inner: &Inner, id: &str, name: &str) {
    set_event(inner, id, name, EventStatus::InProgress, None);
}

fn set_event(inner: &Inner, id: &str, name: &str, status: EventStatus, failure: Option<(&'static str, String)>) {
    let now = inner.clock.now_millis();
    inner.change(id, |deployment| {
        deployment.target.updated = Some(now);
        if let Some(event) = deployment.events.iter_mut().find(|event| event.name == name) {
            event.status = status;
            event.failure = failure;
            event.started.get_or_insert(now);
            event.ended = (status != EventStatus::InProgress).then_some(now);
        }
    });
}

/// An event in which CodeDeploy itself acts.
async fn event<T>(inner: &Inner, id: &str, name: &str, act: impl Future<Output = Step<T>>) -> Step<T> {
    check(inner, id).await?;
    begin_event(inner, id, name);
    let done = act.await;
    match &done {
        Ok(_) => set_event(inner, id, name, EventStatus::Succeeded, None),
        Err(End::Failed(trouble)) => {
            let failure = Some(("UnknownError", trouble.message.clone()));
            set_event(inner, id, name, EventStatus::Failed, failure);
        }
        // Ended with the deployment.
        Err(End::Stopped(_)) => {}
    }
    done
}

/// Shifts traffic in the deployment's increments.
async fn shift<F>(inner: &Inner, deployment: &Deployment, set_share: impl Fn(u8) -> F) -> Step<()>
where
    F: Future<Output = Step<()>>,
{
    for (share, interval) in deployment.config.shift.increments() {
        check(inner, &deployment.id).await?;
        set_share(share).await?;
        inner.change(&deployment.id, |deployment| deployment.target.share = share);
        let minutes = Millis::try_from(interval).unwrap_or(Millis::MAX / MINUTE);
        pause(inner, &deployment.id, minutes * MINUTE).await?;
    }
    Ok(())
}

/// A call whose refusal is the deployment's failure with this code. What may pass is tried again.
async fn call(
    inner: &Inner,
    code: &'static str,
    service: &'static str,
    action: &'static str,
    input: Value,
) -> Step<Value> {
    patiently(|| inner.services.call(service, action, input.clone()))
        .await
        .map_err(|fault| failed(code, format!("{action}: {}: {}", fault.code, fault.message)))
}

async fn patiently(call: impl Fn() -> crate::Call) -> Result<Value, AwsFault> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match call().await {
            Err(fault) if fault.status.is_server_error() || fault.code.starts_with("Throttling") => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return other,
        }
    }
    call().await
}

/// A rollback runs no functions, and installs nothing.
fn skip_hooks(inner: &Inner, deployment: &Deployment) {
    inner.change(&deployment.id, |deployment| {
        for event in deployment.events.iter_mut().filter(|event| event.name != "AllowTraffic") {
            event.status = EventStatus::Skipped;
        }
    });
}
