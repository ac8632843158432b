//! What scenario files may say, and that those of the lab say it.

use super::*;
use crate::stage::FILLED_BY_TEAL;

const SMALL: &str = "
name: small
description: d
load: {rate: 100}
services: {blue: {version: '1'}, green: {version: '2', behaviour: {phases: [{errorRate: 0.2}]}}}
release: {plan: {service: x}}
events:
  - {entering: Bake, after: 30s, do: abort}
  - {at: 2m, do: {killTask: {service: green}}}
expect: {outcome: rolledBack}
";

#[test]
fn a_small_scenario_takes_its_defaults() {
    let scenario = Scenario::parse(SMALL).unwrap();
    assert_eq!(scenario.load.targets[0].port, PRODUCTION_PORT);
    assert_eq!(scenario.release.at, Span::seconds(30));
    assert_eq!(scenario.events[0].entering, Some(State::Bake));
    assert_eq!(scenario.service_of_version("2"), Some("green"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (from, to, place) in [
        ("load: {rate: 100}", "load: {rates: 100}", "load"),
        ("rate: 100", "rate: 100, protocol: quic", "load.protocol"),
        ("rate: 100", "rate: 100, protocol: udp, keepAlive: true", "load.keepAlive"),
        ("rate: 100", "rate: 100, protocol: udp, sessions: 2", "load.sessions"),
        ("rate: 100", "rate: 100, protocol: udp, users: 2", "load.users"),
        ("outcome: rolledBack", "outcome: perfect", "expect.outcome"),
        ("after: 30s, do: abort", "do: explode", "events[0]"),
        ("entering: Bake, after", "entering: Cook, after", "events[0].entering"),
        ("at: 2m, do", "do", "events[1]"),
        ("service: green", "service: grün", "grün"),
        ("blue: {", "azure: {", "blue"),
        ("version: '2'", "version: '1'", "same version"),
        ("errorRate: 0.2", "errorRate: 2", "services.green.behaviour"),
        ("name: small", "name: Small", "name"),
        ("release: {", "release: {deployment: {ecs: {service: red}}, ", "there is no service red"),
        ("release: {", "release: {deployment: {ecs: {service: green}}, ", "`keptAt`"),
    ] {
        let problem = Scenario::parse(&SMALL.replace(from, to)).unwrap_err();
        assert!(problem.contains(place), "{to} gives {problem:?}, which does not name {place}");
    }
}

#[test]
fn every_shipped_scenario_reads_and_is_named_like_its_file() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = Scenario::shipped(&repository).unwrap();
    assert!(!files.is_empty());
    for file in files {
        let scenario = Scenario::read(&file).unwrap();
        assert_eq!(file.file_stem().and_then(|stem| stem.to_str()), Some(scenario.name.as_str()));
    }
}

/// What placeholders stand for in a lab, as far as plans use them.
fn names_in_a_lab(scenario: &Scenario) -> BTreeMap<String, String> {
    let is_network = scenario.infrastructure.template.as_deref().is_some_and(|template| template.starts_with("nlb"));
    let balancer = if is_network { "net" } else { "app" };
    let arn = |kind: &str| {
        format!("arn:aws:elasticloadbalancing:us-east-1:000000000000:{kind}/{balancer}/x/0123456789abcdef")
    };
    let mut names: BTreeMap<String, String> = [
        ("Name", scenario.name.clone()),
        ("ClusterName", scenario.name.clone()),
        ("ListenerArn", format!("{}/0000000000000001", arn("listener"))),
        ("ProductionListener", format!("{}/0000000000000001", arn("listener"))),
        ("SecondListener", format!("{}/0000000000000002", arn("listener"))),
        ("SecureListener", format!("{}/0000000000000003", arn("listener"))),
        ("TestListenerArn", format!("{}/0000000000000004", arn("listener"))),
        ("ShopRule", format!("{}/0000000000000001/0000000000000005", arn("listener-rule"))),
        ("BadShareAlarmA", "x-a-bad-share".to_owned()),
        ("BadShareAlarmB", "x-b-bad-share".to_owned()),
        ("LoadBalancer5xxAlarm", "x-5xx".to_owned()),
        ("AnyAlarm", "x-any".to_owned()),
        ("FunctionName", scenario.name.clone()),
        ("AliasName", "live".to_owned()),
        ("ErrorShareAlarm", "x-live-errors".to_owned()),
        ("ThrottlesAlarm", "x-live-throttles".to_owned()),
        ("Cname", "x.us-east-1.elasticbeanstalk.com".to_owned()),
        ("FlagApplication", "0a1b2c3".to_owned()),
        ("FlagEnvironment", "0a1b2c3".to_owned()),
        ("FlagProfileId", "0a1b2c3".to_owned()),
        ("HealthAlarmA", "x-a-health".to_owned()),
        ("HealthAlarmB", "x-b-health".to_owned()),
        ("SilentAlarm", "x-silent".to_owned()),
        ("UnhealthyAlarmA", "x-unhealthy-a".to_owned()),
        ("UnhealthyAlarmB", "x-unhealthy-b".to_owned()),
        ("ApplicationName", scenario.name.clone()),
        ("DeploymentGroupName", scenario.name.clone()),
        (
            "TargetGroupA",
            format!(
                "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/{}-a/0000000000000006",
                scenario.name
            ),
        ),
        (
            "TargetGroupB",
            format!(
                "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/{}-b/0000000000000007",
                scenario.name
            ),
        ),
        ("HookFunction", "CodeDeployHook_teal".to_owned()),
        ("ServiceName", "x".to_owned()),
        (
            "ProductionRuleArn",
            "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/x/0123456789abcdef/0000000000000001/0000000000000008"
                .to_owned(),
        ),
        (
            "TestRuleArn",
            "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/x/0123456789abcdef/0000000000000004/0000000000000009"
                .to_owned(),
        ),
        ("WeightParameters", "/teal/weights/x".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    names.extend(FILLED_BY_TEAL.map(|name| (name.to_owned(), format!("${{{name}}}"))));
    for service in scenario.services.keys() {
        names.insert(format!("taskDefinition.{service}"), format!("x:{}", service.len()));
        names.insert(format!("versionLabel.{service}"), format!("x-{}", service.len()));
        names.insert(format!("functionVersion.{service}"), service.len().to_string());
        names.insert(format!("launchTemplateVersion.{service}"), service.len().to_string());
    }
    names
}

#[test]
fn the_plans_of_shipped_scenarios_are_valid_unless_that_is_what_they_are_about() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in Scenario::shipped(&repository).unwrap() {
        let scenario = Scenario::read(&file).unwrap();
        let mut names = names_in_a_lab(&scenario);
        if scenario.account.is_some() {
            // What belongs to a service of the lab's second account has that one's number.
            names.values_mut().for_each(|name| *name = name.replace(":000000000000:", ":222222222222:"));
        }
        let plan = fill(&scenario.release.plan, &names).unwrap();
        let is_refused = scenario.expect.error == Some(teal::error::ErrorName::PlanInvalid);
        match teal::plan::Plan::check(&plan) {
            Ok(_) => assert!(!is_refused, "{}: the plan has no problem", scenario.name),
            Err(problems) => assert!(is_refused, "{}: {problems}", scenario.name),
        }
    }
}
