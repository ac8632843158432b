//! Reading what was written as JSON, with errors that name the place and repeat no value: it may be a secret, and errors go into logs.

use serde::de::DeserializeOwned;

/// The most characters of a place.
const LONGEST_PLACE: usize = 200;

/// Reads a value.
///
/// # Errors
/// The place, such as `plan.judge.alarms[0]`, and what is wrong there.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // As bytes: all that reads JSON in a function is then compiled once.
    serde_json::from_slice(text.as_bytes()).map_err(|error| in_words(text, &error))
}

fn in_words(text: &str, error: &serde_json::Error) -> String {
    let what = without_value(without_position(&error.to_string()));
    let place = place(text, error.line(), error.column());
    if place.is_empty() { what } else { format!("{place}: {what}") }
}

/// A message of serde's without the line and the column, which say nothing of a text that is one line.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(what, _)| what)
}

/// A message of serde's without the value that it found.
fn without_value(message: &str) -> String {
    for kind in ["invalid type", "invalid value", "unknown variant"] {
        let is_of_kind = message.strip_prefix(kind).is_some_and(|rest| rest.starts_with([':', ' ']));
        if is_of_kind && let Some((_, expected)) = message.rsplit_once(", expected ") {
            return format!("{kind}, expected {expected}");
        }
    }
    message.to_owned()
}

/// What is open at a place of a text.
enum Open {
    Object { key: Option<String> },
    Array { index: usize },
}

/// The place of a line and a column, counted in bytes from 1.
fn place(text: &str, line: usize, column: usize) -> String {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let end = text.floor_char_boundary((before + column).min(text.len()));
    let mut open: Vec<Open> = Vec::new();
    let mut rest = &text[..end];
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => string(rest),
            _ => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        match (c, open.last_mut()) {
            ('"', Some(Open::Object { key: key @ None })) => *key = Some(token.trim_matches('"').to_owned()),
            ('{', _) => open.push(Open::Object { key: None }),
            ('[', _) => open.push(Open::Array { index: 0 }),
            ('}' | ']', _) => drop(open.pop()),
            (',', Some(Open::Object { key })) => *key = None,
            (',', Some(Open::Array { index })) => *index += 1,
            _ => {}
        }
    }
    let mut place = String::new();
    for level in open {
        match level {
            Open::Object { key: Some(key) } if place.is_empty() => place = key,
            Open::Object { key: Some(key) } => place = format!("{place}.{key}"),
            Open::Object { key: None } => {}
            Open::Array { index } => place = format!("{place}[{index}]"),
        }
        if let Some((end, _)) = place.char_indices().nth(LONGEST_PLACE) {
            place.truncate(end);
            return place + "…";
        }
    }
    place
}

/// The length of the string that a text begins with, its quotes included.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only whether it can be read is asked")]
    struct Outer {
        name: String,
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only whether it can be read is asked")]
    struct Inner {
        size: u8,
        kind: Kind,
    }

    #[derive(Debug, Deserialize)]
    enum Kind {
        Small,
    }

    #[test]
    fn an_error_names_the_place_and_not_the_value() {
        let table = [
            (
                r#"{"name": "a", "inner": [{"size": 1, "kind": "Small"}, {"size": "secret"}]}"#,
                "inner[1].size: invalid type, expected u8",
            ),
            (r#"{"name": {"secret": 1}}"#, "name: invalid type, expected a string"),
            (
                "{\"name\": \"a, \\\"b\\\": [\",\n \"inner\": [{\"size\": 1, \"kind\": \"secret\"}]}",
                "inner[0].kind: unknown variant, expected `Small`",
            ),
            (r#"{"name": "a", "inner": [{"kind": "Small"}]}"#, "inner[0]: missing field `size`"),
            (r#"{"inner": []}"#, "missing field `name`"),
            (r#"{"name": "a", "inner": [{"size": 300}]}"#, "inner[0].size: invalid value, expected u8"),
            (r#"{"name": "ä", "inner": [{"si"#, "inner[0].si: EOF while parsing a string"),
        ];
        for (text, expected) in table {
            let error = read::<Outer>(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[\[\]{}:,"\\a-c0-2é\n ]{0,60}"#, line in 0..5usize, column in 0..80usize) {
            let _ = read::<Outer>(&text);
            let _ = place(&text, line, column);
        }
    }
}
