//! YAML as JSON values, with CloudFormation's short tags (`!Ref`, `!GetAtt`, `!Sub`, ...) in their long form.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value, json};

/// Reads one YAML document (JSON is one, too).
///
/// # Errors
/// What is wrong, with the line where the parser knows it.
pub fn parse(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => to_json(document),
        documents => Err(format!("{} documents where one is expected", documents.len())),
    }
}

fn to_json(node: &Yaml<'_>) -> Result<Value, String> {
    match node {
        Yaml::Value(scalar) => scalar_to_json(scalar),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(fields) => {
            let mut object = Map::new();
            for (key, value) in fields {
                object.insert(key_text(key)?, to_json(value)?);
            }
            Ok(Value::Object(object))
        }
        Yaml::Tagged(tag, node) if tag.handle == "!" => Ok(intrinsic(&tag.suffix, to_json(node)?)),
        Yaml::Tagged(_, node) => to_json(node),
        Yaml::Representation(text, _, tag) => {
            let text = Value::String(text.clone().into_owned());
            Ok(tag.as_ref().filter(|tag| tag.handle == "!").map_or(text.clone(), |tag| intrinsic(&tag.suffix, text)))
        }
        Yaml::Alias(_) | Yaml::BadValue => Err("a value that cannot be read".into()),
    }
}

fn scalar_to_json(scalar: &Scalar<'_>) -> Result<Value, String> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => (*value).into(),
        Scalar::Integer(value) => (*value).into(),
        Scalar::FloatingPoint(value) => {
            Number::from_f64(value.into_inner()).ok_or_else(|| format!("{value} is not a number"))?.into()
        }
        Scalar::String(text) => text.clone().into_owned().into(),
    })
}

fn key_text(key: &Yaml<'_>) -> Result<String, String> {
    match to_json(key)? {
        Value::String(text) => Ok(text),
        key @ (Value::Bool(_) | Value::Number(_)) => Ok(key.to_string()),
        key => Err(format!("{key} cannot be the name of a field")),
    }
}

/// The long form of a short tag: "Intrinsic function reference" in the CloudFormation guide.
fn intrinsic(tag: &str, value: Value) -> Value {
    match (tag, value) {
        ("Ref" | "Condition", value) => json!({ tag: value }),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (tag, value) => json!({ (format!("Fn::{tag}")): value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_take_their_long_form_inside_each_other() {
        let yaml =
            "a: !If [Yes, !Sub 'x-${B}', !Ref AWS::NoValue]\nb: !GetAtt Group.Arn.Part\nc: !Not [!Condition X]\n";
        let expected = json!({
            "a": {"Fn::If": ["Yes", {"Fn::Sub": "x-${B}"}, {"Ref": "AWS::NoValue"}]},
            "b": {"Fn::GetAtt": ["Group", "Arn.Part"]},
            "c": {"Fn::Not": [{"Condition": "X"}]},
        });
        assert_eq!(parse(yaml), Ok(expected));
    }

    #[test]
    fn scalars_keep_their_types_and_quotes_make_text() {
        let expected = json!({"n": 1, "f": 0.5, "t": "1", "b": true, "z": null, "p": "5m", "y": "yes"});
        assert_eq!(parse("n: 1\nf: 0.5\nt: \"1\"\nb: true\nz:\np: 5m\ny: yes\n"), Ok(expected));
    }

    #[test]
    fn anchors_and_folded_text_are_read() {
        let yaml = "a: &x {k: 1}\nb: *x\nc: >-\n  one\n  two\n";
        assert_eq!(parse(yaml), Ok(json!({"a": {"k": 1}, "b": {"k": 1}, "c": "one two"})));
    }

    #[test]
    fn broken_yaml_names_its_line() {
        let problem = parse("a: 1\nb: [1\n").unwrap_err();
        assert!(problem.contains("line"), "{problem}");
    }
}
