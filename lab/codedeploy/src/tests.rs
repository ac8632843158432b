//! Whole deployments over services that only take notes.

mod ecs;
mod fleet;
mod lambda;
mod server;
mod world;

use serde_json::{Value, json};
use world::{Lab, Refused};

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let lab = Lab::start(json!({})).await;
    let config = json!({"deploymentConfigName": "own", "computePlatform": "ECS",
        "trafficRoutingConfig": {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 100, "canaryInterval": 1}}});
    let in_shop = json!({"applicationName": "shop", "deploymentGroupName": "checkout"});
    let with = |more: Value| {
        let mut body = in_shop.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let revision = |content: &str| json!({"revisionType": "AppSpecContent", "appSpecContent": {"content": content}});
    let group = |more: Value| {
        let mut body = lab.group("other", &json!({}));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (operation, body, code) in [
        ("CreateApplication", json!({}), "ApplicationNameRequiredException"),
        (
            "CreateApplication",
            json!({"applicationName": "shop", "computePlatform": "ECS"}),
            "ApplicationAlreadyExistsException",
        ),
        (
            "CreateApplication",
            json!({"applicationName": "x", "computePlatform": "Mainframe"}),
            "InvalidComputePlatformException",
        ),
        ("CreateDeploymentGroup", group(json!({})), "ECSServiceMappingLimitExceededException"),
        ("CreateDeploymentGroup", group(json!({"serviceRoleArn": null})), "RoleRequiredException"),
        (
            "CreateDeploymentGroup",
            group(json!({"ecsServices": [{"clusterName": "prod", "serviceName": "rolling"}]})),
            "InvalidECSServiceException",
        ),
        (
            "CreateDeploymentGroup",
            group(json!({"blueGreenDeploymentConfiguration": {}})),
            "InvalidBlueGreenDeploymentConfigurationException",
        ),
        ("CreateDeploymentGroup", group(json!({"loadBalancerInfo": {}})), "InvalidLoadBalancerInfoException"),
        (
            "CreateDeploymentGroup",
            group(json!({"autoRollbackConfiguration": {"enabled": true, "events": ["NEVER"]}})),
            "InvalidAutoRollbackConfigException",
        ),
        (
            "CreateDeploymentGroup",
            group(json!({"alarmConfiguration": {"enabled": true, "alarms": []}})),
            "InvalidAlarmConfigException",
        ),
        (
            "GetDeploymentGroup",
            json!({"applicationName": "shop", "deploymentGroupName": "gone"}),
            "DeploymentGroupDoesNotExistException",
        ),
        ("CreateDeploymentConfig", config, "InvalidTrafficRoutingConfigurationException"),
        ("GetDeploymentConfig", json!({"deploymentConfigName": "gone"}), "DeploymentConfigDoesNotExistException"),
        ("CreateDeployment", in_shop.clone(), "RevisionRequiredException"),
        ("CreateDeployment", with(json!({"revision": revision("Resources: []")})), "InvalidRevisionException"),
        (
            "CreateDeployment",
            with(json!({"revision": revision(""), "deploymentConfigName": "gone"})),
            "DeploymentConfigDoesNotExistException",
        ),
        (
            "CreateDeployment",
            with(json!({"revision": revision(""), "description": "x".repeat(257)})),
            "DescriptionTooLongException",
        ),
        (
            "CreateDeployment",
            json!({"applicationName": "gone", "deploymentGroupName": "g"}),
            "ApplicationDoesNotExistException",
        ),
        ("GetDeployment", json!({"deploymentId": "1"}), "InvalidDeploymentIdException"),
        ("GetDeployment", json!({"deploymentId": "d-123456789"}), "DeploymentDoesNotExistException"),
        ("BatchGetDeployments", json!({"deploymentIds": []}), "DeploymentIdRequiredException"),
        ("ListDeployments", json!({"applicationName": "shop"}), "DeploymentGroupNameRequiredException"),
        ("ListDeployments", json!({"includeOnlyStatuses": ["Lost"]}), "InvalidDeploymentStatusException"),
        ("ListDeployments", json!({"createTimeRange": {"start": 2, "end": 1}}), "InvalidTimeRangeException"),
        ("DeleteApplication", json!({}), "UnknownOperationException"),
    ] {
        let Refused { code: found, message } = lab.refused(operation, body.clone()).await;
        assert_eq!(found, code, "{operation} {body}: {message}");
    }
}
