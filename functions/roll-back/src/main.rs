//! Puts every request back on blue.
use teal::steps;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("roll-back", async |step, input| steps::roll_back(step, &input).await).await
}
