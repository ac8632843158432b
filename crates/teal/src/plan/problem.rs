//! What is wrong with a plan: where, what stands there, why it cannot be, and what to write instead.

use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt;

/// A place in a document, written like `strategy.steps[2].weight`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Segment>);

/// One part of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A field of an object.
    Field(String),
    /// An item of a list, counted from 0.
    Item(usize),
}

impl Path {
    /// The document itself.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The parts of the path, from the outermost.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// A field of what is at this path.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.with(Segment::Field(name.to_owned()))
    }

    /// An item of the list at this path.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.with(Segment::Item(index))
    }

    /// What this is a field or an item of; nothing for the document itself.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, parents)| Self(parents.to_vec()))
    }

    /// The path of fields that the text names, with dots between them.
    pub(crate) fn of(dotted: &str) -> Self {
        Self(dotted.split('.').map(|name| Segment::Field(name.to_owned())).collect())
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the plan");
        }
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Item(index) => write!(f, "[{index}]")?,
                Segment::Field(name) if !is_plain(name) => write!(f, "[{name:?}]")?,
                Segment::Field(name) if position == 0 => f.write_str(name)?,
                Segment::Field(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

/// Whether a field's name can stand in a path as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One thing in a plan that is wrong, or worth a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Where: the value itself, or where a missing one belongs.
    pub path: Path,
    /// What stands there, if it is a single value that may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why it cannot be so; without a full stop.
    pub reason: String,
    /// What to write instead; without a full stop.
    pub remedy: String,
}

impl Problem {
    /// A problem without a value to show.
    pub(crate) fn new(path: Path, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path, value: None, reason: reason.into(), remedy: remedy.into() }
    }

    /// The same problem with what stands there.
    pub(crate) fn showing(mut self, value: impl fmt::Display) -> Self {
        self.value = Some(Value::String(value.to_string()));
        self
    }

    /// The same problem with what stands there, if that is a single value.
    pub(crate) fn showing_scalar(mut self, value: &Value) -> Self {
        self.value = Some(value).filter(|value| !value.is_object() && !value.is_array()).cloned();
        self
    }
}

/// The longest value that is shown in full, in characters.
const LONGEST_SHOWN: usize = 120;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        if let Some(value) = &self.value {
            let text = value.to_string();
            match text.char_indices().nth(LONGEST_SHOWN) {
                Some((end, _)) => write!(f, "{}… — ", &text[..end])?,
                None => write!(f, "{text} — ")?,
            }
        }
        write!(f, "{}. {}.", self.reason, self.remedy)
    }
}

/// Everything that is wrong with a plan, and what is worth a warning besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub struct Problems {
    /// What makes the plan invalid: one or more.
    pub problems: Vec<Problem>,
    /// What would not.
    pub warnings: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
