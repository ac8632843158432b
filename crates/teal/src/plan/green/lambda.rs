//! A published version of a Lambda function as what runs the new version.

use crate::plan::defaults;
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A published version of the Lambda function that `traffic.lambda` names. Teal publishes none: what is tested and what is released are the
/// same version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LambdaGreen {
    /// The version's number, as publishing it gave it.
    pub function_version: FunctionVersionNumber,
    /// How long it may take until Lambda can invoke it. From 30s to 2h.
    #[serde(default = "defaults::ready_within")]
    pub ready_within: Span,
}

text_newtype! {
    /// The number of a published version of a Lambda function. $LATEST is none: it changes whenever code is uploaded, and an alias cannot
    /// share its traffic with it.
    FunctionVersionNumber {
        noun: "a version of a Lambda function",
        pattern: r"^[1-9][0-9]{0,18}$",
        examples: &["42"],
        check: check_version,
    }
}

fn check_version(text: &str) -> Result<(), Invalid> {
    let remedy = "Publish the code (`aws lambda publish-version`) and write the number that it gives, such as \"42\"";
    if text == "$LATEST" {
        return Err(Invalid::new("it is no published version: it changes whenever code is uploaded", remedy));
    }
    let is_number = (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && !text.starts_with('0') {
        return Ok(());
    }
    Err(Invalid::new("it is not a number from 1", remedy))
}
