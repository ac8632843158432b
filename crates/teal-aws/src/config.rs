//! How AWS is reached, and what of the account is Teal's.

use crate::Clock;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use std::time::Duration;

/// How long connecting may take. An AWS endpoint of the own region answers within milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one attempt of a call may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call may take with all its attempts. Shorter than any function's own timeout, so that a function can still
/// say what went wrong.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);

/// The SDK's configuration from its usual places (environment, profile, container, instance), where also region and
/// endpoint (`AWS_ENDPOINT_URL`) come from, with Teal's timeouts.
///
/// Calls are tried three times at most, the SDK's standard, unless `AWS_MAX_ATTEMPTS` says otherwise: the state machine
/// tries whole steps again.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts).load().await
}

/// What of the account is Teal's.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The name of the table of releases.
    pub table: String,
    /// The name or ARN of the event bus that is told of each phase.
    pub event_bus: String,
    /// The clock of waits and deadlines.
    pub clock: Clock,
}

impl AwsSettings {
    /// The settings from `TEAL_TABLE` and `TEAL_EVENT_BUS` (`default` if there is none), and the clock from
    /// [`Clock::from_env`].
    ///
    /// # Errors
    /// A sentence that names the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, String> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let table = set("TEAL_TABLE")
            .ok_or("TEAL_TABLE is not set: name the table of releases, the output TableName of Teal's stack")?;
        let event_bus = set("TEAL_EVENT_BUS").unwrap_or_else(|| "default".to_owned());
        Ok(Self { table, event_bus, clock: Clock::from_env()? })
    }
}
