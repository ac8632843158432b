//! Groups and the processes of their instances.

use crate::model::{Activity, Application, Instance, Lifecycle, State};
use crate::{AutoScalingOptions, InstanceView};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use teal_lab_process::{Control, Ending, LineTaker, Owner, Processes};
use teal_lab_wire::{LabClock, LogSink, Millis, TargetAddress, TargetRegistry};
use tokio::sync::Notify;

/// Health of load balancers is asked for, and everything else looked at, this often (lab time).
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// The longest pause after an instance that did not come up (lab milliseconds).
const LONGEST_PAUSE: Millis = 60_000;

pub(crate) struct Fleet {
    pub(crate) clock: LabClock,
    pub(crate) processes: Processes,
    pub(crate) instance_limit: usize,
    pub(crate) registry: Arc<dyn TargetRegistry>,
    logs: Option<Arc<dyn LogSink>>,
    state: Mutex<State>,
    wake: Notify,
}

impl Fleet {
    pub(crate) fn start(clock: LabClock, registry: Arc<dyn TargetRegistry>, options: AutoScalingOptions) -> Arc<Self> {
        let fleet = Arc::new(Self {
            processes: Processes::new(clock.clone(), options.program),
            instance_limit: options.instance_limit,
            clock,
            registry,
            logs: options.logs,
            state: Mutex::default(),
            wake: Notify::new(),
        });
        tokio::spawn(Arc::clone(&fleet).look_after());
        fleet
    }

    async fn look_after(self: Arc<Self>) {
        let mut stopping = self.processes.stopping();
        loop {
            self.reconcile();
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.clock.sleep(LOOK_INTERVAL) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a defect that its own test shows; the others may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the groups looked at soon: something has changed.
    pub(crate) fn changed(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn instances(&self) -> Vec<InstanceView> {
        let state = self.state();
        let groups = state.groups.keys();
        let found = groups.flat_map(|group| state.instances_of(group));
        found
            .map(|instance| InstanceView {
                id: instance.id.clone(),
                group: instance.group.clone(),
                version: instance.version,
                lifecycle: instance.lifecycle.name(),
                address: instance.address,
                pid: instance.pid,
            })
            .collect()
    }

    pub(crate) fn kill(&self, id: &str) -> bool {
        self.state().instances.get(id).filter(|instance| instance.pid.is_some()).is_some_and(|instance| {
            instance.control.send_replace(Control::Kill);
            true
        })
    }

    pub(crate) fn stop(&self) {
        self.processes.stop();
    }

    pub(crate) async fn shutdown(&self) {
        self.processes.shutdown().await;
    }

    /// Takes an instance's lines to its log, where the lab has logs.
    pub(crate) fn line_taker(&self, group: &str, instance: &str) -> Option<LineTaker> {
        let logs = Arc::clone(self.logs.as_ref()?);
        let (group, stream) = (format!("/ec2/{group}"), instance.to_owned());
        logs.create_group(&group);
        Some(Arc::new(move |line| logs.write(&group, &stream, line)))
    }

    /// Registers an instance in these target groups, which it is not in yet. A group that does not exist is left out, as
    /// one that was deleted under its Auto Scaling group is.
    pub(crate) fn register(&self, instance: &mut Instance, groups: &BTreeSet<String>) {
        let Some(target) = instance.target() else { return };
        for group in groups {
            if !instance.registered.contains(group) && self.registry.register(group, target.clone()).is_ok() {
                instance.registered.insert(group.clone());
            }
        }
    }

    /// Takes an instance out of a target group.
    pub(crate) fn take_out(&self, instance: &mut Instance, group: &str) {
        if instance.registered.remove(group)
            && let Some(target) = instance.target()
        {
            // A group that is gone has no targets either.
            let _ = self.registry.deregister(group, &target);
        }
    }

    pub(crate) fn is_unhealthy(&self, instance: &Instance) -> bool {
        let target = instance.target();
        target.is_some_and(|target| instance.registered.iter().any(|group| self.registry.is_unhealthy(group, &target)))
    }

    pub(crate) fn end_activity(state: &mut State, instance: &str, now: Millis, problem: Option<&str>) {
        let open = |activity: &&mut Activity| activity.instance == instance && activity.ended.is_none();
        if let Some(activity) = state.activities.iter_mut().rev().find(open) {
            activity.ended = Some(now);
            activity.problem = problem.map(str::to_owned);
        }
    }
}

impl Owner for Fleet {
    fn processes(&self) -> &Processes {
        &self.processes
    }

    fn started(&self, id: &str, pid: Option<u32>) {
        if let Some(instance) = self.state().instances.get_mut(id) {
            instance.pid = pid;
        }
    }

    fn is_up(&self, id: &str, address: SocketAddr) {
        let now = self.clock.now_millis();
        let mut state = self.state();
        let State { instances, groups, .. } = &mut *state;
        let Some(instance) = instances.get_mut(id) else { return };
        instance.address = Some(address);
        instance.application.send_replace(Application::Running);
        if instance.lifecycle == Lifecycle::InService {
            // Started again: whoever did registers it, too.
            return;
        }
        if let Some(group) = groups.get_mut(&instance.group) {
            group.failed = 0;
            if !group.is_suspended("AddToLoadBalancer") {
                self.register(instance, &group.target_groups);
            }
        }
        instance.lifecycle = Lifecycle::InService;
        instance.in_service_since = Some(now);
        Self::end_activity(&mut state, id, now, None);
        drop(state);
        self.changed();
    }

    fn deregister(&self, id: &str) {
        let mut state = self.state();
        let Some(instance) = state.instances.get_mut(id) else { return };
        if instance.is_wanted() && *instance.application.borrow() == Application::Stopping {
            // The instance stays: whoever stops its process says what becomes of its targets.
            return;
        }
        if let Some(target) = instance.target() {
            for group in &instance.registered {
                // A group that is gone has no targets either.
                let _ = self.registry.deregister(group, &target);
            }
        }
    }

    fn is_draining(&self, id: &str) -> bool {
        let (target, groups): (Option<TargetAddress>, BTreeSet<String>) = {
            let state = self.state();
            let Some(instance) = state.instances.get(id) else { return false };
            (instance.target(), instance.registered.clone())
        };
        target.is_some_and(|target| groups.iter().any(|group| self.registry.is_draining(group, &target)))
    }

    fn drains(&self, _: &str) {}

    fn terminates(&self, _: &str) {}

    /// An instance that was to run is replaced: at once if it had come up, after a growing pause if it had not.
    fn has_ended(&self, id: &str, _: Option<i32>, ending: Ending) {
        let now = self.clock.now_millis();
        let mut state = self.state();
        let problem = match ending {
            Ending::NotStarted(problem) | Ending::NotUp(problem) => Some(problem),
            Ending::Exited(_) => None,
        };
        if let Some(instance) = state.instances.get_mut(id)
            && let Some(application) = instance.outlives_process(problem.as_deref())
        {
            instance.pid = None;
            instance.application.send_replace(application);
            return;
        }
        let Some(instance) = state.instances.remove(id) else { return };
        let problem = problem.filter(|_| instance.is_wanted());
        Self::end_activity(&mut state, id, now, problem.as_deref());
        if let Some(group) = state.groups.get_mut(&instance.group)
            && problem.is_some()
        {
            group.failed += 1;
            group.not_before = now + (5_000_i64 << (group.failed - 1).min(4)).min(LONGEST_PAUSE);
        }
        if instance.is_wanted() && instance.in_service_since.is_some() {
            state.activities.push(Activity {
                id: crate::model::uuid(),
                group: instance.group.clone(),
                instance: instance.id,
                description: format!("Terminating EC2 instance: {id}"),
                cause:
                    "an instance was taken out of service in response to an EC2 health check indicating it has been \
                        terminated or stopped."
                        .to_owned(),
                started: now,
                ended: Some(now),
                problem: None,
            });
        }
        drop(state);
        self.changed();
    }
}
