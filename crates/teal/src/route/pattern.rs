//! Patterns in the conditions of rules: `*` stands for any characters, `?` for one.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>

/// Whether a text matches a pattern.
#[must_use]
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    // Whether what was read of the pattern so far matches each beginning of the text.
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for wanted in pattern.chars() {
        let before = reached.clone();
        for end in 0..=text.len() {
            reached[end] = match wanted {
                '*' => before[end] || end > 0 && reached[end - 1],
                '?' => end > 0 && before[end - 1],
                exact => end > 0 && before[end - 1] && text[end - 1] == exact,
            };
        }
    }
    reached[text.len()]
}

/// Whether no text can match both patterns. Where that is hard to say, the answer is no.
#[must_use]
pub(super) fn exclude_each_other(one: &str, other: &str) -> bool {
    match (is_plain(one), is_plain(other)) {
        (_, true) => !matches(one, other),
        (true, false) => !matches(other, one),
        (false, false) => {
            let (first, second) = (plain_beginning(one), plain_beginning(other));
            !first.starts_with(second) && !second.starts_with(first)
        }
    }
}

fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?'])
}

fn plain_beginning(pattern: &str) -> &str {
    pattern.split(['*', '?']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_as_the_load_balancer_matches_them() {
        let table = [
            ("/health", "/health", true),
            ("/health", "/health/", false),
            ("/img/*", "/img/a/b.png", true),
            ("/img/*", "/img", false),
            ("/*/health", "/green/health", true),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("*", "", true),
            ("**b", "ab", true),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_exclude_each_other_where_no_text_matches_both() {
        let table = [
            ("/a", "/b", true),
            ("/a", "/a", false),
            ("/shop/*", "/shop/cart", false),
            ("/shop/*", "/pay/*", true),
            ("/shop/*", "/shop/cart/*", false),
            ("/*/cart", "/shop/*", false),
            ("*.example.com", "shop.example.org", true),
        ];
        for (one, other, expected) in table {
            assert_eq!(exclude_each_other(one, other), expected, "{one} {other}");
            assert_eq!(exclude_each_other(other, one), expected, "{other} {one}");
        }
    }
}
