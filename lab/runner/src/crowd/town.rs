//! Many routes on a few load balancers, all served by one blue and one green process.

use super::Course;
use crate::binaries::DEMO_SERVICE;
use crate::lab::Lab;
use crate::load::{Arrivals, LoadOptions, LoadProtocol, LoadTarget, Ramp, RampPoint};
use crate::{Aws, LabError};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::time::{Duration, Instant};
use teal_lab_wire::Millis;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Routes of one load balancer: a rule each. AWS allows 100 rules and 100 target groups.
const RULES: usize = 50;
const PORT: u16 = 8080;
/// How long the targets may take to become healthy (real time).
const PATIENCE: Duration = Duration::from_secs(120);
/// Weights of green in percent, of the releases whose alarm goes off: in this order in turn.
const WEIGHTS: [u16; 3] = [10, 50, 25];
/// The alarm that several releases watch.
const SHARED: &str = "crowd-shared";
/// The alarm that never goes off.
const QUIET: &str = "crowd-quiet";

/// A route, and the release that is to shift it.
#[derive(Clone, Debug)]
pub(super) struct House {
    pub(super) name: String,
    pub(super) course: Course,
    /// What green gets first, in percent.
    pub(super) weight: u16,
    pub(super) rule: String,
    green: String,
    blue: String,
    alarm: String,
    at: LoadTarget,
}

impl House {
    /// Healthy releases go on soon; those whose alarm goes off bake until then.
    pub(super) fn plan(&self) -> Value {
        let bake = if self.course == Course::Healthy { "3m" } else { "3h" };
        json!({
            "service": self.name,
            "version": "2.0",
            "green": {"external": {}},
            "traffic": {"alb": {"rules": [self.rule], "targetGroups": [self.blue, self.green]}},
            "strategy": {"steps": [{"weight": format!("{}%", self.weight), "bake": bake}]},
            "judge": {"every": "1m", "settle": "0s", "alarms": [self.alarm], "metrics": []},
            "afterwards": {"bake": "1m", "keepBlue": "1m"},
            "deadline": "12h",
        })
    }

    /// What green has now, of 100.
    pub(super) fn green_weight(&self, lab: &Lab) -> u16 {
        let changes = lab.weight_changes();
        let last = changes.iter().rev().find(|change| change.resource_arn == self.rule);
        last.and_then(|change| {
            let total: u16 = change.weights.values().sum();
            let green = change.weights.get(&self.green)?;
            Some(green * 100 / total.max(1))
        })
        .unwrap_or(0)
    }

    /// When green lost its weight for good, and by which function; `None` if it never had any, or still has.
    pub(super) fn restored(&self, lab: &Lab) -> Option<(Millis, String)> {
        let changes = lab.weight_changes();
        let changes: Vec<_> = changes.iter().filter(|change| change.resource_arn == self.rule).collect();
        let has_green = |change: &&teal_lab_elb::WeightChange| change.weights.get(&self.green).is_some_and(|w| *w > 0);
        let last = changes.iter().rposition(has_green)?;
        let change = changes.get(last + 1)?;
        let by = lab.caller_name(change.access_key_id.as_deref().unwrap_or_default());
        Some((change.at, by))
    }
}

/// All routes, and what serves them.
pub(super) struct Town {
    pub(super) houses: Vec<House>,
    _blue: Child,
    _green: Child,
}

impl Town {
    /// Makes load balancers, target groups, rules and alarms, and waits until every target is healthy.
    pub(super) async fn build(lab: &Lab, releases: usize) -> Result<Self, LabError> {
        let program = lab.demo_service();
        let (blue, blue_port) = serve(&program, "1.0").await?;
        let (green, green_port) = serve(&program, "2.0").await?;
        let aws = lab.aws();
        put_alarm(aws, SHARED).await?;
        put_alarm(aws, QUIET).await?;
        let mut houses = Vec::new();
        let mut front = Front::default();
        for number in 0..releases {
            if number.is_multiple_of(RULES) {
                front = Front::build(aws, number / RULES).await?;
            }
            houses.push(house(aws, &front, number, [blue_port, green_port]).await?);
        }
        let town = Self { houses, _blue: blue, _green: green };
        town.wait_until_healthy(aws).await?;
        Ok(town)
    }

    /// Those whose alarm goes off.
    pub(super) fn alarmed(&self) -> impl Iterator<Item = &House> {
        self.houses.iter().filter(|house| house.course != Course::Healthy)
    }

    /// Requests to all routes in turn.
    pub(super) fn load(&self, rate: f64) -> LoadOptions {
        LoadOptions {
            targets: self.houses.iter().map(|house| house.at.clone()).collect(),
            protocol: LoadProtocol::Tcp,
            ramp: Ramp::new(vec![RampPoint { from: Duration::ZERO, rate }]),
            arrivals: Arrivals::default(),
            seed: 1,
            sessions: 0,
            users: 0,
            session_life: None,
            keep_alive: true,
            max_in_flight: 200,
            timeout: Duration::from_secs(10),
        }
    }

    /// Makes the alarms go off, all at the same time.
    pub(super) async fn raise_alarms(&self, lab: &Lab) -> Result<(), LabError> {
        let own = self.houses.iter().filter(|house| house.course == Course::OwnAlarm).map(|house| house.alarm.as_str());
        for alarm in std::iter::once(SHARED).chain(own) {
            let parameters = json!({"AlarmName": alarm, "StateValue": "ALARM", "StateReason": "a drill"});
            lab.aws().call("monitoring", "SetAlarmState", parameters).await?;
        }
        Ok(())
    }

    async fn wait_until_healthy(&self, aws: &Aws) -> Result<(), LabError> {
        let begun = Instant::now();
        for group in self.houses.iter().flat_map(|house| [&house.blue, &house.green]) {
            loop {
                let parameters = json!({"TargetGroupArn": group});
                let answer = aws.call("elasticloadbalancing", "DescribeTargetHealth", parameters).await?;
                if answer["TargetHealthDescriptions"][0]["TargetHealth"]["State"] == "healthy" {
                    break;
                }
                if begun.elapsed() > PATIENCE {
                    return Err(LabError::Timeout {
                        what: format!("a healthy target of {group}"),
                        seconds: PATIENCE.as_secs(),
                        detail: format!(": {answer}"),
                    });
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(())
    }
}

/// A load balancer with its listener.
#[derive(Debug, Default)]
struct Front {
    listener: String,
    address: Option<IpAddr>,
}

impl Front {
    async fn build(aws: &Aws, number: usize) -> Result<Self, LabError> {
        let parameters = json!({"Name": format!("crowd-{number}"), "Subnets": ["subnet-a", "subnet-b"]});
        let balancer = elb(aws, "CreateLoadBalancer", parameters).await?;
        let balancer = &balancer["LoadBalancers"][0];
        let none = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
        let parameters = json!({
            "LoadBalancerArn": balancer["LoadBalancerArn"], "Protocol": "HTTP", "Port": PORT, "DefaultActions": none,
        });
        let listener = elb(aws, "CreateListener", parameters).await?;
        let address = balancer["DNSName"].as_str().and_then(|name| name.parse().ok());
        Ok(Self { listener: text(&listener["Listeners"][0]["ListenerArn"]), address })
    }
}

async fn house(aws: &Aws, front: &Front, number: usize, [blue, green]: [u16; 2]) -> Result<House, LabError> {
    let name = format!("crowd-{number:03}");
    let blue = group(aws, &format!("{name}-a"), blue).await?;
    let green = group(aws, &format!("{name}-b"), green).await?;
    let path = format!("/{name}");
    let groups = json!([{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}]);
    let parameters = json!({
        "ListenerArn": front.listener,
        "Priority": number % RULES + 1,
        "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}],
        "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        "Tags": [{"Key": "teal", "Value": name}],
    });
    let rule = elb(aws, "CreateRule", parameters).await?;
    let course = Course::of(number);
    let alarm = match course {
        Course::Healthy => QUIET.to_owned(),
        Course::SharedAlarm => SHARED.to_owned(),
        Course::OwnAlarm => name.clone(),
    };
    if course == Course::OwnAlarm {
        put_alarm(aws, &alarm).await?;
    }
    let address = front.address.unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let at = LoadTarget { address: SocketAddr::new(address, PORT), host: format!("{address}:{PORT}"), path };
    let weight = WEIGHTS.into_iter().cycle().nth(number / 5).unwrap_or_default();
    Ok(House { name, course, weight, rule: text(&rule["Rules"][0]["RuleArn"]), green, blue, alarm, at })
}

async fn group(aws: &Aws, name: &str, port: u16) -> Result<String, LabError> {
    let parameters = json!({
        "Name": name, "VpcId": "vpc-1ab00000", "TargetType": "ip", "Protocol": "HTTP", "Port": port, "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 20, "HealthyThresholdCount": 2,
    });
    let group = elb(aws, "CreateTargetGroup", parameters).await?;
    let arn = text(&group["TargetGroups"][0]["TargetGroupArn"]);
    let parameters = json!({"TargetGroupArn": arn, "Targets": [{"Id": "127.0.0.1", "Port": port}]});
    elb(aws, "RegisterTargets", parameters).await?;
    Ok(arn)
}

/// An alarm that has no data, which is fine, and so goes off only by hand.
async fn put_alarm(aws: &Aws, name: &str) -> Result<(), LabError> {
    let parameters = json!({
        "AlarmName": name, "Namespace": "TealLab", "MetricName": "crowd", "Dimensions": [{"Name": "Alarm", "Value": name}],
        "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
    });
    aws.call("monitoring", "PutMetricAlarm", parameters).await?;
    let parameters = json!({"AlarmName": name, "StateValue": "OK", "StateReason": "as it was"});
    aws.call("monitoring", "SetAlarmState", parameters).await.map(drop)
}

async fn elb(aws: &Aws, action: &str, parameters: Value) -> Result<Value, LabError> {
    aws.call("elasticloadbalancing", action, parameters).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Starts the demo service, and gives its port. It ends when it is dropped, or with the lab.
async fn serve(program: &std::path::Path, version: &str) -> Result<(Child, u16), LabError> {
    let starting = || LabError::io(format!("starting {}", program.display()));
    let mut command = Command::new(program);
    command.env_clear().env("TEAL_DEMO_VERSION", version).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().map_err(starting())?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.as_mut() {
        BufReader::new(stdout).read_line(&mut line).await.map_err(starting())?;
    }
    let hello: Value = serde_json::from_str(&line).unwrap_or_default();
    let address: Option<SocketAddr> = hello["listening"].as_str().and_then(|address| address.parse().ok());
    match address {
        Some(address) => Ok((child, address.port())),
        None => Err(LabError::Program { program: DEMO_SERVICE.into(), output: line }),
    }
}
