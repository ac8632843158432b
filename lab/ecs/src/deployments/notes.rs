//! What is written down of deployments that a service's scheduler begins and ends.

use super::model::{Alarms, Revision, Rollback, ServiceDeployment, Status, Stop};
use super::settings::shifts_traffic;
use crate::names;
use crate::state::{Deployment, Service, TaskDefinitionId};
use serde_json::Value;
use std::collections::BTreeMap;
use teal_lab_wire::Millis;
use tokio::sync::watch;

/// Members of a service that its revisions repeat.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html>
const OF_REVISIONS: [&str; 10] = [
    "capacityProviderStrategy",
    "launchType",
    "loadBalancers",
    "networkConfiguration",
    "platformFamily",
    "platformVersion",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// A new revision of a service, with the settings that it has now. Gives its id.
pub(crate) fn revised(service: &mut Service, task_definition: &TaskDefinitionId, now: Millis) -> String {
    let settings =
        OF_REVISIONS.iter().filter_map(|name| Some(((*name).to_owned(), service.settings.get(*name)?.clone())));
    let revision = Revision {
        id: names::new_revision_id(),
        created_at: now,
        task_definition: task_definition.clone(),
        settings: settings.collect(),
    };
    let id = revision.id.clone();
    service.history.revisions.push(revision);
    id
}

/// Writes down that the deployment of a service's newest revision has begun; what was under way before gives way to it.
pub(crate) fn began(service: &mut Service, now: Millis) {
    let Some(target) = service.deployments.first().map(|it| it.revision.clone()) else { return };
    let configuration = service.setting("deploymentConfiguration").clone();
    for earlier in service.history.deployments.iter_mut().filter(|it| !it.status.is_over()) {
        if earlier.is_driven || earlier.status == Status::Pending {
            // Whoever drives it gives the traffic back first.
            earlier.stop.send_if_modified(|stop| {
                let is_first = stop.is_none();
                stop.get_or_insert(Stop::Superseded);
                is_first
            });
        } else {
            earlier.end(Status::Stopped, Some("A later deployment has begun.".to_owned()), now);
        }
    }
    let is_rolling = !shifts_traffic(&configuration);
    service.history.deployments.push(ServiceDeployment {
        id: names::new_service_deployment_id(),
        target,
        sources: service.deployments.iter().skip(1).map(|it| it.revision.clone()).collect(),
        // A rolling update begins with the scheduler's next look.
        status: if is_rolling { Status::InProgress } else { Status::Pending },
        reason: None,
        stage: None,
        created_at: now,
        started_at: is_rolling.then_some(now),
        updated_at: now,
        finished_at: None,
        stopped_at: None,
        configuration,
        rollback: None,
        hooks: Vec::new(),
        alarms: Alarms::default(),
        test_share: 0.0,
        production_share: 0.0,
        failed_tasks: 0,
        is_driven: false,
        stop: watch::Sender::new(None),
    });
}

/// Writes down that a rolling update has come to its end.
pub(crate) fn completed(service: &mut Service, now: Millis) {
    if let Some(deployment) = rolling(service) {
        let back = deployment.status == Status::RollbackInProgress;
        deployment.end(if back { Status::RollbackSuccessful } else { Status::Successful }, None, now);
    }
}

/// Writes down that a rolling update has failed, and to which revision it goes back, if it does.
pub(crate) fn failed(service: &mut Service, reason: &str, back_to: Option<String>, now: Millis) {
    let failed_tasks: BTreeMap<_, _> =
        service.deployments.iter().map(|it| (it.revision.clone(), it.failed_tasks)).collect();
    let Some(deployment) = rolling(service) else { return };
    deployment.failed_tasks = failed_tasks.get(&deployment.target).copied().unwrap_or(0);
    match back_to {
        Some(revision) => {
            deployment.status = Status::RollbackInProgress;
            deployment.rollback = Some(Rollback { reason: reason.to_owned(), started_at: now, revision });
            deployment.updated_at = now;
        }
        None => deployment.end(Status::Stopped, Some(reason.to_owned()), now),
    }
}

/// The rolling update that is under way.
fn rolling(service: &mut Service) -> Option<&mut ServiceDeployment> {
    let under_way = service.history.deployments.iter_mut().rev().find(|it| !it.status.is_over())?;
    (!shifts_traffic(&under_way.configuration)).then_some(under_way)
}

impl ServiceDeployment {
    /// Ends it.
    pub(crate) fn end(&mut self, status: Status, reason: Option<String>, now: Millis) {
        self.status = status;
        self.reason = reason.or(self.reason.take());
        self.updated_at = now;
        match status {
            Status::Stopped => self.stopped_at = Some(now),
            _ => self.finished_at = Some(now),
        }
        self.hooks.clear();
    }

    /// Its alarms, where it has any that it may act on; and whether it rolls back then.
    pub(crate) fn alarm_names(&self) -> Option<(Vec<String>, bool)> {
        let alarms = &self.configuration["alarms"];
        let names = alarms["alarmNames"].as_array()?.iter().filter_map(Value::as_str).map(str::to_owned);
        (alarms["enable"] == true && !self.alarms.ignored).then(|| (names.collect(), alarms["rollback"] == true))
    }
}

impl Service {
    /// Whether its deployments shift traffic from the old revision to the new one.
    pub(crate) fn shifts_traffic(&self) -> bool {
        shifts_traffic(self.setting("deploymentConfiguration"))
    }

    /// The tasks' deployment of a revision.
    pub(crate) fn deployment_of(&self, revision: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|it| it.revision == revision)
    }

    pub(crate) fn deployment_of_mut(&mut self, revision: &str) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|it| it.revision == revision)
    }
}
