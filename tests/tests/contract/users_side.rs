//! `infra/cloudformation`: what a user's side needs so that Teal can release it and the lab can make it.

mod deployments;
mod terraform;

use crate::repository::{document, top};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use teal::plan::ParameterPath;

/// Those that have an Application Load Balancer with two target groups, and what the lab makes of them.
const WITH_PAIRS: [&str; 4] = ["alb-ecs", "beanstalk-alb", "codedeploy-ecs", "ecs-blue-green"];

fn template(name: &str) -> Value {
    document(&format!("infra/cloudformation/{name}.yaml"))
}

fn collect_functions(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                if name.starts_with("Fn::") || name == "Ref" {
                    found.insert(name.clone());
                }
                collect_functions(inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_functions(item, found)),
        _ => {}
    }
}

#[test]
fn they_are_written_in_the_functions_that_the_lab_knows() {
    let plain = ["Fn::GetAtt", "Fn::Sub", "Ref"];
    let choosing = ["Fn::Equals", "Fn::GetAtt", "Fn::If", "Fn::Sub", "Ref"];
    for (name, known) in [
        ("alb-ecs", plain.as_slice()),
        ("beanstalk-alb", plain.as_slice()),
        ("codedeploy-ecs", plain.as_slice()),
        ("codedeploy-lambda", plain.as_slice()),
        ("ecs-blue-green", choosing.as_slice()),
    ] {
        let mut found = BTreeSet::new();
        collect_functions(&template(name), &mut found);
        assert_eq!(found, known.iter().map(|&function| function.to_owned()).collect(), "{name}");
    }
}

#[test]
fn both_target_groups_are_attached_everywhere_and_the_same_one_has_all_the_weight() {
    let parameters = document("infra/cloudformation/weights.yaml")["Resources"].clone();
    let parameters: BTreeMap<&str, &str> = parameters
        .as_object()
        .unwrap()
        .values()
        .map(|parameter| &parameter["Properties"])
        .map(|parameter| (parameter["Name"]["Fn::Sub"].as_str().unwrap(), parameter["Value"].as_str().unwrap()))
        .collect();
    let weight = |value: &Value| -> u16 {
        let reference = value["Fn::Sub"].as_str().unwrap().strip_prefix("{{resolve:ssm:").unwrap();
        parameters[reference.strip_suffix("}}").unwrap()].parse().unwrap()
    };
    for (file, kind, actions, parts) in [
        ("alb-ecs", "Listener", "DefaultActions", ["ProductionListener", "TestListener"]),
        ("beanstalk-alb", "Listener", "DefaultActions", ["ProductionListener", "TestListener"]),
        ("codedeploy-ecs", "Listener", "DefaultActions", ["ProductionListener", "TestListener"]),
        ("ecs-blue-green", "ListenerRule", "Actions", ["ProductionRule", "TestRule"]),
    ] {
        let template = template(file);
        let kind = format!("AWS::ElasticLoadBalancingV2::{kind}");
        let resources = template["Resources"].as_object().unwrap().iter();
        let mut weights = Vec::new();
        for (name, part) in resources.filter(|(_, resource)| resource["Type"] == kind.as_str()) {
            let groups = part["Properties"][actions][0]["ForwardConfig"]["TargetGroups"].as_array().unwrap();
            let arns: Vec<&str> = groups.iter().map(|group| group["TargetGroupArn"]["Ref"].as_str().unwrap()).collect();
            assert_eq!(arns, ["TargetGroupA", "TargetGroupB"], "{file}: {name}");
            weights.push((name.as_str(), groups.iter().map(|group| weight(&group["Weight"])).collect::<Vec<_>>()));
        }
        // Accept wants the test route where production is: on blue.
        assert_eq!(weights, parts.map(|name| (name, vec![100, 0])), "{file}");
    }
}

#[test]
fn the_weights_are_read_where_the_plan_that_the_outputs_name_has_them_written() {
    for file in WITH_PAIRS {
        let template = template(file);
        let path: ParameterPath = template["Outputs"]["WeightParameters"]["Value"]["Fn::Sub"]
            .as_str()
            .unwrap()
            .replace("${Name}", "checkout")
            .parse()
            .unwrap();
        for letter in ["A", "B"] {
            let group = &template["Resources"][format!("TargetGroup{letter}")]["Properties"]["Name"]["Fn::Sub"];
            let group = group.as_str().unwrap().replace("${Name}", "checkout");
            let arn =
                format!("arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/{group}/73e2d6bc24d8a067");
            let weights = document("infra/cloudformation/weights.yaml");
            let name = &weights["Resources"][format!("Weight{letter}")]["Properties"]["Name"]["Fn::Sub"];
            let name = name.as_str().unwrap().replace("${Name}", "checkout");
            assert_eq!(name, path.of(&arn.parse().unwrap()), "{file}");
        }
    }
}

#[test]
fn either_colour_has_its_alarm() {
    for file in WITH_PAIRS {
        let template = template(file);
        for colour in ["A", "B"] {
            let alarm = &template["Resources"][format!("BadShareAlarm{colour}")]["Properties"];
            let metrics = alarm["Metrics"].as_array().unwrap().iter().filter(|metric| !metric["MetricStat"].is_null());
            let groups: BTreeSet<&str> = metrics
                .flat_map(|metric| metric["MetricStat"]["Metric"]["Dimensions"].as_array().unwrap())
                .filter(|dimension| dimension["Name"] == "TargetGroup")
                .map(|dimension| dimension["Value"]["Fn::GetAtt"][0].as_str().unwrap())
                .collect();
            assert_eq!(groups, BTreeSet::from([format!("TargetGroup{colour}").as_str()]), "{file}");
            let missing = &alarm["TreatMissingData"];
            assert_eq!(missing, "notBreaching", "{file}: a colour without traffic is no reason for alarm");
        }
    }
}

/// Every template of infra/cloudformation that has a dashboard, by name.
fn with_dashboard() -> Vec<(String, Value)> {
    let folder = fs::read_dir(top().join("infra/cloudformation")).unwrap();
    let mut names: Vec<String> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let templates = names.into_iter().map(|name| (name.clone(), document(&format!("infra/cloudformation/{name}"))));
    let found: Vec<_> = templates.filter(|(_, template)| !template["Resources"]["Dashboard"].is_null()).collect();
    for service in
        ["alb-ec2", "alb-ecs", "appconfig", "beanstalk", "beanstalk-alb", "lambda-alias", "nlb-ec2", "nlb-ecs"]
    {
        let has_one = found.iter().any(|(name, _)| name.strip_suffix(".yaml") == Some(service));
        assert!(has_one, "{service} has none");
    }
    found
}

#[test]
fn every_dashboard_shows_the_colours_side_by_side_and_the_alarms() {
    for (name, template) in with_dashboard() {
        let resources = template["Resources"].as_object().unwrap();
        let body = &resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
        let body: Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
        let widgets = body["widgets"].as_array().unwrap();
        for chart in widgets.iter().filter(|widget| widget["type"] == "metric") {
            let title = &chart["properties"]["title"];
            let metrics = chart["properties"]["metrics"].as_array().unwrap();
            let last = |metric: &Value| metric.as_array().unwrap().last().unwrap().clone();
            let labels: Vec<Value> = metrics.iter().map(|metric| last(metric)["label"].clone()).collect();
            // Versions of a function have numbers that no template knows.
            let searched = metrics.len() == 1
                && last(&metrics[0])["expression"].as_str().is_some_and(|text| text.contains("SEARCH("));
            // A Network Load Balancer counts some things for both only.
            let of_both = title.as_str().is_some_and(|title| title.ends_with("both colours"));
            let pair = labels == ["a", "b"] || labels == ["off", "on"];
            assert!(pair || searched || of_both, "{name}: {title}: {labels:?}");
        }
        let shown: BTreeSet<&str> = widgets
            .iter()
            .filter(|widget| widget["type"] == "alarm")
            .flat_map(|widget| widget["properties"]["alarms"].as_array().unwrap())
            .map(|alarm| alarm.as_str().unwrap())
            .collect();
        let made = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
        let made: Vec<String> = made.map(|(logical, _)| format!("${{{logical}.Arn}}")).collect();
        assert!(made.len() >= 2, "{name}");
        assert_eq!(shown, made.iter().map(String::as_str).collect(), "{name}");
    }
}
