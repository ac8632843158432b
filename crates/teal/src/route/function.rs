//! The alias of a Lambda function, and the versions that it splits its invocations between.

use crate::plan::{AliasName, AliasRoute, FunctionVersionNumber, LambdaFunctionName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An alias of a Lambda function, written `name:alias`. CloudWatch's dimension `Resource` has it in this form.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FunctionAlias(String);

/// A published version of a Lambda function, written `name:42`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FunctionVersion(String);

impl FunctionAlias {
    /// The function's name.
    #[must_use]
    pub fn function(&self) -> &str {
        parts(&self.0).0
    }

    /// The alias's own name.
    #[must_use]
    pub fn alias(&self) -> &str {
        parts(&self.0).1
    }

    /// `name:alias`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A version of the same function.
    ///
    /// # Errors
    /// When there is no such version: `$LATEST` is none.
    pub fn version(&self, number: &str) -> Result<FunctionVersion, String> {
        format!("{}:{number}", self.function()).parse()
    }
}

impl FunctionVersion {
    /// The function's name.
    #[must_use]
    pub fn function(&self) -> &str {
        parts(&self.0).0
    }

    /// The version's number: CloudWatch's dimension `ExecutedVersion`.
    #[must_use]
    pub fn number(&self) -> &str {
        parts(&self.0).1
    }

    /// `name:42`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&AliasRoute> for FunctionAlias {
    fn from(route: &AliasRoute) -> Self {
        Self(format!("{}:{}", route.function, route.alias))
    }
}

impl From<(&LambdaFunctionName, &FunctionVersionNumber)> for FunctionVersion {
    fn from((function, number): (&LambdaFunctionName, &FunctionVersionNumber)) -> Self {
        Self(format!("{function}:{number}"))
    }
}

/// What stands before and behind the colon.
fn parts(text: &str) -> (&str, &str) {
    text.split_once(':').unwrap_or((text, ""))
}

/// Whether both sides of the colon are what they should be.
fn is_qualified<Q: FromStr>(text: &str) -> bool {
    let (name, qualifier) = parts(text);
    name.parse::<LambdaFunctionName>().is_ok() && qualifier.parse::<Q>().is_ok()
}

impl FromStr for FunctionAlias {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_qualified::<AliasName>(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is no alias of a function"))
    }
}

impl FromStr for FunctionVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_qualified::<FunctionVersionNumber>(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is no published version of a function"))
    }
}

impl TryFrom<String> for FunctionAlias {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl TryFrom<String> for FunctionVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FunctionAlias> for String {
    fn from(alias: FunctionAlias) -> Self {
        alias.0
    }
}

impl From<FunctionVersion> for String {
    fn from(version: FunctionVersion) -> Self {
        version.0
    }
}

impl fmt::Display for FunctionAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FunctionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
