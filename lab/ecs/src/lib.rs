//! The lab's Amazon ECS and Application Auto Scaling.
//!
//! A service's tasks are real local processes (of the demo service, usually), so that what a load balancer sends them
//! is real traffic, a crash is a real crash and draining is real draining.
//!
//! # ECS
//!
//! Clusters, task definitions, services, tasks and tags, by AWS's JSON 1.1 protocol and with AWS's error codes
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/Welcome.html>). Each service's tasks converge to its
//! desired count:
//!
//! * A task is one process with the environment of one container: the one that the service's load balancer names,
//!   else the first essential one. Images and commands are ignored. Tasks are spread over three zones.
//! * It is RUNNING, and registered in the service's target groups, when it has printed its line (see
//!   [`EcsOptions::task_binary`]). Stopping it deregisters it first, waits until its targets have drained, sends
//!   SIGTERM, and SIGKILL after the container's `stopTimeout` (30 s of lab time by default).
//! * What it prints from then on goes to the container's log group, with the stream names of the driver `awslogs`
//!   (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>).
//! * A task that ends by itself is replaced, after a growing pause if that happens again and again.
//! * A new deployment (other task definition, `forceNewDeployment`, other load balancers, ...) replaces tasks within
//!   `minimumHealthyPercent` and `maximumPercent`; the deployment circuit breaker works on tasks that fail to start.
//! * A service with the CODE_DEPLOY controller has task sets instead of deployments: one, and during a deployment of CodeDeploy its
//!   replacement beside it. Each is steady when its tasks run and its load balancer finds them in order.
//!
//! * With the strategies BLUE_GREEN, LINEAR and CANARY a deployment brings the new tasks up beside the old ones, in the other target
//!   group, and shifts traffic: see the module `deployments`.
//!
//! Not modelled: health checks (a RUNNING task counts as healthy, and one that fails its load balancer's checks is not
//! replaced), placement, DAEMON services, RunTask. Of deployments that shift traffic: Service Connect and VPC Lattice, what the roles of
//! hooks and load balancers may do, the limit of a day for each stage, events.
//!
//! # Application Auto Scaling
//!
//! Scalable targets, policies and scheduled actions of ECS services' desired count are kept and given back. Scaling by
//! metric is not modelled; the bounds are: see [`Ecs::handle_autoscaling`].

mod api;
mod autoscaling;
mod deployments;
mod describe;
mod names;
mod page;
mod protocol;
mod scheduler;
mod state;

use crate::autoscaling::AutoScaling;
use crate::scheduler::Fleet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use teal_lab_wire::{
    AlarmReader, AwsAnswer, AwsRequest, FunctionInvoker, LabClock, LogSink, TargetRegistry, TrafficShifter,
};

/// How the lab runs tasks.
#[derive(Clone, Debug)]
pub struct EcsOptions {
    /// What a task runs, without arguments.
    ///
    /// Its environment is the container's, and `TEAL_LAB_CLOCK`, `TEAL_LAB_TASK`, `TEAL_LAB_TASK_NUMBER`, `TEAL_LAB_SERVICE`,
    /// `TEAL_DEMO_LISTEN` (a loopback address with port 0) and, unless the container sets it, `TEAL_DEMO_VERSION`
    /// (`family:revision`); nothing of the lab's own environment. It must print one line of JSON with its address,
    /// `{"listening": "127.0.0.1:40123"}`, and must end when its standard input closes: that is how no task outlives
    /// the lab, even one that was killed.
    pub task_binary: PathBuf,
    /// How many tasks run at most, over all services; further ones wait, as when a cluster has no capacity left.
    pub task_limit: usize,
    /// Where lines go that tasks print after their first one, if their container has the log driver `awslogs`.
    pub logs: Option<Arc<dyn LogSink>>,
    /// Whom deployments ask that shift traffic.
    pub neighbours: Neighbours,
}

/// The services that ECS calls for its own blue/green, canary and linear deployments. Without one of them what needs it fails.
#[derive(Clone, Default)]
pub struct Neighbours {
    /// Invokes the functions of lifecycle hooks.
    pub functions: Option<Arc<dyn FunctionInvoker>>,
    /// Sets the weights of listeners and rules.
    pub traffic: Option<Arc<dyn TrafficShifter>>,
    /// Tells the states of a deployment's alarms. Without it none fires.
    pub alarms: Option<Arc<dyn AlarmReader>>,
}

impl std::fmt::Debug for Neighbours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neighbours").finish_non_exhaustive()
    }
}

impl EcsOptions {
    /// Tasks that run `task_binary`, at most 64 of them.
    #[must_use]
    pub fn new(task_binary: impl Into<PathBuf>) -> Self {
        Self { task_binary: task_binary.into(), task_limit: 64, logs: None, neighbours: Neighbours::default() }
    }
}

/// A task as the lab shows it; what AWS would say about it is in DescribeTasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// 32 hexadecimal digits; the last part of the task's ARN.
    pub id: String,
    pub cluster: String,
    pub service: String,
    /// `family:revision`.
    pub task_definition: String,
    /// AWS's name for the state: `PENDING`, `RUNNING`, `DEACTIVATING`, `STOPPING`, `STOPPED`.
    pub last_status: &'static str,
    pub zone: &'static str,
    /// Known from RUNNING on.
    pub address: Option<SocketAddr>,
    pub pid: Option<u32>,
}

/// Amazon ECS and Application Auto Scaling. Dropping it kills every task.
pub struct Ecs {
    fleet: Arc<Fleet>,
    autoscaling: Arc<AutoScaling>,
}

impl Ecs {
    /// Starts without any resource; not even the cluster `default` exists.
    ///
    /// # Panics
    /// Outside a tokio runtime: the scheduler runs there from here on.
    #[must_use]
    pub fn new(clock: LabClock, registry: Arc<dyn TargetRegistry>, options: EcsOptions) -> Arc<Self> {
        let fleet = Fleet::start(clock, registry, options);
        let autoscaling = AutoScaling::start(Arc::clone(&fleet));
        Arc::new(Self { fleet, autoscaling })
    }

    /// Answers a request signed for `ecs`.
    pub async fn handle(&self, request: AwsRequest) -> AwsAnswer {
        protocol::answer(&request, api::TARGET_PREFIX, |operation, body| api::dispatch(&self.fleet, operation, body))
    }

    /// Answers a request signed for `application-autoscaling`.
    ///
    /// As on AWS, the desired count is brought within MinCapacity and MaxCapacity by RegisterScalableTarget, and
    /// whenever a scaling policy acts
    /// (<https://docs.aws.amazon.com/autoscaling/application/userguide/getting-started.html>), not by itself. The lab
    /// takes it that a policy acts once a minute of lab time on every target that has one: below the minimum the
    /// count is raised unless scaling out is suspended, above the maximum it is lowered unless scaling in is.
    /// Metrics never change it, and scheduled actions are kept but not carried out.
    pub async fn handle_autoscaling(&self, request: AwsRequest) -> AwsAnswer {
        protocol::answer(&request, autoscaling::TARGET_PREFIX, |operation, body| {
            self.autoscaling.dispatch(operation, body)
        })
    }

    /// Lets the scaling policies of a service scale in as far as they may, as they do when their metric is low.
    pub fn scale_in(&self, cluster: &str, service: &str) {
        self.autoscaling.scale_in(cluster, service);
    }

    /// Every task that has not stopped, oldest first.
    #[must_use]
    pub fn tasks(&self) -> Vec<TaskView> {
        self.fleet.tasks()
    }

    /// Kills a task's process at once (SIGKILL), as a crash would; its service replaces it.
    ///
    /// `task` is an id or an ARN. Answers whether there is such a task with a process.
    #[must_use]
    pub fn kill_task(&self, task: &str) -> bool {
        self.fleet.kill_task(names::last_part(task))
    }

    /// Kills every task without draining and waits until no process is left. Nothing is started afterwards.
    pub async fn shutdown(&self) {
        self.fleet.shutdown().await;
    }
}

impl Drop for Ecs {
    fn drop(&mut self) {
        self.fleet.stop();
    }
}
