//! Deployments of ECS services that shift traffic themselves: of strategy blue/green, canary and linear.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>
//!
//! ECS takes a deployment back within itself: its status says so, and there is no other id.

mod asked;
mod reading;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::ecs::ECS;
use crate::json;
use aws_config::retry::RetryConfig;
use reading::ServiceDeployment;
use serde_json::{Value, json};
use teal::deployment::DeploymentId;
use teal::plan::EcsShift;
use teal::ports::{DeploymentReading, DeploymentState, PortError, PortResult};

const DESCRIBE_DEPLOYMENTS: &str = "ecs:DescribeServiceDeployments";
const STOP_DEPLOYMENT: &str = "ecs:StopServiceDeployment";

/// The statuses of a deployment that has not ended.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
const UNDER_WAY: [&str; 5] = ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"];

/// What happens to a deployment that waits at a pause hook.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContinueServiceDeployment.html>
#[derive(Clone, Copy, Debug)]
enum Onwards {
    Continue,
    RollBack,
}

/// ECS's deployments of services.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceDeployments<'a>(pub(crate) &'a Aws);

impl ServiceDeployments<'_> {
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html>
    pub(crate) async fn under_way_of_service(self, by: &EcsShift) -> PortResult<Option<DeploymentId>> {
        const CALL: &str = "ecs:ListServiceDeployments";
        let input = json!({"cluster": by.cluster, "service": by.service, "status": UNDER_WAY});
        let found = self.0.ecs().call_paged(CALL, &service(by), input, "serviceDeployments").await?;
        // A newer one takes the place of an older one, which may still be shown.
        let created = |one: &Value| one["createdAt"].as_f64().unwrap_or_default();
        let newest = found.iter().max_by(|one, other| created(one).total_cmp(&created(other)));
        newest.map(|one| id_of(CALL, &one["serviceDeploymentArn"])).transpose()
    }

    pub(crate) async fn reading_of_service(self, by: &EcsShift, id: &DeploymentId) -> PortResult<DeploymentReading> {
        let found = self.shown(id).await?;
        if !found.is_of(by.cluster.as_str(), by.service.as_str()) {
            return Err(PortError::NotFound { what: format!("{} of {}", what(id), service(by)) });
        }
        found.deployment_reading()
    }

    pub(crate) async fn go_on_after_pause(self, id: &DeploymentId) -> PortResult<()> {
        let found = self.shown(id).await?;
        if found.deployment_state()? != DeploymentState::UnderWay {
            return Ok(());
        }
        self.past_pauses(id, &found, Onwards::Continue).await
    }

    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html>
    pub(crate) async fn take_back_in_service(self, id: &DeploymentId) -> PortResult<()> {
        let found = self.shown(id).await?;
        if found.deployment_state()? != DeploymentState::UnderWay {
            return Ok(());
        }
        if found.waits() {
            return self.past_pauses(id, &found, Onwards::RollBack).await;
        }
        let input = json!({"serviceDeploymentArn": id, "stopType": "ROLLBACK"});
        match self.0.ecs().call(STOP_DEPLOYMENT, &what(id), &input).await {
            // It ended, was stopped, or came to a pause hook meanwhile.
            Err(error @ PortError::Refused { .. }) => {
                let found = self.shown(id).await?;
                match found.deployment_state()? {
                    DeploymentState::UnderWay if found.waits() => self.past_pauses(id, &found, Onwards::RollBack).await,
                    DeploymentState::UnderWay => Err(error),
                    _ => Ok(()),
                }
            }
            answered => answered.map(drop),
        }
    }

    /// Lets a deployment go on, or back, at every pause hook that it waits at. Not tried again within the call: what is at the hook's place
    /// by then may be another one.
    async fn past_pauses(self, id: &DeploymentId, found: &ServiceDeployment, onwards: Onwards) -> PortResult<()> {
        let action = match onwards {
            Onwards::Continue => "CONTINUE",
            Onwards::RollBack => "ROLLBACK",
        };
        let config = self.0.config.to_builder().retry_config(RetryConfig::disabled()).build();
        let client = json::Client::new(&config, &ECS);
        for hook in found.pauses() {
            let input = json!({"serviceDeploymentArn": id, "hookId": hook, "action": action});
            match client.call("ecs:ContinueServiceDeployment", &what(id), &input).await {
                // Somebody let it go on meanwhile, or its time was over.
                Err(error @ PortError::Refused { .. }) => {
                    if self.shown(id).await?.pauses().any(|waiting| waiting == hook) {
                        return Err(error);
                    }
                }
                answered => answered.map(drop)?,
            }
        }
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html>
    async fn shown(self, id: &DeploymentId) -> PortResult<ServiceDeployment> {
        let input = json!({"serviceDeploymentArns": [id]});
        let answer = self.0.ecs().call(DESCRIBE_DEPLOYMENTS, &what(id), &input).await?;
        match answer["serviceDeployments"].get(0) {
            Some(found) => Ok(ServiceDeployment(found.clone())),
            None => match answer["failures"][0]["reason"].as_str() {
                None | Some("MISSING") => Err(PortError::NotFound { what: what(id) }),
                Some(reason) => {
                    let message = format!("{}: {reason}", what(id));
                    Err(PortError::Refused { call: DESCRIBE_DEPLOYMENTS, message })
                }
            },
        }
    }
}

fn what(id: &DeploymentId) -> String {
    format!("deployment {id}")
}

fn service(by: &EcsShift) -> String {
    format!("service {} in cluster {}", by.service, by.cluster)
}

fn id_of(call: &'static str, id: &Value) -> PortResult<DeploymentId> {
    let text = id.as_str().unwrap_or_default();
    let unreadable = |_| PortError::Unavailable { call, message: format!("{text:?} came back as a deployment's ARN") };
    text.parse().map_err(unreadable)
}
