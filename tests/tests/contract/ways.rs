//! `docs/`: plans and commands that people copy from a page are valid, and scenarios that a page names exist.

use crate::repository::{document, text, top};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use teal::document::Document;
use teal::plan::Plan;

/// README.md and every page in a folder below docs, by path.
fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/ways"] {
        let entries = fs::read_dir(top().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        let names = entries.map(|name| name.into_string().unwrap());
        pages.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    pages.sort();
    pages
}

/// The YAML blocks of a page that are plans, without the indentation of the list they stand in.
fn plans(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(opening) = lines.by_ref().find(|line| line.trim_start() == "```yaml") {
        let indentation = &opening[..opening.len() - opening.trim_start().len()];
        let block = lines.by_ref().take_while(|line| line.trim_start() != "```");
        let block: Vec<_> = block.map(|line| line.strip_prefix(indentation).unwrap_or(line)).collect();
        blocks.push(block.join("\n"));
    }
    blocks.retain(|block| block.starts_with("service:"));
    blocks
}

/// With something in place of what the reader is to fill in.
fn filled(plan: &str, name: &str) -> String {
    let kind = if name.ends_with("nlb.md") { "net" } else { "app" };
    let account = if name.ends_with("accounts.md") { "222222222222" } else { "123456789012" };
    let arn = |id: &str| format!("arn:aws:elasticloadbalancing:eu-central-1:{account}:listener/{kind}/shop/1/{id}");
    let rule = |id: &str| format!("{}/{id}", arn("2").replace(":listener/", ":listener-rule/"));
    let group = |name: &str| {
        format!("arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/{name}/73e2d6bc24d8a067")
    };
    plan.replace("<ListenerArn>", &arn("2"))
        .replace("<TestListenerArn>", &arn("3"))
        .replace("<ProductionRuleArn>", &rule("4"))
        .replace("<TestRuleArn>", &rule("5"))
        .replace("<TargetGroupAArn>", &group("a"))
        .replace("<TargetGroupBArn>", &group("b"))
}

#[test]
fn every_plan_on_a_page_is_valid() {
    let mut found = 0;
    for name in pages() {
        for plan in plans(&text(&name)) {
            let document = Document::parse(&filled(&plan, &name)).unwrap_or_else(|flaws| panic!("{name}: {flaws:?}"));
            let checked = Plan::check(&document.value);
            assert!(checked.is_ok(), "{name}: {:?}", checked.err());
            found += 1;
        }
    }
    assert!(found >= 4, "only {found} plans were found");
}

#[test]
fn every_scenario_that_a_way_names_exists() {
    let mut found = 0;
    for name in pages().iter().filter(|name| name.starts_with("docs/ways/")) {
        let page = text(name);
        for command in page.split("cargo lab run ").skip(1) {
            let names = command.split(['`', '\n']).next().unwrap_or_default();
            for scenario in names.split_whitespace() {
                let file = format!("lab/scenarios/{scenario}.yaml");
                assert!(top().join(Path::new(&file)).exists(), "{name} names {scenario}");
                found += 1;
            }
        }
    }
    assert!(found >= 6, "only {found} scenarios were found");
}

/// The commands on a page that make a stack, each on one line.
fn stacks(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some((_, command)) = line.split_once("aws cloudformation deploy ") else { continue };
        let mut command = command.trim_end().to_owned();
        while command.ends_with('\\') {
            command.pop();
            command.push_str(lines.next().unwrap_or_default().trim());
        }
        commands.push(command);
    }
    commands
}

#[test]
fn every_stack_on_a_page_is_made_with_the_parameters_that_its_template_asks_for() {
    let mut found = 0;
    for name in pages() {
        for command in stacks(&text(&name)) {
            let words: Vec<&str> = command.split_whitespace().collect();
            let after = |option: &'static str| words.iter().skip_while(move |word| **word != option).skip(1);
            let file = after("--template-file").next().unwrap().rsplit('/').next().unwrap();
            let template = document(&format!("infra/cloudformation/{file}"));
            let parameters = template["Parameters"].as_object().unwrap();
            let overrides = after("--parameter-overrides").take_while(|word| !word.starts_with("--"));
            let given: BTreeSet<&str> =
                overrides.filter_map(|word| Some(word.trim_start_matches(['\'', '"']).split_once('=')?.0)).collect();
            for parameter in &given {
                assert!(parameters.contains_key(*parameter), "{name}: {file} has no parameter {parameter}");
            }
            for (parameter, definition) in parameters {
                let is_asked_for = definition.get("Default").is_none();
                assert!(!is_asked_for || given.contains(parameter.as_str()), "{name}: {file} needs {parameter}");
            }
            let makes_roles = template["Resources"].to_string().contains("AWS::IAM::");
            assert!(
                !makes_roles || command.contains("CAPABILITY_"),
                "{name}: {file} makes roles, and nobody says that it may"
            );
            found += 1;
        }
    }
    assert!(found >= 15, "only {found} stacks were found");
}
