//! An alias of a Lambda function as what splits the traffic.

use crate::units::{Invalid, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An alias of a Lambda function. All of its traffic goes to one version between releases; during one, Lambda splits the invocations of the
/// alias between that version and green's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AliasRoute {
    /// The function. Teal may only change aliases of functions that the parameter LambdaFunctions of its stack names.
    pub function: LambdaFunctionName,
    /// The alias by which the service's clients invoke it.
    pub alias: AliasName,
}

text_newtype! {
    /// The name of a Lambda function: 1 to 64 letters, digits, hyphens and underscores.
    LambdaFunctionName {
        noun: "the name of a Lambda function",
        pattern: r"^[A-Za-z0-9_-]{1,64}$",
        examples: &["checkout"],
        check: check_function,
    }
}

text_newtype! {
    /// The name of an alias: 1 to 128 letters, digits, hyphens and underscores, not all of them digits.
    AliasName {
        noun: "the name of an alias",
        pattern: r"^(?![0-9]+$)[A-Za-z0-9_-]{1,128}$",
        examples: &["live"],
        check: check_alias,
    }
}

fn is_name(text: &str, longest: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

fn check_function(text: &str) -> Result<(), Invalid> {
    let remedy = "Write the function's name only, such as \"checkout\"";
    if text.starts_with("arn:") {
        return Err(Invalid::new("it is an ARN", remedy));
    }
    if text.contains(':') {
        return Err(Invalid::new("there is a version or an alias behind the name", remedy));
    }
    if is_name(text, 64) {
        return Ok(());
    }
    Err(Invalid::new("a function's name has 1 to 64 letters, digits, hyphens and underscores", remedy))
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>
fn check_alias(text: &str) -> Result<(), Invalid> {
    let remedy = "Write the alias's name, such as \"live\"";
    if text == "$LATEST" {
        return Err(Invalid::new("it is no alias", remedy));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return Err(Invalid::new("it is a version: nothing can be shifted there", remedy));
    }
    if is_name(text, 128) {
        return Ok(());
    }
    Err(Invalid::new("an alias's name has 1 to 128 letters, digits, hyphens and underscores", remedy))
}
