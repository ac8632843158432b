//! One look at every group.

use crate::fleet::Fleet;
use crate::model::{Activity, Application, Group, Instance, Lifecycle, State, hex, uuid};
use crate::user_data;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use teal_lab_process::{Control, Launch, launch};
use teal_lab_wire::Millis;
use tokio::sync::watch;

/// How long a process may take to end itself once its targets have drained (lab time).
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How many activities are kept in all.
const ACTIVITIES_KEPT: usize = 2_000;

impl Fleet {
    /// Launches and terminates what is due.
    pub(crate) fn reconcile(self: &Arc<Self>) {
        if self.processes.is_stopping() {
            return;
        }
        let now = self.clock.now_millis();
        let mut state = self.state();
        let names: Vec<String> = state.groups.keys().cloned().collect();
        for name in &names {
            self.replace_unhealthy(&mut state, name, now);
            self.follow_desired(&mut state, name, now);
        }
        self.end_without_process(&mut state, now);
        let State { groups, instances, activities, .. } = &mut *state;
        groups.retain(|name, group| !group.deleting || instances.values().any(|instance| instance.group == *name));
        let too_many = activities.len().saturating_sub(ACTIVITIES_KEPT);
        activities.drain(..too_many);
    }

    /// Terminates what a load balancer has found unhealthy after the grace period, or somebody has said is.
    fn replace_unhealthy(&self, state: &mut State, name: &str, now: Millis) {
        let State { groups, instances, activities, .. } = state;
        let Some(group) = groups.get(name) else { return };
        let grace = group.grace_seconds as Millis * 1000;
        for instance in instances.values_mut().filter(|instance| instance.group == name) {
            let past_grace = instance.in_service_since.is_some_and(|since| now - since >= grace);
            if group.checks_elb()
                && !group.is_suspended("HealthCheck")
                && instance.lifecycle == Lifecycle::InService
                && past_grace
                && self.is_unhealthy(instance)
            {
                instance.healthy = false;
            }
            if !instance.healthy && instance.is_wanted() && !group.is_suspended("ReplaceUnhealthy") {
                let cause = "an instance was taken out of service in response to an ELB system health check failure.";
                terminate(instance, activities, cause, now);
            }
        }
    }

    fn follow_desired(self: &Arc<Self>, state: &mut State, name: &str, now: Millis) {
        let room = self.instance_limit.saturating_sub(state.instances.len());
        let Some(group) = state.groups.get(name) else { return };
        let wanted = if group.deleting { 0 } else { group.desired as usize };
        let running = state.instances_of(name).into_iter().filter(|instance| instance.is_wanted()).count();
        if running < wanted && !group.is_suspended("Launch") && group.not_before <= now {
            for _ in 0..(wanted - running).min(room) {
                self.launch_one(state, name, now);
            }
        }
        let State { groups, instances, activities, .. } = state;
        let Some(group) = groups.get(name) else { return };
        if running > wanted && (!group.is_suspended("Terminate") || group.deleting) {
            let cause = format!("a difference between desired and actual capacity, from {running} to {wanted}.");
            for id in to_terminate(group, instances.values(), running - wanted) {
                if let Some(instance) = instances.get_mut(&id) {
                    terminate(instance, activities, &cause, now);
                }
            }
        }
    }

    /// Those that are to go and have no process that could end.
    fn end_without_process(&self, state: &mut State, now: Millis) {
        let ended = |one: &&Instance| !one.is_wanted() && !one.application.borrow().has_process();
        let ended: Vec<String> = state.instances.values().filter(ended).map(|instance| instance.id.clone()).collect();
        for id in ended {
            if let Some(mut instance) = state.instances.remove(&id) {
                for group in instance.registered.clone() {
                    self.take_out(&mut instance, &group);
                }
            }
            Self::end_activity(state, &id, now, None);
        }
    }

    /// Where an instance's process listens: on an address of its own, at the port of the group's targets, as instances do on AWS; without
    /// such a port, and where not everybody may bind it, on any free one.
    fn listen_address(&self, state: &State, group: &Group) -> SocketAddr {
        let ports = group.target_groups.iter().filter_map(|arn| self.registry.port(arn));
        let Some(port) = ports.into_iter().find(|port| *port >= 1024) else {
            return SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        };
        loop {
            // Drawn at random, so that labs on one machine rarely meet.
            let ip = IpAddr::V4(Ipv4Addr::new(127, fastrand::u8(1..), fastrand::u8(1..), fastrand::u8(1..255)));
            if state.instances.values().all(|known| known.listen.ip() != ip) {
                return SocketAddr::new(ip, port);
            }
        }
    }

    fn launch_one(self: &Arc<Self>, state: &mut State, name: &str, now: Millis) {
        let Some(group) = state.groups.get(name) else { return };
        let reference = group.template.clone();
        let Some((version, template)) = state.version_of(&reference) else { return };
        let member = |name: &str| template.data.get(name).cloned();
        let kind = member("InstanceType").unwrap_or_else(|| "t3.micro".to_owned());
        let id = format!("i-{}", hex(17));
        let listen = self.listen_address(state, group);
        let mut environment = vec![("TEAL_DEMO_VERSION".to_owned(), format!("{}:{version}", reference.name))];
        environment.extend(member("UserData").map(|data| user_data::environment(&data)).unwrap_or_default());
        // Last: of two with one name, the later counts.
        environment.extend(self.processes.environment(&id, name, group.launched));
        environment.push(("TEAL_DEMO_LISTEN".to_owned(), listen.to_string()));
        let (control, told) = watch::channel(Control::Run);
        let instance = Instance {
            id: id.clone(),
            group: name.to_owned(),
            number: group.launched,
            zone: emptiest_zone(group, state.instances.values()),
            kind,
            template: reference,
            version,
            lifecycle: Lifecycle::Pending,
            healthy: true,
            protected: group.protects_new,
            registered: BTreeSet::new(),
            in_service_since: None,
            listen,
            launched: now,
            address: None,
            pid: None,
            application: watch::Sender::new(Application::Starting),
            control,
        };
        state.activities.push(Activity {
            id: uuid(),
            group: name.to_owned(),
            instance: id.clone(),
            description: format!("Launching a new EC2 instance: {id}"),
            cause: format!("an instance was started in response to a desired capacity of {}.", group.desired),
            started: now,
            ended: None,
            problem: None,
        });
        state.instances.insert(id.clone(), instance);
        if let Some(group) = state.groups.get_mut(name) {
            group.launched += 1;
        }
        let log = self.line_taker(name, &id);
        launch(self, Launch { id, environment, log, stop_timeout: STOP_TIMEOUT, control: told });
    }
}

fn terminate(instance: &mut Instance, activities: &mut Vec<Activity>, cause: &str, now: Millis) {
    instance.lifecycle = Lifecycle::Terminating;
    activities.push(Activity {
        id: uuid(),
        group: instance.group.clone(),
        instance: instance.id.clone(),
        description: format!("Terminating EC2 instance: {}", instance.id),
        cause: cause.to_owned(),
        started: now,
        ended: None,
        problem: None,
    });
    instance.control.send_replace(Control::Stop);
}

/// The zone with the fewest instances that are to run; of several, the first.
fn emptiest_zone<'a>(group: &Group, instances: impl Iterator<Item = &'a Instance>) -> &'static str {
    let taken: Vec<_> =
        instances.filter(|one| one.group == group.name && one.is_wanted()).map(|instance| instance.zone).collect();
    let crowd = |zone: &&&'static str| taken.iter().filter(|taken| taken == zone).count();
    group.zones.iter().min_by_key(crowd).copied().unwrap_or("us-east-1a")
}

/// Which instances go when there are too many: those of a group that is deleted whatever they are; otherwise not the
/// protected ones, first from the fullest zone, there the one with the oldest launch template, of these the oldest.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html>
fn to_terminate<'a>(group: &Group, instances: impl Iterator<Item = &'a Instance>, how_many: usize) -> Vec<String> {
    let mut candidates: Vec<&Instance> = instances
        .filter(|instance| instance.group == group.name && instance.is_wanted())
        .filter(|instance| group.deleting || !instance.protected)
        .collect();
    let mut chosen = Vec::new();
    for _ in 0..how_many {
        let crowd = |zone: &str| candidates.iter().filter(|instance| instance.zone == zone).count();
        let order = |(_, one): &(usize, &&Instance)| (usize::MAX - crowd(one.zone), one.version, one.number);
        let Some(index) = candidates.iter().enumerate().min_by_key(order).map(|(index, _)| index) else { break };
        chosen.push(candidates.swap_remove(index).id.clone());
    }
    chosen
}
