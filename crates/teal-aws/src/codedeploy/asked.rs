//! What a hook of CodeDeploy is about: its event says neither which lifecycle event it is, nor of which application.

use super::CodeDeploy;
use super::reading::{UnderWay, event_under_way, function_version};
use serde_json::json;
use teal::deployment::{DeploymentId, described_release};
use teal::hook::{Asked, HookCall, HookEvent, HookWait, InstanceHook, plan_of_code_deploy};
use teal::ports::{PortError, PortResult};

const TARGETS: &str = "codedeploy:BatchGetDeploymentTargets";

impl CodeDeploy<'_> {
    /// The lifecycle event that is under way is the one whose hook asks: CodeDeploy asks for one at a time.
    pub(crate) async fn hook_of_code_deploy(self, id: &DeploymentId, execution: &str) -> PortResult<Asked> {
        let found = self.described(id).await?;
        if found.has_ended()? {
            return Ok(Asked::Over { deployment: id.clone(), why: format!("deployment {id} has ended") });
        }
        let targets = self.targets_of(id).await?;
        let now = event_under_way(&targets);
        let Some((event, since)) = now.as_ref().and_then(|now| Some((HookEvent::of_code_deploy(now.name)?, now.since)))
        else {
            // Either CodeDeploy does not show yet what it asks, or it has been told: the next call finds out.
            let message = format!("deployment {id} is at {}, which has no hook", name_of(now));
            return Err(PortError::Unavailable { call: TARGETS, message });
        };
        let none_of_ours = |message: String| PortError::Refused { call: "codedeploy:GetDeployment", message };
        Ok(Asked::Hook(HookCall {
            event,
            deployment: id.clone(),
            is_rollback: found.is_rollback(),
            begun_for: described_release(found.description()),
            plan: plan_of_code_deploy(found.application(), found.group()).map_err(none_of_ours)?,
            version: None,
            function_version: function_version(&targets).map(str::to_owned),
            waits: Some(HookWait { execution: execution.to_owned(), since }),
        }))
    }

    /// The script says which deployment it is about: that it is one of the group whose plan is asked, CodeDeploy says. So it does of the
    /// instance, and EC2 says where that is: of what whoever calls says nothing is taken on trust, for checks are sent there.
    pub(crate) async fn hook_on_instance(self, hook: &InstanceHook) -> PortResult<Asked> {
        let (id, application, group) = (&hook.deployment, &hook.application, &hook.deployment_group);
        let found = self.described(id).await?;
        if !found.is_of(application, group) {
            let message = format!("deployment {id} is none of the deployment group {group} of {application}");
            return Err(PortError::Refused { call: "codedeploy:GetDeployment", message });
        }
        if found.is_rollback() {
            return Ok(Asked::Back { deployment: id.clone() });
        }
        let address = match &hook.instance {
            Some(instance) => {
                self.require_target_at(id, instance, &hook.event).await?;
                Some(self.0.private_address(instance).await?)
            }
            None => None,
        };
        Ok(Asked::InPlace { address })
    }

    /// Requires that an instance is one of a deployment's, and that the event is under way on it which it asks about.
    async fn require_target_at(self, id: &DeploymentId, instance: &str, event: &str) -> PortResult<()> {
        let input = json!({"deploymentId": id, "targetIds": [instance]});
        let answer = self.0.codedeploy().call(TARGETS, &format!("{instance} of deployment {id}"), &input).await?;
        let target = &answer["deploymentTargets"][0];
        if target["instanceTarget"]["targetId"] != instance {
            let message = format!("deployment {id} has no instance {instance}");
            return Err(PortError::Refused { call: TARGETS, message });
        }
        let now = event_under_way(std::slice::from_ref(target));
        if now.as_ref().is_some_and(|now| now.name == event) {
            return Ok(());
        }
        // CodeDeploy learns it from the agent, and may not show it yet.
        let message = format!("on {instance} deployment {id} is at {}, not at {event}", name_of(now));
        Err(PortError::Unavailable { call: TARGETS, message })
    }
}

fn name_of(event: Option<UnderWay<'_>>) -> &str {
    event.map_or("no lifecycle event", |event| event.name)
}
