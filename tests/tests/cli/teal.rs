//! The program, the lab, and services to release in it.

use serde_json::{Value, json};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use teal_lab_runner::{Lab, LabOptions, Places, Progress, Scenario, Stage};
use teal_lab_wire::MetricSample;
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

/// What the policies for people are to refuse: a test asks for it, at the same time as others count what was refused.
const REFUSED_TO_PEOPLE: &str = "elasticloadbalancing:DescribeListeners on *";

/// How many calls the policies for people allowed so far, and what they should have allowed and did not.
pub(crate) fn checked_calls() -> (u64, Vec<String>) {
    let (allowed, mut refused) = lab().1.checks_of_operator();
    refused.retain(|call| call != REFUSED_TO_PEOPLE);
    (allowed, refused)
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
    run(arguments, input, &lab().2)
}

/// The same by the account's administrator, who may read load balancers and metrics, too.
pub(crate) fn teal_by_administrator(arguments: &[&str], input: &str) -> Answer {
    run(arguments, input, &[])
}

/// The same where nobody reads what it writes.
pub(crate) fn teal_unread(arguments: &[&str]) -> Answer {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command(arguments, &lab().2);
    answer(command.stdin(Stdio::null()).stdout(writer).output().unwrap())
}

fn run(arguments: &[&str], input: &str, credentials: &[(&'static str, String)]) -> Answer {
    let mut command = command(arguments, credentials);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    answer(child.wait_with_output().unwrap())
}

fn command(arguments: &[&str], credentials: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).env_clear().envs(lab().1.environment()).envs(credentials.iter().cloned());
    // Whatever profile the user of this machine has is not to be read.
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
}

fn answer(output: Output) -> Answer {
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
        let stage = Stage::set(lab, &scenario);
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

    /// Publishes what the load balancer would have published of blue, for each minute of the last `hours`: so many requests and so
    /// many of them bad, by the number of the zone and the minutes before now. Gives the names of the zones.
    pub(crate) fn remember(&self, hours: i64, served: impl Fn(usize, i64) -> (u32, u32)) -> Vec<String> {
        let (runtime, lab, _) = lab();
        let filled = |text: &str| self.stage.filled(&json!(text)).unwrap_or_else(|problem| panic!("{problem}"));
        let (balancer, group) = (filled("${LoadBalancer}"), filled("${TargetGroupA}"));
        let described = json!({"LoadBalancerArns": [balancer]});
        let described = runtime.block_on(lab.aws().call("elasticloadbalancing", "DescribeLoadBalancers", described));
        let zones: Vec<String> = described.unwrap()["LoadBalancers"][0]["AvailabilityZones"]
            .as_array()
            .unwrap()
            .iter()
            .map(|zone| zone["ZoneName"].as_str().unwrap().to_owned())
            .collect();
        let suffix = |arn: &Value, from: &str| arn.as_str().unwrap().split_once(from).unwrap().1.to_owned();
        let balancer = suffix(&balancer, ":loadbalancer/");
        let group = format!("targetgroup/{}", suffix(&group, ":targetgroup/"));
        let now = lab.clock().now_millis();
        for minutes_ago in (0..hours * 60).rev() {
            for (number, zone) in zones.iter().enumerate() {
                let (requests, bad) = served(number, minutes_ago);
                for (name, count) in [("RequestCount", requests), ("HTTPCode_Target_2XX_Count", requests - bad)] {
                    let dimensions = vec![
                        ("LoadBalancer", balancer.clone()),
                        ("TargetGroup", group.clone()),
                        ("AvailabilityZone", zone.clone()),
                    ];
                    let at = now - minutes_ago * 60_000;
                    // As on AWS there is no datum where nothing was counted.
                    if count > 0 {
                        let (namespace, count) = ("AWS/ApplicationELB", count.into());
                        lab.metrics().record(MetricSample { namespace, name, dimensions, at, value: 1.0, count });
                    }
                }
            }
        }
        zones
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
