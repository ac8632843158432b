//! Listeners, rules and target groups: Elastic Load Balancing v2.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html>

mod action;
mod attempts;
mod endpoint;
mod settings;
mod target_group;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::error::port_error;
use aws_sdk_elasticloadbalancingv2::types::{self as sdk, TargetHealthStateEnum};
use teal::plan::{ListenerArn, RuleArn, TargetGroupArn};
use teal::ports::{Endpoint, LoadBalancer, PortError, PortResult, Target, TargetGroup, TargetHealth};
use teal::route::{Action, PartRef};

impl LoadBalancer for Aws {
    async fn actions(&self, part: &PartRef) -> PortResult<Vec<Action>> {
        let (call, actions) = match part {
            PartRef::Listener(arn) => {
                ("elasticloadbalancing:DescribeListeners", self.listener(arn).await?.default_actions)
            }
            PartRef::Rule(arn) => ("elasticloadbalancing:DescribeRules", self.rule(arn).await?.actions),
        };
        action::read_list(&actions.unwrap_or_default())
            .map_err(|message| PortError::Refused { call, message: format!("{part}: {message}") })
    }

    async fn set_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<()> {
        let call = match part {
            PartRef::Listener(_) => "elasticloadbalancing:ModifyListener",
            PartRef::Rule(_) => "elasticloadbalancing:ModifyRule",
        };
        let written = action::write_list(actions)
            .map_err(|message| PortError::Refused { call, message: format!("{part}: {message}") })?;
        let (elb, what) = (self.elb(), part.to_string());
        attempts::write(async || {
            let actions = Some(written.clone());
            let failed = match part {
                PartRef::Listener(arn) => {
                    let request = elb.modify_listener().listener_arn(arn.as_str()).set_default_actions(actions);
                    let done = request.customize().config_override(attempts::once()).send().await;
                    done.err().map(|error| port_error(call, &what, &error))
                }
                PartRef::Rule(arn) => {
                    let request = elb.modify_rule().rule_arn(arn.as_str()).set_actions(actions);
                    let done = request.customize().config_override(attempts::once()).send().await;
                    done.err().map(|error| port_error(call, &what, &error))
                }
            };
            failed.map_or(Ok(()), Err)
        })
        .await
    }

    async fn target_groups(&self, groups: &[TargetGroupArn]) -> PortResult<Vec<TargetGroup>> {
        const CALL: &str = "elasticloadbalancing:DescribeTargetGroups";
        let what = || groups.iter().map(TargetGroupArn::as_str).collect::<Vec<_>>().join(" or ");
        let arns = groups.iter().map(|arn| arn.as_str().to_owned()).collect();
        let mut pages = self.elb().describe_target_groups().set_target_group_arns(Some(arns)).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error(CALL, &what(), &error))?;
            found.extend(page.target_groups.unwrap_or_default());
        }
        let mut list = Vec::with_capacity(groups.len());
        for arn in groups {
            let group = found.iter().find(|group| group.target_group_arn.as_deref() == Some(arn.as_str()));
            let group = group.ok_or_else(|| PortError::NotFound { what: format!("target group {arn}") })?;
            list.push(target_group::read(arn, group, &self.target_group_attributes(arn).await?));
        }
        Ok(list)
    }

    async fn targets(&self, group: &TargetGroupArn) -> PortResult<Vec<Target>> {
        const CALL: &str = "elasticloadbalancing:DescribeTargetHealth";
        let answer = self.elb().describe_target_health().target_group_arn(group.as_str()).send().await;
        let answer = answer.map_err(|error| port_error(CALL, &format!("target group {group}"), &error))?;
        Ok(answer.target_health_descriptions.unwrap_or_default().iter().filter_map(read_target).collect())
    }

    async fn zones(&self, part: &PartRef) -> PortResult<Vec<String>> {
        let arn = endpoint::load_balancer_of(part)?;
        let found = self.load_balancer(&arn).await?;
        Ok(found.availability_zones().iter().filter_map(|zone| zone.zone_name.clone()).collect())
    }

    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint> {
        match part {
            PartRef::Listener(arn) => {
                let listener = self.listener(arn).await?;
                Ok(endpoint::of_listener(arn, &listener, &self.dns_name(arn, &listener).await?)?)
            }
            PartRef::Rule(arn) => {
                let rule = self.rule(arn).await?;
                let listener_arn = endpoint::listener_of(arn)?;
                let listener = self.listener(&listener_arn).await?;
                let plain =
                    endpoint::of_listener(&listener_arn, &listener, &self.dns_name(&listener_arn, &listener).await?)?;
                Ok(endpoint::matching(plain, rule.conditions()))
            }
        }
    }
}

impl Aws {
    async fn listener(&self, arn: &ListenerArn) -> PortResult<sdk::Listener> {
        let what = format!("listener {arn}");
        let answer = attempts::read(async || {
            let request = self.elb().describe_listeners().listener_arns(arn.as_str());
            let answer = request.customize().config_override(attempts::once()).send().await;
            answer.map_err(|error| port_error("elasticloadbalancing:DescribeListeners", &what, &error))
        })
        .await?;
        let found = answer.listeners.unwrap_or_default().into_iter().next();
        found.ok_or(PortError::NotFound { what })
    }

    async fn rule(&self, arn: &RuleArn) -> PortResult<sdk::Rule> {
        const CALL: &str = "elasticloadbalancing:DescribeRules";
        let what = format!("rule {arn}");
        let answer = attempts::read(async || {
            let request = self.elb().describe_rules().rule_arns(arn.as_str());
            let answer = request.customize().config_override(attempts::once()).send().await;
            answer.map_err(|error| port_error(CALL, &what, &error))
        })
        .await?;
        let found = answer.rules.unwrap_or_default().into_iter().next().ok_or(PortError::NotFound { what })?;
        if found.is_default == Some(true) {
            // ELB changes it only through its listener.
            let message = format!("{arn} is the default rule of its listener; name the listener instead");
            return Err(PortError::Refused { call: CALL, message });
        }
        Ok(found)
    }

    async fn dns_name(&self, arn: &ListenerArn, listener: &sdk::Listener) -> PortResult<String> {
        let what = || PortError::NotFound { what: format!("the load balancer of listener {arn}") };
        let found = self.load_balancer(listener.load_balancer_arn.as_deref().ok_or_else(what)?).await?;
        found.dns_name.ok_or_else(what)
    }

    async fn load_balancer(&self, arn: &str) -> PortResult<sdk::LoadBalancer> {
        let what = format!("load balancer {arn}");
        let answer = self.elb().describe_load_balancers().load_balancer_arns(arn).send().await;
        let answer = answer.map_err(|error| port_error("elasticloadbalancing:DescribeLoadBalancers", &what, &error))?;
        answer.load_balancers.unwrap_or_default().into_iter().next().ok_or(PortError::NotFound { what })
    }

    async fn target_group_attributes(&self, arn: &TargetGroupArn) -> PortResult<Vec<sdk::TargetGroupAttribute>> {
        const CALL: &str = "elasticloadbalancing:DescribeTargetGroupAttributes";
        let answer = self.elb().describe_target_group_attributes().target_group_arn(arn.as_str()).send().await;
        let answer = answer.map_err(|error| port_error(CALL, &format!("target group {arn}"), &error))?;
        Ok(answer.attributes.unwrap_or_default())
    }
}

fn read_target(description: &sdk::TargetHealthDescription) -> Option<Target> {
    let target = description.target.as_ref()?;
    let health = description.target_health.as_ref();
    let state = match health.and_then(|health| health.state.as_ref()) {
        Some(TargetHealthStateEnum::Healthy) => TargetHealth::Healthy,
        Some(TargetHealthStateEnum::Initial) => TargetHealth::Initial,
        Some(TargetHealthStateEnum::Unhealthy) => TargetHealth::Unhealthy,
        Some(TargetHealthStateEnum::Unused) => TargetHealth::Unused,
        Some(TargetHealthStateEnum::Draining | TargetHealthStateEnum::UnhealthyDraining) => TargetHealth::Draining,
        _ => TargetHealth::Unavailable,
    };
    let code = health.and_then(|health| health.reason.as_ref()).map(|reason| reason.as_str());
    let text = health.and_then(|health| health.description.as_deref());
    let reason = [code, text].into_iter().flatten().collect::<Vec<_>>().join(": ");
    Some(Target {
        id: target.id.clone()?,
        port: target.port.and_then(|port| u16::try_from(port).ok()),
        health: state,
        reason: Some(reason).filter(|reason| !reason.is_empty()),
    })
}
