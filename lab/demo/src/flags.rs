//! A feature flag as the service sees it: polled for with AppConfigData, and evaluated for each user by the rule.
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-retrieving-the-configuration.html>

use crate::{Behaviour, LabTime};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use teal_flag::Flag;
use tokio::net::TcpStream;

/// How often the flag is asked for (lab time): as often as AppConfig allows.
const POLL_SECONDS: u64 = 15;

/// The flag that decides between two behaviours, and the one of those for whom it is on.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlagSettings {
    pub application: String,
    pub environment: String,
    pub profile: String,
    pub key: String,
    /// Host and port of AppConfigData.
    pub endpoint: String,
    /// The access key id that requests name; the lab checks no signature.
    pub access_key: String,
    /// What `x-version` says to those for whom it is on.
    pub version: String,
    #[serde(default)]
    pub behaviour: Behaviour,
}

/// A flag as it was handed out last; off until then.
#[derive(Debug)]
pub(crate) struct Flags {
    settings: FlagSettings,
    handed: RwLock<Flag>,
}

impl Flags {
    pub(crate) fn new(settings: FlagSettings) -> Self {
        Self { settings, handed: RwLock::default() }
    }

    /// Whether the flag is on for a user.
    pub(crate) fn is_on(&self, user: &str) -> bool {
        self.handed.read().unwrap_or_else(PoisonError::into_inner).is_on(&self.settings.key, user)
    }

    /// Polls for good. What goes wrong is tried again in a new session; meanwhile the flag is what it was.
    pub(crate) async fn poll(&self, clock: LabTime) {
        loop {
            if let Err(problem) = self.session(clock).await {
                eprintln!("feature flags: {problem}");
            }
            pause(clock, Duration::from_secs(POLL_SECONDS)).await;
        }
    }

    async fn session(&self, clock: LabTime) -> Result<(), String> {
        let FlagSettings { application, environment, profile, .. } = &self.settings;
        let input = json!({
            "ApplicationIdentifier": application, "EnvironmentIdentifier": environment,
            "ConfigurationProfileIdentifier": profile, "RequiredMinimumPollIntervalInSeconds": POLL_SECONDS,
        });
        let begun = self.send("POST", "/configurationsessions", input.to_string()).await?;
        let begun: Value = serde_json::from_slice(begun.body()).map_err(|problem| problem.to_string())?;
        let mut token = begun["InitialConfigurationToken"].as_str().unwrap_or_default().to_owned();
        loop {
            let answer =
                self.send("GET", &format!("/configuration?configuration_token={token}"), String::new()).await?;
            // Nothing where nothing has changed.
            if !answer.body().is_empty() {
                let values: Value = serde_json::from_slice(answer.body()).map_err(|problem| problem.to_string())?;
                let handed = Flag::read(&values[&self.settings.key])?;
                *self.handed.write().unwrap_or_else(PoisonError::into_inner) = handed;
            }
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            token = header("next-poll-configuration-token").ok_or("an answer without the next token")?.to_owned();
            let seconds = header("next-poll-interval-in-seconds").and_then(|seconds| seconds.parse().ok());
            pause(clock, Duration::from_secs(seconds.unwrap_or(POLL_SECONDS))).await;
        }
    }

    /// One request on a connection of its own.
    async fn send(&self, method: &str, path: &str, body: String) -> Result<Response<Bytes>, String> {
        let FlagSettings { endpoint, access_key, .. } = &self.settings;
        let said = |problem: &dyn std::error::Error| format!("{method} {path}: {problem}");
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/20260101/us-east-1/appconfig/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request = Request::builder().method(method).uri(path).header(HOST, endpoint).header(AUTHORIZATION, scope);
        let request = request.header("content-type", "application/json").body(Full::<Bytes>::from(body));
        let request = request.map_err(|problem| said(&problem))?;
        let stream = TcpStream::connect(endpoint).await.map_err(|problem| said(&problem))?;
        let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|problem| said(&problem))?;
        let connection = tokio::spawn(connection);
        let answered = async {
            let (parts, body) = sender.send_request(request).await.map_err(|problem| said(&problem))?.into_parts();
            let body = body.collect().await.map_err(|problem| said(&problem))?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        let answer: Result<Response<Bytes>, String> = answered.await;
        connection.abort();
        let answer = answer?;
        if matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
            return Ok(answer);
        }
        Err(format!("{method} {path}: {} {}", answer.status(), String::from_utf8_lossy(answer.body())))
    }
}

/// Sleeps for a lab duration.
async fn pause(clock: LabTime, lab: Duration) {
    tokio::time::sleep(clock.real_until(None, clock.elapsed(None) + lab)).await;
}
