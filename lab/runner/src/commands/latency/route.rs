//! A route that stands at 50 %, and its two alarms.

use crate::LabError;
use crate::lab::Lab;
use crate::load::{LoadOptions, Ramp, RampPoint, Served, Tally};
use crate::scenario::Scenario;
use crate::stage::Stage;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use teal::release::Phase;
use teal_lab_wire::Millis;

/// How long a release may take to its bake, and an alarm or a rollback until it is seen.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(100);
/// How often the alarms' metric is sent, so that no period is without it.
const METRIC_EVERY: Duration = Duration::from_secs(3);

/// A release in its bake, with everything around it.
pub(super) struct BakingRoute {
    stage: Stage,
    scenario: Scenario,
    listener: String,
}

impl BakingRoute {
    /// Sets a stage and runs a release to its bake.
    pub(super) async fn prepare(lab: &Lab, scenario: Scenario) -> Result<Self, LabError> {
        let stage = Stage::set(lab, &scenario).await?;
        let problem = |problem: String| LabError::document(&scenario.name, problem);
        let plan = stage.filled(&scenario.release.plan).map_err(problem)?;
        let input = json!({
            "stateMachineArn": lab.deployment().state_machine, "name": scenario.name, "input": plan.to_string(),
        });
        lab.aws().call("states", "StartExecution", input).await?;
        let listener = stage.names.get("ListenerArn").cloned().unwrap_or_default();
        let route = Self { stage, scenario, listener };
        let patience = Patience::with("a release's coming to its bake");
        loop {
            let record = lab.ledger().record(route.name()).await?;
            if record.is_some_and(|record| matches!(record.phase, Phase::Bake { .. }) && record.intents.is_empty()) {
                return Ok(route);
            }
            patience.wait().await?;
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.scenario.name
    }

    pub(super) async fn strike(&self) -> Result<(), LabError> {
        self.stage.strike().await
    }

    /// The scenario's load at another rate.
    pub(super) fn load(&self, lab: &Lab, rate: f64) -> LoadOptions {
        let ramp = Ramp::new(vec![RampPoint { from: Duration::ZERO, rate }]);
        LoadOptions { ramp, ..self.stage.load(&self.scenario, lab.clock()) }
    }

    /// Makes an alarm go off; gives the lab time at which it did, which is when its event goes out.
    pub(super) async fn raise(&self, lab: &Lab, alarm: &str) -> Result<Millis, LabError> {
        self.send_metric(lab, alarm).await?;
        let patience = Patience::with("an alarm's going off");
        while !self.is_in_alarm(lab, alarm).await? {
            patience.wait().await?;
        }
        let described = self.described(lab, alarm).await?;
        let seconds = described["StateTransitionedTimestamp"].as_f64().unwrap_or_default();
        Ok((seconds * 1000.0) as Millis)
    }

    /// Goes on sending what keeps the alarm in ALARM; ends only with an error.
    pub(super) async fn keep_in_alarm(&self, lab: &Lab, alarm: &str) -> Result<(), LabError> {
        loop {
            self.send_metric(lab, alarm).await?;
            tokio::time::sleep(METRIC_EVERY).await;
        }
    }

    pub(super) async fn is_in_alarm(&self, lab: &Lab, alarm: &str) -> Result<bool, LabError> {
        Ok(self.described(lab, alarm).await?["StateValue"] == "ALARM")
    }

    async fn described(&self, lab: &Lab, alarm: &str) -> Result<Value, LabError> {
        let names = json!({"AlarmNames": [format!("{}-{alarm}", self.name())]});
        let mut answer = lab.aws().call("monitoring", "DescribeAlarms", names).await?;
        Ok(answer["MetricAlarms"][0].take())
    }

    async fn send_metric(&self, lab: &Lab, metric: &str) -> Result<(), LabError> {
        let datum = json!({
            "MetricName": metric, "Dimensions": [{"Name": "Route", "Value": self.name()}], "Value": 1.0, "StorageResolution": 1,
        });
        let parameters = json!({"Namespace": "TealLab", "MetricData": [datum]});
        lab.aws().call("monitoring", "PutMetricData", parameters).await.map(drop)
    }

    /// Waits until the listener gives green nothing any more.
    pub(super) async fn until_on_blue(&self, lab: &Lab) -> Result<(), LabError> {
        let green = self.stage.names.get("TargetGroupB");
        let patience = Patience::with("a route's coming back to blue");
        loop {
            let changes = lab.weight_changes();
            let last = changes.iter().rev().find(|change| change.resource_arn == self.listener);
            if last.zip(green).is_some_and(|(change, green)| change.weights.get(green) == Some(&0)) {
                return Ok(());
            }
            patience.wait().await?;
        }
    }

    pub(super) async fn actions(&self, lab: &Lab) -> Result<Value, LabError> {
        let parameters = json!({"ListenerArns": [self.listener]});
        let mut answer = lab.aws().call("elasticloadbalancing", "DescribeListeners", parameters).await?;
        Ok(answer["Listeners"][0]["DefaultActions"].take())
    }

    pub(super) async fn set_actions(&self, lab: &Lab, actions: &Value) -> Result<(), LabError> {
        let parameters = json!({"ListenerArn": self.listener, "DefaultActions": actions});
        lab.aws().call("elasticloadbalancing", "ModifyListener", parameters).await.map(drop)
    }

    /// What a rule does that takes the traffic back.
    pub(super) async fn give_to_blue(&self, lab: &Lab) -> Result<(), LabError> {
        let group = |name: &str, weight: u16| json!({"TargetGroupArn": self.stage.names.get(name), "Weight": weight});
        let groups = [group("TargetGroupA", 100), group("TargetGroupB", 0)];
        self.set_actions(lab, &json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])).await
    }

    /// How long green still answered after a moment; 0 if it did not.
    pub(super) fn seconds_of_green_after(&self, moment: Millis, tally: &Tally) -> f64 {
        let green = self.scenario.services.get("green").map(|service| service.version.as_str());
        let last = tally.with_samples(|samples| {
            let of_green = samples.iter().filter(|sample| match &sample.served {
                Served::Version(version) => Some(&**version) == green,
                Served::LoadBalancer | Served::Nobody => false,
            });
            // At scale 1 lab time and real time pass alike.
            of_green
                .map(|sample| sample.at as f64 + f64::from(sample.latency_micros) / 1000.0)
                .fold(moment as f64, f64::max)
        });
        (last - moment as f64) / 1000.0
    }
}

/// Waits for something, but not for ever.
struct Patience {
    what: &'static str,
    begun: Instant,
}

impl Patience {
    fn with(what: &'static str) -> Self {
        Self { what, begun: Instant::now() }
    }

    /// Waits a moment before the next look.
    async fn wait(&self) -> Result<(), LabError> {
        if self.begun.elapsed() > PATIENCE {
            let seconds = PATIENCE.as_secs();
            return Err(LabError::Timeout { what: self.what.to_owned(), seconds, detail: String::new() });
        }
        tokio::time::sleep(POLL).await;
        Ok(())
    }
}
