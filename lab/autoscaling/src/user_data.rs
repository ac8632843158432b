//! What a launch template's user data says about the environment of an instance.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The variables that the script exports, in order: lines such as `export NAME=value`, `export NAME='a value'`.
pub(crate) fn environment(encoded: &str) -> Vec<(String, String)> {
    let Ok(bytes) = BASE64_STANDARD.decode(encoded) else { return Vec::new() };
    exports(&String::from_utf8_lossy(&bytes))
}

/// Those of a script as it is.
pub(crate) fn exports(script: &str) -> Vec<(String, String)> {
    script.lines().filter_map(exported).collect()
}

fn exported(line: &str) -> Option<(String, String)> {
    let (name, value) = line.trim().strip_prefix("export ")?.split_once('=')?;
    Some((name.trim().to_owned(), unquoted(value)))
}

/// The text of one shell word: single quotes keep everything, double quotes all but a backslash before `"` and `\`.
fn unquoted(word: &str) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut characters = word.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, ' ' | ';' | '#') => break,
            (None, '\\') => text.extend(characters.next()),
            (Some('"'), '\\') if characters.peek().is_some_and(|next| matches!(next, '"' | '\\')) => {
                text.extend(characters.next());
            }
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_variables_are_read_as_a_shell_would() {
        let script = "#!/bin/sh\nexport A=1 # one\n  export B='two words # and \"quotes\"'\nC=3\nexport D=\"say \\\"d\\\"\"\n\
                      export E='it'\\''s'\n/opt/service &\n";
        let read = environment(&BASE64_STANDARD.encode(script));
        let expected = [("A", "1"), ("B", "two words # and \"quotes\""), ("D", "say \"d\""), ("E", "it's")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(environment("not base64!").is_empty());
    }
}
