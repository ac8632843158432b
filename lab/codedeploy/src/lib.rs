//! The lab's AWS CodeDeploy, for the compute platforms ECS, Lambda and Server (EC2).
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/Welcome.html>
//!
//! Deployments really happen, on the lab clock and by the APIs of the services that they act on ([`Services`]):
//!
//! * **ECS** (<https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-ecs.html>): the lifecycle events are BeforeInstall,
//!   Install, AfterInstall, with a test listener AllowTestTraffic and AfterAllowTestTraffic, then BeforeAllowTraffic, AllowTraffic and
//!   AfterAllowTraffic. Install makes a replacement task set behind the group's other target group and waits until it is steady, for at
//!   most 60 minutes. With `STOP_DEPLOYMENT` the deployment is `Ready` before BeforeAllowTraffic until it is continued. Afterwards the
//!   original task set is kept for the group's termination wait, in which the deployment is still `InProgress`, and can still be stopped.
//! * **Listeners**: every forward action of the production listener and its rules that names one of the two target groups names both from
//!   the first shift on; between deployments the unused one stays there at weight 0, as on AWS since November 2022.
//! * **Lambda** (<https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html>): BeforeAllowTraffic, AllowTraffic,
//!   AfterAllowTraffic; the alias's weights go from CurrentVersion to TargetVersion.
//! * **Server**: deployments in place to the instances of Auto Scaling groups, with the lifecycle events of
//!   <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html> on each. What the agent does there is in
//!   `agent.rs`: it unpacks the revision, copies its files, and runs its scripts as processes, each for as long as its AppSpec file lets it.
//!   BeforeBlockTraffic, AfterBlockTraffic and ApplicationStop run those of the revision that was installed before. Instances that are not
//!   healthy come first, and as many at once as the configuration's minimum of healthy ones allows; an instance counts as healthy here
//!   until a deployment to it fails (<https://docs.aws.amazon.com/codedeploy/latest/userguide/instances-health.html>). The service itself is
//!   stopped at ApplicationStop and started at ApplicationStart, after those events' scripts, by the lab: on AWS scripts do that.
//! * **Hooks** of ECS and Lambda (<https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>): the function of an
//!   event is invoked asynchronously, and has an hour to answer. Its name must begin with `CodeDeployHook_`, as for the role that AWS manages.
//! * **Rollback** (<https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html>): a deployment that failed
//!   or was stopped is rolled back, where it or its stop says so, by a deployment of its own, which gives all traffic back at once and takes
//!   the replacement in. It runs no hooks. Without that everything stays as it is. Before Install there is nothing to roll back. On servers
//!   it deploys the last good revision to all instances, scripts included.
//! * **Alarms** of the group stop a deployment while they are in ALARM
//!   (<https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html>).
//!
//! Behind a Network Load Balancer traffic can go all at once only
//! (<https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html>).
//!
//! Not modelled: servers on-premises, instances by tags, blue/green deployments of servers, what an Auto Scaling group launches later (it gets no
//! revision), `runas` and `permissions` of AppSpec files of servers, zip archives, their registration, triggers, tags, KEEP_ALIVE, alarms that cannot be read, deletion, pages of lists, deployments of CloudFormation, events. What the reference does not say (messages, above all) is the
//! lab's own. How AWS retries calls that were throttled is unknown; here each is tried again for some seconds.

mod agent;
mod api;
mod appspec;
mod model;
mod run;
mod services;
mod show;

pub use services::{Act, Call, Instances, PRINCIPAL, Services};

use model::{Deployment, State};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use teal_lab_wire::{AlarmReader, AwsAnswer, AwsRequest, FunctionInvoker, LabClock, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What requests are addressed to.
const TARGET: &str = "CodeDeploy_20141006";

/// AWS CodeDeploy. Dropping it ends what it does in the background.
pub struct CodeDeploy {
    inner: Arc<Inner>,
}

struct Inner {
    clock: LabClock,
    services: Arc<dyn Services>,
    functions: Arc<dyn FunctionInvoker>,
    alarms: Arc<dyn AlarmReader>,
    instances: Arc<dyn Instances>,
    state: Mutex<State>,
    /// Counts what has happened to deployments: whoever waits looks again.
    changes: watch::Sender<u64>,
    tasks: Mutex<JoinSet<()>>,
}

impl CodeDeploy {
    /// Without applications; with the deployment configurations that AWS defines. `functions` runs hooks.
    #[must_use]
    pub fn new(
        clock: LabClock,
        services: Arc<dyn Services>,
        functions: Arc<dyn FunctionInvoker>,
        alarms: Arc<dyn AlarmReader>,
        instances: Arc<dyn Instances>,
    ) -> Self {
        let state = Mutex::new(State::new(clock.now_millis()));
        let (changes, tasks) = (watch::Sender::new(0), Mutex::default());
        Self { inner: Arc::new(Inner { clock, services, functions, alarms, instances, state, changes, tasks }) }
    }

    /// Answers a request signed for `codedeploy`. Must be called inside a tokio runtime.
    pub async fn handle(&self, request: AwsRequest) -> AwsAnswer {
        let result = match json::read(&request, TARGET) {
            Ok((operation, input)) => api::run(&self.inner, &operation, &input).await,
            Err(fault) => Err(fault),
        };
        json::answer(result)
    }
}

impl Drop for CodeDeploy {
    fn drop(&mut self) {
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a defect that its own test shows; the others may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a deployment, and tells whoever waits for one.
    fn change<T>(&self, id: &str, change: impl FnOnce(&mut Deployment) -> T) -> Option<T> {
        let changed = self.state().deployment_mut(id).map(change);
        self.changes.send_modify(|count| *count += 1);
        changed
    }

    /// Goes on with something beside the answer.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

#[cfg(test)]
mod tests;
