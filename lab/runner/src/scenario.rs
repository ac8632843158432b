//! What a scenario file says. The format is documented for people in docs/scenarios.md.

mod expectation;
mod extends;
mod load;
mod placeholder;
#[cfg(test)]
mod tests;

pub use expectation::{Bounds, DeploymentExpectation, Expectation, FinalRoute, Outcome, PipelineExpectation};
pub use load::{LoadSpec, PRODUCTION_PORT, RateChange, TargetSpec};
pub(crate) use placeholder::fill;

use crate::LabError;
use crate::account::AccountSpec;
use crate::deployments::DeploymentSpec;
use crate::pipeline::PipelineSpec;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use teal::state::State;
use teal::units::Span;
use teal_lab_demo::Behaviour;
use teal_lab_gateway::FaultRule;
use teal_lab_pipeline::Project;

/// A release, what surrounds it, and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// Lower case letters, digits and hyphens, at most 26 characters: it names the load balancer and the cluster.
    pub name: String,
    pub description: String,
    /// Lab seconds in a real second, when the scenario has a lab of its own. Several scenarios in one lab share its
    /// clock.
    #[serde(default = "default_scale")]
    pub scale: f64,
    /// Seed of the load's arrivals.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// The user's side: a template of infra/cloudformation, and changes to it.
    #[serde(default)]
    pub infrastructure: Infrastructure,
    /// The role by which Teal reaches the service, where it is in a second account.
    #[serde(default)]
    pub account: Option<AccountSpec>,
    pub load: LoadSpec,
    /// The versions of the service, by colour or any other name; `blue` runs at the start, the others become task
    /// definitions `${taskDefinition.<name>}`, versions of the launch template `${launchTemplateVersion.<name>}`, or published versions
    /// of the function `${functionVersion.<name>}`.
    pub services: BTreeMap<String, ServiceSpec>,
    pub release: ReleaseSpec,
    /// CodeBuild projects by their names, with placeholders, and what their builds do.
    #[serde(default)]
    pub builds: BTreeMap<String, Project>,
    /// Lambda functions that test green, by their names, with placeholders, and what they do.
    #[serde(default)]
    pub testers: BTreeMap<String, Project>,
    /// Texts that are in what Teal is given, and that nothing may tell but the input of an execution that somebody started with them.
    #[serde(default)]
    pub secrets: Vec<String>,
    #[serde(default)]
    pub events: Vec<EventSpec>,
    /// How long the scenario may take (lab time) before it is given up.
    #[serde(default = "default_limit")]
    pub limit: Span,
    pub expect: Expectation,
}

/// What differs from the template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Infrastructure {
    /// The template's name in infra/cloudformation; without it `alb-ecs`.
    pub template: Option<String>,
    /// Parameters of the template.
    pub parameters: BTreeMap<String, Value>,
    /// Laid over the template's Resources, in CloudFormation's own words: objects are merged, lists and values are
    /// replaced, `null` takes a resource away.
    pub resources: Map<String, Value>,
    /// A second template, made after it.
    pub beside: Option<Beside>,
}

/// A template that is made beside another one, of which it is told by its parameters.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Beside {
    /// Its name in infra/cloudformation.
    pub template: String,
    /// Its parameters, with placeholders of the first one.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}

/// One version of the service.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSpec {
    /// What it answers in `x-version`; another one for each service of the scenario.
    pub version: String,
    /// What it does over time, from the beginning of the load on (lab time); see the demo service.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// A feature flag that another service's version and behaviour are behind.
    #[serde(default)]
    pub flag: Option<FlagSpec>,
}

/// A flag of infra/cloudformation/appconfig.yaml.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlagSpec {
    pub key: String,
    /// The service whose version and behaviour those users get for whom the flag is on.
    pub on: String,
    /// Users who have it on while it is enabled at all (`user-0` and so on).
    #[serde(default)]
    pub users: Vec<String>,
    /// Deals the users anew.
    #[serde(default)]
    pub salt: Option<String>,
}

/// The release under test.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseSpec {
    /// Lab time since the load began.
    #[serde(default = "default_release_at")]
    pub at: Span,
    /// The plan, with placeholders.
    pub plan: Value,
    /// Where the plan is kept before the release starts: `ssm:/teal/plans/${Name}`, `s3://teal-lab-plans/${Name}.yaml`.
    #[serde(default)]
    pub kept_at: Option<String>,
    /// What the execution is started with in place of the plan: `{planRef: ..., version: ...}`, with placeholders.
    #[serde(default)]
    pub input: Option<Value>,
    /// The pipeline whose action starts the release; without it the lab does.
    #[serde(default)]
    pub pipeline: Option<PipelineSpec>,
    /// What somebody deploys at that time: the deployment's first hook starts the release with the plan that is `keptAt`. One in place is
    /// asked about by its instances, and there is no release.
    #[serde(default)]
    pub deployment: Option<DeploymentSpec>,
}

/// Something that happens once.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSpec {
    /// Lab time since the load began; or else `entering`.
    #[serde(default)]
    pub at: Option<Span>,
    /// When the release's execution enters this state for the first time; or else `at`.
    #[serde(default)]
    pub entering: Option<State>,
    /// Lab time to wait after entering.
    #[serde(default)]
    pub after: Option<Span>,
    #[serde(rename = "do")]
    pub action: Action,
}

/// What can be done.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// A person says yes at the gate where the release waits.
    Approve,
    /// A person says no there.
    Reject,
    /// A person ends the release.
    Abort,
    /// A person who was called ends the release without what is missing of its route.
    GiveUp,
    /// A person who was called, since blue cannot serve, ends the release with the traffic on green.
    LeaveOnGreen,
    /// Somebody stops the execution in the console.
    StopExecution,
    /// A task of this service (by its name under `services`) crashes.
    KillTask { service: String },
    /// Any AWS operation, as the account's administrator.
    Call { service: String, action: String, parameters: Value },
    /// Somebody updates the stack with a change to its listeners and rules: CloudFormation writes them as the template has them.
    UpdateStack,
    /// From now on calls of this kind go wrong, until `endFaults` or the scenario's end: those that mention the scenario's
    /// name, as its resources and releases do, unless `about` names another text.
    InjectFault(FaultRule),
    /// All injected faults end.
    EndFaults,
    /// An event as EventBridge delivers it.
    SendEvent(Value),
    /// Automatic scaling takes tasks from an ECS service, as far as it may.
    ScaleIn { service: String },
    /// Sweep runs besides its schedule: every lab minute, until its answer contains this text.
    Sweep { until: String },
    /// What an AWS call answers now must be this.
    Check(AnswerCheck),
    /// Another action of a pipeline invokes on-pipeline-job, with these UserParameters, and must end like this.
    PipelineAction { user_parameters: Value, expect: PipelineExpectation },
    /// Another release starts, its plan like the first with these changes, and must come out like this.
    StartRelease { plan_changes: Value, expect: Box<Expectation> },
}

/// An AWS call, and what its answer is to hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerCheck {
    pub service: String,
    pub action: String,
    pub parameters: Value,
    /// Where in the answer to look, as a JSON pointer. A refusal is `{"refused": <its code>}`.
    pub at: String,
    /// What must be there; `null` for nothing.
    pub is: Value,
    /// How long it may take until it is there, for what comes in its own time: the call is repeated. Not given, it is there at once.
    #[serde(default)]
    pub within: Option<Span>,
}

fn default_scale() -> f64 {
    25.0
}

fn default_seed() -> u64 {
    1
}

fn default_limit() -> Span {
    Span::hours(2)
}

fn default_release_at() -> Span {
    Span::seconds(30)
}

impl Scenario {
    /// Reads a scenario file, with those that it extends.
    ///
    /// # Errors
    /// If a file cannot be read or this is not a scenario; the message names the field.
    pub fn read(file: &Path) -> Result<Self, LabError> {
        Self::of(&extends::read(file)?).map_err(|problem| LabError::document(file, problem))
    }

    /// Reads a scenario from YAML or JSON that extends no other.
    ///
    /// # Errors
    /// What is wrong, with the path of the field.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::of(&crate::yaml::parse(text)?)
    }

    fn of(document: &Value) -> Result<Self, String> {
        let scenario: Self = serde_path_to_error::deserialize(document).map_err(|error| error.to_string())?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The scenario files that come with the lab, in the order of their names.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn shipped(repository: &Path) -> Result<Vec<PathBuf>, LabError> {
        let directory = repository.join("lab/scenarios");
        let entries =
            std::fs::read_dir(&directory).map_err(LabError::io(format!("listing {}", directory.display())))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        Ok(files)
    }

    fn check(&self) -> Result<(), String> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let starts_with_letter = self.name.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_with_letter || self.name.len() > 26 || !self.name.chars().all(is_name) {
            return Err(format!("name: {:?} is not 1 to 26 lower case letters, digits and hyphens", self.name));
        }
        if !(self.scale.is_finite() && (0.1..=1000.0).contains(&self.scale)) {
            return Err(format!("scale: {} is not a number from 0.1 to 1000", self.scale));
        }
        if !self.services.contains_key("blue") {
            return Err("services: there is no `blue`, which is what runs at the start".into());
        }
        self.load.check()?;
        for (name, service) in &self.services {
            if let Some(problem) = service.behaviour.problems().into_iter().next() {
                return Err(format!("services.{name}.behaviour: {problem}"));
            }
            if let Some(flag) = service.flag.as_ref().filter(|flag| !self.services.contains_key(&flag.on)) {
                return Err(format!("services.{name}.flag: there is no service {}", flag.on));
            }
            let same = self.services.iter().find(|(other, spec)| *other != name && spec.version == service.version);
            if let Some((other, _)) = same {
                return Err(format!("services: {name} and {other} have the same version"));
            }
        }
        if let Some(deployment) = &self.release.deployment {
            let service = deployment.service();
            if !self.services.contains_key(service) {
                return Err(format!("release.deployment: there is no service {service}"));
            }
            if self.release.kept_at.is_none() || self.release.pipeline.is_some() || self.release.input.is_some() {
                return Err("release.deployment: it needs `keptAt`, where its hooks find the plan, and goes with neither `pipeline` nor `input`".into());
            }
        }
        for (index, event) in self.events.iter().enumerate() {
            if event.at.is_some() == event.entering.is_some() {
                return Err(format!("events[{index}]: exactly one of `at` and `entering` says when"));
            }
            if event.after.is_some() && event.entering.is_none() {
                return Err(format!("events[{index}]: `after` needs `entering`"));
            }
            if let Action::KillTask { service } = &event.action
                && !self.services.contains_key(service)
            {
                return Err(format!("events[{index}]: there is no service {service}"));
            }
        }
        Ok(())
    }

    /// The name of the service that answers with this version.
    #[must_use]
    pub fn service_of_version(&self, version: &str) -> Option<&str> {
        self.services.iter().find(|(_, spec)| spec.version == version).map(|(name, _)| name.as_str())
    }
}
