//! Deployments in place to instances: which at once, and when they are too few that are healthy.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/instances-health.html>

use super::{End, MINUTE, Step, call, failed, instance, pause};
use crate::Inner;
use crate::model::{Deployment, EventStatus, InstanceStatus, InstanceTarget};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Too few instances are healthy.
const CODE: &str = "HEALTH_CONSTRAINTS";

pub(super) async fn deploy(inner: &Arc<Inner>, deployment: &Deployment) -> Step<()> {
    let id = deployment.id.as_str();
    let instances = instances(inner, deployment);
    let total = instances.len();
    if total == 0 {
        return Err(failed("NO_INSTANCES", "The deployment group has no instances in service."));
    }
    let behind = target_groups(inner, deployment).await?;
    inner.change(id, |one| {
        let targets = instances.iter().map(|id| InstanceTarget::new(id.clone(), !behind.is_empty()));
        one.instances = targets.collect();
    });
    let least = deployment.config.hosts.map_or(0, |hosts| hosts.of(total));
    if least >= total {
        let message = format!("{least} of {total} instances must stay healthy, so that none can be deployed to.");
        return Err(failed("HEALTH_CONSTRAINTS_INVALID", message));
    }
    let mut waiting = instances.into_iter();
    // Ends with this function: what is under way then is given up.
    let mut under_way = JoinSet::new();
    let (mut bad, mut good) = (0, 0);
    loop {
        // Each that is deployed to is missing, as each is to which it failed.
        while total > bad + under_way.len() + least
            && let Some(instance) = waiting.next()
        {
            under_way.spawn(instance::deploy(Arc::clone(inner), deployment.clone(), behind.clone(), instance));
        }
        let ended = tokio::select! {
            ended = under_way.join_next() => ended,
            order = until_ordered(inner, id) => match order {
                Ok(never) => match never {},
                Err(end) => return Err(end),
            },
        };
        let Some(ended) = ended else { break };
        let (instance, succeeded) = ended
            .map_err(|problem| failed("INTERNAL_ERROR", format!("an instance's deployment broke off: {problem}")))?;
        inner.state().note_installed(deployment, &instance, succeeded);
        if succeeded { good += 1 } else { bad += 1 }
    }
    // The last one may fail without harm, where the others suffice.
    let left = waiting.len();
    if left == 0 && good > 0 && total - bad >= least {
        return Ok(());
    }
    let message = format!(
        "The overall deployment failed because too many individual instances failed deployment, too few healthy instances are available \
         for deployment, or some instances in your deployment group are experiencing problems. {bad} of {total} instances failed, {left} \
         were left alone."
    );
    Err(failed(CODE, message))
}

/// Those of the group's Auto Scaling groups, in the order in which they are deployed to.
fn instances(inner: &Inner, deployment: &Deployment) -> Vec<String> {
    let names = deployment.setting("autoScalingGroups").and_then(Value::as_array).into_iter().flatten();
    let found = names.filter_map(Value::as_str).filter_map(|name| inner.instances.in_service(name)).flatten().collect();
    match inner.state().group_of(deployment) {
        Some(group) => group.in_order(found),
        None => found,
    }
}

/// The ARNs of the target groups that an instance leaves while it is deployed to.
async fn target_groups(inner: &Inner, deployment: &Deployment) -> Step<Vec<String>> {
    if deployment.setting("deploymentStyle/deploymentOption").is_none_or(|option| option != "WITH_TRAFFIC_CONTROL") {
        return Ok(Vec::new());
    }
    let groups = deployment.setting("loadBalancerInfo/targetGroupInfoList").and_then(Value::as_array);
    let names: Vec<_> = groups.into_iter().flatten().map(|group| group["name"].clone()).collect();
    let found = call(
        inner,
        "INVALID_LOAD_BALANCER_CONFIGURATION",
        "elasticloadbalancing",
        "DescribeTargetGroups",
        json!({"Names": names}),
    )
    .await?;
    let found = found["TargetGroups"].as_array().into_iter().flatten();
    Ok(found.filter_map(|group| group["TargetGroupArn"].as_str().map(str::to_owned)).collect())
}

/// Until somebody, or an alarm, stops the deployment.
async fn until_ordered(inner: &Inner, id: &str) -> Result<Infallible, End> {
    loop {
        pause(inner, id, 60 * MINUTE).await?;
    }
}

/// Ends an instance with its last event.
pub(super) fn end_instance(inner: &Inner, deployment: &str, instance: &str, succeeded: bool) {
    let now = inner.clock.now_millis();
    let status = if succeeded { InstanceStatus::Succeeded } else { InstanceStatus::Failed };
    inner.change(deployment, |one| {
        if let Some(target) = one.instances.iter_mut().find(|target| target.id == instance) {
            target.end(status, EventStatus::Failed, now);
        }
    });
}
