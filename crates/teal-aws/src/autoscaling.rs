//! Green scales like blue: Application Auto Scaling.
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html>

mod policy;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::error::port_error;
use aws_sdk_applicationautoscaling::types::{
    PolicyType, ScalableDimension, ScalableTarget, ScalingPolicy, ScheduledAction, ServiceNamespace, SuspendedState,
};
use teal::ports::{CapacityHold, GreenOrder, PortError, PortResult, Scaling};

const DESCRIBE_TARGETS: &str = "application-autoscaling:DescribeScalableTargets";
const REGISTER_TARGET: &str = "application-autoscaling:RegisterScalableTarget";

impl Aws {
    /// Gives green's service blue's scalable target, scaling policies and scheduled actions. Where blue has none, green is not scaled.
    pub(crate) async fn scale_like_blue(&self, order: &GreenOrder) -> PortResult<()> {
        let blue_id = resource_id(&order.cluster, &order.blue_service);
        let green_id = resource_id(&order.cluster, &order.green_service);
        let targets = self.scalable_targets(&[&blue_id, &green_id]).await?;
        let named = |id: &str| targets.iter().find(|target| target.resource_id == id);
        let Some(blue) = named(&blue_id) else {
            return match named(&green_id) {
                Some(green) => self.suspend(green).await,
                None => Ok(()),
            };
        };
        self.register_like(blue, &green_id, named(&green_id), order.hold.as_ref()).await?;
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
        steps.retain(|policy| policy.policy_type == PolicyType::StepScaling);
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let present = self.scaling_policies(&resource_id(cluster, green)).await?;
        let is_set_off =
            |name: &str| present.iter().any(|policy| policy.policy_name == name && !policy.alarms().is_empty());
        let lacking = steps.iter().map(|policy| policy.policy_name.as_str()).filter(|name| !is_set_off(name));
        let sentence = |name: &str| {
            format!(
                "scaling policy {name}: blue's is set off by alarms, which are not copied, so green does not scale by it. Make                  alarms on green's metrics with its policy as action, or use a target tracking policy"
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
        Ok(self.scalable_targets(&[&id]).await?.first().map(scaling_of))
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
        let present = scaling_of(target);
        let wanted = wanted(present);
        if wanted == present {
            return Ok(());
        }
        let request = self
            .autoscaling()
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(&id)
            .min_capacity(capacity(wanted.min_capacity))
            .suspended_state(SuspendedState::builder().dynamic_scaling_in_suspended(wanted.scale_in_suspended).build());
        request.send().await.map(|_| ()).map_err(|error| port_error(REGISTER_TARGET, &id, &error))
    }

    async fn suspend(&self, target: &ScalableTarget) -> PortResult<()> {
        if target.min_capacity == 0 && target.suspended_state.as_ref() == Some(&suspended(true)) {
            return Ok(());
        }
        let request = self
            .autoscaling()
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(&target.resource_id)
            .min_capacity(0)
            .suspended_state(suspended(true));
        let done = request.send().await;
        done.map(|_| ()).map_err(|error| port_error(REGISTER_TARGET, &target.resource_id, &error))
    }

    async fn register_like(
        &self,
        blue: &ScalableTarget,
        id: &str,
        green: Option<&ScalableTarget>,
        hold: Option<&CapacityHold>,
    ) -> PortResult<()> {
        let scaling = scaling_of(blue);
        let scaling = hold.map_or(scaling, |hold| hold.begun(scaling));
        let min_capacity = capacity(scaling.min_capacity);
        let of_blue = blue.suspended_state.as_ref();
        let wanted = SuspendedState::builder()
            .dynamic_scaling_in_suspended(scaling.scale_in_suspended)
            .dynamic_scaling_out_suspended(
                of_blue.and_then(|state| state.dynamic_scaling_out_suspended).unwrap_or(false),
            )
            .scheduled_scaling_suspended(of_blue.and_then(|state| state.scheduled_scaling_suspended).unwrap_or(false))
            .build();
        let is_like_blue = |green: &ScalableTarget| {
            green.min_capacity == min_capacity
                && green.max_capacity == blue.max_capacity
                && green.suspended_state.clone().unwrap_or_else(|| suspended(false)) == wanted
        };
        if green.is_some_and(is_like_blue) {
            return Ok(());
        }
        let request = self
            .autoscaling()
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(id)
            .min_capacity(min_capacity)
            .max_capacity(blue.max_capacity)
            .suspended_state(wanted);
        match request.send().await.map_err(|error| port_error(REGISTER_TARGET, id, &error)) {
            Ok(_) => Ok(()),
            // ECS does not show everybody at once what was created a moment ago.
            Err(PortError::Refused { call, message }) if message.contains("service doesn't exist") => {
                Err(PortError::Unavailable { call, message })
            }
            Err(error) => Err(error),
        }
    }

    async fn scalable_targets(&self, ids: &[&str]) -> PortResult<Vec<ScalableTarget>> {
        let request = self
            .autoscaling()
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .set_resource_ids(Some(ids.iter().map(ToString::to_string).collect()));
        let mut pages = request.into_paginator().send();
        let mut targets = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error(DESCRIBE_TARGETS, &ids.join(" or "), &error))?;
            targets.extend(page.scalable_targets.unwrap_or_default());
        }
        Ok(targets)
    }

    async fn copy_policies(&self, order: &GreenOrder, blue_id: &str, green_id: &str) -> PortResult<()> {
        let present = self.scaling_policies(green_id).await?;
        let wanted = self.scaling_policies(blue_id).await?;
        for blue in &wanted {
            let copy = policy::for_green(blue, order);
            if present.iter().any(|green| policy::is_same(green, &copy)) {
                continue;
            }
            let request = self
                .autoscaling()
                .put_scaling_policy()
                .service_namespace(ServiceNamespace::Ecs)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .resource_id(green_id)
                .policy_name(copy.policy_name)
                .policy_type(copy.policy_type)
                .set_target_tracking_scaling_policy_configuration(copy.target_tracking_scaling_policy_configuration)
                .set_step_scaling_policy_configuration(copy.step_scaling_policy_configuration)
                .set_predictive_scaling_policy_configuration(copy.predictive_scaling_policy_configuration);
            let done = request.send().await;
            done.map_err(|error| port_error("application-autoscaling:PutScalingPolicy", green_id, &error))?;
        }
        for stray in present.iter().filter(|green| wanted.iter().all(|blue| blue.policy_name != green.policy_name)) {
            let request = self
                .autoscaling()
                .delete_scaling_policy()
                .service_namespace(ServiceNamespace::Ecs)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .resource_id(green_id)
                .policy_name(&stray.policy_name);
            let done = request.send().await;
            let failed =
                done.err().map(|error| port_error("application-autoscaling:DeleteScalingPolicy", green_id, &error));
            gone_is_fine(failed)?;
        }
        Ok(())
    }

    async fn scaling_policies(&self, id: &str) -> PortResult<Vec<ScalingPolicy>> {
        const CALL: &str = "application-autoscaling:DescribeScalingPolicies";
        let request = self
            .autoscaling()
            .describe_scaling_policies()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(id);
        let mut pages = request.into_paginator().send();
        let mut policies = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error(CALL, id, &error))?;
            policies.extend(page.scaling_policies.unwrap_or_default());
        }
        Ok(policies)
    }

    async fn copy_scheduled_actions(&self, blue_id: &str, green_id: &str) -> PortResult<()> {
        let present = self.scheduled_actions(green_id).await?;
        let wanted = self.scheduled_actions(blue_id).await?;
        for blue in &wanted {
            if present.iter().any(|green| is_same_schedule(green, blue)) {
                continue;
            }
            let request = self
                .autoscaling()
                .put_scheduled_action()
                .service_namespace(ServiceNamespace::Ecs)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .resource_id(green_id)
                .scheduled_action_name(&blue.scheduled_action_name)
                .schedule(&blue.schedule)
                .set_timezone(blue.timezone.clone())
                .set_start_time(blue.start_time)
                .set_end_time(blue.end_time)
                .set_scalable_target_action(blue.scalable_target_action.clone());
            let failed = request.send().await.err();
            let failed = failed.map(|error| port_error("application-autoscaling:PutScheduledAction", green_id, &error));
            match failed {
                // An action whose time is over can be kept, but not be made.
                Some(PortError::Refused { .. }) if is_over(blue) => {}
                Some(error) => return Err(error),
                None => {}
            }
        }
        for stray in present
            .iter()
            .filter(|green| !wanted.iter().any(|blue| blue.scheduled_action_name == green.scheduled_action_name))
        {
            let request = self
                .autoscaling()
                .delete_scheduled_action()
                .service_namespace(ServiceNamespace::Ecs)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .resource_id(green_id)
                .scheduled_action_name(&stray.scheduled_action_name);
            let done = request.send().await;
            let failed =
                done.err().map(|error| port_error("application-autoscaling:DeleteScheduledAction", green_id, &error));
            gone_is_fine(failed)?;
        }
        Ok(())
    }

    async fn scheduled_actions(&self, id: &str) -> PortResult<Vec<ScheduledAction>> {
        const CALL: &str = "application-autoscaling:DescribeScheduledActions";
        let request = self
            .autoscaling()
            .describe_scheduled_actions()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(id);
        let mut pages = request.into_paginator().send();
        let mut actions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error(CALL, id, &error))?;
            actions.extend(page.scheduled_actions.unwrap_or_default());
        }
        Ok(actions)
    }
}

/// The name of a service's number of tasks in Application Auto Scaling.
fn resource_id(cluster: &str, service: &str) -> String {
    // A cluster may be given by its ARN, which ends in its name.
    let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
    format!("service/{cluster}/{service}")
}

fn scaling_of(target: &ScalableTarget) -> Scaling {
    let suspended = target.suspended_state.as_ref().and_then(|state| state.dynamic_scaling_in_suspended);
    Scaling {
        min_capacity: u32::try_from(target.min_capacity).unwrap_or(0),
        max_capacity: u32::try_from(target.max_capacity).unwrap_or(0),
        scale_in_suspended: suspended.unwrap_or(false),
    }
}

fn capacity(tasks: u32) -> i32 {
    i32::try_from(tasks).unwrap_or(i32::MAX)
}

fn suspended(all: bool) -> SuspendedState {
    SuspendedState::builder()
        .dynamic_scaling_in_suspended(all)
        .dynamic_scaling_out_suspended(all)
        .scheduled_scaling_suspended(all)
        .build()
}

fn gone_is_fine(failed: Option<PortError>) -> PortResult<()> {
    match failed {
        None | Some(PortError::NotFound { .. }) => Ok(()),
        Some(error) => Err(error),
    }
}

fn is_same_schedule(green: &ScheduledAction, blue: &ScheduledAction) -> bool {
    green.scheduled_action_name == blue.scheduled_action_name
        && green.schedule == blue.schedule
        && green.timezone == blue.timezone
        && green.start_time == blue.start_time
        && green.end_time == blue.end_time
        && green.scalable_target_action == blue.scalable_target_action
}

/// Whether an action can have had its last time: it happens once, or has an end.
fn is_over(action: &ScheduledAction) -> bool {
    action.schedule.starts_with("at(") || action.end_time.is_some()
}
