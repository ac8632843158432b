//! What CloudFormation calls for each type of resource.
//!
//! Property names are those of the API with little exception: Elastic Load Balancing, CloudWatch and Application Auto
//! Scaling take them as they are, ECS in lower camel case.

use super::Resource;
use super::codedeploy::{self, CODEDEPLOY};
use super::evaluate::text;
use super::functions::{self, LAMBDA};
use crate::{Aws, LabError};
use http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use teal_lab_wire::{ACCOUNT, REGION};

const ELB: &str = "elasticloadbalancing";

/// What the types of AWS AppConfig begin with.
const APPCONFIG: &str = "AWS::AppConfig::";

/// Creates one resource; `None` if the lab does not know its type.
pub(super) async fn create(
    aws: &Aws,
    kind: &str,
    physical: &str,
    properties: Value,
) -> Result<Option<Resource>, LabError> {
    let properties = match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    };
    let (id, attributes) = match kind {
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => load_balancer(aws, physical, properties).await?,
        "AWS::ElasticLoadBalancingV2::TargetGroup" => target_group(aws, physical, properties).await?,
        "AWS::ElasticLoadBalancingV2::Listener" => {
            let answer = aws.call(ELB, "CreateListener", properties.into()).await?;
            same_as_id(&answer["Listeners"][0]["ListenerArn"], "ListenerArn")
        }
        "AWS::ElasticLoadBalancingV2::ListenerRule" => {
            let answer = aws.call(ELB, "CreateRule", properties.into()).await?;
            same_as_id(&answer["Rules"][0]["RuleArn"], "RuleArn")
        }
        "AWS::ECS::Cluster" => {
            let answer = ecs(aws, "CreateCluster", "clusterName", physical, properties).await?;
            let cluster = &answer["cluster"];
            (text(&cluster["clusterName"]), attributes([("Arn", &cluster["clusterArn"])]))
        }
        "AWS::ECS::TaskDefinition" => {
            let answer = ecs(aws, "RegisterTaskDefinition", "family", physical, properties).await?;
            same_as_id(&answer["taskDefinition"]["taskDefinitionArn"], "TaskDefinitionArn")
        }
        "AWS::ECS::Service" => {
            let mut properties = properties;
            // What CloudFormation starts a service with when its template does not say.
            properties.entry("DesiredCount").or_insert_with(|| 1.into());
            let answer = ecs(aws, "CreateService", "serviceName", physical, properties).await?;
            let service = &answer["service"];
            let named = [("Name", &service["serviceName"]), ("ServiceArn", &service["serviceArn"])];
            (text(&service["serviceArn"]), attributes(named))
        }
        "AWS::EC2::LaunchTemplate" => launch_template(aws, physical, properties).await?,
        "AWS::AutoScaling::AutoScalingGroup" => {
            let mut properties = properties;
            let name = text(properties.entry("AutoScalingGroupName").or_insert_with(|| physical.into()));
            if let Some(Value::Array(subnets)) = properties.get("VPCZoneIdentifier") {
                let joined = subnets.iter().map(text).collect::<Vec<_>>().join(",");
                properties.insert("VPCZoneIdentifier".into(), joined.into());
            }
            aws.call("autoscaling", "CreateAutoScalingGroup", properties.into()).await?;
            (name, BTreeMap::new())
        }
        "AWS::ElasticBeanstalk::Application" => {
            // The lab takes any name for one.
            (properties.get("ApplicationName").map_or_else(|| physical.to_owned(), text), BTreeMap::new())
        }
        "AWS::ElasticBeanstalk::ApplicationVersion" => {
            let mut properties = properties;
            properties.insert("VersionLabel".into(), physical.into());
            aws.call("elasticbeanstalk", "CreateApplicationVersion", properties.into()).await?;
            (physical.to_owned(), BTreeMap::new())
        }
        "AWS::ElasticBeanstalk::Environment" => {
            let answer = aws.call("elasticbeanstalk", "CreateEnvironment", properties.into()).await?;
            (text(&answer["EnvironmentName"]), BTreeMap::new())
        }
        "AWS::AutoScaling::ScalingPolicy" => {
            let mut properties = properties;
            properties.entry("PolicyName").or_insert_with(|| physical.into());
            let answer = aws.call("autoscaling", "PutScalingPolicy", properties.into()).await?;
            same_as_id(&answer["PolicyARN"], "Arn")
        }
        "AWS::ApplicationAutoScaling::ScalableTarget" => {
            let target = ["ResourceId", "ScalableDimension", "ServiceNamespace"]
                .map(|name| properties.get(name).map(text).unwrap_or_default());
            aws.call("application-autoscaling", "RegisterScalableTarget", properties.into()).await?;
            (target.join("|"), BTreeMap::new())
        }
        "AWS::ApplicationAutoScaling::ScalingPolicy" => scaling_policy(aws, physical, properties).await?,
        "AWS::CloudWatch::Alarm" => alarm(aws, "PutMetricAlarm", physical, properties).await?,
        "AWS::CloudWatch::CompositeAlarm" => alarm(aws, "PutCompositeAlarm", physical, properties).await?,
        "AWS::CloudWatch::Dashboard" => {
            let name = properties.get("DashboardName").map_or_else(|| physical.to_owned(), text);
            aws.call("monitoring", "PutDashboard", properties.into()).await?;
            (name, BTreeMap::new())
        }
        "AWS::SSM::Parameter" => parameter(aws, properties).await?,
        kind if kind.starts_with(APPCONFIG) => appconfig(aws, kind, properties).await?,
        kind if kind.starts_with(CODEDEPLOY) => return codedeploy::create(aws, kind, physical, properties).await,
        kind if kind.starts_with(LAMBDA) => return functions::create(aws, kind, properties).await,
        // The lab has no networks, roles, logs or log-ins of the user's; what refers to them gets a name.
        "AWS::EC2::SecurityGroup"
        | "AWS::EC2::SecurityGroupIngress"
        | "AWS::EC2::SecurityGroupEgress"
        | "AWS::IAM::InstanceProfile"
        | "AWS::IAM::ManagedPolicy"
        | "AWS::IAM::Role"
        | "AWS::Logs::LogGroup" => named_only(kind, physical, &properties),
        _ => return Ok(None),
    };
    Ok(Some(Resource { kind: kind.into(), id, attributes }))
}

/// A launch template, or, where there is one of that name, its next version.
async fn launch_template(
    aws: &Aws,
    physical: &str,
    mut properties: Map<String, Value>,
) -> Result<(String, BTreeMap<String, String>), LabError> {
    properties.entry("LaunchTemplateName").or_insert_with(|| physical.into());
    let answer = match aws.call("ec2", "CreateLaunchTemplate", properties.clone().into()).await {
        Err(LabError::Aws { code, .. }) if code.contains("AlreadyExists") => {
            let answer = aws.call("ec2", "CreateLaunchTemplateVersion", properties.into()).await?;
            let version = &answer["launchTemplateVersion"];
            let named = attributes([("LatestVersionNumber", &version["versionNumber"])]);
            return Ok((text(&version["launchTemplateId"]), named));
        }
        other => other?,
    };
    let template = &answer["launchTemplate"];
    let named = attributes([("LatestVersionNumber", &template["latestVersionNumber"])]);
    Ok((text(&template["launchTemplateId"]), named))
}

/// A resource of AWS AppConfig, by the path that it is made under.
async fn appconfig(
    aws: &Aws,
    kind: &str,
    mut properties: Map<String, Value>,
) -> Result<(String, BTreeMap<String, String>), LabError> {
    let mut taken = |name: &str| properties.remove(name).map(|value| text(&value)).unwrap_or_default();
    let (path, header, id) = match kind.strip_prefix(APPCONFIG).unwrap_or_default() {
        "Application" => ("/applications".to_owned(), None, "Id"),
        "DeploymentStrategy" => ("/deploymentstrategies".to_owned(), None, "Id"),
        "Environment" => (format!("/applications/{}/environments", taken("ApplicationId")), None, "Id"),
        "ConfigurationProfile" => {
            (format!("/applications/{}/configurationprofiles", taken("ApplicationId")), None, "Id")
        }
        "Deployment" => {
            let (application, environment) = (taken("ApplicationId"), taken("EnvironmentId"));
            (format!("/applications/{application}/environments/{environment}/deployments"), None, "DeploymentNumber")
        }
        "HostedConfigurationVersion" => {
            let (application, profile) = (taken("ApplicationId"), taken("ConfigurationProfileId"));
            let path =
                format!("/applications/{application}/configurationprofiles/{profile}/hostedconfigurationversions");
            (path, Some("version-number"), "")
        }
        other => return Err(LabError::document("template", format!("the lab does not know {APPCONFIG}{other}"))),
    };
    let body = match header {
        Some(_) => taken("Content"),
        None => Value::from(properties).to_string(),
    };
    let answer = aws.rest("appconfig", Method::POST, &path, body.into(), header).await?;
    let id = text(if header.is_some() { &answer } else { &answer[id] });
    let value = Value::from(id.as_str());
    Ok((id, attributes([("Id", &value)])))
}

async fn load_balancer(
    aws: &Aws,
    physical: &str,
    mut properties: Map<String, Value>,
) -> Result<(String, BTreeMap<String, String>), LabError> {
    let settings = properties.remove("LoadBalancerAttributes");
    properties.entry("Name").or_insert_with(|| short_name(physical).into());
    let answer = aws.call(ELB, "CreateLoadBalancer", properties.into()).await?;
    let created = &answer["LoadBalancers"][0];
    let arn = text(&created["LoadBalancerArn"]);
    if let Some(settings) = settings {
        let parameters = json!({"LoadBalancerArn": arn, "Attributes": settings});
        aws.call(ELB, "ModifyLoadBalancerAttributes", parameters).await?;
    }
    let full_name = arn.split_once("loadbalancer/").map(|(_, name)| name.to_owned()).unwrap_or_default();
    let mut named = attributes([
        ("LoadBalancerArn", &created["LoadBalancerArn"]),
        ("LoadBalancerName", &created["LoadBalancerName"]),
        ("DNSName", &created["DNSName"]),
        ("CanonicalHostedZoneID", &created["CanonicalHostedZoneId"]),
    ]);
    named.insert("LoadBalancerFullName".into(), full_name);
    Ok((arn, named))
}

async fn target_group(
    aws: &Aws,
    physical: &str,
    mut properties: Map<String, Value>,
) -> Result<(String, BTreeMap<String, String>), LabError> {
    let settings = properties.remove("TargetGroupAttributes");
    let targets = properties.remove("Targets");
    properties.entry("Name").or_insert_with(|| short_name(physical).into());
    let answer = aws.call(ELB, "CreateTargetGroup", properties.into()).await?;
    let created = &answer["TargetGroups"][0];
    let arn = text(&created["TargetGroupArn"]);
    if let Some(settings) = settings {
        let parameters = json!({"TargetGroupArn": arn, "Attributes": settings});
        aws.call(ELB, "ModifyTargetGroupAttributes", parameters).await?;
    }
    if let Some(targets) = targets {
        aws.call(ELB, "RegisterTargets", json!({"TargetGroupArn": arn, "Targets": targets})).await?;
    }
    let full_name = arn.rsplit(':').next().unwrap_or_default().to_owned();
    let mut named =
        attributes([("TargetGroupArn", &created["TargetGroupArn"]), ("TargetGroupName", &created["TargetGroupName"])]);
    named.insert("TargetGroupFullName".into(), full_name);
    Ok((arn, named))
}

async fn scaling_policy(
    aws: &Aws,
    physical: &str,
    mut properties: Map<String, Value>,
) -> Result<(String, BTreeMap<String, String>), LabError> {
    // A policy may name its target by the id that Ref gives: resource, dimension and namespace.
    if let Some(target) = properties.remove("ScalingTargetId") {
        let names = ["ResourceId", "ScalableDimension", "ServiceNamespace"];
        for (name, part) in names.into_iter().zip(text(&target).split('|')) {
            properties.insert(name.into(), part.into());
        }
    }
    properties.entry("PolicyName").or_insert_with(|| physical.into());
    let answer = aws.call("application-autoscaling", "PutScalingPolicy", properties.into()).await?;
    Ok(same_as_id(&answer["PolicyARN"], "Arn"))
}

async fn alarm(
    aws: &Aws,
    operation: &str,
    physical: &str,
    mut properties: Map<String, Value>,
) -> Result<(String, BTreeMap<String, String>), LabError> {
    let name = text(properties.entry("AlarmName").or_insert_with(|| physical.into()));
    aws.call("monitoring", operation, properties.into()).await?;
    let arn = Value::from(format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"));
    let named = attributes([("Arn", &arn)]);
    Ok((name, named))
}

async fn parameter(
    aws: &Aws,
    mut properties: Map<String, Value>,
) -> Result<(String, BTreeMap<String, String>), LabError> {
    let name = properties.get("Name").map(text).unwrap_or_default();
    let [kind, value] = ["Type", "Value"].map(|field| properties.get(field).cloned().unwrap_or_default());
    // A map in the template, a list in the API.
    properties.remove("Tags");
    aws.call("ssm", "PutParameter", properties.into()).await?;
    Ok((name, attributes([("Type", &kind), ("Value", &value)])))
}

/// Whether a stack update writes an action list with it.
pub(super) fn is_listener(kind: &str) -> bool {
    ["AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule"].contains(&kind)
}

/// Writes a listener or rule as its template has it.
pub(super) async fn update_listener(aws: &Aws, resource: &Resource, properties: Value) -> Result<(), LabError> {
    let (action, arn, actions) = match resource.kind.as_str() {
        "AWS::ElasticLoadBalancingV2::Listener" => ("ModifyListener", "ListenerArn", "DefaultActions"),
        _ => ("ModifyRule", "RuleArn", "Actions"),
    };
    let parameters = json!({(arn): resource.id, (actions): properties[actions]});
    aws.call(ELB, action, parameters).await.map(drop)
}

fn named_only(kind: &str, physical: &str, properties: &Map<String, Value>) -> (String, BTreeMap<String, String>) {
    let own = ["RoleName", "LogGroupName"].iter().find_map(|name| properties.get(*name));
    let id = own.map_or_else(|| physical.to_owned(), text);
    let arn = match kind {
        "AWS::IAM::Role" => format!("arn:aws:iam::{ACCOUNT}:role/{id}"),
        "AWS::Logs::LogGroup" => format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{id}:*"),
        _ => format!("arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{id}"),
    };
    let arn = Value::from(arn);
    let group = Value::from(id.as_str());
    (id, attributes([("Arn", &arn), ("GroupId", &group)]))
}

/// Calls ECS with CloudFormation's properties and a generated name where the template gives none.
async fn ecs(
    aws: &Aws,
    action: &str,
    name_field: &str,
    physical: &str,
    properties: Map<String, Value>,
) -> Result<Value, LabError> {
    let mut parameters = lower_camel(Value::Object(properties));
    if let Some(fields) = parameters.as_object_mut() {
        fields.entry(name_field).or_insert_with(|| physical.into());
    }
    aws.call("ecs", action, parameters).await
}

/// CloudFormation's properties as the ECS API takes them: names begin in lower case, except in the maps that users fill
/// (labels, log options), and what a tag or an environment variable is set to is text, whatever a parameter was.
fn lower_camel(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(lower_camel).collect(),
        Value::Object(fields) => {
            let renamed = fields.into_iter().map(|(name, value)| {
                let is_user_map = matches!(name.as_str(), "DockerLabels" | "Options" | "HookDetails");
                let mut characters = name.chars();
                let first = characters.next().map(|first| first.to_ascii_lowercase());
                let name: String = first.into_iter().chain(characters).collect();
                let value = match value {
                    Value::Number(number) if name == "value" => number.to_string().into(),
                    // A document that templates may give as text, too.
                    Value::String(text) if name == "hookDetails" => serde_json::from_str(&text).unwrap_or(text.into()),
                    value if is_user_map => value,
                    value => lower_camel(value),
                };
                (name, value)
            });
            Value::Object(renamed.collect())
        }
        other => other,
    }
}

/// Names of load balancers and target groups have at most 32 characters: the end tells them apart.
fn short_name(physical: &str) -> String {
    let start = physical.len().saturating_sub(32);
    physical.get(start..).unwrap_or(physical).trim_matches('-').to_owned()
}

fn attributes<const N: usize>(named: [(&str, &Value); N]) -> BTreeMap<String, String> {
    named.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

fn same_as_id(id: &Value, attribute: &str) -> (String, BTreeMap<String, String>) {
    (text(id), attributes([(attribute, id)]))
}

/// Deletes services (with every other one in their clusters, for a release makes some), load balancers, target groups,
/// alarms and parameters.
pub(super) async fn delete(aws: &Aws, resources: impl Iterator<Item = &Resource>) -> Result<(), LabError> {
    let mut calls: Vec<(u8, &str, &str, Value)> = Vec::new();
    let mut first_error = None;
    for resource in resources {
        let id = resource.id.as_str();
        match resource.kind.as_str() {
            "AWS::ECS::Cluster" => match services_of(aws, id).await {
                Ok(services) => calls.extend(services.into_iter().map(|service| {
                    (0, "ecs", "DeleteService", json!({"cluster": id, "service": service, "force": true}))
                })),
                Err(error) => first_error = first_error.or(Some(error)),
            },
            // An alarm that a composite one refers to stays until that is gone.
            "AWS::CloudWatch::CompositeAlarm" => {
                calls.push((0, "monitoring", "DeleteAlarms", json!({"AlarmNames": [id]})));
            }
            // A release makes the other one of the pair.
            "AWS::AutoScaling::AutoScalingGroup" => {
                for name in [id.to_owned(), id.strip_suffix('a').map(|pair| format!("{pair}b")).unwrap_or_default()] {
                    let named = json!({"AutoScalingGroupNames": [name]});
                    let found = aws.call("autoscaling", "DescribeAutoScalingGroups", named).await;
                    if found.is_ok_and(|found| found["AutoScalingGroups"].as_array().is_some_and(|all| !all.is_empty()))
                    {
                        let parameters = json!({"AutoScalingGroupName": name, "ForceDelete": true});
                        calls.push((0, "autoscaling", "DeleteAutoScalingGroup", parameters));
                    }
                }
            }
            // A release makes the other one of the pair, and may have terminated this one.
            "AWS::ElasticBeanstalk::Environment" => {
                for name in [id.to_owned(), id.strip_suffix('a').map(|pair| format!("{pair}b")).unwrap_or_default()] {
                    let named = json!({"EnvironmentNames": [name]});
                    let found = aws.call("elasticbeanstalk", "DescribeEnvironments", named).await;
                    // Both may be of the template.
                    let named = calls.iter().any(|(.., parameters)| parameters["EnvironmentName"] == name.as_str());
                    if !named && found.is_ok_and(|found| found["Environments"][0]["Status"] == "Ready") {
                        calls.push((0, "elasticbeanstalk", "TerminateEnvironment", json!({"EnvironmentName": name})));
                    }
                }
            }
            "AWS::CloudWatch::Alarm" => calls.push((1, "monitoring", "DeleteAlarms", json!({"AlarmNames": [id]}))),
            "AWS::SSM::Parameter" => calls.push((0, "ssm", "DeleteParameter", json!({"Name": id}))),
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
                calls.push((1, ELB, "DeleteLoadBalancer", json!({"LoadBalancerArn": id})));
            }
            "AWS::ElasticLoadBalancingV2::TargetGroup" => {
                calls.push((2, ELB, "DeleteTargetGroup", json!({"TargetGroupArn": id})));
            }
            _ => {}
        }
    }
    calls.sort_by_key(|(order, ..)| *order);
    for (_, service, action, parameters) in calls {
        if let Err(error) = aws.call(service, action, parameters).await {
            first_error = first_error.or(Some(error));
        }
    }
    first_error.map_or(Ok(()), Err)
}

async fn services_of(aws: &Aws, cluster: &str) -> Result<Vec<String>, LabError> {
    let answer = aws.call("ecs", "ListServices", json!({"cluster": cluster, "maxResults": 100})).await?;
    Ok(answer["serviceArns"].as_array().into_iter().flatten().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecs_properties_get_the_apis_case_and_user_maps_keep_theirs() {
        let properties = json!({
            "NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED"}},
            "ContainerDefinitions": [{"Name": "Web", "Environment": [{"Name": "PORT", "Value": 80}], "DockerLabels": {"Team": "Shop"},
                                      "LogConfiguration": {"Options": {"Awslogs-Group": "g"}}}],
        });
        let expected = json!({
            "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}},
            "containerDefinitions": [{"name": "Web", "environment": [{"name": "PORT", "value": "80"}], "dockerLabels": {"Team": "Shop"},
                                      "logConfiguration": {"options": {"Awslogs-Group": "g"}}}],
        });
        assert_eq!(lower_camel(properties), expected);
    }

    #[test]
    fn details_of_a_hook_are_the_users_as_a_document_or_as_its_text() {
        for details in [json!({"PlanRef": "ssm:/teal/shop"}), json!(r#"{"PlanRef": "ssm:/teal/shop"}"#)] {
            let hooks = json!({"LifecycleHooks": [{"HookTargetArn": "f", "HookDetails": details}]});
            let expected =
                json!({"lifecycleHooks": [{"hookTargetArn": "f", "hookDetails": {"PlanRef": "ssm:/teal/shop"}}]});
            assert_eq!(lower_camel(hooks), expected);
        }
    }

    #[test]
    fn generated_names_fit_the_32_characters_of_a_target_group() {
        let name = short_name("lab-scenario-with-a-long-name-GreenTargetGroup");
        assert!(name.len() <= 32 && name.ends_with("GreenTargetGroup") && !name.starts_with('-'), "{name}");
    }
}
