//! Templates whose traffic a deployment moves: CodeDeploy's groups and AppSpecs, and ECS's own deployments, with Teal's hooks.

use super::template;
use crate::repository::{document, text};
use serde_json::{Value, json};
use teal::hook::{HookEvent, plan_of_code_deploy, plan_of_ecs};

/// The AppSpec that an output gives, with something in place of what CloudFormation or Terraform fills in.
fn app_spec(text: &str) -> Value {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').unwrap();
        let last = name.rsplit(['.', '_']).next().unwrap().to_lowercase();
        filled += before;
        filled += match last.as_str() {
            "containerport" | "port" => "8080",
            "hookfunction" | "function" if name.to_lowercase().contains("hook") => "CodeDeployHook_teal",
            _ => "checkout",
        };
        rest = behind;
    }
    filled += rest;
    let filled = filled.replace("\"Alias\": \"checkout\"", "\"Alias\": \"live\"");
    serde_json::from_str(&filled).unwrap_or_else(|error| panic!("{error}: {filled}"))
}

fn of_template(name: &str) -> Value {
    app_spec(template(name)["Outputs"]["AppSpec"]["Value"]["Fn::Sub"].as_str().unwrap())
}

#[test]
fn an_app_spec_names_the_hook_at_each_point_where_teal_decides() {
    let hooks = |events: &[&str]| {
        json!(events.iter().map(|event| json!({(*event): "CodeDeployHook_teal"})).collect::<Vec<_>>())
    };
    let ecs = of_template("codedeploy-ecs");
    assert_eq!(ecs["Hooks"], hooks(&["AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"]));
    let target = &ecs["Resources"][0]["TargetService"];
    let service = &template("codedeploy-ecs")["Resources"]["Service"]["Properties"]["LoadBalancers"][0];
    assert_eq!(target["Type"], "AWS::ECS::Service");
    // What CodePipeline's action fills in.
    assert_eq!(target["Properties"]["TaskDefinition"], "<TASK_DEFINITION>");
    let container = &target["Properties"]["LoadBalancerInfo"];
    assert_eq!((&container["ContainerName"], &container["ContainerPort"]), (&service["ContainerName"], &json!(8080)));
    let lambda = of_template("codedeploy-lambda");
    assert_eq!(lambda["Hooks"], hooks(&["BeforeAllowTraffic", "AfterAllowTraffic"]));
    assert_eq!(lambda["Resources"][0]["function"]["Properties"]["Alias"], "live");
}

#[test]
fn terraform_gives_the_same_app_spec() {
    for name in ["codedeploy-ecs", "codedeploy-lambda"] {
        let outputs = text(&format!("infra/terraform/{name}/outputs.tf"));
        let (_, behind) = outputs.split_once("<<-JSON\n").unwrap();
        let (own, _) = behind.split_once("\n  JSON").unwrap();
        assert_eq!(app_spec(own), of_template(name), "{name}");
    }
}

#[test]
fn a_deployment_that_ends_early_takes_its_traffic_back() {
    for name in ["codedeploy-ecs", "codedeploy-lambda", "codedeploy-ec2"] {
        let group = &template(name)["Resources"]["DeploymentGroup"]["Properties"];
        let back = &group["AutoRollbackConfiguration"];
        let events = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"];
        assert_eq!(back, &json!({"Enabled": true, "Events": events}), "{name}");
        let terraform = text(&format!("infra/terraform/{name}/codedeploy.tf"));
        assert!(events.iter().all(|event| terraform.contains(event)), "{name}");
        assert_eq!(group["AlarmConfiguration"]["IgnorePollAlarmFailure"], false, "{name}");
    }
    let alarms = &template("ecs-blue-green")["Resources"]["Service"]["Properties"]["DeploymentConfiguration"]["Alarms"];
    assert_eq!((&alarms["Enable"], &alarms["Rollback"]), (&json!(true), &json!(true)));
}

#[test]
fn the_alarms_that_stop_a_deployment_are_those_that_the_plan_is_to_name() {
    let named = |alarms: &Value| -> Vec<String> {
        let alarms = alarms.as_array().unwrap().iter();
        alarms.map(|alarm| alarm.get("Name").unwrap_or(alarm)["Ref"].as_str().unwrap().to_owned()).collect()
    };
    for name in ["codedeploy-ecs", "codedeploy-lambda", "ecs-blue-green"] {
        let template = template(name);
        let resources = &template["Resources"];
        let alarms = match resources["DeploymentGroup"]["Properties"].get("AlarmConfiguration") {
            Some(of_group) => named(&of_group["Alarms"]),
            None => named(&resources["Service"]["Properties"]["DeploymentConfiguration"]["Alarms"]["AlarmNames"]),
        };
        let told = alarms.iter().map(|alarm| format!("${{{alarm}}}")).collect::<Vec<_>>().join(", ");
        assert_eq!(template["Outputs"]["AlarmNames"]["Value"]["Fn::Sub"], told.as_str(), "{name}");
    }
}

#[test]
fn code_deploy_moves_the_pair_of_the_service_and_keeps_blue_for_a_while() {
    let template = template("codedeploy-ecs");
    let group = &template["Resources"]["DeploymentGroup"]["Properties"];
    let pair = &group["LoadBalancerInfo"]["TargetGroupPairInfoList"][0];
    let names = ["TargetGroupA", "TargetGroupB"].map(|name| json!({"Name": {"Fn::GetAtt": [name, "TargetGroupName"]}}));
    assert_eq!(pair["TargetGroups"], json!(names));
    assert_eq!(pair["ProdTrafficRoute"], json!({"ListenerArns": [{"Ref": "ProductionListener"}]}));
    assert_eq!(pair["TestTrafficRoute"], json!({"ListenerArns": [{"Ref": "TestListener"}]}));
    let kept = &group["BlueGreenDeploymentConfiguration"]["TerminateBlueInstancesOnDeploymentSuccess"];
    let minutes = &template["Parameters"][kept["TerminationWaitTimeInMinutes"]["Ref"].as_str().unwrap()]["Default"];
    // An hour is all that a hook waits, and a bake without one may take as long.
    assert!(minutes.as_u64().unwrap() >= 60, "{minutes}");
    let service = &template["Resources"]["Service"]["Properties"];
    assert_eq!(service["DeploymentController"], json!({"Type": "CODE_DEPLOY"}));
    assert!(service.get("DeploymentConfiguration").is_none(), "that is of ECS's own deployments");
}

#[test]
fn ecs_asks_before_each_step_and_by_the_rules_that_the_plan_is_to_name() {
    let template = template("ecs-blue-green");
    let service = &template["Resources"]["Service"]["Properties"];
    let balancer = &service["LoadBalancers"][0]["AdvancedConfiguration"];
    assert_eq!(balancer["ProductionListenerRule"], template["Outputs"]["ProductionRuleArn"]["Value"]);
    assert_eq!(balancer["TestListenerRule"], template["Outputs"]["TestRuleArn"]["Value"]);
    assert_eq!(balancer["AlternateTargetGroupArn"], json!({"Ref": "TargetGroupB"}));
    let hook = &service["DeploymentConfiguration"]["LifecycleHooks"][0];
    let stages = ["POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"];
    assert_eq!(hook["LifecycleStages"], json!(stages));
    let plan = template["Outputs"]["PlanParameter"]["Value"]["Fn::Sub"].as_str().unwrap();
    assert_eq!(hook["HookDetails"]["planRef"]["Fn::Sub"], format!("ssm:{plan}").as_str());
    let terraform = text("infra/terraform/ecs-blue-green/fleet.tf");
    assert!(terraform.contains(&format!("lifecycle_stages = {}", json!(stages).to_string().replace(',', ", "))));
    // A pause hook would hold the first deployment, too, which is no release.
    assert_eq!(template["Parameters"]["Pause"]["Default"], "no");
    let variables = text("infra/terraform/ecs-blue-green/variables.tf");
    let (_, pause) = variables.split_once("variable \"pause\" {").unwrap();
    assert!(pause.split_once("}").unwrap().0.contains("default     = false"));
}

#[test]
fn terraform_pauses_a_deployment_as_cloudformation_does() {
    let template = template("ecs-blue-green");
    let hooks = &template["Resources"]["Service"]["Properties"]["DeploymentConfiguration"]["LifecycleHooks"];
    let pause = &hooks[1]["Fn::If"];
    assert_eq!(pause[0], "Pauses");
    let terraform = text("infra/terraform/ecs-blue-green/fleet.tf");
    let (_, own) = terraform.split_once("dynamic \"lifecycle_hook\" {").unwrap();
    let timeout = &pause[1]["TimeoutConfiguration"];
    for line in [
        "for_each = var.pause ? [1] : []".to_owned(),
        format!("target_type      = {}", pause[1]["TargetType"]),
        format!("lifecycle_stages = {}", pause[1]["LifecycleStages"]),
        format!("timeout_in_minutes = {}", timeout["TimeoutInMinutes"]),
        format!("action             = {}", timeout["Action"]),
    ] {
        assert!(own.contains(&line), "{line}");
    }
}

#[test]
fn a_hook_finds_its_plan_where_the_outputs_say() {
    for name in ["codedeploy-ecs", "codedeploy-lambda", "codedeploy-ec2", "ecs-blue-green"] {
        let told = template(name)["Outputs"]["PlanParameter"]["Value"]["Fn::Sub"].as_str().unwrap().to_owned();
        let names = ["${Application}", "${DeploymentGroup}", "${Name}"];
        let told = names.iter().fold(told, |told, name| told.replace(name, "checkout"));
        let found = match name {
            "ecs-blue-green" => plan_of_ecs("checkout", "checkout"),
            _ => plan_of_code_deploy("checkout", "checkout"),
        };
        assert_eq!(found.unwrap().to_string(), format!("ssm:{told}"), "{name}");
    }
}

#[test]
fn hooks_stand_at_points_that_teal_knows_in_the_order_of_a_deployment() {
    for name in ["codedeploy-ecs", "codedeploy-lambda"] {
        let spec = of_template(name);
        let named = spec["Hooks"].as_array().unwrap().iter().flat_map(|hook| hook.as_object().unwrap().keys());
        let events: Vec<_> = named.map(|event| HookEvent::of_code_deploy(event).unwrap()).collect();
        assert!(events.is_sorted(), "{name}: {events:?}");
    }
    let service = &template("ecs-blue-green")["Resources"]["Service"]["Properties"]["DeploymentConfiguration"];
    let stages = service["LifecycleHooks"][0]["LifecycleStages"].as_array().unwrap();
    let events: Vec<_> = stages.iter().map(|stage| HookEvent::of_ecs(stage.as_str().unwrap()).unwrap()).collect();
    let decided = [HookEvent::AfterAllowTestTraffic, HookEvent::BeforeAllowTraffic, HookEvent::AfterAllowTraffic];
    assert_eq!(events, decided);
}

#[test]
fn an_instance_asks_before_it_gets_traffic_and_within_code_deploys_hour() {
    let app_spec = document("infra/ec2/appspec.yml");
    let hook = &app_spec["hooks"]["ValidateService"][0];
    assert_eq!(hook["location"], "teal-hook.sh");
    let seconds = hook["timeout"].as_u64().unwrap();
    assert!((60..=3600).contains(&seconds), "{seconds}");
}
