//! Lifecycle events in which a function of the user's runs.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>

use super::{End, MINUTE, Step, begin_event, check, set_event, wait};
use crate::Inner;
use crate::model::{Deployment, EventStatus, HookExecution, Trouble};
use serde_json::{Value, json};
use teal_lab_wire::Millis;

/// How long a function has for its answer.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html>
const ANSWER_WITHIN: Millis = 60 * MINUTE;

/// What the roles that AWS manages for CodeDeploy may invoke begins with this: AWSCodeDeployRoleForLambda, AWSCodeDeployRoleForECSLimited.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/getting-started-create-service-role.html>
const PREFIX: &str = "CodeDeployHook_";

/// Why a deployment failed whose hook did.
const CODE: &str = "HOOK_EXECUTION_FAILURE";

/// Runs an event's function, if it has one, and waits for its answer.
pub(super) async fn run(inner: &Inner, deployment: &Deployment, event: &'static str) -> Step<()> {
    let id = deployment.id.as_str();
    check(inner, id).await?;
    begin_event(inner, id, event);
    let Some(function) = deployment.app_spec.hooks.get(event) else {
        set_event(inner, id, event, EventStatus::Succeeded, None);
        return Ok(());
    };
    let execution = new_execution();
    inner.change(id, |one| one.hooks.insert(execution.clone(), HookExecution { succeeded: None, is_over: false }));
    let input = json!({"DeploymentId": id, "LifecycleEventHookExecutionId": execution});
    let until = inner.clock.now_millis() + ANSWER_WITHIN;
    let answer = match invoke(inner, function, &input).await {
        Ok(_) => {
            let found = wait(inner, id, until, |one| one.hooks.get(&execution)?.succeeded).await;
            inner.change(id, |one| one.hooks.get_mut(&execution).map(|hook| hook.is_over = true));
            match found? {
                Some(true) => Ok(()),
                Some(false) => Err(("ScriptFailed", format!("The function {function} answered that {event} failed."))),
                None => {
                    Err(("ScriptTimedOut", format!("The function {function} did not answer {event} within an hour.")))
                }
            }
        }
        Err(problem) => {
            Err(("UnknownError", format!("The function {function} cannot be invoked for {event}: {problem}")))
        }
    };
    match answer {
        Ok(()) => {
            set_event(inner, id, event, EventStatus::Succeeded, None);
            Ok(())
        }
        Err((code, message)) => {
            set_event(inner, id, event, EventStatus::Failed, Some((code, message.clone())));
            Err(End::Failed(Trouble::new(CODE, message)))
        }
    }
}

async fn invoke(inner: &Inner, function: &str, input: &Value) -> Result<Value, String> {
    if !name_of(function).starts_with(PREFIX) {
        return Err(format!("CodeDeploy's role may invoke functions only whose names begin with {PREFIX}"));
    }
    inner.functions.invoke_later(function, input).await
}

/// The function's name in a name or an ARN, with or without a qualifier.
fn name_of(function: &str) -> &str {
    let name = match function.split_once(":function:") {
        Some((_, name)) => name,
        None => function,
    };
    name.split(':').next().unwrap_or(name)
}

/// An id that says nothing.
fn new_execution() -> String {
    format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..))
}
