//! One deployment that shifts traffic, from stage to stage.

use super::hooks::{self, Shares};
use super::model::{ServiceDeployment, Stage, Status, Stop};
use super::settings::shifts_traffic;
use super::shift::{self, Traffic, load_balancers_beside};
use super::steps::{minutes, steps};
use crate::scheduler::Fleet;
use crate::state::{LoadBalancer, Rollout, Service, ServiceStatus, State, Task};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use teal_lab_wire::{Millis, TargetAddress};

/// From one look to the next (lab time).
const LOOK: Duration = Duration::from_secs(1);
/// At least so long in real time, however fast the lab clock.
const SHORTEST_LOOK: Duration = Duration::from_millis(2);
/// What a Network Load Balancer may need until its traffic follows its weights.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/nlb-resources-for-blue-green.html>
pub(super) const NETWORK_DELAY: Duration = Duration::from_secs(10 * 60);

/// Begins to drive every deployment that shifts traffic and waits to begin.
pub(crate) fn start_pending(fleet: &Arc<Fleet>, state: &mut State) {
    for (key, service) in &mut state.services {
        let waiting = service
            .history
            .deployments
            .iter_mut()
            .filter(|it| it.status == Status::Pending && !it.is_driven && shifts_traffic(&it.configuration));
        for deployment in waiting {
            deployment.is_driven = true;
            let run = Arc::new(Run { fleet: Arc::clone(fleet), key: key.clone(), id: deployment.id.clone() });
            let mut stopping = fleet.stopping();
            tokio::spawn(async move {
                tokio::select! {
                    () = run.go() => {}
                    _ = stopping.wait_for(|stopping| *stopping) => {}
                }
            });
        }
    }
}

/// Why a deployment does not go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Halt {
    RollBack(String),
    /// It has failed, and nobody wants it rolled back.
    Fail(String),
    Superseded,
    /// Its service has been deleted.
    Gone,
}

pub(super) struct Run {
    pub(super) fleet: Arc<Fleet>,
    /// Cluster and service.
    pub(super) key: (String, String),
    pub(super) id: String,
}

impl Run {
    async fn go(self: &Arc<Self>) {
        match self.forward().await {
            Ok(()) => self.succeeded(),
            Err(Halt::RollBack(reason)) => self.roll_back(reason).await,
            Err(Halt::Fail(reason)) => self.end(Status::Stopped, Some(reason)),
            Err(Halt::Superseded) => self.give_way().await,
            Err(Halt::Gone) => self.end(Status::Stopped, Some("The service was deleted.".to_owned())),
        }
        self.fleet.changed();
    }

    /// The stages in AWS's order.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>
    async fn forward(self: &Arc<Self>) -> Result<(), Halt> {
        self.begin();
        if self.change(|deployment| deployment.sources.len() > 1) == Some(true) || self.has_predecessor() {
            self.stage(Stage::ReconcileService, Shares::default()).await?;
            self.until(|run| !run.has_predecessor()).await?;
        }
        let blue = self.place();
        self.stage(Stage::PreScaleUp, Shares::default()).await?;
        self.enter(Stage::ScaleUp);
        self.scale(&self.target(), true);
        self.until_up(&self.target()).await?;
        self.stage(Stage::PostScaleUp, Shares::default()).await?;

        self.enter(Stage::TestTrafficShift);
        self.shift(Traffic::Test, 100.0).await?;
        self.hooks(Stage::TestTrafficShift, Shares { test: Some(100.0), production: None }).await?;
        self.stage(Stage::PostTestTrafficShift, Shares::default()).await?;

        let configuration = self.configuration();
        let mut before = 0.0;
        // With nothing to shift it from, all of it comes at once.
        let all = steps(&configuration);
        for step in all.into_iter().filter(|step| blue.is_some() || step.share >= 100.0) {
            let shares = Shares { test: None, production: Some(before) };
            self.stage(Stage::PreProductionTrafficShift, shares).await?;
            self.enter(Stage::ProductionTrafficShift);
            self.shift(Traffic::Production, step.share).await?;
            let shares = Shares { test: None, production: Some(step.share) };
            self.hooks(Stage::ProductionTrafficShift, shares).await?;
            self.wait(step.bake).await?;
            before = step.share;
        }
        self.stage(Stage::PostProductionTrafficShift, Shares::default()).await?;
        self.enter(Stage::BakeTime);
        if blue.is_some() {
            self.wait(minutes(&configuration["bakeTimeInMinutes"])).await?;
        }
        self.enter(Stage::CleanUp);
        if let Some(blue) = blue {
            self.scale(&blue, false);
            // The new revision serves everything now: a later deployment waits until this one has ended.
            self.guard(self.until_gone(&blue), false).await?;
        }
        Ok(())
    }

    fn begin(&self) {
        let names = self.change(|deployment| deployment.alarm_names()).flatten().map(|(names, _)| names);
        // One that fires now is not looked at again, nor are the others.
        let ignored = names.is_some_and(|names| !self.firing(&names).is_empty());
        self.change_at(|deployment, now| {
            deployment.status = Status::InProgress;
            deployment.started_at = Some(now);
            deployment.alarms.ignored = ignored;
        });
    }

    /// Puts the new revision into the target groups that are free. Gives the revision that serves now.
    fn place(&self) -> Option<String> {
        let target = self.target();
        self.service(|service, _| {
            let serving = |it: &&crate::state::Deployment| it.revision != target && it.wanted == Some(true);
            let blue = service.deployments.iter().find(serving).cloned();
            let taken = blue.as_ref().map_or(&[][..], |blue| &blue.load_balancers);
            let balancers = load_balancers_beside(service.load_balancers(), taken);
            if let Some(green) = service.deployment_of_mut(&target) {
                green.load_balancers = balancers;
            }
            let blue = blue.map(|it| it.revision);
            if let Some(deployment) = service.history.deployment_mut(&self.id) {
                deployment.sources = blue.iter().cloned().collect();
            }
            blue
        })
        .flatten()
    }

    /// Enters a stage and runs its hooks.
    async fn stage(self: &Arc<Self>, stage: Stage, shares: Shares) -> Result<(), Halt> {
        self.enter(stage);
        self.hooks(stage, shares).await
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.change(|deployment| {
            deployment.stage = Some(stage);
            deployment.hooks.clear();
        });
    }

    async fn hooks(self: &Arc<Self>, stage: Stage, shares: Shares) -> Result<(), Halt> {
        self.guard(hooks::run(self, stage, shares), true).await?.map_err(Halt::RollBack)
    }

    async fn shift(&self, traffic: Traffic, share: f64) -> Result<(), Halt> {
        let balancers = self.set(traffic, share).map_err(Halt::RollBack)?;
        if shift::is_network(&balancers, traffic) {
            self.wait(NETWORK_DELAY).await?;
        }
        Ok(())
    }

    /// Sets the new revision's share, and gives its load balancers.
    pub(super) fn set(&self, traffic: Traffic, share: f64) -> Result<Vec<LoadBalancer>, String> {
        let target = self.target();
        let balancers = self.service(|service, _| service.deployment_of(&target).map(|it| it.load_balancers.clone()));
        let balancers = balancers.flatten().unwrap_or_default();
        shift::set(&self.fleet, &balancers, traffic, share)?;
        self.change(|deployment| match traffic {
            Traffic::Test => deployment.test_share = share,
            Traffic::Production => deployment.production_share = share,
        });
        Ok(balancers)
    }

    /// Waits until as many of a revision's tasks as are wanted run, and their load balancers find them in order.
    async fn until_up(&self, revision: &str) -> Result<(), Halt> {
        self.guard(
            async {
                loop {
                    if self.is_up(revision) {
                        return Ok(());
                    }
                    self.broken_circuit(revision)?;
                    self.look().await;
                }
            },
            true,
        )
        .await?
    }

    pub(super) fn is_up(&self, revision: &str) -> bool {
        let found = self.service(|service, tasks| {
            let id = &service.deployment_of(revision)?.id;
            let running = tasks.values().filter(|task| task.deployment == *id && task.is_running());
            let targets: Vec<(TargetAddress, Vec<String>)> = running
                .filter_map(|task| Some((task.target()?, task.target_groups().map(str::to_owned).collect())))
                .collect();
            Some((service.desired_count as usize, targets))
        });
        let Some((desired, targets)) = found.flatten() else { return false };
        let in_order = |(target, groups): &&(TargetAddress, Vec<String>)| {
            groups.iter().all(|group| self.fleet.registry.is_healthy_or_unused(group, target))
        };
        targets.iter().filter(in_order).count() == desired
    }

    /// The circuit breaker, where the service has one.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>
    fn broken_circuit(&self, revision: &str) -> Result<(), Halt> {
        let found = self.service(|service, _| {
            let failed = service.deployment_of(revision)?.failed_tasks;
            Some((service.circuit_breaker(), failed >= service.circuit_threshold()))
        });
        let Some(((true, rolls_back), true)) = found.flatten() else { return Ok(()) };
        let reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
        Err(if rolls_back { Halt::RollBack(reason) } else { Halt::Fail(reason) })
    }

    /// Waits until the last task of a revision has stopped.
    pub(super) async fn until_gone(&self, revision: &str) {
        let id = self.service(|service, _| service.deployment_of(revision).map(|it| it.id.clone())).flatten();
        let runs = |task: &Task| id.as_ref() == Some(&task.deployment) && task.stopped_at.is_none();
        while self.service(|_, tasks| tasks.values().any(runs)) == Some(true) {
            self.look().await;
        }
    }

    /// Whether a deployment that began earlier has not ended.
    fn has_predecessor(&self) -> bool {
        let found = self.service(|service, _| {
            service.history.deployments.iter().take_while(|it| it.id != self.id).any(|it| !it.status.is_over())
        });
        found.unwrap_or(false)
    }

    pub(super) fn scale(&self, revision: &str, wanted: bool) {
        self.service(|service, _| {
            service.said_steady = false;
            if let Some(deployment) = service.deployment_of_mut(revision) {
                deployment.wanted = Some(wanted);
            }
        });
        self.fleet.changed();
    }

    fn succeeded(&self) {
        let target = self.target();
        let now = self.fleet.clock.now_millis();
        self.service(|service, _| {
            let Some(green) = service.deployment_of_mut(&target) else { return };
            green.rollout = Rollout::Completed;
            green.reason = format!("ECS deployment {} completed.", green.id);
            green.updated_at = now;
            let (id, definition) = (green.id.clone(), green.task_definition.clone());
            service.last_completed = Some(definition);
            service.say(now, format!("(service {}) (deployment {id}) deployment completed.", service.name));
        });
        self.end(Status::Successful, None);
    }

    pub(super) fn end(&self, status: Status, reason: Option<String>) {
        self.change_at(|deployment, now| deployment.end(status, reason, now));
    }

    async fn wait(&self, time: Duration) -> Result<(), Halt> {
        self.guard(self.fleet.clock.sleep(time), true).await
    }

    async fn until(&self, condition: impl Fn(&Self) -> bool) -> Result<(), Halt> {
        let met = async {
            while !condition(self) {
                self.look().await;
            }
        };
        self.guard(met, true).await
    }

    /// Work that ends early when the deployment is not to go on.
    async fn guard<T>(&self, work: impl Future<Output = T>, gives_way: bool) -> Result<T, Halt> {
        let halted = async {
            loop {
                match self.halt() {
                    Some(Halt::Superseded) if !gives_way => {}
                    Some(halt) => return halt,
                    None => {}
                }
                self.look().await;
            }
        };
        tokio::select! {
            biased;
            halt = halted => Err(halt),
            done = work => Ok(done),
        }
    }

    fn halt(&self) -> Option<Halt> {
        let Some((stop, alarms)) = self.change(|it| (it.stop.borrow().clone(), it.alarm_names())) else {
            return Some(Halt::Gone);
        };
        match stop {
            Some(Stop::RollBack(reason)) => return Some(Halt::RollBack(reason)),
            Some(Stop::Superseded) => return Some(Halt::Superseded),
            None => {}
        }
        let (names, rolls_back) = alarms?;
        let firing = self.firing(&names);
        if firing.is_empty() {
            return None;
        }
        let reason = format!("ECS deployment alarms: in the state ALARM are {}.", firing.join(", "));
        self.change(|deployment| deployment.alarms.triggered = firing);
        Some(if rolls_back { Halt::RollBack(reason) } else { Halt::Fail(reason) })
    }

    fn firing(&self, names: &[String]) -> Vec<String> {
        self.fleet.options.neighbours.alarms.as_ref().map(|alarms| alarms.in_alarm(names)).unwrap_or_default()
    }

    pub(super) async fn look(&self) {
        tokio::time::sleep(self.fleet.clock.real(LOOK).max(SHORTEST_LOOK)).await;
    }

    pub(super) fn target(&self) -> String {
        self.change(|deployment| deployment.target.clone()).unwrap_or_default()
    }

    fn configuration(&self) -> Value {
        self.change(|deployment| deployment.configuration.clone()).unwrap_or_default()
    }

    /// Looks at the service and the tasks; `None` once it has been deleted.
    pub(super) fn service<T>(&self, look: impl FnOnce(&mut Service, &BTreeMap<String, Task>) -> T) -> Option<T> {
        let mut state = self.fleet.state();
        let State { services, tasks, .. } = &mut *state;
        let service = services.get_mut(&self.key).filter(|it| it.status == ServiceStatus::Active)?;
        service.history.deployment(&self.id)?;
        Some(look(service, tasks))
    }

    /// Looks at the deployment, or changes it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut ServiceDeployment) -> T) -> Option<T> {
        self.service(|service, _| service.history.deployment_mut(&self.id).map(change)).flatten()
    }

    /// Changes what is told of it.
    pub(super) fn change_at(&self, change: impl FnOnce(&mut ServiceDeployment, Millis)) {
        let now = self.fleet.clock.now_millis();
        self.change(|deployment| {
            deployment.updated_at = now;
            change(deployment, now);
        });
    }
}
