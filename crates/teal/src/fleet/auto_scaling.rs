//! A group of EC2 Auto Scaling.

use super::{FleetFacts, PlannedGreen, RunnerFacts, RunsColour};
use crate::plan::check::{Fields, Findings, check_duplicates};
use crate::plan::defaults;
use crate::plan::problem::Path;
use crate::plan::texts::kind;
use crate::route::DestinationKind;
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pair of EC2 Auto Scaling groups of which one runs blue. Teal finds out which; the other becomes green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoScalingGreen {
    /// The two groups that take turns. The one that does not serve is created like the other if it does not exist.
    pub groups: [AutoScalingGroupName; 2],
    /// The version of blue's launch template that is to run: its number.
    pub launch_template_version: LaunchTemplateVersion,
    /// How long green may take until all its targets are healthy. From 30s to 2h.
    #[serde(default = "defaults::ready_within")]
    pub ready_within: Span,
}

/// A group of EC2 Auto Scaling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoScalingGroup {
    pub group: String,
}

impl PlannedGreen for AutoScalingGreen {
    const FACTS: FleetFacts = FleetFacts {
        field: "autoScaling",
        version: Some("launchTemplateVersion"),
        texts: &[kind::<AutoScalingGroupName>(), kind::<LaunchTemplateVersion>()],
        is_brought_up: true,
        behind: &[DestinationKind::TargetGroup],
        check,
    };

    fn ready_within(&self) -> Span {
        self.ready_within
    }
}

impl RunsColour for AutoScalingGroup {
    fn name(&self) -> &str {
        &self.group
    }

    fn facts(&self) -> RunnerFacts {
        RunnerFacts {
            noun: "group",
            units: "instances",
            version_noun: "launch template version",
            system: "EC2 Auto Scaling",
            has_units: true,
            is_sized_by_teal: true,
            left_because: None,
            comes_in_stages: false,
        }
    }
}

fn check(green: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    check_duplicates(&fields.items::<AutoScalingGroupName>(&green.field("groups")), findings);
}

text_newtype! {
    /// The name of an EC2 Auto Scaling group: 1 to 255 printable characters without a colon.
    AutoScalingGroupName {
        noun: "the name of an Auto Scaling group",
        pattern: r"^[ -9;-~]{1,255}$",
        examples: &["checkout-a"],
        check: check_group,
    }
}

text_newtype! {
    /// A version of a launch template: its number. $Latest and $Default are none: what is released could change under way.
    LaunchTemplateVersion {
        noun: "a version of a launch template",
        pattern: r"^[1-9][0-9]{0,9}$",
        examples: &["7"],
        check: check_version,
    }
}

fn check_group(text: &str) -> Result<(), Invalid> {
    if text.starts_with("arn:") {
        return Err(Invalid::new("it is an ARN", "Write the group's name only"));
    }
    let allowed = |c: char| (' '..='~').contains(&c) && c != ':';
    if (1..=255).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    let reason = "it must have 1 to 255 printable characters, and no colon";
    Err(Invalid::new(reason, "Write the name as EC2 Auto Scaling shows it"))
}

fn check_version(text: &str) -> Result<(), Invalid> {
    if text.starts_with('$') {
        return Err(Invalid::new(
            "it may mean another version tomorrow, so that what is released could change under way",
            "Write the version's number, such as \"7\"",
        ));
    }
    match text.parse::<u32>() {
        Ok(number) if number >= 1 && !text.starts_with(['0', '+']) => Ok(()),
        _ => Err(Invalid::new("it is not a number from 1", "Write the version's number, such as \"7\"")),
    }
}
