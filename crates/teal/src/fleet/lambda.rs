//! A published version of a Lambda function.

use super::{FleetFacts, PlannedGreen, RunnerFacts, RunsColour};
use crate::plan::check::no_rules;
use crate::plan::defaults;
use crate::plan::texts::kind;
use crate::route::{DestinationKind, FunctionVersion};
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

impl PlannedGreen for LambdaGreen {
    const FACTS: FleetFacts = FleetFacts {
        field: "lambda",
        version: Some("functionVersion"),
        texts: &[kind::<FunctionVersionNumber>()],
        is_brought_up: false,
        behind: &[DestinationKind::FunctionVersion],
        check: no_rules,
    };

    fn ready_within(&self) -> Span {
        self.ready_within
    }
}

impl RunsColour for FunctionVersion {
    fn name(&self) -> &str {
        self.as_str()
    }

    fn facts(&self) -> RunnerFacts {
        RunnerFacts {
            noun: "function version",
            units: "execution environments",
            version_noun: "function version",
            system: "Lambda",
            has_units: true,
            is_sized_by_teal: false,
            left_because: Some("without traffic it costs nothing"),
            comes_in_stages: false,
        }
    }

    fn comes_by_itself(&self, _desired: u32) -> Option<String> {
        Some(format!("green is function version {self}, which Lambda runs on demand"))
    }
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
