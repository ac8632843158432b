//! The shape of a document: its fields, their types and ranges, each text by its own parser.
//!
//! The JSON Schema is what is checked, so that an editor and Teal cannot disagree about it. Only the keywords that
//! [`crate::plan::Plan::schema`] uses are understood here; a test keeps it so.

mod alternatives;
mod single;

use crate::plan::problem::{Path, Problem};
use crate::plan::texts;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The schema without what editors show of it, which functions need not carry.
const SHAPE: &str = include_str!("shape/schema.json");

/// Adds everything that is wrong with the document's shape.
pub(super) fn check(document: &Value, problems: &mut Vec<Problem>) {
    // A text, not the generated schema: a function then need not carry what generates it. A test holds the two together.
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| serde_json::from_slice(SHAPE.as_bytes()).unwrap_or_default());
    Shape { schema: &SCHEMA, problems }.value(&SCHEMA, document, &Path::root());
}

struct Shape<'a> {
    /// The whole schema, for its definitions.
    schema: &'a Value,
    problems: &'a mut Vec<Problem>,
}

/// The name and content of the definition that a schema refers to.
fn definition<'s>(root: &'s Value, schema: &Value) -> Option<(&'s str, &'s Value)> {
    let name = schema["$ref"].as_str()?.strip_prefix("#/$defs/")?;
    root["$defs"].as_object()?.get_key_value(name).map(|(name, schema)| (name.as_str(), schema))
}

impl<'a> Shape<'a> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn value(&mut self, schema: &'a Value, value: &Value, path: &Path) {
        if let Some((name, inner)) = definition(self.schema, schema) {
            return match texts::by_name(name) {
                Some(kind) => self.text(kind, value, path),
                None => self.value(inner, value, path),
            };
        }
        if let Some(alternatives) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            return self.alternatives(alternatives, value, path);
        }
        if let Some(words) = schema["enum"].as_array() {
            return self.word(&words.iter().filter_map(Value::as_str).collect::<Vec<_>>(), value, path);
        }
        match (schema_type(schema), value) {
            (_, Value::Null) if allows_null(schema) => {}
            ("object", Value::Object(fields)) => self.object(schema, fields, path),
            ("array", Value::Array(items)) => self.list(schema, items, path),
            ("integer", Value::Number(_)) => self.integer(schema, value, path),
            ("number", Value::Number(_)) => self.number(schema, value, path),
            ("boolean", Value::Bool(_)) => {}
            ("string", Value::String(text)) => self.length(schema, "Length", text.chars().count(), "characters", path),
            (expected, found) => self.wrong_type(expected, schema, found, path),
        }
    }

    fn list(&mut self, schema: &'a Value, items: &[Value], path: &Path) {
        self.length(schema, "Items", items.len(), "items", path);
        let most = schema["maxItems"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        for (index, item) in items.iter().enumerate().take(most) {
            self.value(&schema["items"], item, &path.item(index));
        }
    }

    fn object(&mut self, schema: &'a Value, fields: &Map<String, Value>, path: &Path) {
        if schema["additionalProperties"] == true {
            // It is somebody else's to read.
            return;
        }
        if let Some((pattern, inner)) = schema["patternProperties"].as_object().and_then(|map| map.iter().next()) {
            return self.map(pattern, inner, fields, path);
        }
        let known = field_names(schema);
        for (name, value) in fields {
            match schema["properties"].get(name) {
                Some(inner) => self.value(inner, value, &path.field(name)),
                None => self.unknown_field(name, &known, path),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.missing_field(name, &schema["properties"][name], path);
            }
        }
    }

    fn map(&mut self, pattern: &str, inner: &'a Value, fields: &Map<String, Value>, path: &Path) {
        for (name, value) in fields {
            let path = path.field(name);
            if let Some(Err(invalid)) = texts::by_pattern(pattern).map(|kind| (kind.check)(name)) {
                self.report(Problem::new(path.clone(), invalid.reason, invalid.remedy));
            }
            self.value(inner, value, &path);
        }
    }

    fn unknown_field(&mut self, name: &str, known: &[&str], path: &Path) {
        let all = if known.is_empty() {
            "There are none here".to_owned()
        } else {
            format!("Known are {}", listed(known, "and"))
        };
        let remedy = match nearest(name, known) {
            Some(field) => format!("Did you mean `{field}`? {all}"),
            None => format!("Leave it out. {all}"),
        };
        self.report(Problem::new(path.field(name), "there is no such field", remedy));
    }

    fn missing_field(&mut self, name: &str, schema: &Value, path: &Path) {
        let text = definition(self.schema, schema).and_then(|(name, _)| texts::by_name(name));
        let remedy = match (text, schema["description"].as_str()) {
            (Some(kind), _) => format!("Add {}, such as `{name}: {}`", kind.noun, kind.example),
            (None, Some(description)) => format!("Add `{name}`: {}", first_sentence(description)),
            (None, None) => format!("Add `{name}`"),
        };
        self.report(Problem::new(path.field(name), "this field is missing", remedy));
    }
}

/// The first type that a schema allows besides null.
fn schema_type(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default(),
        single => single.as_str().unwrap_or_default(),
    }
}

fn allows_null(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "null"))
}

fn field_names(schema: &Value) -> Vec<&str> {
    schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys()).map(String::as_str).collect()
}

/// The first sentence of a description, to go on a sentence: without its full stop, and in lower case.
fn first_sentence(description: &str) -> String {
    let sentence = description.split(['.', ':']).next().unwrap_or_default();
    let mut letters = sentence.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

/// The candidate that the text was most probably meant to be.
fn nearest<'a>(text: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let folded = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let similarity = |candidate: &str| strsim::jaro_winkler(&folded(text), &folded(candidate));
    candidates
        .iter()
        .map(|candidate| (similarity(candidate), *candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// `a`, `b` and `c`.
fn listed(names: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{SHAPE, first_sentence};
    use crate::plan::Plan;
    use serde_json::Value;

    /// As it is published for editors.
    const PUBLISHED: &str = include_str!("../../../../../docs/plan.schema.json");

    #[test]
    fn the_published_schema_is_the_generated_one() {
        let published: Value = serde_json::from_str(PUBLISHED).unwrap();
        assert_eq!(published, Plan::schema(), "renew it: cargo run -p teal-cli -- plan schema > docs/plan.schema.json");
    }

    #[test]
    fn what_is_checked_is_the_published_schema_without_its_descriptions() {
        let mut schema = Plan::schema();
        strip(&mut schema);
        let text = format!("{schema}\n");
        if std::env::var_os("TEAL_RENEW_SHAPE").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/plan/check/shape/schema.json"), &text).unwrap();
            return;
        }
        assert!(text == SHAPE, "renew it: TEAL_RENEW_SHAPE=1 cargo test -p teal without_its_descriptions");
    }

    /// Takes out what nothing is checked by. Of fields that must be there the first sentence stays: it is told where one is missing.
    fn strip(schema: &mut Value) {
        match schema {
            Value::Object(keywords) => {
                let required = keywords.get("required").cloned().unwrap_or_default();
                let is_required = |name: &str| required.as_array().is_some_and(|names| names.contains(&name.into()));
                keywords.retain(|keyword, _| {
                    !["$schema", "default", "description", "examples", "title"].contains(&keyword.as_str())
                });
                for (keyword, value) in keywords {
                    match (keyword.as_str(), value) {
                        // These have names of fields, not keywords.
                        ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                            for (name, value) in named {
                                let description = value["description"].as_str().map(first_sentence);
                                strip(value);
                                if let Some(description) = description.filter(|_| is_required(name)) {
                                    value["description"] = description.into();
                                }
                            }
                        }
                        (_, value) => strip(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
}
