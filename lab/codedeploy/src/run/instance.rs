//! A deployment in place on one instance, lifecycle event by lifecycle event.

use super::MINUTE;
use super::server::end_instance;
use crate::Inner;
use crate::agent::{Agent, Failure};
use crate::model::{Deployment, EventStatus, InstanceStatus};
use std::sync::Arc;
use std::time::Duration;
use teal_lab_wire::Millis;

/// How long a load balancer may take to let an instance go or to find it healthy, and how often CodeDeploy looks. AWS gives no figures.
const TRAFFIC_WITHIN: Millis = 60 * MINUTE;
const LOOK: Duration = Duration::from_secs(5);

/// Deploys to an instance; gives its id, and whether it went well.
pub(super) async fn deploy(
    inner: Arc<Inner>,
    deployment: Deployment,
    behind: Vec<String>,
    instance: String,
) -> (String, bool) {
    let group = inner.state().group_of(&deployment).map(|group| group.id.clone()).unwrap_or_default();
    let agent = Agent::new(&inner, &deployment, &group, &instance);
    let events: Vec<&'static str> = inner
        .change(&deployment.id, |one| {
            let target = one.instances.iter_mut().find(|target| target.id == instance);
            target.map(|target| target.events.iter().map(|event| event.name).collect())
        })
        .flatten()
        .unwrap_or_default();
    for event in events {
        set(&inner, &deployment.id, &instance, event, EventStatus::InProgress, None);
        let went = act(&inner, &agent, &behind, &instance, event).await;
        let status = if went.is_ok() { EventStatus::Succeeded } else { EventStatus::Failed };
        let log = agent.log_of(event);
        set(&inner, &deployment.id, &instance, event, status, Some((log, went.as_ref().err().cloned())));
        if went.is_err() {
            end_instance(&inner, &deployment.id, &instance, false);
            return (instance, false);
        }
    }
    agent.remember();
    end_instance(&inner, &deployment.id, &instance, true);
    (instance, true)
}

async fn act(inner: &Inner, agent: &Agent<'_>, behind: &[String], instance: &str, event: &str) -> Result<(), Failure> {
    match event {
        "BlockTraffic" => {
            for group in behind {
                inner.instances.set_registered(instance, group, false)?;
            }
            wait(inner, "it still has requests", || all(behind, |group| inner.instances.has_left(instance, group)))
                .await
        }
        "AllowTraffic" => {
            for group in behind {
                inner.instances.set_registered(instance, group, true)?;
            }
            let served = || all(behind, |group| inner.instances.is_served(instance, group));
            wait(inner, "the load balancer does not find it healthy", served).await
        }
        "DownloadBundle" => agent.download().await,
        "Install" => agent.install(),
        event => {
            agent.run_scripts(event).await?;
            match event {
                "ApplicationStop" => inner.instances.stop_application(instance).await?,
                "ApplicationStart" => inner.instances.start_application(instance).await?,
                _ => {}
            }
            Ok(())
        }
    }
}

fn all(groups: &[String], holds: impl Fn(&str) -> Result<bool, String>) -> Result<bool, String> {
    for group in groups {
        if !holds(group)? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn wait(inner: &Inner, otherwise: &str, holds: impl Fn() -> Result<bool, String>) -> Result<(), Failure> {
    let until = inner.clock.now_millis() + TRAFFIC_WITHIN;
    while !holds()? {
        if inner.clock.now_millis() >= until {
            return Err(Failure::from(format!("after an hour {otherwise}")));
        }
        inner.clock.sleep(LOOK).await;
    }
    Ok(())
}

/// Notes how an event stands, with what its scripts wrote and why it failed.
fn set(
    inner: &Inner,
    deployment: &str,
    instance: &str,
    event: &str,
    status: EventStatus,
    end: Option<(String, Option<Failure>)>,
) {
    let now = inner.clock.now_millis();
    inner.change(deployment, |one| {
        one.target.updated = Some(now);
        let Some(target) = one.instances.iter_mut().find(|target| target.id == instance) else { return };
        (target.status, target.updated) = (InstanceStatus::InProgress, Some(now));
        let Some(event) = target.events.iter_mut().find(|known| known.name == event) else { return };
        event.status = status;
        event.started.get_or_insert(now);
        if let Some((log, failure)) = end {
            (event.ended, event.log) = (Some(now), log);
            if let Some(Failure { code, script, message }) = failure {
                (event.script, event.failure) = (script, Some((code, message)));
            }
        }
    });
}
