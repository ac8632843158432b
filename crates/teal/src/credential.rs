//! Names that say that what they name is a credential, and texts in which some are.

/// Words in a name that say that it carries a credential.
const CREDENTIALS: [&str; 11] = [
    "auth",
    "authentication",
    "authorization",
    "bearer",
    "cookie",
    "jwt",
    "pass",
    "secrets",
    "session",
    "sessionid",
    "signature",
];
/// Words that say so as the end of a longer one, too: `PGPASSWORD`.
const ENDINGS: [&str; 8] = ["credential", "credentials", "passphrase", "passwd", "password", "pwd", "secret", "token"];
/// What a key is to that is one: of a cache or of idempotency a key is none.
const KEYS: [&str; 5] = ["access", "api", "private", "secret", "signing"];

/// Whether a name says that what it names is a credential.
pub(crate) fn carries_credential(name: &str) -> bool {
    let words = words(name);
    let is_of_a_key = |before: &str| KEYS.iter().any(|kind| before.ends_with(kind));
    let is_credential = |word: &String| {
        CREDENTIALS.contains(&word.as_str())
            || ENDINGS.iter().any(|ending| word.ends_with(ending))
            || word.strip_suffix("key").is_some_and(is_of_a_key)
    };
    words.iter().any(is_credential) || words.windows(2).any(|pair| pair[1] == "key" && is_of_a_key(&pair[0]))
}

/// The words of a name such as `X-Api-Key`, `DB_PASSWORD2` or `dbPassword`, in lower case and without numbers.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for letter in name.chars() {
        let is_between = matches!(letter, '-' | '_' | '.');
        if is_between || (after_small && letter.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_ascii_alphabetic()) {
            word.push(letter.to_ascii_lowercase());
        }
        after_small = letter.is_ascii_lowercase();
    }
    words
}

/// What stands in the place of a credential.
const MASK: &str = "#";

/// A line with a mask for what follows the name of a credential: `password=`, `"token": `, `Authorization: Bearer `.
///
/// A value in quotes goes to its closing quote. Any other goes to the next blank or sign that ends one; of a header, which has blanks in it,
/// to the end of the line.
pub(crate) fn masked(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(end) = rest.find(['=', ':']) {
        let (name, after) = (&rest[..end], &rest[end + 1..]);
        text.push_str(&rest[..=end]);
        rest = after;
        let name = name.trim_end().trim_end_matches(['"', '\'', '\\']);
        let name =
            name.rsplit(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.')).next().unwrap_or_default();
        if !carries_credential(name) {
            continue;
        }
        // `=>` and `==` are one sign, as an escaped quote is.
        let value = rest.trim_start_matches(['=', ':', '>', '\\']).trim_start().trim_start_matches('\\');
        text.push_str(&rest[..rest.len() - value.len()]);
        let length = length_of_value(name, value);
        if length > 0 {
            text.push_str(MASK);
        }
        rest = &value[length..];
    }
    text.push_str(rest);
    text
}

/// How many bytes of a text belong to the value of the name that it follows.
fn length_of_value(name: &str, text: &str) -> usize {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote {
        let mut is_escaped = false;
        let closing = text[1..].find(|c| {
            let closes = c == quote && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            closes
        });
        return closing.map_or(text.len(), |end| end + 2);
    }
    // Headers whose values have several words.
    let words = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
    if words.iter().any(|header| name.eq_ignore_ascii_case(header)) {
        return text.len();
    }
    text.find(|c: char| c.is_whitespace() || ",;&\"'<>()[]{}".contains(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn what_follows_the_name_of_a_credential_is_masked() {
        for (line, expected) in [
            ("login failed: password=s3cret, user=ann", "login failed: password=#, user=ann"),
            ("GET /pay?token=s3cret&id=5 failed", "GET /pay?token=#&id=5 failed"),
            (r#"{"dbPassword": "s3 cret\"s3cret", "n": 1}"#, r#"{"dbPassword": #, "n": 1}"#),
            (r#"{"api_key":"s3cret"}"#, r#"{"api_key":#}"#),
            ("Authorization: Bearer s3cret", "Authorization: #"),
            ("sent authorization = Basic s3cret s3cret", "sent authorization = #"),
            ("Set-Cookie: id=s3cret; path=/", "Set-Cookie: #"),
            ("secret : s3cret)", "secret : #)"),
            (r#"said \"token\": \"s3cret\", again"#, r#"said \"token\": \#"#),
            ("password => s3cret;", "password => #;"),
            ("com.acme.auth.Login: user ann is locked", "com.acme.auth.Login: # ann is locked"),
            ("token:", "token:"),
            ("tokens: 5 of 9, at 10:00", "tokens: 5 of 9, at 10:00"),
            ("cache key: abc", "cache key: abc"),
            ("", ""),
        ] {
            assert_eq!(masked(line), expected, "{line}");
        }
    }
}
