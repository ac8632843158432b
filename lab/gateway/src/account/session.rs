//! What the lab's STS hands out.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The credentials of a session, to look for where they must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumedCredentials {
    /// The name of the role.
    pub role: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
}

impl AssumedCredentials {
    /// Those of the session with this number. Each is a text that stands nowhere else.
    pub(crate) fn of(role: &str, number: usize) -> Self {
        Self {
            role: role.to_owned(),
            access_key_id: format!("ASIA2{number:015}"),
            secret_access_key: text_of("secret", number),
            session_token: format!("IQoJ{}", text_of("token", number)),
        }
    }
}

/// Forty letters and digits, others for each kind and number.
fn text_of(kind: &str, number: usize) -> String {
    let digest = Sha256::digest(format!("{kind} {number}"));
    let mut text = String::new();
    for byte in digest.iter().take(20) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_has_credentials_of_its_own() {
        let (one, other) = (AssumedCredentials::of("r", 1), AssumedCredentials::of("r", 2));
        assert_eq!(one, AssumedCredentials::of("r", 1));
        assert_ne!(one.access_key_id, other.access_key_id);
        assert_ne!(one.secret_access_key, other.secret_access_key);
        assert_ne!(one.session_token, other.session_token);
        assert_eq!((one.access_key_id.len(), one.secret_access_key.len()), (20, 40));
    }
}
