//! Gives green the weight of the next stage.
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("shift-traffic", Urgency::Waits, async |step, input| steps::shift_traffic(step, &input).await)
        .await
}
