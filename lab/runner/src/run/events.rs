//! What a scenario makes happen, and when.

use super::Run;
use crate::LabError;
use crate::merge::merge;
use crate::result::Check;
use crate::scenario::{Action, AnswerCheck, EventSpec, Scenario, fill};
use serde_json::{Value, json};
use std::time::Duration;
use teal::request::Ask;
use teal_lab_gateway::FaultRule;

/// How often sweep runs until it tells of what is waited for: it looks at some routes only at a time.
const SWEEPS: usize = 30;
/// The same a minute apart, five of which read the same routes.
const TRIES: usize = 5 * SWEEPS;
/// From one sweep to the next (lab time).
const SWEEP_PAUSE: Duration = Duration::from_secs(60);
/// Sweep looks at other routes in every five minutes: before that it would read the same ones again.
const DRIFT_PAUSE: Duration = Duration::from_secs(300);
/// From one call to the next of a check that has time (lab time).
const CHECK_PAUSE: Duration = Duration::from_secs(5);

/// The events that have not happened yet.
#[derive(Debug)]
pub(super) struct Schedule {
    waiting: Vec<(EventSpec, Option<f64>)>,
}

impl Schedule {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let events = scenario.events.iter().cloned();
        Self { waiting: events.map(|event| (event.clone(), event.at.map(|at| f64::from(at.as_seconds())))).collect() }
    }

    /// The release has entered a state: what waits for the first time that it does is due from now on.
    pub(super) fn entered(&mut self, state: &str, at: f64) {
        for (event, due) in &mut self.waiting {
            if due.is_none() && event.entering.is_some_and(|wanted| wanted.to_string() == state) {
                *due = Some(at + event.after.map_or(0.0, |after| f64::from(after.as_seconds())));
            }
        }
    }

    /// Takes out what is due.
    pub(super) fn due(&mut self, now: f64) -> Vec<Action> {
        let (due, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, due)| due.is_some_and(|due| due <= now));
        self.waiting = waiting;
        due.into_iter().map(|(event, _): (EventSpec, _)| event.action).collect()
    }

    /// The faults that never came into force: what they waited for did not happen.
    pub(super) fn faults_left(&self) -> impl Iterator<Item = &FaultRule> {
        self.waiting.iter().filter_map(|(event, _)| match &event.action {
            Action::InjectFault(rule) => Some(rule),
            _ => None,
        })
    }

    /// Whether something is still to happen at a known time.
    pub(super) fn has_more(&self) -> bool {
        self.waiting.iter().any(|(_, due)| due.is_some())
    }
}

/// Whether a fault hit a call, where it must; `None` is one that never came into force.
pub(super) fn struck(rule: &FaultRule, hits: Option<u32>) -> Check {
    let expected = if rule.may_miss { "any number" } else { "1 or more" };
    let found = hits.map_or_else(|| "none: it never came into force".to_owned(), |hits| hits.to_string());
    Check::new(format!("calls hit by the fault: {rule}"), expected, found, rule.may_miss || hits > Some(0))
}

impl Run<'_> {
    pub(super) async fn perform(&mut self, action: &Action) -> Result<(), LabError> {
        let line = match action {
            Action::Approve => self.answer_gate(|stage| Ask::Approve { stage }).await?,
            Action::Reject => self.answer_gate(|stage| Ask::Reject { stage }).await?,
            Action::Abort => self.ask(Ask::Abort).await?,
            Action::GiveUp => self.ask(Ask::GiveUp).await?,
            Action::LeaveOnGreen => self.ask(Ask::LeaveOnGreen).await?,
            Action::StopExecution => {
                let execution = self.releases.first().map(|running| running.observer.execution.clone());
                let parameters = json!({"executionArn": execution, "cause": "stopped by the scenario"});
                self.lab.aws().call("states", "StopExecution", parameters).await?;
                "the execution is stopped from outside".into()
            }
            Action::KillTask { service } => self.kill_task(service),
            Action::Call { service, action, parameters } => {
                let parameters = self.filled(parameters).await?;
                self.lab.aws().call(service, action, parameters).await?;
                format!("{service} {action} is called by somebody else")
            }
            Action::UpdateStack => {
                self.stage.update().await?;
                "a stack update writes every listener and rule".into()
            }
            Action::InjectFault(fault) => {
                let mut fault = fault.clone();
                fault.calls.about.get_or_insert_with(|| self.scenario.name.clone());
                self.faults.push((self.lab.gateway().inject(fault.clone()), fault));
                "a fault is in force from now on".into()
            }
            Action::EndFaults => {
                let hits = self.end_faults();
                format!("the faults end; {hits} calls were hit")
            }
            Action::SendEvent(event) => {
                let event = self.filled(event).await?;
                let kind = event["detail-type"].as_str().unwrap_or("event").to_owned();
                self.lab.gateway().send_event(event);
                format!("EventBridge delivers: {kind}")
            }
            Action::ScaleIn { service } => {
                let service = self.filled(&json!(service)).await?;
                let cluster = self.stage.names.get("ClusterName").map(String::as_str).unwrap_or_default();
                self.lab.scale_in(cluster, service.as_str().unwrap_or_default());
                format!("automatic scaling would take tasks from {service}")
            }
            Action::Sweep { until } => self.sweep(until).await?,
            Action::Check(check) => self.check_answer(check).await?,
            Action::PipelineAction { user_parameters, expect } => {
                let user_parameters = self.filled(user_parameters).await?;
                self.begin_later_action(user_parameters, expect).await?
            }
            Action::StartRelease { plan_changes, expect } => {
                let mut plan = self.plan.clone();
                merge(&mut plan, &self.filled(plan_changes).await?);
                return self.start_release(&plan, *expect.clone()).await;
            }
        };
        self.watcher.event(self.timeline.now(), "event", &line);
        Ok(())
    }

    /// With what exists once the release has started, too.
    pub(super) async fn filled(&self, value: &Value) -> Result<Value, LabError> {
        let mut names = self.stage.names.clone();
        let deployment = self.lab.deployment();
        names.insert("stateMachine".into(), deployment.state_machine.clone());
        names.insert("table".into(), deployment.table.clone());
        names.insert("pipelineFunction".into(), self.lab.function("on-pipeline-job"));
        if let Some(running) = self.releases.first() {
            names.insert("execution".into(), running.observer.execution.clone());
            names.insert("release".into(), running.observer.name().to_owned());
        }
        if let Some(deployment) = self.deployment_of_release().await? {
            names.insert("deployment".into(), deployment.to_string());
        }
        fill(value, &names).map_err(|problem| LabError::document(format!("scenario {}", self.scenario.name), problem))
    }

    async fn sweep(&mut self, until: &str) -> Result<String, LabError> {
        let wanted = self.filled(&json!(until)).await?;
        let wanted = wanted.as_str().unwrap_or_default();
        let mut told = String::new();
        for _ in 0..TRIES {
            // An error of sweep's own is one of its answers.
            told = self.lab.sweep_now().await.map_or_else(|error| error.to_string(), |answer| answer.to_string());
            if told.contains(wanted) {
                break;
            }
            self.lab.clock().sleep(SWEEP_PAUSE).await;
        }
        let passed = told.contains(wanted);
        self.checked.push(Check::new("sweep tells of", wanted, &told, passed));
        Ok(format!("sweep runs: {}", self.stage.readable(&told)))
    }

    /// The parts of this scenario's route of which sweep says that they have drifted. Where some are expected it runs until it tells of
    /// them; where it fails, as it does when another scenario's release is kept from being read, it runs again.
    pub(super) async fn drifted_parts(&self, expected: bool) -> Result<Vec<String>, LabError> {
        let mut sweeps = SWEEPS;
        loop {
            sweeps -= 1;
            match self.lab.sweep_now().await {
                Ok(swept) => {
                    let drifted = swept["drifted"].as_array().into_iter().flatten().filter_map(Value::as_str);
                    let is_ours = |part: &&str| self.route.iter().any(|routed| routed.part == *part);
                    let ours: Vec<String> = drifted.filter(is_ours).map(str::to_owned).collect();
                    if sweeps == 0 || !ours.is_empty() || !expected {
                        return Ok(ours);
                    }
                }
                Err(error) if sweeps == 0 => return Err(error),
                Err(_) => {}
            }
            self.lab.clock().sleep(DRIFT_PAUSE).await;
        }
    }

    async fn check_answer(&mut self, check: &AnswerCheck) -> Result<String, LabError> {
        let parameters = self.filled(&check.parameters).await?;
        let expected = self.filled(&check.is).await?;
        let until = self.timeline.now() + check.within.map_or(0.0, |span| f64::from(span.as_seconds()));
        let found = loop {
            let answer = match self.lab.aws().call(&check.service, &check.action, parameters.clone()).await {
                Err(LabError::Aws { code, .. }) => json!({"refused": code}),
                answer => answer?,
            };
            let found = answer.pointer(&check.at).cloned().unwrap_or_default();
            if found == expected || self.timeline.now() >= until {
                break found;
            }
            self.lab.clock().sleep(CHECK_PAUSE).await;
        };
        let what = format!("at {:.0} s, {} of {}", self.timeline.now(), check.at, check.action);
        let line = format!("{what} is {found}");
        let passed = expected == found;
        self.checked.push(Check::new(what, expected, found, passed));
        Ok(line)
    }

    /// Answers at the gate where the release waits.
    async fn answer_gate(&self, ask: impl Fn(usize) -> Ask) -> Result<String, LabError> {
        let name = self.releases.first().map(|running| running.observer.name().to_owned()).unwrap_or_default();
        let stage = match self.lab.ledger().record(&name).await?.map(|record| record.phase) {
            Some(teal::release::Phase::AwaitApproval { stage }) => stage,
            _ => 0,
        };
        self.ask(ask(stage)).await
    }

    async fn ask(&self, ask: Ask) -> Result<String, LabError> {
        let Some(running) = self.releases.first() else { return Ok("there is no release to ask".into()) };
        self.lab.ledger().ask(running.observer.name(), ask).await?;
        Ok(format!("a person asks: {}", ask.key()))
    }

    /// Ends every fault of this run; says how many calls they hit. One that hit none has shown nothing.
    pub(super) fn end_faults(&mut self) -> u32 {
        let mut all = 0;
        for (id, rule) in std::mem::take(&mut self.faults) {
            let hits = self.lab.gateway().end_fault(id);
            all += hits;
            self.checked.push(struck(&rule, Some(hits)));
        }
        all
    }

    /// Kills the first running task of a service's task definition.
    fn kill_task(&self, service: &str) -> String {
        let definition = self.stage.names.get(&format!("taskDefinition.{service}")).cloned().unwrap_or_default();
        let definition = definition.rsplit('/').next().unwrap_or_default();
        let task = self
            .lab
            .tasks()
            .into_iter()
            .find(|task| task.task_definition == definition && task.last_status == "RUNNING");
        match task {
            Some(task) if self.lab.kill_task(&task.id) => format!("task {} of {service} crashes", task.id),
            _ => format!("no task of {service} is there to crash"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_due_by_time_and_by_the_first_entering_of_a_state() {
        let yaml = "
name: small
description: d
load: {rate: 1}
services: {blue: {version: '1'}}
release: {plan: {}}
events:
  - {at: 10s, do: approve}
  - {entering: Bake, after: 5s, do: abort}
expect: {outcome: promoted}
";
        let mut schedule = Schedule::of(&Scenario::parse(yaml).unwrap());
        assert!(schedule.due(9.0).is_empty());
        assert!(matches!(schedule.due(10.0)[..], [Action::Approve]));
        schedule.entered("Accept", 11.0);
        assert!(schedule.due(100.0).is_empty());
        schedule.entered("Bake", 100.0);
        schedule.entered("Bake", 200.0);
        assert!(schedule.due(104.0).is_empty());
        assert!(matches!(schedule.due(105.0)[..], [Action::Abort]));
        assert!(schedule.due(1000.0).is_empty());
    }

    #[test]
    fn a_fault_that_hits_nothing_is_told_by_what_it_was_for() {
        let rule = |may_miss: &str| -> FaultRule {
            let text = format!(
                r#"{{"match": {{"caller": "on-alarm", "operation": "ModifyListener", "about": "shop"}}, "kind": "throttle"{may_miss}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let must = rule("");
        let missed = struck(&must, Some(0));
        assert_eq!(missed.what, r#"calls hit by the fault: throttle on any:ModifyListener by on-alarm about "shop""#);
        assert_eq!((missed.expected.as_str(), missed.found.as_str(), missed.passed), ("1 or more", "0", false));
        assert!(struck(&must, Some(1)).passed);
        assert!(!struck(&must, None).passed);
        assert!(struck(&rule(r#", "mayMiss": true"#), Some(0)).passed);
    }

    #[test]
    fn a_fault_whose_event_never_comes_is_left() {
        let yaml = "
name: small
description: d
load: {rate: 1}
services: {blue: {version: '1'}}
release: {plan: {}}
events:
  - {at: 10s, do: {injectFault: {match: {caller: promote}, kind: throttle}}}
  - {entering: RollBack, do: {injectFault: {match: {caller: roll-back}, kind: throttle}}}
expect: {outcome: promoted}
";
        let mut schedule = Schedule::of(&Scenario::parse(yaml).unwrap());
        schedule.due(10.0);
        let left: Vec<_> = schedule.faults_left().map(ToString::to_string).collect();
        assert_eq!(left, ["throttle on any:any by roll-back"]);
    }
}
