//! Single values of a document that may be wrong elsewhere.

use crate::plan::problem::{Path, Segment};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The fields of a document, read one by one.
pub(crate) struct Fields<'a> {
    document: &'a Value,
}

/// What is at a path.
enum Found<'a> {
    /// A value, or null.
    Value(&'a Value),
    /// Nothing: the field, or one around it, is not there.
    Nothing,
    /// It cannot be told: something around it is not what it should be.
    Unknown,
}

/// From its text, as records are read: a function carries the code for one of both.
fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_slice(value.to_string().as_bytes()).ok()
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(document: &'a Value) -> Self {
        Self { document }
    }

    /// The value at the path, if there is one and it is well-formed.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &Path) -> Option<T> {
        match self.find(path) {
            Found::Value(value) => read(value),
            Found::Nothing | Found::Unknown => None,
        }
    }

    /// The value at the path, or the default if there is none; nothing if there is one that is malformed.
    pub(crate) fn get_or<T: DeserializeOwned>(&self, path: &Path, default: T) -> Option<T> {
        match self.find(path) {
            Found::Value(value) => read(value),
            Found::Nothing => Some(default),
            Found::Unknown => None,
        }
    }

    /// Whether nothing at all is said at the path, or null.
    pub(crate) fn is_absent(&self, path: &Path) -> bool {
        matches!(self.find(path), Found::Nothing | Found::Value(Value::Null))
    }

    /// Whether something is said at the path, well-formed or not.
    pub(crate) fn is_present(&self, path: &Path) -> bool {
        matches!(self.find(path), Found::Value(value) if !value.is_null())
    }

    /// How many items the list at the path has; none where there is no list.
    pub(crate) fn len(&self, path: &Path) -> usize {
        match self.find(path) {
            Found::Value(Value::Array(items)) => items.len(),
            _ => 0,
        }
    }

    /// The well-formed items of the list at the path, with their paths.
    pub(crate) fn items<T: DeserializeOwned>(&self, path: &Path) -> Vec<(Path, T)> {
        (0..self.len(path))
            .map(|index| path.item(index))
            .filter_map(|path| Some((path.clone(), self.get(&path)?)))
            .collect()
    }

    /// The names of the fields of the object at the path.
    pub(crate) fn names(&self, path: &Path) -> Vec<&'a str> {
        match self.find(path) {
            Found::Value(Value::Object(fields)) => fields.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Every text at the path and below it.
    pub(crate) fn texts_below(&self, path: &Path) -> Vec<(Path, &'a str)> {
        let Found::Value(value) = self.find(path) else { return Vec::new() };
        let mut open = vec![(path.clone(), value)];
        let mut found = Vec::new();
        while let Some((path, value)) = open.pop() {
            match value {
                Value::String(text) => found.push((path, text.as_str())),
                // The last is taken first.
                Value::Array(items) => {
                    open.extend(items.iter().enumerate().rev().map(|(index, item)| (path.item(index), item)));
                }
                Value::Object(fields) => {
                    open.extend(fields.iter().rev().map(|(name, field)| (path.field(name), field)));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        found
    }

    fn find(&self, path: &Path) -> Found<'a> {
        let mut value = self.document;
        for segment in path.segments() {
            let inner = match (segment, value) {
                (Segment::Field(name), Value::Object(fields)) => fields.get(name),
                (Segment::Item(index), Value::Array(items)) => items.get(*index),
                _ => return Found::Unknown,
            };
            match inner {
                Some(inner) => value = inner,
                None => return Found::Nothing,
            }
        }
        Found::Value(value)
    }
}
