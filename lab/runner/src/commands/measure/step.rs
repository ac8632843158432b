//! A real release that stands before its first step, again and again.

use super::cold_start::{ColdStart, Program, cold_start};
use crate::LabError;
use crate::lab::Lab;
use crate::scenario::Scenario;
use crate::stage::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use teal::release::{Phase, Release};

/// How long the release may take to come to its gate (real time).
const PREPARATION: Duration = Duration::from_secs(180);

/// The release that is measured on, within the repository.
const SCENARIO: &str = "lab/measure/gated.yaml";

/// A release in the phase ShiftTraffic whose state machine waits at a gate and does not interfere.
pub(super) struct PreparedStep<'a> {
    lab: &'a Lab,
    stage: Stage,
    /// Record and route before the step.
    before: Release,
    /// What the function's processes have in their environment in this lab.
    environment: Vec<(String, String)>,
    runs: AtomicU32,
}

impl<'a> PreparedStep<'a> {
    /// Sets a stage, runs a release to its gate, and puts its record into the phase behind that.
    pub(super) async fn prepare(lab: &'a Lab, environment: Vec<(String, String)>) -> Result<Self, LabError> {
        let scenario = Scenario::read(&lab.places().repository.join(SCENARIO))?;
        let stage = Stage::set(lab, &scenario).await?;
        let problem = |problem: String| LabError::document(SCENARIO, problem);
        let plan = stage.filled(&scenario.release.plan).map_err(problem)?;
        let parameters = json!({
            "stateMachineArn": lab.deployment().state_machine,
            "name": scenario.name,
            "input": plan.to_string(),
        });
        let started = lab.aws().call("states", "StartExecution", parameters).await?;
        let waiting = at_its_gate(lab, &scenario.name, &started["executionArn"]).await?;
        let before = Release { phase: Phase::ShiftTraffic { stage: 0 }, ..waiting };
        Ok(Self { lab, stage, before, environment, runs: AtomicU32::new(0) })
    }

    /// Takes everything down.
    pub(super) async fn strike(&self) -> Result<(), LabError> {
        self.stage.strike().await
    }

    /// Does the step once in a new process of the program. Gives what that took, and the AWS calls made.
    ///
    /// # Errors
    /// If the program fails, or record or route are not as the step must leave them.
    pub(super) async fn run(&self, program: &Program) -> Result<(ColdStart, BTreeMap<String, u64>), LabError> {
        self.lab.ledger().put_back(&self.before).await?;
        let functions = &self.lab.deployment().functions;
        let function_arn = functions.iter().find(|function| function.binary == super::COMPARED);
        let function_arn = function_arn.and_then(|function| function.arns.first()).map_or("", String::as_str);
        let request_id = format!("measure-{}", self.runs.fetch_add(1, Ordering::Relaxed));
        let event = json!({"release": self.before.id, "step": 0, "state": "ShiftTraffic"});
        let calls = self.lab.call_counts();
        let (start, answer) = cold_start(program, &self.environment, &event, function_arn, &request_id).await?;
        let calls = self.lab.calls_since(&calls).remove(super::COMPARED).unwrap_or_default();
        self.check(&answer).await.map_err(|output| LabError::Program {
            program: program.path.display().to_string(),
            output: format!("the step is not done as it should be: {output}"),
        })?;
        Ok((start, calls))
    }

    /// Whether the step was done: by the answer, by the record as Teal reads it, and by the route.
    async fn check(&self, answer: &Value) -> Result<(), String> {
        let expected = self.before.stage(0).map_err(|error| error.to_string())?.weight;
        if answer["next"] != "Bake" {
            return Err(format!("the answer is {answer}"));
        }
        let ledger = self.lab.ledger();
        let record = ledger.record(self.before.id.as_str()).await.map_err(|error| error.to_string())?;
        let record = record.ok_or("the record is gone")?;
        let is_settled = record.intents.is_empty() && record.outbox.is_empty();
        if record.phase != (Phase::Bake { stage: 0 }) || record.green_share != expected || !is_settled {
            return Err(format!("the record is in phase {} with {} on green", record.phase, record.green_share));
        }
        for part in &record.route {
            let found = ledger.actions(&part.part).await.map_err(|error| error.to_string())?;
            if found != part.expected || found != part.at(&record.colours, expected) {
                return Err(format!("{} has the actions {found:?}", part.part));
            }
        }
        Ok(())
    }
}

/// The release's record once it waits for a person and was looked at: the next look is an interval of the plan away.
async fn at_its_gate(lab: &Lab, release: &str, execution: &Value) -> Result<Release, LabError> {
    let begun = Instant::now();
    while begun.elapsed() < PREPARATION {
        if let Some(record) = lab.ledger().record(release).await?
            // What is to be told is told within the same run of a function.
            && matches!(record.phase, Phase::AwaitApproval { .. })
            && record.looks > 0
            && record.outbox.is_empty()
        {
            return Ok(record);
        }
        let described = lab.aws().call("states", "DescribeExecution", json!({"executionArn": execution})).await?;
        if described["status"] != "RUNNING" {
            let problem = format!("its release ended before its gate: {} {}", described["status"], described["cause"]);
            return Err(LabError::document(SCENARIO, problem));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seconds = PREPARATION.as_secs();
    Err(LabError::Timeout { what: "the release's coming to its gate".into(), seconds, detail: String::new() })
}
