//! Checks the plan, takes the route's lock and writes the record.
use teal::steps;
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("accept", Urgency::Waits, async |step, input| steps::accept(step, &input).await).await
}
