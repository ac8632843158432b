//! Deployments that move the traffic: begun by somebody, asking their hooks, and what hooks start.

use super::Simulation;
use super::queue::Event;
use super::runs::Invoke;
use crate::deployment::{Cause, Deployment};
use crate::disturbance::Happening;
use crate::function::Input;
use crate::link::later;
use teal::ports::DeploymentState;
use teal::release::ReleaseId;

impl Simulation<'_> {
    /// Somebody begins a deployment, and perhaps starts a release about it by hand.
    pub(super) fn deploy(&mut self) {
        let now = self.now();
        let id = {
            let mut state = self.world.state();
            let is_busy = |found: &Deployment| found.is_active() || found.is_yet_to_go_back();
            if state.deployment.as_ref().is_some_and(is_busy) {
                return;
            }
            state.begin_deployment(None, now)
        };
        self.world.log(|| format!("somebody begins deployment {id}"));
        if self.rng.u8(0..3) == 0 {
            let after = self.rng.i64(0..90_000);
            self.begin_by_hand(after, false);
        }
    }

    /// What became due of the deployment: its next move, a hook that asks now, a release that a hook has started.
    pub(super) fn follow_deployment(&mut self) {
        let (moves_at, hook, asks) = {
            let state = self.world.state();
            let Some(deployment) = state.deployment.as_ref() else { return };
            let asks = deployment.asks().map(|event| (deployment.id.clone(), event));
            (deployment.moves_at(), deployment.hook(), asks)
        };
        if moves_at != self.moves_at {
            self.moves_at = moves_at;
            if let Some(at) = moves_at {
                self.queue.push(at.max(self.now()), Event::Move);
            }
        }
        if let (Some(hook), Some(asks)) = (hook, asks)
            && !self.hooks_called.contains(&asks)
        {
            self.world.log(|| format!("{} asks at {}", asks.0, asks.1));
            self.hooks_called.insert(asks);
            self.deliver(&Invoke::by_event(Input::Hook(hook), None));
        }
        let started: Vec<(ReleaseId, String)> = {
            let state = self.world.state();
            let is_new = |id: &ReleaseId| self.executions.iter().all(|execution| execution.id != *id);
            state.started.iter().filter(|(id, _)| is_new(id)).map(|(id, input)| (id.clone(), input.clone())).collect()
        };
        for (id, input) in started {
            let document = serde_json::from_str(&input).unwrap_or_default();
            let after = self.rng.i64(5..2_000);
            self.begin_execution(id, document, after, false);
        }
    }

    /// Whether the deployment goes on by itself some time.
    pub(super) fn is_deploying(&self) -> bool {
        self.world.state().deployment.as_ref().is_some_and(|deployment| deployment.moves_at().is_some())
    }

    /// Whether that changes anything: there may be no deployment, or one that is over.
    pub(super) fn disturb_deployment(&mut self, happening: Happening) -> bool {
        let (now, fails, slow) = (self.now(), self.rng.u8(0..4) == 0, [5, 60, 600, 2_400][self.rng.usize(0..4)]);
        self.world.moving(|state| {
            let Some(deployment) = state.deployment.as_mut() else { return false };
            let goes_on = deployment.reading().state == DeploymentState::UnderWay;
            match happening {
                Happening::DeploymentFails => deployment.go_back(Cause::Other, "it failed by itself", now),
                Happening::DeploymentStopped => deployment.go_back(Cause::Other, "ada stopped it", now),
                Happening::DeploymentHurries => return deployment.hurry() && goes_on,
                _ => {
                    let is_over = !deployment.is_active() && !deployment.is_yet_to_go_back();
                    (deployment.back_seconds, deployment.back_fails) = (slow, fails);
                    return !is_over;
                }
            }
            goes_on
        })
    }

    /// Somebody takes away the role by which Teal acts in the service's account; it comes back.
    pub(super) fn lose_role(&mut self) -> bool {
        let now = self.now();
        let mut state = self.world.state();
        let is_there = state.external_id.is_some();
        if is_there {
            state.external_id = Some("teal-other".to_owned());
            state.role_changed = Some(later(now, 0));
        }
        is_there
    }
}
