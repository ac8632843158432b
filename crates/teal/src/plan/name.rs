//! What a release is called.

use crate::units::{Invalid, text_newtype};

text_newtype! {
    /// The name of the service in Teal: 1 to 40 letters, digits, hyphens and underscores, beginning with a letter or digit.
    ServiceName {
        noun: "a service name",
        pattern: r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
        examples: &["checkout"],
        check: check_service,
    }
}

text_newtype! {
    /// The version that is released: 1 to 64 letters, digits and . _ + -, beginning with a letter or digit.
    Version {
        noun: "a version",
        pattern: r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$",
        examples: &["2.4.0", "2026-11-22-3f2c1a9"],
        check: check_version,
    }
}

fn check_service(text: &str) -> Result<(), Invalid> {
    check(text, 40, "-_", "letters, digits, hyphens and underscores")
}

fn check_version(text: &str) -> Result<(), Invalid> {
    check(text, 64, ".-_+", "letters, digits and . _ + -")
}

/// Refuses what is empty, too long, begins with punctuation, or has a character that is neither alphanumeric nor one
/// of `punctuation`.
pub(crate) fn check(text: &str, longest: usize, punctuation: &str, allowed: &str) -> Result<(), Invalid> {
    let remedy = || format!("Write 1 to {longest} {allowed}, beginning with a letter or digit");
    let invalid = |reason: String| Err(Invalid::new(reason, remedy()));
    let Some(first) = text.chars().next() else {
        return invalid("it is empty".to_owned());
    };
    if !first.is_ascii_alphanumeric() {
        return invalid(format!("it begins with {first:?}"));
    }
    if let Some(other) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !punctuation.contains(*c)) {
        return invalid(format!("it contains {other:?}"));
    }
    if text.len() > longest {
        return invalid(format!("it has {} characters", text.len()));
    }
    Ok(())
}
