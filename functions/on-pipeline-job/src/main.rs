//! A CodePipeline action: starts a release from a plan that is kept, and tells the pipeline how it goes until it has ended. A stage that
//! fails later takes the releases of its run back.
use serde_json::Value;
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let state_machine = std::env::var("TEAL_STATE_MACHINE").map_err(
        |_| "TEAL_STATE_MACHINE is not set: name the state machine, the output StateMachineArn of Teal's stack",
    )?;
    teal_lambda::serve("on-pipeline-job", Urgency::Beside, async |step, event: Value| {
        let call = teal_lambda::decode_pipeline_call(&event)?;
        steps::pipeline_call(step, &call, &state_machine).await
    })
    .await
}
