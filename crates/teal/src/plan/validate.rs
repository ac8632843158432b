//! What is tested on green before it takes production traffic.

mod others;

pub use others::{CodeBuildCheck, FunctionName, LambdaCheck, ProjectName, VariableName, VariableValue};

use super::{defaults, limits};
use crate::units::{Invalid, Latency, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is tested on green before any production request reaches it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Validate {
    /// HTTP checks. All of them must pass. All attempts of all checks together may take at most 4 minutes.
    #[serde(default)]
    pub http: Vec<HttpCheck>,
    /// A CodeBuild project that tests green, after the HTTP checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_build: Option<CodeBuildCheck>,
    /// A Lambda function that tests green, after the HTTP checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<LambdaCheck>,
}

impl Validate {
    /// Whether anything is tested.
    #[must_use]
    pub fn tests_anything(&self) -> bool {
        !self.http.is_empty() || self.code_build.is_some() || self.lambda.is_some()
    }

    /// How long a build may be waited for.
    #[must_use]
    pub fn patience(&self) -> Span {
        self.code_build.as_ref().map_or(Span::ZERO, |check| check.within)
    }
}

/// One HTTP request to green and what must come back. Redirects are not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpCheck {
    /// The path, with its query if it has one.
    pub path: CheckPath,
    /// The request's method.
    #[serde(default = "defaults::method")]
    pub method: Method,
    /// Headers of the request. They stand in the release's record as they are: no secrets here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// What must come back.
    #[serde(default = "defaults::expectation")]
    pub expect: Expectation,
    /// How often the request is sent before the check has failed; the first good answer passes it.
    #[serde(default = "defaults::attempts")]
    #[schemars(range(min = 1, max = limits::MAX_ATTEMPTS))]
    pub attempts: u32,
}

/// The method of a check: one that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Head,
}

/// What must come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    /// The answer's status code.
    #[serde(default = "defaults::status")]
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// A text that the first 64 KiB of the body contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub body_contains: Option<String>,
    /// How long the answer may take, body included. At most 30s.
    #[serde(default = "defaults::within")]
    pub within: Latency,
}

impl Default for Expectation {
    fn default() -> Self {
        defaults::expectation()
    }
}

text_newtype! {
    /// The path of a request with its query, beginning with a slash: 1 to 2048 visible ASCII characters, without a fragment.
    CheckPath {
        noun: "a path",
        pattern: r"^/[!-~]*$",
        examples: &["/health"],
        check: check_path,
    }
}

text_newtype! {
    /// The name of an HTTP header. Headers that belong to the connection (Content-Length, Transfer-Encoding, …) are not for checks.
    HeaderName {
        noun: "the name of an HTTP header",
        pattern: r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$",
        examples: &["X-Release"],
        check: check_header_name,
    }
}

text_newtype! {
    /// The value of an HTTP header: at most 4096 visible ASCII characters, with blanks only between them.
    HeaderValue {
        noun: "the value of an HTTP header",
        pattern: r"^([!-~]([ -~]*[!-~])?)?$",
        examples: &["green"],
        check: check_header_value,
    }
}

impl CheckPath {
    /// The names of its query's parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        let query = self.as_str().split_once('?').map_or("", |(_, query)| query);
        query.split(['&', ';', '?']).filter_map(|parameter| parameter.split('=').next())
    }
}

fn check_path(text: &str) -> Result<(), Invalid> {
    let remedy = "Write a path such as \"/health\", with everything but visible ASCII percent-encoded";
    if !text.starts_with('/') {
        return Err(Invalid::new("it does not begin with a slash", remedy));
    }
    if text.len() > 2048 {
        return Err(Invalid::new("it is longer than 2048 characters", remedy));
    }
    if text.contains('#') {
        return Err(Invalid::new("it has a fragment (#), which is never sent", "Leave out the # and what follows"));
    }
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(other) => Err(Invalid::new(format!("it contains {other:?}"), remedy)),
        None => Ok(()),
    }
}

/// Headers that say how the message travels; the client sets them itself (RFC 9110, section 7.6.1; RFC 9112, section 6).
const CONNECTION_HEADERS: [&str; 8] =
    ["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

fn check_header_name(text: &str) -> Result<(), Invalid> {
    let remedy = "Write a header's name such as \"X-Release\"";
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if text.is_empty() || text.len() > 256 {
        return Err(Invalid::new("a header's name has 1 to 256 characters", remedy));
    }
    if let Some(other) = text.chars().find(|c| !is_token(*c)) {
        return Err(Invalid::new(format!("a header's name has no {other:?}"), remedy));
    }
    if CONNECTION_HEADERS.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(Invalid::new("this header belongs to the connection", "Leave it out"));
    }
    Ok(())
}

fn check_header_value(text: &str) -> Result<(), Invalid> {
    let remedy = "Write at most 4096 visible ASCII characters, with blanks only between them";
    if text.len() > 4096 {
        return Err(Invalid::new("it is longer than 4096 characters", remedy));
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(Invalid::new("it begins or ends with a blank", remedy));
    }
    match text.chars().find(|c| !c.is_ascii_graphic() && *c != ' ') {
        Some(other) => Err(Invalid::new(format!("it contains {other:?}"), remedy)),
        None => Ok(()),
    }
}
