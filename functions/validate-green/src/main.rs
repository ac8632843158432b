//! Tests green before any production request reaches it.
use teal::steps;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("validate-green", async |step, input| steps::validate_green(step, &input).await).await
}
