//! Every five minutes: finds releases that no state machine looks after any more.
use serde_json::Value;
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("sweep", Urgency::Restores, async |step, _event: Value| steps::sweep(step).await).await
}
