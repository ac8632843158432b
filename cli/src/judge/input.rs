//! Recorded counts as JSON or CSV.

use super::JudgeError;
use super::csv::{self, Record};
use super::json::{self, Strict};
use super::number::{Given, counts, in_order, shown};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use teal::judge::{Counts, HistoryPoint};

/// The metric of rows that name none.
pub(super) const UNNAMED: &str = "errors";

/// A recorded release: for each metric, its intervals in order. All metrics have the same steps.
#[derive(Debug)]
pub(super) struct Recording {
    /// The step of each interval.
    pub(super) steps: Vec<u32>,
    /// Green and blue of each interval, by metric.
    pub(super) metrics: BTreeMap<String, Vec<(Counts, Counts)>>,
}

/// One row: `step` is 0 where none is asked for.
struct Row {
    number: usize,
    step: u32,
    metric: String,
    first: Counts,
    second: Counts,
}

/// Which fields a row has.
struct Shape {
    /// Whether the step is read; where it is not, it may be there nonetheless.
    step: bool,
    /// The two sides that are compared.
    sides: [&'static str; 2],
    /// A row, for those who have another one.
    example: &'static str,
}

const RECORDING: Shape = Shape {
    step: true,
    sides: ["green", "blue"],
    example: r#"{"step": 1, "green": {"total": 300, "bad": 3}, "blue": {"total": 5700, "bad": 7}}"#,
};

const HISTORY: Shape = Shape {
    step: false,
    sides: ["a", "b"],
    example: r#"{"a": {"total": 3000, "bad": 3}, "b": {"total": 3000, "bad": 5}}"#,
};

impl Shape {
    /// The header of CSV, as a person is told to write it.
    fn header(&self) -> String {
        let [first, second] = self.sides;
        let step = if self.step { "step," } else { "" };
        format!("{step}{first}_total,{first}_bad,{second}_total,{second}_bad[,metric]")
    }

    /// The columns of CSV; `metric` alone may be missing, and `step` where it is not read.
    fn columns(&self) -> Vec<String> {
        let [first, second] = self.sides;
        let names = ["step".to_owned(), format!("{first}_total"), format!("{first}_bad")];
        names.into_iter().chain([format!("{second}_total"), format!("{second}_bad"), "metric".to_owned()]).collect()
    }
}

/// Reads a recorded release. The nth row of each metric is interval n.
pub(super) fn recording(path: &Path, text: &str) -> Result<Recording, JudgeError> {
    let rows = rows(path, text, &RECORDING)?;
    let mut recording = Recording { steps: Vec::new(), metrics: BTreeMap::new() };
    for Row { number, step, metric, first, second } in rows {
        let intervals = recording.metrics.entry(metric).or_default();
        let known = recording.steps.get(intervals.len()).copied();
        let is_right = match known {
            Some(other) if other != step => Err(format!(
                "step is {step}, but another metric has {other} in interval {}: row n of each metric is interval n; give both \
                 the same step",
                intervals.len() + 1
            )),
            Some(_) => Ok(()),
            None => in_order(step, recording.steps.last().copied().unwrap_or(0)),
        };
        is_right.map_err(|problem| JudgeError::input(path, format_args!("row {number}"), problem))?;
        if known.is_none() {
            recording.steps.push(step);
        }
        intervals.push((first, second));
    }
    let expected = recording.steps.len();
    if let Some((metric, intervals)) = recording.metrics.iter().find(|(_, intervals)| intervals.len() != expected) {
        let problem = format!(
            "it has {} intervals, another metric has {expected}: give each metric one row an interval, with totals of 0 \
             where nothing was served",
            intervals.len()
        );
        return Err(JudgeError::input(path, format_args!("metric {metric}"), problem));
    }
    Ok(recording)
}

/// Reads blue against blue, by metric.
pub(super) fn history(path: &Path, text: &str) -> Result<BTreeMap<String, Vec<HistoryPoint>>, JudgeError> {
    let mut history: BTreeMap<String, Vec<HistoryPoint>> = BTreeMap::new();
    for row in rows(path, text, &HISTORY)? {
        history.entry(row.metric).or_default().push(HistoryPoint { a: row.first, b: row.second });
    }
    Ok(history)
}

fn rows(path: &Path, text: &str, shape: &Shape) -> Result<Vec<Row>, JudgeError> {
    let text = text.trim_start_matches('\u{feff}');
    let rows = match text.trim_start().chars().next() {
        None => Vec::new(),
        Some('[') => {
            let values: Vec<Strict> = serde_json::from_str(text)
                .map_err(|error| JudgeError::input(path, "JSON array", not_json(&error, shape)))?;
            json_rows(path, values.into_iter().map(Ok), shape)?
        }
        Some('{') => json_rows(path, serde_json::Deserializer::from_str(text).into_iter(), shape)?,
        Some(_) => csv_rows(path, text, shape)?,
    };
    if rows.is_empty() {
        let problem = format!(
            "there is none, but each interval needs one: write CSV with the header {} or JSON like {}",
            shape.header(),
            shape.example
        );
        return Err(JudgeError::input(path, "row 1", problem));
    }
    Ok(rows)
}

fn not_json(error: &serde_json::Error, shape: &Shape) -> String {
    format!("{error}: each row is an object like {}", shape.example)
}

fn json_rows(
    path: &Path,
    values: impl Iterator<Item = Result<Strict, serde_json::Error>>,
    shape: &Shape,
) -> Result<Vec<Row>, JudgeError> {
    let row = |(number, value): (usize, Result<Strict, serde_json::Error>)| {
        let parsed =
            value.map_err(|error| not_json(&error, shape)).and_then(|Strict(value)| json_row(number, &value, shape));
        parsed.map_err(|problem| JudgeError::input(path, format_args!("row {number}"), problem))
    };
    (1..).zip(values).map(row).collect()
}

fn json_row(number: usize, value: &Value, shape: &Shape) -> Result<Row, String> {
    if value.get("intervals").is_some() {
        return Err("intervals is a field of whole runs, one a line: they are read with --batch".to_owned());
    }
    let [first, second] = shape.sides;
    let row = json::fields(value, "the row", &["step", "metric", first, second], shape.example)?;
    let given = |name: &str| row.get(name).ok_or_else(|| format!("{name} is missing: write {}", shape.example));
    let side = |name: &str| -> Result<Counts, String> {
        let side = json::fields(given(name)?, name, &["total", "bad"], r#"{"total": 300, "bad": 3}"#)?;
        let [total, bad] = ["total", "bad"].map(|field| (format!("{name}.{field}"), side.get(field)));
        let count = |(field, value): &(String, Option<&Value>)| match value {
            Some(value) => Given::of_json(value).count(field),
            None => Err(format!("{field} is missing: write null where there was no datum")),
        };
        counts((&total.0, count(&total)?), (&bad.0, count(&bad)?))
    };
    Ok(Row {
        number,
        step: if shape.step { Given::of_json(given("step")?).step()? } else { 0 },
        metric: match row.get("metric") {
            None | Some(Value::Null) => UNNAMED.to_owned(),
            Some(Value::String(name)) => named(name),
            Some(other) => return Err(format!("metric is {}, but must be a text: write \"http\", say", shown(other))),
        },
        first: side(first)?,
        second: side(second)?,
    })
}

fn named(metric: &str) -> String {
    if metric.is_empty() { UNNAMED.to_owned() } else { metric.to_owned() }
}

fn csv_rows(path: &Path, text: &str, shape: &Shape) -> Result<Vec<Row>, JudgeError> {
    let wrong = |line: usize, problem: String| JudgeError::input(path, format_args!("row {line}"), problem);
    let mut records = csv::records(text).map_err(|(line, problem)| wrong(line, problem))?.into_iter();
    let Some(header) = records.next() else { return Ok(Vec::new()) };
    let columns = Columns::of(&header.cells, shape)
        .map_err(|problem| JudgeError::input(path, format_args!("row {} (the header)", header.line), problem))?;
    if records.len() == 0 {
        return Err(wrong(
            header.line + 1,
            "there is none below the header, but each interval needs one: add them".to_owned(),
        ));
    }
    records.map(|record| columns.row(&record).map_err(|problem| wrong(record.line, problem))).collect()
}

/// Where CSV has what.
struct Columns<'a> {
    header: &'a [String],
    step: Option<usize>,
    metric: Option<usize>,
    /// Total and bad, of each side.
    sides: [[usize; 2]; 2],
}

impl<'a> Columns<'a> {
    fn of(header: &'a [String], shape: &Shape) -> Result<Self, String> {
        let names = shape.columns();
        let expected = shape.header();
        if let [only] = header
            && let Some(separator) = [';', '\t', '|'].into_iter().find(|separator| only.contains(*separator))
        {
            return Err(format!("its cells are separated by {separator:?}, but must be by commas: write {expected}"));
        }
        if header.iter().all(|name| matches!(Given::of_cell(name), Given::Whole(_))) {
            return Err(format!("it has numbers, but must name the columns: write {expected} above them"));
        }
        if let Some(other) = header.iter().find(|name| !names.contains(name)) {
            return Err(format!(
                "{other:?} is none of the columns {expected}: correct its name, or leave the column out"
            ));
        }
        let column = |name: &str| header.iter().position(|cell| cell == name);
        if let Some(twice) = (0..header.len()).find(|at| column(&header[*at]) != Some(*at)) {
            return Err(format!("it has the column {} twice: leave one of the two out", header[twice]));
        }
        let needed =
            |name: &str| column(name).ok_or_else(|| format!("it has no column {name}: the columns are {expected}"));
        let [first, second] = shape.sides;
        let side = |side: &str| -> Result<[usize; 2], String> {
            Ok([needed(&format!("{side}_total"))?, needed(&format!("{side}_bad"))?])
        };
        Ok(Self {
            header,
            step: if shape.step { Some(needed("step")?) } else { None },
            metric: column("metric"),
            sides: [side(first)?, side(second)?],
        })
    }

    fn row(&self, record: &Record) -> Result<Row, String> {
        let (found, expected) = (record.cells.len(), self.header.len());
        if found != expected {
            return Err(format!(
                "it has {found} cells, but the header has {expected}: write one cell a column, empty where there was no datum, \
                 and numbers without commas between thousands"
            ));
        }
        let count = |at: usize| -> Result<(&str, u64), String> {
            let name = self.header[at].as_str();
            Ok((name, Given::of_cell(&record.cells[at]).count(name)?))
        };
        let side = |[total, bad]: [usize; 2]| counts(count(total)?, count(bad)?);
        Ok(Row {
            number: record.line,
            step: match self.step {
                Some(at) => Given::of_cell(&record.cells[at]).step()?,
                None => 0,
            },
            metric: named(self.metric.map_or("", |at| &record.cells[at])),
            first: side(self.sides[0])?,
            second: side(self.sides[1])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const CSV: &str =
        "step,metric,green_total,green_bad,blue_total,blue_bad\n1,errors,300,1,300,2\n2,errors,300,1,\"300\",2\n";
    const JSON: &str = r#"[{"step": 1, "green": {"total": 300, "bad": 1}, "blue": {"total": 300.0, "bad": null}}]"#;

    /// The same rows as a history.
    fn of_history(text: &str) -> String {
        text.replace("green", "a").replace("blue", "b")
    }

    /// Read, or refused with the row that is wrong.
    fn is_read_or_refused(text: &str) -> Result<(), TestCaseError> {
        let file = Path::new("counts");
        for refused in [recording(file, text).err(), history(file, &of_history(text)).err()].into_iter().flatten() {
            let told = refused.to_string();
            prop_assert!(["row", "JSON", "metric"].iter().any(|place| told.contains(place)), "{}", told);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            is_read_or_refused(&text)?;
        }

        #[test]
        fn counts_with_something_else_in_them_are_read_or_refused(
            text in prop::sample::select(vec![CSV, JSON]),
            at in any::<prop::sample::Index>(),
            length in 0..12usize,
            other in r#"[\[\]{}:,\n "0-9eE.+\-a]{0,8}"#,
        ) {
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            is_read_or_refused(&format!("{}{other}{}", &text[..start], &text[end..]))?;
        }
    }

    #[test]
    fn a_wrong_cell_is_told_by_its_row_and_column() {
        let columns = ["step", "metric", "green_total", "green_bad", "blue_total", "blue_bad"];
        for (row, column) in (0..3).flat_map(|row| [0, 2, 3, 4, 5].map(|column| (row, column))) {
            for wrong in ["x", "-1", "1.5", "99999999999999999999", "NaN", "0x10"] {
                let mut cells = vec![["1", "errors", "300", "1", "300", "2"]; 3];
                cells[row][column] = wrong;
                let lines: Vec<String> = cells.iter().map(|cells| cells.join(",")).collect();
                let text = format!("{}\n{}\n", columns.join(","), lines.join("\n"));
                let told = recording(Path::new("counts"), &text).unwrap_err().to_string();
                let named = told.contains(&format!("row {}", row + 2)) && told.contains(columns[column]);
                assert!(named, "row {}, {}, {wrong}: {told}", row + 2, columns[column]);
            }
        }
    }

    #[test]
    fn a_wrong_field_is_told_by_its_row_and_name() {
        let wrong = [json!("x"), json!(-1), json!(1.5), json!(1e30), json!(true), json!([]), json!({"a": 1})];
        let damages = || [None].into_iter().chain(wrong.iter().cloned().map(Some));
        for (row, place) in (0..3).flat_map(|row| {
            ["step", "metric", "green", "blue", "green/total", "green/bad", "blue/total", "blue/bad"]
                .map(|place| (row, place))
        }) {
            for damage in damages() {
                let one = json!({"step": 1, "metric": "errors", "green": {"total": 300, "bad": 1}, "blue": {"total": 300, "bad": 2}});
                let mut rows = vec![one; 3];
                let (parent, name) = place.rsplit_once('/').map_or(("", place), |(parent, name)| (parent, name));
                let around = if parent.is_empty() { &mut rows[row] } else { &mut rows[row][parent] };
                match &damage {
                    Some(value) => around[name] = value.clone(),
                    None => drop(around.as_object_mut().unwrap().remove(name)),
                }
                let is_of_another_metric = place == "metric" && damage.as_ref().is_none_or(Value::is_string);
                let told = match recording(Path::new("counts"), &json!(rows).to_string()) {
                    Err(refused) => refused.to_string(),
                    // Rows that name none are of one metric, too.
                    Ok(_) if is_of_another_metric => continue,
                    Ok(_) => panic!("row {}, {place}, {damage:?} was read", row + 1),
                };
                let named = told.contains(&format!("row {}", row + 1)) && told.contains(&place.replace('/', "."));
                assert!(named || is_of_another_metric, "row {}, {place}, {damage:?}: {told}", row + 1);
            }
        }
    }

    #[test]
    fn the_counts_of_these_tests_are_read_as_they_are() {
        let file = Path::new("counts");
        for text in [CSV, JSON] {
            assert!(recording(file, text).is_ok() && history(file, &of_history(text)).is_ok(), "{text}");
        }
    }

    #[test]
    fn documents_nested_beyond_reason_are_refused() {
        for open in ["[", "{\"green\":"] {
            assert!(recording(Path::new("counts"), &open.repeat(100_000)).is_err());
        }
    }
}
