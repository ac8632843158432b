//! Whole releases on the lab: the function binaries, the state machine and the template as they are, real HTTP traffic, and in each
//! scenario file what must come out.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use teal_lab_runner::chaos::{ChaosOptions, chaos};
use teal_lab_runner::crowd::{CrowdOptions, crowd};
use teal_lab_runner::{Lab, LabError, LabOptions, Nobody, Progress, Scenario, ScenarioResult};
use tokio::runtime::Runtime;

/// Lab seconds in a real second. Latencies stay real, so it cannot be much faster than this.
const SCALE: f64 = 25.0;

/// One lab for all tests of this process: scenarios have load balancers, clusters and alarms of their own. It ends with the process.
fn lab() -> &'static (Runtime, Lab) {
    static LAB: OnceLock<(Runtime, Lab)> = OnceLock::new();
    LAB.get_or_init(|| {
        let runtime = Runtime::new().unwrap_or_else(|problem| panic!("no runtime: {problem}"));
        let options = LabOptions { scale: SCALE, progress: Progress::on_stderr() };
        let lab = runtime.block_on(Lab::start(options)).unwrap_or_else(|problem| panic!("the lab: {problem}"));
        (runtime, lab)
    })
}

/// Runs scenarios at the same time: most of a scenario is waiting.
fn end_as_expected(names: &[&str]) {
    let (runtime, lab) = lab();
    let run = |name: &&str| {
        let file = lab.places().repository.join(format!("lab/scenarios/{name}.yaml"));
        let scenario = Scenario::read(&file).unwrap_or_else(|problem| panic!("{problem}"));
        runtime.spawn(async move { lab.run(&scenario, &mut Nobody).await })
    };
    let running: Vec<_> = names.iter().map(run).collect();
    let shortfalls: Vec<_> = running
        .into_iter()
        .map(|run| runtime.block_on(run).unwrap_or_else(|problem| panic!("{problem}")))
        .map(|result| result.unwrap_or_else(|problem| panic!("{problem}")))
        .filter(|result| !result.passed)
        .map(|result| shortfalls(&result))
        .collect();
    assert!(shortfalls.is_empty(), "{}", shortfalls.join("\n"));
}

fn shortfalls(result: &ScenarioResult) -> String {
    let mut text = format!("{} did not end as it should\n", result.scenario);
    for check in result.expectations.iter().filter(|check| !check.passed) {
        let _ = writeln!(text, "{}\n  expected {}\n  found    {}", check.what, check.expected, check.found);
    }
    for line in &result.release.story {
        let _ = writeln!(text, "{line}");
    }
    text
}

macro_rules! scenarios {
    ($($test:ident: $($name:literal),+;)*) => {
        $(#[test] fn $test() { end_as_expected(&[$($name),+]); })*

        const TESTED: &[&str] = &[ALONE, $($($name),+),*];
    };
}

scenarios! {
    good: "good";
    bad_5xx: "bad-5xx";
    slow: "slow";
    versions_that_no_request_may_reach: "validation-fails", "green-never-healthy";
    gates: "gate-approved", "gate-rejected", "gate-expired";
    ended_by_a_person_or_never_begun: "abort", "plan-errors", "nothing-there";
    a_route_that_is_held: "busy-route", "supersede", "started-twice";
    started_in_the_console: "console-start", "console-start-bad", "console-start-refused";
    pipeline_lambda_action: "pipeline-lambda-action", "pipeline-lambda-action-bad";
    pipeline_native_action: "pipeline-native-action", "pipeline-native-action-bad";
    pipeline_later_stage: "pipeline-later-stage", "pipeline-later-stage-fails", "pipeline-later-abort";
    codebuild_validation: "codebuild-validation", "codebuild-validation-bad";
    function_validation: "function-validation", "function-validation-bad";
    green_that_somebody_else_brought_up: "external", "external-bad";
    ecs_on_instances: "ecs-alb", "ecs-alb-bad", "ecs-launch-type";
    ecs_deployments_of_its_own: "ecs-native-hooks", "ecs-native-hooks-bad", "ecs-native-validation-bad", "ecs-native-refused", "ecs-native-pause";
    ecs_deployments_that_ask_in_the_flat_form: "ecs-native-flat", "ecs-native-flat-bad";
    ecs_deployments_in_equal_steps: "ecs-native-linear", "ecs-native-linear-bad";
    ecs_deployments_all_at_once: "ecs-native-blue-green", "ecs-native-blue-green-bad";
    ecs_deployments_with_a_release_by_hand: "ecs-native-by-hand", "ecs-native-by-hand-bad";
    ecs_deployments_that_pause_and_ask: "ecs-native-pause-hooks", "ecs-native-pause-bad";
    ec2_auto_scaling: "ec2-alb", "ec2-alb-bad";
    network_load_balancer: "ecs-nlb", "ecs-nlb-bad", "ec2-nlb", "ec2-nlb-bad";
    network_load_balancer_of_udp_and_tls: "nlb-udp", "nlb-udp-bad", "nlb-tls";
    beanstalk_swap: "beanstalk-swap", "beanstalk-swap-bad", "beanstalk-keep";
    beanstalk_behind_a_load_balancer: "beanstalk-alb", "beanstalk-alb-bad";
    beanstalk_on_a_shared_load_balancer: "beanstalk-shared", "beanstalk-shared-bad";
    lambda_alias: "lambda-alias", "lambda-alias-bad";
    codedeploy_asks_at_its_hooks: "codedeploy-ecs-hooks", "codedeploy-ecs-hooks-bad", "codedeploy-validation-bad", "codedeploy-refused", "codedeploy-stopped";
    codedeploy_of_a_function: "codedeploy-lambda", "codedeploy-lambda-bad";
    codedeploy_in_place_on_instances: "codedeploy-ec2", "codedeploy-ec2-bad";
    codedeploy_driven_by_teal: "codedeploy-driven", "codedeploy-driven-bad";
    feature_flags: "flag", "flag-bad", "flag-alarm";
    flags_with_a_version: "flag-with-version", "flag-after-version", "flag-steps", "flag-steps-bad";
    services_of_another_account: "cross-account", "cross-account-bad", "cross-account-id";
    another_account_that_is_out_of_reach: "cross-account-role-lost", "cross-account-throttled";
    alarms_of_one_name_in_several_accounts: "cross-account-alarms", "alarm-elsewhere";
    routes_by_rules_and_listeners: "rule-route", "two-listeners";
    routes_with_settings_of_their_own: "sticky-and-auth", "bad-special-routes", "sessions-back";
    updates_of_the_users_stack: "stack-update", "stack-update-old", "stack-update-midway", "stack-update-back";
    judge_regression: "judge-regression";
    judge_same_errors_and_bursts: "judge-same-errors", "judge-shared-burst";
    judge_crash_and_never_fails: "judge-crash", "judge-never-fails";
    judge_no_traffic: "judge-no-traffic", "judge-unjudged";
    judge_calibrated: "judge-calibrated";
    stopped_from_outside: "stop-execution", "lost-end-event", "timed-out";
    ended_by_step_functions: "execution-failed", "machine-deleted";
    while_a_shift_is_in_flight: "shift-in-flight", "two-shifts-in-flight", "stopped-midshift", "stopped-and-next";
    heavy_load: "heavy-load";
    heavy_load_on_the_way_back: "heavy-load-back";
    requests_that_take_long: "long-requests", "long-requests-back";
    alarm_before_and_between_shifts: "alarm-preparing", "lost-alarm-preparing", "alarm-validating", "alarm-at-gate", "alarm-lost";
    alarm_after_the_last_shift: "alarm-after-100", "alarm-retiring", "alarm-repeated", "alarm-late";
    alarms_of_other_kinds: "composite-alarm", "firing-at-start", "alarm-passed-over", "alarm-silent", "alarm-unreadable";
    route_changed_by_somebody_else: "weights-changed", "group-added", "rule-added", "rule-before-test", "weights-reset", "weights-reset-green", "drift-after";
    capacity_of_both_colours: "unhealthy-blue", "scale-in", "green-lost";
    a_person_is_needed: "listener-deleted", "restore-denied", "blue-detached", "blue-gone";
    calls_that_are_refused_for_their_rate: "throttled-everywhere", "throttled-all-back";
    calls_that_go_wrong: "throttled-elb", "flaky-aws", "failed-restoring", "failed-health", "throttled-on-alarm", "late-answers";
    functions_that_are_killed: "killed-shifting", "killed-restoring";
    judge_slower: "judge-slower";
    judge_accept: "judge-accept";
    judged_by_numbers_of_ones_own: "judge-custom-metric", "judge-xray", "judge-xray-bad";
    judge_logs: "judge-logs", "judge-new-message";
}

/// The scenario that has a lab to itself: what it expects of Teal's own alarms others would set off.
const ALONE: &str = "secrets";

#[test]
fn nothing_secret_is_told_and_no_alarm_of_teal_goes_off_in_a_whole_run() {
    let runtime = Runtime::new().unwrap_or_else(|problem| panic!("no runtime: {problem}"));
    let run = async {
        let lab = Lab::start(LabOptions { scale: SCALE, progress: Progress::on_stderr() }).await?;
        let file = lab.places().repository.join(format!("lab/scenarios/{ALONE}.yaml"));
        let result = lab.run(&Scenario::read(&file)?, &mut Nobody).await?;
        let lines = lab.function_lines(0).await?;
        let names: Vec<String> = lab.deployment().functions.iter().map(|function| function.binary.clone()).collect();
        lab.stop().await;
        Ok::<_, LabError>((result, lines, names))
    };
    let (result, lines, names) = runtime.block_on(run).unwrap_or_else(|problem| panic!("{problem}"));
    assert!(result.passed, "{}", shortfalls(&result));
    // That nothing was told means something only where everything was heard.
    let heard: BTreeSet<String> = lines.iter().filter_map(|line| function_of(line)).collect();
    let called: BTreeSet<String> = names.into_iter().filter(|name| result.calls.contains_key(name)).collect();
    assert!(called.len() >= 9 && called.is_subset(&heard), "of {called:?} only {heard:?} are in the log");
    // And only where it was known what to look for, and in what.
    let sought: BTreeSet<&str> =
        result.searched.secrets.iter().filter_map(|whose| whose.split(" of ").nth(1)).collect();
    let unknown: Vec<_> = called.iter().filter(|name| !sought.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "no credential of {unknown:?} was looked for, only {:?}", result.searched.secrets);
    let kept = &result.searched.items;
    let missing: Vec<_> =
        ["release", "lock", "watch", "routes"].into_iter().filter(|kind| !kept.contains_key(*kind)).collect();
    assert!(missing.is_empty(), "the table had no {missing:?} of the run, only {kept:?}");
    let metrics = lines.iter().filter(|line| line.contains("\"_aws\"")).count();
    assert!(metrics > 0, "no metrics in {} lines", lines.len());
}

/// The function that wrote a line: the machine's states are named after theirs.
fn function_of(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(
        match line["state"].as_str()? {
            "Accept" => "accept",
            "PrepareGreen" => "prepare-green",
            "ValidateGreen" => "validate-green",
            "ShiftTraffic" => "shift-traffic",
            "EvaluateHealth" => "evaluate-health",
            "Promote" | "RetireBlue" => "promote",
            "RollBack" => "roll-back",
            trigger => trigger,
        }
        .to_owned(),
    )
}

/// `cargo lab chaos` in small. Processes are killed at their calls only, so that other tests' releases are spared.
#[test]
fn releases_whose_functions_are_killed_at_random_end_as_promised() {
    let (runtime, lab) = lab();
    let options = ChaosOptions { releases: 5, at_once: 5, seed: 5, kill: 0.02, anywhere: 0.0 };
    let survivors = runtime.block_on(chaos(lab, &options, &Progress::on_stderr()));
    let survivors = survivors.unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(survivors.len(), options.releases);
    let broken: Vec<_> = survivors.iter().filter(|survivor| !survivor.is_fine()).map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(survivors.iter().any(|survivor| survivor.kills > 0), "nobody was killed");
}

/// `cargo lab crowd` in small, in a lab of its own: the token buckets are everybody's in a lab.
#[test]
fn many_releases_at_once_end_as_they_should_under_the_token_buckets() {
    let runtime = Runtime::new().unwrap_or_else(|problem| panic!("no runtime: {problem}"));
    let result = runtime.block_on(async {
        let progress = Progress::on_stderr();
        let lab = Arc::new(Lab::start(LabOptions { scale: 8.0, progress: progress.clone() }).await?);
        let result = crowd(Arc::clone(&lab), CrowdOptions { releases: 20 }, &progress).await?;
        if let Some(lab) = Arc::into_inner(lab) {
            lab.stop().await;
        }
        Ok::<_, LabError>(result)
    });
    let result = result.unwrap_or_else(|problem| panic!("{problem}"));
    assert!(result.is_fine(), "{result}");
    assert_eq!((result.alarmed, result.restored_after.len()), (6, 6));
    assert!(result.throttled_calls > 0, "the buckets were never empty");
}

#[test]
fn every_scenario_of_the_lab_is_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/scenarios");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap_or_else(|problem| panic!("{}: {problem}", folder.display()))
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    files.sort();
    let mut tested = TESTED.to_vec();
    tested.sort_unstable();
    assert_eq!(files, tested);
    // A fault is about the calls that have its scenario's name in them: in no other scenario's.
    for name in &files {
        let file = folder.join(format!("{name}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|problem| panic!("{}: {problem}", file.display()));
        let met = files.iter().find(|other| *other != name && other.contains(name.as_str()));
        assert!(met.is_none() || !text.contains("injectFault"), "the faults of {name} would hit {met:?}, too");
    }
}
