//! An alarm changed its state: the releases that watch it go back to blue at once.
use teal::steps::{self, RaisedAlarm};
use teal_lambda::{AlarmChange, Urgency};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    teal_lambda::serve("on-alarm", Urgency::Restores, async |step, event| {
        let change = teal_lambda::decode_alarm_change(&event)?;
        if !change.raised {
            return Ok(Vec::new());
        }
        let AlarmChange { account, alarm: name, reason, at, was_ok, .. } = change;
        let alarm = RaisedAlarm { account, name, reason, at, was_ok };
        steps::on_alarm(step, &alarm).await
    })
    .await
}
