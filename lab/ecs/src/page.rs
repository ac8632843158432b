//! Pages of a sorted list. A token is the key of the last item given, so that a page stays right while items come and
//! go.

use std::fmt::Write;

/// One page of `items`, which are sorted by key: those after `token`, at most `limit` of them, and the token for more.
///
/// `None` if the token is not one of ours.
pub(crate) fn page<T>(
    items: impl Iterator<Item = (String, T)>,
    token: Option<&str>,
    limit: usize,
) -> Option<(Vec<T>, Option<String>)> {
    let after = match token {
        Some(token) => Some(decode(token)?),
        None => None,
    };
    let mut page = Vec::new();
    let mut last_key = String::new();
    for (key, item) in items.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)) {
        if page.len() == limit {
            return Some((page, Some(encode(&last_key))));
        }
        page.push(item);
        last_key = key;
    }
    Some((page, None))
}

/// Opaque to clients, as AWS's are: hexadecimal.
fn encode(key: &str) -> String {
    key.bytes().fold(String::new(), |mut token, byte| {
        // Writing to a string cannot fail.
        let _ = write!(token, "{byte:02x}");
        token
    })
}

fn decode(token: &str) -> Option<String> {
    if !token.is_ascii() || !token.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..token.len()).step_by(2).map(|at| u8::from_str_radix(&token[at..at + 2], 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(limit: usize) -> Vec<Vec<usize>> {
        let items = || (0..5).map(|n| (format!("key {n}"), n));
        let mut pages = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let (page, next) = page(items(), token.as_deref(), limit).unwrap();
            pages.push(page);
            token = next;
            if token.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn pages_are_full_and_the_last_has_no_token() {
        assert_eq!(all(2), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(all(5), [vec![0, 1, 2, 3, 4]]);
        assert_eq!(all(9), [vec![0, 1, 2, 3, 4]]);
    }

    #[test]
    fn a_token_from_elsewhere_is_refused() {
        for token in ["x", "zz", "ü1"] {
            assert!(page(std::iter::once((String::new(), ())), Some(token), 1).is_none());
        }
    }
}
