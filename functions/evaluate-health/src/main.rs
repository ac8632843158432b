//! Looks at alarms and metrics and decides how to go on.
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("evaluate-health", Urgency::Waits, async |step, input| {
        steps::evaluate_health(step, &input).await
    })
    .await
}
