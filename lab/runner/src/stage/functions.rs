//! The versions of a service that are published versions of one Lambda function.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The logical id of the function, as templates give it.
pub(super) const FUNCTION: &str = "Function";

/// The logical id of its published version.
pub(super) const VERSION: &str = "FirstVersion";

/// Gives the function blue's variables and lets every other service be an update of it, published as its next version: as updates of the
/// stack come one after the other, blue's first.
pub(super) fn add(
    resources: &mut Map<String, Value>,
    mut variables: BTreeMap<String, Value>,
    logical: impl Fn(&str, &str) -> String,
) {
    let original = [FUNCTION, VERSION].map(|kind| resources.get(kind).cloned().unwrap_or_default());
    let blue = variables.remove_entry("blue");
    let mut before: Option<String> = None;
    for (service, variables) in blue.into_iter().chain(variables) {
        let [mut function, mut version] = original.clone();
        function["Properties"]["Environment"] = json!({"Variables": variables});
        if let Some(before) = before {
            function["DependsOn"] = before.into();
        }
        let name = logical(FUNCTION, &service);
        version["Properties"]["FunctionName"] = json!({"Ref": name});
        resources.insert(name, function);
        let name = logical(VERSION, &service);
        resources.insert(name.clone(), version);
        before = Some(name);
    }
}
