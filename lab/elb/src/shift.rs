//! Weights that a service of AWS sets by itself.

use crate::model::{Account, Action, ActionKind, Forward, forward_of};
use crate::{Elb, apply};
use teal_lab_wire::TrafficShifter;

impl TrafficShifter for Elb {
    fn shift(&self, arn: &str, weights: &[(String, u16)], by: &str) -> Result<(), String> {
        let mut account = self.account();
        let (known_as, _) = actions_mut(&mut account, arn)?;
        check_groups(&account, &known_as, weights)?;
        let (_, actions) = actions_mut(&mut account, arn)?;
        let forward = actions.iter_mut().find_map(|action| match &mut action.kind {
            ActionKind::Forward(forward) => Some(forward),
            _ => None,
        });
        let forward = forward.ok_or_else(|| format!("{arn} forwards nothing"))?;
        if forward.groups == weights {
            return Ok(());
        }
        forward.groups = weights.to_vec();
        let shifted = forward.clone();
        apply(&account);
        self.weights.add(self.plane.clock.now_millis(), vec![(known_as, shifted)], Some(by));
        Ok(())
    }

    fn weights(&self, arn: &str) -> Result<Vec<(String, u16)>, String> {
        let mut account = self.account();
        let (_, actions) = actions_mut(&mut account, arn)?;
        let Forward { groups, .. } = forward_of(actions).ok_or_else(|| format!("{arn} forwards nothing"))?;
        Ok(groups.clone())
    }
}

/// Target groups must exist, and belong to no other load balancer.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html>
fn check_groups(account: &Account, arn: &str, weights: &[(String, u16)]) -> Result<(), String> {
    for (group, _) in weights {
        if !account.target_groups.contains_key(group) {
            return Err(format!("the target group {group} does not exist"));
        }
        // `listener-rule/app/NAME/ID/...` and `listener/app/NAME/ID/...` are of `loadbalancer/app/NAME/ID`.
        let balancer = |arn: &str| arn.split('/').skip(1).take(3).map(str::to_owned).collect::<Vec<_>>();
        if account.load_balancer_of(group).is_some_and(|user| balancer(&user.arn) != balancer(arn)) {
            return Err(format!("the target group {group} belongs to another load balancer"));
        }
    }
    Ok(())
}

/// The actions behind an ARN, and the ARN that changes of them are known by: a default rule's are its listener's.
fn actions_mut<'a>(account: &'a mut Account, arn: &str) -> Result<(String, &'a mut [Action]), String> {
    let mut listeners = account.listeners.values_mut();
    if let Some(listener) = listeners.find(|it| it.arn == arn || it.default_rule_arn == arn) {
        return Ok((listener.arn.clone(), &mut listener.default_actions));
    }
    let rule = account.rules.get_mut(arn).ok_or_else(|| format!("there is no listener and no rule {arn}"))?;
    Ok((rule.arn.clone(), &mut rule.actions))
}
