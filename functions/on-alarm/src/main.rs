//! An alarm changed its state: the releases that watch it go back to blue at once.
use teal::steps;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("on-alarm", async |step, event| {
        let change = teal_lambda::decode_alarm_change(event)?;
        if !change.raised {
            return Ok(Vec::new());
        }
        steps::on_alarm(step, &change.alarm, &change.reason).await
    })
    .await
}
