//! Real clients against the lab's gateway: boto3 and the AWS CLI, from the lab's virtual environment. The Python files
//! beside this one say what they ask for and what must come.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use teal_lab_runner::{Lab, LabOptions, Progress};
use tokio::runtime::Runtime;

/// Lab seconds in a real second: metric periods of a minute end every few seconds.
const SCALE: f64 = 25.0;

/// One lab for all tests of this process; it ends with the process.
fn lab() -> &'static Lab {
    static LAB: OnceLock<(Runtime, Lab)> = OnceLock::new();
    let (_, lab) = LAB.get_or_init(|| {
        let runtime = Runtime::new().unwrap_or_else(|problem| panic!("no runtime: {problem}"));
        let options = LabOptions { scale: SCALE, progress: Progress::on_stderr() };
        let lab = runtime.block_on(Lab::start(options)).unwrap_or_else(|problem| panic!("the lab: {problem}"));
        (runtime, lab)
    });
    lab
}

/// Runs a file of Python tests in the environment that `cargo lab up` prints, and nothing else of this machine's.
fn passes(script: &str) {
    passes_with(script, &[]);
}

/// The same with more variables.
fn passes_with(script: &str, variables: &[(&str, String)]) {
    let lab = lab();
    let mut python = Command::new(lab.python());
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script));
    python.env_clear().envs(lab.environment()).envs(variables.iter().cloned()).env("PYTHONDONTWRITEBYTECODE", "1");
    // Whatever profile the user of this machine has is not to be read.
    python.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let output = python.output().unwrap_or_else(|problem| panic!("{}: {problem}", lab.python().display()));
    let text = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    assert!(output.status.success(), "{script}: {}\n{text}", output.status);
}

#[test]
fn boto3_makes_the_usual_calls() {
    passes("usual_calls.py");
}

#[test]
fn every_answer_of_elastic_load_balancing_fits_its_model() {
    passes("elb_operations.py");
}

#[test]
fn every_answer_of_cloudwatch_fits_its_model() {
    passes("cloudwatch_operations.py");
}

#[test]
fn every_answer_of_ecs_and_application_auto_scaling_fits_their_models() {
    passes("ecs_operations.py");
}

#[test]
fn every_answer_of_cloudwatch_logs_fits_its_model() {
    passes("logs_operations.py");
}

#[test]
fn every_answer_of_ec2_auto_scaling_fits_its_model() {
    passes("autoscaling_operations.py");
}

#[test]
fn every_answer_of_elastic_beanstalk_fits_its_model() {
    passes("beanstalk_operations.py");
}

#[test]
fn every_answer_of_code_pipeline_and_code_build_fits_their_models() {
    let jobs: Vec<_> = (0..3).map(|_| lab().open_pipeline_job()).collect();
    passes_with("pipeline_operations.py", &[("TEAL_TEST_JOBS", jobs.join(","))]);
}

#[test]
fn every_answer_of_code_deploy_fits_its_model() {
    passes("codedeploy_operations.py");
}

#[test]
fn a_role_of_the_second_account_is_assumed_as_sts_has_it() {
    let role = lab().make_role("operations-elsewhere", "teal-7f3c").unwrap_or_else(|problem| panic!("{problem}"));
    passes_with("sts_operations.py", &[("TEAL_TEST_ROLE", role)]);
}

#[test]
fn the_check_against_the_model_finds_what_is_wrong() {
    passes("service_model_test.py");
}

#[test]
fn the_aws_cli_makes_the_usual_calls() {
    passes("aws_cli.py");
}
