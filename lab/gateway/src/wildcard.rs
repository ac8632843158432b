//! `*` (any text) and, where it is asked for, `?` (any one character) in a pattern.

/// Whether the text matches the whole pattern.
pub(crate) fn matches(pattern: &str, text: &str, question_mark: bool) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on if the text after the last star does not match from here.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some('?') if question_mark => {
                p += 1;
                t += 1;
            }
            Some(c) if *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_star_stands_for_any_stretch(before in "[a-c*?]{0,6}", stretch in "[a-c]{0,6}", after in "[a-c]{0,6}") {
            let plain = before.replace(['*', '?'], "a");
            let text = format!("{plain}{stretch}{after}");
            let pattern = format!("{plain}*{after}");
            prop_assert!(matches(&pattern, &text, true));
            // Only a star can make up for characters that are not there.
            let longer = format!("{pattern}d");
            prop_assert!(!matches(&longer, &text, true));
        }
    }

    #[test]
    fn stars_and_question_marks() {
        let table = [
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("a*b*c", "a-b-b-c", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("abc", "abcd", false),
            ("", "a", false),
            ("**a**", "bab", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches(pattern, text, true), expected, "{pattern} {text}");
        }
        assert!(!matches("a?c", "abc", false));
    }
}
