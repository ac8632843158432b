//! How AWS is reached, and what of the account is Teal's.

use crate::Clock;
use crate::client::http_client;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use std::time::Duration;

/// How long connecting may take. An AWS endpoint of the own region answers within milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one attempt of a call may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call may take with all its attempts. Shorter than any function's own timeout, so that a function can still
/// say what went wrong.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);

/// Attempts of a call, the first included: the SDK's standard. The state machine tries whole steps again.
const ATTEMPTS: u32 = 3;

/// The SDK's configuration from its usual places (environment, profile, container, instance), where also region and
/// endpoint (`AWS_ENDPOINT_URL`) come from, with Teal's timeouts. For people's machines; functions take [`function_config`].
pub async fn sdk_config() -> SdkConfig {
    // Given before loading: credentials may have to be asked for too.
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client())
        .timeout_config(timeouts())
        .load()
        .await
}

/// The SDK's configuration as Lambda gives it to a function: credentials, `AWS_REGION`, and in the lab `AWS_ENDPOINT_URL`;
/// `AWS_MAX_ATTEMPTS` and `AWS_SDK_UA_APP_ID` where they are set. The other places that the SDK knows would make every
/// function larger.
///
/// # Errors
/// A sentence that names the variable that is missing or wrong.
pub(crate) fn function_config() -> Result<SdkConfig, String> {
    function_config_from(set)
}

fn function_config_from(set: impl Fn(&str) -> Option<String>) -> Result<SdkConfig, String> {
    let region = set("AWS_REGION").ok_or("AWS_REGION is not set")?;
    let attempts = match set("AWS_MAX_ATTEMPTS") {
        Some(text) => text.parse().map_err(|_| format!("AWS_MAX_ATTEMPTS is {text:?}, not a number"))?,
        None => ATTEMPTS,
    };
    let app_name = set("AWS_SDK_UA_APP_ID").map(AppName::new).transpose();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(timeouts())
        .http_client(http_client());
    config.set_endpoint_url(set("AWS_ENDPOINT_URL"));
    config.set_app_name(app_name.map_err(|error| format!("AWS_SDK_UA_APP_ID: {error}"))?);
    Ok(config.build())
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// A variable of the environment that is set and not empty.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What of the account is Teal's.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The name of the table of releases.
    pub table: String,
    /// The name or ARN of the event bus that is told of each phase.
    pub event_bus: String,
    /// The id of the deployment strategy by which flags are deployed; only functions that turn flags need it.
    pub deployment_strategy: Option<String>,
    /// The clock of waits and deadlines.
    pub clock: Clock,
}

impl AwsSettings {
    /// The settings from `TEAL_TABLE`, `TEAL_EVENT_BUS` (`default` if there is none) and `TEAL_DEPLOYMENT_STRATEGY`, and the clock
    /// from [`Clock::from_env`].
    ///
    /// # Errors
    /// A sentence that names the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, String> {
        let table = set("TEAL_TABLE")
            .ok_or("TEAL_TABLE is not set: name the table of releases, the output TableName of Teal's stack")?;
        let event_bus = set("TEAL_EVENT_BUS").unwrap_or_else(|| "default".to_owned());
        Ok(Self { table, event_bus, deployment_strategy: set("TEAL_DEPLOYMENT_STRATEGY"), clock: Clock::from_env()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<SdkConfig, String> {
        let find = |name: &str| variables.iter().find(|(found, _)| *found == name);
        function_config_from(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_function_takes_what_lambda_gives_it() {
        let on_aws = config(&[("AWS_REGION", "eu-central-1")]).unwrap();
        assert_eq!(on_aws.region(), Some(&Region::from_static("eu-central-1")));
        assert_eq!(on_aws.endpoint_url(), None);
        assert_eq!(on_aws.retry_config().map(RetryConfig::max_attempts), Some(ATTEMPTS));
        let tuned = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
            ("AWS_MAX_ATTEMPTS", "1"),
            ("AWS_SDK_UA_APP_ID", "teal-accept"),
        ];
        let in_the_lab = config(&tuned).unwrap();
        assert_eq!(in_the_lab.endpoint_url(), Some("http://127.0.0.1:4566"));
        assert_eq!(in_the_lab.retry_config().map(RetryConfig::max_attempts), Some(1));
        assert_eq!(in_the_lab.app_name().map(AsRef::as_ref), Some("teal-accept"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert!(config(&[]).unwrap_err().contains("AWS_REGION"));
        let wrong = config(&[("AWS_REGION", "us-east-1"), ("AWS_MAX_ATTEMPTS", "many")]).unwrap_err();
        assert!(wrong.contains("AWS_MAX_ATTEMPTS"), "{wrong}");
    }
}
