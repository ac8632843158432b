//! The route of a run: the parts that the plan names, and what they are now.

use super::{Run, aliases, flags};
use crate::LabError;
use crate::check::PartActions;
use crate::lab::Lab;
use serde_json::{Value, json};

impl Run<'_> {
    /// The production parts that the plan names, as they are before the release.
    pub(super) async fn read_route(&self) -> Result<Vec<PartActions>, LabError> {
        let traffic = &self.plan["traffic"];
        let listed = |route: &str, field: &str| traffic[route][field].as_array().cloned().unwrap_or_default();
        let parts = [("alb", "listeners"), ("alb", "rules"), ("nlb", "listeners")];
        let mut route = Vec::new();
        let name = traffic["cname"]["name"].as_str().map(str::to_owned);
        let listed = parts.into_iter().flat_map(|(route, field)| listed(route, field));
        let listed = listed.map(|part| part.as_str().unwrap_or_default().to_owned()).chain(name);
        let listed = listed.chain(aliases::named_by(&traffic["lambda"]));
        let with_it = self.plan["flags"].as_array().into_iter().flatten();
        let flags = with_it.chain([&traffic["flag"]]).filter_map(flags::named_by);
        let green = &self.plan["green"]["lambda"]["functionVersion"];
        let known = if green.is_null() { traffic["cname"]["environments"].clone() } else { json!([green]) };
        for part in listed.chain(flags) {
            // A plan with mistakes may name parts that do not exist; then there is nothing to compare.
            if let Ok(before) = read_actions(self.lab, &part, &without_weight(&known)).await {
                let name = self.stage.readable(&part);
                route.push(PartActions { name, part, after: before.clone(), before });
            }
        }
        Ok(route)
    }
}

/// A forward action to environments or versions, in the form of Elastic Load Balancing's.
fn without_weight(names: &Value) -> Value {
    let groups: Vec<Value> =
        names.as_array().into_iter().flatten().map(|name| json!({"TargetGroupArn": name, "Weight": "0"})).collect();
    json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
}

/// The action list of a listener or rule; of a domain name one like `known`, with the weights that say which environment has it; of an alias
/// one with its versions, and those of `known`.
pub(super) async fn read_actions(lab: &Lab, part: &str, known: &Value) -> Result<Value, LabError> {
    if flags::is_flag(part) {
        return flags::actions(lab, part);
    }
    if aliases::is_alias(part) {
        return aliases::actions(lab, part, known);
    }
    if !part.starts_with("arn:") {
        let found = lab.aws().call("elasticbeanstalk", "DescribeEnvironments", json!({})).await?;
        let environments = found["Environments"].as_array();
        let holder = environments.into_iter().flatten().find(|environment| environment["CNAME"] == part);
        let mut actions = known.clone();
        let groups = actions.pointer_mut("/0/ForwardConfig/TargetGroups").and_then(Value::as_array_mut);
        for group in groups.into_iter().flatten() {
            let has_it = holder.is_some_and(|holder| holder["EnvironmentName"] == group["TargetGroupArn"]);
            group["Weight"] = if has_it { "100" } else { "0" }.into();
        }
        return Ok(actions);
    }
    let (action, parameters, pointer) = if part.contains(":listener-rule/") {
        ("DescribeRules", json!({"RuleArns": [part]}), "/Rules/0/Actions")
    } else {
        ("DescribeListeners", json!({"ListenerArns": [part]}), "/Listeners/0/DefaultActions")
    };
    let mut answer = lab.aws().call("elasticloadbalancing", action, parameters).await?;
    Ok(answer.pointer_mut(pointer).map(Value::take).unwrap_or_default())
}
