//! Recorded counts as JSON or CSV.

use super::JudgeError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use teal::judge::{Counts, HistoryPoint};

/// The metric of rows that name none.
const UNNAMED: &str = "errors";

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
    step: bool,
    /// The two sides that are compared.
    sides: [&'static str; 2],
}

/// Reads a recorded release. The nth row of each metric is interval n.
pub(super) fn recording(path: &Path, text: &str) -> Result<Recording, JudgeError> {
    let rows = rows(path, text, &Shape { step: true, sides: ["green", "blue"] })?;
    let mut recording = Recording { steps: Vec::new(), metrics: BTreeMap::new() };
    for Row { number, step, metric, first, second } in rows {
        let intervals = recording.metrics.entry(metric).or_default();
        let problem = match recording.steps.get(intervals.len()) {
            Some(&other) if other != step => {
                Some(format!("step is {step}, but another metric has {other} in interval {}", intervals.len() + 1))
            }
            Some(_) => None,
            None => {
                let before = recording.steps.last().copied().unwrap_or(0);
                recording.steps.push(step);
                (step < before).then(|| format!("step is {step}, but the interval before has {before}"))
            }
        };
        if let Some(problem) = problem {
            return Err(JudgeError::input(path, format_args!("row {number}"), problem));
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
    for row in rows(path, text, &Shape { step: false, sides: ["a", "b"] })? {
        history.entry(row.metric).or_default().push(HistoryPoint { a: row.first, b: row.second });
    }
    Ok(history)
}

fn rows(path: &Path, text: &str, shape: &Shape) -> Result<Vec<Row>, JudgeError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let rows = match text.chars().next() {
        None => Vec::new(),
        Some('[') => {
            let values: Vec<Value> =
                serde_json::from_str(text).map_err(|error| JudgeError::input(path, "JSON", error.to_string()))?;
            json_rows(path, values.into_iter().map(Ok), shape)?
        }
        Some('{') => json_rows(path, serde_json::Deserializer::from_str(text).into_iter(), shape)?,
        Some(_) => csv_rows(path, text, shape)?,
    };
    if rows.is_empty() { Err(JudgeError::input(path, "row 1", "there is none")) } else { Ok(rows) }
}

fn json_rows(
    path: &Path,
    values: impl Iterator<Item = Result<Value, serde_json::Error>>,
    shape: &Shape,
) -> Result<Vec<Row>, JudgeError> {
    let row = |(number, value): (usize, Result<Value, serde_json::Error>)| {
        let parsed = value.map_err(|error| error.to_string()).and_then(|value| json_row(number, &value, shape));
        parsed.map_err(|problem| JudgeError::input(path, format_args!("row {number}"), problem))
    };
    (1..).zip(values).map(row).collect()
}

fn json_row(number: usize, value: &Value, shape: &Shape) -> Result<Row, String> {
    let field = |path: [&str; 2]| -> Result<u64, String> {
        let name = path.join(".");
        let value =
            value.get(path[0]).and_then(|side| side.get(path[1])).ok_or_else(|| format!("{name} is missing"))?;
        json_count(value).ok_or_else(|| format!("{name} is {value}, but must be a whole number of at least 0"))
    };
    let [first, second] = shape.sides;
    let step = if shape.step {
        let value = value.get("step").ok_or("step is missing")?;
        step(json_count(value), value)?
    } else {
        0
    };
    let metric = match value.get("metric") {
        None | Some(Value::Null) => UNNAMED.to_owned(),
        Some(Value::String(name)) => name.clone(),
        Some(other) => return Err(format!("metric is {other}, but must be a string")),
    };
    Ok(Row {
        number,
        step,
        metric,
        first: counts(first, field([first, "total"])?, field([first, "bad"])?)?,
        second: counts(second, field([second, "total"])?, field([second, "bad"])?)?,
    })
}

fn csv_rows(path: &Path, text: &str, shape: &Shape) -> Result<Vec<Row>, JudgeError> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let header: Vec<&str> = lines.next().map(|(_, line)| cells(line).collect()).unwrap_or_default();
    let column = |name: &str| header.iter().position(|cell| *cell == name);
    let needed = |name: String| {
        column(&name).ok_or_else(|| JudgeError::input(path, "row 1 (the header)", format!("it has no column {name}")))
    };
    let step_column = if shape.step { Some(needed("step".to_owned())?) } else { None };
    let mut count_columns = Vec::new();
    for side in shape.sides {
        count_columns.push((side, needed(format!("{side}_total"))?, needed(format!("{side}_bad"))?));
    }
    let metric_column = column("metric");

    let parse = |number: usize, line: &str| -> Result<Row, String> {
        let cells: Vec<&str> = cells(line).collect();
        let cell = |at: usize| cells.get(at).copied().ok_or_else(|| format!("{} is missing", header[at]));
        let field = |at: usize| -> Result<u64, String> {
            let text = cell(at)?;
            csv_count(text)
                .ok_or_else(|| format!("{} is {text:?}, but must be a whole number of at least 0", header[at]))
        };
        let side = |(name, total, bad): (&str, usize, usize)| counts(name, field(total)?, field(bad)?);
        Ok(Row {
            number,
            step: match step_column {
                Some(at) => step(csv_count(cell(at)?), cell(at)?)?,
                None => 0,
            },
            metric: match metric_column {
                Some(at) if !cell(at)?.is_empty() => cell(at)?.to_owned(),
                _ => UNNAMED.to_owned(),
            },
            first: side(count_columns[0])?,
            second: side(count_columns[1])?,
        })
    };
    lines
        .map(|(number, line)| {
            parse(number, line).map_err(|problem| JudgeError::input(path, format_args!("row {number}"), problem))
        })
        .collect()
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"'))
}

fn step(count: Option<u64>, given: impl std::fmt::Display) -> Result<u32, String> {
    count
        .and_then(|step| u32::try_from(step).ok())
        .filter(|step| *step > 0)
        .ok_or_else(|| format!("step is {given}, but steps are counted from 1"))
}

/// `bad` of `total` of one side.
pub(super) fn counts(side: &str, total: u64, bad: u64) -> Result<Counts, String> {
    if bad > total {
        return Err(format!("{side} has {bad} bad requests of {total}"));
    }
    Ok(Counts::new(total, bad))
}

/// A count; null stands for a datum that CloudWatch did not publish, which is 0.
fn json_count(value: &Value) -> Option<u64> {
    match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        _ => None,
    }
}

/// A count; an empty cell stands for a datum that CloudWatch did not publish, which is 0.
fn csv_count(text: &str) -> Option<u64> {
    if text.is_empty() { Some(0) } else { text.parse().ok().or_else(|| whole(text.parse().ok()?)) }
}

/// Spreadsheets and data frames write counts as `300.0`.
pub(super) fn whole(number: f64) -> Option<u64> {
    // 2^64 itself is not a u64; every whole f64 below it is.
    (number.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CSV: &str = "step,metric,green_total,green_bad,blue_total,blue_bad,a_total,a_bad,b_total,b_bad\n\
        1,errors,300,1,300,2,300,1,300,2\n2,errors,300,1,300,2,300,1,300,2\n";
    const JSON: &str = r#"[{"step": 1, "green": {"total": 300, "bad": 1}, "blue": {"total": 300, "bad": 2},
        "a": {"total": 300, "bad": 1}, "b": {"total": 300.0, "bad": null}}]"#;

    /// Read, or refused with the row that is wrong.
    fn is_read_or_refused(text: &str) -> Result<(), TestCaseError> {
        let file = Path::new("counts");
        for refused in [recording(file, text).err(), history(file, text).err()].into_iter().flatten() {
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
    fn the_counts_of_these_tests_are_read_as_they_are() {
        let file = Path::new("counts");
        for text in [CSV, JSON] {
            assert!(recording(file, text).is_ok() && history(file, text).is_ok(), "{text}");
        }
    }

    #[test]
    fn documents_nested_beyond_reason_are_refused() {
        for open in ["[", "{\"green\":"] {
            assert!(recording(Path::new("counts"), &open.repeat(100_000)).is_err());
        }
    }
}
