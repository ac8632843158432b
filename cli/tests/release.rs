//! The commands about releases, as far as they need no AWS: what is wrong is told before anything is called. What they do is
//! tested on the lab (tests/tests/cli).

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs `teal` with these variables and no other of its own. The endpoint is one where nobody listens.
fn teal(arguments: &[&str], variables: &[(&str, &str)], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_teal"))
        .args(arguments)
        .env_remove("TEAL_TABLE")
        .env_remove("TEAL_STATE_MACHINE")
        .envs([("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_REGION", "us-east-1")])
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // A command that refuses its options does not read its input.
    let _ = input.write_all(stdin.as_bytes());
    drop(input);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn check(output: &Output, status: i32, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{message}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    for word in words {
        assert!(message.contains(word), "does not say {word:?}: {message}");
    }
}

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:teal";

#[test]
fn without_a_table_every_command_says_which_setting_is_missing() {
    for command in ["status", "watch", "approve", "reject", "abort", "report"] {
        check(&teal(&[command, "r-1"], &[], ""), 2, &["--table"]);
    }
    check(&teal(&["releases"], &[], ""), 2, &["--table"]);
    let start = teal(&["start", "-"], &[], "");
    check(&start, 2, &["--table", "--state-machine"]);
}

#[test]
fn a_name_that_no_release_can_have_is_refused() {
    check(&teal(&["status", "a b"], &[("TEAL_TABLE", "t")], ""), 2, &["a b"]);
}

#[test]
fn a_plan_with_problems_is_not_started() {
    let variables = [("TEAL_TABLE", "t"), ("TEAL_STATE_MACHINE", MACHINE)];
    check(&teal(&["start", "-"], &variables, "service: checkout\nversion: 2\n"), 1, &["version", "green", "traffic"]);
    check(&teal(&["start", "no-such-plan.yaml"], &variables, ""), 2, &["no-such-plan.yaml"]);
}

#[test]
fn a_deployment_and_an_app_spec_are_read_before_anything_is_started() {
    let variables = [("TEAL_TABLE", "t"), ("TEAL_STATE_MACHINE", MACHINE)];
    let start = |arguments: &[&str], stdin: &str| teal(&[&["start"][..], arguments].concat(), &variables, stdin);
    let wrong = start(&["-", "--deployment", "ABC123XYZ"], "");
    check(&wrong, 2, &["--deployment", "no deployment's id", "d-ABC123XYZ"]);
    check(&start(&["--app-spec", "appspec.yaml"], ""), 2, &["--plan-ref"]);
    for changed in [["--app-spec", "appspec.yaml"], ["--version", "2"], ["--version-label", "v2"]] {
        let beside_a_file = start(&[&["-"][..], &changed].concat(), "");
        check(&beside_a_file, 2, &[changed[0], "cannot be used with"]);
    }
    let kept = ["--plan-ref", "checkout"];
    let both = start(&[&kept[..], &["--deployment", "d-ABC123XYZ", "--app-spec", "-"]].concat(), "");
    check(&both, 2, &["--deployment", "--app-spec", "cannot be used with"]);
    let two = start(&[&kept[..], &["--task-definition", "checkout:9", "--function-version", "7"]].concat(), "");
    check(&two, 2, &["cannot be used with"]);
    let app_spec = |text: &str| start(&[&kept[..], &["--app-spec", "-"]].concat(), text);
    check(&app_spec("- a list\n"), 2, &["standard input is no AppSpec: it is no object"]);
    check(&app_spec("{"), 2, &["standard input is no AppSpec: line"]);
    check(&start(&[&kept[..], &["--app-spec", "no-such.yaml"]].concat(), ""), 2, &["no-such.yaml"]);
    // With all of it in order AWS is called, and nobody answers there.
    check(&app_spec("version: 0.0\nResources: []\n"), 2, &["states:StartExecution"]);
}

#[test]
fn watching_needs_the_arn_of_a_state_machine_or_none() {
    let variables = [("TEAL_TABLE", "t"), ("TEAL_STATE_MACHINE", "teal")];
    check(&teal(&["watch", "r-1"], &variables, ""), 2, &["\"teal\" is no ARN of a state machine"]);
}

#[test]
fn an_endpoint_that_does_not_answer_is_told_with_the_call() {
    check(&teal(&["status", "r-1"], &[("TEAL_TABLE", "t")], ""), 2, &["dynamodb:GetItem"]);
}
