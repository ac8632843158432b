//! Feature flags: AWS AppConfig.
//! <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/Welcome.html>
//!
//! What clients are handed is a version of the configuration, and a deployment brings one to an environment. A new percentage is a new
//! version, made from the one that is deployed (not from the newest, which may be somebody's draft), and its deployment. An environment has
//! one deployment at a time, and each is numbered: a deployment that names the number before its own is refused when somebody else's came
//! in between, so that none is overwritten unseen (ADR 15).

mod deployments;
mod document;
#[cfg(test)]
mod tests;

use crate::rest::{Answer, Request, percent_encoded};
use crate::router::{DestinationOnAws, PartOnAws};
use crate::{Aws, json};
use deployments::{Deployment, Progress};
use document::Document;
use serde_json::json;
use std::time::{Duration, Instant};
use teal::ports::{DestinationReading, Endpoint, Entrance, PortError, PortResult, Target, TargetHealth};
use teal::route::{Action, FlagRef, FlagState, PartReading};

pub(crate) const APPCONFIG: json::Service =
    json::Service { name: "appconfig", target: "", version: "", id: "appconfig" };

const LIST_DEPLOYMENTS: &str = "appconfig:ListDeployments";
const GET_DEPLOYMENT: &str = "appconfig:GetDeployment";
const START_DEPLOYMENT: &str = "appconfig:StartDeployment";
const GET_VERSION: &str = "appconfig:GetHostedConfigurationVersion";

/// How long a write waits for deployments to end: a deployment without growth and bake takes seconds, and functions have 30 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// From one look at a deployment to the next.
const PAUSE: Duration = Duration::from_millis(250);

impl PartOnAws for FlagRef {
    /// The percentage that clients are handed, or are about to be, as one forward action.
    async fn actions(&self, aws: &Aws) -> PortResult<Vec<Action>> {
        let found = aws.deployments_up_to_current(self).await?;
        let [.., profile, _] = self.parts();
        let serving = found.iter().find(|one| one.profile == profile && one.serves());
        let serving = serving.ok_or_else(|| never_deployed(self))?;
        aws.flag_document(self, &serving.version).await?.actions(self).map_err(|message| unusable(self, &message))
    }

    /// Nothing decides before a flag does.
    async fn reading(&self, aws: &Aws) -> PortResult<PartReading> {
        Ok(PartReading::alone(self.actions(aws).await?))
    }

    async fn zones(&self, _aws: &Aws) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }

    /// Has the flag's percentage deployed. What others have under way in the environment stands in its way.
    async fn set_actions(&self, aws: &Aws, actions: &[Action]) -> PortResult<()> {
        aws.deploy_flag(self, actions, false).await.map(drop)
    }

    /// The same, but what others have under way in the environment is ended first. Gives what that was.
    async fn restore_actions(&self, aws: &Aws, actions: &[Action]) -> PortResult<Option<String>> {
        aws.deploy_flag(self, actions, true).await
    }

    async fn in_the_way(&self, aws: &Aws) -> PortResult<Option<String>> {
        let newest = aws.deployments_up_to_current(self).await?.into_iter().next();
        let under_way = newest.filter(|newest| newest.progress() == Progress::UnderWay);
        Ok(under_way.map(|newest| one_at_a_time(self, newest.number)))
    }

    async fn endpoint(&self, _aws: &Aws) -> PortResult<Endpoint> {
        Err(PortError::NotFound { what: format!("an address of {self}") })
    }
}

impl DestinationOnAws for FlagState {
    /// The rule that deals users keeps them by their key, which is no stickiness beyond the weights.
    async fn destination(&self, _aws: &Aws) -> PortResult<DestinationReading> {
        Ok(DestinationReading::default())
    }

    /// Whatever serves the one state serves the other.
    async fn targets(&self, _aws: &Aws) -> PortResult<Vec<Target>> {
        let target = Target { id: self.word().to_owned(), port: None, health: TargetHealth::Healthy, reason: None };
        Ok(vec![target])
    }

    async fn entrance(&self, _aws: &Aws) -> PortResult<Option<Entrance>> {
        Ok(None)
    }
}

impl Aws {
    async fn deploy_flag(&self, flag: &FlagRef, actions: &[Action], restores: bool) -> PortResult<Option<String>> {
        let [.., profile, _] = flag.parts();
        let share = document::share_of(flag, actions).map_err(|message| unusable(flag, &message))?;
        let patient_until = Instant::now() + PATIENCE;
        let mut ended = None;
        let found = loop {
            let found = self.deployments_up_to_current(flag).await?;
            let Some(newest) = found.iter().find(|one| one.progress() == Progress::UnderWay) else { break found };
            let brings_it = newest.profile == profile
                && newest.serves()
                && self.flag_document(flag, &newest.version).await?.share(flag) == Ok(share);
            if !brings_it && !restores {
                return Err(occupied(flag, newest.number));
            }
            if !brings_it && newest.serves() {
                self.stop_turning(flag, newest).await?;
                ended.get_or_insert_with(|| {
                    format!(
                        "deployment {} of configuration profile {} was under way in the environment of {flag}, which has one \
                         at a time: it was stopped, so that what was deployed before it is in force again. Start it again",
                        newest.number, newest.profile
                    )
                });
            }
            self.deployment_over(flag, newest.number, patient_until).await?;
        };
        let current = found.iter().find(|one| one.profile == profile && one.serves());
        let current = current.ok_or_else(|| never_deployed(flag))?;
        let document = self.flag_document(flag, &current.version).await?;
        if document.share(flag) == Ok(share) {
            return Ok(ended);
        }
        let changed = document.with_share(flag, share).map_err(|message| unusable(flag, &message))?;
        let version = self.create_flag_version(flag, changed).await?;
        let newest = found.first().map_or(0, |newest| newest.number);
        let number = self.start_deployment(flag, &version, newest, share).await?;
        match self.deployment_over(flag, number, patient_until).await? {
            Progress::Complete => Ok(ended),
            Progress::UnderWay | Progress::Undone => Err(PortError::Refused {
                call: START_DEPLOYMENT,
                message: format!(
                    "deployment {number} of {flag} was rolled back: by an alarm of its environment's monitors, or by hand. See its events"
                ),
            }),
        }
    }

    /// The document of a version of the configuration.
    async fn flag_document(&self, flag: &FlagRef, version: &str) -> PortResult<Document> {
        let [application, _, profile, _] = flag.parts();
        let path = format!(
            "/applications/{application}/configurationprofiles/{profile}/hostedconfigurationversions/{}",
            percent_encoded(version, "")
        );
        let what = format!("version {version} of the hosted configuration of {flag}");
        let answer = self.read_appconfig(GET_VERSION, &what, path).await?;
        Document::read(&answer.body, flag).map_err(|message| unusable(flag, &message))
    }

    /// Keeps a document as the next version and gives its number.
    async fn create_flag_version(&self, flag: &FlagRef, document: Vec<u8>) -> PortResult<String> {
        const CALL: &str = "appconfig:CreateHostedConfigurationVersion";
        let [application, _, profile, _] = flag.parts();
        let request = Request {
            method: "POST",
            path: format!("/applications/{application}/configurationprofiles/{profile}/hostedconfigurationversions"),
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("description", "Made by Teal from the version that was deployed".to_owned()),
            ],
            body: document,
        };
        let answer = self.appconfig().call(CALL, &flag.to_string(), request).await?;
        answer.headers.get("version-number").cloned().ok_or_else(|| PortError::Unavailable {
            call: CALL,
            message: format!("the answer names no version (for {flag})"),
        })
    }

    /// A call that reads.
    async fn read_appconfig(&self, call: &'static str, what: &str, path: String) -> PortResult<Answer> {
        self.appconfig().call(call, what, Request::get(path)).await
    }

    /// Starts a deployment if `newest` is still the newest one, and gives its number.
    async fn start_deployment(&self, flag: &FlagRef, version: &str, newest: u64, share: u16) -> PortResult<u64> {
        let [.., profile, key] = flag.parts();
        let Some(strategy) = &self.settings.deployment_strategy else {
            return Err(PortError::Refused {
                call: START_DEPLOYMENT,
                message:
                    "TEAL_DEPLOYMENT_STRATEGY is not set: name a deployment strategy without growth and bake time, \
                          as Teal's template has one"
                        .to_owned(),
            });
        };
        let mut input = json!({
            "ConfigurationProfileId": profile,
            "ConfigurationVersion": version,
            "DeploymentStrategyId": strategy,
            "Description": format!("Teal: {key} for {}.{} % of users", share / 10, share % 10),
        });
        if newest > 0 {
            input["LatestDeploymentNumber"] = newest.into();
        }
        let request = Request::json("POST", deployments_path(flag), &input);
        let answer =
            self.appconfig().call(START_DEPLOYMENT, &flag.to_string(), request).await.map_err(|error| match error {
                // Somebody else's came in between, or a repeated attempt met the first.
                PortError::Refused { call, message } if message.starts_with("ConflictException") => {
                    PortError::Unavailable { call, message }
                }
                other => other,
            })?;
        let started = answer.members(START_DEPLOYMENT)?;
        started["DeploymentNumber"].as_u64().ok_or_else(|| PortError::Unavailable {
            call: START_DEPLOYMENT,
            message: format!("the answer names no deployment (for {flag})"),
        })
    }

    /// Waits until a deployment is no longer under way.
    async fn deployment_over(&self, flag: &FlagRef, number: u64, until: Instant) -> PortResult<Progress> {
        loop {
            let found = self.flag_deployment(flag, number).await?;
            match found.progress() {
                Progress::UnderWay if Instant::now() >= until => return Err(occupied(flag, number)),
                Progress::UnderWay => tokio::time::sleep(PAUSE).await,
                over => return Ok(over),
            }
        }
    }

    async fn flag_deployment(&self, flag: &FlagRef, number: u64) -> PortResult<Deployment> {
        let path = format!("{}/{number}", deployments_path(flag));
        let what = format!("deployment {number} of {flag}");
        let answer = self.read_appconfig(GET_DEPLOYMENT, &what, path).await?;
        Deployment::read(&answer.members(GET_DEPLOYMENT)?).ok_or(PortError::NotFound { what })
    }
}

fn deployments_path(flag: &FlagRef) -> String {
    let [application, environment, ..] = flag.parts();
    format!("/applications/{application}/environments/{environment}/deployments")
}

fn never_deployed(flag: &FlagRef) -> PortError {
    PortError::NotFound { what: format!("a complete deployment of the configuration profile of {flag}") }
}

fn occupied(flag: &FlagRef, number: u64) -> PortError {
    PortError::Unavailable { call: START_DEPLOYMENT, message: one_at_a_time(flag, number) }
}

fn one_at_a_time(flag: &FlagRef, number: u64) -> String {
    format!("deployment {number} is under way in the environment of {flag}, which has one at a time")
}

fn unusable(flag: &FlagRef, message: &str) -> PortError {
    PortError::Refused { call: GET_VERSION, message: format!("{flag}: {message}") }
}
