//! `infra/cloudformation`: what a user's side needs so that Teal can release it and the lab can make it.

use crate::repository::document;
use serde_json::Value;
use std::collections::BTreeSet;

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
    let weight = |name: &Value| template["Parameters"][name["Ref"].as_str().unwrap()]["Default"].as_u64().unwrap();
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
