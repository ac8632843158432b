//! `template.yaml` against the functions' code and the state machine.

use crate::calls;
use crate::repository::{actions, document, folders, sources, text, words};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use teal::plan::ParameterPath;
use teal::plan::limits::VALIDATION_BUDGET;
use teal::state::State;
use teal::strategy::FUNCTION_MEMORY_MB;

/// Actions that know no resource but "*", as the service authorization reference lists them; DescribeAlarms, which finds
/// composite alarms only so; and network interfaces, which Lambda chooses itself.
const WITHOUT_RESOURCE: &[&str] = &[
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribePolicies",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:DescribeScheduledActions",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "codepipeline:PutJobFailureResult",
    "codepipeline:PutJobSuccessResult",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "ecs:DescribeTaskDefinition",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:GetQueryResults",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// What the code calls under another name than its permission has, or makes AWS do in its name.
const NOT_CALLED_BY_NAME: &[&str] = &[
    "autoscaling:CreateOrUpdateTags",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:PutMetricAlarm",
    "cognito-idp:DescribeUserPoolClient",
    "dynamodb:DeleteItem",
    "ec2:RunInstances",
    "ecs:TagResource",
    "iam:PassRole",
];

/// What AWS does in a function's name, by the policy that allows it.
const IN_ITS_NAME: &[(&str, &str)] = &[
    ("FleetCreatePolicy", "autoscaling:CreateOrUpdateTags"),
    ("FleetCreatePolicy", "cloudwatch:DeleteAlarms"),
    ("FleetCreatePolicy", "cloudwatch:DescribeAlarms"),
    ("FleetCreatePolicy", "cloudwatch:PutMetricAlarm"),
    ("FleetCreatePolicy", "ec2:RunInstances"),
    ("FleetCreatePolicy", "ecs:TagResource"),
    ("FleetCreatePolicy", "iam:PassRole"),
    ("RouteWritePolicy", "cognito-idp:DescribeUserPoolClient"),
];

/// Policies for what Lambda does in a function's name.
const PLATFORM: &[&str] = &["DeadLetterPolicy", "LambdaPolicy", "VpcPolicy"];

/// What begins without anybody waiting for its answer, and puts routes back.
const TRIGGERS: &[&str] = &["OnAlarmFunction", "OnExecutionEndFunction", "SweepFunction"];

/// What begins so, and touches no route.
const BESIDE: &[&str] = &["PublishWeightsFunction"];

fn template() -> Value {
    document("template.yaml")
}

fn resources<'a>(template: &'a Value, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let resources: &Map<String, Value> = template["Resources"].as_object().unwrap();
    let wanted = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    wanted.map(|(name, resource)| (name.as_str(), resource)).collect()
}

fn functions(template: &Value) -> BTreeMap<&str, &Value> {
    resources(template, "AWS::Serverless::Function")
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// Every policy statement of the template, with where it stands.
fn statements(template: &Value) -> Vec<(&str, &Value)> {
    let managed = resources(template, "AWS::IAM::ManagedPolicy");
    let managed = managed.into_iter().map(|(name, policy)| (name, &policy["Properties"]["PolicyDocument"]));
    let machines = resources(template, "AWS::Serverless::StateMachine").into_iter();
    let own = machines
        .flat_map(|(name, machine)| list(&machine["Properties"]["Policies"]).into_iter().map(move |one| (name, one)));
    let documents = managed.chain(own);
    documents
        .flat_map(|(name, document)| list(&document["Statement"]).into_iter().map(move |one| (name, one)))
        // `!If [Condition, statement, !Ref AWS::NoValue]` is the statement, where there is a condition.
        .map(|(name, one)| (name, one.get("Fn::If").map_or(one, |cases| &cases[1])))
        .collect()
}

/// The policies of each function, by the function's name.
fn policies(template: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let of_role = |role: &str| -> BTreeSet<&str> {
        let arns = list(&template["Resources"][role]["Properties"]["ManagedPolicyArns"]).into_iter();
        // `!If [Condition, !Ref Policy, !Ref AWS::NoValue]` is the policy, where there is a condition.
        arns.map(|arn| arn["Ref"].as_str().or_else(|| arn["Fn::If"][1]["Ref"].as_str()).unwrap()).collect()
    };
    let functions = functions(template).into_iter();
    functions
        .map(|(name, function)| (name, of_role(function["Properties"]["Role"]["Fn::GetAtt"][0].as_str().unwrap())))
        .collect()
}

/// The functions that the state machine calls, by the name of their substitution.
fn substitutions(template: &Value) -> &Map<String, Value> {
    template["Resources"]["ReleaseStateMachine"]["Properties"]["DefinitionSubstitutions"].as_object().unwrap()
}

#[test]
fn every_function_folder_has_its_resource_and_every_resource_its_folder() {
    let template = template();
    let binaries: BTreeSet<String> = functions(&template)
        .values()
        .map(|function| function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(binaries, folders("functions"));
    for binary in &binaries {
        let manifest = text(&format!("functions/{binary}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{binary}\"")), "cargo lambda names the binary after the package");
    }
}

#[test]
fn functions_are_named_as_their_binaries() {
    for (name, function) in functions(&template()) {
        let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
        let words = binary.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        assert_eq!(name, words.collect::<String>() + "Function");
        let tag = &function["Properties"]["Environment"]["Variables"]["AWS_SDK_UA_APP_ID"];
        assert_eq!(tag, &format!("teal-{binary}"), "calls are told apart by it");
    }
}

#[test]
fn the_state_machine_calls_published_versions_only() {
    let template = template();
    let substitutions = substitutions(&template);
    for (name, value) in substitutions {
        assert_eq!(value["Ref"], format!("{name}.Version"));
    }
    let used: BTreeSet<String> = document("statemachine/release.asl.json")["States"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|state| state["Arguments"]["FunctionName"].as_str())
        .map(|name| name.trim_start_matches("${").trim_end_matches('}').to_owned())
        .collect();
    assert_eq!(used, substitutions.keys().cloned().collect());
    for (name, function) in functions(&template) {
        let all = &function["Properties"]["AutoPublishAliasAllProperties"];
        assert_eq!(all, true, "{name}: a change of its settings alone is a new version, too");
    }
}

#[test]
fn the_state_machine_may_call_what_it_calls() {
    let template = template();
    let allowed: BTreeSet<String> = statements(&template)
        .into_iter()
        .filter(|(owner, statement)| *owner == "ReleaseStateMachine" && statement["Action"] == "lambda:InvokeFunction")
        .flat_map(|(_, statement)| list(&statement["Resource"]))
        .map(|resource| resource["Fn::Sub"].as_str().unwrap().to_owned())
        .collect();
    let called = substitutions(&template).keys().map(|name| format!("${{{name}.Arn}}:*")).collect();
    assert_eq!(allowed, called);
}

#[test]
fn functions_give_up_before_their_tasks_do() {
    let template = template();
    let usual = template["Globals"]["Function"]["Timeout"].as_u64().unwrap();
    let machine = document("statemachine/release.asl.json");
    for (state, task) in machine["States"].as_object().unwrap().iter().filter(|(_, state)| state["Type"] == "Task") {
        let name = task["Arguments"]["FunctionName"].as_str().unwrap();
        let name = name.trim_start_matches("${").trim_end_matches('}');
        let function = &template["Resources"][name]["Properties"];
        let timeout = function["Timeout"].as_u64().unwrap_or(usual);
        assert!(timeout < task["TimeoutSeconds"].as_u64().unwrap(), "{state}: {name}");
    }
}

#[test]
fn costs_are_told_for_the_memory_that_functions_have() {
    let template = template();
    assert_eq!(template["Globals"]["Function"]["MemorySize"], FUNCTION_MEMORY_MB);
    for (name, function) in functions(&template) {
        assert!(function["Properties"]["MemorySize"].is_null(), "{name} has its own");
    }
}

#[test]
fn validating_fits_into_one_call() {
    let timeout = template()["Resources"]["ValidateGreenFunction"]["Properties"]["Timeout"].as_u64().unwrap();
    // What is left is for reading and writing the record.
    assert!(timeout >= u64::from(VALIDATION_BUDGET.as_seconds()) + 30);
}

#[test]
fn the_environment_is_what_the_code_reads() {
    let template = template();
    let variables = |owner: &Value| -> BTreeSet<String> {
        let variables = owner["Environment"]["Variables"].as_object();
        variables.into_iter().flat_map(Map::keys).filter(|name| name.starts_with("TEAL_")).cloned().collect()
    };
    let mut given = variables(&template["Globals"]["Function"]);
    given.extend(functions(&template).values().flat_map(|function| variables(&function["Properties"])));
    let code = ["crates/teal-aws/src", "crates/teal-lambda/src", "functions"].map(sources).concat();
    let read: BTreeSet<String> =
        words(&code, "TEAL_").into_iter().filter(|name| !name.starts_with("TEAL_LAB_")).collect();
    assert_eq!(given, read);
}

#[test]
fn the_table_has_the_keys_and_the_index_that_the_code_uses() {
    let template = template();
    let table = &template["Resources"]["Releases"]["Properties"];
    let index = &table["GlobalSecondaryIndexes"][0];
    let mut names = vec![&index["IndexName"], &table["TimeToLiveSpecification"]["AttributeName"]];
    names.extend(list(&table["AttributeDefinitions"]).into_iter().map(|attribute| &attribute["AttributeName"]));
    names.extend(list(&index["Projection"]["NonKeyAttributes"]));
    let code = sources("crates/teal-aws/src");
    for name in names {
        assert!(code.contains(&format!("{name}")), "no code names {name}");
    }
}

#[test]
fn logs_are_kept_for_a_time_and_not_for_ever() {
    let template = template();
    let group = &template["Globals"]["Function"]["LoggingConfig"]["LogGroup"];
    assert_eq!(group["Ref"], "FunctionLogs");
    for (name, group) in resources(&template, "AWS::Logs::LogGroup") {
        assert!(!group["Properties"]["RetentionInDays"].is_null(), "{name}");
    }
}

#[test]
fn permissions_name_their_actions_and_their_resources() {
    let template = template();
    for (owner, statement) in statements(&template) {
        assert_eq!(statement["Effect"], "Allow", "{owner}");
        let actions: Vec<&str> =
            list(&statement["Action"]).into_iter().map(|action| action.as_str().unwrap()).collect();
        for action in &actions {
            assert!(!action.contains('*'), "{owner}: {action}");
        }
        if list(&statement["Resource"]).iter().any(|resource| **resource == "*") {
            let scoped: Vec<_> = actions.iter().filter(|action| !WITHOUT_RESOURCE.contains(action)).collect();
            assert!(scoped.is_empty(), "{owner}: {scoped:?} can be given a resource");
        }
    }
}

#[test]
fn people_write_nothing_but_requests() {
    let template = template();
    let statements = statements(&template).into_iter().filter(|(owner, _)| *owner == "OperatorPolicy");
    for (_, statement) in statements {
        let actions: Vec<&str> = list(&statement["Action"]).into_iter().filter_map(Value::as_str).collect();
        if actions == ["dynamodb:PutItem"] {
            let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
            assert_eq!(keys, "request#*");
        } else {
            let reads =
                |action: &&str| ["Get", "Query", "Describe", "StartExecution"].iter().any(|verb| action.contains(verb));
            assert!(actions.iter().all(reads), "{actions:?}");
        }
    }
    let code = sources("crates/teal-aws/src/dynamodb");
    assert!(code.contains("format!(\"request#{id}\")"), "their partitions");
}

#[test]
fn those_who_keep_plans_may_do_what_their_commands_call() {
    let template = template();
    let statements = statements(&template).into_iter().filter(|(owner, _)| *owner == "PlanKeeperPolicy");
    let allowed: BTreeSet<String> = statements
        .flat_map(|(_, statement)| list(&statement["Action"]))
        .map(|one| one.as_str().unwrap().to_owned())
        .collect();
    let mut called = actions(&text("crates/teal-aws/src/plans.rs"));
    // Buckets are not the stack's: who keeps plans there has permissions of the bucket's owner.
    called.retain(|action| action.starts_with("ssm:"));
    assert_eq!(allowed, called);
}

#[test]
fn every_function_has_a_role_of_its_own_and_every_policy_is_in_use() {
    let template = template();
    for (name, function) in functions(&template) {
        let role = format!("{}Role", name.trim_end_matches("Function"));
        assert_eq!(function["Properties"]["Role"]["Fn::GetAtt"][0], role);
        assert!(function["Properties"]["Policies"].is_null(), "{name}: beside a role, SAM ignores them");
    }
    let used: BTreeSet<&str> = policies(&template).into_values().flatten().collect();
    let mut written: BTreeSet<&str> = resources(&template, "AWS::IAM::ManagedPolicy").into_keys().collect();
    for of_people in ["OperatorPolicy", "PlanKeeperPolicy"] {
        assert!(written.remove(of_people), "{of_people}");
    }
    assert_eq!(used, written);
}

#[test]
fn functions_that_only_look_can_change_nothing() {
    for (name, policies) in policies(&template()) {
        let looks_only = ["AcceptFunction", "ValidateGreenFunction", "EvaluateHealthFunction"].contains(&name)
            || BESIDE.contains(&name)
            || name == "OnPipelineJobFunction";
        assert_eq!(policies.contains("RouteWritePolicy"), !looks_only, "{name}");
        assert!(!looks_only || !policies.contains("FleetWritePolicy"), "{name}");
        assert_eq!(policies.contains("FleetCreatePolicy"), name == "PrepareGreenFunction", "{name}");
    }
}

#[test]
fn each_function_may_do_what_its_code_calls_and_no_more() {
    let template = template();
    let policies = policies(&template);
    for (name, function) in functions(&template) {
        let allowed: BTreeSet<String> = statements(&template)
            .into_iter()
            .filter(|(owner, _)| policies[name].contains(owner) && !PLATFORM.contains(owner))
            .flat_map(|(owner, statement)| list(&statement["Action"]).into_iter().map(move |action| (owner, action)))
            .map(|(owner, action)| (owner, action.as_str().unwrap()))
            .filter(|allowed| !IN_ITS_NAME.contains(allowed))
            .map(|(_, action)| action.to_owned())
            .collect();
        let called = calls::of_function(function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap());
        assert_eq!(allowed, called, "{name}");
    }
}

#[test]
fn what_runs_beside_releases_writes_no_record() {
    let template = template();
    let policies = policies(&template);
    let mut beside = BTreeMap::new();
    for (name, policies) in policies {
        let writes = statements(&template).into_iter().filter(|(owner, statement)| {
            policies.contains(owner) && list(&statement["Action"]).contains(&&Value::from("dynamodb:PutItem"))
        });
        for (_, write) in writes.filter(|(_, write)| !write["Condition"].is_null()) {
            assert_eq!(write["Action"], "dynamodb:PutItem", "{name}: what is read is not narrowed");
            beside.insert(name, write["Condition"].clone());
        }
    }
    let requests = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "request#*"}});
    let story = json!({
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": "release#*"},
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "entry", "expiresAt"]},
    });
    let expected = [("OnPipelineJobFunction", requests), ("PublishWeightsFunction", story)];
    assert_eq!(beside, BTreeMap::from(expected));
}

#[test]
fn no_role_has_more_policies_than_an_account_allows_at_first() {
    // "IAM and AWS STS quotas": managed policies attached to a role.
    for (name, policies) in policies(&template()) {
        assert!(policies.len() <= 10, "{name} has {}", policies.len());
    }
}

#[test]
fn the_functions_may_do_what_the_code_calls_and_no_more() {
    let template = template();
    let of_functions: BTreeSet<&str> = policies(&template).into_values().flatten().collect();
    let allowed: BTreeSet<String> = statements(&template)
        .into_iter()
        .filter(|(owner, _)| of_functions.contains(owner) && !PLATFORM.contains(owner))
        .flat_map(|(_, statement)| list(&statement["Action"]))
        .map(|action| action.as_str().unwrap().to_owned())
        .filter(|action| !NOT_CALLED_BY_NAME.contains(&action.as_str()))
        .collect();
    let mut called = actions(&sources("crates/teal-aws/src"));
    // A transaction is allowed by what it does; the others are the command line's.
    for name in [
        "dynamodb:TransactWriteItems",
        "s3:PutObject",
        "ssm:GetParameterHistory",
        "ssm:GetParametersByPath",
        "sts:GetCallerIdentity",
    ] {
        assert!(called.remove(name), "{name}");
    }
    assert_eq!(allowed, called);
}

#[test]
fn what_rolls_back_has_its_share_of_concurrency_and_a_dead_letter_queue() {
    let template = template();
    let policies = policies(&template);
    for (name, function) in functions(&template) {
        let properties = &function["Properties"];
        let reserved = name == "RollBackFunction" || TRIGGERS.contains(&name);
        assert_eq!(properties.get("ReservedConcurrentExecutions").is_some(), reserved, "{name}");
        let begins_by_event = TRIGGERS.contains(&name) || BESIDE.contains(&name);
        assert_eq!(properties.get("DeadLetterQueue").is_some(), begins_by_event, "{name}");
        assert_eq!(policies[name].contains("DeadLetterPolicy"), begins_by_event, "{name}");
        for event in properties["Events"].as_object().into_iter().flat_map(Map::values) {
            assert!(event["Properties"].get("DeadLetterConfig").is_some(), "{name}");
        }
    }
}

#[test]
fn weights_are_published_whenever_a_colour_has_everything() {
    let template = template();
    let events = &template["Resources"]["PublishWeightsFunction"]["Properties"]["Events"];
    let pattern = &events["PhaseChanged"]["Properties"]["Pattern"];
    assert_eq!(pattern["source"], json!(["teal"]));
    let states: Vec<&str> = list(&pattern["detail"]["state"]).into_iter().filter_map(Value::as_str).collect();
    // Promote leads to the last bake.
    assert_eq!(states, [State::Bake, State::Promoted, State::RolledBack].map(|state| state.to_string()));
    assert!(sources("crates/teal-aws/src").contains(pattern["detail-type"][0].as_str().unwrap()));
    let default = template["Parameters"]["WeightParameters"]["Default"].as_str().unwrap();
    let example = <ParameterPath as teal::units::Text>::EXAMPLES[0];
    assert!(format!("/{default}").strip_suffix('*').is_some_and(|prefix| example.starts_with(prefix)));
}

#[test]
fn an_event_with_credentials_in_it_is_kept_nowhere() {
    let template = template();
    let properties = &template["Resources"]["OnPipelineJobFunction"]["Properties"];
    assert!(properties.get("DeadLetterQueue").is_none() && properties.get("EventInvokeConfig").is_none());
    assert!(!policies(&template)["OnPipelineJobFunction"].contains("DeadLetterPolicy"));
}

#[test]
fn the_metrics_on_the_dashboard_and_of_the_alarms_are_published() {
    let template = template();
    let code = sources("crates/teal-lambda/src");
    let dashboard = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(dashboard).unwrap();
    let mut shown: BTreeSet<&str> = BTreeSet::new();
    for widget in dashboard["widgets"].as_array().unwrap() {
        let mut namespace = None;
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            // The dashboard's short forms: "." repeats the field above, "..." all fields above.
            let fields: Vec<&str> = metric.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            namespace = if fields[0] == "." || fields[0] == "..." { namespace } else { Some(fields[0]) };
            shown.extend((namespace == Some("Teal")).then(|| fields.get(1)).flatten());
        }
    }
    for alarm in resources(&template, "AWS::CloudWatch::Alarm").values() {
        if alarm["Properties"]["Namespace"] == "Teal" {
            shown.extend(alarm["Properties"]["MetricName"].as_str());
        }
    }
    assert!(shown.len() > 3, "{shown:?}");
    for name in shown {
        assert!(code.contains(&format!("\"{name}\"")), "no code publishes {name}");
    }
}
