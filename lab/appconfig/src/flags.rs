//! Feature flags: what a version of them must be, and what clients are handed.
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html>

use serde_json::{Map, Value, json};

/// The type of configuration profiles with feature flags.
pub(crate) const FEATURE_FLAGS: &str = "AWS.AppConfig.FeatureFlags";

/// What is wrong with a configuration of feature flags.
pub(crate) fn check(content: &[u8]) -> Result<(), String> {
    let document: Value = serde_json::from_slice(content).map_err(|problem| format!("Invalid JSON: {problem}"))?;
    let Some(members) = document.as_object() else { return Err("the document is no object".to_owned()) };
    if let Some(other) = members.keys().find(|name| !["version", "flags", "values"].contains(&name.as_str())) {
        return Err(format!("additional property {other:?}"));
    }
    if document["version"] != "1" {
        return Err("version must be \"1\"".to_owned());
    }
    let empty = Map::new();
    let flags = document["flags"].as_object().unwrap_or(&empty);
    for (key, value) in document["values"].as_object().unwrap_or(&empty) {
        let Some(definition) = flags.get(key) else { return Err(format!("values.{key}: there is no such flag")) };
        check_value(value, &definition["attributes"]).map_err(|problem| format!("values.{key}.{problem}"))?;
    }
    Ok(())
}

fn check_value(value: &Value, attributes: &Value) -> Result<(), String> {
    let Some(members) = value.as_object() else { return Err("it is no object".to_owned()) };
    if members.get("enabled").is_some_and(|enabled| !enabled.is_boolean()) {
        return Err("enabled: it is no boolean".to_owned());
    }
    for (name, found) in members.iter().filter(|(name, _)| *name != "enabled" && !name.starts_with('_')) {
        let Some(definition) = attributes.get(name) else {
            return Err(format!("{name}: the flag has no such attribute"));
        };
        let constraints = &definition["constraints"];
        let fits = match constraints["type"].as_str() {
            Some("number") => {
                let within = |number: f64| {
                    constraints["minimum"].as_f64().is_none_or(|least| number >= least)
                        && constraints["maximum"].as_f64().is_none_or(|most| number <= most)
                };
                found.as_f64().is_some_and(within)
            }
            Some("string") => found.is_string(),
            Some("boolean") => found.is_boolean(),
            Some("array") => found.is_array(),
            _ => true,
        };
        if !fits {
            return Err(format!("{name}: {found} does not meet {constraints}"));
        }
    }
    Ok(())
}

/// What clients are handed of a configuration of feature flags: values without what AppConfig keeps of them for itself. Of a disabled flag
/// nothing but that, as in AWS's second example of the format at retrieval; that its attributes are always left out is not written there.
/// <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-agent-how-to-use-local-development-samples.html>
pub(crate) fn for_clients(content: &[u8]) -> Vec<u8> {
    let document: Value = serde_json::from_slice(content).unwrap_or_default();
    let handed = |value: &Value| -> Value {
        if value["enabled"] != true {
            return json!({"enabled": false});
        }
        let members = value.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with('_'));
        members.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let values = document["values"].as_object().into_iter().flatten();
    let values: Map<String, Value> = values.map(|(key, value)| (key.clone(), handed(value))).collect();
    Value::Object(values).to_string().into_bytes()
}
