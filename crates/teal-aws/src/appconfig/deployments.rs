//! Deployments of an environment.
//! <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_DeploymentSummary.html>

use super::{LIST_DEPLOYMENTS, deployments_path};
use crate::Aws;
use crate::rest::{Request, percent_encoded};
use serde_json::Value;
use teal::ports::{PortError, PortResult};
use teal::route::FlagRef;

/// A deployment as far as flags need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deployment {
    pub(super) number: u64,
    /// The id of the configuration profile.
    pub(super) profile: String,
    /// The version of the configuration.
    pub(super) version: String,
    state: String,
}

/// How far a deployment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    UnderWay,
    Complete,
    /// Rolled back or reverted: what was deployed before it is in force.
    Undone,
}

impl Deployment {
    pub(super) fn read(document: &Value) -> Option<Self> {
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        Some(Self {
            number: document["DeploymentNumber"].as_u64()?,
            profile: text("ConfigurationProfileId")?,
            version: text("ConfigurationVersion")?,
            state: text("State")?,
        })
    }

    pub(super) fn progress(&self) -> Progress {
        match self.state.as_str() {
            "COMPLETE" => Progress::Complete,
            "ROLLED_BACK" | "REVERTED" => Progress::Undone,
            _ => Progress::UnderWay,
        }
    }

    /// Whether clients are handed its version, or are about to be.
    pub(super) fn serves(&self) -> bool {
        self.progress() != Progress::Undone && self.state != "ROLLING_BACK"
    }
}

impl Aws {
    /// The environment's deployments, the newest first, down to the one by which the flag's configuration is in force.
    pub(super) async fn deployments_up_to_current(&self, flag: &FlagRef) -> PortResult<Vec<Deployment>> {
        let [.., profile, _] = flag.parts();
        let what = format!("the environment of {flag}");
        let mut found: Vec<Deployment> = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = token.as_deref().map(|token| format!("&next_token={}", percent_encoded(token, "")));
            let path = format!("{}?max_results=50{}", deployments_path(flag), page.unwrap_or_default());
            let answer = self.read_appconfig(LIST_DEPLOYMENTS, &what, path).await?.members(LIST_DEPLOYMENTS)?;
            // AppConfig lists the newest first.
            let items = answer["Items"].as_array().into_iter().flatten();
            found.extend(items.filter_map(Deployment::read));
            if let Some(at) =
                found.iter().position(|one| one.profile == profile && one.progress() == Progress::Complete)
            {
                found.truncate(at + 1);
                return Ok(found);
            }
            match answer["NextToken"].as_str() {
                Some(next) if token.as_deref() != Some(next) => token = Some(next.to_owned()),
                _ => return Ok(found),
            }
        }
    }

    /// Stops a deployment that is under way. One that ended a moment ago is left as it is.
    pub(super) async fn stop_turning(&self, flag: &FlagRef, deployment: &Deployment) -> PortResult<()> {
        const CALL: &str = "appconfig:StopDeployment";
        let what = format!("deployment {} of {flag}", deployment.number);
        let path = format!("{}/{}", deployments_path(flag), deployment.number);
        // Without this header only what is still being deployed is stopped; with it, what bakes too.
        let headers = if deployment.state == "BAKING" { vec![("allow-revert", "true".to_owned())] } else { Vec::new() };
        let request = Request { method: "DELETE", path, headers, body: Vec::new() };
        match self.appconfig().call(CALL, &what, request).await {
            Ok(_) => Ok(()),
            Err(PortError::Refused { message, .. }) if message.starts_with("BadRequestException") => Ok(()),
            Err(other) => Err(other),
        }
    }
}
