//! A deployment that goes back, or gives way.

use super::hooks::{self, Shares};
use super::model::{Rollback, Stage, Status};
use super::run::{NETWORK_DELAY, Run};
use super::shift::{Traffic, is_network};
use crate::state::Rollout;
use std::sync::Arc;

impl Run {
    /// All traffic back to the old revision, and the new one's tasks taken in. The hooks of the two stages that shift are invoked again, with
    /// the weights the other way.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html>
    pub(super) async fn roll_back(self: &Arc<Self>, reason: String) {
        let blue = self.change(|deployment| deployment.sources.first().cloned()).flatten();
        let Some(blue) = blue else {
            self.fail(&reason);
            self.end(Status::Stopped, Some(format!("{reason} There is no revision to go back to.")));
            return;
        };
        self.change_at(|deployment, now| {
            deployment.status = Status::RollbackInProgress;
            deployment.reason = Some(reason.clone());
            deployment.rollback = Some(Rollback { reason: reason.clone(), started_at: now, revision: blue.clone() });
        });
        self.fail(&reason);
        // Its tasks are gone or going if that began in the clean-up.
        if self.is_wanted(&blue) != Some(true) {
            self.scale(&blue, true);
            while self.is_wanted(&blue).is_some() && !self.is_up(&blue) {
                self.look().await;
            }
        }
        for (stage, traffic) in
            [(Stage::ProductionTrafficShift, Traffic::Production), (Stage::TestTrafficShift, Traffic::Test)]
        {
            self.enter(stage);
            let none = Some(0.0);
            let shares = match traffic {
                Traffic::Production => Shares { production: none, test: None },
                Traffic::Test => Shares { test: none, production: None },
            };
            let back = match self.give_back(traffic) {
                Ok(needs_time) => {
                    if needs_time {
                        self.fleet.clock.sleep(NETWORK_DELAY).await;
                    }
                    hooks::run(self, stage, shares).await
                }
                Err(problem) => Err(problem),
            };
            if let Err(problem) = back {
                self.end(Status::RollbackFailed, Some(format!("{reason} The rollback failed: {problem}")));
                return;
            }
        }
        self.take_in(&blue).await;
        self.end(Status::RollbackSuccessful, Some(reason));
    }

    /// Makes room for a later deployment: traffic back to the old revision at once, no hooks.
    pub(super) async fn give_way(self: &Arc<Self>) {
        self.change_at(|deployment, _| deployment.status = Status::StopRequested);
        let reason = "A later deployment has begun.";
        let both = [Traffic::Production, Traffic::Test];
        let back = both.into_iter().try_for_each(|traffic| self.give_back(traffic).map(drop));
        let blue = self.change(|deployment| deployment.sources.first().cloned()).flatten().unwrap_or_default();
        self.fail(reason);
        if back.is_ok() {
            self.take_in(&blue).await;
        }
        self.end(Status::Stopped, Some(back.err().unwrap_or_else(|| reason.to_owned())));
    }

    /// Gives back what was shifted; whether its load balancer needs time until traffic follows.
    fn give_back(&self, traffic: Traffic) -> Result<bool, String> {
        let share = self.change(|deployment| match traffic {
            Traffic::Production => deployment.production_share,
            Traffic::Test => deployment.test_share,
        });
        if share.is_some_and(|share| share > 0.0) {
            self.set(traffic, 0.0).map(|balancers| is_network(&balancers, traffic))
        } else {
            Ok(false)
        }
    }

    fn is_wanted(&self, revision: &str) -> Option<bool> {
        self.service(|service, _| service.deployment_of(revision)?.wanted).flatten()
    }

    /// No more tasks of the new revision are started.
    fn fail(&self, reason: &str) {
        let (target, now) = (self.target(), self.fleet.clock.now_millis());
        self.service(|service, _| {
            let Some(green) = service.deployment_of_mut(&target) else { return };
            green.rollout = Rollout::Failed;
            green.reason = reason.to_owned();
            green.updated_at = now;
            let (id, failed_tasks) = (green.id.clone(), green.failed_tasks);
            if let Some(deployment) = service.history.deployment_mut(&self.id) {
                deployment.failed_tasks = failed_tasks;
            }
            service.say(now, format!("(service {}) (deployment {id}) deployment failed: {reason}", service.name));
        });
    }

    /// Makes the old revision's deployment the PRIMARY one again and stops the tasks of the new one.
    async fn take_in(&self, blue: &str) {
        let target = self.target();
        self.enter(Stage::CleanUp);
        // What began after this one stays before it.
        self.service(|service, _| {
            let place = |revision: &str| service.deployments.iter().position(|it| it.revision == revision);
            if let (Some(of_blue), Some(of_target)) = (place(blue), place(&target))
                && of_target < of_blue
            {
                let deployment = service.deployments.remove(of_blue);
                service.deployments.insert(of_target, deployment);
            }
        });
        self.scale(&target, false);
        self.until_gone(&target).await;
    }
}
