//! Calls and the permissions they need.

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
    let pool = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_1";
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:teal";
    let group = "arn:aws:codedeploy:us-east-1:000000000000:deploymentgroup:shop/checkout";
    let config = "arn:aws:codedeploy:us-east-1:000000000000:deploymentconfig:*";
    let revisions = "arn:aws:codedeploy:us-east-1:000000000000:application:shop";
    let service_deployment = "arn:aws:ecs:us-east-1:000000000000:service-deployment/prod/a/EZe5RNVLH6PPzHXINuP28";
    let service_revision = "arn:aws:ecs:us-east-1:000000000000:service-revision/prod/a/9313423515462893900";
    let table = [
        (
            "codedeploy",
            "CreateDeployment",
            json!({"applicationName": "shop", "deploymentGroupName": "checkout"}),
            vec![
                ("codedeploy:CreateDeployment", group.to_owned()),
                ("codedeploy:GetDeploymentConfig", config.to_owned()),
                ("codedeploy:RegisterApplicationRevision", revisions.to_owned()),
            ],
        ),
        (
            "codedeploy",
            "GetDeployment",
            json!({"deploymentId": "d-1"}),
            vec![("codedeploy:GetDeployment", group.replace("shop/checkout", "*/*"))],
        ),
        (
            "codedeploy",
            "StopDeployment",
            json!({"deploymentId": "d-1"}),
            vec![("codedeploy:StopDeployment", "*".to_owned())],
        ),
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
            vec![("elasticloadbalancing:ModifyListener", listener.clone())],
        ),
        (
            "elasticloadbalancing",
            "ModifyListener",
            json!({"ListenerArn": listener, "DefaultActions.member.1.AuthenticateCognitoConfig.UserPoolArn": pool}),
            vec![
                ("elasticloadbalancing:ModifyListener", listener),
                ("cognito-idp:DescribeUserPoolClient", pool.to_owned()),
            ],
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
        (
            "appconfig",
            "POST /applications/shop123/environments/prod123/deployments",
            json!({"ConfigurationProfileId": "flag123", "DeploymentStrategyId": "once123"}),
            [
                "application/shop123",
                "application/shop123/environment/prod123",
                "application/shop123/configurationprofile/flag123",
                "deploymentstrategy/once123",
            ]
            .map(|path| ("appconfig:StartDeployment", format!("arn:aws:appconfig:us-east-1:000000000000:{path}")))
            .to_vec(),
        ),
        (
            "appconfig",
            "DELETE /applications/shop123/environments/prod123/deployments/7",
            json!({}),
            ["", "/environment/prod123", "/environment/prod123/deployment/7"]
                .map(|path| {
                    (
                        "appconfig:StopDeployment",
                        format!("arn:aws:appconfig:us-east-1:000000000000:application/shop123{path}"),
                    )
                })
                .to_vec(),
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
            "logs",
            "StartQuery",
            json!({"logGroupNames": ["/ecs/a"]}),
            vec![("logs:StartQuery", "arn:aws:logs:us-east-1:000000000000:log-group:/ecs/a:*".to_owned())],
        ),
        ("logs", "GetQueryResults", json!({"queryId": "q"}), vec![("logs:GetQueryResults", "*".to_owned())]),
        (
            "ecs",
            "UpdateService",
            json!({"cluster": "prod", "service": "a"}),
            vec![("ecs:UpdateService", "arn:aws:ecs:us-east-1:000000000000:service/prod/a".to_owned())],
        ),
        (
            "ecs",
            "ListServiceDeployments",
            json!({"cluster": "prod", "service": "a"}),
            vec![("ecs:ListServiceDeployments", "arn:aws:ecs:us-east-1:000000000000:service/prod/a".to_owned())],
        ),
        (
            "ecs",
            "DescribeServiceDeployments",
            json!({"serviceDeploymentArns": [service_deployment]}),
            vec![("ecs:DescribeServiceDeployments", service_deployment.to_owned())],
        ),
        (
            "ecs",
            "DescribeServiceRevisions",
            json!({"serviceRevisionArns": [service_revision]}),
            vec![("ecs:DescribeServiceRevisions", service_revision.to_owned())],
        ),
        (
            "ecs",
            "StopServiceDeployment",
            json!({"serviceDeploymentArn": service_deployment}),
            vec![("ecs:StopServiceDeployment", service_deployment.to_owned())],
        ),
        (
            "ecs",
            "ContinueServiceDeployment",
            json!({"serviceDeploymentArn": service_deployment, "hookId": "h"}),
            vec![("ecs:ContinueServiceDeployment", service_deployment.to_owned())],
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
            json!({"Entries": [{"Source": "teal"}]}),
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
fn a_saved_configuration_is_kept_in_the_bucket_of_elastic_beanstalk_in_the_callers_name() {
    let bucket = "arn:aws:s3:::elasticbeanstalk-us-east-1-000000000000";
    let object = format!("{bucket}/resources/templates/shop/teal-shop-b");
    let template = json!({"ApplicationName": "shop", "TemplateName": "teal-shop-b", "EnvironmentName": "shop-b"});
    let kept = |operation: &str, input: &Value| -> Vec<(String, String)> {
        let needed = needed(&call("elasticbeanstalk", operation, input.clone())).unwrap();
        let pairs = needed.into_iter().map(|one| (one.action, one.resource));
        pairs.filter(|(action, _)| action.starts_with("s3:")).collect()
    };
    let pair = |action: &str, resource: &str| (action.to_owned(), resource.to_owned());
    assert_eq!(
        kept("CreateConfigurationTemplate", &template),
        [pair("s3:GetBucketLocation", bucket), pair("s3:ListBucket", bucket), pair("s3:PutObject", &object)]
    );
    assert_eq!(kept("CreateEnvironment", &template), [pair("s3:GetObject", &object)]);
    assert_eq!(kept("DeleteConfigurationTemplate", &template), [pair("s3:DeleteObject", &object)]);
    assert!(kept("TerminateEnvironment", &template).is_empty());
}

#[test]
fn services_without_a_table_are_not_checked() {
    assert_eq!(needed(&call("sts", "GetCallerIdentity", json!({}))), None);
}

#[test]
fn conditions_come_from_the_request() {
    let value = |service: &str, operation: &str, input: Value, key: &str| {
        let needed = needed(&call(service, operation, input)).unwrap();
        needed
            .into_iter()
            .map(|one| (one.action, one.context.get(key).cloned().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let entries = json!({"Entries": [{"Source": "teal"}, {"Source": "other"}]});
    let put = |source: &str| ("events:PutEvents".to_owned(), vec![source.to_owned()]);
    assert_eq!(value("events", "PutEvents", entries, "events:source"), [put("teal"), put("other")]);

    let stopped = json!({"serviceDeploymentArn": "arn:aws:ecs:us-east-1:000000000000:service-deployment/prod/a/1"});
    let cluster = "arn:aws:ecs:us-east-1:000000000000:cluster/prod".to_owned();
    let stopped = value("ecs", "StopServiceDeployment", stopped, "ecs:cluster");
    assert_eq!(stopped, [("ecs:StopServiceDeployment".to_owned(), vec![cluster])]);

    let tagged = json!({"cluster": "prod", "serviceName": "green", "tags": [{"key": "a", "value": "b"}]});
    let created = value("ecs", "CreateService", tagged, "ecs:CreateAction");
    assert_eq!(
        created,
        [("ecs:CreateService".to_owned(), vec![]), ("ecs:TagResource".to_owned(), vec!["CreateService".to_owned()])]
    );

    let policy =
        json!({"ServiceNamespace": "ecs", "ResourceId": "service/prod/green", "PolicyType": "TargetTrackingScaling"});
    let put = value("application-autoscaling", "PutScalingPolicy", policy, "application-autoscaling:service-namespace");
    let actions: Vec<_> = put.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(
        actions,
        ["application-autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms"]
    );
    assert_eq!(put[0].1, ["ecs"]);

    let group = json!({"AutoScalingGroupName": "shop-b", "ServiceLinkedRoleARN": "arn:aws:iam::000000000000:role/x"});
    let created = value("autoscaling", "CreateAutoScalingGroup", group, "iam:PassedToService");
    assert_eq!(created[1], ("iam:PassRole".to_owned(), vec!["autoscaling.amazonaws.com".to_owned()]));
}

#[test]
fn an_objects_version_is_read_by_a_permission_of_its_own() {
    let needed_for = |operation: &str, input: Value| {
        needed(&call("s3", operation, input)).map(|all| (all[0].action.clone(), all[0].resource.clone()))
    };
    let object = "arn:aws:s3:::plans/shop/checkout.yaml".to_owned();
    let path = "/plans/shop/checkout.yaml";
    let read = needed_for(&format!("GET {path}"), json!({}));
    assert_eq!(read, Some(("s3:GetObject".to_owned(), object.clone())));
    let version = needed_for(&format!("GET {path}"), json!({"versionId": "3"}));
    assert_eq!(version, Some(("s3:GetObjectVersion".to_owned(), object.clone())));
    assert_eq!(needed_for(&format!("PUT {path}"), json!({})), Some(("s3:PutObject".to_owned(), object)));
    assert_eq!(needed_for("PUT /plans", Value::Null), None);
}

#[test]
fn a_write_tells_its_partition_to_conditions() {
    let keys = |operation: &str, input: Value| -> Vec<Option<Vec<String>>> {
        let needed = needed(&call("dynamodb", operation, input)).unwrap();
        needed.iter().map(|needed| needed.context.get("dynamodb:LeadingKeys").cloned()).collect()
    };
    let item = |pk: &str| json!({"TableName": "releases", "Item": {"pk": {"S": pk}, "sk": {"S": "abort"}}});
    let of = |pk: &str| Some(vec![pk.to_owned()]);
    assert_eq!(keys("PutItem", item("request#r-1")), [of("request#r-1")]);
    let deleted = json!({"TableName": "releases", "Key": {"pk": {"S": "lock#x"}}});
    let both = json!({"TransactItems": [{"Put": item("release#r-1")}, {"Delete": deleted}]});
    assert_eq!(keys("TransactWriteItems", both), [of("release#r-1"), of("lock#x")]);
    assert_eq!(keys("Query", json!({"TableName": "releases"})), [None]);
}

#[test]
fn aliases_are_asked_for_on_their_function_and_configurations_on_a_version() {
    let function = "arn:aws:lambda:us-east-1:000000000000:function:shop";
    let path = "/2015-03-31/functions/shop";
    for (operation, input, expected) in [
        (format!("GET {path}/aliases/live"), json!({}), Some(("lambda:GetAlias", function.to_owned()))),
        (
            "Invoke".to_owned(),
            json!({"FunctionName": "shop", "Qualifier": "live"}),
            Some(("lambda:InvokeFunction", format!("{function}:live"))),
        ),
        (
            "Invoke".to_owned(),
            json!({"FunctionName": format!("{function}:live")}),
            Some(("lambda:InvokeFunction", format!("{function}:live"))),
        ),
        (format!("PUT {path}/aliases/live"), json!({}), Some(("lambda:UpdateAlias", function.to_owned()))),
        (
            format!("GET {path}/configuration"),
            json!({"Qualifier": "42"}),
            Some(("lambda:GetFunctionConfiguration", format!("{function}:42"))),
        ),
        ("Invoke".to_owned(), json!({}), None),
    ] {
        let needed = needed(&call("lambda", &operation, input));
        let found = needed.map(|needed| (needed[0].action.clone(), needed[0].resource.clone()));
        assert_eq!(found, expected.map(|(action, resource)| (action.to_owned(), resource)), "{operation}");
    }
}
