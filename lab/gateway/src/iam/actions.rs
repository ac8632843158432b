//! Which permissions a call needs.
//!
//! Source: the service authorization reference, one page per service ("Actions, resources, and condition keys for ...").

use crate::call::Call;
use crate::iam::condition::Context;
use serde_json::Value;
use teal_lab_wire::{ACCOUNT, REGION};

/// An IAM action on one resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Needed {
    pub(crate) action: String,
    /// An ARN, or `*` for actions that have no resource types.
    pub(crate) resource: String,
    /// Condition keys that the request itself gives.
    pub(crate) context: Context,
}

/// What a call needs; `None` for services that the gateway cannot check.
pub(crate) fn needed(call: &Call) -> Option<Vec<Needed>> {
    let input = &call.input;
    let operation = call.operation.as_str();
    match call.service.as_str() {
        "elasticloadbalancing" => Some(on("elasticloadbalancing", operation, load_balancing(operation, input))),
        "monitoring" => Some(on("cloudwatch", operation, monitoring(operation, input))),
        "ecs" => Some(ecs(operation, input)),
        "application-autoscaling" => Some(on("application-autoscaling", operation, application_autoscaling(operation))),
        "dynamodb" => Some(dynamodb(operation, input)),
        "events" => Some(on("events", operation, events(operation, input))),
        "states" => Some(on("states", operation, states(input))),
        "ssm" => Some(on("ssm", operation, ssm(operation, input))),
        _ => None,
    }
}

/// The action of the operation's own name on each resource.
fn on(prefix: &str, operation: &str, resources: Vec<String>) -> Vec<Needed> {
    let action = format!("{prefix}:{operation}");
    let resources = if resources.is_empty() { any() } else { resources };
    resources
        .into_iter()
        .map(|resource| Needed { action: action.clone(), resource, context: Context::default() })
        .collect()
}

fn any() -> Vec<String> {
    vec!["*".to_owned()]
}

/// The ARN of a resource by its name; most operations take the ARN itself, too.
fn arn(service: &str, path: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        name.to_owned()
    } else {
        format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{path}{name}")
    }
}

fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name).and_then(Value::as_str)
}

fn list(input: &Value, name: &str) -> Vec<String> {
    let items = input.get(name).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A form's list: `ResourceArns.member.1` and so on.
fn form_list(input: &Value, name: &str) -> Vec<String> {
    let prefix = format!("{name}.member.");
    let fields = input.as_object().into_iter().flatten();
    fields
        .filter(|(field, _)| field.starts_with(&prefix))
        .filter_map(|(_, value)| value.as_str().map(str::to_owned))
        .collect()
}

/// Describe* have no resource types. The others are about the one thing that they change or add to.
fn load_balancing(operation: &str, input: &Value) -> Vec<String> {
    if operation.starts_with("Describe") {
        return any();
    }
    let parameter = match operation {
        "AddTags" | "RemoveTags" => return form_list(input, "ResourceArns"),
        "CreateTargetGroup" => {
            let name = text(input, "Name").unwrap_or_default();
            return vec![arn("elasticloadbalancing", "targetgroup/", &format!("{name}/new"))];
        }
        "CreateLoadBalancer" => {
            let name = text(input, "Name").unwrap_or_default();
            return vec![arn("elasticloadbalancing", "loadbalancer/app/", &format!("{name}/new"))];
        }
        "SetRulePriorities" => {
            let fields = input.as_object().into_iter().flatten();
            let rules = fields.filter(|(field, _)| field.ends_with(".RuleArn"));
            return rules.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect();
        }
        "ModifyRule" | "DeleteRule" => "RuleArn",
        "RegisterTargets"
        | "DeregisterTargets"
        | "ModifyTargetGroup"
        | "ModifyTargetGroupAttributes"
        | "DeleteTargetGroup" => "TargetGroupArn",
        "ModifyListener" | "ModifyListenerAttributes" | "DeleteListener" | "CreateRule" => "ListenerArn",
        _ => "LoadBalancerArn",
    };
    text(input, parameter).map(str::to_owned).into_iter().collect()
}

/// Reading metrics has no resource types; alarms are resources. DescribeAlarms is asked for all alarms
/// (`alarm:*`): whether AWS narrows it to the names in the request is not documented.
fn monitoring(operation: &str, input: &Value) -> Vec<String> {
    let alarm = |name: &str| arn("cloudwatch", "alarm:", name);
    match operation {
        "DescribeAlarms" | "DescribeAlarmHistory" => vec![alarm("*")],
        "DeleteAlarms" | "EnableAlarmActions" | "DisableAlarmActions" => {
            list(input, "AlarmNames").iter().map(|name| alarm(name)).collect()
        }
        "PutMetricAlarm" | "PutCompositeAlarm" | "SetAlarmState" => {
            text(input, "AlarmName").map(alarm).into_iter().collect()
        }
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            text(input, "ResourceARN").map(str::to_owned).into_iter().collect()
        }
        _ => any(),
    }
}

fn ecs(operation: &str, input: &Value) -> Vec<Needed> {
    let cluster = text(input, "cluster").unwrap_or("default");
    let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
    let service = |name: &str| arn("ecs", &format!("service/{cluster}/"), name);
    let resources = match operation {
        "DescribeServices" => list(input, "services").iter().map(|name| service(name)).collect(),
        "UpdateService" | "DeleteService" => text(input, "service").map(service).into_iter().collect(),
        "CreateService" => text(input, "serviceName").map(service).into_iter().collect(),
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            text(input, "resourceArn").map(str::to_owned).into_iter().collect()
        }
        "DescribeClusters" => list(input, "clusters").iter().map(|name| arn("ecs", "cluster/", name)).collect(),
        "DescribeTasks" => {
            list(input, "tasks").iter().map(|task| arn("ecs", &format!("task/{cluster}/"), task)).collect()
        }
        _ => any(),
    };
    let mut needed = on("ecs", operation, resources);
    for one in &mut needed {
        one.context.extend([("ecs:cluster".to_owned(), vec![arn("ecs", "cluster/", cluster)])]);
    }
    needed
}

/// The ARN of a scalable target holds an identifier that only AWS knows: patterns for it must end in a star.
fn application_autoscaling(operation: &str) -> Vec<String> {
    if operation.starts_with("Describe") {
        any()
    } else {
        vec![arn("application-autoscaling", "scalable-target/", "0")]
    }
}

/// A transaction needs the permission of each of its items' operations, not one of its own.
fn dynamodb(operation: &str, input: &Value) -> Vec<Needed> {
    let table = |name: &str| arn("dynamodb", "table/", name);
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let items = input.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
            let members = items.filter_map(Value::as_object).flatten();
            members
                .flat_map(|(kind, item)| {
                    let operation =
                        if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") };
                    on("dynamodb", &operation, text(item, "TableName").map(table).into_iter().collect())
                })
                .collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = input.get("RequestItems").and_then(Value::as_object).into_iter().flatten();
            on("dynamodb", operation, tables.map(|(name, _)| table(name)).collect())
        }
        "ListTables" | "DescribeLimits" | "DescribeEndpoints" => on("dynamodb", operation, any()),
        _ => {
            let index = text(input, "IndexName").map(|index| format!("/index/{index}")).unwrap_or_default();
            let resource = text(input, "TableName").map(|name| format!("{}{index}", table(name)));
            on("dynamodb", operation, resource.into_iter().collect())
        }
    }
}

fn events(operation: &str, input: &Value) -> Vec<String> {
    let bus = |name: &str| arn("events", "event-bus/", name);
    let bus_name = text(input, "EventBusName").unwrap_or("default");
    match operation {
        "PutEvents" => {
            let entries = input.get("Entries").and_then(Value::as_array).into_iter().flatten();
            let mut buses: Vec<_> =
                entries.map(|entry| bus(text(entry, "EventBusName").unwrap_or("default"))).collect();
            buses.dedup();
            buses
        }
        "ListRules" | "ListEventBuses" => any(),
        _ => {
            let rule = text(input, "Rule").or_else(|| text(input, "Name"));
            let path = if bus_name == "default" { String::new() } else { format!("{bus_name}/") };
            rule.map(|rule| arn("events", &format!("rule/{path}"), rule)).into_iter().collect()
        }
    }
}

fn states(input: &Value) -> Vec<String> {
    let names = ["executionArn", "stateMachineArn", "stateMachineVersionArn", "stateMachineAliasArn", "resourceArn"];
    names.into_iter().find_map(|name| text(input, name)).map(str::to_owned).into_iter().collect()
}

fn ssm(operation: &str, input: &Value) -> Vec<String> {
    let parameter = |name: &str| arn("ssm", "parameter/", name.trim_start_matches('/'));
    match operation {
        "GetParameters" => list(input, "Names").iter().map(|name| parameter(name)).collect(),
        "GetParametersByPath" => text(input, "Path").map(parameter).into_iter().collect(),
        _ => text(input, "Name").map(parameter).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Protocol;
    use serde_json::json;

    fn call(service: &str, operation: &str, input: Value) -> Call {
        Call {
            access_key: "AKID".to_owned(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            protocol: Protocol::Json,
            input,
        }
    }

    #[test]
    fn calls_and_the_permissions_they_need() {
        let lb = "arn:aws:elasticloadbalancing:us-east-1:000000000000";
        let listener = format!("{lb}:listener/app/shop/1/2");
        let rule = format!("{lb}:listener-rule/app/shop/1/2/3");
        let table = "arn:aws:dynamodb:us-east-1:000000000000:table/releases";
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:teal";
        let table = [
            (
                "elasticloadbalancing",
                "DescribeListeners",
                json!({"ListenerArns.member.1": listener}),
                vec![("elasticloadbalancing:DescribeListeners", "*".to_owned())],
            ),
            (
                "elasticloadbalancing",
                "ModifyListener",
                json!({"ListenerArn": listener}),
                vec![("elasticloadbalancing:ModifyListener", listener)],
            ),
            (
                "elasticloadbalancing",
                "ModifyRule",
                json!({"RuleArn": rule}),
                vec![("elasticloadbalancing:ModifyRule", rule.clone())],
            ),
            (
                "elasticloadbalancing",
                "AddTags",
                json!({"ResourceArns.member.1": rule}),
                vec![("elasticloadbalancing:AddTags", rule)],
            ),
            ("monitoring", "GetMetricData", json!({}), vec![("cloudwatch:GetMetricData", "*".to_owned())]),
            (
                "monitoring",
                "DescribeAlarms",
                json!({"AlarmNames": ["a"]}),
                vec![("cloudwatch:DescribeAlarms", "arn:aws:cloudwatch:us-east-1:000000000000:alarm:*".to_owned())],
            ),
            (
                "monitoring",
                "SetAlarmState",
                json!({"AlarmName": "a"}),
                vec![("cloudwatch:SetAlarmState", "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a".to_owned())],
            ),
            (
                "ecs",
                "UpdateService",
                json!({"cluster": "prod", "service": "a"}),
                vec![("ecs:UpdateService", "arn:aws:ecs:us-east-1:000000000000:service/prod/a".to_owned())],
            ),
            (
                "ecs",
                "DescribeTaskDefinition",
                json!({"taskDefinition": "t:1"}),
                vec![("ecs:DescribeTaskDefinition", "*".to_owned())],
            ),
            (
                "application-autoscaling",
                "DescribeScalableTargets",
                json!({}),
                vec![("application-autoscaling:DescribeScalableTargets", "*".to_owned())],
            ),
            (
                "dynamodb",
                "TransactWriteItems",
                json!({"TransactItems": [
                    {"Put": {"TableName": "releases"}}, {"Update": {"TableName": "releases"}},
                    {"Delete": {"TableName": "releases"}}, {"ConditionCheck": {"TableName": "releases"}},
                ]}),
                vec![
                    ("dynamodb:PutItem", table.to_owned()),
                    ("dynamodb:UpdateItem", table.to_owned()),
                    ("dynamodb:DeleteItem", table.to_owned()),
                    ("dynamodb:ConditionCheckItem", table.to_owned()),
                ],
            ),
            (
                "dynamodb",
                "Query",
                json!({"TableName": "releases", "IndexName": "open"}),
                vec![("dynamodb:Query", format!("{table}/index/open"))],
            ),
            ("dynamodb", "GetItem", json!({"TableName": table}), vec![("dynamodb:GetItem", table.to_owned())]),
            (
                "events",
                "PutEvents",
                json!({"Entries": [{"Source": "teal"}, {"Source": "teal"}]}),
                vec![("events:PutEvents", "arn:aws:events:us-east-1:000000000000:event-bus/default".to_owned())],
            ),
            (
                "states",
                "StartExecution",
                json!({"stateMachineArn": machine}),
                vec![("states:StartExecution", machine.to_owned())],
            ),
            (
                "ssm",
                "GetParameter",
                json!({"Name": "/teal/x"}),
                vec![("ssm:GetParameter", "arn:aws:ssm:us-east-1:000000000000:parameter/teal/x".to_owned())],
            ),
        ];
        for (service, operation, input, expected) in table {
            let needed = needed(&call(service, operation, input)).unwrap();
            let got: Vec<_> = needed.iter().map(|one| (one.action.as_str(), one.resource.clone())).collect();
            assert_eq!(got, expected, "{operation}");
        }
    }

    #[test]
    fn services_without_a_table_are_not_checked() {
        assert_eq!(needed(&call("sts", "GetCallerIdentity", json!({}))), None);
    }
}
