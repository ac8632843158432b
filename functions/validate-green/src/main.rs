//! Tests green before any production request reaches it.
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("validate-green", Urgency::Waits, async |step, input| steps::validate_green(step, &input).await)
        .await
}
