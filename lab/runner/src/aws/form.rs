//! The Query protocol's request form and its result element.

use serde_json::Value;

/// Writes an operation's parameters as the Query protocol does: `A.member.1.B=value`.
pub(super) fn encode(action: &str, version: &str, parameters: &Value) -> String {
    let mut form = format!("Action={action}&Version={version}");
    append(&mut form, "", parameters);
    form
}

fn append(form: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                append(form, &name, value);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                append(form, &format!("{name}.member.{}", index + 1), item);
            }
        }
        Value::String(text) => push(form, name, text),
        other => push(form, name, &other.to_string()),
    }
}

fn push(form: &mut String, name: &str, value: &str) {
    form.push('&');
    form.push_str(name);
    form.push('=');
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => form.push(char::from(byte)),
            _ => form.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Takes the `<Action>Result` out of an answer; JSON answers have none and stay as they are.
pub(super) fn unwrap_result(answer: Value, action: &str) -> Value {
    match answer {
        Value::Object(mut fields) => match fields.remove(&format!("{action}Result")) {
            Some(result) => result,
            None => Value::Object(fields),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_structures_become_numbered_members() {
        let parameters = json!({"Names": ["a b", "ü"], "Actions": [{"Type": "forward", "Order": 1}], "Absent": null});
        let mut parts: Vec<_> = encode("DoIt", "2015-12-01", &parameters).split('&').map(str::to_owned).collect();
        parts.sort();
        assert_eq!(
            parts,
            [
                "Action=DoIt",
                "Actions.member.1.Order=1",
                "Actions.member.1.Type=forward",
                "Names.member.1=a%20b",
                "Names.member.2=%C3%BC",
                "Version=2015-12-01",
            ]
        );
    }
}
