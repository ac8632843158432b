//! One look at every service.

use crate::deployments;
use crate::names;
use crate::protocol::Tag;
use crate::scheduler::Fleet;
use crate::scheduler::plan::{Counts, Plan, plan};
use crate::state::{
    Deployment, Ending, Rollout, Service, ServiceStatus, State, Task, TaskDefinition, TaskStatus, find_definition,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use teal_lab_process::{Control, Launch, LineTaker, launch};
use teal_lab_wire::Millis;
use tokio::sync::watch;

/// The Availability Zones that tasks are spread over.
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
/// How long a stopped task can be described. Lab milliseconds.
const STOPPED_KEPT: Millis = 3_600_000;
/// AWS's default.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

impl Fleet {
    /// Starts and stops what is due. Gives the next time something is, if known.
    pub(super) fn reconcile(self: &Arc<Self>) -> Option<Millis> {
        if self.processes.is_stopping() {
            return None;
        }
        let now = self.clock.now_millis();
        let mut state = self.state();
        deployments::start_pending(self, &mut state);
        state.tasks.retain(|_, task| task.stopped_at.is_none_or(|at| now - at < STOPPED_KEPT));
        let keys: Vec<_> = state
            .services
            .iter()
            .filter(|(_, service)| service.status != ServiceStatus::Inactive)
            .map(|(key, _)| key.clone())
            .collect();
        keys.iter().filter_map(|key| self.reconcile_service(&mut state, key, now)).min()
    }

    fn reconcile_service(self: &Arc<Self>, state: &mut State, key: &(String, String), now: Millis) -> Option<Millis> {
        let capacity = self
            .options
            .task_limit
            .saturating_sub(state.tasks.values().filter(|task| task.status != TaskStatus::Stopped).count())
            as u64;
        let State { services, tasks, task_definitions, .. } = state;
        let service = services.get_mut(key)?;
        if service.has_task_sets() {
            return self.reconcile_task_sets(state, key, now);
        }
        if service.deployments.first()?.wanted.is_some() {
            return self.reconcile_revisions(state, key, now);
        }
        break_circuit(service, now);

        let count = |deployments: &[Deployment]| {
            let mut counts = Counts::default();
            for task in tasks.values().filter(|task| deployments.iter().any(|it| it.id == task.deployment)) {
                counts.pending += u64::from(task.is_pending());
                counts.running += u64::from(task.is_running());
            }
            counts
        };
        let (first, older) = service.deployments.split_first()?;
        let (primary, old) = (count(std::slice::from_ref(first)), count(older));
        let desired = if service.status == ServiceStatus::Active { u64::from(service.desired_count) } else { 0 };
        let mut due = plan(desired, service.bounds(), primary, old);
        let first = first.clone();
        let definition = find_definition(task_definitions, &first.task_definition)?;
        if first.rollout == Rollout::Failed {
            due.start = 0;
        }
        let mut next_look = None;
        if due.start > 0 && service.not_before > now {
            next_look = Some(service.not_before);
            due.start = 0;
        }
        if due.start > capacity {
            due.start = capacity;
            if !service.said_no_capacity {
                service.said_no_capacity = true;
                let event = format!(
                    "(service {}) was unable to place a task. Reason: Capacity is unavailable at this time (the lab runs \
                     at most {} tasks)",
                    service.name, self.options.task_limit
                );
                service.say(now, event);
            }
        } else {
            service.said_no_capacity = false;
        }

        let started = self.start_tasks(service, tasks, (&first, definition), due.start, belongs, now);
        if !started.is_empty() {
            let list = listed(&started);
            service.say(now, format!("(service {}) has started {} tasks: {list}.", service.name, started.len()));
            service.said_steady = false;
        }
        stop_tasks(service, tasks.values_mut().collect(), due, now);
        settle(service, tasks, now);
        next_look
    }

    /// Starts so many tasks of a deployment, each in the zone where the fewest are of those that it stands beside. Gives their ids.
    pub(super) fn start_tasks(
        self: &Arc<Self>,
        service: &mut Service,
        tasks: &mut BTreeMap<String, Task>,
        (deployment, definition): (&Deployment, &TaskDefinition),
        how_many: u64,
        is_beside: impl Fn(&Task, &Service) -> bool,
        now: Millis,
    ) -> Vec<String> {
        let mut started = Vec::new();
        for _ in 0..how_many {
            let zone = emptiest_zone(tasks.values().filter(|task| is_beside(task, service)));
            let (task, process) = self.new_task(service, deployment, definition, zone, now);
            started.push(task.id.clone());
            tasks.insert(task.id.clone(), task);
            launch(self, process);
        }
        started
    }

    /// Takes a task's lines to its log, where the lab has logs.
    fn line_taker(&self, group: String, stream: String) -> Option<LineTaker> {
        let logs = Arc::clone(self.options.logs.as_ref()?);
        logs.create_group(&group);
        Some(Arc::new(move |line| logs.write(&group, &stream, line)))
    }

    /// A task of one of the service's deployments, and its process.
    fn new_task(
        &self,
        service: &mut Service,
        deployment: &Deployment,
        definition: &TaskDefinition,
        zone: &'static str,
        now: Millis,
    ) -> (Task, Launch) {
        let number = service.tasks_started;
        service.tasks_started += 1;
        let id = names::new_id();
        let container_name = deployment.load_balancers.iter().find_map(|it| it.container_name.as_deref());
        let container = definition.main_container(container_name).unwrap_or(&Value::Null);

        let mut environment = vec![("TEAL_DEMO_VERSION".to_owned(), definition.id.to_string())];
        for pair in container["environment"].as_array().into_iter().flatten() {
            if let (Some(name), Some(value)) = (pair["name"].as_str(), pair["value"].as_str()) {
                environment.push((name.to_owned(), value.to_owned()));
            }
        }
        // Last: of two with one name, the later counts.
        environment.extend(self.processes.environment(&id, &service.name, number));

        let (control, told) = watch::channel(Control::Run);
        let stop_timeout = container["stopTimeout"].as_u64().map_or(STOP_TIMEOUT, Duration::from_secs);
        let log = log_of(container, &id).and_then(|(group, stream)| self.line_taker(group, stream));
        let launch = Launch { id: id.clone(), environment, log, stop_timeout, control: told };
        let task = Task {
            id,
            cluster: service.cluster.clone(),
            service: service.name.clone(),
            deployment: deployment.id.clone(),
            task_definition: deployment.task_definition.clone(),
            number,
            zone,
            load_balancers: deployment.load_balancers.clone(),
            tags: propagated_tags(service, definition),
            status: TaskStatus::Pending,
            control,
            address: None,
            pid: None,
            created_at: now,
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            ending: None,
            exit_code: None,
        };
        (task, launch)
    }
}

/// Log group and stream of a container's task, where it has the driver `awslogs`.
fn log_of(container: &Value, task: &str) -> Option<(String, String)> {
    let logging = &container["logConfiguration"];
    let option = |name: &str| logging["options"][name].as_str();
    if logging["logDriver"] != "awslogs" {
        return None;
    }
    let name = container["name"].as_str().unwrap_or_default();
    let stream =
        option("awslogs-stream-prefix").map_or_else(|| task.to_owned(), |prefix| format!("{prefix}/{name}/{task}"));
    Some((option("awslogs-group")?.to_owned(), stream))
}

pub(super) fn belongs(task: &Task, service: &Service) -> bool {
    task.service == service.name && task.cluster == service.cluster
}

/// The zone with the fewest tasks that are to run; of several, the first.
fn emptiest_zone<'a>(tasks: impl Iterator<Item = &'a Task>) -> &'static str {
    let mut counts = ZONES.map(|zone| (0, zone));
    for task in tasks.filter(|task| task.is_wanted()) {
        for (count, _) in counts.iter_mut().filter(|(_, zone)| *zone == task.zone) {
            *count += 1;
        }
    }
    counts.into_iter().min().map_or(ZONES[0], |(_, zone)| zone)
}

fn propagated_tags(service: &Service, definition: &TaskDefinition) -> Vec<Tag> {
    let mut tags = match service.setting("propagateTags").as_str() {
        Some("SERVICE") => service.tags.clone(),
        Some("TASK_DEFINITION") => definition.tags.clone(),
        _ => Vec::new(),
    };
    if service.setting("enableECSManagedTags") == true {
        tags.push(Tag { key: "aws:ecs:clusterName".to_owned(), value: service.cluster.clone() });
        tags.push(Tag { key: "aws:ecs:serviceName".to_owned(), value: service.name.clone() });
    }
    tags
}

/// Stops so many of these tasks: those that do not run yet first, then the newest. Gives their ids.
pub(super) fn stop_newest<'a>(tasks: impl Iterator<Item = &'a mut Task>, how_many: usize, reason: &str) -> Vec<String> {
    let mut leaving: Vec<_> = tasks.collect();
    leaving.sort_by_key(|task| std::cmp::Reverse((task.is_pending(), task.number)));
    let mut stopped = Vec::new();
    for task in leaving.into_iter().take(how_many) {
        task.stop(Ending { code: "ServiceSchedulerInitiated", reason: reason.to_owned() });
        stopped.push(task.id.clone());
    }
    stopped
}

/// Stops what the plan says: of the old deployments any, of the primary one what keeps the zones even.
fn stop_tasks(service: &mut Service, mut tasks: Vec<&mut Task>, due: Plan, now: Millis) {
    let Some(primary) = service.primary().map(|it| it.id.clone()) else { return };
    tasks.retain(|task| belongs(task, service) && task.is_wanted());
    let mut stopped = Vec::new();
    for (of_primary, how_many) in [(false, due.stop_old), (true, due.stop_primary)] {
        for _ in 0..how_many {
            let crowd = |zone: &str| {
                tasks
                    .iter()
                    .filter(|task| task.is_wanted() && (task.deployment == primary) == of_primary)
                    .filter(|task| task.zone == zone)
                    .count()
            };
            let crowds = ZONES.map(|zone| (zone, crowd(zone)));
            let size = |zone: &str| crowds.iter().find(|(it, _)| *it == zone).map_or(0, |(_, size)| *size);
            // Those that do not run yet first, then the fullest zone's newest.
            let next = tasks
                .iter_mut()
                .filter(|task| task.is_wanted() && (task.deployment == primary) == of_primary)
                .max_by_key(|task| (task.is_pending(), size(task.zone), task.number));
            if let Some(task) = next {
                task.stop(Ending {
                    code: "ServiceSchedulerInitiated",
                    reason: format!("Scaling activity initiated by (deployment {primary})"),
                });
                stopped.push(task.id.clone());
            }
        }
    }
    if !stopped.is_empty() {
        let list = listed(&stopped);
        let name = &service.name;
        let event = format!("(service {name}) has stopped {} running tasks: {list}.", stopped.len());
        if service.has_load_balancers() {
            let draining = format!("(service {name}) has begun draining connections on {} tasks.", stopped.len());
            service.say(now, draining);
        }
        service.say(now, event);
        service.said_steady = false;
    }
}

/// The circuit breaker (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>):
/// a deployment whose first tasks fail to start, one after another, has failed.
fn break_circuit(service: &mut Service, now: Millis) {
    let (enabled, rolls_back) = service.circuit_breaker();
    let threshold = service.circuit_threshold();
    let Some(deployment) = service.deployments.first_mut() else { return };
    if !enabled || deployment.rollout != Rollout::InProgress || deployment.failed_tasks < threshold {
        return;
    }
    deployment.rollout = Rollout::Failed;
    deployment.reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
    deployment.updated_at = now;
    let failed = deployment.task_definition.clone();
    let id = deployment.id.clone();
    service.say(now, format!("(service {}) (deployment {id}) deployment failed: tasks failed to start.", service.name));
    let good = service.last_completed.clone().filter(|good| rolls_back && *good != failed);
    let back_to = good.map(|good| service.place(good, now));
    if let (Some(_), Some(deployment)) = (&back_to, service.deployments.first_mut()) {
        let event = format!("(service {}) rolling back to (deployment {}).", service.name, deployment.id);
        deployment.reason = "ECS deployment circuit breaker: rolling back.".to_owned();
        service.say(now, event);
    }
    deployments::failed(service, "ECS deployment circuit breaker: tasks failed to start.", back_to, now);
}

/// Ends deployments and a deleted service, and says when there is nothing left to do.
pub(super) fn settle(service: &mut Service, tasks: &BTreeMap<String, Task>, now: Millis) {
    let of = |id: &str| {
        let id = id.to_owned();
        tasks.values().filter(move |task| task.deployment == id)
    };
    let mut position = 0;
    service.deployments.retain(|deployment| {
        position += 1;
        position == 1 || deployment.wanted == Some(true) || of(&deployment.id).any(Task::is_wanted)
    });
    if service.status == ServiceStatus::Draining {
        // AWS: INACTIVE once every task is STOPPING or STOPPED.
        if tasks.values().filter(|task| belongs(task, service)).all(|task| task.status >= TaskStatus::Stopping) {
            service.status = ServiceStatus::Inactive;
            service.deployments.clear();
        }
        return;
    }
    let name = service.name.clone();
    let alone = service.deployments.len() == 1;
    let is_driven = service.shifts_traffic() && service.history.under_way().is_some();
    let Some(primary) = service.deployments.first_mut() else { return };
    let running = of(&primary.id).filter(|task| task.is_running()).count();
    let pending = of(&primary.id).filter(|task| task.is_pending()).count();
    if is_driven
        || !alone
        || pending > 0
        || running != service.desired_count as usize
        || primary.rollout == Rollout::Failed
    {
        return;
    }
    if primary.rollout == Rollout::InProgress {
        primary.rollout = Rollout::Completed;
        primary.reason = format!("ECS deployment {} completed.", primary.id);
        primary.updated_at = now;
        let event = format!("(service {name}) (deployment {}) deployment completed.", primary.id);
        service.last_completed = Some(primary.task_definition.clone());
        service.say(now, event);
        deployments::completed(service, now);
    }
    if !service.said_steady {
        service.said_steady = true;
        service.say(now, format!("(service {name}) has reached a steady state."));
    }
}

pub(super) fn listed(tasks: &[String]) -> String {
    tasks.iter().map(|id| format!("(task {id})")).collect::<Vec<_>>().join(" ")
}
