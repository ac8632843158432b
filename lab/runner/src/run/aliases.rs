//! Aliases of functions as parts of a route: what they are now, in the form of a listener's actions.

use crate::LabError;
use crate::lab::Lab;
use serde_json::{Value, json};
use teal::route::FunctionAlias;

/// Whether a part of a route is an alias.
pub(super) fn is_alias(part: &str) -> bool {
    part.parse::<FunctionAlias>().is_ok()
}

/// The name of the alias that a plan's route names.
pub(super) fn named_by(lambda: &Value) -> Option<String> {
    Some(format!("{}:{}", lambda["function"].as_str()?, lambda["alias"].as_str()?))
}

/// Its versions with their weights; those of `known` that it does not have, without weight.
pub(super) fn actions(lab: &Lab, part: &str, known: &Value) -> Result<Value, LabError> {
    let problem = |problem: String| LabError::document(part, problem);
    let alias: FunctionAlias = part.parse().map_err(problem)?;
    let weights = lab.alias_weights(alias.function(), alias.alias());
    let mut weights = weights.ok_or_else(|| problem("there is no such alias".to_owned()))?;
    let groups = known.pointer("/0/ForwardConfig/TargetGroups").and_then(Value::as_array);
    for version in groups.into_iter().flatten().filter_map(|group| group["TargetGroupArn"].as_str()) {
        weights.entry(version.to_owned()).or_default();
    }
    let groups: Vec<Value> = weights
        .into_iter()
        .map(|(version, weight)| json!({"TargetGroupArn": version, "Weight": weight.to_string()}))
        .collect();
    Ok(json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]))
}
