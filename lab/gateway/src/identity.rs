//! Who calls: a function of the lab is known by its access key id.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The access key that ministack and the gateway take for the account's root user. Its signature is not checked.
pub const ROOT_ACCESS_KEY: &str = "test";

/// The access key id that ministack 1.5.33, started with `AUTH=true`, gives to a function.
///
/// `function_arn` is the ARN that the invocation ran with: qualified by the version (`...:function:name:3`) for a
/// synchronous invocation behind an alias, by the alias (`...:function:name:live`) for an asynchronous one, unqualified
/// for `$LATEST`. So a function has a key for each. `role_arn` is its execution role.
#[must_use]
pub fn execution_access_key(function_arn: &str, role_arn: &str) -> String {
    let digest = Sha256::digest(format!("{function_arn}:{role_arn}"));
    let mut key = String::from("ASIA");
    for byte in digest.iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02X}");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_one_that_ministack_computes() {
        let role = "arn:aws:iam::000000000000:role/s-OneRole-EA9D10B929E6C";
        let function = "arn:aws:lambda:us-east-1:000000000000:function:s-One-12C9C80D9740B:1";
        assert_eq!(execution_access_key(function, role), "ASIAFCD837330A5B2856");
    }
}
