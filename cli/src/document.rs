//! Files with YAML and JSON in them.

mod excerpt;

pub(crate) use excerpt::excerpt;
pub(crate) use teal::document::{Document, Flaw, Place};

use std::io::Read;
use std::path::Path as FilePath;

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
