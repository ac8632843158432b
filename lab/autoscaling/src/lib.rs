//! The lab's Amazon EC2 Auto Scaling, and the launch templates of Amazon EC2 that it needs.
//!
//! A group's instances are real local processes (of the demo service, usually), registered in the group's target groups:
//! what a load balancer sends them is real traffic, a crash is a real crash and draining is real draining.
//!
//! # EC2 Auto Scaling
//!
//! Groups, their instances, target groups, scaling policies, scheduled actions, suspended processes and activities, by the
//! AWS Query protocol and with AWS's error codes
//! (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/Welcome.html>). Each group's instances converge to its
//! desired capacity:
//!
//! * An instance is one process. It is `Pending` until it has printed its line (see `teal-lab-process`), then it is
//!   registered in the group's target groups and `InService`. Terminating it deregisters it first and waits until its
//!   targets have drained.
//! * What it runs is the lab's; its environment is what the user data of its launch template's version exports, line by
//!   line (`export NAME='value'`). Nothing else of a launch template has an effect.
//! * An instance that ends by itself, or that a load balancer finds unhealthy after the grace period where the group's
//!   health checks include `ELB`, is replaced, unless that is suspended.
//! * Where one of the group's target groups has a port that everybody may bind, each instance listens on it, on a loopback address of its own.
//! * A deployment can end an instance's process and start another one at its address; the instance stays.
//! * A changed launch template counts for new instances only.
//! * The processes `Launch`, `Terminate`, `HealthCheck`, `ReplaceUnhealthy` and `AddToLoadBalancer` can be suspended with
//!   effect; the others have none to suspend.
//!
//! Not modelled: scaling by metric and by schedule (policies and scheduled actions are kept and given back), lifecycle
//! hooks, instance refresh, warm pools, cooldowns, Classic Load Balancers, launch configurations, more than the first
//! launch template of a mixed instances policy, and rebalancing of zones.
//!
//! # EC2
//!
//! CreateLaunchTemplate, CreateLaunchTemplateVersion, DescribeLaunchTemplateVersions, and DescribeInstances for those of the groups.

mod api;
mod applications;
mod describe_instances;
mod fleet;
mod launch_templates;
mod model;
mod reconcile;
mod user_data;

use fleet::Fleet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock, LogSink, TargetRegistry};

/// How the lab runs instances.
#[derive(Clone, Debug)]
pub struct AutoScalingOptions {
    /// What an instance runs, without arguments.
    pub program: PathBuf,
    /// How many instances run at most, over all groups; further launches fail, as when a zone has no capacity left.
    pub instance_limit: usize,
    /// Where what instances print goes, as by an agent on them: to the log group `/ec2/<group>`, in a stream for each instance.
    pub logs: Option<Arc<dyn LogSink>>,
}

impl AutoScalingOptions {
    /// Instances that run `program`, at most 64 of them, without logs.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), instance_limit: 64, logs: None }
    }
}

/// An instance as the lab shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    /// `i-` and 17 hexadecimal digits.
    pub id: String,
    pub group: String,
    /// Of its launch template.
    pub version: u64,
    /// AWS's name for the state: `Pending`, `InService`, `Terminating`.
    pub lifecycle: &'static str,
    /// Known from `InService` on.
    pub address: Option<SocketAddr>,
    pub pid: Option<u32>,
}

/// Amazon EC2 Auto Scaling. Dropping it kills every instance.
pub struct AutoScaling {
    fleet: Arc<Fleet>,
}

impl AutoScaling {
    /// Starts without any group.
    ///
    /// # Panics
    /// Outside a tokio runtime: the groups are looked after there from here on.
    #[must_use]
    pub fn new(clock: LabClock, registry: Arc<dyn TargetRegistry>, options: AutoScalingOptions) -> Arc<Self> {
        Arc::new(Self { fleet: Fleet::start(clock, registry, options) })
    }

    /// Answers a request signed for `autoscaling`.
    pub async fn handle(&self, request: AwsRequest) -> AwsAnswer {
        api::answer(&self.fleet, &request)
    }

    /// Answers a request signed for `ec2`.
    pub async fn handle_ec2(&self, request: AwsRequest) -> AwsAnswer {
        launch_templates::answer(&self.fleet, &request)
    }

    /// Every instance, oldest first.
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceView> {
        self.fleet.instances()
    }

    /// The instances of a group that are in service, oldest first; `None` if there is no such group.
    #[must_use]
    pub fn in_service(&self, group: &str) -> Option<Vec<String>> {
        self.fleet.in_service(group)
    }

    /// Takes an instance out of a target group, or puts it in.
    ///
    /// # Errors
    /// A sentence, if there is no such instance or target group.
    pub fn set_registered(&self, instance: &str, target_group: &str, wanted: bool) -> Result<(), String> {
        self.fleet.set_registered(instance, target_group, wanted)
    }

    /// Whether an instance has left a target group with its last request.
    ///
    /// # Errors
    /// A sentence, if there is no such instance.
    pub fn has_left(&self, instance: &str, target_group: &str) -> Result<bool, String> {
        self.fleet.has_left(instance, target_group)
    }

    /// Whether the load balancer sends an instance of a target group requests.
    ///
    /// # Errors
    /// A sentence, if there is no such instance.
    pub fn is_served(&self, instance: &str, target_group: &str) -> Result<bool, String> {
        self.fleet.is_served(instance, target_group)
    }

    /// Ends an instance's process in order, and waits for that; the instance stays.
    ///
    /// # Errors
    /// A sentence, if there is no such instance.
    pub async fn stop_application(&self, instance: &str) -> Result<(), String> {
        self.fleet.stop_application(instance).await
    }

    /// Starts a process on an instance that has none, at its address, with the variables that a script exports line by line; waits until it
    /// listens.
    ///
    /// # Errors
    /// A sentence, if it does not come up or there is no such instance.
    pub async fn start_application(&self, instance: &str, script: &str) -> Result<(), String> {
        self.fleet.start_application(instance, script).await
    }

    /// Kills an instance's process at once (SIGKILL), as a crash would; its group replaces it. Answers whether there is
    /// such an instance with a process.
    #[must_use]
    pub fn kill_instance(&self, id: &str) -> bool {
        self.fleet.kill(id)
    }

    /// Kills every instance without draining and waits until no process is left. Nothing is started afterwards.
    pub async fn shutdown(&self) {
        self.fleet.shutdown().await;
    }
}

impl Drop for AutoScaling {
    fn drop(&mut self) {
        self.fleet.stop();
    }
}
