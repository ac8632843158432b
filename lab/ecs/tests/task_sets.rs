//! Task sets: what CodeDeploy makes of a service whose controller it is.

mod common;

use common::{GROUP, Lab, behind};
use serde_json::{Value, json};

const OTHER_GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/green/0123456789abcdef";
const BY_CODEDEPLOY: &str = "CODE_DEPLOY";

async fn service_with_two_tasks(lab: &Lab) -> Value {
    let old = lab.define(&[]).await;
    let mut more = behind(GROUP);
    more["deploymentController"] = json!({"type": BY_CODEDEPLOY});
    lab.create(&old, 2, more).await;
    steady(lab, 0, 2).await
}

/// The service once its task set at this place is steady with so many tasks.
async fn steady(lab: &Lab, place: usize, tasks: u32) -> Value {
    lab.until(|service| {
        let set = &service["taskSets"][place];
        set["stabilityStatus"] == "STEADY_STATE" && set["runningCount"] == tasks
    })
    .await
}

async fn replacement(lab: &Lab, new: &str) -> Value {
    let mut body = json!({"cluster": "prod", "service": "web", "taskDefinition": new, "externalId": "d-1"});
    body["loadBalancers"] = behind(OTHER_GROUP)["loadBalancers"].clone();
    lab.call("CreateTaskSet", body).await["taskSet"].take()
}

#[tokio::test]
async fn a_replacement_runs_beside_the_original_until_that_is_deleted() {
    let lab = Lab::start().await;
    let service = service_with_two_tasks(&lab).await;
    assert_eq!((&service["deployments"], &service["taskSets"][0]["status"]), (&json!([]), &json!("PRIMARY")));
    let original = service["taskSets"][0]["id"].clone();
    let new = lab.define(&[]).await;
    let made = replacement(&lab, &new).await;
    assert_eq!((&made["status"], &made["externalId"]), (&json!("ACTIVE"), &json!("d-1")));
    let service = steady(&lab, 1, 2).await;
    assert_eq!((&service["runningCount"], lab.registry.targets().len()), (&json!(4), 4));
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("web:1"), "the primary task set's");

    let of_service = |more: Value| {
        let mut body = json!({"cluster": "prod", "service": "web"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let answer = lab.call("UpdateServicePrimaryTaskSet", of_service(json!({"primaryTaskSet": made["id"]}))).await;
    assert_eq!(answer["taskSet"]["status"], "PRIMARY");
    let deleted = lab.call("DeleteTaskSet", of_service(json!({"taskSet": original, "force": true}))).await;
    assert_eq!(
        (&deleted["taskSet"]["status"], &deleted["taskSet"]["computedDesiredCount"]),
        (&json!("DRAINING"), &json!(0))
    );
    let service = lab.until(|service| service["taskSets"].as_array().unwrap().len() == 1).await;
    assert_eq!((&service["runningCount"], &service["taskSets"][0]["id"]), (&json!(2), &made["id"]));
    assert_eq!(service["loadBalancers"][0]["targetGroupArn"], OTHER_GROUP);
    assert!(service["taskDefinition"].as_str().unwrap().ends_with(&new));
    assert_eq!(lab.registry.targets().len(), 2);

    // A service's desired count is that of its task sets.
    lab.update(json!({"desiredCount": 3})).await;
    steady(&lab, 0, 3).await;
    lab.call("DeleteService", of_service(json!({"force": true}))).await;
    lab.until(|service| service["status"] == "INACTIVE").await;
}

#[tokio::test]
async fn what_task_sets_cannot_be_is_refused() {
    let lab = Lab::start().await;
    let service = service_with_two_tasks(&lab).await;
    let new = lab.define(&[]).await;
    replacement(&lab, &new).await;
    let original = &service["taskSets"][0]["id"];
    let in_service = json!({"cluster": "prod", "service": "web"});
    for (operation, more, code) in [
        ("CreateTaskSet", json!({"taskDefinition": new}), "LimitExceededException"),
        ("CreateTaskSet", json!({"taskDefinition": "gone"}), "ClientException"),
        ("CreateTaskSet", json!({"taskDefinition": new, "service": "gone"}), "ServiceNotFoundException"),
        ("CreateTaskSet", json!({"taskDefinition": new, "scale": {"value": 101}}), "InvalidParameterException"),
        ("DeleteTaskSet", json!({"taskSet": original, "force": true}), "InvalidParameterException"),
        ("DeleteTaskSet", json!({"taskSet": "ecs-svc/1"}), "TaskSetNotFoundException"),
        ("UpdateServicePrimaryTaskSet", json!({"primaryTaskSet": "ecs-svc/1"}), "TaskSetNotFoundException"),
    ] {
        let mut body = in_service.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(lab.fault(operation, body.clone()).await.0, code, "{operation} {body}");
    }
    let described = lab
        .call("DescribeTaskSets", json!({"cluster": "prod", "service": "web", "taskSets": [original, "ecs-svc/1"]}))
        .await;
    assert_eq!((&described["taskSets"][0]["id"], &described["failures"][0]["arn"]), (original, &json!("ecs-svc/1")));
    lab.ecs.shutdown().await;
}
