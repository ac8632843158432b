//! Writes the weights of a route to the parameters that stack templates read.
use teal::steps;
use teal_lambda::Urgency;
use teal_lambda::WeightsDue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("publish-weights", Urgency::Beside, async |step, event| {
        match teal_lambda::decode_weights_due(&event)? {
            WeightsDue::Of(release) => steps::publish_weights(step, &release).await,
            WeightsDue::Everywhere => steps::publish_all_weights(step).await,
        }
    })
    .await
}
