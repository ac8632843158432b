//! Comma-separated values by RFC 4180. What is not certain to be meant so is refused: a cell more or less moves every number
//! behind it to another column.

/// One row: the line in which it begins, counted from 1, and its cells without the blanks and quotes around them.
pub(super) struct Record {
    pub(super) line: usize,
    pub(super) cells: Vec<String>,
}

/// The rows of a text but the blank ones.
///
/// # Errors
/// The line of a row whose quotes are wrong, and what is wrong with them.
pub(super) fn records(text: &str) -> Result<Vec<Record>, (usize, String)> {
    let mut records = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while !rest.is_empty() {
        let mut cells = Vec::new();
        let before = rest;
        loop {
            let (cell, after) = cell(rest).map_err(|problem| (line, format!("cell {} {problem}", cells.len() + 1)))?;
            cells.push(cell);
            rest = after;
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        // A row ends at a line's end or at the end of the text.
        rest = rest.strip_prefix('\n').unwrap_or(rest);
        let read = &before[..before.len() - rest.len()];
        if !read.trim().is_empty() {
            records.push(Record { line, cells });
        }
        line += read.matches('\n').count();
    }
    Ok(records)
}

/// The cell that a text begins with, and the text from the comma or the line's end behind it.
fn cell(text: &str) -> Result<(String, &str), String> {
    let blank = |c: char| c.is_whitespace() && c != '\n';
    let Some(quoted) = text.trim_start_matches(blank).strip_prefix('"') else {
        let (cell, rest) = text.split_at(text.find([',', '\n']).unwrap_or(text.len()));
        if cell.contains('"') {
            return Err(format!(
                "is {}, with a double quote that it does not begin with: put all of it in double quotes, and write each of its \
                 own twice",
                cell.trim()
            ));
        }
        return Ok((cell.trim().to_owned(), rest));
    };
    let mut cell = String::new();
    let mut rest = quoted;
    loop {
        let Some((before, after)) = rest.split_once('"') else {
            return Err("begins with a double quote that no other one ends: add it behind the cell".to_owned());
        };
        cell += before;
        match after.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => {
                rest = after.trim_start_matches(blank);
                break;
            }
        }
    }
    if rest.is_empty() || rest.starts_with([',', '\n']) {
        Ok((cell.trim().to_owned(), rest))
    } else {
        let more = rest.split([',', '\n']).next().unwrap_or_default();
        Err(format!("is \"{cell}\" with {} behind the quotes: put all of it in the quotes, or nothing", more.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas_lines_and_quotes() {
        let rows = records("a,\"b,c\" , d\r\n\r\n\"e\nf\",\"g \"\"h\"\"\",\n1").unwrap_or_default();
        let lines: Vec<usize> = rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [1, 3, 5]);
        assert_eq!(rows[0].cells, ["a", "b,c", "d"]);
        assert_eq!(rows[1].cells, ["e\nf", "g \"h\"", ""]);
        assert_eq!(rows[2].cells, ["1"]);
    }

    #[test]
    fn quotes_that_do_not_match_are_refused_with_their_line() {
        for (text, line, problem) in [
            ("a\n\"b", 2, "no other one ends"),
            ("\"3\"00", 1, "with 00 behind the quotes"),
            ("a,b\n\nc,3\"4", 3, "cell 2 is 3\"4"),
        ] {
            let (at, told) = records(text).err().unwrap_or_default();
            assert!(at == line && told.contains(problem), "{at}: {told}");
        }
    }
}
