//! Brings each service's tasks to what is wanted, and keeps the processes.

mod plan;
mod reconcile;
mod revisions;
mod task_sets;

use crate::state::{Rollout, State, TaskStatus};
use crate::{EcsOptions, TaskView};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use teal_lab_process::{self as process, Control, Owner, Processes};
use teal_lab_wire::{LabClock, Millis, TargetRegistry};
use tokio::sync::{Notify, watch};

/// The scheduler looks at least this often (lab time), though everything that matters wakes it.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// A task that has run for this long (lab milliseconds) before it ended does not count as failing to stay up.
const STAYED_UP: Millis = 60_000;
/// The longest pause between a task that ended by itself and the next start (lab milliseconds). AWS goes up to minutes
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>).
const LONGEST_PAUSE: Millis = 32_000;

/// Services, tasks and the processes behind them.
pub(crate) struct Fleet {
    pub(crate) clock: LabClock,
    pub(crate) registry: Arc<dyn TargetRegistry>,
    pub(crate) options: EcsOptions,
    state: Mutex<State>,
    wake: Notify,
    processes: Processes,
}

impl Fleet {
    pub(crate) fn start(clock: LabClock, registry: Arc<dyn TargetRegistry>, options: EcsOptions) -> Arc<Self> {
        let fleet = Arc::new(Self {
            processes: Processes::new(clock.clone(), options.task_binary.clone()),
            clock,
            registry,
            options,
            state: Mutex::default(),
            wake: Notify::new(),
        });
        tokio::spawn(Arc::clone(&fleet).schedule());
        fleet
    }

    async fn schedule(self: Arc<Self>) {
        let mut stopping = self.stopping();
        loop {
            let wait = self.reconcile().map_or(LOOK_INTERVAL, |at| {
                Duration::from_millis(at.saturating_sub(self.clock.now_millis()).max(0) as u64).min(LOOK_INTERVAL)
            });
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.clock.sleep(wait) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a defect that its own test shows; the others may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the scheduler look soon: something it acts on has changed.
    pub(crate) fn changed(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn tasks(&self) -> Vec<TaskView> {
        let state = self.state();
        let mut tasks: Vec<_> = state.tasks.values().filter(|task| task.status != TaskStatus::Stopped).collect();
        tasks.sort_by_key(|task| (task.created_at, task.number));
        tasks.into_iter().map(|task| task.view()).collect()
    }

    pub(crate) fn kill_task(&self, id: &str) -> bool {
        self.state().tasks.get(id).filter(|task| task.status != TaskStatus::Stopped && task.pid.is_some()).is_some_and(
            |task| {
                task.control.send_replace(Control::Kill);
                true
            },
        )
    }

    /// Kills everything; does not wait.
    pub(crate) fn stop(&self) {
        self.processes.stop();
    }

    /// Resolves once [`Self::stop`] was called.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.processes.stopping()
    }

    pub(crate) async fn shutdown(&self) {
        self.processes.shutdown().await;
    }

    fn set_status(&self, task: &str, status: TaskStatus) {
        let now = self.clock.now_millis();
        if let Some(task) = self.state().tasks.get_mut(task) {
            task.status = status;
            task.stopping_at.get_or_insert(now);
        }
        self.changed();
    }
}

impl Owner for Fleet {
    fn processes(&self) -> &Processes {
        &self.processes
    }

    fn started(&self, task: &str, pid: Option<u32>) {
        if let Some(task) = self.state().tasks.get_mut(task) {
            task.pid = pid;
        }
    }

    fn drains(&self, task: &str) {
        self.set_status(task, TaskStatus::Deactivating);
    }

    fn terminates(&self, task: &str) {
        self.set_status(task, TaskStatus::Stopping);
    }

    /// Registers a task that is up in its target groups and calls it RUNNING.
    fn is_up(&self, id: &str, address: SocketAddr) {
        let (target, groups) = {
            let mut state = self.state();
            let Some(task) = state.tasks.get_mut(id) else { return };
            task.address = Some(address);
            (task.target(), task.target_groups().map(str::to_owned).collect::<Vec<_>>())
        };
        let mut events = Vec::new();
        for group in groups {
            let Some(target) = target.clone() else { break };
            events.push(match self.registry.register(&group, target) {
                Ok(()) => format!("registered 1 targets in (target-group {group})"),
                Err(problem) => format!("failed to register targets in (target-group {group}) with (error {problem})"),
            });
        }
        let now = self.clock.now_millis();
        let mut state = self.state();
        let State { tasks, services, .. } = &mut *state;
        let Some(task) = tasks.get_mut(id) else { return };
        task.status = TaskStatus::Running;
        task.started_at = Some(now);
        if let Some(service) = services.get_mut(&(task.cluster.clone(), task.service.clone())) {
            for event in events {
                service.say(now, format!("(service {}) {event}", service.name));
            }
            if let Some(deployment) = service.deployments.iter_mut().find(|it| it.id == task.deployment) {
                deployment.has_run_a_task = true;
                deployment.failed_tasks = 0;
                deployment.updated_at = now;
            }
        }
        drop(state);
        self.changed();
    }

    /// Takes a task out of its target groups; what they say is written as events.
    fn deregister(&self, id: &str) {
        let (target, groups, key) = {
            let state = self.state();
            let Some(task) = state.tasks.get(id) else { return };
            let groups: Vec<_> = task.target_groups().map(str::to_owned).collect();
            (task.target(), groups, (task.cluster.clone(), task.service.clone()))
        };
        let Some(target) = target else { return };
        let mut events = Vec::new();
        for group in groups {
            // A group that is gone has no targets either.
            if self.registry.deregister(&group, &target).is_ok() {
                events.push(format!("deregistered 1 targets in (target-group {group})"));
            }
        }
        let now = self.clock.now_millis();
        if let Some(service) = self.state().services.get_mut(&key) {
            for event in events {
                service.say(now, format!("(service {}) {event}", service.name));
            }
        }
    }

    fn is_draining(&self, id: &str) -> bool {
        let (target, groups) = {
            let state = self.state();
            let Some(task) = state.tasks.get(id) else { return false };
            (task.target(), task.target_groups().map(str::to_owned).collect::<Vec<_>>())
        };
        target.is_some_and(|target| groups.iter().any(|group| self.registry.is_draining(group, &target)))
    }

    fn has_ended(&self, id: &str, exit_code: Option<i32>, ending: process::Ending) {
        let now = self.clock.now_millis();
        let mut state = self.state();
        let State { tasks, services, .. } = &mut *state;
        let Some(task) = tasks.get_mut(id) else { return };
        let by_itself = task.is_wanted();
        task.status = TaskStatus::Stopped;
        task.stopping_at.get_or_insert(now);
        task.stopped_at = Some(now);
        task.exit_code = exit_code;
        task.pid = None;
        task.ending.get_or_insert_with(|| ending.into());

        if let Some(service) = services.get_mut(&(task.cluster.clone(), task.service.clone()))
            && by_itself
        {
            service.said_steady = false;
            if let Some(deployment) = service.deployments.iter_mut().find(|it| it.id == task.deployment)
                && deployment.rollout == Rollout::InProgress
                && !deployment.has_run_a_task
            {
                deployment.failed_tasks += 1;
                deployment.updated_at = now;
            }
            if task.started_at.is_some_and(|started| now - started >= STAYED_UP) {
                service.early_endings = 0;
            }
            // Tasks that end together count once.
            if service.not_before <= now {
                service.early_endings += 1;
                let pause = 1_000_i64 << (service.early_endings - 1).min(5);
                service.not_before = now + pause.min(LONGEST_PAUSE);
                if service.early_endings == 3 {
                    let event = format!(
                        "(service {}) is unable to consistently start tasks successfully. Last: (task {id}) {}",
                        service.name,
                        task.ending.as_ref().map_or("", |ending| &ending.reason),
                    );
                    service.say(now, event);
                }
            }
        }
        drop(state);
        self.changed();
    }
}
