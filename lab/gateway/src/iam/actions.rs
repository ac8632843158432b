//! Which permissions a call needs.
//!
//! Source: the service authorization reference, one page per service ("Actions, resources, and condition keys for ...").
//! Condition keys that no call gives here (`dynamodb:Attributes`, say) count as absent.

mod appconfig;
mod codedeploy;
mod lambda;
#[cfg(test)]
mod tests;

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
        "elasticloadbalancing" => {
            let mut needed = on("elasticloadbalancing", operation, load_balancing(operation, input));
            needed.extend(user_pools(input));
            Some(needed)
        }
        "monitoring" => Some(on("cloudwatch", operation, monitoring(operation, input))),
        "ecs" => Some(ecs(operation, input)),
        "application-autoscaling" => Some(application_autoscaling(operation, input)),
        "autoscaling" => Some(autoscaling(operation, input)),
        "elasticbeanstalk" => Some(beanstalk(operation, input)),
        "dynamodb" => Some(dynamodb(operation, input)),
        "events" => Some(events(operation, input)),
        "states" => Some(on("states", operation, states(input))),
        "logs" => Some(on("logs", operation, logs(operation, input))),
        "ssm" => Some(on("ssm", operation, ssm(operation, input))),
        "sts" if operation == "AssumeRole" => {
            Some(on("sts", operation, text(input, "RoleArn").into_iter().map(str::to_owned).collect()))
        }
        "lambda" => lambda::needed(operation, input),
        "s3" => s3(operation, input),
        "appconfig" => Some(appconfig::needed(operation, input)),
        "codedeploy" => Some(codedeploy::needed(operation, input)),
        "codebuild" => Some(on("codebuild", operation, projects(input))),
        // Of what is called here none has resource types.
        "ec2" => Some(on("ec2", operation, any())),
        // Answers to jobs have no resource types.
        "codepipeline" => Some(on("codepipeline", operation, any())),
        _ => None,
    }
}

/// Whether the gateway sees when an action is used: not what AWS itself does in a function's name (its logs, its
/// traces, its dead-letter queue).
pub(crate) fn is_checked(action: &str) -> bool {
    let some = [
        "ec2:DescribeInstances",
        "lambda:GetAlias",
        "lambda:GetFunctionConfiguration",
        "lambda:InvokeFunction",
        "lambda:UpdateAlias",
        "logs:GetQueryResults",
        "logs:StartQuery",
        "sts:AssumeRole",
    ];
    if some.contains(&action) {
        return true;
    }
    let service = action.split(':').next().unwrap_or_default();
    [
        "appconfig",
        "application-autoscaling",
        "autoscaling",
        "cloudwatch",
        "codebuild",
        "codedeploy",
        "codepipeline",
        "cognito-idp",
        "dynamodb",
        "ecs",
        "elasticbeanstalk",
        "elasticloadbalancing",
        "events",
        "s3",
        "ssm",
        "states",
    ]
    .contains(&service.to_ascii_lowercase().as_str())
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

fn with_context(mut needed: Vec<Needed>, key: &str, value: &str) -> Vec<Needed> {
    for one in &mut needed {
        one.context.extend([(key.to_owned(), vec![value.to_owned()])]);
    }
    needed
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
            let kind = if text(input, "Type") == Some("network") { "net" } else { "app" };
            return vec![arn("elasticloadbalancing", &format!("loadbalancer/{kind}/"), &format!("{name}/new"))];
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

/// A listener or rule with an authenticate-cognito action: ELB looks its client up in the caller's name.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html>
fn user_pools(input: &Value) -> Vec<Needed> {
    let fields = input.as_object().into_iter().flatten();
    let pools = fields.filter(|(field, _)| field.ends_with(".AuthenticateCognitoConfig.UserPoolArn"));
    let pools: Vec<_> = pools.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect();
    if pools.is_empty() { Vec::new() } else { on("cognito-idp", "DescribeUserPoolClient", pools) }
}

/// Reading metrics has no resource types; alarms are resources. DescribeAlarms is asked for all alarms
/// (`alarm:*`): whether AWS narrows it to the names in the request is not documented.
/// A query is started on log groups; what it found has no resource type.
fn logs(operation: &str, input: &Value) -> Vec<String> {
    if operation != "StartQuery" {
        return vec!["*".to_owned()];
    }
    let names = ["logGroupNames", "logGroupIdentifiers"].into_iter().filter_map(|member| input[member].as_array());
    let names = names.flatten().chain([&input["logGroupName"]]).filter_map(Value::as_str);
    names.map(|name| format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*")).collect()
}

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
    // Service deployments and revisions are known by ARN alone: `service-deployment/CLUSTER/SERVICE/ID`.
    let arns: Vec<String> = ["serviceDeploymentArns", "serviceRevisionArns"]
        .iter()
        .flat_map(|name| list(input, name))
        .chain(text(input, "serviceDeploymentArn").map(str::to_owned))
        .collect();
    let of_arn = arns.first().and_then(|arn| arn.split('/').nth(1));
    let cluster = of_arn.or(text(input, "cluster")).unwrap_or("default");
    let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
    let service = |name: &str| arn("ecs", &format!("service/{cluster}/"), name);
    let resources = match operation {
        "DescribeServices" => list(input, "services").iter().map(|name| service(name)).collect(),
        "UpdateService" | "DeleteService" | "ListServiceDeployments" => {
            text(input, "service").map(service).into_iter().collect()
        }
        "DescribeServiceDeployments"
        | "DescribeServiceRevisions"
        | "StopServiceDeployment"
        | "ContinueServiceDeployment" => arns.clone(),
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
    let mut needed = on("ecs", operation, resources.clone());
    if operation == "CreateService" {
        // Tags given at creation, and the role for a load balancer, need permissions of their own.
        if input.get("tags").and_then(Value::as_array).is_some_and(|tags| !tags.is_empty()) {
            needed.extend(with_context(on("ecs", "TagResource", resources), "ecs:CreateAction", operation));
        }
        if let Some(role) = text(input, "role") {
            let role =
                if role.starts_with("arn:") { role.to_owned() } else { format!("arn:aws:iam::{ACCOUNT}:role/{role}") };
            needed.extend(passing(role, "ecs.amazonaws.com"));
        }
    }
    with_context(needed, "ecs:cluster", &arn("ecs", "cluster/", cluster))
}

/// Handing a role to a service.
fn passing(role: String, service: &str) -> Vec<Needed> {
    with_context(on("iam", "PassRole", vec![role]), "iam:PassedToService", service)
}

/// Environments, configuration templates and versions stand behind their application. Which one that is of an environment is not in
/// every request.
fn beanstalk(operation: &str, input: &Value) -> Vec<Needed> {
    let application = text(input, "ApplicationName").unwrap_or("application");
    let named = |kind: &str, name: &str| arn("elasticbeanstalk", &format!("{kind}/{application}/"), name);
    let one = |kind: &str, field: &str| text(input, field).map(|name| named(kind, name)).into_iter().collect();
    let resources: Vec<String> = match operation {
        "CreateConfigurationTemplate" | "DeleteConfigurationTemplate" => one("configurationtemplate", "TemplateName"),
        "DescribeApplicationVersions" => {
            form_list(input, "VersionLabels").iter().map(|label| named("applicationversion", label)).collect()
        }
        "DescribeEnvironments" => {
            form_list(input, "EnvironmentNames").iter().map(|name| named("environment", name)).collect()
        }
        "SwapEnvironmentCNAMEs" => ["SourceEnvironmentId", "DestinationEnvironmentId"]
            .into_iter()
            .filter_map(|field| text(input, field).map(|id| named("environment", id)))
            .collect(),
        _ => ["EnvironmentName", "EnvironmentId"]
            .into_iter()
            .find_map(|field| text(input, field).map(|name| named("environment", name)))
            .into_iter()
            .collect(),
    };
    let mut needed = on("elasticbeanstalk", operation, resources);
    needed.extend(saved_configuration(operation, input));
    if let Some(role) = text(input, "OperationsRole") {
        needed.extend(passing(role.to_owned(), "elasticbeanstalk.amazonaws.com"));
    }
    needed
}

/// A configuration template is an object in Elastic Beanstalk's bucket, which is kept there in the caller's name. Which actions that takes AWS does
/// not list: here it takes those without which there is no such object, and a look at the bucket.
/// <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/concepts-roles-user.html>
/// <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/environment-configuration-savedconfig.html>
fn saved_configuration(operation: &str, input: &Value) -> Vec<Needed> {
    let Some(name) = text(input, "TemplateName") else { return Vec::new() };
    let application = text(input, "ApplicationName").unwrap_or("application");
    let bucket = format!("arn:aws:s3:::elasticbeanstalk-{REGION}-{ACCOUNT}");
    let object = format!("{bucket}/resources/templates/{application}/{name}");
    let actions = match operation {
        "CreateConfigurationTemplate" => {
            vec![("GetBucketLocation", &bucket), ("ListBucket", &bucket), ("PutObject", &object)]
        }
        "DeleteConfigurationTemplate" => vec![("DeleteObject", &object)],
        "CreateEnvironment" => vec![("GetObject", &object)],
        _ => Vec::new(),
    };
    actions.into_iter().flat_map(|(action, resource)| on("s3", action, vec![resource.clone()])).collect()
}

/// The ARN of a scalable target holds an identifier that only AWS knows: patterns for it must end in a star. The alarms
/// of a target-tracking policy are made and deleted in the caller's name.
fn application_autoscaling(operation: &str, input: &Value) -> Vec<Needed> {
    let describes = operation.starts_with("Describe");
    let resources = if describes { any() } else { vec![arn("application-autoscaling", "scalable-target/", "0")] };
    let mut needed = on("application-autoscaling", operation, resources);
    for (parameter, key) in [
        ("ServiceNamespace", "application-autoscaling:service-namespace"),
        ("ScalableDimension", "application-autoscaling:scalable-dimension"),
    ] {
        if let Some(value) = text(input, parameter) {
            needed = with_context(needed, key, value);
        }
    }
    let alarm = || {
        let target = text(input, "ResourceId").unwrap_or_default();
        vec![arn("cloudwatch", "alarm:", &format!("TargetTracking-{target}-AlarmHigh"))]
    };
    match operation {
        "PutScalingPolicy" if text(input, "PolicyType") == Some("TargetTrackingScaling") => {
            needed.extend(on("cloudwatch", "PutMetricAlarm", alarm()));
            needed.extend(on("cloudwatch", "DescribeAlarms", vec![arn("cloudwatch", "alarm:", "*")]));
        }
        "DeleteScalingPolicy" => needed.extend(on("cloudwatch", "DeleteAlarms", alarm())),
        _ => {}
    }
    needed
}

/// Describe* have no resource types; the others are about the group that they name. Its ARN holds an identifier that only
/// AWS knows: patterns for it have a star there. What a launch template launches needs `ec2:RunInstances`, and its tags
/// `ec2:CreateTags`, too.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html>
fn autoscaling(operation: &str, input: &Value) -> Vec<Needed> {
    let group = text(input, "AutoScalingGroupName").unwrap_or_default();
    let resource = format!("arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:0:autoScalingGroupName/{group}");
    let resources = if operation.starts_with("Describe") { any() } else { vec![resource] };
    let mut needed = on("autoscaling", operation, resources.clone());
    let has = |prefix: &str| input.as_object().into_iter().flatten().any(|(field, _)| field.starts_with(prefix));
    if has("LaunchTemplate.") || has("MixedInstancesPolicy.") {
        let instances = vec![arn("ec2", "instance/", "*")];
        needed.extend(with_context(
            on("ec2", "RunInstances", instances.clone()),
            "ec2:IsLaunchTemplateResource",
            "true",
        ));
        // Of AWS only where the template has tags for what it launches, which is so of most.
        needed.extend(with_context(on("ec2", "CreateTags", instances), "ec2:CreateAction", "RunInstances"));
    }
    if let Some(role) = text(input, "ServiceLinkedRoleARN") {
        // AWS asks for it where the role is not the default one; what is said of that one is not clear.
        needed.extend(passing(role.to_owned(), "autoscaling.amazonaws.com"));
    }
    if operation == "CreateAutoScalingGroup" && has("Tags.") {
        needed.extend(on("autoscaling", "CreateOrUpdateTags", resources));
    }
    needed
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
                    let needed = on("dynamodb", &operation, text(item, "TableName").map(table).into_iter().collect());
                    with_leading_key(needed, item)
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
            with_leading_key(on("dynamodb", operation, resource.into_iter().collect()), input)
        }
    }
}

/// The partition of the item that a request names. Tables in the lab are Teal's, where it is the attribute `pk`.
fn with_leading_key(needed: Vec<Needed>, request: &Value) -> Vec<Needed> {
    let key = ["/Item/pk/S", "/Key/pk/S"].iter().find_map(|path| request.pointer(path)?.as_str());
    match key {
        Some(key) => with_context(needed, "dynamodb:LeadingKeys", key),
        None => needed,
    }
}

fn events(operation: &str, input: &Value) -> Vec<Needed> {
    let bus = |name: &str| arn("events", "event-bus/", name);
    match operation {
        "PutEvents" => {
            let entries = input.get("Entries").and_then(Value::as_array).into_iter().flatten();
            entries
                .flat_map(|entry| {
                    let bus = bus(text(entry, "EventBusName").unwrap_or("default"));
                    let needed = on("events", operation, vec![bus]);
                    let needed = with_context(needed, "events:source", text(entry, "Source").unwrap_or_default());
                    with_context(needed, "events:detail-type", text(entry, "DetailType").unwrap_or_default())
                })
                .collect()
        }
        "ListRules" | "ListEventBuses" => on("events", operation, any()),
        _ => {
            let rule = text(input, "Rule").or_else(|| text(input, "Name"));
            let path = match text(input, "EventBusName") {
                None | Some("default") => "rule/".to_owned(),
                Some(bus) => format!("rule/{bus}/"),
            };
            on("events", operation, rule.map(|rule| arn("events", &path, rule)).into_iter().collect())
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

/// Reading and writing objects; a version of one is read by a permission of its own. `None` for what else S3 can do.
fn s3(operation: &str, input: &Value) -> Option<Vec<Needed>> {
    let (method, path) = operation.split_once(' ')?;
    let object =
        path.strip_prefix('/').filter(|object| object.split_once('/').is_some_and(|(_, key)| !key.is_empty()))?;
    let action = match method {
        "GET" | "HEAD" if text(input, "versionId").is_some() => "GetObjectVersion",
        "GET" | "HEAD" => "GetObject",
        "PUT" => "PutObject",
        _ => return None,
    };
    Some(on("s3", action, vec![format!("arn:aws:s3:::{object}")]))
}

/// The projects of a build that is started, or of builds by their ids: `project:uuid`.
fn projects(input: &Value) -> Vec<String> {
    let named = text(input, "projectName").map(str::to_owned);
    let of_builds = list(input, "ids").into_iter().filter_map(|id| Some(id.split_once(':')?.0.to_owned()));
    named.into_iter().chain(of_builds).map(|name| arn("codebuild", "project/", &name)).collect()
}
