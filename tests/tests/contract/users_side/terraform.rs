//! `infra/terraform` makes what `infra/cloudformation` makes, under the same names.

use super::template;
use crate::repository::{text, top};
use std::collections::BTreeSet;
use std::fs;

/// Templates without a configuration of their own: others of Terraform hold what they make, or it is the account's and no service's.
const TEMPLATES_ALONE: [&str; 3] = ["lambda-alias-version", "trail", "weights"];

fn names_in(folder: &str) -> BTreeSet<String> {
    fs::read_dir(top().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// All of one configuration's text.
fn configuration(name: &str) -> String {
    let folder = format!("infra/terraform/{name}");
    let mut files: Vec<_> =
        fs::read_dir(top().join(&folder)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    files
        .iter()
        .filter_map(|file| file.to_str())
        .filter(|file| file.ends_with(".tf"))
        .map(|file| text(&format!("{folder}/{file}")))
        .collect()
}

/// What follows a word at the beginning of a line, in quotation marks.
fn quoted_after(code: &str, word: &str) -> BTreeSet<String> {
    code.lines()
        .filter_map(|line| line.trim_start().strip_prefix(word))
        .filter_map(|rest| rest.split('"').nth(1))
        .map(str::to_owned)
        .collect()
}

/// `TargetGroupAArn` as `target_group_a_arn`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The name that Terraform has for an output of CloudFormation, if it has it.
fn output_in_terraform(name: &str) -> Option<String> {
    match name {
        // One list.
        "TargetGroupAArn" | "TargetGroupBArn" => Some("target_group_arns".to_owned()),
        // Terraform has `ignore_changes` for the weights.
        "WeightParameters" => None,
        // As the provider's attribute is called.
        "RepositoryUri" => Some("repository_url".to_owned()),
        "FlagProfileId" => Some("flag_profile".to_owned()),
        other => Some(snake_case(other)),
    }
}

#[test]
fn every_template_of_a_service_is_there_for_terraform_too() {
    let mut templates = names_in("infra/cloudformation");
    for alone in TEMPLATES_ALONE {
        assert!(templates.remove(alone), "{alone} is no template any more");
    }
    assert_eq!(names_in("infra/terraform"), templates);
}

#[test]
fn terraform_has_every_output_of_the_template() {
    for name in names_in("infra/terraform") {
        let there = quoted_after(&configuration(&name), "output ");
        let template = template(&name);
        for output in template["Outputs"].as_object().unwrap().keys() {
            let Some(expected) = output_in_terraform(output) else { continue };
            assert!(there.contains(&expected), "infra/terraform/{name} has no output {expected}; it has {there:?}");
        }
    }
}

#[test]
fn terraform_has_the_alarms_of_the_template() {
    for name in names_in("infra/terraform") {
        let by_template: BTreeSet<String> = template(&name)["Resources"]
            .as_object()
            .unwrap()
            .values()
            .filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm")
            .map(|alarm| {
                alarm["Properties"]["AlarmName"]["Fn::Sub"].as_str().unwrap().replace("${Name}", "${var.name}")
            })
            .collect();
        let by_terraform: BTreeSet<String> = quoted_after(&configuration(&name), "alarm_name ")
            .iter()
            .flat_map(|alarm| {
                let keys = if name == "appconfig" { ["on", "off"] } else { ["a", "b"] };
                keys.map(|key| alarm.replace("${each.key}", key))
            })
            .collect();
        assert_eq!(by_terraform, by_template, "{name}");
    }
}
