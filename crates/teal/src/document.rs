//! YAML and JSON documents with the place of every value.
//!
//! JSON is read as the YAML that it also is, so that both have lines and columns. A document here is a tree: anchors,
//! aliases and merge keys are refused, as are keys that are no text and keys given twice.

mod reader;

use crate::plan::Path;
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

/// A document and where its parts stand.
#[derive(Clone, Debug)]
pub struct Document {
    pub value: Value,
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
    /// All flaws that could be told apart: every key given twice, or the first that the reader cannot get past.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        reader::read(text)
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
