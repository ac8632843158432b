//! Deployments that move traffic in Teal's place.

use crate::deployment::{Cause, Deployment, ROLLBACK};
use crate::link::{Link, Op};
use crate::mutation::Mutation;
use std::net::IpAddr;
use teal::deployment::DeploymentId;
use teal::hook::{Asked, HookAnswer, HookAsked, HookCall, HookTicket, HookWait, plan_of_code_deploy};
use teal::plan::ShiftedBy;
use teal::ports::{DeploymentReading, Deployments, Hearing, Hooks, PortError, PortResult};
use teal::release::ReleaseId;

fn id_of(id: &str) -> PortResult<DeploymentId> {
    id.parse().map_err(|_| PortError::NotFound { what: id.to_owned() })
}

impl Link<'_> {
    fn with_deployment<T>(&self, id: &DeploymentId, what: impl FnOnce(&mut Deployment) -> T) -> PortResult<T> {
        let found = self.world.moving(|state| {
            let now = state.deployment.as_mut().filter(|found| found.id == id.as_str());
            now.or(state.past_deployments.get_mut(id.as_str())).map(what)
        });
        found.ok_or_else(|| PortError::NotFound { what: format!("deployment {id}") })
    }
}

impl Deployments for Link<'_> {
    async fn begin_deployment(&self, by: &ShiftedBy, release: &ReleaseId) -> PortResult<DeploymentId> {
        self.call(Op::other("CreateDeployment"), |_| {
            self.world.watch.borrow_mut().asks_of_deployment(&self.world.state(), &self.who, self.world.now());
            let now = self.world.now();
            let mut state = self.world.state();
            if let Some(known) = state.begun_for(release) {
                return id_of(&known.id);
            }
            if state.deployment.as_ref().is_some_and(Deployment::is_active) {
                let message = format!("another deployment of {by} is under way");
                return Err(PortError::Refused { call: "CreateDeployment", message });
            }
            id_of(&state.begin_deployment(Some(release.clone()), now))
        })
        .await
    }

    async fn deployment_begun_for(&self, _by: &ShiftedBy, release: &ReleaseId) -> PortResult<Option<DeploymentId>> {
        self.call(Op::other("ListDeployments"), |_| {
            self.world.state().begun_for(release).map(|found| id_of(&found.id)).transpose()
        })
        .await
    }

    async fn deployment_under_way(&self, _by: &ShiftedBy) -> PortResult<Option<DeploymentId>> {
        self.call(Op::other("ListDeployments"), |_| {
            self.world.moving(|_| ());
            let state = self.world.state();
            state.deployment.as_ref().filter(|found| found.is_active()).map(|found| id_of(&found.id)).transpose()
        })
        .await
    }

    async fn deployment(&self, _by: &ShiftedBy, id: &DeploymentId) -> PortResult<DeploymentReading> {
        self.call(Op::other("GetDeployment"), |_| {
            self.with_deployment(id, |found| {
                found.readings += 1;
                self.mutated_deployment(found.reading())
            })
        })
        .await
    }

    async fn continue_deployment(&self, _by: &ShiftedBy, id: &DeploymentId) -> PortResult<()> {
        self.call(Op::other("ContinueDeployment"), |_| {
            let now = self.world.now();
            self.world.watch.borrow_mut().asks_of_deployment(&self.world.state(), &self.who, now);
            self.with_deployment(id, |found| found.go_on(now))
        })
        .await
    }

    async fn stop_deployment(&self, _by: &ShiftedBy, id: &DeploymentId) -> PortResult<()> {
        self.call(Op::other("StopDeployment"), |_| {
            let now = self.world.now();
            self.world.watch.borrow_mut().asks_of_deployment(&self.world.state(), &self.who, now);
            if self.world.mutation == Some(Mutation::DeploymentNotStopped) {
                return Ok(());
            }
            self.with_deployment(id, |found| {
                found.stopped += usize::from(found.is_active());
                found.go_back(Cause::Teal, "it was stopped", now);
            })
        })
        .await
    }

    async fn answer_hook(&self, ticket: &HookTicket, answer: HookAnswer) -> PortResult<Hearing> {
        self.call(Op::other("PutLifecycleEventHookExecutionStatus"), |_| {
            let state = self.world.state();
            let about = state.deployment.as_ref().filter(|found| found.id == ticket.deployment.as_str());
            let Some(event) = about.and_then(Deployment::asks).filter(|event| ticket.execution == event.to_string())
            else {
                return Ok(Hearing::TooLate);
            };
            if state.deployment.as_ref().is_some_and(|found| found.deaf) {
                let (call, message) = ("PutLifecycleEventHookExecutionStatus", "it does not hear".to_owned());
                return Err(PortError::Unavailable { call, message });
            }
            self.world.watch.borrow_mut().answers_hook(&state, event, answer, &self.who);
            drop(state);
            self.with_deployment(&ticket.deployment, |found| {
                found.answers.entry(event).or_insert(answer);
                Hearing::Heard
            })
        })
        .await
    }
}

impl Hooks for Link<'_> {
    /// The world's hooks are told apart by the event, which an execution's id spells.
    async fn asked(&self, hook: &HookAsked) -> PortResult<Asked> {
        self.call(Op::other("BatchGetDeploymentTargets"), |_| {
            let (deployment, execution) = match hook {
                HookAsked::CodeDeploy { deployment, execution } => (deployment, execution),
                HookAsked::Instance(hook) if hook.deployment.as_str() == ROLLBACK => {
                    return Ok(Asked::Back { deployment: hook.deployment.clone() });
                }
                HookAsked::Instance(hook) => {
                    let address = hook.instance.as_ref().map(|_| IpAddr::from([10, 0, 1, 7]));
                    return Ok(Asked::InPlace { address });
                }
                HookAsked::Ecs(_) => {
                    return Err(PortError::NotFound { what: "such a hook in the simulation".to_owned() });
                }
            };
            let now = self.world.now();
            let (event, begun_for, hidden, again, since) = self.with_deployment(deployment, |found| {
                (found.asks(), found.begun_for.clone(), found.is_hidden(now), found.asks_again, found.since())
            })?;
            if hidden {
                let (call, message) = ("BatchGetDeploymentTargets", "no lifecycle event is shown".to_owned());
                return Err(PortError::Unavailable { call, message });
            }
            let Some(event) = event.filter(|event| event.to_string() == *execution) else {
                return Ok(Asked::Over { deployment: deployment.clone(), why: "no hook waits".to_owned() });
            };
            let refused = |message: String| PortError::Refused { call: "BatchGetDeploymentTargets", message };
            Ok(Asked::Hook(HookCall {
                event,
                deployment: deployment.clone(),
                is_rollback: false,
                begun_for,
                plan: plan_of_code_deploy("shop", "checkout").map_err(refused)?,
                version: None,
                function_version: None,
                waits: (!again).then(|| HookWait { execution: execution.clone(), since: Some(since) }),
            }))
        })
        .await
    }
}
