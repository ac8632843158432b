//! One look at a service with task sets: each has as many tasks as it is to have, beside the others.

use super::reconcile::{belongs, listed, stop_newest};
use crate::scheduler::Fleet;
use crate::state::{ServiceStatus, State, Task, TaskSetStatus, TaskStatus, find_definition};
use std::sync::Arc;
use teal_lab_wire::Millis;

/// A task set that is not steady is looked at this often: what the load balancer finds wakes nobody. Lab milliseconds.
const LOOK: Millis = 2_000;

impl Fleet {
    pub(super) fn reconcile_task_sets(
        self: &Arc<Self>,
        state: &mut State,
        key: &(String, String),
        now: Millis,
    ) -> Option<Millis> {
        let limit = self.options.task_limit as u64;
        let State { services, tasks, task_definitions, .. } = state;
        let service = services.get_mut(key)?;
        let wanted = if service.status == ServiceStatus::Active { service.desired_count } else { 0 };
        let mut next_look = None;
        for place in 0..service.task_sets.len() {
            let set = &service.task_sets[place];
            let (deployment, desired) = (set.deployment.clone(), set.desired(wanted));
            let of_set = |task: &&Task| task.deployment == deployment.id && task.is_wanted();
            let present = tasks.values().filter(of_set).count() as u64;
            let definition = find_definition(task_definitions, &deployment.task_definition)?;

            let mut due = desired.saturating_sub(present);
            if due > 0 && service.not_before > now {
                next_look = Some(service.not_before);
                due = 0;
            }
            let all = tasks.values().filter(|task| task.status != TaskStatus::Stopped).count() as u64;
            let due = due.min(limit.saturating_sub(all));
            let started =
                self.start_tasks(service, tasks, (&deployment, definition), due, |task, _| of_set(&task), now);
            if !started.is_empty() {
                let list = listed(&started);
                let name = &service.name;
                let event =
                    format!("(service {name}, taskSet {}) has started {} tasks: {list}.", deployment.id, started.len());
                service.say(now, event);
            }

            let surplus = present.saturating_sub(desired) as usize;
            let reason = format!("Scaling activity initiated by (taskSet {})", deployment.id);
            let stopped = stop_newest(tasks.values_mut().filter(|task| of_set(&&**task)), surplus, &reason);
            if !stopped.is_empty() {
                let list = listed(&stopped);
                let name = &service.name;
                let event = format!(
                    "(service {name}, taskSet {}) has stopped {} running tasks: {list}.",
                    deployment.id,
                    stopped.len()
                );
                service.say(now, event);
            }

            let up = tasks.values().filter(of_set).filter(|task| task.is_running() && self.is_in_order(task)).count();
            let steady = up as u64 == desired && tasks.values().filter(of_set).count() as u64 == desired;
            let set = &mut service.task_sets[place];
            if set.steady != steady {
                (set.steady, set.steady_at) = (steady, now);
            }
            if !steady {
                next_look = Some(next_look.map_or(now + LOOK, |look: Millis| look.min(now + LOOK)));
            }
        }
        let lives = |id: &str| tasks.values().any(|task| task.deployment == id && task.status != TaskStatus::Stopped);
        service.task_sets.retain(|set| set.status != TaskSetStatus::Draining || lives(&set.deployment.id));
        let steady = service.task_sets.iter().all(|set| set.steady);
        if steady && !service.said_steady && service.status == ServiceStatus::Active {
            service.say(now, format!("(service {}) has reached a steady state.", service.name));
        }
        service.said_steady = steady;
        let stopping = |task: &Task| task.status >= TaskStatus::Stopping;
        if service.status == ServiceStatus::Draining
            && tasks.values().filter(|task| belongs(task, service)).all(stopping)
        {
            service.status = ServiceStatus::Inactive;
            service.task_sets.clear();
        }
        next_look
    }

    /// Whether every load balancer that the task is registered with finds it in order.
    fn is_in_order(&self, task: &Task) -> bool {
        let in_order =
            |group: &str| task.target().is_some_and(|target| self.registry.is_healthy_or_unused(group, &target));
        task.target_groups().all(in_order)
    }
}
