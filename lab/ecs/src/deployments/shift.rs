//! Which target group a revision's tasks are in, and the weights of both.

use super::PRINCIPAL;
use super::steps::weights;
use crate::scheduler::Fleet;
use crate::state::LoadBalancer;

/// Production traffic, or the test's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    Test,
    Production,
}

/// A service's load balancers as they are for the tasks of its next revision: each in the target group in which those of the revision
/// before are not. The group that they leave becomes the alternate one.
pub(crate) fn load_balancers_beside(mut balancers: Vec<LoadBalancer>, before: &[LoadBalancer]) -> Vec<LoadBalancer> {
    for balancer in &mut balancers {
        let Some(advanced) = &mut balancer.advanced_configuration else { continue };
        if before.iter().any(|taken| taken.target_group_arn == balancer.target_group_arn) {
            std::mem::swap(&mut balancer.target_group_arn, &mut advanced.alternate_target_group_arn);
        }
    }
    balancers
}

/// A service's load balancers as they are for tasks that take the place of earlier ones in the same target groups.
pub(crate) fn same_groups(mut balancers: Vec<LoadBalancer>, before: &[LoadBalancer]) -> Vec<LoadBalancer> {
    for balancer in &mut balancers {
        let Some(advanced) = &mut balancer.advanced_configuration else { continue };
        let alternate = &advanced.alternate_target_group_arn;
        if alternate.is_some() && before.iter().any(|taken| taken.target_group_arn == *alternate) {
            std::mem::swap(&mut balancer.target_group_arn, &mut advanced.alternate_target_group_arn);
        }
    }
    balancers
}

/// The listener or rule that carries this traffic to a load balancer's target groups.
fn rule(balancer: &LoadBalancer, traffic: Traffic) -> Option<&str> {
    let advanced = balancer.advanced_configuration.as_ref()?;
    match traffic {
        Traffic::Production => advanced.production_listener_rule.as_deref(),
        Traffic::Test => advanced.test_listener_rule.as_deref(),
    }
}

/// Whether one of them is of a Network Load Balancer.
pub(super) fn is_network(balancers: &[LoadBalancer], traffic: Traffic) -> bool {
    balancers.iter().filter_map(|balancer| rule(balancer, traffic)).any(|arn| arn.contains("/net/"))
}

/// Gives the revision with these load balancers a share of the traffic, in percent, and the one before the rest.
///
/// # Errors
/// A sentence, if a listener, a rule or a target group is not there.
pub(super) fn set(fleet: &Fleet, balancers: &[LoadBalancer], traffic: Traffic, share: f64) -> Result<(), String> {
    let (of_old, of_new) = weights(share);
    for balancer in balancers {
        let Some(rule) = rule(balancer, traffic) else { continue };
        let alternate = balancer.advanced_configuration.as_ref().and_then(|it| it.alternate_target_group_arn.clone());
        let (Some(new), Some(old)) = (balancer.target_group_arn.clone(), alternate) else { continue };
        let mut groups = vec![(old, of_old), (new, of_new)];
        // In the same order both ways.
        groups.sort_unstable();
        let shifter = fleet.options.neighbours.traffic.as_ref().ok_or("ECS knows no load balancers here")?;
        shifter.shift(rule, &groups, PRINCIPAL)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn revisions_take_turns_between_the_two_target_groups() {
        let balancer = json!([{"targetGroupArn": "a", "containerName": "app", "containerPort": 80, "advancedConfiguration":
            {"alternateTargetGroupArn": "b", "productionListenerRule": "listener/net/x", "roleArn": "r"}}]);
        let of_settings: Vec<LoadBalancer> = serde_json::from_value(balancer).unwrap();
        let group = |balancers: &[LoadBalancer]| balancers[0].target_group_arn.clone().unwrap();
        let (mut before, mut groups) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            before = load_balancers_beside(of_settings.clone(), &before);
            groups.push(group(&before));
        }
        assert_eq!(groups, ["a", "b", "a"]);
        assert!(is_network(&of_settings, Traffic::Production) && !is_network(&of_settings, Traffic::Test));
    }
}
