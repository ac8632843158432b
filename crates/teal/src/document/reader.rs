//! From YAML events to a document.

use super::{Document, Entry, Flaw, Parts, Place, Repeated};
use crate::plan::{Path, Problem};
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::HashMap;

/// How deep lists and objects may lie in each other. A plan needs seven levels.
const DEEPEST: usize = 32;

/// How many characters a field's name may have. CloudWatch's longest, of a dimension, has 255.
const LONGEST_NAME: usize = 256;

/// How many fields given twice are told: each with its whole path.
const MOST_REPEATED: usize = 100;

/// Reads the one document of a text.
pub(super) fn read(text: &str) -> Result<Document, Vec<Flaw>> {
    let mut reader = Reader { lines: text.lines().map(|line| line.chars().count()).collect(), ..Reader::default() };
    for event in Parser::new_from_str(text) {
        let taken = match event {
            Ok((event, span)) => reader.take(event, span),
            Err(error) => Err(flaw(
                Place { line: error.marker().line().max(1), column: error.marker().col() + 1, width: 1 },
                format!("this is not YAML ({})", error.info()),
                "Correct the indentation, quotes or brackets here",
            )),
        };
        if let Err(flaw) = taken {
            return Err(reader.repeated.into_iter().map(Flaw::from).chain([flaw]).collect());
        }
    }
    match reader.root {
        Some(Read { value, entry: places }) => Ok(Document { value, repeated: reader.repeated, places }),
        None => Err(vec![flaw(Place::START, "there is nothing in it", "Write a plan; docs/plan.md shows how")]),
    }
}

/// A value, and where it and its parts stand.
struct Read {
    value: Value,
    entry: Entry,
}

/// A list or an object that is still open.
struct Open {
    place: Place,
    inside: Inside,
}

enum Inside {
    List { values: Vec<Value>, entries: Vec<Entry> },
    Object { values: Map<String, Value>, entries: HashMap<String, Entry>, key: Option<Key> },
}

impl From<Open> for Read {
    fn from(Open { place, inside }: Open) -> Self {
        let (value, parts) = match inside {
            Inside::List { values, entries } => (Value::Array(values), Parts::Items(entries)),
            Inside::Object { values, entries, .. } => (Value::Object(values), Parts::Fields(entries)),
        };
        Self { value, entry: Entry { key: None, value: place, parts } }
    }
}

/// A field's name whose value comes next.
struct Key {
    name: String,
    place: Place,
}

#[derive(Default)]
struct Reader {
    /// How many characters each line has.
    lines: Vec<usize>,
    open: Vec<Open>,
    root: Option<Read>,
    documents: usize,
    repeated: Vec<Repeated>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Flaw> {
        let place = self.place(span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(flaw(place, "a second document begins here", "Write one plan in one file"));
                }
            }
            Event::Alias(_) => return Err(no_anchors(place)),
            Event::Scalar(text, style, anchor, tag) => {
                if anchor != 0 {
                    return Err(no_anchors(place));
                }
                if self.wants_key() {
                    return self.key(text.into_owned(), place);
                }
                let plain = text.clone().into_owned();
                let scalar = Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref())
                    .ok_or_else(|| flaw(place, "its value does not fit its tag", "Leave the tag (!…) out"))?;
                let value = self.scalar_place(span, style, place);
                self.put(Read { value: json(scalar, plain), entry: Entry { key: None, value, parts: Parts::None } });
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) if anchor != 0 => {
                return Err(no_anchors(place));
            }
            Event::SequenceStart(..) => self.begin(place, Inside::List { values: Vec::new(), entries: Vec::new() })?,
            Event::MappingStart(..) => {
                self.begin(place, Inside::Object { values: Map::new(), entries: HashMap::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.put(open.into());
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Begins a list or an object.
    fn begin(&mut self, place: Place, inside: Inside) -> Result<(), Flaw> {
        if self.wants_key() {
            return Err(flaw(place, "a key must be a text", "Write a field's name"));
        }
        if self.open.len() >= DEEPEST {
            return Err(flaw(place, "lists and objects lie too deep in each other", "Compare it with docs/plan.md"));
        }
        self.open.push(Open { place, inside });
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { inside: Inside::Object { key: None, .. }, .. }))
    }

    fn key(&mut self, name: String, place: Place) -> Result<(), Flaw> {
        if name == "<<" {
            return Err(flaw(place, "merge keys are not read", "Write the fields out"));
        }
        let length = name.chars().count();
        if length > LONGEST_NAME {
            let reason = format!("this field's name has {length} characters");
            return Err(flaw(
                place,
                reason,
                format!("Write a name of at most {LONGEST_NAME}; docs/plan.md has them all"),
            ));
        }
        let Some(Open { inside: Inside::Object { entries, key, .. }, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        let first = entries.get(&name).and_then(|entry| entry.key);
        *key = Some(Key { name, place });
        first.map_or(Ok(()), |first| self.repeat(first, place))
    }

    /// Notes that the field whose name came last is there already.
    fn repeat(&mut self, first: Place, place: Place) -> Result<(), Flaw> {
        if self.repeated.len() >= MOST_REPEATED {
            let reason = format!("more than {MOST_REPEATED} fields are given twice");
            return Err(flaw(place, reason, "Keep one of each"));
        }
        let path = self.open.iter().fold(Path::root(), |path, open| match &open.inside {
            Inside::List { values, .. } => path.item(values.len()),
            Inside::Object { key: Some(key), .. } => path.field(&key.name),
            Inside::Object { key: None, .. } => path,
        });
        let reason = format!("this field is given twice, first in line {}", first.line);
        self.repeated.push(Repeated { problem: Problem::new(path, reason, "Keep one of them"), place });
        Ok(())
    }

    /// Puts a value where it belongs: into what is open.
    fn put(&mut self, Read { value, mut entry }: Read) {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(Read { value, entry }),
            Some(Inside::List { values, entries }) => {
                values.push(value);
                entries.push(entry);
            }
            Some(Inside::Object { values, entries, key }) => {
                let Some(Key { name, place }) = key.take() else { return };
                // Of a field given twice the first one stays.
                if !values.contains_key(&name) {
                    entry.key = Some(place);
                    entries.insert(name.clone(), entry);
                    values.insert(name, value);
                }
            }
        }
    }

    fn place(&self, span: Span) -> Place {
        let (line, column) = (span.start.line().max(1), span.start.col() + 1);
        let length = self.lines.get(line - 1).copied().unwrap_or(0);
        let end = if span.end.line() == span.start.line() { span.end.col() + 1 } else { length + 1 };
        Place { line, column, width: end.saturating_sub(column).max(1) }
    }

    /// Where a scalar stands; an empty one has no place of its own but that of its key.
    fn scalar_place(&self, span: Span, style: ScalarStyle, place: Place) -> Place {
        match self.open.last() {
            Some(Open { inside: Inside::Object { key: Some(key), .. }, .. })
                if style == ScalarStyle::Plain && span.is_empty() =>
            {
                key.place
            }
            _ => place,
        }
    }
}

fn flaw(place: Place, reason: impl Into<String>, remedy: impl Into<String>) -> Flaw {
    Flaw { place, reason: reason.into(), remedy: remedy.into() }
}

fn no_anchors(place: Place) -> Flaw {
    flaw(place, "anchors and aliases are not read", "Write the value out")
}

/// A scalar as JSON; numbers that JSON does not have stay the text that they were.
fn json(scalar: Scalar<'_>, text: String) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(value),
        Scalar::Integer(number) => Value::Number(number.into()),
        Scalar::FloatingPoint(number) => {
            Number::from_f64(number.into_inner()).map_or(Value::String(text), Value::Number)
        }
        Scalar::String(text) => Value::String(Cow::into_owned(text)),
    }
}
