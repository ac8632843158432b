//! The line in which something stands, with a mark under it.

use super::{Place, Source};

/// The longest part of a line that is shown, in characters.
const WIDEST: usize = 120;

/// Name, line and column, the line itself, and marks under the place; each line ends with a line feed.
pub(crate) fn excerpt(source: &Source, place: Place) -> String {
    let Place { line, column, width } = place;
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let head = format!("{margin}--> {}:{line}:{column}\n", source.name);
    let Some(content) = source.text.lines().nth(line - 1) else { return head };
    // A place far to the right is shown with what is around it.
    let start = if column <= WIDEST / 2 { 0 } else { column - 1 - WIDEST / 4 };
    let shown: String = content.chars().skip(start).take(WIDEST).map(visible).collect();
    let lead = if start > 0 { "…" } else { "" };
    let tail = if content.chars().count() > start + WIDEST { "…" } else { "" };
    let indent = " ".repeat(column - 1 - start + lead.chars().count());
    let marks = "^".repeat(width.min(WIDEST + start + 1 - column).max(1));
    format!("{head}{margin} |\n{number} | {lead}{shown}{tail}\n{margin} | {indent}{marks}\n")
}

/// The character itself, or a stand-in of the same width for what would move the cursor or change the terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}
