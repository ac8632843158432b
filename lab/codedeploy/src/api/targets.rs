//! A deployment's targets: instances, or one service or alias.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_BatchGetDeploymentTargets.html>

use super::deployments::{MOST_AT_ONCE, existing};
use super::{Answer, fault, required};
use crate::model::{Deployment, Platform, Status};
use crate::{Inner, show};
use serde_json::{Value, json};
use teal_lab_wire::AwsFault;

/// The deployment that a request names, once it has started.
fn started(inner: &Inner, input: &Value) -> Result<Deployment, AwsFault> {
    let state = inner.state();
    let id = existing(&state, input)?;
    let started = state.deployment(id).filter(|one| one.status != Status::Created).cloned();
    started.ok_or_else(|| fault("DeploymentNotStartedException", format!("The deployment {id} has not started")))
}

pub(super) fn list(inner: &Inner, input: &Value) -> Answer {
    let deployment = started(inner, input)?;
    let mut ids = deployment.target_ids();
    let status = |id: &str| {
        let instance = deployment.instances.iter().find(|one| one.id == id);
        instance.map_or_else(|| show::target_status(&deployment), |instance| instance.status.name())
    };
    for (name, wanted) in input["targetFilters"].as_object().into_iter().flatten() {
        if name != "TargetStatus" {
            return Err(fault(
                "InvalidTargetFilterNameException",
                format!("{name} is no filter of this platform's targets"),
            ));
        }
        ids.retain(|id| wanted.as_array().is_some_and(|wanted| wanted.iter().any(|one| one == status(id))));
    }
    Ok(json!({"targetIds": ids}))
}

pub(super) async fn get(inner: &Inner, input: &Value) -> Answer {
    let deployment = started(inner, input)?;
    let target = required(input, "targetId", "DeploymentTargetIdRequiredException")?;
    Ok(json!({"deploymentTarget": described(inner, &deployment, target).await?}))
}

pub(super) async fn batch_get(inner: &Inner, input: &Value) -> Answer {
    let deployment = started(inner, input)?;
    let targets: Vec<&str> = input["targetIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if targets.is_empty() {
        return Err(fault("DeploymentTargetIdRequiredException", "At least one target ID must be specified"));
    }
    if targets.len() > MOST_AT_ONCE {
        let message = format!("At most {MOST_AT_ONCE} targets can be asked for");
        return Err(fault("DeploymentTargetListSizeExceededException", message));
    }
    let mut found = Vec::new();
    for target in targets {
        found.push(described(inner, &deployment, target).await?);
    }
    Ok(json!({"deploymentTargets": found}))
}

async fn described(inner: &Inner, deployment: &Deployment, target: &str) -> Answer {
    if let Some(instance) = deployment.instances.iter().find(|instance| instance.id == target) {
        return Ok(show::instance_target(deployment, instance));
    }
    if deployment.platform == Platform::Server || !deployment.target_ids().iter().any(|known| known == target) {
        let message = format!("The deployment {} has no target {target}", deployment.id);
        return Err(fault("DeploymentTargetDoesNotExistException", message));
    }
    if deployment.platform == Platform::Lambda {
        return Ok(show::lambda_target(deployment));
    }
    let (cluster, service) = deployment.target_names();
    let named = json!({"cluster": cluster, "services": [service]});
    // A service that is gone has no task sets.
    let found = inner.services.call("ecs", "DescribeServices", named).await.unwrap_or_default();
    Ok(show::ecs_target(deployment, &found["services"][0]))
}
