//! Permissions of AWS Lambda.

use super::{Needed, arn, on, text};
use serde_json::Value;

/// Aliases are asked for and set on their function, configurations on the version that is asked for, and a function is invoked by its name or
/// ARN, with a qualifier or without. What else there is is not checked.
pub(super) fn needed(operation: &str, input: &Value) -> Option<Vec<Needed>> {
    if operation == "Invoke" {
        let function = arn("lambda", "function:", text(input, "FunctionName")?);
        let qualifier = text(input, "Qualifier").map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        return Some(on("lambda", "InvokeFunction", vec![format!("{function}{qualifier}")]));
    }
    let (method, path) = operation.split_once(' ')?;
    let mut parts = path.strip_prefix("/2015-03-31/functions/")?.split('/');
    let function = arn("lambda", "function:", parts.next()?);
    let (action, resource) = match (method, parts.next()?, parts.next()) {
        ("GET", "aliases", Some(_)) => ("GetAlias", function),
        ("PUT", "aliases", Some(_)) => ("UpdateAlias", function),
        ("GET", "configuration", None) => {
            let qualifier = text(input, "Qualifier").map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
            ("GetFunctionConfiguration", format!("{function}{qualifier}"))
        }
        _ => return None,
    };
    Some(on("lambda", action, vec![resource]))
}
