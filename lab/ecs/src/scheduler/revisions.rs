//! One look at a service whose deployments shift traffic: each revision has its tasks beside the others.

use super::reconcile::{listed, settle, stop_newest};
use crate::scheduler::Fleet;
use crate::state::{Rollout, ServiceStatus, State, Task, TaskStatus, find_definition};
use std::sync::Arc;
use teal_lab_wire::Millis;

impl Fleet {
    /// Starts and stops what is due. Gives the next time something is, if known.
    pub(super) fn reconcile_revisions(
        self: &Arc<Self>,
        state: &mut State,
        key: &(String, String),
        now: Millis,
    ) -> Option<Millis> {
        let limit = self.options.task_limit;
        let State { services, tasks, task_definitions, .. } = state;
        let service = services.get_mut(key)?;
        let mut next_look = None;
        for deployment in service.deployments.clone() {
            let of_deployment = |task: &&Task| task.deployment == deployment.id && task.is_wanted();
            let is_wanted = deployment.wanted == Some(true) && service.status == ServiceStatus::Active;
            let desired = if is_wanted { service.desired_count as usize } else { 0 };
            let present = tasks.values().filter(of_deployment).count();
            let definition = find_definition(task_definitions, &deployment.task_definition)?;

            let mut due = if deployment.rollout == Rollout::Failed { 0 } else { desired.saturating_sub(present) };
            if due > 0 && service.not_before > now {
                next_look = Some(service.not_before);
                due = 0;
            }
            let all = tasks.values().filter(|task| task.status != TaskStatus::Stopped).count();
            let due = due.min(limit.saturating_sub(all)) as u64;
            let started =
                self.start_tasks(service, tasks, (&deployment, definition), due, |task, _| of_deployment(&task), now);
            if !started.is_empty() {
                let list = listed(&started);
                service.say(now, format!("(service {}) has started {} tasks: {list}.", service.name, started.len()));
                service.said_steady = false;
            }

            let surplus = present.saturating_sub(desired);
            let reason = format!("Scaling activity initiated by (deployment {})", deployment.id);
            let stopped = stop_newest(tasks.values_mut().filter(|task| of_deployment(&&**task)), surplus, &reason);
            if !stopped.is_empty() {
                let list = listed(&stopped);
                let event = format!("(service {}) has stopped {} running tasks: {list}.", service.name, stopped.len());
                service.say(now, event);
                service.said_steady = false;
            }
        }
        settle(service, tasks, now);
        next_look
    }
}
