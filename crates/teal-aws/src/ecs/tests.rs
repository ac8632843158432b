mod changes;

use crate::testing::{BLUE_GROUP, GREEN_GROUP, Script, colours, order, runner};
use serde_json::{Value, json};
use teal::plan::Green;
use teal::ports::{Fleet, PortError, Survey};

const TASKS: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition";

fn green() -> Green {
    serde_json::from_value(json!({"ecs": {
        "cluster": "prod", "services": ["checkout-a", "checkout-b"], "taskDefinition": "checkout:42",
    }}))
    .unwrap()
}

/// A service with what ECS answers, and its own name, target group, revision and size.
fn service(name: &str, group: &str, revision: u32, desired: i32) -> Value {
    json!({
        "serviceName": name,
        "serviceArn": format!("arn:aws:ecs:eu-central-1:123456789012:service/prod/{name}"),
        "clusterArn": "arn:aws:ecs:eu-central-1:123456789012:cluster/prod",
        "status": "ACTIVE",
        "desiredCount": desired,
        "runningCount": desired,
        "pendingCount": 0,
        "taskDefinition": format!("{TASKS}/checkout:{revision}"),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "roleArn": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "loadBalancers": [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}},
        "deploymentConfiguration": {
            "maximumPercent": 200, "minimumHealthyPercent": 100, "deploymentCircuitBreaker": {"enable": true, "rollback": true},
        },
        "deploymentController": {"type": "ECS"},
        "schedulingStrategy": "REPLICA",
        "healthCheckGracePeriodSeconds": 60,
        "enableECSManagedTags": true,
        "propagateTags": "SERVICE",
        "enableExecuteCommand": false,
        "tags": [{"key": "team", "value": "shop"}, {"key": "aws:cloudformation:stack-name", "value": "s"}],
        "events": [{"id": "1", "createdAt": 1.0, "message": "has reached a steady state"}],
        "deployments": [{
            "id": "d", "status": "PRIMARY", "desiredCount": desired, "runningCount": desired, "rolloutState": "COMPLETED",
            "taskDefinition": format!("{TASKS}/checkout:{revision}"),
        }],
    })
}

fn blue() -> Value {
    service("checkout-a", BLUE_GROUP, 41, 4)
}

fn with(mut service: Value, path: &str, value: Value) -> Value {
    let (parent, member) = path.rsplit_once('/').unwrap();
    service.pointer_mut(parent).unwrap()[member] = value;
    service
}

fn services(list: &[Value]) -> Value {
    json!({"services": list, "failures": [{"arn": "arn:x", "reason": "MISSING"}]})
}

fn task(revision: u32, container: &Value) -> Value {
    json!({"taskDefinition": {
        "taskDefinitionArn": format!("{TASKS}/checkout:{revision}"), "family": "checkout", "revision": revision,
        "registeredAt": revision, "status": "ACTIVE", "cpu": "256", "volumes": [], "containerDefinitions": [container],
    }})
}

async fn survey(list: &[Value]) -> Result<Survey, PortError> {
    let container = json!({"name": "app", "image": "checkout:1", "cpu": 0});
    let script = Script::default().json(&services(list)).json(&task(41, &container)).json(&task(42, &container));
    let script = script.json(&json!({"ScalingPolicies": []}));
    script.aws().survey(&green(), &colours()).await
}

#[tokio::test]
async fn blue_is_the_service_with_tasks_behind_blues_target_group() {
    let idle = service("checkout-b", GREEN_GROUP, 40, 0);
    let found = survey(&[idle.clone(), blue()]).await.unwrap();
    assert_eq!((&found.blue.runner, found.blue.desired), (&runner("checkout-a"), 4));
    assert_eq!(found.green, runner("checkout-b"));
    assert_eq!(
        found.present.map(|green| green.settings),
        Some(found.blue.settings.clone()),
        "they differ in nothing else"
    );
    assert_eq!(found.blue.settings["tags"], json!([{"key": "team", "value": "shop"}]));
    assert_eq!(found.blue.settings["healthCheckGracePeriodSeconds"], json!(60));

    let deleted = with(idle, "/status", json!("INACTIVE"));
    assert_eq!(survey(&[blue(), deleted]).await.unwrap().present, None);

    let swapped = [service("checkout-b", BLUE_GROUP, 41, 2), service("checkout-a", GREEN_GROUP, 40, 0)];
    assert_eq!(survey(&swapped).await.unwrap().green, runner("checkout-a"));
}

#[tokio::test]
async fn without_a_service_behind_blues_target_group_there_is_nothing_to_release_beside() {
    for list in
        [vec![], vec![service("checkout-a", GREEN_GROUP, 41, 4)], vec![service("checkout-a", BLUE_GROUP, 41, 0)]]
    {
        let missing = survey(&list).await.unwrap_err();
        assert!(matches!(missing, PortError::NotFound { .. }), "{missing}");
        assert!(missing.to_string().contains("checkout-b in cluster prod"), "{missing}");
    }
    let both = survey(&[blue(), service("checkout-b", BLUE_GROUP, 41, 4)]).await.unwrap_err();
    assert!(both.to_string().contains("both checkout-a and checkout-b"), "{both}");
}

#[tokio::test]
async fn a_service_that_cannot_be_copied_is_refused_with_the_reason() {
    let internal = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/internal/1";
    let connect = json!({"enabled": true, "services": [{"portName": "http"}]});
    let lattice = json!([{"roleArn": "arn:role", "targetGroupArn": "arn:lattice", "portName": "http"}]);
    for (path, value, reason) in [
        ("/deploymentController", json!({"type": "CODE_DEPLOY"}), "deployment controller"),
        ("/schedulingStrategy", json!("DAEMON"), "DAEMON"),
        ("/deploymentConfiguration/strategy", json!("BLUE_GREEN"), "ROLLING"),
        ("/loadBalancers", json!([{"targetGroupArn": BLUE_GROUP}, {"targetGroupArn": internal}]), internal),
        ("/loadBalancers", json!([{"targetGroupArn": BLUE_GROUP}, {"loadBalancerName": "classic-1"}]), "classic-1"),
        ("/serviceRegistries", json!([{"registryArn": "arn:r"}]), "service discovery"),
        ("/deployments/0/serviceConnectConfiguration", connect.clone(), "Service Connect"),
        ("/deployments/0/vpcLatticeConfigurations", lattice, "VPC Lattice"),
    ] {
        let refused = survey(&[with(blue(), path, value)]).await.unwrap_err();
        assert!(matches!(refused, PortError::Refused { .. }) && refused.to_string().contains(reason), "{refused}");
    }
    let client_only = json!({"enabled": true, "namespace": "n"});
    let found =
        survey(&[with(blue(), "/deployments/0/serviceConnectConfiguration", client_only.clone())]).await.unwrap();
    assert_eq!(found.blue.settings["serviceConnectConfiguration"], client_only);

    let idle = with(service("checkout-b", GREEN_GROUP, 40, 0), "/deployments/0/serviceConnectConfiguration", connect);
    let refused = survey(&[blue(), idle.clone()]).await.unwrap_err();
    assert!(refused.to_string().contains("checkout-b"), "it keeps what blue does not have: {refused}");
    let script = Script::default().json(&services(&[blue(), idle]));
    assert!(matches!(script.aws().bring_up(&order()).await, Err(PortError::Refused { .. })));
    assert_eq!(script.operations(), ["DescribeServices"]);
}

#[tokio::test]
async fn a_policy_that_nothing_would_set_off_is_told() {
    let policy = |service: &str, kind: &str, alarms: Value| {
        json!({"ScalingPolicies": [{
            "PolicyARN": "arn:p", "PolicyName": "queue", "ServiceNamespace": "ecs", "CreationTime": 1.0, "PolicyType": kind,
            "ResourceId": format!("service/prod/{service}"), "ScalableDimension": "ecs:service:DesiredCount", "Alarms": alarms,
        }]})
    };
    let alarms = json!([{"AlarmName": "queue-long", "AlarmARN": "arn:a"}]);
    let container = json!({"name": "app", "image": "checkout:1"});
    let surveyed =
        || Script::default().json(&services(&[blue()])).json(&task(41, &container)).json(&task(42, &container));
    let of_blue = policy("checkout-a", "StepScaling", alarms.clone());

    let without = surveyed().json(&of_blue).json(&json!({"ScalingPolicies": []}));
    let found = without.aws().survey(&green(), &colours()).await.unwrap();
    assert!(
        matches!(found.lacking.as_slice(), [one] if one.contains("queue") && one.contains("not copied")),
        "{:?}",
        found.lacking
    );

    let given = surveyed().json(&of_blue).json(&policy("checkout-b", "StepScaling", alarms.clone()));
    assert!(given.aws().survey(&green(), &colours()).await.unwrap().lacking.is_empty());

    let tracking = surveyed().json(&policy("checkout-a", "TargetTrackingScaling", alarms));
    assert!(tracking.aws().survey(&green(), &colours()).await.unwrap().lacking.is_empty());
}

#[tokio::test]
async fn a_cluster_or_service_that_cannot_be_read_is_not_taken_for_absent() {
    let script = Script::default().json(&json!({"services": [], "failures": [{"arn": "arn:x", "reason": "TIMEOUT"}]}));
    let error = script.aws().survey(&green(), &colours()).await.unwrap_err();
    assert!(matches!(error, PortError::Refused { .. }) && error.to_string().contains("TIMEOUT"), "{error}");

    let script = Script::default()
        .answers(400, json!({"__type": "ClusterNotFoundException", "message": "Cluster not found."}).to_string());
    let error = script.aws().survey(&green(), &colours()).await;
    assert_eq!(error, Err(PortError::NotFound { what: "cluster prod".into() }));
}

#[tokio::test]
async fn a_service_that_lost_tasks_is_brought_up_again_and_one_that_has_them_is_left_alone() {
    let script = Script::default().json(&services(&[service("checkout-a", BLUE_GROUP, 41, 1)])).json(&json!({}));
    script.aws().scale_out(&runner("checkout-a"), 4).await.unwrap();
    let sent = script.sent()[1].json();
    assert_eq!(sent, json!({"cluster": "prod", "service": "checkout-a", "desiredCount": 4}));

    let script = Script::default().json(&services(&[service("checkout-a", BLUE_GROUP, 41, 5)]));
    script.aws().scale_out(&runner("checkout-a"), 4).await.unwrap();
    assert_eq!(script.operations(), ["DescribeServices"], "it has more, by its own scaling");

    let gone = Script::default().json(&services(&[])).aws().scale_out(&runner("checkout-a"), 4).await;
    assert!(matches!(gone, Err(PortError::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_task_definition_that_is_not_there_is_told_as_missing() {
    let error = json!({"__type": "ClientException", "message": "Unable to describe task definition."}).to_string();
    let script = Script::default()
        .json(&services(&[blue()]))
        .json(&task(41, &json!({"name": "app", "image": "checkout:1"})))
        .answers(400, error);
    let Err(missing) = script.aws().survey(&green(), &colours()).await else { panic!("it is there") };
    assert_eq!(missing, PortError::NotFound { what: "task definition checkout:42".to_owned() });
}

#[tokio::test]
async fn task_definitions_differ_only_in_what_a_person_set() {
    let variables =
        |value: &str, more: &str| json!([{"name": "DB_PASSWORD", "value": value}, {"name": more, "value": "s3cret"}]);
    let container = |image: &str, environment: Value, cpu: i32| json!({"name": "app", "image": image, "cpu": cpu, "environment": environment, "mountPoints": []});
    let script = Script::default()
        .json(&services(&[blue()]))
        .json(&task(41, &container("checkout:1", variables("old", "OLD"), 0)))
        .json(&task(42, &container("checkout:2", variables("s3cret", "NEW"), 128)))
        .json(&json!({"ScalingPolicies": []}));
    let found = script.aws().survey(&green(), &colours()).await.unwrap();
    let (blue, green) = (&found.blue_version, &found.green_version);
    let keys = blue.keys().chain(green.keys()).collect::<std::collections::BTreeSet<_>>();
    let unlike: Vec<&String> = keys.into_iter().filter(|key| blue.get(*key) != green.get(*key)).collect();
    let expected = [
        "container[app].cpu",
        "container[app].environment.DB_PASSWORD",
        "container[app].environment.NEW",
        "container[app].environment.OLD",
    ];
    assert_eq!(unlike, expected);
    assert!(!format!("{blue:?}{green:?}").contains("s3cret"), "values of the environment stay where they are");
    assert_eq!(blue["cpu"], json!("256"));
}
