//! Hooks of deployments: the forms in which CodeDeploy, ECS and the script on an instance ask, and those in which each is answered.
//!
//! Of an event only what is needed is read, and no value of it is repeated in a message: a hook's details are the user's, and may hold
//! anything.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use teal::deployment::DeploymentId;
use teal::error::{Disposition, ErrorName, TealError, TealResult};
use teal::hook::{EcsHook, HookAsked, HookStatus, HookTold, InstanceHook};
use teal::plan::{PlanRef, Version};
use tracing::{info, warn};

/// When ECS and the script on an instance ask again, in seconds: ECS's own time where none is given.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html>
const ASK_AGAIN_SECONDS: u64 = 30;

/// The longest text that is read from an event, in bytes. CodeDeploy's opaque ids are some hundred long, and are kept in keys of the
/// table, which take 1 KiB.
const LONGEST: usize = 900;

/// The most revisions that have weights: blue and green, and what an earlier deployment left.
const MOST_WEIGHTS: usize = 16;

/// What marks an event of the script on an instance, and what it says there.
const MARK: &str = "teal";
const INSTANCE: &str = "ec2";

/// Reads a hook in whatever form it asks.
///
/// CodeDeploy: <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>.
/// ECS, nested and flat: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>.
/// The script: infra/ec2/teal-hook.sh.
///
/// # Errors
/// Which field is missing or is not what it must be; no value is repeated.
pub fn decode_hook(event: &Value) -> TealResult<HookAsked> {
    let Some(fields) = event.as_object() else { return Err(refused("it is no object")) };
    if fields.contains_key(MARK) {
        instance(fields).map(HookAsked::Instance)
    } else if fields.contains_key("DeploymentId") {
        let execution = text(fields, "LifecycleEventHookExecutionId")?.to_owned();
        Ok(HookAsked::CodeDeploy { deployment: deployment(fields, "DeploymentId")?, execution })
    } else if fields.contains_key("executionDetails") || fields.contains_key("serviceArn") {
        ecs(fields).map(HookAsked::Ecs)
    } else {
        Err(refused(
            "it has neither DeploymentId (CodeDeploy) nor executionDetails or serviceArn (ECS) nor teal (the script on an instance). \
             Name this function as a hook in an AppSpec or as a lifecycle hook of an ECS service",
        ))
    }
}

fn instance(fields: &Map<String, Value>) -> TealResult<InstanceHook> {
    if fields[MARK] != INSTANCE {
        return Err(refused("teal is not \"ec2\""));
    }
    Ok(InstanceHook {
        deployment: deployment(fields, "deploymentId")?,
        application: text(fields, "application")?.to_owned(),
        deployment_group: text(fields, "deploymentGroup")?.to_owned(),
        event: text(fields, "lifecycleEvent")?.to_owned(),
        instance: optional(fields, "instance")?.map(instance_id).transpose()?,
    })
}

/// `i-` and hexadecimal digits.
fn instance_id(text: &str) -> TealResult<String> {
    let digits = text.strip_prefix("i-").filter(|digits| (8..=17).contains(&digits.len()));
    match digits {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(text.to_owned()),
        _ => Err(refused("instance is no id of an instance of EC2")),
    }
}

fn ecs(fields: &Map<String, Value>) -> TealResult<EcsHook> {
    let details = match fields.get("executionDetails") {
        None => fields,
        Some(Value::Object(details)) => details,
        Some(_) => return Err(refused("executionDetails is no object")),
    };
    let (cluster, service) = service(text(details, "serviceArn")?)?;
    let own = details_of_hook(fields.get("hookDetails"))?;
    let deployment = match fields.get("resourceArn") {
        None | Some(Value::Null) => None,
        Some(_) => Some(deployment(fields, "resourceArn")?),
    };
    Ok(EcsHook {
        deployment,
        stage: optional(fields, "lifecycleStage")?.map(str::to_owned),
        cluster,
        service,
        target: text(details, "targetServiceRevisionArn")?.to_owned(),
        test: weights(details, "testTrafficWeights")?,
        production: weights(details, "productionTrafficWeights")?,
        plan: parsed::<PlanRef>(&own, "planRef", "hookDetails.planRef")?,
        version: parsed::<Version>(&own, "version", "hookDetails.version")?.map(|version| version.to_string()),
    })
}

/// What the service's owner gave the hook. A stack template writes it as a text of JSON.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ecs-service-deploymentlifecyclehook.html>
fn details_of_hook(details: Option<&Value>) -> TealResult<Map<String, Value>> {
    let read = match details {
        None | Some(Value::Null) => Some(Value::Object(Map::new())),
        Some(Value::String(text)) => serde_json::from_slice(text.as_bytes()).ok(),
        Some(other) => Some(other.clone()),
    };
    match read {
        Some(Value::Object(own)) => Ok(own),
        _ => Err(refused("hookDetails is no object")),
    }
}

/// Cluster and service of `arn:aws:ecs:<region>:<account>:service/<cluster>/<service>`.
fn service(arn: &str) -> TealResult<(String, String)> {
    let wrong = || refused("serviceArn is not the ARN of an ECS service with its cluster");
    let (before, path) = arn.split_once(":service/").ok_or_else(wrong)?;
    let is_name =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    match path.split_once('/') {
        Some((cluster, name)) if before.starts_with("arn:") && is_name(cluster) && is_name(name) => {
            Ok((cluster.to_owned(), name.to_owned()))
        }
        _ => Err(wrong()),
    }
}

fn weights(fields: &Map<String, Value>, name: &str) -> TealResult<BTreeMap<String, f64>> {
    let wrong = || refused(&format!("{name} is not a map of numbers by revision"));
    let all = match fields.get(name) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(all)) if all.len() <= MOST_WEIGHTS => all,
        Some(_) => return Err(wrong()),
    };
    let weight = |(revision, weight): (&String, &Value)| {
        let weight = weight.as_f64().filter(|weight| (0.0..=100.0).contains(weight) && revision.len() <= LONGEST);
        Ok((revision.clone(), weight.ok_or_else(wrong)?))
    };
    all.iter().map(weight).collect()
}

fn deployment(fields: &Map<String, Value>, name: &str) -> TealResult<DeploymentId> {
    text(fields, name)?.parse().map_err(|_| refused(&format!("{name} is no deployment's id")))
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> TealResult<&'a str> {
    optional(fields, name)?.ok_or_else(|| refused(&format!("it has no {name}")))
}

fn optional<'a>(fields: &'a Map<String, Value>, name: &str) -> TealResult<Option<&'a str>> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= LONGEST => Ok(Some(text)),
        Some(Value::String(_)) => Err(refused(&format!("{name} is empty or longer than {LONGEST} bytes"))),
        Some(_) => Err(refused(&format!("{name} is no text"))),
    }
}

fn parsed<T: std::str::FromStr>(fields: &Map<String, Value>, name: &str, place: &str) -> TealResult<Option<T>> {
    let Some(text) = optional(fields, name).map_err(|_| refused(&format!("{place} is no text")))? else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| refused(&format!("{place} is not what a start of a release takes there")))
}

fn refused(why: &str) -> TealError {
    TealError::new(ErrorName::Internal, format!("the input is no hook of a deployment: {why}"))
}

/// The answer in the form in which the hook asked. Who asks again is not told of what passes, but to ask again.
///
/// # Errors
/// Why the hook could not be answered: CodeDeploy's call is then made again by Lambda; ECS takes the deployment back.
pub fn hook_answer(hook: &HookAsked, told: TealResult<HookTold>) -> TealResult<Value> {
    let told = match (hook, told) {
        (_, Ok(told)) => told,
        (HookAsked::Ecs(_) | HookAsked::Instance(_), Err(error)) if error.name.disposition() == Disposition::Retry => {
            warn!(error = error.name.as_str(), "{}", error.message);
            HookTold { status: HookStatus::InProgress, message: Some(error.message) }
        }
        (_, Err(error)) => return Err(error),
    };
    let message = told.message.unwrap_or_default();
    info!(status = ?told.status, "{message}");
    Ok(match hook {
        // It is told by a call of its own; what a function answers is not read.
        HookAsked::CodeDeploy { deployment, .. } => {
            json!({"deployment": deployment, "status": told.status, "message": message})
        }
        HookAsked::Ecs(asked) => {
            let mut answer = json!({"hookStatus": in_capitals(told.status)});
            if told.status == HookStatus::InProgress {
                answer["callBackDelay"] = json!(ASK_AGAIN_SECONDS);
                let own =
                    [("planRef", asked.plan.as_ref().map(PlanRef::to_string)), ("version", asked.version.clone())];
                let own: Map<String, Value> =
                    own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect();
                if !own.is_empty() {
                    // Handed over again the next time, in the place of those of the service.
                    answer["hookDetails"] = Value::Object(own);
                }
            }
            answer
        }
        HookAsked::Instance(_) => json!({"status": in_capitals(told.status), "message": message}),
    })
}

const fn in_capitals(status: HookStatus) -> &'static str {
    match status {
        HookStatus::InProgress => "IN_PROGRESS",
        HookStatus::Succeeded => "SUCCEEDED",
        HookStatus::Failed => "FAILED",
    }
}
