//! Deployments of a task definition to a service.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-ecs.html>

use super::listeners::{CODE as INVALID_BALANCER, Listener};
use super::{End, MINUTE, Step, call, event, failed, hooks, pause, shift, wait};
use crate::Inner;
use crate::appspec::Resource;
use crate::model::{Deployment, Order, Shift, Status, Trouble};
use serde_json::{Value, json};
use teal_lab_wire::Millis;

/// How long a replacement task set may take until it is steady, and how often CodeDeploy looks.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/troubleshooting-ecs.html>
const STEADY_WITHIN: Millis = 60 * MINUTE;
const LOOK: Millis = 5_000;

const INVALID_SERVICE: &str = "INVALID_ECS_SERVICE";
const UPDATE_ERROR: &str = "ECS_UPDATE_ERROR";

pub(super) async fn deploy(inner: &Inner, deployment: &Deployment) -> Step<()> {
    let id = deployment.id.as_str();
    hooks::run(inner, deployment, "BeforeInstall").await?;
    let installed = event(inner, id, "Install", install(inner, deployment)).await?;
    hooks::run(inner, deployment, "AfterInstall").await?;
    if let Some(listener) = deployment.test_listener() {
        event(inner, id, "AllowTestTraffic", set_share(inner, listener, &installed.groups, 100)).await?;
        hooks::run(inner, deployment, "AfterAllowTestTraffic").await?;
    }
    wait_until_continued(inner, deployment).await?;
    hooks::run(inner, deployment, "BeforeAllowTraffic").await?;
    event(inner, id, "AllowTraffic", allow_traffic(inner, deployment, &installed)).await?;
    hooks::run(inner, deployment, "AfterAllowTraffic").await?;
    keep_the_original(inner, deployment).await?;
    delete_task_set(inner, deployment, &installed.original).await
}

/// What Install leaves.
struct Installed {
    original: String,
    replacement: String,
    /// The target groups of both.
    groups: [String; 2],
}

async fn install(inner: &Inner, deployment: &Deployment) -> Step<Installed> {
    let (original, groups) = original(inner, deployment).await?;
    let listener = production(inner, deployment).await?;
    if !listener.leads_to(inner, &groups[0]).await? {
        let message = "The target group of the primary task set must be behind the production listener.";
        return Err(failed(INVALID_BALANCER, message));
    }
    if !listener.is_application() && deployment.config.shift != Shift::AllAtOnce {
        let message = "Behind a Network Load Balancer traffic can be shifted all at once only.";
        return Err(failed(INVALID_BALANCER, message));
    }
    let Resource::Ecs { task_definition, container, port, settings } = &deployment.app_spec.resource else {
        return Err(failed(INVALID_SERVICE, "The AppSpec file names no Amazon ECS service."));
    };
    let (cluster, service) = deployment.target_names();
    let mut wanted = json!({
        "cluster": cluster,
        "service": service,
        "taskDefinition": task_definition,
        "externalId": deployment.id,
        "loadBalancers": [{"targetGroupArn": groups[1], "containerName": container, "containerPort": port}],
        "scale": {"value": 100, "unit": "PERCENT"},
    });
    for (name, value) in settings.as_object().into_iter().flatten() {
        wanted[name] = value.clone();
    }
    let made = call(inner, UPDATE_ERROR, "ecs", "CreateTaskSet", wanted).await?;
    let replacement = made["taskSet"]["id"].as_str().unwrap_or_default().to_owned();
    inner.change(&deployment.id, |deployment| {
        deployment.target.original = Some(original.clone());
        deployment.target.replacement = Some(replacement.clone());
        deployment.target.groups = Some(groups.clone());
    });
    let until = inner.clock.now_millis() + STEADY_WITHIN;
    loop {
        let sets = task_sets(inner, deployment).await?;
        let replaced = sets.iter().find(|set| set["id"] == replacement.as_str());
        if replaced.is_some_and(|set| set["stabilityStatus"] == "STEADY_STATE") {
            return Ok(Installed { original, replacement, groups });
        }
        if inner.clock.now_millis() >= until {
            let message = "The replacement task set did not become healthy within 60 minutes.";
            return Err(failed("TIMEOUT", message));
        }
        pause(inner, &deployment.id, LOOK).await?;
    }
}

async fn task_sets(inner: &Inner, deployment: &Deployment) -> Step<Vec<Value>> {
    let (cluster, service) = deployment.target_names();
    let named = json!({"cluster": cluster, "services": [service]});
    let found = call(inner, INVALID_SERVICE, "ecs", "DescribeServices", named).await?;
    Ok(found["services"][0]["taskSets"].as_array().cloned().unwrap_or_default())
}

/// The primary task set, and the target groups: its own first, then the other one of the pair.
async fn original(inner: &Inner, deployment: &Deployment) -> Step<(String, [String; 2])> {
    let sets = task_sets(inner, deployment).await?;
    let [set] = sets.as_slice() else {
        let message = format!("The Amazon ECS service must have one task set, but has {}.", sets.len());
        return Err(failed(INVALID_SERVICE, message));
    };
    let pair =
        deployment.setting("loadBalancerInfo/targetGroupPairInfoList/0/targetGroups").cloned().unwrap_or_default();
    let names: Vec<_> = pair.as_array().into_iter().flatten().map(|group| group["name"].clone()).collect();
    let named = json!({"Names": names});
    let found = call(inner, INVALID_BALANCER, "elasticloadbalancing", "DescribeTargetGroups", named).await?;
    let arns: Vec<&str> = found["TargetGroups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["TargetGroupArn"].as_str())
        .collect();
    let own = set["loadBalancers"][0]["targetGroupArn"].as_str().unwrap_or_default();
    let (true, Some(other)) = (arns.contains(&own), arns.iter().find(|arn| **arn != own)) else {
        let message = "The target group of the primary task set must be one of the deployment group's.";
        return Err(failed(INVALID_BALANCER, message));
    };
    Ok((set["id"].as_str().unwrap_or_default().to_owned(), [own.to_owned(), (*other).to_owned()]))
}

async fn production(inner: &Inner, deployment: &Deployment) -> Step<Listener> {
    Listener::read(inner, deployment.production_listener().unwrap_or_default()).await
}

async fn set_share(inner: &Inner, listener: &str, groups: &[String; 2], share: u8) -> Step<()> {
    // Read anew each time: somebody else may have changed the rest.
    Listener::read(inner, listener).await?.shift(inner, groups, share).await
}

/// Where the group says so, the deployment waits until it is continued.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentReadyOption.html>
async fn wait_until_continued(inner: &Inner, deployment: &Deployment) -> Step<()> {
    const OPTION: &str = "blueGreenDeploymentConfiguration/deploymentReadyOption";
    let setting = |name: &str| deployment.setting(&format!("{OPTION}/{name}"));
    if setting("actionOnTimeout").is_none_or(|action| action != "STOP_DEPLOYMENT") {
        return Ok(());
    }
    let minutes = setting("waitTimeInMinutes").and_then(Value::as_i64).unwrap_or(0);
    inner.change(&deployment.id, |deployment| deployment.status = Status::Ready);
    let until = inner.clock.now_millis() + minutes * MINUTE;
    let continued = wait(inner, &deployment.id, until, |one| one.ready_continued.then_some(())).await?;
    if continued.is_none() {
        let why = Trouble::new("TIMEOUT", format!("The deployment was not continued within {minutes} minutes."));
        let rolls_back = deployment.rolls_back_on("DEPLOYMENT_STOP_ON_REQUEST");
        return Err(End::Stopped(Order { why, rolls_back }));
    }
    inner.change(&deployment.id, |deployment| deployment.status = Status::InProgress);
    Ok(())
}

async fn allow_traffic(inner: &Inner, deployment: &Deployment, installed: &Installed) -> Step<()> {
    let listener = deployment.production_listener().unwrap_or_default();
    shift(inner, deployment, |share| set_share(inner, listener, &installed.groups, share)).await?;
    make_primary(inner, deployment, &installed.replacement).await?;
    inner.change(&deployment.id, |deployment| deployment.target.is_primary = true);
    Ok(())
}

/// The original task set stays for its time, or until the deployment is continued.
async fn keep_the_original(inner: &Inner, deployment: &Deployment) -> Step<()> {
    const WAIT: &str =
        "blueGreenDeploymentConfiguration/terminateBlueInstancesOnDeploymentSuccess/terminationWaitTimeInMinutes";
    let minutes = deployment.setting(WAIT).and_then(Value::as_i64).unwrap_or(0);
    inner.change(&deployment.id, |deployment| deployment.waits_for_termination = true);
    let until = inner.clock.now_millis() + minutes * MINUTE;
    wait(inner, &deployment.id, until, |one| one.termination_continued.then_some(())).await?;
    inner.change(&deployment.id, |deployment| {
        deployment.waits_for_termination = false;
        deployment.termination_continued = true;
    });
    Ok(())
}

async fn make_primary(inner: &Inner, deployment: &Deployment, task_set: &str) -> Step<()> {
    let (cluster, service) = deployment.target_names();
    let wanted = json!({"cluster": cluster, "service": service, "primaryTaskSet": task_set});
    call(inner, UPDATE_ERROR, "ecs", "UpdateServicePrimaryTaskSet", wanted).await.map(drop)
}

async fn delete_task_set(inner: &Inner, deployment: &Deployment, task_set: &str) -> Step<()> {
    let (cluster, service) = deployment.target_names();
    let unwanted = json!({"cluster": cluster, "service": service, "taskSet": task_set, "force": true});
    call(inner, UPDATE_ERROR, "ecs", "DeleteTaskSet", unwanted).await.map(drop)
}

/// Gives all traffic back to the original task set, and takes the replacement in.
pub(super) async fn roll_back(inner: &Inner, deployment: &Deployment) -> Step<()> {
    super::skip_hooks(inner, deployment);
    let of = deployment.target.clone();
    let (Some(original), Some(replacement), Some(groups)) = (of.original, of.replacement, of.groups) else {
        return Err(failed(INVALID_SERVICE, "There is no task set to go back to."));
    };
    let production = deployment.production_listener().unwrap_or_default();
    let back = async {
        set_share(inner, production, &groups, 0).await?;
        if let Some(listener) = deployment.test_listener() {
            set_share(inner, listener, &groups, 0).await?;
        }
        make_primary(inner, deployment, &original).await
    };
    event(inner, &deployment.id, "AllowTraffic", back).await?;
    inner.change(&deployment.id, |deployment| {
        deployment.target.share = 0;
        deployment.target.is_primary = false;
    });
    delete_task_set(inner, deployment, &replacement).await
}
