//! Puts every request back on blue.
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("roll-back", Urgency::Restores, async |step, input| steps::roll_back(step, &input).await).await
}
