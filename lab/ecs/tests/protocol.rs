//! What ECS's operations take, give back and refuse.

mod common;

use common::world::{hook, pause, shifting};
use common::{GROUP, Lab, behind, decoded, request};
use serde_json::{Value, json};

/// Everything a service can be created with that Teal must carry over from blue to green.
fn rich() -> Value {
    json!({
        "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8080}],
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}},
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 1}],
        "platformVersion": "1.4.0",
        "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50},
        "healthCheckGracePeriodSeconds": 45,
        "serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1"}],
        "enableExecuteCommand": true,
        "enableECSManagedTags": true,
        "propagateTags": "SERVICE",
        "tags": [{"key": "team", "value": "shop"}],
        "placementConstraints": [{"type": "distinctInstance"}],
        "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}],
        "serviceConnectConfiguration": {"enabled": true, "namespace": "shop"},
        "availabilityZoneRebalancing": "DISABLED",
    })
}

async fn define_fargate(lab: &Lab) {
    lab.call(
        "RegisterTaskDefinition",
        json!({
            "family": "fargate", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
            "memory": "512", "tags": [{"key": "made-by", "value": "test"}],
            "containerDefinitions": [{"name": "app", "image": "app:1", "portMappings": [{"containerPort": 8080}]}],
        }),
    )
    .await;
}

#[tokio::test]
async fn a_service_gives_back_everything_it_was_created_with() {
    let lab = Lab::start().await;
    define_fargate(&lab).await;
    let created = lab.create("fargate", 2, rich()).await;
    let described = lab
        .call("DescribeServices", json!({"cluster": "prod", "services": ["web"], "include": ["TAGS"]}))
        .await["services"][0]
        .take();
    for service in [&created, &described] {
        for (name, value) in rich().as_object().unwrap() {
            match name.as_str() {
                // AWS gives Service Connect back with the deployment only.
                "serviceConnectConfiguration" => assert_eq!(service["deployments"][0][name], *value),
                "deploymentConfiguration" => {
                    assert_eq!(service[name]["maximumPercent"], 150);
                    assert_eq!(service[name]["deploymentCircuitBreaker"], json!({"enable": false, "rollback": false}));
                }
                _ => assert_eq!(service[name], *value, "{name}"),
            }
        }
        assert_eq!(service["serviceArn"], "arn:aws:ecs:us-east-1:000000000000:service/prod/web");
        assert_eq!(service["taskDefinition"], "arn:aws:ecs:us-east-1:000000000000:task-definition/fargate:1");
        assert_eq!(service["launchType"], Value::Null, "absent with a capacity provider strategy");
        assert_eq!(service["platformFamily"], "Linux");
    }
    let plain = lab.service().await;
    assert_eq!(plain["tags"], Value::Null, "tags only when asked for");

    lab.until_steady(2).await;
    let task = lab.ecs.tasks().remove(0).id;
    let task = lab.call("DescribeTasks", json!({"cluster": "prod", "tasks": [task], "include": ["TAGS"]})).await;
    let tags = task["tasks"][0]["tags"].as_array().unwrap();
    assert!(tags.contains(&json!({"key": "team", "value": "shop"})), "propagated: {tags:?}");
    assert!(tags.contains(&json!({"key": "aws:ecs:serviceName", "value": "web"})), "managed: {tags:?}");
}

#[tokio::test]
async fn the_defaults_are_those_of_aws() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    let service = lab.create(&definition, 0, json!({})).await;
    for (name, value) in [
        ("launchType", json!("EC2")),
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({"type": "ECS"})),
        ("propagateTags", json!("NONE")),
        ("enableExecuteCommand", json!(false)),
        ("loadBalancers", json!([])),
        ("availabilityZoneRebalancing", json!("ENABLED")),
    ] {
        assert_eq!(service[name], value, "{name}");
    }
    assert_eq!(service["deploymentConfiguration"]["maximumPercent"], 200);
    assert_eq!(service["healthCheckGracePeriodSeconds"], Value::Null, "only with load balancers");
}

#[tokio::test]
async fn creating_a_service_twice_is_idempotent_only_with_the_same_request() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    let first = lab.create(&definition, 0, json!({})).await;
    let again = lab.create(&definition, 0, json!({"clientToken": "t"})).await;
    assert_eq!(first["createdAt"], again["createdAt"]);
    let other = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": definition, "desiredCount": 1});
    let (code, message) = lab.fault("CreateService", other).await;
    assert_eq!((&*code, &*message), ("InvalidParameterException", "Creation of service was not idempotent."));
}

#[tokio::test]
async fn what_create_service_refuses() {
    let lab = Lab::start().await;
    define_fargate(&lab).await;
    lab.define(&[]).await;
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let balancer = |container: &str, port: u16| json!([{"targetGroupArn": GROUP, "containerName": container, "containerPort": port}]);
    for (more, code, message) in [
        (json!({"cluster": "nowhere"}), "ClusterNotFoundException", "Cluster not found."),
        (json!({"cluster": null}), "ClusterNotFoundException", "Cluster not found."),
        (json!({"serviceName": "a b"}), "InvalidParameterException", "Service name should be"),
        (json!({"taskDefinition": "web:9"}), "ClientException", "TaskDefinition not found."),
        (json!({"desiredCount": null}), "InvalidParameterException", "Desired count"),
        (json!({"desiredCount": -1}), "InvalidParameterException", "Desired count"),
        (json!({"desiredCount": "many"}), "SerializationException", "invalid type"),
        (
            json!({"loadBalancers": balancer("sidecar", 8080)}),
            "InvalidParameterException",
            "The container sidecar does not exist",
        ),
        (
            json!({"loadBalancers": balancer("app", 80)}),
            "InvalidParameterException",
            "did not have a container port 80 defined",
        ),
        (json!({"networkConfiguration": network}), "InvalidParameterException", "Network Configuration is not valid"),
        (json!({"taskDefinition": "fargate"}), "InvalidParameterException", "Network Configuration must be provided"),
        (json!({"launchType": "FARGATE"}), "InvalidParameterException", "does not support launch_type FARGATE"),
        (
            json!({"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "cp"}]}),
            "InvalidParameterException",
            "both a launch type and capacity provider strategy",
        ),
        (json!({"healthCheckGracePeriodSeconds": 10}), "InvalidParameterException", "Health check grace period"),
        (json!({"schedulingStrategy": "DAEMON"}), "InvalidParameterException", "REPLICA"),
    ] {
        let mut body = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let fault = lab.fault("CreateService", body).await;
        assert!(fault.0 == code && fault.1.contains(message), "{more}: {fault:?}");
    }
}

#[tokio::test]
async fn what_update_and_delete_refuse() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 0, json!({})).await;
    for (operation, body, code) in [
        ("UpdateService", json!({"cluster": "nowhere", "service": "web"}), "ClusterNotFoundException"),
        ("UpdateService", json!({"cluster": "prod", "service": "api"}), "ServiceNotFoundException"),
        ("UpdateService", json!({"cluster": "prod", "service": "web", "taskDefinition": "web:7"}), "ClientException"),
        ("DeleteService", json!({"cluster": "prod", "service": "api"}), "ServiceNotFoundException"),
        ("StopTask", json!({"cluster": "prod", "task": "0123"}), "InvalidParameterException"),
        ("ListTasks", json!({"cluster": "prod", "serviceName": "api"}), "ServiceNotFoundException"),
    ] {
        assert_eq!(lab.fault(operation, body.clone()).await.0, code, "{operation} {body}");
    }
    lab.call("DeleteService", json!({"cluster": "prod", "service": "web"})).await;
}

#[tokio::test]
async fn another_capacity_provider_strategy_asks_for_a_new_deployment() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 0, json!({})).await;
    let body = |provider: &str| json!([{"capacityProvider": provider, "weight": 1, "base": 0}]);
    let refused = json!({"cluster": "prod", "service": "web", "capacityProviderStrategy": body("cp")});
    let (code, message) = lab.fault("UpdateService", refused).await;
    assert!(code == "InvalidParameterException" && message.contains("must force a new deployment"), "{message}");

    let change = |strategy: Value| json!({"capacityProviderStrategy": strategy, "forceNewDeployment": true});
    let changed = lab.update(change(body("cp"))).await;
    assert_eq!((&changed["capacityProviderStrategy"], changed.get("launchType")), (&body("cp"), None));
    let unchanged = lab.update(json!({"capacityProviderStrategy": body("cp")})).await;
    assert_eq!(unchanged["deployments"].as_array().map(Vec::len), changed["deployments"].as_array().map(Vec::len));
    let back = lab.update(change(json!([]))).await;
    assert_eq!((back.get("capacityProviderStrategy"), &back["launchType"]), (None, &json!("EC2")));
}

#[tokio::test]
async fn a_service_that_codedeploy_deploys_is_changed_by_codedeploy_only() {
    let lab = Lab::start().await;
    let old = lab.define(&[]).await;
    let new = lab.define(&[]).await;
    lab.create(&old, 0, json!({"deploymentController": {"type": "CODE_DEPLOY"}})).await;
    lab.update(json!({"desiredCount": 1})).await;
    let body = json!({"cluster": "prod", "service": "web", "taskDefinition": new});
    let (code, message) = lab.fault("UpdateService", body).await;
    assert!(code == "InvalidParameterException" && message.contains("Use AWS CodeDeploy"), "{message}");
}

#[tokio::test]
async fn describe_services_takes_ten_and_lists_what_is_missing() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 0, json!({})).await;
    let by_arn = "arn:aws:ecs:us-east-1:000000000000:service/prod/web";
    let answer = lab.call("DescribeServices", json!({"cluster": "prod", "services": [by_arn, "gone"]})).await;
    assert_eq!(answer["services"].as_array().unwrap().len(), 1);
    assert_eq!(
        answer["failures"],
        json!([{"arn": "arn:aws:ecs:us-east-1:000000000000:service/prod/gone", "reason": "MISSING"}])
    );
    let eleven: Vec<_> = (0..11).map(|n| format!("s{n}")).collect();
    let fault = lab.fault("DescribeServices", json!({"cluster": "prod", "services": eleven})).await;
    assert_eq!(fault.0, "InvalidParameterException");
    let fault = lab.fault("DescribeServices", json!({"services": [by_arn]})).await;
    assert_eq!(fault.0, "ClusterNotFoundException", "no cluster means the cluster `default`");
    lab.call("CreateCluster", json!({})).await;
    let fault = lab.fault("DescribeServices", json!({"services": [by_arn]})).await;
    assert_eq!(fault.1, "Identifier is for prod. Your cluster is default");
}

#[tokio::test]
async fn list_services_is_paginated() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    for n in 0..23 {
        lab.create(&definition, 0, json!({"serviceName": format!("s{n}")})).await;
    }
    let mut arns = Vec::new();
    let mut body = json!({"cluster": "prod"});
    loop {
        let page = lab.call("ListServices", body.clone()).await;
        assert!(page["serviceArns"].as_array().unwrap().len() <= 10);
        arns.extend(page["serviceArns"].as_array().unwrap().clone());
        let Some(token) = page.get("nextToken") else { break };
        body["nextToken"] = token.clone();
    }
    assert_eq!(arns.len(), 23);
    let fault = lab.fault("ListServices", json!({"cluster": "prod", "nextToken": "from elsewhere"})).await;
    assert_eq!(fault.0, "InvalidParameterException");
}

#[tokio::test]
async fn task_definitions_are_found_by_family_revision_and_arn() {
    let lab = Lab::start().await;
    for _ in 0..3 {
        lab.define(&[]).await;
    }
    let revision = async |reference: &str| {
        let answer = lab.call("DescribeTaskDefinition", json!({"taskDefinition": reference})).await;
        answer["taskDefinition"]["revision"].as_u64().unwrap()
    };
    assert_eq!(revision("web").await, 3);
    assert_eq!(revision("web:2").await, 2);
    assert_eq!(revision("arn:aws:ecs:us-east-1:000000000000:task-definition/web:1").await, 1);

    lab.call("DeregisterTaskDefinition", json!({"taskDefinition": "web:3"})).await;
    assert_eq!(revision("web").await, 2, "the latest that is ACTIVE");
    assert_eq!(revision("web:3").await, 3, "an INACTIVE one is still described");
    let listed = lab.call("ListTaskDefinitions", json!({"familyPrefix": "web", "sort": "DESC"})).await;
    let arns: Vec<_> = listed["taskDefinitionArns"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(arns[0].ends_with("web:2") && arns[1].ends_with("web:1") && arns.len() == 2, "{arns:?}");

    let body = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": "web:3", "desiredCount": 1});
    assert_eq!(lab.fault("CreateService", body).await.1, "TaskDefinition is inactive");
    for unknown in ["api", "web:0", "web:4", "web:x", ""] {
        let fault = lab.fault("DescribeTaskDefinition", json!({"taskDefinition": unknown})).await;
        assert_eq!(fault, ("ClientException".to_owned(), "Unable to describe task definition.".to_owned()));
    }
}

#[tokio::test]
async fn tags_can_be_put_listed_and_taken_away() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 0, json!({})).await;
    for resource in ["cluster/prod", "service/prod/web", "task-definition/web:1"] {
        let arn = format!("arn:aws:ecs:us-east-1:000000000000:{resource}");
        let tags = json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]);
        lab.call("TagResource", json!({"resourceArn": arn, "tags": tags})).await;
        lab.call("TagResource", json!({"resourceArn": arn, "tags": [{"key": "b", "value": "3"}]})).await;
        lab.call("UntagResource", json!({"resourceArn": arn, "tagKeys": ["a"]})).await;
        let listed = lab.call("ListTagsForResource", json!({"resourceArn": arn})).await;
        assert_eq!(listed["tags"], json!([{"key": "b", "value": "3"}]), "{resource}");
    }
    let arn = "arn:aws:ecs:us-east-1:000000000000:service/prod/gone";
    assert_eq!(lab.fault("ListTagsForResource", json!({"resourceArn": arn})).await.0, "InvalidParameterException");
}

#[tokio::test]
async fn clusters_count_what_they_run() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 2, behind(GROUP)).await;
    lab.until_steady(2).await;
    let answer = lab.call("DescribeClusters", json!({"clusters": ["prod", "gone"]})).await;
    let cluster = &answer["clusters"][0];
    assert_eq!((&cluster["activeServicesCount"], &cluster["runningTasksCount"]), (&json!(1), &json!(2)));
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    let listed = lab.call("ListClusters", json!({})).await;
    assert_eq!(listed["clusterArns"], json!(["arn:aws:ecs:us-east-1:000000000000:cluster/prod"]));
}

#[tokio::test]
async fn what_is_not_a_request_is_refused() {
    let lab = Lab::start().await;
    assert_eq!(lab.fault("RunTask", json!({})).await.0, "UnknownOperationException");
    let mut garbled = request("AmazonEC2ContainerServiceV20141113", "ListClusters", &json!({}));
    garbled.body = bytes::Bytes::from_static(b"{");
    assert_eq!(decoded(&lab.ecs.handle(garbled).await)["__type"], "SerializationException");
    let elsewhere = request("AnyScaleFrontendService", "ListClusters", &json!({}));
    assert_eq!(decoded(&lab.ecs.handle(elsewhere).await)["__type"], "UnknownOperationException");
}

#[tokio::test]
async fn what_deployments_that_shift_traffic_cannot_be_is_refused() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    let refused = async |more: Value| {
        let mut body =
            json!({"cluster": "prod", "serviceName": "web", "taskDefinition": definition, "desiredCount": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (code, message) = lab.fault("CreateService", body).await;
        assert_eq!(code, "InvalidParameterException", "{message}");
        message
    };
    let hooked =
        |hook: Value| shifting(&json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [hook]}));
    let with = |hook: Value, member: &str, value: Value| {
        let mut hook = hook;
        hook[member] = value;
        hooked(hook)
    };
    let mut without_alternate = shifting(&json!({"strategy": "CANARY"}));
    without_alternate["loadBalancers"][0]["advancedConfiguration"]["alternateTargetGroupArn"] = Value::Null;
    let mut by_code_deploy = shifting(&json!({"strategy": "CANARY"}));
    by_code_deploy["deploymentController"] = json!({"type": "CODE_DEPLOY"});
    for (service, expected) in [
        (shifting(&json!({"strategy": "BLUE_GREEN"})), "bakeTimeInMinutes is required"),
        (shifting(&json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441})), "bakeTimeInMinutes must be"),
        (
            shifting(&json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.05}})),
            "canaryPercent must be",
        ),
        (shifting(&json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}})), "stepPercent must be"),
        (
            shifting(&json!({"strategy": "LINEAR", "canaryConfiguration": {}})),
            "only valid with the deployment strategy CANARY",
        ),
        (shifting(&json!({"strategy": "PURPLE"})), "strategy"),
        (json!({"deploymentConfiguration": {"strategy": "CANARY"}}), "needs a load balancer"),
        (without_alternate, "alternateTargetGroupArn is required"),
        (by_code_deploy, "needs the deployment controller ECS"),
        (hooked(pause(&["PRODUCTION_TRAFFIC_SHIFT"])), "PAUSE hooks cannot be configured"),
        (hooked(hook(&["SCALE_UP"])), "no lifecycle stage for hooks"),
        (hooked(hook(&[])), "lifecycleStages cannot be empty"),
        (with(hook(&["PRE_SCALE_UP"]), "roleArn", Value::Null), "roleArn is required"),
        (with(pause(&["PRE_SCALE_UP"]), "hookTargetArn", json!("f")), "hookTargetArn is not for"),
        (with(hook(&["PRE_SCALE_UP"]), "hookDetails", json!("text")), "hookDetails must be"),
        (
            with(pause(&["PRE_SCALE_UP"]), "timeoutConfiguration", json!({"timeoutInMinutes": 20_161})),
            "timeoutInMinutes",
        ),
        (with(hook(&["PRE_SCALE_UP"]), "timeoutConfiguration", json!({"timeoutInMinutes": 1_441})), "timeoutInMinutes"),
    ] {
        let message = refused(service).await;
        assert!(message.contains(expected), "{message}");
    }
    let canary = lab.create(&definition, 0, shifting(&json!({"strategy": "CANARY"}))).await;
    let defaults = &canary["deploymentConfiguration"]["canaryConfiguration"];
    assert_eq!(*defaults, json!({"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}));
}
