//! For whom a feature flag is on.
//!
//! AWS AppConfig hands out a flag as `{"enabled": true, "percentage": 5, "users": ["ann"], "salt": "1"}`, and one that is not enabled as
//! `{"enabled": false}`, with or without its attributes; who evaluates it is the service.
//! The rule is small enough to be written again in any language (docs/ways/flags.md has it in four more), and `vectors.json` beside this
//! crate's manifest tells whether that was done right:
//!
//! 1. A flag that is not enabled is off for everybody.
//! 2. It is on for every user in `users`.
//! 3. It is on for another user if their bucket is below `percentage`, in tenths of a percent; without `percentage` it is on for all.
//!    The bucket is the first four bytes of SHA-256 over the UTF-8 text `salt:flag:user`, as a big-endian number, modulo 1000.
//!
//! A user's bucket never changes, so that raising the percentage only adds users, and lowering it only takes users away. Another salt deals
//! the users anew; two flags deal them independently.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The attribute that says how many of a hundred users have the flag on: 0 to 100, in steps of a tenth.
pub const PERCENTAGE: &str = "percentage";

/// The attribute with users who have the flag on while it is enabled, whatever the percentage.
pub const USERS: &str = "users";

/// The attribute with the text that deals users anew.
pub const SALT: &str = "salt";

/// Whether a flag is on at all.
pub const ENABLED: &str = "enabled";

/// In how many buckets users are dealt.
const BUCKETS: u32 = 1000;

/// A flag's value as AppConfig hands it out.
/// <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flag {
    /// Whether it is on at all.
    pub enabled: bool,
    /// Tenths of a percent, 0 to 1000.
    pub permille: u16,
    /// Users who have it on while it is enabled.
    pub users: Vec<String>,
    /// Deals users anew.
    pub salt: String,
}

impl Flag {
    /// Reads a flag's value. What is not there is as the rule says; other attributes are passed over.
    ///
    /// # Errors
    /// A sentence about the first attribute that cannot be understood.
    pub fn read(value: &Value) -> Result<Self, String> {
        let enabled = match &value[ENABLED] {
            Value::Bool(enabled) => *enabled,
            Value::Null => false,
            other => return Err(format!("`{ENABLED}` is {other}, not true or false")),
        };
        let permille = match &value[PERCENTAGE] {
            Value::Null => 1000,
            other => permille(other).ok_or_else(|| format!("`{PERCENTAGE}` is {other}, not a number from 0 to 100"))?,
        };
        let users = match &value[USERS] {
            Value::Null => Vec::new(),
            Value::Array(users) if users.iter().all(Value::is_string) => {
                users.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            other => return Err(format!("`{USERS}` is {other}, not a list of texts")),
        };
        let salt = match &value[SALT] {
            Value::Null => String::new(),
            Value::String(salt) => salt.clone(),
            other => return Err(format!("`{SALT}` is {other}, not a text")),
        };
        Ok(Self { enabled, permille, users, salt })
    }

    /// Whether the flag of this key is on for a user.
    #[must_use]
    pub fn is_on(&self, key: &str, user: &str) -> bool {
        self.enabled
            && (self.users.iter().any(|listed| listed == user) || bucket(&self.salt, key, user) < self.permille)
    }
}

/// A percentage in tenths; `None` where it is no number from 0 to 100.
fn permille(value: &Value) -> Option<u16> {
    // Rounded, since 12.3 * 10 is a little more than 123.
    let permille = (value.as_f64()? * 10.0).round();
    (0.0..=1000.0).contains(&permille).then_some(permille as u16)
}

/// The bucket of a user, 0 to 999.
#[must_use]
pub fn bucket(salt: &str, key: &str, user: &str) -> u16 {
    let digest = Sha256::digest(format!("{salt}:{key}:{user}").as_bytes());
    let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    // Below 1000.
    (number % BUCKETS) as u16
}
