//! Tests of green that others run: a CodeBuild project, a Lambda function.

use crate::plan::defaults;
use crate::units::{Invalid, Latency, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A CodeBuild project that tests green. The build gets green's address in its environment (TEAL_GREEN_URL, TEAL_GREEN_HEADERS,
/// TEAL_GREEN_FUNCTION for a version of a function, TEAL_SERVICE, TEAL_VERSION, TEAL_RELEASE) and must succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CodeBuildCheck {
    /// The project. Teal may only start projects that the parameter ValidationProjects of its stack names.
    pub project: ProjectName,
    /// Variables of the build beside those that Teal gives. They stand in the release's record as they are: no secrets here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<VariableName, VariableValue>,
    /// How long the build may take, its time in the queue included.
    #[serde(default = "defaults::build_within")]
    pub within: Span,
}

/// A Lambda function that tests green. It is invoked with green's address (`url`, or `function` for a version of a function) and must not
/// fail, nor answer `{"passed": false}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LambdaCheck {
    /// The function: its name, with a version or alias behind it if you like, or its ARN. Teal may only invoke functions that the
    /// parameter ValidationFunctions of its stack names.
    pub function: FunctionName,
    /// How long it may take. At most 180s.
    #[serde(default = "defaults::function_within")]
    pub within: Latency,
}

text_newtype! {
    /// The name of a CodeBuild project: 2 to 150 letters, digits, hyphens and underscores.
    ProjectName {
        noun: "the name of a CodeBuild project",
        pattern: r"^[A-Za-z0-9][A-Za-z0-9_-]{1,149}$",
        examples: &["checkout-validation"],
        check: check_project,
    }
}

text_newtype! {
    /// The name of an environment variable: letters, digits and underscores, beginning with a letter. TEAL_ is Teal's.
    VariableName {
        noun: "the name of an environment variable",
        pattern: r"^[A-Za-z][A-Za-z0-9_]{0,127}$",
        examples: &["SUITE"],
        check: check_variable,
    }
}

text_newtype! {
    /// The value of an environment variable: at most 1024 characters, none of them a control character.
    VariableValue {
        noun: "the value of an environment variable",
        pattern: r"^[^\u0000-\u001f\u007f]{0,1024}$",
        examples: &["smoke"],
        check: check_value,
    }
}

text_newtype! {
    /// A Lambda function: its name, `name:alias`, `name:version`, or its ARN.
    FunctionName {
        noun: "a Lambda function",
        pattern: r"^(arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:)?[A-Za-z0-9_-]{1,64}(:[$A-Za-z0-9_-]{1,128})?$",
        examples: &["checkout-validation"],
        check: check_function,
    }
}

fn check_project(text: &str) -> Result<(), Invalid> {
    let remedy = "Write the project's name, such as \"checkout-validation\"";
    if !(2..=150).contains(&text.len()) {
        return Err(Invalid::new(
            format!("a project's name has 2 to 150 characters, this one has {}", text.len()),
            remedy,
        ));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Invalid::new("it begins with neither a letter nor a digit", remedy));
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !"_-".contains(*c)) {
        Some(other) => Err(Invalid::new(format!("a project's name has no {other:?}"), remedy)),
        None => Ok(()),
    }
}

fn check_variable(text: &str) -> Result<(), Invalid> {
    let remedy = "Write a name such as \"SUITE\"";
    if text.is_empty() || text.len() > 128 {
        return Err(Invalid::new("a variable's name has 1 to 128 characters", remedy));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Invalid::new("it does not begin with a letter", remedy));
    }
    if let Some(other) = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_') {
        return Err(Invalid::new(format!("a variable's name has no {other:?}"), remedy));
    }
    if text.starts_with("TEAL_") || text.starts_with("CODEBUILD_") {
        return Err(Invalid::new("variables that begin so are set by Teal and by CodeBuild", remedy));
    }
    Ok(())
}

fn check_value(text: &str) -> Result<(), Invalid> {
    let remedy = "Write at most 1024 characters in one line";
    if text.chars().count() > 1024 {
        return Err(Invalid::new("it is longer than 1024 characters", remedy));
    }
    match text.chars().find(|c| c.is_ascii_control()) {
        Some(_) => Err(Invalid::new("it contains a control character", remedy)),
        None => Ok(()),
    }
}

fn check_function(text: &str) -> Result<(), Invalid> {
    let remedy = "Write a function's name such as \"checkout-validation\", or its ARN";
    let name = match text.strip_prefix("arn:") {
        Some(rest) => {
            let parts: Vec<&str> = rest.splitn(6, ':').collect();
            match parts.as_slice() {
                [_, "lambda", region, account, "function", name]
                    if !region.is_empty() && account.len() == 12 && account.chars().all(|c| c.is_ascii_digit()) =>
                {
                    *name
                }
                _ => return Err(Invalid::new("it is not the ARN of a Lambda function", remedy)),
            }
        }
        None => text,
    };
    let (name, qualifier) = name.split_once(':').map_or((name, None), |(name, qualifier)| (name, Some(qualifier)));
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let is_qualifier = |c: char| is_part(c) || c == '$';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_part) {
        return Err(Invalid::new("a function's name has 1 to 64 letters, digits, hyphens and underscores", remedy));
    }
    if qualifier.is_some_and(|text| text.is_empty() || text.len() > 128 || !text.chars().all(is_qualifier)) {
        return Err(Invalid::new("what follows the name is neither a version nor an alias", remedy));
    }
    Ok(())
}
