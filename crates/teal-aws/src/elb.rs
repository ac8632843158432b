//! Listeners, rules and target groups: Elastic Load Balancing v2.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html>

mod action;
mod attempts;
mod endpoint;
mod reading;
mod settings;
mod target_group;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::error::port_error;
use crate::router::{DestinationOnAws, PartOnAws};
use aws_sdk_elasticloadbalancingv2::types::{self as sdk, TargetHealthStateEnum};
use std::fmt;
use teal::plan::{ListenerArn, RuleArn, TargetGroupArn};
use teal::ports::{DestinationReading, Endpoint, Entrance, PortError, PortResult, Target, TargetHealth};
use teal::route::{Action, PartReading};

const DESCRIBE_LISTENERS: &str = "elasticloadbalancing:DescribeListeners";
const DESCRIBE_RULES: &str = "elasticloadbalancing:DescribeRules";

/// Listeners and rules as the places of a route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadBalancers<'a>(pub(crate) &'a Aws);

/// A listener, by its default action, or a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Listener(&'a ListenerArn),
    Rule(&'a RuleArn),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Listener(arn) => write!(f, "listener {arn}"),
            Place::Rule(arn) => write!(f, "rule {arn}"),
        }
    }
}

/// Where an ARN of Elastic Load Balancing says that weights are set.
trait PlaceOfArn {
    fn place(&self) -> Place<'_>;
}

impl PlaceOfArn for ListenerArn {
    fn place(&self) -> Place<'_> {
        Place::Listener(self)
    }
}

impl PlaceOfArn for RuleArn {
    fn place(&self) -> Place<'_> {
        Place::Rule(self)
    }
}

impl<T: PlaceOfArn> PartOnAws for T {
    async fn actions(&self, aws: &Aws) -> PortResult<Vec<Action>> {
        LoadBalancers(aws).actions(self.place()).await
    }

    async fn reading(&self, aws: &Aws) -> PortResult<PartReading> {
        LoadBalancers(aws).reading(self.place()).await
    }

    async fn set_actions(&self, aws: &Aws, actions: &[Action]) -> PortResult<()> {
        LoadBalancers(aws).set_actions(self.place(), actions).await
    }

    async fn zones(&self, aws: &Aws) -> PortResult<Vec<String>> {
        LoadBalancers(aws).zones(self.place()).await
    }

    async fn endpoint(&self, aws: &Aws) -> PortResult<Endpoint> {
        LoadBalancers(aws).endpoint(self.place()).await
    }
}

impl DestinationOnAws for TargetGroupArn {
    async fn destination(&self, aws: &Aws) -> PortResult<DestinationReading> {
        const CALL: &str = "elasticloadbalancing:DescribeTargetGroups";
        let what = format!("target group {self}");
        let answer = attempts::read(aws, async || {
            let request = aws.elb().describe_target_groups().target_group_arns(self.as_str());
            let answer = request.customize().config_override(attempts::once()).send().await;
            answer.map_err(|error| port_error(CALL, &what, &error))
        })
        .await?;
        let group = answer.target_groups.unwrap_or_default().into_iter().next();
        let group = group.ok_or(PortError::NotFound { what })?;
        Ok(target_group::read(&group, &aws.target_group_attributes(self).await?))
    }

    async fn targets(&self, aws: &Aws) -> PortResult<Vec<Target>> {
        const CALL: &str = "elasticloadbalancing:DescribeTargetHealth";
        let answer = attempts::read_briefly(aws, CALL, async || {
            let request = aws.elb().describe_target_health().target_group_arn(self.as_str());
            let answer = request.customize().config_override(attempts::once()).send().await;
            answer.map_err(|error| port_error(CALL, &format!("target group {self}"), &error))
        })
        .await?;
        Ok(answer.target_health_descriptions.unwrap_or_default().iter().filter_map(read_target).collect())
    }

    async fn entrance(&self, _aws: &Aws) -> PortResult<Option<Entrance>> {
        Ok(None)
    }
}

impl LoadBalancers<'_> {
    pub(crate) async fn actions(self, place: Place<'_>) -> PortResult<Vec<Action>> {
        let (call, actions) = match place {
            Place::Listener(arn) => (DESCRIBE_LISTENERS, self.0.listener(arn).await?.default_actions),
            Place::Rule(arn) => (DESCRIBE_RULES, self.0.rule(arn).await?.actions),
        };
        action::read_list(&actions.unwrap_or_default())
            .map_err(|message| PortError::Refused { call, message: format!("{place}: {message}") })
    }

    pub(crate) async fn set_actions(self, place: Place<'_>, actions: &[Action]) -> PortResult<()> {
        let call = match place {
            Place::Listener(_) => "elasticloadbalancing:ModifyListener",
            Place::Rule(_) => "elasticloadbalancing:ModifyRule",
        };
        let written = action::write_list(actions)
            .map_err(|message| PortError::Refused { call, message: format!("{place}: {message}") })?;
        let (elb, what) = (self.0.elb(), place.to_string());
        attempts::write(self.0, async || {
            let actions = Some(written.clone());
            let failed = match place {
                Place::Listener(arn) => {
                    let request = elb.modify_listener().listener_arn(arn.as_str()).set_default_actions(actions);
                    let done = request.customize().config_override(attempts::once()).send().await;
                    done.err().map(|error| port_error(call, &what, &error))
                }
                Place::Rule(arn) => {
                    let request = elb.modify_rule().rule_arn(arn.as_str()).set_actions(actions);
                    let done = request.customize().config_override(attempts::once()).send().await;
                    done.err().map(|error| port_error(call, &what, &error))
                }
            };
            failed.map_or(Ok(()), Err)
        })
        .await
    }

    pub(crate) async fn zones(self, place: Place<'_>) -> PortResult<Vec<String>> {
        let arn = endpoint::load_balancer_of(place)?;
        let found = self.0.load_balancer(&arn).await?;
        Ok(found.availability_zones().iter().filter_map(|zone| zone.zone_name.clone()).collect())
    }

    pub(crate) async fn endpoint(self, place: Place<'_>) -> PortResult<Endpoint> {
        match place {
            Place::Listener(arn) => {
                let listener = self.0.listener(arn).await?;
                Ok(endpoint::of_listener(arn, &listener, &self.0.dns_name(arn, &listener).await?)?)
            }
            Place::Rule(arn) => {
                let rule = self.0.rule(arn).await?;
                let arn = endpoint::listener_of(arn)?;
                let listener = self.0.listener(&arn).await?;
                let plain = endpoint::of_listener(&arn, &listener, &self.0.dns_name(&arn, &listener).await?)?;
                Ok(endpoint::matching(plain, rule.conditions()))
            }
        }
    }
}

impl Aws {
    async fn listener(&self, arn: &ListenerArn) -> PortResult<sdk::Listener> {
        let what = format!("listener {arn}");
        let answer = attempts::read(self, async || {
            let request = self.elb().describe_listeners().listener_arns(arn.as_str());
            let answer = request.customize().config_override(attempts::once()).send().await;
            answer.map_err(|error| port_error(DESCRIBE_LISTENERS, &what, &error))
        })
        .await?;
        let found = answer.listeners.unwrap_or_default().into_iter().next();
        found.ok_or(PortError::NotFound { what })
    }

    async fn rule(&self, arn: &RuleArn) -> PortResult<sdk::Rule> {
        let what = format!("rule {arn}");
        let answer = attempts::read(self, async || {
            let request = self.elb().describe_rules().rule_arns(arn.as_str());
            let answer = request.customize().config_override(attempts::once()).send().await;
            answer.map_err(|error| port_error(DESCRIBE_RULES, &what, &error))
        })
        .await?;
        let found = answer.rules.unwrap_or_default().into_iter().next().ok_or(PortError::NotFound { what })?;
        if found.is_default == Some(true) {
            // ELB changes it only through its listener.
            let message = format!("{arn} is the default rule of its listener; name the listener instead");
            return Err(PortError::Refused { call: DESCRIBE_RULES, message });
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
        let answer = attempts::read(self, async || {
            let request = self.elb().describe_load_balancers().load_balancer_arns(arn);
            let answer = request.customize().config_override(attempts::once()).send().await;
            answer.map_err(|error| port_error("elasticloadbalancing:DescribeLoadBalancers", &what, &error))
        })
        .await?;
        answer.load_balancers.unwrap_or_default().into_iter().next().ok_or(PortError::NotFound { what })
    }

    async fn target_group_attributes(&self, arn: &TargetGroupArn) -> PortResult<Vec<sdk::TargetGroupAttribute>> {
        const CALL: &str = "elasticloadbalancing:DescribeTargetGroupAttributes";
        let answer = attempts::read(self, async || {
            let request = self.elb().describe_target_group_attributes().target_group_arn(arn.as_str());
            let answer = request.customize().config_override(attempts::once()).send().await;
            answer.map_err(|error| port_error(CALL, &format!("target group {arn}"), &error))
        })
        .await?;
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
