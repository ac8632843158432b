//! Looks at alarms and metrics and decides how to go on.
use teal::steps;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("evaluate-health", async |step, input| steps::evaluate_health(step, &input).await).await
}
