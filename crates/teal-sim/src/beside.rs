//! What runs beside releases: publish-weights, which touches no route, sweep, and on-alarm.

use crate::function::Function;
use crate::link::{Link, Who, later};
use crate::mutation::Mutation;
use crate::ports::own_account;
use crate::promise::{Breach, Promise};
use crate::world::World;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use teal::error::TealResult;
use teal::hook::{HookAsked, HookTold, InstanceHook};
use teal::release::ReleaseId;
use teal::steps::{self, AlarmEffect, Answer, Invocation, PublishedWeights, RaisedAlarm, Step, Swept};
use teal::time::Timestamp;

const TIMEOUT_MILLIS: i64 = 30_000;

/// What a function beside releases came to; nothing when it was killed.
pub type Ran<T> = Option<TealResult<T>>;

impl World {
    /// Runs publish-weights, for a release's event or for all of them.
    pub fn publish_weights(&self, release: Option<&ReleaseId>) -> Ran<PublishedWeights> {
        // To the world it is like sweep: begun by nobody's state machine.
        self.run_beside("publish-weights", async |step| match release {
            Some(release) => steps::publish_weights(step, release).await,
            None => steps::publish_all_weights(step).await,
        })
    }

    /// Runs sweep.
    pub fn sweep(&self) -> Ran<Swept> {
        self.run_beside("sweep", async |step| steps::sweep(step).await)
    }

    /// Runs on-lifecycle-hook for the hook of the deployment that asks now; nothing where none does.
    pub fn call_hook(&self) -> Option<Ran<HookTold>> {
        let hook = self.state().deployment.as_ref()?.hook()?;
        Some(self.run_beside("on-lifecycle-hook", async |step| steps::lifecycle_hook(step, &hook, "teal").await))
    }

    /// Runs on-lifecycle-hook for the script on an instance, about a deployment of the group that has a plan.
    pub fn call_hook_on_instance(&self, deployment: &str, instance: Option<&str>) -> Option<Ran<HookTold>> {
        let hook = HookAsked::Instance(InstanceHook {
            deployment: deployment.parse().ok()?,
            application: "shop".to_owned(),
            deployment_group: "checkout".to_owned(),
            event: "ValidateService".to_owned(),
            instance: instance.map(str::to_owned),
        });
        Some(self.run_beside("on-lifecycle-hook", async |step| steps::lifecycle_hook(step, &hook, "teal").await))
    }

    /// Runs on-execution-end for an execution that was stopped.
    pub fn execution_stopped(&self, release: &ReleaseId) -> Ran<Answer> {
        self.run_beside("on-execution-end", async |step| {
            steps::on_execution_end(step, release, "ABORTED", None, Some("ada stopped it")).await
        })
    }

    /// What the watch has seen so far that breaks what is promised of deployments, their hooks, and an alarm's requests.
    #[must_use]
    pub fn breaches_by_deployment(&self) -> Vec<Breach> {
        let watch = self.watch.borrow();
        let kinds = [Promise::HookToldTruth, Promise::IntentBeforeAct, Promise::RequestBudget];
        watch.breaches.iter().filter(|breach| kinds.contains(&breach.promise)).cloned().collect()
    }

    /// A world without one of the guards.
    #[must_use]
    pub fn without(mutation: Mutation) -> Self {
        Self::with(None, Some(mutation))
    }

    /// Runs on-alarm for an alarm of an account, as its event names it.
    pub fn alarm_raised(&self, account: Option<&str>, alarm: &str) -> Ran<Vec<AlarmEffect>> {
        self.alarm_raised_at(account, alarm, self.now())
    }

    /// The same for an alarm that went off at another moment: its event comes late.
    pub fn alarm_raised_at(&self, account: Option<&str>, alarm: &str, at: Timestamp) -> Ran<Vec<AlarmEffect>> {
        let name = alarm.parse().ok()?;
        let (account, reason) = (account.map(str::to_owned), "Threshold Crossed".to_owned());
        let raised = RaisedAlarm { account, name, reason, at: Some(at), was_ok: false };
        self.run_beside("on-alarm", async |step| steps::on_alarm(step, &raised).await)
    }

    fn run_beside<T>(&self, name: &str, run: impl AsyncFnOnce(&mut Step<'_, Link<'_>>) -> TealResult<T>) -> Ran<T> {
        let now = self.now();
        let (id, function) = (format!("{name}-{}", self.calls()), name.to_owned());
        let call = Invocation { id, function, now, act_by: later(now, TIMEOUT_MILLIS), account: own_account() };
        let function = match name {
            "on-lifecycle-hook" => Function::OnLifecycleHook,
            "on-alarm" => Function::OnAlarm,
            _ => Function::Sweep,
        };
        let link = Link::new(self, Who { invocation: call.id.clone(), function, started: now });
        let run = async { run(&mut Step::new(&link, &call)).await };
        match pin!(run).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }
}
