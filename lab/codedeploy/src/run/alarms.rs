//! Alarms that stop a deployment.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html>

use crate::Inner;
use crate::model::{Creator, Order, Trouble};
use std::sync::Arc;
use std::time::Duration;

/// How often alarms are asked for. AWS gives no figure.
const POLL: Duration = Duration::from_secs(10);

/// Looks at the group's alarms until the deployment has ended, and stops it when one of them is in ALARM.
pub(super) async fn watch(inner: Arc<Inner>, id: String) {
    let configuration = {
        let state = inner.state();
        let deployment = state.deployment(&id).filter(|one| one.creator == Creator::User);
        deployment.and_then(|one| one.setting("alarmConfiguration").cloned())
    };
    let Some(configuration) = configuration.filter(|configuration| configuration["enabled"] == true) else { return };
    let alarms = configuration["alarms"].as_array().into_iter().flatten();
    let names: Vec<String> = alarms.filter_map(|alarm| alarm["name"].as_str().map(str::to_owned)).collect();
    while inner.state().deployment(&id).is_some_and(|one| !one.status.has_ended()) {
        let firing = inner.alarms.in_alarm(&names);
        if !firing.is_empty() {
            let message = format!("One or more alarms have been activated: {}.", firing.join(", "));
            inner.change(&id, |deployment| {
                let rolls_back = deployment.rolls_back_on("DEPLOYMENT_STOP_ON_ALARM");
                deployment.order.get_or_insert(Order { why: Trouble::new("ALARM_ACTIVE", message), rolls_back });
            });
            return;
        }
        inner.clock.sleep(POLL).await;
    }
}
