//! The shape of a document: its fields, their types and ranges, each text by its own parser.
//!
//! The JSON Schema is what is checked, so that an editor and Teal cannot disagree about it. Only the keywords that
//! [`crate::plan::Plan::schema`] uses are understood here; a test keeps it so.

use crate::plan::problem::{Path, Problem};
use crate::plan::texts::{self, TextKind};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The schema as it is published for editors.
const PUBLISHED: &str = include_str!("../../../../../docs/plan.schema.json");

/// Adds everything that is wrong with the document's shape.
pub(super) fn check(document: &Value, problems: &mut Vec<Problem>) {
    // The published schema, not the generated one: a function then need not carry what generates it. A test holds the two together.
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(PUBLISHED).unwrap_or_default());
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

    fn wrong_type(&mut self, expected: &str, schema: &Value, found: &Value, path: &Path) {
        let (noun, remedy) = match expected {
            "object" if schema["required"].is_null() && schema["properties"].is_null() => {
                ("an object without fields".to_owned(), "Write {}".to_owned())
            }
            "object" => ("an object".to_owned(), format!("Write fields: {}", listed(&field_names(schema), "and"))),
            "array" => ("a list".to_owned(), "Write a list, with a hyphen before each item".to_owned()),
            "integer" => ("a whole number".to_owned(), "Write a number without quotes".to_owned()),
            "number" => ("a number".to_owned(), "Write a number without quotes".to_owned()),
            "boolean" => ("true or false".to_owned(), "Write true or false, without quotes".to_owned()),
            _ => ("a text".to_owned(), "Write a text in quotes".to_owned()),
        };
        let problem = Problem::new(path.clone(), format!("it is {}, not {noun}", kind_of(found)), remedy);
        self.report(problem.showing_scalar(found));
    }

    fn text(&mut self, kind: &TextKind, value: &Value, path: &Path) {
        let problem = match value {
            Value::String(text) => match (kind.check)(text) {
                Ok(()) => return,
                Err(invalid) => Problem::new(path.clone(), invalid.reason, invalid.remedy),
            },
            Value::Number(number) => Problem::new(
                path.clone(),
                format!("it is a number, not {}", kind.noun),
                match kind.unit {
                    Some(unit) => format!("Write it with its unit, such as \"{number}{unit}\""),
                    None => "Write it in quotes".to_owned(),
                },
            ),
            other => Problem::new(
                path.clone(),
                format!("it is {}, not {}", kind_of(other), kind.noun),
                format!("Write a text such as \"{}\"", kind.example),
            ),
        };
        let problem = if kind.may_be_shown { problem.showing_scalar(value) } else { problem };
        self.report(problem);
    }

    fn word(&mut self, words: &[&str], value: &Value, path: &Path) {
        let Value::String(text) = value else {
            return self.report(
                Problem::new(
                    path.clone(),
                    format!("it is {}, not one of the words allowed here", kind_of(value)),
                    format!("Write {}", listed(words, "or")),
                )
                .showing_scalar(value),
            );
        };
        if !words.contains(&text.as_str()) {
            let remedy = match nearest(text, words) {
                Some(word) => format!("Did you mean \"{word}\"? Possible are {}", listed(words, "and")),
                None => format!("Write {}", listed(words, "or")),
            };
            self.report(Problem::new(path.clone(), "it is not one of the words allowed here", remedy).showing(text));
        }
    }

    fn integer(&mut self, schema: &Value, value: &Value, path: &Path) {
        let least = schema["minimum"].as_u64().unwrap_or(0);
        let most = schema["maximum"].as_u64().unwrap_or(u64::from(u32::MAX));
        let reason = match value.as_u64() {
            Some(number) if (least..=most).contains(&number) => return,
            None if value.is_f64() => "it is not a whole number".to_owned(),
            _ => format!("it is not from {least} to {most}"),
        };
        let remedy = format!("Write a whole number from {least} to {most}");
        self.report(Problem::new(path.clone(), reason, remedy).showing_scalar(value));
    }

    fn number(&mut self, schema: &Value, value: &Value, path: &Path) {
        let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
        let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
        if value.as_f64().is_some_and(|number| (least..=most).contains(&number)) {
            return;
        }
        let remedy = format!("Write a number from {least} to {most}");
        self.report(
            Problem::new(path.clone(), format!("it is not from {least} to {most}"), remedy).showing_scalar(value),
        );
    }

    /// Checks a number of characters or items against the schema's `min{what}` and `max{what}`.
    fn length(&mut self, schema: &Value, what: &str, length: usize, noun: &str, path: &Path) {
        let bound = |end: &str| schema[format!("{end}{what}")].as_u64().and_then(|bound| usize::try_from(bound).ok());
        let (least, most) = (bound("min").unwrap_or(0), bound("max").unwrap_or(usize::MAX));
        if (least..=most).contains(&length) {
            return;
        }
        let remedy = match (least, most) {
            (least, most) if least == most => format!("Write exactly {least}"),
            (_, most) if length > most => format!("Write at most {most}"),
            _ => format!("Write at least {least}"),
        };
        self.report(Problem::new(path.clone(), format!("it has {length} {noun}"), remedy));
    }

    fn list(&mut self, schema: &'a Value, items: &[Value], path: &Path) {
        self.length(schema, "Items", items.len(), "items", path);
        let most = schema["maxItems"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        for (index, item) in items.iter().enumerate().take(most) {
            self.value(&schema["items"], item, &path.item(index));
        }
    }

    fn object(&mut self, schema: &'a Value, fields: &Map<String, Value>, path: &Path) {
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

    fn alternatives(&mut self, alternatives: &'a [Value], value: &Value, path: &Path) {
        let is_null = |schema: &Value| schema["type"] == "null";
        if value.is_null() && alternatives.iter().any(is_null) {
            return;
        }
        let alternatives: Vec<&Value> = alternatives.iter().filter(|schema| !is_null(schema)).collect();
        if let [only] = alternatives.as_slice()
            && !only["$ref"].is_null()
        {
            return self.value(only, value, path);
        }
        let (texts, others): (Vec<&Value>, Vec<&Value>) =
            alternatives.iter().partition(|schema| is_text(self.schema, schema));
        if let [text] = texts.as_slice()
            && !others.is_empty()
        {
            // A short form beside a long one: what is no object was meant as the short one.
            return match (value, others.as_slice()) {
                (Value::Object(_), [only]) => self.value(only, value, path),
                (Value::Object(_), _) => self.alternatives_of(&others, value, path),
                _ => self.value(text, value, path),
            };
        }
        self.alternatives_of(&alternatives, value, path);
    }

    fn alternatives_of(&mut self, alternatives: &[&'a Value], value: &Value, path: &Path) {
        let words: Vec<&str> = alternatives.iter().filter_map(|schema| schema["const"].as_str()).collect();
        if !words.is_empty() {
            return self.word(&words, value, path);
        }
        let forms: Vec<&Value> = alternatives
            .iter()
            .map(|schema| definition(self.schema, schema).map_or(*schema, |(_, inner)| inner))
            .collect();
        if forms.iter().all(|form| field_names(form).len() == 1) {
            self.choice(&forms, value, path);
        } else {
            self.nearest_form(&forms, value, path);
        }
    }

    /// An object of which exactly one field says which alternative it is.
    fn choice(&mut self, forms: &[&'a Value], value: &Value, path: &Path) {
        let names: Vec<&str> = forms.iter().flat_map(|form| field_names(form)).collect();
        let one_of = if names.len() == 1 {
            format!("`{}`", names[0])
        } else {
            format!("exactly one of {}", listed(&names, "and"))
        };
        let Value::Object(fields) = value else {
            let remedy = match value.as_str().and_then(|word| names.iter().find(|name| **name == word)) {
                Some(name) => format!("Write it as a field: `{name}: {{…}}`"),
                None => format!("Write {one_of}"),
            };
            let reason = format!("it is {}, not an object", kind_of(value));
            return self.report(Problem::new(path.clone(), reason, remedy).showing_scalar(value));
        };
        let mut given = Vec::new();
        for (name, value) in fields {
            match forms.iter().find_map(|form| form["properties"].get(name)) {
                Some(inner) => {
                    given.push(name.as_str());
                    self.value(inner, value, &path.field(name));
                }
                None => self.unknown_field(name, &names, path),
            }
        }
        match given.as_slice() {
            [_] => {}
            // A misspelt name was reported above, with what it may have meant.
            [] if !fields.is_empty() => {}
            [] => self.report(Problem::new(path.clone(), "it says nothing", format!("Write {one_of}"))),
            several => self.report(Problem::new(
                path.clone(),
                format!("it has {}, which exclude each other", listed(several, "and")),
                format!("Keep {one_of}"),
            )),
        }
    }

    /// An object that has one of several forms: the one of which it has most fields.
    fn nearest_form(&mut self, forms: &[&'a Value], value: &Value, path: &Path) {
        let described: Vec<String> = forms.iter().map(|form| listed(&field_names(form), "and")).collect();
        let described = described.join("; or ");
        let Value::Object(fields) = value else {
            let reason = format!("it is {}, not an object", kind_of(value));
            let remedy = format!("Write {described}");
            return self.report(Problem::new(path.clone(), reason, remedy).showing_scalar(value));
        };
        let shared = |form: &Value| field_names(form).iter().filter(|name| fields.contains_key(**name)).count();
        // The first of those that share most: `max_by_key` would give the last.
        let Some(form) = forms.iter().rev().max_by_key(|form| shared(form)) else { return };
        let mut own = Map::new();
        for (name, value) in fields {
            let elsewhere = forms.iter().any(|other| other["properties"].get(name).is_some());
            if elsewhere && form["properties"].get(name).is_none() {
                self.report(Problem::new(
                    path.field(name),
                    "it belongs to another form of entry",
                    format!("Give it an entry of its own. An entry has either {described}"),
                ));
            } else {
                own.insert(name.clone(), value.clone());
            }
        }
        self.object(form, &own, path);
    }
}

/// Whether a schema is one of a text: a kind of its own, or one of several words.
fn is_text(root: &Value, schema: &Value) -> bool {
    match definition(root, schema) {
        Some((name, inner)) => texts::by_name(name).is_some() || is_text(root, inner),
        None => {
            !schema["enum"].is_null()
                || schema["oneOf"].as_array().is_some_and(|words| words.iter().all(|word| !word["const"].is_null()))
        }
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
    use super::PUBLISHED;
    use crate::plan::Plan;
    use serde_json::Value;

    #[test]
    fn the_published_schema_is_the_generated_one() {
        let published: Value = serde_json::from_str(PUBLISHED).unwrap();
        assert_eq!(published, Plan::schema(), "renew it: cargo run -p teal-cli -- plan schema > docs/plan.schema.json");
    }
}
