//! The service's account, where it is not Teal's own: reached with credentials of a role there.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

#[cfg(test)]
mod tests;

use crate::json;
use crate::query;
use crate::{Aws, AwsSettings};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use serde_json::json;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use teal::plan::Account;
use teal::ports::{Held, PortError, PortResult, World};
use teal::release::ReleaseId;
use teal::time::Timestamp;

const STS: query::Service = query::Service {
    endpoint: json::Service { name: "sts", target: "", version: "", id: "sts" },
    version: "2011-06-15",
};

const ASSUME_ROLE: &str = "sts:AssumeRole";

/// How long the credentials are good for: the shortest that STS gives, in seconds. No run of a function lasts longer.
const LASTS: u32 = 900;

/// The pause of who gives a route back before it asks for a session once more: STS has an account's quota of requests a second.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const PAUSE: Duration = Duration::from_secs(1);

/// How long it goes on asking at most: other releases of the same run are waiting, too.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest name of a session.
const LONGEST_NAME: usize = 64;

/// For whom a role was assumed. Each release has a session of its own, so that the other account's trail says which one did what.
#[derive(Debug, PartialEq)]
pub(crate) struct Session {
    account: Account,
    release: ReleaseId,
}

/// The sides that this run of a function has asked for.
pub(crate) type Sides = Vec<(Session, Arc<Aws>)>;

impl World for Aws {
    type Side = Self;

    fn time(&self) -> Timestamp {
        self.clock().now()
    }

    fn own_side(&self) -> &Self {
        self
    }

    async fn side(&self, account: Option<&Account>, release: &ReleaseId) -> PortResult<Held<'_, Self>> {
        let Some(account) = account else { return Ok(Held::Own(self)) };
        let session = Session { account: account.clone(), release: release.clone() };
        if let Some(side) = self.known_side(&session) {
            return Ok(Held::Other(side));
        }
        let side = Arc::new(self.by_role(account, self.assume_patiently(account, release).await?));
        self.sides.lock().unwrap_or_else(PoisonError::into_inner).push((session, Arc::clone(&side)));
        Ok(Held::Other(side))
    }
}

impl Aws {
    fn known_side(&self, session: &Session) -> Option<Arc<Aws>> {
        let sides = self.sides.lock().unwrap_or_else(PoisonError::into_inner);
        sides.iter().find(|(known, _)| known == session).map(|(_, side)| Arc::clone(side))
    }

    /// Forgets the sides of an earlier run: their credentials may be over, and the roles may not be Teal's to assume any more.
    pub(crate) fn forget_sides(&self) {
        self.sides.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Asks for a session until there is one where a route is to be given back, since Lambda would call again after a minute only: for as
    /// long as what is in the way passes by itself, and the run has time.
    async fn assume_patiently(&self, account: &Account, release: &ReleaseId) -> PortResult<Credentials> {
        let until = self.turn.restores_until().map(|until| until.min(Instant::now() + PATIENCE));
        loop {
            let error = match self.assume(account, release).await {
                Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => error,
                result => return result,
            };
            // Between half and all of it, so that runs that were turned away together do not come back together.
            let pause = PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0);
            if until.is_none_or(|until| Instant::now() + pause > until) {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn assume(&self, account: &Account, release: &ReleaseId) -> PortResult<Credentials> {
        let role = account.role.as_str();
        let mut input = json!({
            "RoleArn": role,
            "RoleSessionName": session_name(release),
            "ExternalId": account.external_id,
            "DurationSeconds": LASTS,
        });
        if let Some(policy) = &self.session_policy {
            input["Policy"] = json!(policy);
        }
        let sts = self.sts.get_or_init(|| query::Client::new(&self.config, &STS));
        let answer = sts.call(ASSUME_ROLE, role, &input).await.map_err(|error| match error {
            PortError::Denied { message, .. } | PortError::Refused { message, .. } => {
                PortError::NotAssumed { role: role.to_owned(), message }
            }
            // STS says so of a role that does not exist where it does not say that access is denied.
            PortError::NotFound { what } => {
                PortError::NotAssumed { role: role.to_owned(), message: format!("{what} does not exist") }
            }
            other => other,
        })?;
        let text = |name: &str| answer["Credentials"][name].as_str().map(str::to_owned);
        match (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken")) {
            (Some(key), Some(secret), token @ Some(_)) => {
                Ok(Credentials::new(key, secret, token, None, "assumed role"))
            }
            _ => Err(PortError::Unavailable { call: ASSUME_ROLE, message: "no credentials came back".to_owned() }),
        }
    }

    /// The same AWS with other credentials. The table stays Teal's own, and so does whose turn it is.
    fn by_role(&self, account: &Account, credentials: Credentials) -> Aws {
        let config: SdkConfig =
            self.config.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build();
        let settings = AwsSettings {
            deployment_strategy: account.deployment_strategy.as_ref().map(ToString::to_string),
            ..self.settings.clone()
        };
        let dynamodb = OnceLock::from(self.dynamodb().clone());
        Aws { dynamodb, turn: Arc::clone(&self.turn), ..Aws::new(&config, settings) }
    }
}

/// A release's id as the name of a session: what it may not have becomes a hyphen, what is too long is cut.
fn session_name(release: &ReleaseId) -> String {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name: String = release.as_str().chars().map(|c| if is_legal(c) { c } else { '-' }).take(LONGEST_NAME).collect();
    // A name has at least two characters.
    if name.len() < 2 { format!("{name}-") } else { name }
}
