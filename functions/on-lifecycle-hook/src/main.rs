//! A deployment of CodeDeploy or ECS asks whether it may go on: its release says so, and is started by the first question.
use serde_json::Value;
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let state_machine = std::env::var("TEAL_STATE_MACHINE").map_err(
        |_| "TEAL_STATE_MACHINE is not set: name the state machine, the output StateMachineArn of Teal's stack",
    )?;
    teal_lambda::serve("on-lifecycle-hook", Urgency::Beside, async |step, event: Value| {
        let hook = teal_lambda::decode_hook(&event)?;
        let told = steps::lifecycle_hook(step, &hook, &state_machine).await;
        teal_lambda::hook_answer(&hook, told)
    })
    .await
}
