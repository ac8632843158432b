//! Green scales like blue: Application Auto Scaling.
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html>

mod policy;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::ecs::ServiceOrder;
use crate::json;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use teal::ports::{CapacityHold, PortError, PortResult, Scaling};

pub(crate) const AUTOSCALING: json::Service = json::Service {
    name: "application-autoscaling",
    target: "AnyScaleFrontendService",
    version: "1.1",
    id: "application-auto-scaling",
};

const DESCRIBE_TARGETS: &str = "application-autoscaling:DescribeScalableTargets";
const REGISTER_TARGET: &str = "application-autoscaling:RegisterScalableTarget";

/// What scales a service.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ScalableTarget {
    resource_id: String,
    min_capacity: u32,
    max_capacity: u32,
    suspended_state: SuspendedState,
}

/// What of a target's scaling is suspended; what is not told is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct SuspendedState {
    dynamic_scaling_in_suspended: bool,
    dynamic_scaling_out_suspended: bool,
    scheduled_scaling_suspended: bool,
}

impl SuspendedState {
    const ALL: Self = Self {
        dynamic_scaling_in_suspended: true,
        dynamic_scaling_out_suspended: true,
        scheduled_scaling_suspended: true,
    };
}

impl ScalableTarget {
    fn scaling(&self) -> Scaling {
        Scaling {
            min_capacity: self.min_capacity,
            max_capacity: self.max_capacity,
            scale_in_suspended: self.suspended_state.dynamic_scaling_in_suspended,
        }
    }
}

impl Aws {
    /// Gives green's service blue's scalable target, scaling policies and scheduled actions. Where blue has none, green is not scaled.
    pub(crate) async fn scale_like_blue(&self, order: &ServiceOrder<'_>) -> PortResult<()> {
        let blue_id = resource_id(order.cluster, order.blue_service);
        let green_id = resource_id(order.cluster, order.green_service);
        let targets = self.scalable_targets(&[&blue_id, &green_id]).await?;
        let named = |id: &str| targets.iter().find(|target| target.resource_id == id);
        let Some(blue) = named(&blue_id) else {
            return match named(&green_id) {
                Some(green) => self.suspend(green).await,
                None => Ok(()),
            };
        };
        self.register_like(blue, &green_id, named(&green_id), order.hold).await?;
        self.copy_policies(order, &blue_id, &green_id).await?;
        self.copy_scheduled_actions(&blue_id, &green_id).await
    }

    /// Blue's scaling policies that green will have without what sets them off, each as a sentence: the alarms of a step scaling
    /// policy are a person's own, and follow blue's metrics. A policy of green's that somebody gave alarms keeps them.
    pub(crate) async fn policies_without_alarms(
        &self,
        cluster: &str,
        blue: &str,
        green: &str,
    ) -> PortResult<Vec<String>> {
        let mut steps = self.scaling_policies(&resource_id(cluster, blue)).await?;
        steps.retain(|policy| text(policy, "PolicyType") == "StepScaling");
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let present = self.scaling_policies(&resource_id(cluster, green)).await?;
        let has_alarms = |policy: &Value| policy["Alarms"].as_array().is_some_and(|alarms| !alarms.is_empty());
        let is_set_off =
            |name: &str| present.iter().any(|policy| text(policy, policy::NAME) == name && has_alarms(policy));
        let lacking = steps.iter().map(|policy| text(policy, policy::NAME)).filter(|name| !is_set_off(name));
        let sentence = |name: &str| {
            format!(
                "scaling policy {name}: blue's is set off by alarms, which are not copied, so green does not scale by it. Make \
                 alarms on green's metrics with its policy as action, or use a target tracking policy"
            )
        };
        Ok(lacking.map(sentence).collect())
    }

    /// Keeps automatic scaling from raising a service again.
    pub(crate) async fn suspend_scaling(&self, cluster: &str, service: &str) -> PortResult<()> {
        let id = resource_id(cluster, service);
        match self.scalable_targets(&[&id]).await?.first() {
            Some(target) => self.suspend(target).await,
            None => Ok(()),
        }
    }

    /// What automatic scaling may do with a service, where it does anything.
    pub(crate) async fn read_scaling(&self, cluster: &str, service: &str) -> PortResult<Option<Scaling>> {
        let id = resource_id(cluster, service);
        Ok(self.scalable_targets(&[&id]).await?.first().map(ScalableTarget::scaling))
    }

    /// Sets least tasks and the suspension of scaling in to what `wanted` makes of the present ones; nothing else is changed.
    pub(crate) async fn set_scaling(
        &self,
        cluster: &str,
        service: &str,
        wanted: impl Fn(Scaling) -> Scaling,
    ) -> PortResult<()> {
        let id = resource_id(cluster, service);
        let targets = self.scalable_targets(&[&id]).await?;
        let Some(target) = targets.first() else { return Ok(()) };
        let present = target.scaling();
        let wanted = wanted(present);
        if wanted == present {
            return Ok(());
        }
        let suspended = json!({"DynamicScalingInSuspended": wanted.scale_in_suspended});
        self.register(&id, json!({"MinCapacity": wanted.min_capacity, "SuspendedState": suspended})).await
    }

    async fn suspend(&self, target: &ScalableTarget) -> PortResult<()> {
        if target.min_capacity == 0 && target.suspended_state == SuspendedState::ALL {
            return Ok(());
        }
        self.register(&target.resource_id, json!({"MinCapacity": 0, "SuspendedState": SuspendedState::ALL})).await
    }

    async fn register_like(
        &self,
        blue: &ScalableTarget,
        id: &str,
        green: Option<&ScalableTarget>,
        hold: Option<&CapacityHold>,
    ) -> PortResult<()> {
        let scaling = hold.map_or(blue.scaling(), |hold| hold.begun(blue.scaling()));
        let (min, max) = (scaling.min_capacity, blue.max_capacity);
        let suspended =
            SuspendedState { dynamic_scaling_in_suspended: scaling.scale_in_suspended, ..blue.suspended_state };
        let is_like_blue = |green: &ScalableTarget| {
            green.min_capacity == min && green.max_capacity == max && green.suspended_state == suspended
        };
        if green.is_some_and(is_like_blue) {
            return Ok(());
        }
        match self.register(id, json!({"MinCapacity": min, "MaxCapacity": max, "SuspendedState": suspended})).await {
            // ECS does not show everybody at once what was created a moment ago.
            Err(PortError::Refused { call, message }) if message.contains("service doesn't exist") => {
                Err(PortError::Unavailable { call, message })
            }
            other => other,
        }
    }

    async fn register(&self, id: &str, settings: Value) -> PortResult<()> {
        self.autoscaling().call(REGISTER_TARGET, id, &scaling_of(id, settings)).await.map(|_| ())
    }

    async fn scalable_targets(&self, ids: &[&str]) -> PortResult<Vec<ScalableTarget>> {
        let input = json!({"ServiceNamespace": NAMESPACE, "ScalableDimension": DIMENSION, "ResourceIds": ids});
        let what = ids.join(" or ");
        let found = self.autoscaling().call_paged(DESCRIBE_TARGETS, &what, input, "ScalableTargets").await?;
        let read = found.iter().map(|one| serde_json::from_slice(one.to_string().as_bytes())).collect::<Result<_, _>>();
        read.map_err(|error| PortError::Unavailable { call: DESCRIBE_TARGETS, message: error.to_string() })
    }

    async fn copy_policies(&self, order: &ServiceOrder<'_>, blue_id: &str, green_id: &str) -> PortResult<()> {
        let present = self.scaling_policies(green_id).await?;
        let wanted = self.scaling_policies(blue_id).await?;
        let wanted: Vec<Value> = wanted.iter().map(|blue| policy::for_green(blue, order)).collect();
        for copy in &wanted {
            if present.iter().any(|green| policy::settings(green) == *copy) {
                continue;
            }
            let input = scaling_of(green_id, copy.clone());
            self.autoscaling().call("application-autoscaling:PutScalingPolicy", green_id, &input).await?;
        }
        for stray in names_without(&present, &wanted, policy::NAME) {
            let input = scaling_of(green_id, json!({policy::NAME: stray}));
            let deleted =
                self.autoscaling().call("application-autoscaling:DeleteScalingPolicy", green_id, &input).await;
            gone_is_fine(deleted)?;
        }
        Ok(())
    }

    async fn scaling_policies(&self, id: &str) -> PortResult<Vec<Value>> {
        const CALL: &str = "application-autoscaling:DescribeScalingPolicies";
        self.autoscaling().call_paged(CALL, id, scaling_of(id, json!({})), "ScalingPolicies").await
    }

    async fn copy_scheduled_actions(&self, blue_id: &str, green_id: &str) -> PortResult<()> {
        let present = self.scheduled_actions(green_id).await?;
        let wanted = self.scheduled_actions(blue_id).await?;
        for blue in &wanted {
            if present.contains(blue) {
                continue;
            }
            let input = scaling_of(green_id, blue.clone());
            match self.autoscaling().call("application-autoscaling:PutScheduledAction", green_id, &input).await {
                // An action whose time is over can be kept, but not be made.
                Err(PortError::Refused { .. }) if is_over(blue) => {}
                done => {
                    done?;
                }
            }
        }
        for stray in names_without(&present, &wanted, ACTION_NAME) {
            let input = scaling_of(green_id, json!({ACTION_NAME: stray}));
            let deleted =
                self.autoscaling().call("application-autoscaling:DeleteScheduledAction", green_id, &input).await;
            gone_is_fine(deleted)?;
        }
        Ok(())
    }

    /// What makes up the scheduled actions of a service, apart from their ARNs, ages and resource.
    async fn scheduled_actions(&self, id: &str) -> PortResult<Vec<Value>> {
        const CALL: &str = "application-autoscaling:DescribeScheduledActions";
        let found = self.autoscaling().call_paged(CALL, id, scaling_of(id, json!({})), "ScheduledActions").await?;
        Ok(found.iter().map(|action| members(action, &ACTION)).collect())
    }
}

const NAMESPACE: &str = "ecs";
const DIMENSION: &str = "ecs:service:DesiredCount";

const ACTION_NAME: &str = "ScheduledActionName";

/// What PutScheduledAction takes.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>
const ACTION: [&str; 6] = [ACTION_NAME, "Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction"];

/// The name of a service's number of tasks in Application Auto Scaling.
fn resource_id(cluster: &str, service: &str) -> String {
    // A cluster may be given by its ARN, which ends in its name.
    let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
    format!("service/{cluster}/{service}")
}

/// The input of a call about a service's number of tasks.
fn scaling_of(id: &str, mut settings: Value) -> Value {
    settings["ServiceNamespace"] = NAMESPACE.into();
    settings["ScalableDimension"] = DIMENSION.into();
    settings["ResourceId"] = id.into();
    settings
}

/// A text among a document's members, empty where there is none.
fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// These members of a document, as far as it has them.
fn members(document: &Value, names: &[&str]) -> Value {
    names.iter().filter_map(|name| Some(((*name).to_owned(), document.get(name)?.clone()))).collect()
}

/// The names under `member` that are among the present and not among the wanted.
fn names_without<'a>(present: &'a [Value], wanted: &[Value], member: &str) -> Vec<&'a str> {
    let is_wanted = |name: &str| wanted.iter().any(|wanted| text(wanted, member) == name);
    present.iter().map(|present| text(present, member)).filter(|name| !is_wanted(name)).collect()
}

fn gone_is_fine(deleted: PortResult<Value>) -> PortResult<()> {
    match deleted {
        Ok(_) | Err(PortError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether an action can have had its last time: it happens once, or has an end.
fn is_over(action: &Value) -> bool {
    text(action, "Schedule").starts_with("at(") || action.get("EndTime").is_some()
}
