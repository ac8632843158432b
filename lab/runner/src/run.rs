//! One scenario from its first resource to its result.

mod aliases;
mod calls;
mod collect;
mod deployed;
mod events;
mod flags;
mod in_place;
mod kept;
mod own;
mod pipelined;
mod route;

use crate::LabError;
use crate::account::{self, as_written_there};
use crate::check::{PartActions, check_release, check_scenario};
use crate::lab::Lab;
use crate::load::{Load, Tally};
use crate::observe::{Observer, Timeline};
use crate::pipeline::{Action, PipelineSpec, StepFunctionsInput};
use crate::result::{Check, ScenarioResult};
use crate::scenario::{Expectation, Scenario};
use crate::stage::Stage;
use crate::watch::{Status, Watcher};
use events::{Schedule, struck};
use kept::Kept;
use pipelined::LaterAction;
use route::read_actions;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use teal::deployment::DeploymentId;
use teal::plan::PlanRef;
use teal::release::ReleaseId;
use teal::state::State;
use teal::units::Invalid;
use teal_aws::execution_arn;
use teal_lab_gateway::{CallKey, FaultId, FaultRule};
use teal_lab_wire::Millis;

/// How often executions and weights are looked at (real time).
const TICK: Duration = Duration::from_millis(100);
/// How long the load goes on after the end, to see where requests go then (lab time).
const AFTERMATH: Duration = Duration::from_secs(20);

/// A release under way.
#[derive(Debug)]
struct Running {
    observer: Observer,
    expected: Expectation,
}

/// A scenario under way.
pub(crate) struct Run<'a> {
    lab: &'a Lab,
    scenario: &'a Scenario,
    stage: &'a Stage,
    timeline: Timeline,
    plan: Value,
    /// The production parts of the route: listeners, then rules.
    route: Vec<PartActions>,
    schedule: Schedule,
    /// The pipeline's action that starts the release, where one does.
    action: Option<Action>,
    /// Other actions of pipelines.
    later_actions: Vec<LaterAction>,
    /// The deployment whose hooks start the release, where somebody deploys.
    deployment: Option<DeploymentId>,
    /// The release under test first.
    releases: Vec<Running>,
    /// Where the logs of the shared lab stood when this run began.
    calls_before: BTreeMap<CallKey, u64>,
    begun_at: Millis,
    /// Faults to be ended with the run.
    faults: Vec<(FaultId, FaultRule)>,
    /// What events of the scenario checked.
    checked: Vec<Check>,
    /// What the table was seen to keep.
    kept: Kept,
    weights_seen: usize,
    story_seen: Vec<usize>,
    watcher: &'a mut dyn Watcher,
}

/// Runs a scenario in a lab.
///
/// # Errors
/// If the lab itself fails: a resource cannot be made, an endpoint does not answer. A release that ends otherwise than
/// expected is a result.
pub(crate) async fn run(lab: &Lab, scenario: &Scenario, watcher: &mut dyn Watcher) -> Result<ScenarioResult, LabError> {
    account::prepare(lab, scenario)?;
    let stage = Stage::set(lab, scenario).await?;
    let result = Run::on(lab, scenario, &stage, watcher).await;
    let struck = stage.strike().await;
    let result = result?;
    struck.map(|()| result)
}

impl<'a> Run<'a> {
    async fn on(
        lab: &'a Lab,
        scenario: &'a Scenario,
        stage: &'a Stage,
        watcher: &'a mut dyn Watcher,
    ) -> Result<ScenarioResult, LabError> {
        let problem = |problem: String| LabError::document(format!("scenario {}", scenario.name), problem);
        let plan = stage.filled(&scenario.release.plan).map_err(problem)?;
        for (name, project) in &scenario.builds {
            let name = stage.filled(&json!(name)).map_err(problem)?;
            lab.codebuild().set_project(name.as_str().unwrap_or_default(), project.clone());
        }
        for (name, tester) in &scenario.testers {
            let name = stage.filled(&json!(name)).map_err(problem)?;
            lab.set_tester(name.as_str().unwrap_or_default(), tester.clone()).await?;
        }
        let mut run = Self {
            lab,
            scenario,
            stage,
            timeline: Timeline::from(lab.clock().clone(), lab.clock().now_millis()),
            route: Vec::new(),
            plan,
            schedule: Schedule::of(scenario),
            action: None,
            later_actions: Vec::new(),
            deployment: None,
            releases: Vec::new(),
            calls_before: lab.call_counts(),
            begun_at: lab.clock().now_millis(),
            faults: Vec::new(),
            checked: Vec::new(),
            kept: Kept::default(),
            weights_seen: 0,
            story_seen: Vec::new(),
            watcher,
        };
        run.route = run.read_route().await?;
        run.install_blue().await?;
        run.timeline = Timeline::from(lab.clock().clone(), lab.clock().now_millis());
        run.weights_seen = run.raw_weights().len();
        let begun = Instant::now();
        let load = Load::start(stage.load(scenario, lab.clock()), lab.clock().clone());
        let ended = run.until_the_end(&load.tally()).await;
        run.end_faults();
        run.checked.extend(run.schedule.faults_left().map(|rule| struck(rule, None)));
        ended?;
        lab.clock().sleep(AFTERMATH).await;
        let tally = load.stop().await;
        for part in &mut run.route {
            part.after = match read_actions(lab, &part.part, &part.before).await {
                // Somebody took it away.
                Err(LabError::Aws { code, .. }) if code.ends_with("NotFound") => Value::Null,
                found => found?,
            };
        }
        run.read_table().await?;
        let mut result = run.collect(&tally, begun.elapsed()).await?;
        if let Some(expected) = scenario.expect.drifted {
            result.drifted = run.drifted_parts(expected).await?;
        }
        if let Some(expected) = &scenario.expect.alarms_on_teal {
            result.alarms_on_teal = run.alarms_on_teal(expected).await?;
        }
        result.pipeline = run.end_action().await?;
        result.later_actions = run.end_later_actions().await?;
        result.deployment = run.deployment_result().await?;
        result.expectations = run.checks(&result);
        result.passed = result.expectations.iter().all(|check| check.passed);
        Ok(result)
    }

    async fn until_the_end(&mut self, tally: &Tally) -> Result<(), LabError> {
        let mut tick = tokio::time::interval(TICK);
        let mut next_status = Instant::now();
        let release_at = f64::from(self.scenario.release.at.as_seconds());
        let limit = f64::from(self.scenario.limit.as_seconds());
        loop {
            tick.tick().await;
            let now = self.timeline.now();
            if self.releases.is_empty() && now >= release_at {
                // What was to come before it does, however late both are.
                for action in self.schedule.due(release_at.next_down()) {
                    self.perform(&action).await?;
                }
                self.begin_release().await?;
            }
            for index in 0..self.releases.len() {
                self.follow(index).await?;
            }
            for action in self.schedule.due(now) {
                self.perform(&action).await?;
            }
            self.show_weights();
            if Instant::now() >= next_status {
                next_status += Duration::from_secs(1);
                self.show_story().await?;
                self.show_status(tally);
            }
            if now > limit || self.has_ended().await? {
                self.show_weights();
                self.show_story().await?;
                return Ok(());
            }
        }
    }

    /// Starts the release under test, or follows the execution that a pipeline's action or a deployment's hook has started.
    async fn begin_release(&mut self) -> Result<(), LabError> {
        let scenario = self.scenario;
        if let Some(spec) = &scenario.release.deployment {
            return self.release_by_deployment(spec).await;
        }
        let problem = |problem: String| LabError::document(format!("scenario {}", self.scenario.name), problem);
        let Some(action) = &self.action else {
            let input = self.keep_plan().await?;
            let Some(pipeline) = &self.scenario.release.pipeline else {
                return self.start_release(&input, self.scenario.expect.clone()).await;
            };
            let pipeline = match pipeline {
                PipelineSpec::Lambda { user_parameters } => {
                    PipelineSpec::Lambda { user_parameters: self.stage.filled(user_parameters).map_err(problem)? }
                }
                PipelineSpec::StepFunctions(configured) => {
                    let input = self.stage.filled(&json!(configured.input)).map_err(problem)?;
                    let input = input.as_str().unwrap_or_default().to_owned();
                    PipelineSpec::StepFunctions(StepFunctionsInput { input, ..configured.clone() })
                }
            };
            self.action = Some(Action::begin(self.lab, &pipeline, &self.scenario.name, &input).await?);
            self.watcher.event(self.timeline.now(), "event", "the pipeline's release action starts");
            return Ok(());
        };
        if let Some(name) = action.execution() {
            let id = ReleaseId::new(name.clone()).map_err(problem)?;
            let execution = execution_arn(&self.lab.deployment().state_machine, &id).unwrap_or_default();
            self.watcher.event(self.timeline.now(), "event", &format!("the pipeline has started release {name}"));
            self.observe(execution, self.scenario.expect.clone());
        }
        Ok(())
    }

    fn observe(&mut self, execution: String, expected: Expectation) {
        let observer = Observer::new(self.lab.aws().clone(), self.timeline.clone(), execution);
        self.releases.push(Running { observer, expected });
        self.story_seen.push(0);
    }

    /// Keeps the plan where the scenario says, and gives what the execution is to be started with.
    async fn keep_plan(&self) -> Result<Value, LabError> {
        let problem = |problem: String| LabError::document(format!("scenario {}", self.scenario.name), problem);
        let release = &self.scenario.release;
        if let Some(place) = &release.kept_at {
            let place = self.stage.filled(&json!(place)).map_err(problem)?;
            let place: PlanRef =
                place.as_str().unwrap_or_default().parse().map_err(|e: Invalid| problem(e.to_string()))?;
            self.lab.keep_plan(&place, &self.plan).await?;
        }
        release.input.as_ref().map_or_else(
            || Ok(as_written_there(self.scenario, &self.plan)),
            |input| self.stage.filled(input).map_err(problem),
        )
    }

    async fn start_release(&mut self, input: &Value, expected: Expectation) -> Result<(), LabError> {
        let name = format!("{}-{}", self.scenario.name, self.releases.len() + 1);
        let parameters = json!({
            "stateMachineArn": self.lab.deployment().state_machine,
            "name": name,
            "input": input.to_string(),
        });
        let answer = self.lab.aws().call("states", "StartExecution", parameters).await?;
        let execution = answer["executionArn"].as_str().unwrap_or_default().to_owned();
        self.watcher.event(self.timeline.now(), "event", &format!("release {name} starts"));
        self.observe(execution, expected);
        Ok(())
    }

    /// Reads on in one execution's history.
    async fn follow(&mut self, index: usize) -> Result<(), LabError> {
        let Some(running) = self.releases.get_mut(index) else { return Ok(()) };
        if running.observer.end.is_some() {
            return Ok(());
        }
        let seen = running.observer.visits.len();
        running.observer.poll().await?;
        let prefix = if index == 0 { String::new() } else { format!("{}: ", running.observer.name()) };
        let mut has_news = false;
        for visit in running.observer.visits.get(seen..).unwrap_or_default() {
            if index == 0 {
                self.schedule.entered(&visit.state, visit.entered_at);
            }
            // The other states only route.
            if State::ALL.iter().any(|state| state.to_string() == visit.state) {
                self.watcher.event(visit.entered_at, "state", &format!("{prefix}{}", visit.state));
                has_news = true;
            }
        }
        if let Some(end) = &running.observer.end {
            let why = end.cause.as_deref().or(end.error.as_deref()).unwrap_or_default();
            let line = self.stage.readable(&format!("{prefix}execution {} {why}", end.status));
            self.watcher.event(end.at, "event", &line);
        }
        if !has_news {
            return Ok(());
        }
        // Where secrets were planted, what is kept on the way is looked through as well.
        if !self.scenario.secrets.is_empty() {
            self.read_table().await?;
        }
        self.show_story().await
    }

    /// Whether every release has ended, also those whose execution was stopped and which Teal ends behind it, and the deployment where one
    /// moves the traffic.
    async fn has_ended(&self) -> Result<bool, LabError> {
        let waits = self.action.as_ref().is_some_and(|action| !action.has_ended()) || self.later_actions_go_on();
        if self.is_in_place() {
            let has_begun = self.deployment.is_some();
            return Ok(has_begun && !self.schedule.has_more() && !self.deployment_goes_on().await?);
        }
        if self.releases.is_empty() || self.schedule.has_more() || waits {
            return Ok(false);
        }
        for running in &self.releases {
            let Some(end) = &running.observer.end else { return Ok(false) };
            let is_closed = end.status == "SUCCEEDED" || running.observer.state() == Some("RollbackNeedsHuman");
            if !is_closed {
                let record = self.lab.ledger().record(running.observer.name()).await?;
                if record.is_some_and(|record| !record.phase.is_terminal()) {
                    return Ok(false);
                }
            }
        }
        Ok(!self.deployment_goes_on().await?)
    }

    /// Changes of weights of load balancers, aliases and flags, each in the order of time.
    fn raw_weights(&self) -> Vec<teal_lab_elb::WeightChange> {
        let mut changes = self.lab.weight_changes();
        changes.extend(self.flag_weights());
        changes.sort_by_key(|change| change.at);
        changes
    }

    fn show_weights(&mut self) {
        let changes = self.raw_weights();
        for change in changes.iter().skip(self.weights_seen) {
            if let Some(change) = self.weight_change(change) {
                let line = format!("{}: green {:.1} % by {}", change.part, change.green_share * 100.0, change.by);
                self.watcher.event(change.at, "weight", &self.stage.readable(&line));
            }
        }
        self.weights_seen = changes.len();
    }

    async fn show_story(&mut self) -> Result<(), LabError> {
        for (running, seen) in self.releases.iter().zip(&mut self.story_seen) {
            let story = self.lab.ledger().story(running.observer.name()).await?;
            for entry in story.iter().skip(*seen) {
                let at = self.timeline.of_lab_millis(entry.at.as_millisecond());
                let line = self.stage.readable(&format!("{}: {}", entry.by, entry.fact));
                self.watcher.event(at, "story", &line);
            }
            *seen = story.len();
        }
        Ok(())
    }

    fn show_status(&mut self, tally: &Tally) {
        let state = self.releases.first().and_then(|running| running.observer.state()).unwrap_or("before");
        let green_share = self.green_share_now();
        let status = Status { at: self.timeline.now(), state: state.to_owned(), green_share, counts: tally.counts() };
        self.watcher.status(&status);
    }

    fn checks(&self, result: &ScenarioResult) -> Vec<Check> {
        let mut checks = check_scenario(&self.scenario.expect, result, &self.route);
        for (running, release) in self.releases.iter().skip(1).zip(&result.other_releases) {
            checks.extend(check_release(&running.expected, release));
        }
        checks.extend(flags::checks(&result.flag_steps));
        checks.extend(self.checked.iter().cloned());
        checks
    }
}
