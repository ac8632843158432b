//! `template.yaml` against the functions' code and the state machine.

use crate::repository::{document, folders, sources, text, words};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use teal::plan::ParameterPath;
use teal::plan::limits::VALIDATION_BUDGET;
use teal::state::State;
use teal::strategy::FUNCTION_MEMORY_MB;

/// What begins without anybody waiting for its answer, and puts routes back.
const TRIGGERS: &[&str] = &["OnAlarmFunction", "OnExecutionEndFunction", "SweepFunction"];

/// What begins so, and touches no route.
pub(crate) const BESIDE: &[&str] = &["PublishWeightsFunction"];

pub(crate) fn template() -> Value {
    document("template.yaml")
}

pub(crate) fn resources<'a>(template: &'a Value, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let resources: &Map<String, Value> = template["Resources"].as_object().unwrap();
    let wanted = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    wanted.map(|(name, resource)| (name.as_str(), resource)).collect()
}

pub(crate) fn functions(template: &Value) -> BTreeMap<&str, &Value> {
    resources(template, "AWS::Serverless::Function")
}

pub(crate) fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// Every policy statement of the template, with where it stands.
pub(crate) fn statements(template: &Value) -> Vec<(&str, &Value)> {
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
pub(crate) fn policies(template: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
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

/// Records hold plans, queues hold events: what keeps them encrypts them.
#[test]
fn what_is_kept_is_encrypted_at_rest() {
    let template = template();
    let all = |kind: &str, is_encrypted: fn(&Value) -> bool| {
        for (name, resource) in resources(&template, kind) {
            assert!(is_encrypted(&resource["Properties"]), "{name}");
        }
        resources(&template, kind).len()
    };
    let tables = all("AWS::DynamoDB::Table", |table| {
        table["SSESpecification"]["SSEEnabled"] == true
            && table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true
    });
    let queues =
        all("AWS::SQS::Queue", |queue| queue["SqsManagedSseEnabled"] == true || !queue["KmsMasterKeyId"].is_null());
    assert!(tables > 0 && queues > 0);
    // A topic is the user's own; one that came with the template would need a key.
    all("AWS::SNS::Topic", |topic| !topic["KmsMasterKeyId"].is_null());
    all("AWS::S3::Bucket", |bucket| !bucket["BucketEncryption"].is_null());
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
fn errors_of_what_no_state_waits_for_and_of_rolling_back_raise_an_alarm() {
    let template = template();
    let steps = substitutions(&template);
    let functions = functions(&template).into_keys();
    let expected = functions.filter(|name| *name == "RollBackFunction" || !steps.contains_key(*name)).collect();
    assert_eq!(alarmed(&template, "Errors"), expected);
}

/// What Lambda has no room for does not fail: it is counted as `Throttles` alone.
#[test]
fn what_restores_a_route_and_finds_no_room_in_lambda_raises_an_alarm() {
    let template = template();
    let restoring = TRIGGERS.iter().copied().chain(["RollBackFunction"]);
    assert_eq!(alarmed(&template, "Throttles"), restoring.collect());
}

/// The functions on whose metric of this name there is an alarm.
fn alarmed<'a>(template: &'a Value, metric: &str) -> BTreeSet<&'a str> {
    let alarms = resources(template, "AWS::CloudWatch::Alarm").into_values().map(|alarm| &alarm["Properties"]);
    alarms
        .filter(|alarm| alarm["MetricName"] == metric)
        .filter_map(|alarm| alarm["Dimensions"][0]["Value"]["Ref"].as_str())
        .collect()
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
