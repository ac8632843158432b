//! An environment of Elastic Beanstalk.

use super::{FleetFacts, PlannedGreen, RunnerFacts, RunsColour};
use crate::plan::check::{Fields, Findings, check_duplicates};
use crate::plan::defaults;
use crate::plan::name::check as check_name;
use crate::plan::problem::{Path, Problem};
use crate::plan::texts::kind;
use crate::route::{DestinationKind, RouteKind};
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pair of Elastic Beanstalk environments of which one runs blue. Teal finds out which; the other becomes green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BeanstalkGreen {
    /// The two environments that take turns, behind a load balancer; with `traffic.cname` they stand there. The one that does not
    /// serve is created like the other if it does not exist, and given the version if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<[EnvironmentName; 2]>,
    /// The application version that is to run: its label.
    pub version_label: VersionLabel,
    /// What becomes of blue once it has been kept for its time.
    pub blue: FormerBlue,
    /// How long green may take until it is ready and its health is green. From 30s to 2h.
    #[serde(default = "defaults::ready_within")]
    pub ready_within: Span,
}

/// What becomes of blue's environment when the release is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FormerBlue {
    /// It is terminated with everything in it.
    Terminate,
    /// It stays as it is, and the next release gives it the version after this one.
    Keep,
}

/// An environment of Elastic Beanstalk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BeanstalkEnvironment {
    pub environment: String,
    /// Whether it is left when it has no traffic any more: blue where the plan says so, green where it was there before the release.
    pub kept: bool,
}

impl PlannedGreen for BeanstalkGreen {
    const FACTS: FleetFacts = FleetFacts {
        field: "beanstalk",
        version: Some("versionLabel"),
        texts: &[kind::<EnvironmentName>(), kind::<VersionLabel>()],
        is_brought_up: true,
        behind: &[DestinationKind::TargetGroup, DestinationKind::Environment],
        check,
    };

    fn ready_within(&self) -> Span {
        self.ready_within
    }
}

impl RunsColour for BeanstalkEnvironment {
    fn name(&self) -> &str {
        &self.environment
    }

    fn facts(&self) -> RunnerFacts {
        RunnerFacts {
            noun: "environment",
            units: "instances",
            version_noun: "application version",
            system: "Elastic Beanstalk",
            has_units: true,
            is_sized_by_teal: true,
            left_because: self.kept.then_some("it is to stay"),
            comes_in_stages: true,
        }
    }
}

/// The environments are named once: here, or by the domain name that they swap.
fn check(green: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    let environments = green.field("environments");
    check_duplicates(&fields.items::<EnvironmentName>(&environments), findings);
    let cname = RouteKind::Cname.path();
    if !fields.is_present(&cname) && fields.is_absent(&environments) {
        let reason = "nothing says which environments stand behind the load balancer";
        findings.problem(Problem::new(environments, reason, "Name both, in any order"));
    } else if fields.is_present(&cname) && fields.is_present(&environments) {
        let reason = format!("`{cname}` names the environments, of which one is green");
        findings.problem(Problem::new(environments, reason, "Leave it out"));
    }
}

text_newtype! {
    /// The name of an Elastic Beanstalk environment: 4 to 40 letters, digits and hyphens, neither beginning nor ending with a hyphen.
    EnvironmentName {
        noun: "the name of an Elastic Beanstalk environment",
        pattern: r"^[A-Za-z0-9][A-Za-z0-9-]{2,38}[A-Za-z0-9]$",
        examples: &["checkout-a"],
        check: check_environment,
    }
}

text_newtype! {
    /// The label of an application version of Elastic Beanstalk: 1 to 100 printable characters without a slash.
    VersionLabel {
        noun: "the label of an application version",
        pattern: r"^[ -.0-~]{1,100}$",
        examples: &["checkout-2.4.0"],
        check: check_label,
    }
}

fn check_environment(text: &str) -> Result<(), Invalid> {
    check_name(text, 40, "-", "letters, digits and hyphens")?;
    let remedy = "Write 4 to 40 letters, digits and hyphens, neither beginning nor ending with a hyphen";
    if text.len() < 4 {
        return Err(Invalid::new(format!("it has {} characters", text.len()), remedy));
    }
    if text.ends_with('-') {
        return Err(Invalid::new("it ends with a hyphen", remedy));
    }
    Ok(())
}

fn check_label(text: &str) -> Result<(), Invalid> {
    let allowed = |c: char| (' '..='~').contains(&c) && c != '/';
    if (1..=100).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    let reason = "it must have 1 to 100 printable characters, and no slash";
    Err(Invalid::new(reason, "Write the label as Elastic Beanstalk shows it"))
}
