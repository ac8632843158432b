//! An execution failed, timed out or was stopped: its release goes back to blue if it has not ended.
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("on-execution-end", Urgency::Restores, async |step, event| {
        let change = teal_lambda::decode_execution_change(&event)?;
        let (error, cause) = (change.error.as_deref(), change.cause.as_deref());
        steps::on_execution_end(step, &change.release, &change.status, error, cause).await
    })
    .await
}
