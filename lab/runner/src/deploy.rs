//! Teal's own stack: template.yaml as it stands, deployed through CloudFormation with the SAM transform.
//!
//! Only what `sam package` changes anyway is changed: where the code and the state machine's definition lie. And on a fast clock
//! functions time out sooner. The policy of the event bus is left out, which the emulator does not know; it is conditional in the template.

use crate::binaries::Binaries;
use crate::cloudformation::{Resource, Template};
use crate::pipeline::ARTIFACT_BUCKET;
use crate::{Aws, LabError, Places, Progress, revision};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const STACK: &str = "teal";
/// The logical id of Teal's deployment strategy.
const STRATEGY: &str = "FlagDeploymentStrategy";
const ALARM: &str = "AWS::CloudWatch::Alarm";
const BUS_POLICY: &str = "AWS::Events::EventBusPolicy";
const BUCKET: &str = "teal-lab-packages";
/// The bucket for plans that scenarios name.
pub(crate) const PLAN_BUCKET: &str = "teal-lab-plans";
/// Up to this scale functions have the template's timeouts; above it they are shortened to as many lab seconds.
const FULL_TIMEOUTS_UP_TO: f64 = 5.0;
const DEPLOY_TIMEOUT: Duration = Duration::from_secs(120);

/// The deployed stack.
#[derive(Clone, Debug)]
pub struct Deployment {
    pub state_machine: String,
    pub table: String,
    /// The ARN of the policy for people who release.
    pub operator_policy: String,
    pub plan_keeper_policy: String,
    /// Where the functions' lines go.
    pub log_group: String,
    /// The names of the alarms on Teal itself, by their logical ids.
    pub alarms: BTreeMap<String, String>,
    /// The id of the deployment strategy by which Teal turns flags.
    pub deployment_strategy: String,
    pub functions: Vec<Function>,
}

impl Deployment {
    /// The function that deployments ask at their hooks.
    pub(crate) fn hook(&self) -> Option<&Function> {
        self.functions.iter().find(|function| function.binary == "on-lifecycle-hook")
    }
}

/// One deployed function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The binary's name, which is the folder's under functions/: `accept`.
    pub binary: String,
    /// The function's physical name.
    pub name: String,
    /// Its ARNs, without a version and with version 1: each is another execution identity in the lab.
    pub arns: Vec<String>,
    pub role: String,
    /// The documents of its policies, references resolved.
    pub policies: Vec<Value>,
}

/// Uploads the packages, creates the stack and reads back what was made.
///
/// # Errors
/// If a function was not built, or CloudFormation does not complete the stack; its events are part of the message.
pub(crate) async fn deploy(
    aws: &Aws,
    places: &Places,
    binaries: &Binaries,
    scale: f64,
    progress: &Progress,
) -> Result<Deployment, LabError> {
    let file = places.repository.join("template.yaml");
    let text = std::fs::read_to_string(&file).map_err(LabError::io(format!("reading {}", file.display())))?;
    let mut template = crate::yaml::parse(&text).map_err(|problem| LabError::document(&file, problem))?;
    for bucket in [BUCKET, PLAN_BUCKET, ARTIFACT_BUCKET, revision::BUCKET] {
        aws.put_s3(bucket, Bytes::new()).await?;
    }
    let functions = package(aws, places, binaries, &file, &mut template).await?;
    if let Some(resources) = template.get_mut("Resources").and_then(Value::as_object_mut) {
        resources.retain(|_, resource| resource["Type"] != BUS_POLICY);
    }
    shorten_timeouts(&mut template, scale);
    progress.say(format!("deploying template.yaml with {} functions", functions.len()));
    // From a bucket, as the SAM CLI does it: within the call a template may have 51,200 characters.
    let key = format!("{BUCKET}/template.json");
    aws.put_s3(&key, template.to_string().into()).await?;
    let parameters = json!({
        "StackName": STACK,
        "TemplateURL": format!("https://s3.amazonaws.com/{key}"),
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        // The emulator does not know versions and aliases of state machines.
        "Parameters": [
            {"ParameterKey": "StateMachineAlias", "ParameterValue": ""},
            {"ParameterKey": "ReleaseRoles", "ParameterValue": "arn:aws:iam::222222222222:role/TealRelease-*"},
            {"ParameterKey": "PlanObjects", "ParameterValue": format!("{PLAN_BUCKET}/*")},
        ],
    });
    aws.call("cloudformation", "CreateStack", parameters).await?;
    let outputs = wait_until_complete(aws).await?;
    let output = |name: &str| {
        outputs.get(name).cloned().ok_or_else(|| LabError::document(&file, format!("the stack has no output {name}")))
    };
    let physical = physical_ids(aws).await?;
    let deployment_strategy = physical.get(STRATEGY).cloned().unwrap_or_default();
    let mut deployed = Vec::new();
    for (logical, binary) in functions {
        let name = physical.get(&logical).cloned().unwrap_or_default();
        deployed.push(describe_function(aws, binary, name).await?);
    }
    Ok(Deployment {
        state_machine: output("StateMachineArn")?,
        table: output("TableName")?,
        log_group: output("LogGroupName")?,
        alarms: make_alarms(aws, Template { file: file.as_path().into(), document: template }, &physical).await?,
        operator_policy: output("OperatorPolicyArn")?,
        plan_keeper_policy: output("PlanKeeperPolicyArn")?,
        deployment_strategy,
        functions: deployed,
    })
}

/// Uploads code and definition, and points the template at them. Gives logical id and binary of each function.
async fn package(
    aws: &Aws,
    places: &Places,
    binaries: &Binaries,
    file: &PathBuf,
    template: &mut Value,
) -> Result<Vec<(String, String)>, LabError> {
    let resources = template.get_mut("Resources").and_then(Value::as_object_mut);
    let resources = resources.ok_or_else(|| LabError::document(file, "there are no Resources"))?;
    let mut functions = Vec::new();
    for (logical, resource) in resources {
        let kind = resource["Type"].as_str().unwrap_or_default();
        if kind == "AWS::Serverless::Function" {
            let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
            let binary =
                binary.ok_or_else(|| LabError::document(file, format!("{logical} names no Binary")))?.to_owned();
            let key = format!("{BUCKET}/{binary}.zip");
            aws.put_s3(&key, binaries.package(&binary).await?).await?;
            resource["Properties"]["CodeUri"] = format!("s3://{key}").into();
            functions.push((logical.clone(), binary));
        } else if kind == "AWS::Serverless::StateMachine" {
            let uri = resource["Properties"]["DefinitionUri"].as_str().unwrap_or_default();
            let definition = places.repository.join(uri);
            let content = std::fs::read(&definition);
            let content = content.map_err(LabError::io(format!("reading {}", definition.display())))?;
            let key = format!("{BUCKET}/{logical}.asl.json");
            aws.put_s3(&key, content.into()).await?;
            resource["Properties"]["DefinitionUri"] = format!("s3://{key}").into();
        }
    }
    Ok(functions)
}

/// What a function may still do when it is killed or cut off is waited for until its timeout, which is real time. Unchanged it
/// would be hours of a fast clock, and no retry of the state machine lasts so long.
fn shorten_timeouts(template: &mut Value, scale: f64) {
    let factor = (FULL_TIMEOUTS_UP_TO / scale).min(1.0);
    let shorten = |timeout: &mut Value| {
        if let Some(seconds) = timeout.as_f64() {
            *timeout = ((seconds * factor).ceil() as u64).into();
        }
    };
    let default = template.pointer_mut("/Globals/Function/Timeout").into_iter();
    default.for_each(shorten);
    let resources = template.get_mut("Resources").and_then(Value::as_object_mut);
    for resource in resources.into_iter().flat_map(|resources| resources.values_mut()) {
        if resource["Type"] == "AWS::Serverless::Function" {
            resource.pointer_mut("/Properties/Timeout").into_iter().for_each(shorten);
        }
    }
}

async fn wait_until_complete(aws: &Aws) -> Result<BTreeMap<String, String>, LabError> {
    let begun = Instant::now();
    loop {
        let answer = aws.call("cloudformation", "DescribeStacks", json!({"StackName": STACK})).await?;
        let stack = &answer["Stacks"][0];
        match stack["StackStatus"].as_str().unwrap_or_default() {
            "CREATE_COMPLETE" => {
                let outputs = stack["Outputs"].as_array().into_iter().flatten().filter_map(|output| {
                    Some((output["OutputKey"].as_str()?.to_owned(), output["OutputValue"].as_str()?.to_owned()))
                });
                return Ok(outputs.collect());
            }
            "CREATE_IN_PROGRESS" if begun.elapsed() < DEPLOY_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            "CREATE_IN_PROGRESS" => {
                let seconds = DEPLOY_TIMEOUT.as_secs();
                return Err(LabError::Timeout { what: "creating the stack".into(), seconds, detail: String::new() });
            }
            status => {
                let events = aws.call("cloudformation", "DescribeStackEvents", json!({"StackName": STACK})).await?;
                return Err(LabError::Program {
                    program: "CreateStack".into(),
                    output: format!("{status}\n{}", failures(&events)),
                });
            }
        }
    }
}

/// Makes the stack's alarms in the gateway's CloudWatch, where the functions' metrics are: CloudFormation has made them in ministack.
async fn make_alarms(
    aws: &Aws,
    mut template: Template,
    physical: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, LabError> {
    let resources = template.document.get_mut("Resources").and_then(Value::as_object_mut);
    let mut resources = resources.map(std::mem::take).unwrap_or_default();
    resources.retain(|_, resource| resource["Type"] == ALARM);
    let is_alarm = |logical: &String| resources.contains_key(logical);
    let made = physical.iter().filter(|(logical, _)| !is_alarm(logical)).map(|(logical, id)| {
        // Of a queue `Ref` gives the URL, which ends with the name.
        let name = id.rsplit('/').next().unwrap_or_default().to_owned();
        let attributes = BTreeMap::from([("QueueName".to_owned(), name)]);
        (logical.clone(), Resource { kind: String::new(), id: id.clone(), attributes })
    });
    let made = made.collect();
    let alarms: Vec<String> = resources.keys().cloned().collect();
    template.document["Resources"] = Value::Object(resources);
    // Outputs are those of the whole stack.
    template.document["Outputs"] = Value::Null;
    let stack = template.create_beside(aws, STACK, &BTreeMap::new(), made).await?;
    let named = alarms.into_iter().filter_map(|logical| Some((stack.resources.get(&logical)?.id.clone(), logical)));
    Ok(named.map(|(name, logical)| (logical, name)).collect())
}

fn failures(events: &Value) -> String {
    let events = events["StackEvents"].as_array().into_iter().flatten();
    let failed =
        events.filter(|event| event["ResourceStatus"].as_str().is_some_and(|status| status.ends_with("FAILED")));
    let lines = failed.map(|event| format!("{}: {}", event["LogicalResourceId"], event["ResourceStatusReason"]));
    lines.collect::<Vec<_>>().join("\n")
}

async fn physical_ids(aws: &Aws) -> Result<BTreeMap<String, String>, LabError> {
    let answer = aws.call("cloudformation", "DescribeStackResources", json!({"StackName": STACK})).await?;
    let resources = answer["StackResources"].as_array().into_iter().flatten();
    let ids = resources.filter_map(|resource| {
        let id = |name: &str| resource[name].as_str().map(str::to_owned);
        Some((id("LogicalResourceId")?, id("PhysicalResourceId")?))
    });
    Ok(ids.collect())
}

async fn describe_function(aws: &Aws, binary: String, name: String) -> Result<Function, LabError> {
    let configuration = aws.function_configuration(&name).await?;
    let arn = configuration["FunctionArn"].as_str().unwrap_or_default().to_owned();
    let role = configuration["Role"].as_str().unwrap_or_default().to_owned();
    let policies = policies_of(aws, role.rsplit('/').next().unwrap_or_default()).await?;
    Ok(Function { binary, name, arns: vec![arn.clone(), format!("{arn}:1"), format!("{arn}:live")], role, policies })
}

/// Inline and the stack's own managed policies. AWS's managed ones, for logs and traces, are the platform's affair.
async fn policies_of(aws: &Aws, role: &str) -> Result<Vec<Value>, LabError> {
    let mut documents = Vec::new();
    let names = aws.call("iam", "ListRolePolicies", json!({"RoleName": role})).await?;
    for name in names["PolicyNames"].as_array().into_iter().flatten() {
        let policy = aws.call("iam", "GetRolePolicy", json!({"RoleName": role, "PolicyName": name})).await?;
        documents.push(document(&policy["PolicyDocument"])?);
    }
    let attached = aws.call("iam", "ListAttachedRolePolicies", json!({"RoleName": role})).await?;
    for policy in attached["AttachedPolicies"].as_array().into_iter().flatten() {
        let arn = policy["PolicyArn"].as_str().unwrap_or_default();
        if arn.starts_with("arn:aws:iam::aws:") {
            continue;
        }
        documents.push(policy_document(aws, arn).await?);
    }
    Ok(documents)
}

/// The document of a managed policy.
pub(crate) async fn policy_document(aws: &Aws, arn: &str) -> Result<Value, LabError> {
    let described = aws.call("iam", "GetPolicy", json!({"PolicyArn": arn})).await?;
    let version = &described["Policy"]["DefaultVersionId"];
    let version = aws.call("iam", "GetPolicyVersion", json!({"PolicyArn": arn, "VersionId": version})).await?;
    document(&version["PolicyVersion"]["Document"])
}

/// IAM answers with documents as URL-encoded JSON.
fn document(encoded: &Value) -> Result<Value, LabError> {
    let nonsense = |problem: String| LabError::Exchange { service: "iam".into(), action: "policy".into(), problem };
    let encoded = encoded.as_str().ok_or_else(|| nonsense("a policy without a document".into()))?;
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'%').then(|| [bytes.next(), bytes.next()]);
        let value = match escaped {
            Some([Some(high), Some(low)]) => {
                let digits = [high, low];
                let digits = std::str::from_utf8(&digits).map_err(|e| nonsense(e.to_string()))?;
                u8::from_str_radix(digits, 16).map_err(|e| nonsense(e.to_string()))?
            }
            Some(_) => return Err(nonsense("a document that ends within an escape".into())),
            None => byte,
        };
        decoded.push(value);
    }
    serde_json::from_slice(&decoded).map_err(|e| nonsense(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_as_in_the_template_unless_the_clock_is_fast() {
        let function = |properties: Value| json!({"Type": "AWS::Serverless::Function", "Properties": properties});
        let resources = json!({"One": function(json!({"Timeout": 60})), "Other": function(json!({}))});
        let template = json!({"Globals": {"Function": {"Timeout": 30}}, "Resources": resources});
        for (scale, default, own) in [(1.0, 30, 60), (5.0, 30, 60), (25.0, 6, 12), (40.0, 4, 8)] {
            let mut template = template.clone();
            shorten_timeouts(&mut template, scale);
            assert_eq!(template["Globals"]["Function"]["Timeout"], default, "at scale {scale}");
            assert_eq!(template["Resources"]["One"]["Properties"]["Timeout"], own, "at scale {scale}");
            assert_eq!(template["Resources"]["Other"]["Properties"], json!({}));
        }
    }

    #[test]
    fn a_policy_document_is_url_decoded() {
        let encoded = json!("%7B%22Version%22%3A%222012-10-17%22%7D");
        assert_eq!(document(&encoded).unwrap(), json!({"Version": "2012-10-17"}));
        assert!(document(&json!("%7")).is_err());
    }
}
