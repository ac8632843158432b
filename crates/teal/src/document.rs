//! YAML and JSON documents with the place of every value.
//!
//! JSON is read as the YAML that it also is, so that both have lines and columns. A document here is a tree: anchors,
//! aliases and merge keys are refused, as are keys that are no text. Of a field given twice the first value is kept.

mod reader;

use crate::plan::{Path, Problem, Segment};
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
    places: Entry,
}

/// Where a value stands, with what is in it. A tree like the document: with a path for each value, long names around many values would
/// be kept once for each of them, and a document of 256 KiB could take all of a function's memory.
#[derive(Clone, Debug)]
struct Entry {
    /// Its key, if it is a field.
    key: Option<Place>,
    value: Place,
    parts: Parts,
}

/// What is in a value.
#[derive(Clone, Debug)]
enum Parts {
    /// It is a single value.
    None,
    Items(Vec<Entry>),
    Fields(HashMap<String, Entry>),
}

impl Entry {
    fn part(&self, segment: &Segment) -> Option<&Self> {
        match (&self.parts, segment) {
            (Parts::Items(items), Segment::Item(index)) => items.get(*index),
            (Parts::Fields(fields), Segment::Field(name)) => fields.get(name),
            _ => None,
        }
    }
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
        let (entry, is_itself) = self.nearest(path);
        match entry.key {
            Some(key) if !is_itself => key,
            _ => entry.value,
        }
    }

    /// Where the key of the field at the path stands, or else its value; where there is none, the nearest thing around.
    pub fn key_place(&self, path: &Path) -> Place {
        let (entry, _) = self.nearest(path);
        entry.key.unwrap_or(entry.value)
    }

    fn nearest(&self, path: &Path) -> (&Entry, bool) {
        let mut entry = &self.places;
        for segment in path.segments() {
            match entry.part(segment) {
                Some(part) => entry = part,
                None => return (entry, false),
            }
        }
        (entry, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes of field names the places hold.
    fn held(entry: &Entry) -> usize {
        match &entry.parts {
            Parts::None => 0,
            Parts::Items(items) => items.iter().map(held).sum(),
            Parts::Fields(fields) => fields.iter().map(|(name, entry)| name.len() + held(entry)).sum(),
        }
    }

    #[test]
    fn the_places_of_a_document_take_no_more_names_than_its_text_has() {
        let name = "n".repeat(200);
        let depth = 20;
        let text = format!("{}[{}]{}", format!("{{{name}: ").repeat(depth), "1,".repeat(3_000), "}".repeat(depth));
        let document = Document::parse(&text).unwrap();
        let held = held(&document.places);
        assert!(held <= text.len(), "{held} bytes for a text of {}", text.len());
        let place = |path: &Path| document.value_place(path).column;
        let list = (0..depth).fold(Path::root(), |path, _| path.field(&name));
        assert_eq!(place(&list.item(2_999)), place(&list) + 1 + 2 * 2_999);
    }

    #[test]
    fn names_and_repeated_fields_have_their_most() {
        let flaws = |text: &str| Document::parse(text).unwrap_err();
        assert!(Document::parse(&format!("{}: 1", "ä".repeat(256))).is_ok());
        let flaw = flaws(&format!("a: 1\n{}: 1", "ä".repeat(257))).remove(0);
        assert_eq!((flaw.place.line, flaw.reason.as_str()), (2, "this field's name has 257 characters"));
        assert!(flaw.remedy.contains("at most 256"), "{}", flaw.remedy);

        let repeated = |times: usize| "a: 1\n".repeat(times + 1);
        assert_eq!(Document::parse(&repeated(100)).unwrap().repeated.len(), 100);
        let flaws = flaws(&repeated(200));
        assert_eq!(flaws.len(), 101, "and the last one says that there are more");
        assert!(flaws[100].reason.contains("more than 100 fields"), "{}", flaws[100].reason);
    }
}
