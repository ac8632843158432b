//! Green scales like blue: policies and scheduled actions of groups.

use super::group::{Group, text};
use super::{ScalingGroups, what};
use serde_json::{Value, json};
use teal::fleet::GreenOrder;
use teal::ports::{PortError, PortResult};

const POLICY_NAME: &str = "PolicyName";
/// What PutScalingPolicy takes.
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html>
const POLICY: [&str; 13] = [
    POLICY_NAME,
    "PolicyType",
    "AdjustmentType",
    "Cooldown",
    "Enabled",
    "EstimatedInstanceWarmup",
    "MetricAggregationType",
    "MinAdjustmentMagnitude",
    "MinAdjustmentStep",
    "PredictiveScalingConfiguration",
    "ScalingAdjustment",
    "StepAdjustments",
    "TargetTrackingConfiguration",
];
const ACTION_NAME: &str = "ScheduledActionName";
/// What PutScheduledUpdateGroupAction takes.
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html>
const ACTION: [&str; 8] =
    [ACTION_NAME, "DesiredCapacity", "EndTime", "MaxSize", "MinSize", "Recurrence", "StartTime", "TimeZone"];

impl ScalingGroups<'_> {
    /// What of blue green will not have, each as a sentence.
    pub(super) async fn lacking(self, blue: &str, green: Option<&Group>) -> PortResult<Vec<String>> {
        let mut lacking = Vec::new();
        if green.is_none() {
            lacking.push(format!(
                "lifecycle hooks, warm pool, notifications and metrics collection of group {blue} are not copied. Where its \
                 instances need them, make the other group with them before the release, with 0 instances"
            ));
        }
        let present = match green {
            Some(green) => self.group_policies(green.name()).await?,
            None => Vec::new(),
        };
        let is_set_off = |name: &str| {
            let has_alarms = |policy: &Value| policy["Alarms"].as_array().is_some_and(|alarms| !alarms.is_empty());
            present.iter().any(|policy| text(policy, POLICY_NAME) == name && has_alarms(policy))
        };
        for policy in self.group_policies(blue).await? {
            let name = text(&policy, POLICY_NAME);
            if matches!(text(&policy, "PolicyType"), "SimpleScaling" | "StepScaling") && !is_set_off(name) {
                lacking.push(format!(
                    "scaling policy {name}: blue's is set off by alarms, which are not copied, so green does not scale by it. \
                     Make alarms on green's metrics with its policy as action, or use a target tracking policy"
                ));
            }
        }
        Ok(lacking)
    }

    /// Gives green blue's scaling policies and scheduled actions, and no others.
    pub(super) async fn scale_like_blue(self, order: &GreenOrder, green: &str) -> PortResult<()> {
        let wanted: Vec<Value> =
            self.group_policies(order.blue.name()).await?.iter().map(|blue| for_green(blue, order, green)).collect();
        let present = self.group_policies(green).await?;
        for policy in &wanted {
            if !present.iter().any(|present| members(present, &POLICY) == *policy) {
                self.set_on_group("autoscaling:PutScalingPolicy", green, policy.clone()).await?;
            }
        }
        for stray in names_without(&present, &wanted, POLICY_NAME) {
            gone_is_fine(self.set_on_group("autoscaling:DeletePolicy", green, json!({POLICY_NAME: stray})).await)?;
        }
        self.copy_schedules(order.blue.name(), green).await
    }

    async fn copy_schedules(self, blue: &str, green: &str) -> PortResult<()> {
        let (wanted, present) = (self.group_schedules(blue).await?, self.group_schedules(green).await?);
        for action in &wanted {
            if present.contains(action) {
                continue;
            }
            match self.set_on_group("autoscaling:PutScheduledUpdateGroupAction", green, action.clone()).await {
                // One that happens once can be kept when its time is over, but not be made.
                Err(PortError::Refused { .. }) if action.get("Recurrence").is_none() => {}
                done => done?,
            }
        }
        for stray in names_without(&present, &wanted, ACTION_NAME) {
            gone_is_fine(
                self.set_on_group("autoscaling:DeleteScheduledAction", green, json!({ACTION_NAME: stray})).await,
            )?;
        }
        Ok(())
    }

    async fn group_policies(self, group: &str) -> PortResult<Vec<Value>> {
        let input = json!({"AutoScalingGroupName": group});
        let call = "autoscaling:DescribePolicies";
        self.0.ec2_autoscaling().call_paged(call, &what(group), input, "ScalingPolicies").await
    }

    /// What makes up the scheduled actions of a group, apart from their ARNs and group.
    async fn group_schedules(self, group: &str) -> PortResult<Vec<Value>> {
        let input = json!({"AutoScalingGroupName": group});
        let call = "autoscaling:DescribeScheduledActions";
        let found =
            self.0.ec2_autoscaling().call_paged(call, &what(group), input, "ScheduledUpdateGroupActions").await?;
        Ok(found.iter().map(|action| members(action, &ACTION)).collect())
    }

    async fn set_on_group(self, call: &'static str, group: &str, mut input: Value) -> PortResult<()> {
        input["AutoScalingGroupName"] = group.into();
        self.0.ec2_autoscaling().call(call, &what(group), &input).await.map(|_| ())
    }
}

/// Blue's policy with green where it names blue: the group, and the target group of the requests for each target.
fn for_green(blue: &Value, order: &GreenOrder, green: &str) -> Value {
    let mut policy = members(blue, &POLICY);
    for configuration in ["PredictiveScalingConfiguration", "TargetTrackingConfiguration"] {
        if let Some(configuration) = policy.get_mut(configuration) {
            rename(configuration, order, green);
        }
    }
    policy
}

fn rename(value: &mut Value, order: &GreenOrder, green: &str) {
    match value {
        Value::String(text) if text == order.blue.name() => green.clone_into(text),
        Value::String(text) => {
            // Alone as a dimension, or as the end of a label: app/<name>/<id>/targetgroup/<name>/<id>
            *text = text.replace(order.colours.blue.name_in_metrics(), order.colours.green.name_in_metrics());
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| rename(element, order, green)),
        Value::Object(members) => members.values_mut().for_each(|member| rename(member, order, green)),
        _ => {}
    }
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

/// Policies and actions that are not there are told by a `ValidationError`.
fn gone_is_fine(deleted: PortResult<()>) -> PortResult<()> {
    match deleted {
        Err(PortError::Refused { message, .. })
            if message.contains("not found") || message.contains("No scaling policy") =>
        {
            Ok(())
        }
        other => other,
    }
}
