//! Deployments to an alias.

use super::world::{Lab, events};
use serde_json::{Value, json};

fn spec(current: &str, hooks: &Value) -> Value {
    let properties = json!({"Name": "f", "Alias": "live", "CurrentVersion": current, "TargetVersion": "2"});
    json!({"Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}], "Hooks": hooks})
}

#[tokio::test]
async fn an_alias_goes_from_one_version_to_the_other() {
    let lab = Lab::start(json!({})).await;
    let hooks = json!([{"BeforeAllowTraffic": "CodeDeployHook_before"}, {"AfterAllowTraffic": "arn:aws:lambda:us-east-1:1:function:CodeDeployHook_after:live"}]);
    let id = lab.deploy_resource("functions", "f", "LambdaLinear10PercentEvery1Minute", spec("1", &hooks)).await;
    let event = lab.next_hook(1).await;
    assert!(lab.weights().is_empty());
    lab.answer_hook(&event, "Succeeded").await;
    let event = lab.next_hook(2).await;
    let shares: Vec<u64> = lab.weights().iter().map(|weights| weights[1]).collect();
    assert_eq!(shares, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    let target = lab.target(&id).await;
    let info = &target["lambdaTarget"]["lambdaFunctionInfo"];
    assert_eq!((&info["targetVersionWeight"], &info["functionAlias"]), (&json!(100.0), &json!("live")));
    lab.answer_hook(&event, "Succeeded").await;
    lab.until(&id, "Succeeded").await;
    let names: Vec<_> = events(&lab.target(&id).await).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"]);
}

#[tokio::test]
async fn a_stop_gives_everything_back_to_the_current_version() {
    let lab = Lab::start(json!({})).await;
    let id = lab.deploy_resource("functions", "f", "LambdaCanary10Percent30Minutes", spec("1", &json!([]))).await;
    assert_eq!(lab.until_shifted(1).await, [90, 10]);
    lab.call("StopDeployment", json!({"deploymentId": id, "autoRollbackEnabled": true})).await;
    let info = lab.until(&id, "Stopped").await;
    let rollback = info["rollbackInfo"]["rollbackDeploymentId"].as_str().unwrap();
    let rollback = lab.until(rollback, "Succeeded").await;
    assert_eq!(
        (&rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"], lab.weights().last()),
        (&json!(id), Some(&[100, 0]))
    );
}

#[tokio::test]
async fn it_fails_where_its_alias_is_elsewhere_or_its_function_cannot_be_invoked() {
    let lab = Lab::start(json!({})).await;
    let id = lab.deploy_resource("functions", "f", "LambdaAllAtOnce", spec("7", &json!([]))).await;
    assert_eq!(lab.until(&id, "Failed").await["errorInformation"]["code"], "INVALID_LAMBDA_CONFIGURATION");
    for function in ["CodeDeployHook_gone", "of-another-name"] {
        let hooks = json!([{"BeforeAllowTraffic": function}]);
        let id = lab.deploy_resource("functions", "f", "LambdaAllAtOnce", spec("1", &hooks)).await;
        assert_eq!(lab.until(&id, "Failed").await["errorInformation"]["code"], "HOOK_EXECUTION_FAILURE");
    }
    assert!(lab.weights().is_empty());
}
