//! A task: one process.

use crate::TaskView;
use crate::names;
use crate::protocol::Tag;
use crate::state::{LoadBalancer, TaskDefinitionId};
use std::net::SocketAddr;
use teal_lab_process::{self as process, Control};
use teal_lab_wire::{Millis, TargetAddress};
use tokio::sync::watch;

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>, without the states
/// that a process passes in no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TaskStatus {
    Pending,
    Running,
    /// Its targets drain.
    Deactivating,
    Stopping,
    Stopped,
}

impl TaskStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Why a task ends, as DescribeTasks says it.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// AWS's stop code, such as `EssentialContainerExited`.
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
impl From<process::Ending> for Ending {
    fn from(ending: process::Ending) -> Self {
        let failed = |reason| Self { code: "TaskFailedToStart", reason };
        match ending {
            process::Ending::NotStarted(problem) => failed(format!("CannotStartContainerError: {problem}")),
            process::Ending::NotUp(problem) => failed(format!("Task failed to start: {problem}")),
            process::Ending::Exited(last_words) => {
                let words = last_words.map(|words| format!(": {words}")).unwrap_or_default();
                Self { code: "EssentialContainerExited", reason: format!("Essential container in task exited{words}") }
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) cluster: String,
    pub(crate) service: String,
    /// The deployment that started it.
    pub(crate) deployment: String,
    pub(crate) task_definition: TaskDefinitionId,
    /// Its number in the service, from 0.
    pub(crate) number: u64,
    pub(crate) zone: &'static str,
    pub(crate) load_balancers: Vec<LoadBalancer>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) status: TaskStatus,
    pub(crate) control: watch::Sender<Control>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) pid: Option<u32>,
    pub(crate) created_at: Millis,
    pub(crate) started_at: Option<Millis>,
    pub(crate) stopping_at: Option<Millis>,
    pub(crate) stopped_at: Option<Millis>,
    pub(crate) ending: Option<Ending>,
    pub(crate) exit_code: Option<i32>,
}

impl Task {
    pub(crate) fn arn(&self) -> String {
        names::task_arn(&self.cluster, &self.id)
    }

    /// Whether it is to run: what AWS calls a desired status of RUNNING.
    pub(crate) fn is_wanted(&self) -> bool {
        self.ending.is_none()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.is_wanted() && self.status == TaskStatus::Running
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.is_wanted() && self.status == TaskStatus::Pending
    }

    pub(crate) fn target(&self) -> Option<TargetAddress> {
        Some(TargetAddress { address: self.address?, zone: self.zone.to_owned() })
    }

    pub(crate) fn target_groups(&self) -> impl Iterator<Item = &str> {
        self.load_balancers.iter().filter_map(|balancer| balancer.target_group_arn.as_deref())
    }

    /// Has it drained and terminated; nothing if it is ending already.
    pub(crate) fn stop(&mut self, ending: Ending) {
        if self.ending.is_none() {
            self.ending = Some(ending);
            self.control.send_replace(Control::Stop);
        }
    }

    pub(crate) fn view(&self) -> TaskView {
        TaskView {
            id: self.id.clone(),
            cluster: self.cluster.clone(),
            service: self.service.clone(),
            task_definition: self.task_definition.to_string(),
            last_status: self.status.name(),
            zone: self.zone,
            address: self.address,
            pid: self.pid,
        }
    }
}
