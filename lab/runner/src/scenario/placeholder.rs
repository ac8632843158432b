//! `${name}` in plans and calls.

use serde_json::Value;
use std::collections::BTreeMap;

/// Replaces every placeholder in every text of a value.
///
/// # Errors
/// The placeholder that stands for nothing, with those that exist.
pub(crate) fn fill(value: &Value, names: &BTreeMap<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => fill_text(text, names)?.into(),
        Value::Array(items) => items.iter().map(|item| fill(item, names)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), fill(value, names)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

fn fill_text(text: &str, names: &BTreeMap<String, String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').ok_or_else(|| format!("{text:?} has a ${{ without its }}"))?;
        let value = names.get(name).ok_or_else(|| {
            let known: Vec<_> = names.keys().map(String::as_str).collect();
            format!("${{{name}}} stands for nothing; there are {}", known.join(", "))
        })?;
        filled.push_str(before);
        filled.push_str(value);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn placeholders_are_filled_wherever_text_is() {
        let names = BTreeMap::from([("cluster".to_owned(), "shop".to_owned())]);
        let plan = json!({"a": ["${cluster}-a", 1], "b": {"c": "x/${cluster}/${cluster}"}});
        assert_eq!(fill(&plan, &names), Ok(json!({"a": ["shop-a", 1], "b": {"c": "x/shop/shop"}})));
        assert!(fill(&json!("${nobody}"), &names).unwrap_err().contains("cluster"));
    }
}
