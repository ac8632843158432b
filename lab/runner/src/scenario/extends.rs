//! Scenarios that say only in what they differ from another file.

use crate::LabError;
use crate::merge::merge;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How many files may extend one another: more is a circle.
const DEEPEST: usize = 8;

/// Reads a scenario's document, laid over the one that its field `extends` names.
///
/// # Errors
/// If a file cannot be read, is not YAML, or `extends` names no file or leads in a circle.
pub(super) fn read(file: &Path) -> Result<Value, LabError> {
    let mut layers = vec![];
    let mut next = Some(file.to_owned());
    while let Some(file) = next {
        if layers.len() == DEEPEST {
            return Err(LabError::document(&file, format!("extends: more than {DEEPEST} files, one after the other")));
        }
        let (document, base) = one(&file)?;
        layers.push(document);
        next = base;
    }
    let mut document = layers.pop().unwrap_or_default();
    while let Some(layer) = layers.pop() {
        merge(&mut document, &layer);
    }
    Ok(document)
}

/// One file's document without its `extends`, and the file that this names: relative to where it stands.
fn one(file: &Path) -> Result<(Value, Option<PathBuf>), LabError> {
    let text = std::fs::read_to_string(file).map_err(LabError::io(format!("reading {}", file.display())))?;
    let mut document = crate::yaml::parse(&text).map_err(|problem| LabError::document(file, problem))?;
    let base = match document.as_object_mut().and_then(|fields| fields.remove("extends")) {
        None => None,
        Some(Value::String(name)) => Some(file.with_file_name(name)),
        Some(other) => return Err(LabError::document(file, format!("extends: {other} is not the name of a file"))),
    };
    Ok((document, base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_scenario_says_only_what_differs_and_a_circle_is_an_error() {
        let folder = std::env::temp_dir().join(format!("teal-lab-extends-{}", std::process::id()));
        fs::create_dir_all(folder.join("common")).unwrap();
        fs::write(folder.join("common/base.yaml"), "load: {rate: 1}\nseed: 2\n").unwrap();
        fs::write(folder.join("one.yaml"), "extends: common/base.yaml\nname: one\nseed: null\nload: {rate: 3}\n")
            .unwrap();
        fs::write(folder.join("circle.yaml"), "extends: circle.yaml\n").unwrap();
        let one = read(&folder.join("one.yaml"));
        let circle = read(&folder.join("circle.yaml"));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(one.unwrap(), serde_json::json!({"name": "one", "load": {"rate": 3}}));
        assert!(circle.unwrap_err().to_string().contains("extends"));
    }
}
