//! YAML and JSON documents with the place of every value.
//!
//! JSON is read as the YAML that it also is, so that both have lines and columns. A document here is a tree: anchors,
//! aliases and merge keys are refused, as are keys that are no text. Of a field given twice the first value is kept.

mod reader;

use crate::plan::{Path, Problem};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// Where something stands: a line and the columns in it, in characters, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    /// How many characters; at least 1. What goes on in further lines counts only to the end of its first one.
    #[serde(skip)]
    pub width: usize,
}

impl Place {
    /// The beginning.
    pub const START: Self = Self { line: 1, column: 1, width: 1 };
}

/// Something that keeps the text from being a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub place: Place,
    pub reason: String,
    pub remedy: String,
}

/// A field that its object has already. The document keeps the first value, so that the rest of it can be checked, but it is
/// no plan: nobody can tell which of the two was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// With the path that both have.
    pub problem: Problem,
    /// Where the later one's name stands.
    pub place: Place,
}

impl From<Repeated> for Flaw {
    fn from(Repeated { problem, place }: Repeated) -> Self {
        Self { place, reason: format!("{}: {}", problem.path, problem.reason), remedy: problem.remedy }
    }
}

/// A document and where its parts stand.
#[derive(Clone, Debug)]
pub struct Document {
    /// For checks. What acts on the document takes [`Document::into_value`].
    pub value: Value,
    /// Fields given twice, in the order of the text.
    pub repeated: Vec<Repeated>,
    places: HashMap<Path, Entry>,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its key, if it is a field.
    key: Option<Place>,
    value: Place,
}

impl Document {
    /// Reads the one document of a text.
    ///
    /// # Errors
    /// The first flaw that the reader cannot get past, behind the fields that were given twice before it.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        reader::read(text)
    }

    /// The value, in which no field was given twice.
    ///
    /// # Errors
    /// Every field that was.
    pub fn into_value(self) -> Result<Value, Vec<Flaw>> {
        if self.repeated.is_empty() { Ok(self.value) } else { Err(self.repeated.into_iter().map(Flaw::from).collect()) }
    }

    /// Where the value at the path stands; where there is none, the nearest thing around it.
    pub fn value_place(&self, path: &Path) -> Place {
        self.nearest(path).map_or(Place::START, |(entry, is_itself)| match entry.key {
            Some(key) if !is_itself => key,
            _ => entry.value,
        })
    }

    /// Where the key of the field at the path stands, or else its value; where there is none, the nearest thing around.
    pub fn key_place(&self, path: &Path) -> Place {
        self.nearest(path).map_or(Place::START, |(entry, _)| entry.key.unwrap_or(entry.value))
    }

    fn nearest(&self, path: &Path) -> Option<(&Entry, bool)> {
        let mut at = path.clone();
        loop {
            if let Some(entry) = self.places.get(&at) {
                return Some((entry, at == *path));
            }
            at = at.parent()?;
        }
    }
}
