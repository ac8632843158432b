//! Log groups with their lines, and queries that were started.

use crate::api::new_id;
use crate::query::Row;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use teal_lab_wire::Millis;

/// The lines that a group keeps; the oldest go first.
const LINES_KEPT: usize = 200_000;

/// Everything, behind one lock.
#[derive(Debug, Default)]
pub(crate) struct Store {
    groups: BTreeMap<String, VecDeque<Line>>,
    queries: BTreeMap<String, Query>,
}

/// One log event.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Millis,
    pub(crate) stream: String,
    pub(crate) text: String,
}

/// A query that was started.
#[derive(Debug)]
struct Query {
    rows: Vec<Row>,
    asked: bool,
}

impl Store {
    /// The lines of a group, which is made if it does not exist.
    pub(crate) fn group(&mut self, name: &str) -> &mut VecDeque<Line> {
        self.groups.entry(name.to_owned()).or_default()
    }

    pub(crate) fn write(&mut self, group: &str, stream: &str, at: Millis, text: &str) {
        let lines = self.group(group);
        lines.push_back(Line { at, stream: stream.to_owned(), text: text.to_owned() });
        if lines.len() > LINES_KEPT {
            lines.pop_front();
        }
    }

    pub(crate) fn lines(&self, group: &str) -> Option<impl Iterator<Item = &Line>> {
        self.groups.get(group).map(VecDeque::iter)
    }

    /// Keeps a query's result and gives its id.
    pub(crate) fn started(&mut self, rows: Vec<Row>) -> String {
        let id = new_id();
        self.queries.insert(id.clone(), Query { rows, asked: false });
        id
    }

    /// The rows of a query; `Some(None)` at first, while it is running.
    pub(crate) fn result(&mut self, id: &str) -> Option<Option<&[Row]>> {
        let query = self.queries.get_mut(id)?;
        let was_asked = std::mem::replace(&mut query.asked, true);
        Some(was_asked.then_some(query.rows.as_slice()))
    }
}

impl Line {
    /// A field as Logs Insights finds it.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        match name {
            "@timestamp" => return Some(timestamp(self.at)),
            "@message" => return Some(self.text.clone()),
            "@logStream" => return Some(self.stream.clone()),
            _ => {}
        }
        let line: Value = serde_json::from_str(&self.text).ok()?;
        let value = name.split('.').try_fold(&line, |value, part| value.get(part))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }
}

/// A time as Logs Insights writes it: `2026-11-22 10:00:00.000`, UTC.
pub(crate) fn timestamp(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    format!("{}", at.strftime("%Y-%m-%d %H:%M:%S%.3f"))
}
