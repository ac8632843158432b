//! From YAML events to a document.

use super::{Document, Entry, Flaw, Place, Repeated};
use crate::plan::{Path, Problem};
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::HashMap;

/// How deep lists and objects may lie in each other. A plan needs seven levels.
const DEEPEST: usize = 32;

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
        Some(value) => Ok(Document { value, repeated: reader.repeated, places: reader.places }),
        None => Err(vec![flaw(Place::START, "there is nothing in it", "Write a plan; docs/plan.md shows how")]),
    }
}

/// A list or an object that is still open.
enum Open {
    List { path: Path, items: Vec<Value> },
    Object { path: Path, fields: Map<String, Value>, keys: HashMap<String, Place>, key: Option<Key> },
}

/// A field's name whose value comes next.
struct Key {
    name: String,
    place: Place,
    /// Whether the object has the field already: then the value that comes is left out.
    is_repeated: bool,
}

#[derive(Default)]
struct Reader {
    /// How many characters each line has.
    lines: Vec<usize>,
    open: Vec<Open>,
    root: Option<Value>,
    documents: usize,
    places: HashMap<Path, Entry>,
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
                let place = self.scalar_place(span, style, place);
                self.register(place);
                self.value(json(scalar, plain));
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) if anchor != 0 => {
                return Err(no_anchors(place));
            }
            Event::SequenceStart(..) => {
                let path = self.begin(place)?;
                self.open.push(Open::List { path, items: Vec::new() });
            }
            Event::MappingStart(..) => {
                let path = self.begin(place)?;
                self.open.push(Open::Object { path, fields: Map::new(), keys: HashMap::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { items, .. }) => self.value(Value::Array(items)),
                Some(Open::Object { fields, .. }) => self.value(Value::Object(fields)),
                None => {}
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Begins a list or an object and gives its path.
    fn begin(&mut self, place: Place) -> Result<Path, Flaw> {
        if self.wants_key() {
            return Err(flaw(place, "a key must be a text", "Write a field's name"));
        }
        if self.open.len() >= DEEPEST {
            return Err(flaw(place, "lists and objects lie too deep in each other", "Compare it with docs/plan.md"));
        }
        Ok(self.register(place))
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Object { key: None, .. }))
    }

    fn key(&mut self, name: String, place: Place) -> Result<(), Flaw> {
        if name == "<<" {
            return Err(flaw(place, "merge keys are not read", "Write the fields out"));
        }
        if let Some(Open::Object { path, keys, key, .. }) = self.open.last_mut() {
            let first = keys.get(&name).copied();
            if let Some(first) = first {
                let reason = format!("this field is given twice, first in line {}", first.line);
                self.repeated
                    .push(Repeated { problem: Problem::new(path.field(&name), reason, "Keep one of them"), place });
            }
            let is_repeated = first.is_some();
            keys.entry(name.clone()).or_insert(place);
            *key = Some(Key { name, place, is_repeated });
        }
        Ok(())
    }

    /// Notes where the value that comes now stands, and gives its path.
    fn register(&mut self, value: Place) -> Path {
        let (path, key) = match self.open.last() {
            None => (Path::root(), None),
            Some(Open::List { path, items }) => (path.item(items.len()), None),
            Some(Open::Object { path, key, .. }) => match key {
                Some(key) => (path.field(&key.name), Some(key.place)),
                None => (path.clone(), None),
            },
        };
        if !self.is_within_repeated() {
            self.places.insert(path.clone(), Entry { key, value });
        }
        path
    }

    /// Whether what comes now is left out of the document.
    fn is_within_repeated(&self) -> bool {
        self.open.iter().any(|open| matches!(open, Open::Object { key: Some(Key { is_repeated: true, .. }), .. }))
    }

    fn value(&mut self, value: Value) {
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List { items, .. }) => items.push(value),
            Some(Open::Object { fields, key, .. }) => {
                if let Some(key) = key.take() {
                    // The first one stays.
                    fields.entry(key.name).or_insert(value);
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
            Some(Open::Object { key: Some(key), .. }) if style == ScalarStyle::Plain && span.is_empty() => key.place,
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
