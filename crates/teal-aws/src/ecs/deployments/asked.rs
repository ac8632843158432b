//! What a hook of ECS is about.

use super::{DESCRIBE_DEPLOYMENTS, ServiceDeployments, what};
use teal::hook::{Asked, EcsHook, HookCall, HookEvent, plan_of_ecs};
use teal::plan::EcsShift;
use teal::ports::{DeploymentState, PortError, PortResult};

impl ServiceDeployments<'_> {
    /// The deployment is asked too where the hook names it: only it tells a first one, and one that is being taken back, from others.
    pub(crate) async fn hook_of_service(self, asked: &EcsHook) -> PortResult<Asked> {
        let none_of_ours = |message: String| PortError::Refused { call: DESCRIBE_DEPLOYMENTS, message };
        let EcsHook { cluster, service, .. } = asked;
        let deployment = match &asked.deployment {
            Some(deployment) => deployment.clone(),
            None => {
                let names = cluster.parse().and_then(|cluster| Ok(EcsShift { cluster, service: service.parse()? }));
                let by = names.map_err(|invalid| none_of_ours(format!("serviceArn: {}", invalid.reason)))?;
                let under_way = self.under_way_of_service(&by).await?;
                under_way.ok_or_else(|| PortError::NotFound {
                    what: format!("a deployment of {service} in {cluster} under way"),
                })?
            }
        };
        let found = self.shown(&deployment).await?;
        if !found.is_of(cluster, service) {
            return Err(none_of_ours(format!(
                "{} is none of service {service} in cluster {cluster}",
                what(&deployment)
            )));
        }
        let state = found.deployment_state()?;
        match state {
            DeploymentState::UnderWay if found.is_first() => return Ok(Asked::First { deployment }),
            DeploymentState::UnderWay | DeploymentState::TakingBack => {}
            DeploymentState::Succeeded | DeploymentState::GaveUp => {
                let why = format!("{} has ended", what(&deployment));
                return Ok(Asked::Over { deployment, why });
            }
        }
        let stage = asked.stage.as_deref().unwrap_or_else(|| found.stage_name());
        let event = HookEvent::of_ecs(stage);
        Ok(Asked::Hook(HookCall {
            event: event
                .ok_or_else(|| none_of_ours(format!("{} is at {stage:?}, which has no hook", what(&deployment))))?,
            is_rollback: state == DeploymentState::TakingBack || asked.shifts_back(),
            deployment,
            begun_for: None,
            plan: asked.plan.clone().map_or_else(|| plan_of_ecs(cluster, service).map_err(none_of_ours), Ok)?,
            version: asked.version.clone(),
            function_version: None,
            waits: None,
        }))
    }
}
