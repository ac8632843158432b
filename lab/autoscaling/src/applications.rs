//! What a deployment does with instances that are there: their traffic, and the process that stands for the service on them.
//!
//! CodeDeploy installs on instances that go on. Here an instance is one process, so the process is ended, and another one started on the same
//! address with what was installed.

use crate::fleet::Fleet;
use crate::model::{Application, Lifecycle};
use crate::reconcile::STOP_TIMEOUT;
use crate::user_data;
use std::collections::BTreeSet;
use std::sync::Arc;
use teal_lab_process::{Control, Launch, launch};
use tokio::sync::watch;

impl Fleet {
    /// The instances of a group that are in service, oldest first; `None` if there is no such group.
    pub(crate) fn in_service(&self, group: &str) -> Option<Vec<String>> {
        let state = self.state();
        state.groups.get(group)?;
        let there = state.instances_of(group).into_iter().filter(|one| one.lifecycle == Lifecycle::InService);
        Some(there.map(|instance| instance.id.clone()).collect())
    }

    /// Takes an instance out of a target group, or puts it in.
    pub(crate) fn set_registered(&self, id: &str, target_group: &str, wanted: bool) -> Result<(), String> {
        let mut state = self.state();
        let instance = state.instances.get_mut(id).ok_or_else(|| gone(id))?;
        if wanted {
            self.register(instance, &BTreeSet::from([target_group.to_owned()]));
            let is_in = instance.registered.contains(target_group);
            return if is_in { Ok(()) } else { Err(format!("{id} cannot be registered in {target_group}")) };
        }
        self.take_out(instance, target_group);
        Ok(())
    }

    /// Whether an instance has left a target group with its last request.
    pub(crate) fn has_left(&self, id: &str, target_group: &str) -> Result<bool, String> {
        let state = self.state();
        let instance = state.instances.get(id).ok_or_else(|| gone(id))?;
        let is_draining = instance.target().is_some_and(|target| self.registry.is_draining(target_group, &target));
        Ok(!instance.registered.contains(target_group) && !is_draining)
    }

    /// Whether the load balancer sends an instance of a target group requests.
    pub(crate) fn is_served(&self, id: &str, target_group: &str) -> Result<bool, String> {
        let state = self.state();
        let instance = state.instances.get(id).ok_or_else(|| gone(id))?;
        let target = instance.target().filter(|_| instance.registered.contains(target_group));
        Ok(target.is_some_and(|target| self.registry.is_healthy_or_unused(target_group, &target)))
    }

    /// Ends an instance's process, and waits for that; the instance stays.
    pub(crate) async fn stop_application(&self, id: &str) -> Result<(), String> {
        let mut application = {
            let mut state = self.state();
            let instance = state.instances.get_mut(id).filter(|one| one.is_wanted()).ok_or_else(|| gone(id))?;
            if instance.application.borrow().has_process() {
                instance.application.send_replace(Application::Stopping);
                instance.control.send_replace(Control::Stop);
            }
            instance.application.subscribe()
        };
        let ended = application.wait_for(|application| !application.has_process()).await;
        ended.map(drop).map_err(|_| gone(id))
    }

    /// Starts a process on an instance that has none, with the variables that `script` exports, and waits until it listens.
    pub(crate) async fn start_application(self: &Arc<Self>, id: &str, script: &str) -> Result<(), String> {
        let mut application = {
            let mut state = self.state();
            let instance = state.instances.get_mut(id).filter(|one| one.is_wanted()).ok_or_else(|| gone(id))?;
            if instance.application.borrow().has_process() {
                return Err(format!("the service on {id} runs already"));
            }
            let (control, told) = watch::channel(Control::Run);
            instance.control = control;
            instance.application.send_replace(Application::Starting);
            let mut environment = user_data::exports(script);
            // Last: of two with one name, the later counts.
            environment.extend(self.processes.environment(id, &instance.group, instance.number));
            let listen = instance.address.unwrap_or(instance.listen);
            environment.push(("TEAL_DEMO_LISTEN".to_owned(), listen.to_string()));
            let log = self.line_taker(&instance.group, id);
            let id = id.to_owned();
            launch(self, Launch { id, environment, log, stop_timeout: STOP_TIMEOUT, control: told });
            instance.application.subscribe()
        };
        let begun = application.wait_for(|application| *application != Application::Starting).await;
        match begun.map(|application| application.clone()) {
            Ok(Application::Running) => Ok(()),
            Ok(Application::Failed(problem)) => Err(format!("the service on {id} did not start: {problem}")),
            Ok(_) | Err(_) => Err(gone(id)),
        }
    }
}

fn gone(id: &str) -> String {
    format!("the instance {id} is not there any more")
}
