//! Services converge to what is wanted, with real processes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{GROUP, Lab, behind, is_alive};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};

fn messages(service: &Value) -> Vec<&str> {
    service["events"].as_array().unwrap().iter().filter_map(|event| event["message"].as_str()).collect()
}

#[tokio::test]
async fn tasks_run_spread_over_zones_and_registered() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    let created = lab.create(&definition, 3, behind(GROUP)).await;
    assert_eq!((&created["status"], &created["runningCount"]), (&json!("ACTIVE"), &json!(0)));

    let service = lab.until_steady(3).await;
    let tasks = lab.ecs.tasks();
    let zones: HashSet<_> = tasks.iter().map(|task| task.zone).collect();
    assert_eq!(zones, HashSet::from(["us-east-1a", "us-east-1b", "us-east-1c"]));
    let targets: HashSet<_> =
        lab.registry.targets().into_iter().map(|target| (Some(target.address), target.zone)).collect();
    assert_eq!(targets, tasks.iter().map(|task| (task.address, task.zone.to_owned())).collect());
    assert!(tasks.iter().all(|task| is_alive(task.pid.unwrap())));
    assert!(messages(&service)[0].contains("has reached a steady state"), "{:?}", messages(&service));
    lab.ecs.shutdown().await;
    assert!(tasks.iter().all(|task| !is_alive(task.pid.unwrap())), "shutdown leaves no process");
}

#[tokio::test]
async fn scaling_in_drains_before_it_terminates() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 2, behind(GROUP)).await;
    lab.until_steady(2).await;
    lab.registry.start_draining();

    lab.update(json!({"desiredCount": 1})).await;
    let tasks = lab.until_tasks(|tasks| tasks.iter().any(|task| task.last_status == "DEACTIVATING")).await;
    let service = lab.service().await;
    assert_eq!(service["runningCount"], 1, "a draining task does not count");
    assert_eq!(lab.registry.targets().len(), 1);
    let leaving = tasks.iter().find(|task| task.last_status == "DEACTIVATING").unwrap();
    assert!(is_alive(leaving.pid.unwrap()), "requests under way are served until the target has drained");

    lab.registry.let_go();
    lab.until_tasks(|tasks| tasks.len() == 1).await;
    assert!(!is_alive(leaving.pid.unwrap()));
    let stopped = lab.call("DescribeTasks", json!({"cluster": "prod", "tasks": [leaving.id]})).await["tasks"][0].take();
    assert_eq!(stopped["stopCode"], "ServiceSchedulerInitiated");
    assert_eq!(stopped["containers"][0]["exitCode"], 143, "ended by SIGTERM");
}

#[tokio::test]
async fn a_task_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let lab = Lab::start().await;
    let definition = lab.define(&[("TASK_IGNORES_SIGTERM", "1")]).await;
    lab.create(&definition, 1, json!({})).await;
    lab.until_steady(1).await;
    let task = lab.ecs.tasks().remove(0);
    lab.update(json!({"desiredCount": 0})).await;
    lab.until_tasks(|tasks| tasks.iter().all(|task| task.last_status == "STOPPING")).await;
    lab.until_tasks(<[_]>::is_empty).await;
    let stopped = lab.call("DescribeTasks", json!({"cluster": "prod", "tasks": [task.id]})).await["tasks"][0].take();
    assert_eq!(stopped["containers"][0]["exitCode"], 137, "ended by SIGKILL");
    let waited = stopped["stoppedAt"].as_f64().unwrap() - stopped["stoppingAt"].as_f64().unwrap();
    assert!(waited >= 60.0, "its stopTimeout is 60 s of lab time, not {waited}");
}

#[tokio::test]
async fn a_task_that_dies_is_taken_out_and_replaced() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 2, behind(GROUP)).await;
    lab.until_steady(2).await;
    let victim = lab.ecs.tasks().remove(0);
    assert!(lab.ecs.kill_task(&victim.id));
    assert!(!lab.ecs.kill_task("no such task"));

    lab.until(|service| service["runningCount"] == 1).await;
    lab.until_steady(2).await;
    assert!(lab.ecs.tasks().iter().all(|task| task.id != victim.id));
    assert!(lab.registry.targets().iter().all(|target| Some(target.address) != victim.address));
    let stopped = lab.call("ListTasks", json!({"cluster": "prod", "desiredStatus": "STOPPED"})).await;
    assert_eq!(stopped["taskArns"][0], format!("arn:aws:ecs:us-east-1:000000000000:task/prod/{}", victim.id));
    let stopped = lab.call("DescribeTasks", json!({"cluster": "prod", "tasks": [victim.id]})).await;
    assert_eq!(stopped["tasks"][0]["stopCode"], "EssentialContainerExited");
    assert_eq!(stopped["tasks"][0]["containers"][0]["exitCode"], 137);
}

#[tokio::test]
async fn a_new_task_definition_replaces_every_task_and_never_runs_short() {
    let lab = Lab::start().await;
    let old = lab.define(&[("COLOUR", "old")]).await;
    let new = lab.define(&[("COLOUR", "new")]).await;
    lab.create(&old, 3, behind(GROUP)).await;
    lab.until_steady(3).await;

    let updated = lab.update(json!({"taskDefinition": new})).await;
    let states: Vec<_> = updated["deployments"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(states, ["PRIMARY", "ACTIVE"]);
    assert_eq!(updated["deployments"][0]["rolloutState"], "IN_PROGRESS");
    lab.until(|service| {
        assert!(service["runningCount"].as_u64() >= Some(3), "{service:#}");
        service["deployments"].as_array().is_some_and(|it| it.len() == 1)
    })
    .await;
    lab.until_steady(3).await;
    lab.until_tasks(|tasks| tasks.len() == 3).await;
    assert!(lab.ecs.tasks().iter().all(|task| task.task_definition == new));
    assert_eq!(lab.registry.targets().len(), 3);
}

#[tokio::test]
async fn the_same_task_definition_is_no_deployment_unless_forced() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 1, json!({})).await;
    let before = lab.until_steady(1).await["deployments"][0]["id"].take();
    let updated = lab.update(json!({"taskDefinition": definition, "desiredCount": 1})).await;
    assert_eq!(updated["deployments"][0]["id"], before);
    let forced = lab.update(json!({"forceNewDeployment": true})).await;
    assert_ne!(forced["deployments"][0]["id"], before);
    let task = lab.ecs.tasks().remove(0).id;
    lab.until_tasks(|tasks| tasks.len() == 1 && tasks[0].id != task).await;
}

#[tokio::test]
async fn the_circuit_breaker_gives_up_and_goes_back() {
    let lab = Lab::start().await;
    let good = lab.define(&[]).await;
    let bad = lab.define(&[("TASK_FAILS", "7")]).await;
    let breaker = json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}});
    lab.create(&good, 2, breaker).await;
    lab.until_steady(2).await;
    let running: HashSet<_> = lab.ecs.tasks().into_iter().map(|task| task.id).collect();

    lab.update(json!({"taskDefinition": bad})).await;
    let service = lab
        .until(|it| {
            it["deployments"].as_array().is_some_and(|it| it.len() == 1)
                && it["taskDefinition"].as_str().is_some_and(|arn| arn.ends_with(&good))
                && it["deployments"][0]["rolloutState"] == "COMPLETED"
        })
        .await;
    assert!(messages(&service).iter().any(|it| it.contains("deployment failed: tasks failed to start")));
    lab.until_tasks(|tasks| tasks.len() == 2).await;
    assert!(
        lab.ecs.tasks().iter().all(|task| !running.contains(&task.id)),
        "going back is a deployment like any other"
    );
}

#[tokio::test]
async fn a_first_deployment_that_cannot_start_fails_and_says_why() {
    let lab = Lab::start().await;
    let bad = lab.define(&[("TASK_FAILS", "7")]).await;
    let breaker = json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}});
    lab.create(&bad, 1, breaker).await;
    let service = lab.until(|it| it["deployments"][0]["rolloutState"] == "FAILED").await;
    assert_eq!(service["deployments"][0]["failedTasks"], 3);
    let stopped = lab.call("ListTasks", json!({"cluster": "prod", "desiredStatus": "STOPPED"})).await;
    let tasks = stopped["taskArns"].as_array().unwrap();
    assert_eq!(tasks.len(), 3, "nothing is started any more");
    let task = lab.call("DescribeTasks", json!({"cluster": "prod", "tasks": tasks})).await["tasks"][0].take();
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    assert!(task["stoppedReason"].as_str().unwrap().ends_with("told to fail"), "{task:#}");
    assert_eq!(task["containers"][0]["exitCode"], 7);
}

#[tokio::test]
async fn tasks_that_cannot_start_are_tried_again_ever_later() {
    let lab = Lab::start().await;
    let bad = lab.define(&[("TASK_FAILS", "7")]).await;
    lab.create(&bad, 1, json!({})).await;
    let service = lab.until(|it| it["deployments"][0]["failedTasks"].as_u64() >= Some(4)).await;
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS", "without the circuit breaker");
    let event = "is unable to consistently start tasks successfully";
    assert!(messages(&service).iter().any(|it| it.contains(event)), "{:?}", messages(&service));

    let stopped =
        lab.call("ListTasks", json!({"cluster": "prod", "desiredStatus": "STOPPED"})).await["taskArns"].take();
    let tasks = lab.call("DescribeTasks", json!({"cluster": "prod", "tasks": stopped})).await["tasks"].take();
    let mut times: Vec<_> = tasks.as_array().unwrap().iter().map(|it| it["createdAt"].as_f64().unwrap()).collect();
    times.sort_by(f64::total_cmp);
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] >= 1.0 && pauses[1] >= 2.0 && pauses[2] >= 4.0, "{pauses:?} s of lab time");
}

#[tokio::test]
async fn whatever_happens_meanwhile_the_service_ends_as_wanted() {
    for seed in 0..5 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let lab = Lab::start().await;
        let definitions = [lab.define(&[]).await, lab.define(&[]).await];
        lab.create(&definitions[0], 2, behind(GROUP)).await;
        for _ in 0..30 {
            match chance.u8(..5) {
                0 => drop(lab.update(json!({"desiredCount": chance.u32(..5)})).await),
                1 => drop(lab.update(json!({"taskDefinition": definitions[chance.usize(..2)]})).await),
                2 => drop(lab.update(json!({"forceNewDeployment": true})).await),
                _ => {
                    if let Some(task) = chance.choice(lab.ecs.tasks()) {
                        // It may not have a process yet.
                        let _ = lab.ecs.kill_task(&task.id);
                    }
                }
            }
            // Long enough for some tasks to come up, and short enough for others to be caught on the way.
            tokio::time::sleep(Duration::from_millis(chance.u64(..15))).await;
        }
        lab.update(json!({"desiredCount": 3, "taskDefinition": definitions[1]})).await;
        lab.until_steady(3).await;
        let tasks = lab.until_tasks(|tasks| tasks.len() == 3).await;
        assert!(tasks.iter().all(|task| task.task_definition == definitions[1]), "seed {seed}: {tasks:#?}");
        let targets: HashSet<_> = lab.registry.targets().into_iter().map(|target| Some(target.address)).collect();
        assert_eq!(targets, tasks.iter().map(|task| task.address).collect(), "seed {seed}");
    }
}

#[tokio::test]
async fn a_stopped_task_is_replaced() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 1, json!({})).await;
    lab.until_steady(1).await;
    let task = lab.ecs.tasks().remove(0).id;
    let answer = lab.call("StopTask", json!({"cluster": "prod", "task": task, "reason": "try it"})).await;
    assert_eq!(answer["task"]["desiredStatus"], "STOPPED");
    assert_eq!(
        (&answer["task"]["stopCode"], &answer["task"]["stoppedReason"]),
        (&json!("UserInitiated"), &json!("try it"))
    );
    lab.until_tasks(|tasks| tasks.len() == 1 && tasks[0].id != task && tasks[0].last_status == "RUNNING").await;
}

#[tokio::test]
async fn a_deleted_service_drains_and_its_name_is_free_again() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 1, behind(GROUP)).await;
    lab.until_steady(1).await;
    lab.registry.start_draining();
    let refused = lab.fault("DeleteService", json!({"cluster": "prod", "service": "web"})).await;
    assert_eq!(refused.1, "The service cannot be stopped while it is scaled above 0.");

    let deleted = lab.call("DeleteService", json!({"cluster": "prod", "service": "web", "force": true})).await;
    assert_eq!(deleted["service"]["status"], "DRAINING");
    let again = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": definition, "desiredCount": 1});
    let refused = lab.fault("CreateService", again.clone()).await;
    assert_eq!(refused.1, "Unable to Start a service that is still Draining.");
    let listed = lab.call("ListServices", json!({"cluster": "prod"})).await;
    assert_eq!(listed["serviceArns"], json!([]));

    lab.until_tasks(|tasks| tasks.iter().all(|task| task.last_status == "DEACTIVATING")).await;
    lab.registry.let_go();
    lab.until(|service| service["status"] == "INACTIVE").await;
    let refused = lab.fault("UpdateService", json!({"cluster": "prod", "service": "web", "desiredCount": 1})).await;
    assert_eq!(refused.0, "ServiceNotActiveException");
    lab.call("CreateService", again).await;
    lab.until_steady(1).await;
}

#[tokio::test]
async fn a_target_group_that_does_not_exist_is_an_event() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 1, behind("unknown")).await;
    let service = lab.until_steady(1).await;
    assert!(messages(&service).iter().any(|it| it.contains("failed to register targets in (target-group unknown)")));
}

#[tokio::test]
async fn no_more_tasks_run_than_the_lab_takes() {
    let lab = Lab::with_task_limit(2).await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 5, json!({})).await;
    let service = lab.until(|service| service["runningCount"] == 2).await;
    assert_eq!(lab.ecs.tasks().len(), 2);
    assert!(messages(&service).iter().any(|it| it.contains("was unable to place a task")), "{:?}", messages(&service));
    lab.update(json!({"desiredCount": 2})).await;
    lab.until_steady(2).await;
}

#[tokio::test]
async fn dropping_it_kills_every_task() {
    let lab = Lab::start().await;
    let definition = lab.define(&[]).await;
    lab.create(&definition, 2, json!({})).await;
    lab.until_steady(2).await;
    let pids: Vec<_> = lab.ecs.tasks().iter().filter_map(|task| task.pid).collect();
    drop(lab);
    let deadline = Instant::now() + Duration::from_secs(20);
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(Instant::now() < deadline, "tasks outlive the lab");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
