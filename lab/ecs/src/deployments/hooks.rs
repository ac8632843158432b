//! Lifecycle hooks: functions that are asked, and pauses that wait for somebody.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>

use super::model::{Hook, HookStatus, Stage, deployment_arn, revision_arn};
use super::run::Run;
use crate::names;
use crate::protocol::Tag;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use teal_lab_wire::Millis;
use tokio::task::JoinSet;

/// How long a hook is waited for if it does not say: a day, in minutes.
const USUAL_TIMEOUT: i64 = 1_440;
/// How long ECS waits until it asks a function again that does not say.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html>
const USUAL_DELAY: Duration = Duration::from_secs(30);
const MINUTE: Millis = 60_000;
/// A tag of a service that only the lab knows: with the value `flat`, functions are told what the flat form of an event says.
const FORM_TAG: &str = "teal-lab-hook-events";

/// The new revision's shares of traffic, in percent, as hooks of a stage are told them; where a stage is not about traffic, there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shares {
    pub(super) test: Option<f64>,
    pub(super) production: Option<f64>,
}

/// Runs all hooks of a stage at once, and waits until each has let the deployment go on.
///
/// # Errors
/// A sentence, as soon as one has not.
pub(super) async fn run(run: &Arc<Run>, stage: Stage, shares: Shares) -> Result<(), String> {
    let mut all = JoinSet::new();
    for (configured, hook) in begin(run, stage) {
        let run = Arc::clone(run);
        all.spawn(async move { one(&run, stage, shares, &configured, hook).await });
    }
    while let Some(ended) = all.join_next().await {
        ended.map_err(|problem| problem.to_string())??;
    }
    Ok(())
}

/// The stage's hooks, as configured and as they are from now on.
fn begin(run: &Run, stage: Stage) -> Vec<(Value, Hook)> {
    let now = run.fleet.clock.now_millis();
    let begun = run.change(|deployment| {
        let hooks = deployment.configuration["lifecycleHooks"].as_array().cloned().unwrap_or_default();
        let is_of_stage = |hook: &Value| {
            hook["lifecycleStages"].as_array().is_some_and(|stages| stages.iter().any(|it| it == stage.name()))
        };
        let begun: Vec<_> = hooks
            .into_iter()
            .filter(is_of_stage)
            .map(|configured| (configured.clone(), hook(&configured, now)))
            .collect();
        deployment.hooks = begun.iter().map(|(_, hook)| hook.clone()).collect();
        begun
    });
    begun.unwrap_or_default()
}

fn hook(configured: &Value, now: Millis) -> Hook {
    let pauses = configured["targetType"] == "PAUSE";
    let timeout = &configured["timeoutConfiguration"];
    Hook {
        id: if pauses { names::new_pause_id() } else { names::new_uuid() },
        function: configured["hookTargetArn"].as_str().map(str::to_owned),
        status: if pauses { HookStatus::AwaitingAction } else { HookStatus::InProgress },
        expires_at: now + timeout["timeoutInMinutes"].as_i64().unwrap_or(USUAL_TIMEOUT) * MINUTE,
        timeout_action: timeout["action"].as_str().unwrap_or("ROLLBACK").to_owned(),
    }
}

async fn one(run: &Run, stage: Stage, shares: Shares, configured: &Value, hook: Hook) -> Result<(), String> {
    let left = Duration::from_millis((hook.expires_at - run.fleet.clock.now_millis()).max(0).unsigned_abs());
    let decided = async {
        match &hook.function {
            Some(function) => ask(run, stage, shares, configured, &hook, function).await,
            None => action(run, stage, &hook).await,
        }
    };
    let (status, result) = tokio::select! {
        result = decided => (if result.is_ok() { HookStatus::Succeeded } else { HookStatus::Failed }, result),
        () = run.fleet.clock.sleep(left) => (HookStatus::TimedOut, match hook.timeout_action.as_str() {
            "CONTINUE" => Ok(()),
            _ => Err(format!("The lifecycle hook {} at {} timed out.", hook.id, stage.name())),
        }),
    };
    run.change(|deployment| {
        for known in deployment.hooks.iter_mut().filter(|known| known.id == hook.id) {
            known.status = status;
        }
    });
    result
}

/// Waits for ContinueServiceDeployment.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>
async fn action(run: &Run, stage: Stage, hook: &Hook) -> Result<(), String> {
    loop {
        let status =
            run.change(|it| it.hooks.iter().find(|known| known.id == hook.id).map(|known| known.status)).flatten();
        match status {
            Some(HookStatus::AwaitingAction | HookStatus::InProgress) => run.look().await,
            Some(HookStatus::Succeeded) => return Ok(()),
            _ => return Err(format!("Somebody rolled back at the lifecycle hook {} at {}.", hook.id, stage.name())),
        }
    }
}

/// What a function says of a deployment.
#[derive(Debug, PartialEq)]
enum Answer {
    Succeeded,
    /// It wants to be asked again after this time, and to be told these things then.
    InProgress(Duration, Map<String, Value>),
    /// What is wrong with it, as a clause.
    Failed(String),
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html>
fn read(answer: Result<Value, String>) -> Answer {
    let answer = match answer {
        Ok(answer) => answer,
        Err(problem) => return Answer::Failed(problem),
    };
    match answer["hookStatus"].as_str() {
        Some("SUCCEEDED") => Answer::Succeeded,
        Some("IN_PROGRESS") => {
            let delay = answer["callBackDelay"].as_u64().map_or(USUAL_DELAY, Duration::from_secs);
            Answer::InProgress(delay, answer["hookDetails"].as_object().cloned().unwrap_or_default())
        }
        Some("FAILED") => Answer::Failed("its hookStatus is FAILED".to_owned()),
        _ => Answer::Failed(format!("it answered no hookStatus that there is: {answer}")),
    }
}

/// Asks a function, and again as long as it is not decided.
async fn ask(
    run: &Run,
    stage: Stage,
    shares: Shares,
    configured: &Value,
    hook: &Hook,
    function: &str,
) -> Result<(), String> {
    let failed = |why: &str| format!("The lifecycle hook {function} at {} failed: {why}.", stage.name());
    let functions =
        run.fleet.options.neighbours.functions.as_ref().ok_or_else(|| failed("ECS knows no functions here"))?;
    let is_form = |tag: &Tag| tag.key == FORM_TAG && tag.value == "flat";
    let is_flat = run.service(|service, _| service.tags.iter().any(is_form)).unwrap_or_default();
    let mut details = configured["hookDetails"].as_object().cloned();
    let mut event = event(run, stage, shares, &hook.id);
    loop {
        if let Some(details) = &details {
            event["hookDetails"] = json!(details);
        }
        let told = if is_flat { flat(&event) } else { event.clone() };
        match read(functions.invoke(function, &told).await) {
            Answer::Succeeded => return Ok(()),
            Answer::Failed(why) => return Err(failed(&why)),
            Answer::InProgress(delay, more) => {
                if !more.is_empty() {
                    details.get_or_insert_with(Map::new).extend(more);
                }
                run.fleet.clock.sleep(delay).await;
            }
        }
    }
}

/// What a function is told. Weights are told in the stages that are about traffic.
fn event(run: &Run, stage: Stage, shares: Shares, hook: &str) -> Value {
    let (cluster, service) = &run.key;
    let known = run.change(|deployment| (deployment.target.clone(), deployment.sources.first().cloned()));
    let (target, source) = known.unwrap_or_default();
    let arn = |id: &str| revision_arn(cluster, service, id);
    let weights = |share: Option<f64>| {
        let mut weights = Map::new();
        if let Some(share) = share {
            weights.insert(arn(&target), percent(share));
            weights.extend(source.iter().map(|source| (arn(source), percent(100.0 - share))));
        }
        weights
    };
    json!({
        "executionId": hook,
        "lifecycleStage": stage.name(),
        "resourceArn": deployment_arn(cluster, service, &run.id),
        "executionDetails": {
            "serviceArn": names::service_arn(cluster, service),
            "targetServiceRevisionArn": arn(&target),
            "testTrafficWeights": weights(shares.test),
            "productionTrafficWeights": weights(shares.production),
        },
    })
}

/// What the flat form says of an event, which one page of AWS shows: the details alone.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>
fn flat(event: &Value) -> Value {
    event["executionDetails"].clone()
}

/// Whole numbers as such.
fn percent(share: f64) -> Value {
    if share.fract() == 0.0 { json!(share as i64) } else { json!(share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_three_answers_that_there_are_count() {
        assert_eq!(read(Ok(json!({"hookStatus": "SUCCEEDED"}))), Answer::Succeeded);
        assert_eq!(read(Ok(json!({"hookStatus": "IN_PROGRESS"}))), Answer::InProgress(USUAL_DELAY, Map::new()));
        let answer = json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 60, "hookDetails": {"a": 1}});
        let Answer::InProgress(delay, details) = read(Ok(answer)) else { panic!("in progress") };
        assert_eq!((delay.as_secs(), &details["a"]), (60, &json!(1)));
        for answer in [
            Ok(json!({"hookStatus": "FAILED"})),
            Ok(json!({"hookStatus": "DONE"})),
            Ok(json!({})),
            Ok(Value::Null),
            Err("it crashed".to_owned()),
        ] {
            assert!(matches!(read(answer), Answer::Failed(_)));
        }
    }
}
