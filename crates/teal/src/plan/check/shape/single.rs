//! Single values: texts, words and numbers, and what stands where one belongs.

use super::{Shape, field_names, kind_of, listed, nearest};
use crate::plan::problem::{Path, Problem};
use crate::plan::texts::TextKind;
use serde_json::Value;

impl Shape<'_> {
    pub(super) fn wrong_type(&mut self, expected: &str, schema: &Value, found: &Value, path: &Path) {
        let is_map = !schema["patternProperties"].is_null();
        let (noun, remedy) = match expected {
            "object" if is_map => ("an object".to_owned(), "Write fields, each with a text in quotes".to_owned()),
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
        // What stands in place of headers or variables may be all of them in one text.
        self.report(if is_map { problem } else { problem.showing_scalar(found) });
    }

    pub(super) fn text(&mut self, kind: &TextKind, value: &Value, path: &Path) {
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

    pub(super) fn word(&mut self, words: &[&str], value: &Value, path: &Path) {
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

    pub(super) fn integer(&mut self, schema: &Value, value: &Value, path: &Path) {
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

    pub(super) fn number(&mut self, schema: &Value, value: &Value, path: &Path) {
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
    pub(super) fn length(&mut self, schema: &Value, what: &str, length: usize, noun: &str, path: &Path) {
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
}
