//! `infra/cloudformation`: what a user's side needs so that Teal can release it and the lab can make it.

use crate::repository::document;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use teal::plan::ParameterPath;

fn template() -> Value {
    document("infra/cloudformation/alb-ecs.yaml")
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
fn it_is_written_in_the_functions_that_the_lab_knows() {
    let mut found = BTreeSet::new();
    collect_functions(&template(), &mut found);
    assert_eq!(found, BTreeSet::from(["Fn::GetAtt", "Fn::Sub", "Ref"].map(str::to_owned)));
}

#[test]
fn both_target_groups_are_attached_everywhere_and_the_same_one_has_all_the_weight() {
    let template = template();
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
    let listeners = template["Resources"].as_object().unwrap().iter();
    let listeners = listeners.filter(|(_, resource)| resource["Type"] == "AWS::ElasticLoadBalancingV2::Listener");
    let mut weights = Vec::new();
    for (name, listener) in listeners {
        let groups = listener["Properties"]["DefaultActions"][0]["ForwardConfig"]["TargetGroups"].as_array().unwrap();
        let arns: Vec<&str> = groups.iter().map(|group| group["TargetGroupArn"]["Ref"].as_str().unwrap()).collect();
        assert_eq!(arns, ["TargetGroupA", "TargetGroupB"], "{name}");
        weights.push((name.as_str(), groups.iter().map(|group| weight(&group["Weight"])).collect::<Vec<_>>()));
    }
    // Accept wants the test route where production is: on blue.
    assert_eq!(weights, [("ProductionListener", vec![100, 0]), ("TestListener", vec![100, 0])]);
}

#[test]
fn the_weights_are_read_where_the_plan_that_the_outputs_name_has_them_written() {
    let template = template();
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
        assert_eq!(name.as_str().unwrap().replace("${Name}", "checkout"), path.of(&arn.parse().unwrap()));
    }
}

#[test]
fn either_colour_has_its_alarm() {
    let template = template();
    for colour in ["A", "B"] {
        let alarm = &template["Resources"][format!("BadShareAlarm{colour}")]["Properties"];
        let metrics = alarm["Metrics"].as_array().unwrap().iter().filter(|metric| !metric["MetricStat"].is_null());
        let groups: BTreeSet<&str> = metrics
            .flat_map(|metric| metric["MetricStat"]["Metric"]["Dimensions"].as_array().unwrap())
            .filter(|dimension| dimension["Name"] == "TargetGroup")
            .map(|dimension| dimension["Value"]["Fn::GetAtt"][0].as_str().unwrap())
            .collect();
        assert_eq!(groups, BTreeSet::from([format!("TargetGroup{colour}").as_str()]));
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "a colour without traffic is no reason for alarm");
    }
}

#[test]
fn the_dashboard_shows_the_colours_side_by_side() {
    let body = &template()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
    let body: Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
    let charts = body["widgets"].as_array().unwrap().iter().filter(|widget| widget["type"] == "metric");
    for chart in charts {
        let metrics = chart["properties"]["metrics"].as_array().unwrap();
        let labels: Vec<&Value> =
            metrics.iter().map(|metric| &metric.as_array().unwrap().last().unwrap()["label"]).collect();
        assert_eq!(labels, ["a", "b"], "{}", chart["properties"]["title"]);
    }
}
