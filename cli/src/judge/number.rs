//! Counts and steps as people, spreadsheets and data frames write them: read as what they say, or refused, never guessed.

use serde_json::Value;
use teal::judge::Counts;

/// What stands between groups of three digits somewhere in the world.
const THOUSANDS: [char; 8] = [',', '.', ' ', '\u{a0}', '\u{202f}', '\'', '’', '_'];

/// 2^64, which is not a u64; every whole f64 below it is.
const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;

/// What is given where a whole number is expected.
pub(super) enum Given {
    /// An empty cell, or null: a datum that CloudWatch did not publish.
    Nothing,
    /// A whole number of at least 0.
    Whole(u64),
    /// Anything else, as it is written, and what is wrong with it where that can be told.
    Other { shown: String, wrong: Option<String> },
}

impl Given {
    /// The value of a JSON field.
    pub(super) fn of_json(value: &Value) -> Self {
        let whole = match value {
            Value::Null => return Self::Nothing,
            Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            _ => None,
        };
        let wrong = match value {
            Value::Number(number) if number.as_f64().is_some_and(|number| number >= TOO_LARGE) => Some(too_large()),
            Value::String(text) => match text.trim().parse::<f64>() {
                Ok(_) => Some(format!("which is a text: write {} without quotes", text.trim())),
                Err(_) => thousands(text),
            },
            _ => None,
        };
        whole.map_or_else(|| Self::Other { shown: shown(value), wrong }, Self::Whole)
    }

    /// A cell of CSV.
    pub(super) fn of_cell(cell: &str) -> Self {
        if cell.is_empty() {
            return Self::Nothing;
        }
        let other = |wrong| Self::Other { shown: shown(&Value::from(cell)), wrong };
        // Before it is read as a number: 57.000 are 57 to some and 57,000 to others.
        if let Some(wrong) = thousands(cell) {
            return other(Some(wrong));
        }
        let wrong = || cell.parse().is_ok_and(|number: f64| number >= TOO_LARGE).then(too_large);
        cell.parse().ok().or_else(|| whole(cell.parse().ok()?)).map_or_else(|| other(wrong()), Self::Whole)
    }

    /// As the number of requests that a field tells.
    ///
    /// # Errors
    /// The field, its value, why it is no count, and what to write.
    pub(super) fn count(self, field: &str) -> Result<u64, String> {
        match self {
            Self::Nothing => Ok(0),
            Self::Whole(count) => Ok(count),
            Self::Other { shown, wrong: Some(wrong) } => Err(format!("{field} is {shown}, {wrong}")),
            Self::Other { shown, wrong: None } => Err(format!(
                "{field} is {shown}, but must be a whole number of at least 0: give how many requests there were, or leave it \
                 empty (null in JSON) where there was no datum"
            )),
        }
    }

    /// As the traffic step of an interval.
    ///
    /// # Errors
    /// The value, why it is no step, and what to write.
    pub(super) fn step(self) -> Result<u32, String> {
        const REMEDY: &str = "give the number of the traffic step that the interval belongs to";
        let step = match self {
            Self::Nothing => return Err(format!("step is empty, but steps are counted from 1: {REMEDY}")),
            Self::Whole(0) => return Err(format!("step is 0, but steps are counted from 1: {REMEDY}")),
            Self::Whole(step) => step,
            Self::Other { shown, wrong: Some(wrong) } => return Err(format!("step is {shown}, {wrong}")),
            Self::Other { shown, wrong: None } => {
                return Err(format!("step is {shown}, but must be a whole number of at least 1: {REMEDY}"));
            }
        };
        u32::try_from(step)
            .map_err(|_| format!("step is {step}, but must be at most {}: steps are counted from 1", u32::MAX))
    }
}

/// Whether an interval of this step may come after one of step `before` (0 where there is none).
///
/// # Errors
/// Both steps, and what to do.
pub(super) fn in_order(step: u32, before: u32) -> Result<(), String> {
    if step < before {
        return Err(format!(
            "step is {step}, but the interval before has {before}, and steps never go back: give the intervals in the order \
             of time, and each release by itself"
        ));
    }
    Ok(())
}

/// One side's requests and bad requests, each with the name of its field.
///
/// # Errors
/// More bad requests than requests.
pub(super) fn counts((total_field, total): (&str, u64), (bad_field, bad): (&str, u64)) -> Result<Counts, String> {
    if bad > total {
        return Err(format!(
            "{bad_field} is {bad}, more than {total_field}, which is {total}: the total counts the bad requests, too; raise \
             it to {bad} where the two were counted at different moments"
        ));
    }
    Ok(Counts::new(total, bad))
}

fn too_large() -> String {
    "but must be below 2^64: write the number itself".to_owned()
}

/// What is wrong with a number in groups of three digits, and how to write it instead.
fn thousands(text: &str) -> Option<String> {
    let mut groups = text.trim().split(THOUSANDS);
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().filter(|group| (1..=3).contains(&group.len()) && is_digits(group))?;
    let rest: Vec<&str> = groups.collect();
    let grouped = !rest.is_empty() && rest.iter().all(|group| group.len() == 3 && is_digits(group));
    grouped.then(|| {
        let digits = rest.concat();
        format!("but counts have no separators between thousands, nor decimals: write {first}{digits} if that is meant")
    })
}

/// Spreadsheets and data frames write counts as `300.0`.
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..TOO_LARGE).contains(&number)).then_some(number as u64)
}

/// A value as an error shows it: as JSON, and not at full length.
pub(super) fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
