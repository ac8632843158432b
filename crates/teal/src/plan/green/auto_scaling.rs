//! Groups of EC2 Auto Scaling as what runs the new version.

use crate::plan::defaults;
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
