//! A listener or rule with the rules that are tried before it: what one DescribeRules of the listener tells. Its last rule, the default
//! one, has the listener's default actions.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeRules.html>

use super::{DESCRIBE_RULES, LoadBalancers, Place, action, attempts, endpoint};
use crate::error::port_error;
use aws_sdk_elasticloadbalancingv2::types::{Rule, RuleCondition};
use teal::plan::ListenerArn;
use teal::ports::{PortError, PortResult};
use teal::route::{Condition, PartReading, RuleAhead};

/// The most rules that one call returns.
const RULES_PER_CALL: i32 = 400;

impl LoadBalancers<'_> {
    pub(crate) async fn reading(self, place: Place<'_>) -> PortResult<PartReading> {
        let rules = match place {
            // A listener of flows has no rules.
            Place::Listener(arn) if arn.is_of_network_load_balancer() => {
                return Ok(PartReading::alone(self.actions(place).await?));
            }
            Place::Listener(arn) => self.rules_of(arn).await?,
            Place::Rule(arn) => self.rules_of(&endpoint::listener_of(arn)?).await?,
        };
        let is_the_part = |rule: &&Rule| match place {
            Place::Listener(_) => rule.is_default() == Some(true),
            Place::Rule(arn) => rule.rule_arn() == Some(arn.as_str()),
        };
        let own = rules.iter().find(is_the_part).ok_or_else(|| PortError::NotFound { what: place.to_string() })?;
        let actions = action::read_list(own.actions())
            .map_err(|message| PortError::Refused { call: DESCRIBE_RULES, message: format!("{place}: {message}") })?;
        let before = priority_of(own);
        let ahead = rules.iter().filter(|rule| priority_of(rule) < before).map(read_ahead).collect();
        Ok(PartReading { actions, conditions: read_conditions(own.conditions()), ahead })
    }

    async fn rules_of(self, listener: &ListenerArn) -> PortResult<Vec<Rule>> {
        let what = format!("listener {listener}");
        let (mut rules, mut marker) = (Vec::new(), None::<String>);
        loop {
            let page = attempts::read(self.0, async || {
                let request = self.0.elb().describe_rules().listener_arn(listener.as_str());
                let request = request.page_size(RULES_PER_CALL).set_marker(marker.clone());
                let answer = request.customize().config_override(attempts::once()).send().await;
                answer.map_err(|error| port_error(DESCRIBE_RULES, &what, &error))
            })
            .await?;
            rules.extend(page.rules.unwrap_or_default());
            marker = page.next_marker;
            if marker.is_none() {
                return Ok(rules);
            }
        }
    }
}

/// The lowest is tried first. The default rule has no number, and comes last.
fn priority_of(rule: &Rule) -> u32 {
    rule.priority().and_then(|priority| priority.parse().ok()).unwrap_or(u32::MAX)
}

fn read_ahead(rule: &Rule) -> RuleAhead {
    let does = rule.actions().iter().filter_map(|action| action.r#type()).map(|kind| kind.as_str());
    RuleAhead {
        rule: rule.rule_arn().unwrap_or_default().to_owned(),
        priority: rule.priority().unwrap_or_default().to_owned(),
        conditions: read_conditions(rule.conditions()),
        does: does.collect::<Vec<_>>().join(", "),
    }
}

fn read_conditions(conditions: &[RuleCondition]) -> Vec<Condition> {
    conditions.iter().map(read_condition).collect()
}

/// A condition. Of those that this version does not know, and of regular expressions, it has no values.
fn read_condition(condition: &RuleCondition) -> Condition {
    let field = condition.field().unwrap_or_default();
    let plain = |values: &[String]| values.to_vec();
    // `Values` is the older spelling of the host-header and path-pattern conditions.
    let older = || plain(condition.values());
    let (field, values) = match field {
        "host-header" => (field.to_owned(), condition.host_header_config().map_or_else(older, |c| plain(c.values()))),
        "path-pattern" => (field.to_owned(), condition.path_pattern_config().map_or_else(older, |c| plain(c.values()))),
        "http-request-method" => {
            (field.to_owned(), condition.http_request_method_config().map_or_else(older, |c| plain(c.values())))
        }
        "source-ip" => (field.to_owned(), condition.source_ip_config().map_or_else(older, |c| plain(c.values()))),
        "http-header" => {
            let config = condition.http_header_config();
            let name = config.and_then(|config| config.http_header_name()).unwrap_or_default();
            (format!("{field} {name}"), config.map_or_else(Vec::new, |config| plain(config.values())))
        }
        _ => (field.to_owned(), Vec::new()),
    };
    Condition { field, values }
}
