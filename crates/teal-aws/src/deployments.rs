//! Deployments that move traffic in Teal's place, and their hooks: of whom they are, is told here.

use crate::Aws;
use crate::codedeploy::CodeDeploy;
use crate::ecs::ServiceDeployments;
use teal::deployment::DeploymentId;
use teal::hook::{Asked, HookAnswer, HookAsked, HookTicket};
use teal::plan::ShiftedBy;
use teal::ports::{DeploymentReading, Deployments, Hearing, Hooks, PortError, PortResult};
use teal::release::ReleaseId;

impl Deployments for Aws {
    async fn begin_deployment(&self, by: &ShiftedBy, release: &ReleaseId) -> PortResult<DeploymentId> {
        match by {
            ShiftedBy::CodeDeploy(by) => CodeDeploy(self).begin_in_group(by, release).await,
            ShiftedBy::Ecs(_) => {
                let message = "ECS begins a deployment when its service is updated; Teal begins none".to_owned();
                Err(PortError::Refused { call: "ecs:UpdateService", message })
            }
        }
    }

    async fn deployment_begun_for(&self, by: &ShiftedBy, release: &ReleaseId) -> PortResult<Option<DeploymentId>> {
        match by {
            ShiftedBy::CodeDeploy(by) => CodeDeploy(self).begun_in_group(by, release).await,
            ShiftedBy::Ecs(_) => Ok(None),
        }
    }

    async fn deployment_under_way(&self, by: &ShiftedBy) -> PortResult<Option<DeploymentId>> {
        match by {
            ShiftedBy::CodeDeploy(by) => CodeDeploy(self).under_way_in_group(by).await,
            ShiftedBy::Ecs(by) => ServiceDeployments(self).under_way_of_service(by).await,
        }
    }

    async fn deployment(&self, by: &ShiftedBy, id: &DeploymentId) -> PortResult<DeploymentReading> {
        match by {
            ShiftedBy::CodeDeploy(by) => CodeDeploy(self).reading_in_group(by, id).await,
            ShiftedBy::Ecs(by) => ServiceDeployments(self).reading_of_service(by, id).await,
        }
    }

    async fn continue_deployment(&self, by: &ShiftedBy, id: &DeploymentId) -> PortResult<()> {
        match by {
            ShiftedBy::CodeDeploy(_) => CodeDeploy(self).go_on_from_ready(id).await,
            ShiftedBy::Ecs(_) => ServiceDeployments(self).go_on_after_pause(id).await,
        }
    }

    async fn stop_deployment(&self, by: &ShiftedBy, id: &DeploymentId) -> PortResult<()> {
        match by {
            ShiftedBy::CodeDeploy(_) => CodeDeploy(self).take_back_in_group(id).await,
            ShiftedBy::Ecs(_) => ServiceDeployments(self).take_back_in_service(id).await,
        }
    }

    async fn answer_hook(&self, ticket: &HookTicket, answer: HookAnswer) -> PortResult<Hearing> {
        CodeDeploy(self).tell_hook(ticket, answer).await
    }
}

impl Hooks for Aws {
    async fn asked(&self, hook: &HookAsked) -> PortResult<Asked> {
        match hook {
            HookAsked::CodeDeploy { deployment, execution } => {
                CodeDeploy(self).hook_of_code_deploy(deployment, execution).await
            }
            HookAsked::Ecs(hook) => ServiceDeployments(self).hook_of_service(hook).await,
            HookAsked::Instance(hook) => CodeDeploy(self).hook_on_instance(hook).await,
        }
    }
}
