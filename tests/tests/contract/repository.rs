//! The files of this repository.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The repository's top folder.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A file's text; `path` is relative to the repository.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A JSON or YAML file, CloudFormation's short tags in their long form.
pub(crate) fn document(path: &str) -> Value {
    teal_lab_runner::yaml::parse(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the folders in a folder.
pub(crate) fn folders(path: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(top().join(path)).unwrap();
    let folders = entries.map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The Rust files below a folder, or the one file, relative to the repository. Tests and their helpers are left out.
pub(crate) fn files(path: &str) -> Vec<PathBuf> {
    fn collect(path: &Path, all: &mut Vec<PathBuf>) {
        if path.is_dir() {
            let entries = fs::read_dir(path).unwrap();
            entries.for_each(|entry| collect(&entry.unwrap().path(), all));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path.to_path_buf());
        }
    }
    let mut all = Vec::new();
    collect(&top().join(path), &mut all);
    all.retain(|file| !["tests.rs", "testing.rs"].iter().any(|name| file.ends_with(name)));
    all.iter().map(|file| file.strip_prefix(top()).unwrap().to_path_buf()).collect()
}

/// The Rust sources below a folder, one after the other.
pub(crate) fn sources(path: &str) -> String {
    files(path).iter().map(|file| fs::read_to_string(top().join(file)).unwrap()).collect()
}

/// Every word of `text` that begins with `prefix` and goes on with letters, digits and underscores.
pub(crate) fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let begins = text.match_indices(prefix).map(|(at, _)| at);
    let whole = begins.filter(|&at| !text[..at].ends_with(is_part));
    whole
        .map(|at| &text[at..])
        .map(|rest| &rest[..prefix.len() + end(&rest[prefix.len()..], is_part)])
        .map(str::to_owned)
        .collect()
}

fn end(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|character| !is_part(character)).unwrap_or(text.len())
}

/// Every string literal of the code that is an IAM action: `"service:Action"`.
pub(crate) fn actions(code: &str) -> BTreeSet<String> {
    let is_action = |literal: &&str| {
        literal.split_once(':').is_some_and(|(service, action)| {
            let is_service = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            service.starts_with(|c: char| c.is_ascii_lowercase())
                && service.chars().all(is_service)
                && action.starts_with(|c: char| c.is_ascii_uppercase())
                && action.chars().all(|c| c.is_ascii_alphanumeric())
        })
    };
    code.lines().flat_map(|line| line.split('"').skip(1).step_by(2)).filter(is_action).map(str::to_owned).collect()
}
