//! Values that have one of several forms.

use super::{Shape, definition, field_names, kind_of, listed};
use crate::plan::problem::{Path, Problem};
use crate::plan::texts;
use serde_json::{Map, Value};

impl<'a> Shape<'a> {
    pub(super) fn alternatives(&mut self, alternatives: &'a [Value], value: &Value, path: &Path) {
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
