//! Listeners, and what CodeDeploy changes of them: the target groups of forward actions, and nothing else.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-groups-create-load-balancer-for-ecs.html>

use super::{Step, call, failed};
use crate::Inner;
use serde_json::{Value, json};

const ELB: &str = "elasticloadbalancing";
/// Why a deployment fails whose load balancer is not as it must be.
pub(super) const CODE: &str = "ELASTIC_LOAD_BALANCING_INVALID";

/// A listener as it is.
pub(super) struct Listener {
    arn: String,
    is_application: bool,
    default_actions: Value,
}

impl Listener {
    pub(super) async fn read(inner: &Inner, arn: &str) -> Step<Self> {
        let found = call(inner, CODE, ELB, "DescribeListeners", json!({"ListenerArns": [arn]})).await?;
        let listener = &found["Listeners"][0];
        let is_application = ["HTTP", "HTTPS"].iter().any(|protocol| listener["Protocol"] == *protocol);
        Ok(Self { arn: arn.to_owned(), is_application, default_actions: listener["DefaultActions"].clone() })
    }

    pub(super) fn is_application(&self) -> bool {
        self.is_application
    }

    /// Its rules but the default one: ARNs and actions. Only Application Load Balancers have some.
    async fn rules(&self, inner: &Inner) -> Step<Vec<(Value, Value)>> {
        if !self.is_application {
            return Ok(Vec::new());
        }
        let mut rules = Vec::new();
        let mut query = json!({"ListenerArn": self.arn});
        loop {
            let found = call(inner, CODE, ELB, "DescribeRules", query.clone()).await?;
            let page = found["Rules"].as_array().into_iter().flatten().filter(|rule| rule["IsDefault"] != "true");
            rules.extend(page.map(|rule| (rule["RuleArn"].clone(), rule["Actions"].clone())));
            match found["NextMarker"].as_str().filter(|marker| !marker.is_empty()) {
                Some(marker) => query["Marker"] = marker.into(),
                None => return Ok(rules),
            }
        }
    }

    /// Whether some of its requests go to a target group.
    pub(super) async fn leads_to(&self, inner: &Inner, group: &str) -> Step<bool> {
        let rules = self.rules(inner).await?;
        Ok([&self.default_actions]
            .into_iter()
            .chain(rules.iter().map(|(_, actions)| actions))
            .any(|actions| actions.as_array().into_iter().flatten().any(|action| groups(action).contains(&group))))
    }

    /// Gives the second of the target groups this percentage of what goes to either of them, and the first one the rest.
    pub(super) async fn shift(&self, inner: &Inner, pair: &[String; 2], share: u8) -> Step<()> {
        let mut changed = false;
        if let Some(actions) = shifted(&self.default_actions, pair, share) {
            changed = true;
            let change = json!({"ListenerArn": self.arn, "DefaultActions": actions});
            call(inner, CODE, ELB, "ModifyListener", change).await?;
        }
        for (rule, actions) in self.rules(inner).await? {
            if let Some(actions) = shifted(&actions, pair, share) {
                changed = true;
                call(inner, CODE, ELB, "ModifyRule", json!({"RuleArn": rule, "Actions": actions})).await?;
            }
        }
        if changed {
            Ok(())
        } else {
            Err(failed(CODE, format!("No action of {} forwards to the target groups.", self.arn)))
        }
    }
}

/// The target groups of a forward action.
fn groups(action: &Value) -> Vec<&str> {
    let listed = action["ForwardConfig"]["TargetGroups"].as_array().into_iter().flatten();
    let listed = listed.filter_map(|group| group["TargetGroupArn"].as_str());
    action["TargetGroupArn"].as_str().into_iter().chain(listed).collect()
}

/// The actions with the share shifted; `None` where none of them forwards to the pair.
fn shifted(actions: &Value, [original, replacement]: &[String; 2], share: u8) -> Option<Value> {
    let mut actions = actions.clone();
    let mut changed = false;
    for action in actions.as_array_mut().into_iter().flatten() {
        if action["AuthenticateOidcConfig"].is_object() {
            // The secret is not described.
            action["AuthenticateOidcConfig"]["UseExistingClientSecret"] = true.into();
        }
        let pairs = groups(action).iter().any(|group| group == original || group == replacement);
        if action["Type"] == "forward" && pairs {
            changed = true;
            if let Some(members) = action.as_object_mut() {
                members.remove("TargetGroupArn");
            }
            action["ForwardConfig"]["TargetGroups"] = json!([
                {"TargetGroupArn": replacement, "Weight": share},
                {"TargetGroupArn": original, "Weight": 100 - share},
            ]);
        }
    }
    changed.then_some(actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_target_groups_of_forward_actions_to_the_pair_change() {
        let pair = ["blue".to_owned(), "green".to_owned()];
        let actions = json!([
            {"Type": "authenticate-oidc", "Order": "1", "AuthenticateOidcConfig": {"ClientId": "c"}},
            {"Type": "forward", "Order": "2", "TargetGroupArn": "blue", "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": "blue", "Weight": "1"}],
                "TargetGroupStickinessConfig": {"Enabled": "false"}}},
        ]);
        let expected = json!([
            {"Type": "authenticate-oidc", "Order": "1",
             "AuthenticateOidcConfig": {"ClientId": "c", "UseExistingClientSecret": true}},
            {"Type": "forward", "Order": "2", "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": "green", "Weight": 10}, {"TargetGroupArn": "blue", "Weight": 90}],
                "TargetGroupStickinessConfig": {"Enabled": "false"}}},
        ]);
        assert_eq!(shifted(&actions, &pair, 10), Some(expected));
        let others = json!([{"Type": "forward", "TargetGroupArn": "other"}, {"Type": "fixed-response"}]);
        assert_eq!(shifted(&others, &pair, 10), None);
    }
}
