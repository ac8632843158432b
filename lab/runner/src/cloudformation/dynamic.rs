//! Dynamic references of kind `ssm`: "Get a plaintext value from Systems Manager Parameter Store" in the CloudFormation guide.

use crate::{Aws, LabError};
use serde_json::{Value, json};

const BEGINS: &str = "{{resolve:ssm:";

/// Puts the present values in place of the references, each the whole of a text.
///
/// # Errors
/// If a parameter does not exist.
pub(super) async fn resolve(aws: &Aws, value: &mut Value) -> Result<(), LabError> {
    for text in texts(value) {
        let Some(name) = text.as_str().and_then(reference).map(str::to_owned) else { continue };
        let answer = aws.call("ssm", "GetParameter", json!({"Name": name})).await?;
        *text = answer["Parameter"]["Value"].clone();
    }
    Ok(())
}

/// The parameter that a text refers to.
fn reference(text: &str) -> Option<&str> {
    text.strip_prefix(BEGINS)?.strip_suffix("}}")
}

fn texts(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::String(_) => vec![value],
        Value::Array(items) => items.iter_mut().flat_map(texts).collect(),
        Value::Object(fields) => fields.values_mut().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_the_whole_of_a_text_wherever_it_stands() {
        assert_eq!(reference("{{resolve:ssm:/teal/weights/shop/shop-a}}"), Some("/teal/weights/shop/shop-a"));
        assert_eq!(reference("{{resolve:secretsmanager:x}}"), None);
        assert_eq!(reference("plain"), None);
        let mut value = json!({"a": [{"b": "x"}, 1], "c": "y"});
        let found: Vec<&str> = texts(&mut value).into_iter().filter_map(|text| text.as_str()).collect();
        assert_eq!(found, ["x", "y"]);
    }
}
