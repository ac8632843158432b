//! The alias of a Lambda function, and the versions that it splits its invocations between.

use super::kind::{Granularity, GreenReached, MovedBy, PlannedRoute, RouteFacts, SplitsTraffic, TakesTraffic};
use super::meter::{DimensionOf, Meter, Outcome, RequestMetrics};
use super::{Destination, DestinationKind, Named, PartRef, RouteKind};
use crate::fleet::{FunctionVersionNumber, Green};
use crate::plan::check::{Fields, Findings, check_useless};
use crate::plan::problem::Path;
use crate::plan::texts::kind;
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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

impl Meter {
    /// It counts the invocations of an alias by the version that was executed.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
    pub const LAMBDA: Self = Self {
        namespace: "AWS/Lambda",
        of_requests: Some(RequestMetrics {
            requests: "Invocations",
            outcome: Outcome::Bad("Errors"),
            duration: "Duration",
            units_per_second: 1000,
        }),
        counts: "counts invocations by colour",
        counts_unrouted: false,
        knows_zones: false,
        is_greens_own: false,
        dimensions: &[
            ("ExecutedVersion", DimensionOf::Destination),
            ("FunctionName", DimensionOf::Function),
            ("Resource", DimensionOf::Route),
        ],
    };
}

impl PlannedRoute for AliasRoute {
    const FACTS: RouteFacts = RouteFacts {
        sends_to: DestinationKind::FunctionVersion,
        granularity: Granularity::Permille,
        meter: Meter::LAMBDA,
        propagation: Span::ZERO,
        given_back_within: Span::ZERO,
        may_take_no_http: false,
        is_kept_between_releases: true,
        lists_idle: false,
        green_reached: GreenReached::ByInvocation,
        moved_by: MovedBy { code_deploy: Some(Granularity::Permille), ecs: false },
        texts: &[kind::<AliasName>(), kind::<LambdaFunctionName>()],
        check,
    };

    fn parts(&self) -> Vec<PartRef> {
        vec![PartRef::Alias(FunctionAlias::from(self))]
    }

    fn named(&self, green: &Green) -> Named {
        match green {
            Green::Lambda(green) => {
                Named::Green(FunctionVersion::from((&self.function, &green.function_version)).into())
            }
            // Such a plan is refused.
            _ => Named::Nothing,
        }
    }
}

/// Reports a test route behind a load balancer where there is none.
fn check(_alias: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    let why = "it forwards to target groups, and green is a version of a function";
    let remedy = "Leave it out: `validate.lambda` is told the version and invokes it; or give the `url` of an alias that is only for tests";
    check_useless("traffic.test.listener", why, remedy, fields, findings);
    check_useless("traffic.test.rule", why, remedy, fields, findings);
}

impl SplitsTraffic for FunctionAlias {
    fn noun(&self) -> &'static str {
        "alias"
    }

    fn kind(&self) -> RouteKind {
        RouteKind::Lambda
    }

    fn key(&self) -> &str {
        self.as_str()
    }

    /// The version that the alias is to name.
    fn parameter(&self, serving: &Destination) -> Option<(String, String)> {
        let version = serving.function_version()?;
        Some((format!("{}/{}", self.function(), self.alias()), version.number().to_owned()))
    }
}

impl TakesTraffic for FunctionVersion {
    const NOUN: &'static str = "function version";
    const PLURAL: &'static str = "published versions of a function";

    fn full_name(&self) -> &str {
        self.as_str()
    }

    fn name_in_metrics(&self) -> &str {
        self.number()
    }

    fn function_version(&self) -> Option<&FunctionVersion> {
        Some(self)
    }
}

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
