//! Gives green everything, and takes blue in when its time is over.
use teal::state::State;
use teal::steps::{self, StateInput};
use teal_lambda::Urgency;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("promote", Urgency::Waits, async |step, input: StateInput| match input.state {
        State::RetireBlue => steps::retire_blue(step, &input.step).await,
        _ => steps::promote(step, &input.step).await,
    })
    .await
}
