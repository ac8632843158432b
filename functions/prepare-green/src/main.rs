//! Brings green up beside blue, at weight 0.
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("prepare-green", Urgency::Waits, async |step, input| steps::prepare_green(step, &input).await)
        .await
}
