//! YAML and JSON documents with the place of every value.
//!
//! JSON is read as the YAML that it also is, so that both have lines and columns. A document here is a tree: anchors,
//! aliases and merge keys are refused, as are keys that are no text and keys given twice.

mod excerpt;
mod reader;

pub(crate) use excerpt::excerpt;

use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path as FilePath;
use teal::plan::Path;

/// A file's name and text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As the user wrote it; `standard input` for `-`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("cannot read {name}: {source}")]
    Io { name: String, source: std::io::Error },
    #[error("cannot read {name}: it is larger than {} KiB", LARGEST / 1024)]
    TooLarge { name: String },
    #[error("cannot read {name}: byte {at} is not UTF-8")]
    NotText { name: String, at: usize },
}

/// The largest file that is read, in bytes: Step Functions takes 256 KiB as an execution's input.
const LARGEST: u64 = 1024 * 1024;

impl Source {
    /// Reads a file, or standard input for `-`.
    ///
    /// # Errors
    /// When it cannot be read, is larger than 1 MiB, or is not UTF-8.
    pub(crate) fn read(path: &FilePath) -> Result<Self, Unreadable> {
        let is_stdin = path.as_os_str() == "-";
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let io = |source| Unreadable::Io { name: name.clone(), source };
        let mut bytes = Vec::new();
        if is_stdin {
            std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
        } else {
            std::fs::File::open(path).map_err(io)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
        }
        if bytes.len() as u64 > LARGEST {
            return Err(Unreadable::TooLarge { name });
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| Unreadable::NotText { name: name.clone(), at: error.utf8_error().valid_up_to() })?;
        // A byte order mark is no part of the text.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { name, text })
    }
}

/// Where something stands: a line and the columns in it, in characters, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// How many characters; at least 1. What goes on in further lines counts only to the end of its first one.
    #[serde(skip)]
    pub(crate) width: usize,
}

impl Place {
    const START: Self = Self { line: 1, column: 1, width: 1 };
}

/// Something that keeps the text from being a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) place: Place,
    pub(crate) reason: String,
    pub(crate) remedy: String,
}

/// A document and where its parts stand.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) value: Value,
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
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        reader::read(text)
    }

    /// Where the value at the path stands; where there is none, the nearest thing around it.
    pub(crate) fn value_place(&self, path: &Path) -> Place {
        self.nearest(path).map_or(Place::START, |(entry, is_itself)| match entry.key {
            Some(key) if !is_itself => key,
            _ => entry.value,
        })
    }

    /// Where the key of the field at the path stands, or else its value; where there is none, the nearest thing around.
    pub(crate) fn key_place(&self, path: &Path) -> Place {
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
