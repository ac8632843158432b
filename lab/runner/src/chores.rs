//! What goes on in a lab all the time, by its clock.

use crate::Aws;
use crate::function_logs::{FunctionLogs, PAUSE, SHORTEST_PAUSE};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use teal_lab_wire::LabClock;

/// How often Teal's sweep runs by its schedule (lab time). The emulator's schedules run on the wall's time, so the lab
/// invokes it.
const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// Invokes sweep as its schedule does. An error is sweep's own and is in its log; the next one comes anyway.
pub(crate) async fn sweep_by_schedule(aws: Aws, clock: LabClock, function: String) {
    loop {
        clock.sleep(SWEEP_EVERY).await;
        let _ = aws.invoke(&function, &scheduled_event()).await;
    }
}

/// Has the functions' lines come into CloudWatch Logs. What is not found now is found by the next reading.
pub(crate) async fn read_logs(logs: Arc<FunctionLogs>, clock: LabClock) {
    loop {
        let pause = clock.real(PAUSE).max(SHORTEST_PAUSE);
        tokio::time::sleep(pause).await;
        let _ = logs.collect().await;
    }
}

pub(crate) fn scheduled_event() -> Value {
    json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
}
