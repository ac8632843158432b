//! Deployments in place to instances.

use super::world::Lab;
use serde_json::{Value, json};

/// A script of every event says that it ran, with the agent's variables.
const APP_SPEC: &str = "version: 0.0
os: linux
files: [{source: /app, destination: /srv/app}]
hooks:
  BeforeBlockTraffic: [{location: note.sh}]
  ApplicationStop: [{location: note.sh}]
  BeforeInstall: [{location: note.sh}]
  AfterInstall: [{location: note.sh}]
  ApplicationStart: [{location: note.sh}]
  ValidateService: [{location: note.sh}, {location: check.sh, timeout: 1800}]
  AfterAllowTraffic: [{location: note.sh}]
";
const NOTE: &str = "#!/bin/sh
echo \"$LIFECYCLE_EVENT $(cat \"$(dirname \"$0\")/app/version\") $APPLICATION_NAME $DEPLOYMENT_GROUP_NAME $DEPLOYMENT_ID\" >>notes
";

impl Lab {
    /// A group of these instances, whose deployments are by `config`.
    async fn servers(config: &str, instances: &[&str], style: Value) -> Self {
        Self::start(json!({})).await.with_servers(config, instances, style).await
    }

    async fn with_servers(self, config: &str, instances: &[&str], style: Value) -> Self {
        let lab = self;
        lab.fleet.launch(instances);
        lab.call("CreateApplication", json!({"applicationName": "servers"})).await;
        let mut group = json!({
            "applicationName": "servers", "deploymentGroupName": "web", "serviceRoleArn": "r",
            "deploymentConfigName": format!("CodeDeployDefault.{config}"), "autoScalingGroups": ["web"],
            "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]},
        });
        group.as_object_mut().unwrap().extend(style.as_object().unwrap().clone());
        lab.call("CreateDeploymentGroup", group).await;
        lab
    }

    /// Deploys a version of which `check` is the last script that validates it.
    async fn install(&self, version: &str, check: &str) -> String {
        let check = format!("#!/bin/sh\n{check}\n");
        let files = [("appspec.yml", APP_SPEC), ("note.sh", NOTE), ("check.sh", &check), ("app/version", version)];
        self.fleet.keep(version, &files);
        self.install_again(version).await
    }

    async fn install_again(&self, version: &str) -> String {
        let location = json!({"bucket": "revisions", "key": version, "bundleType": "tar"});
        let body = json!({"applicationName": "servers", "deploymentGroupName": "web",
            "revision": {"revisionType": "S3", "s3Location": location}});
        self.call("CreateDeployment", body).await["deploymentId"].as_str().unwrap().to_owned()
    }

    /// The status of each instance.
    async fn statuses(&self, id: &str) -> Vec<(String, String)> {
        let listed = self.call("ListDeploymentTargets", json!({"deploymentId": id})).await;
        let body = json!({"deploymentId": id, "targetIds": listed["targetIds"]});
        let found = self.call("BatchGetDeploymentTargets", body).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let targets = found["deploymentTargets"].as_array().unwrap().iter().map(|one| &one["instanceTarget"]);
        targets.map(|target| (text(&target["targetId"]), text(&target["status"]))).collect()
    }

    async fn events_of(&self, id: &str, instance: &str) -> Vec<Value> {
        let body = json!({"deploymentId": id, "targetId": instance});
        let mut found = self.call("GetDeploymentTarget", body).await;
        assert_eq!(found["deploymentTarget"]["deploymentTargetType"], "InstanceTarget");
        found["deploymentTarget"]["instanceTarget"]["lifecycleEvents"].as_array_mut().map(std::mem::take).unwrap()
    }
}

fn with_traffic_control() -> Value {
    json!({
        "deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        "loadBalancerInfo": {"targetGroupInfoList": [{"name": "blue"}]},
    })
}

fn named(statuses: &[(&str, &str)]) -> Vec<(String, String)> {
    statuses.iter().map(|(instance, status)| ((*instance).to_owned(), (*status).to_owned())).collect()
}

#[tokio::test]
async fn one_instance_after_another_leaves_is_installed_on_and_comes_back() {
    let lab = Lab::servers("OneAtATime", &["i-1", "i-2"], with_traffic_control()).await;
    let first = lab.install("1", "exit 0").await;
    let info = lab.until(&first, "Succeeded").await;
    assert_eq!(info["deploymentOverview"]["Succeeded"], 2);
    let of = |instance: &str, version: &str| {
        let what = [
            "leaves".to_owned(),
            "leaves".to_owned(),
            "stops".to_owned(),
            format!("starts {version}"),
            "comes".to_owned(),
            "comes".to_owned(),
        ];
        // The test's two target groups.
        what.map(|what| format!("{instance} {what}")).to_vec()
    };
    assert_eq!(lab.fleet.done(), [of("i-1", "1"), of("i-2", "1")].concat());
    let second = lab.install("2", "exit 0").await;
    lab.until(&second, "Succeeded").await;
    assert_eq!(lab.fleet.done()[12..], [of("i-1", "2"), of("i-2", "2")].concat());

    let events = lab.events_of(&second, "i-2").await;
    let names: Vec<_> = events.iter().map(|event| event["lifecycleEventName"].as_str().unwrap()).collect();
    let order = [
        "BeforeBlockTraffic",
        "BlockTraffic",
        "AfterBlockTraffic",
        "ApplicationStop",
        "DownloadBundle",
        "BeforeInstall",
        "Install",
        "AfterInstall",
        "ApplicationStart",
        "ValidateService",
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
    ];
    assert_eq!(names, order);
    assert!(events.iter().all(|event| event["status"] == "Succeeded"), "{events:?}");
    // Before Install the scripts are those of the revision that was there.
    let expected = [
        ("BeforeInstall", "1"),
        ("AfterInstall", "1"),
        ("ApplicationStart", "1"),
        ("ValidateService", "1"),
        ("AfterAllowTraffic", "1"),
        ("BeforeBlockTraffic", "1"),
        ("ApplicationStop", "1"),
        ("BeforeInstall", "2"),
        ("AfterInstall", "2"),
        ("ApplicationStart", "2"),
        ("ValidateService", "2"),
        ("AfterAllowTraffic", "2"),
    ];
    let lines = expected.iter().enumerate().map(|(place, (event, version))| {
        format!("{event} {version} servers web {}\n", if place < 5 { &first } else { &second })
    });
    assert_eq!(lab.fleet.file("i-1", "notes").unwrap(), lines.collect::<String>());
    assert_eq!(lab.fleet.file("i-1", "srv/app/version").unwrap(), "2");
}

#[tokio::test]
async fn without_a_load_balancer_nobody_leaves() {
    let lab = Lab::servers("OneAtATime", &["i-1"], json!({})).await;
    let id = lab.install("1", "exit 0").await;
    lab.until(&id, "Succeeded").await;
    assert_eq!(
        (lab.fleet.done(), lab.events_of(&id, "i-1").await.len()),
        (vec!["i-1 stops".into(), "i-1 starts 1".into()], 7)
    );
}

#[tokio::test]
async fn the_first_that_fails_ends_it_and_the_last_good_revision_is_deployed_again() {
    let lab = Lab::servers("OneAtATime", &["i-1", "i-2"], with_traffic_control()).await;
    let good = lab.install("1", "exit 0").await;
    lab.until(&good, "Succeeded").await;
    let bad = lab.install("2", "echo no >&2; exit 3").await;
    let info = lab.until(&bad, "Failed").await;
    assert_eq!(info["errorInformation"]["code"], "HEALTH_CONSTRAINTS");
    assert_eq!(lab.statuses(&bad).await, named(&[("i-1", "Failed"), ("i-2", "Skipped")]));
    let events = lab.events_of(&bad, "i-1").await;
    let failed = events.iter().find(|event| event["status"] == "Failed").unwrap();
    assert_eq!(failed["lifecycleEventName"], "ValidateService");
    let told = &failed["diagnostics"];
    assert_eq!(
        (&told["errorCode"], &told["scriptName"], &told["logTail"]),
        (&json!("ScriptFailed"), &json!("check.sh"), &json!("no\n"))
    );
    assert!(told["message"].as_str().unwrap().ends_with("failed with exit code 3"));
    let skipped: Vec<_> = events.iter().skip(10).map(|event| event["status"].as_str().unwrap()).collect();
    assert_eq!(skipped, ["Skipped"; 3]);

    let back = info["rollbackInfo"]["rollbackDeploymentId"].as_str().unwrap();
    let back = lab.until(back, "Succeeded").await;
    assert_eq!((&back["creator"], &back["revision"]["s3Location"]["key"]), (&json!("codeDeployRollback"), &json!("1")));
    // The one that failed first; the other one had the good revision all the time.
    let statuses = lab.statuses(back["deploymentId"].as_str().unwrap()).await;
    assert_eq!(statuses, named(&[("i-1", "Succeeded"), ("i-2", "Succeeded")]));
    assert_eq!(lab.fleet.file("i-1", "srv/app/version").unwrap(), "1");
    let started: Vec<_> = lab.fleet.done().into_iter().filter(|what| what.contains("starts")).collect();
    assert_eq!(started, ["i-1 starts 1", "i-2 starts 1", "i-1 starts 2", "i-1 starts 1", "i-2 starts 1"]);
}

#[tokio::test]
async fn the_last_one_may_fail_where_the_others_suffice() {
    let lab = Lab::servers("OneAtATime", &["i-1", "i-2"], json!({})).await;
    let id = lab.install("1", "[ $INSTANCE = i-1 ]").await;
    let info = lab.until(&id, "Succeeded").await;
    assert_eq!(lab.statuses(&id).await, named(&[("i-1", "Succeeded"), ("i-2", "Failed")]));
    assert_eq!(
        (&info["deploymentOverview"]["Succeeded"], &info["deploymentOverview"]["Failed"]),
        (&json!(1), &json!(1))
    );
    // Next time the one without a good revision comes first.
    let id = lab.install("2", "exit 0").await;
    lab.until(&id, "Succeeded").await;
    assert_eq!(lab.statuses(&id).await, named(&[("i-2", "Succeeded"), ("i-1", "Succeeded")]));
}

#[tokio::test]
async fn half_at_a_time_goes_on_until_half_have_failed() {
    let four = ["i-1", "i-2", "i-3", "i-4"];
    let lab = Lab::servers("HalfAtATime", &four, json!({})).await;
    // The first two are there at once: each waits for the other.
    let both = "touch ../here-$INSTANCE; while [ ! -e ../here-i-1 ] || [ ! -e ../here-i-2 ]; do sleep 0.01; done";
    let id = lab.install("1", &format!("{both}; [ $INSTANCE != i-2 ]")).await;
    lab.until(&id, "Succeeded").await;
    let statuses = named(&[("i-1", "Succeeded"), ("i-2", "Failed"), ("i-3", "Succeeded"), ("i-4", "Succeeded")]);
    assert_eq!(lab.statuses(&id).await, statuses);
    let id = lab.install("2", "exit 1").await;
    let info = lab.until(&id, "Failed").await;
    assert_eq!(info["deploymentOverview"]["Skipped"], 2);
}

#[tokio::test]
async fn all_at_once_needs_one_good_instance() {
    let lab = Lab::servers("AllAtOnce", &["i-1", "i-2", "i-3"], json!({})).await;
    let id = lab.install("1", "exit 1").await;
    let info = lab.until(&id, "Failed").await;
    assert_eq!(info["deploymentOverview"]["Failed"], 3);
    // There is nothing good to go back to.
    assert_eq!(info["rollbackInfo"]["rollbackDeploymentId"], Value::Null);
    let id = lab.install("2", "[ $INSTANCE = i-3 ]").await;
    lab.until(&id, "Succeeded").await;
}

#[tokio::test]
async fn a_script_has_the_time_of_its_app_spec() {
    // The script must have begun when its half hour is over, on a machine that is busy, too: that is 3 s.
    let lab = Lab::start_at(600.0, json!({})).await.with_servers("OneAtATime", &["i-1"], json!({})).await;
    let id = lab.install("1", "trap 'echo tidy; exit 1' TERM; sleep 100 & wait").await;
    lab.until(&id, "Failed").await;
    let events = lab.events_of(&id, "i-1").await;
    let told = &events[6]["diagnostics"];
    assert_eq!((&told["errorCode"], &told["logTail"]), (&json!("ScriptTimedOut"), &json!("tidy\n")));
    assert!(told["message"].as_str().unwrap().ends_with("check.sh failed to complete in 1800 seconds"), "{told}");
    let seconds = |name: &str| events[6][name].as_f64().unwrap();
    assert!(seconds("endTime") - seconds("startTime") >= 1800.0);
}

#[tokio::test]
async fn a_stop_gives_up_what_is_under_way_and_goes_back() {
    let lab = Lab::servers("OneAtATime", &["i-1", "i-2"], json!({})).await;
    let good = lab.install("1", "exit 0").await;
    lab.until(&good, "Succeeded").await;
    let id = lab.install("2", "touch ../waits; sleep 100").await;
    lab.eventually("the script waits", async || lab.fleet.file("i-1", "../waits")).await;
    lab.call("StopDeployment", json!({"deploymentId": id})).await;
    let info = lab.until(&id, "Stopped").await;
    assert_eq!(lab.statuses(&id).await, named(&[("i-1", "Skipped"), ("i-2", "Skipped")]));
    let back = info["rollbackInfo"]["rollbackDeploymentId"].as_str().unwrap().to_owned();
    lab.until(&back, "Succeeded").await;
    assert_eq!(lab.fleet.file("i-1", "srv/app/version").unwrap(), "1");
}

#[tokio::test]
async fn an_archive_that_is_none_or_not_there_fails_at_its_download() {
    let lab = Lab::servers("OneAtATime", &["i-1"], json!({})).await;
    let id = lab.install_again("gone").await;
    lab.until(&id, "Failed").await;
    let events = lab.events_of(&id, "i-1").await;
    assert_eq!((&events[1]["status"], &events[1]["diagnostics"]["message"]), (&json!("Failed"), &json!("NoSuchKey")));
    // One that was not there before is not overwritten.
    std::fs::create_dir_all(crate::Instances::root(&*lab.fleet, "i-1").join("srv/app")).unwrap();
    std::fs::write(crate::Instances::root(&*lab.fleet, "i-1").join("srv/app/version"), "mine").unwrap();
    let id = lab.install("1", "exit 0").await;
    lab.until(&id, "Failed").await;
    let told = lab.events_of(&id, "i-1").await[3]["diagnostics"]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("already exists"), "{told}");
}

#[tokio::test]
async fn what_servers_cannot_be_is_refused() {
    let lab = Lab::servers("OneAtATime", &["i-1"], json!({})).await;
    let group = |more: Value| {
        let mut body = json!({"applicationName": "servers", "deploymentGroupName": "other", "serviceRoleArn": "r",
            "autoScalingGroups": ["web"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let style =
        |kind: &str, option: &str| json!({"deploymentStyle": {"deploymentType": kind, "deploymentOption": option}});
    let of = json!({"applicationName": "servers", "deploymentGroupName": "web"});
    let with = |revision: Value| {
        let mut body = of.clone();
        body["revision"] = revision;
        body
    };
    let hosts = |kind: &str, value: u64| json!({"deploymentConfigName": "own", "minimumHealthyHosts": {"type": kind, "value": value}});
    for (operation, body, code) in [
        (
            "CreateDeploymentGroup",
            group(style("BLUE_GREEN", "WITH_TRAFFIC_CONTROL")),
            "InvalidDeploymentStyleException",
        ),
        ("CreateDeploymentGroup", group(style("IN_PLACE", "WITH_TRAFFIC_CONTROL")), "InvalidLoadBalancerInfoException"),
        ("CreateDeploymentGroup", group(json!({"autoScalingGroups": ["gone"]})), "InvalidAutoScalingGroupException"),
        ("CreateDeploymentGroup", group(json!({"autoScalingGroups": []})), "InvalidAutoScalingGroupException"),
        ("CreateDeployment", of.clone(), "RevisionRequiredException"),
        ("CreateDeployment", with(json!({"revisionType": "GitHub"})), "InvalidRevisionException"),
        (
            "CreateDeployment",
            with(json!({"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "zip"}})),
            "InvalidRevisionException",
        ),
        ("CreateDeploymentConfig", hosts("FLEET_PERCENT", 101), "InvalidMinimumHealthyHostValueException"),
        ("CreateDeploymentConfig", hosts("MOST_CONCURRENCY", 1), "InvalidMinimumHealthyHostValueException"),
    ] {
        let refused = lab.refused(operation, body.clone()).await;
        assert_eq!(refused.code, code, "{operation} {body}: {}", refused.message);
    }
    lab.call("CreateDeploymentConfig", hosts("HOST_COUNT", 1)).await;
    let found = lab.call("GetDeploymentConfig", json!({"deploymentConfigName": "own"})).await;
    assert_eq!(found["deploymentConfigInfo"]["minimumHealthyHosts"], json!({"type": "HOST_COUNT", "value": 1}));
    // All that are there must stay healthy: none can be deployed to.
    let body =
        json!({"applicationName": "servers", "currentDeploymentGroupName": "web", "deploymentConfigName": "own"});
    lab.call("UpdateDeploymentGroup", body).await;
    let id = lab.install("1", "exit 0").await;
    assert_eq!(lab.until(&id, "Failed").await["errorInformation"]["code"], "HEALTH_CONSTRAINTS_INVALID");
}
