//! The program, the lab, and services to release in it.

use serde_json::Value;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use teal_lab_runner::{Lab, LabOptions, Places, Progress, Scenario, Stage};
use tokio::runtime::Runtime;

/// Lab seconds in a real second.
const SCALE: f64 = 25.0;

/// How long a release may take to its gate (real time), before the test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A service without traffic, whose releases wait at a gate and are judged by nothing.
const SCENARIO: &str = r#"
description: A service without traffic.
load: {rate: 0}
services: {blue: {version: "1.0"}, green: {version: "2.0"}}
release:
  plan:
    service: ${Name}
    green:
      ecs:
        cluster: ${ClusterName}
        services: ["${Name}-a", "${Name}-b"]
        readyWithin: 1h
    traffic:
      alb: {listeners: ["${ListenerArn}"]}
      test: {listener: "${TestListenerArn}"}
    validate:
      http: [{path: /health}]
    strategy:
      steps:
        - gate: {name: QA looks, within: 2h}
        - {weight: 50%, bake: 10s}
    judge: {every: 10s, metrics: []}
    afterwards: {bake: 10s, keepBlue: 20s}
    deadline: 4h
expect: {outcome: promoted}
"#;

/// A lab, and the environment of somebody who may do with it what the policies for people allow.
type OperatedLab = (Runtime, Lab, Vec<(&'static str, String)>);

/// One lab for all tests of this process; it ends with the process.
fn lab() -> &'static OperatedLab {
    static LAB: OnceLock<OperatedLab> = OnceLock::new();
    LAB.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let options = LabOptions { scale: SCALE, progress: Progress::on_stderr() };
        let lab = runtime.block_on(Lab::start(options)).unwrap_or_else(|problem| panic!("the lab: {problem}"));
        let operator = runtime.block_on(lab.operator()).unwrap_or_else(|problem| panic!("the operator: {problem}"));
        (runtime, lab, operator)
    })
}

/// How many calls the policies for people allowed so far, and what they did not allow.
pub(crate) fn checked_calls() -> (u64, Vec<String>) {
    lab().1.checks_of_operator()
}

/// The program, built with the tests' own profile.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let places = Places::find().unwrap();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&places.repository).args(["build", "--quiet", "--locked", "-p", "teal-cli"]);
        cargo.args(["--profile", &places.profile()]).arg("--target-dir").arg(&places.target);
        assert!(cargo.status().unwrap().success(), "teal does not build");
        places.binaries.join("teal")
    })
}

/// What the program said, and how it ended.
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// Standard output as JSON, line by line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}\n{}\n{}", self.status, self.out, self.err)
    }
}

/// Runs `teal` in the environment that `cargo lab up` prints, by a user who has the policies for people only, and with nothing else of this
/// machine's.
pub(crate) fn teal(arguments: &[&str], input: &str) -> Answer {
    let mut command = Command::new(program());
    let (_, lab, operator) = lab();
    command.args(arguments).env_clear().envs(lab.environment()).envs(operator.iter().cloned());
    // Whatever profile the user of this machine has is not to be read.
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Answer { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A service with everything around it.
pub(crate) struct Service {
    stage: Stage,
    plan: Value,
}

impl Service {
    pub(crate) fn set(name: &str) -> Self {
        let (runtime, lab, _) = lab();
        let scenario =
            Scenario::parse(&format!("name: {name}{SCENARIO}")).unwrap_or_else(|problem| panic!("{problem}"));
        let stage = Stage::set(lab.aws(), lab.clock(), &lab.places().repository, &scenario);
        let stage = runtime.block_on(stage).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        Self { stage, plan: scenario.release.plan }
    }

    /// The plan of a version, as JSON.
    pub(crate) fn plan(&self, version: &str, service: &str) -> String {
        let mut plan = self.plan.clone();
        plan["version"] = version.into();
        plan["green"]["ecs"]["taskDefinition"] = format!("${{taskDefinition.{service}}}").into();
        self.stage.filled(&plan).unwrap_or_else(|problem| panic!("{problem}")).to_string()
    }

    /// Waits until a release asks for a person.
    pub(crate) fn wait_for_gate(&self, release: &str) {
        let begun = Instant::now();
        loop {
            let status = teal(&["status", release, "--json"], "");
            let phase = status.json_lines().pop().map(|record| record["phase"]["name"].clone()).unwrap_or_default();
            if phase == "AwaitApproval" {
                return;
            }
            assert!(phase != "RolledBack", "{release} rolled back: {status}");
            assert!(begun.elapsed() < PATIENCE, "{release} does not come to its gate: {status}");
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // What cannot be taken down ends with the lab.
        let _ = lab().0.block_on(self.stage.strike());
    }
}
