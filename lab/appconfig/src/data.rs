//! AppConfigData: sessions of clients that poll.
//! <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_Operations_AWS_AppConfig_Data.html>

use crate::flags::{FEATURE_FLAGS, for_clients};
use crate::model::{Model, Session};
use crate::wire::{Outcome, Output, bad, document, missing};
use http::StatusCode;
use serde_json::{Value, json};
use teal_lab_wire::Millis;

/// Seconds between polls of a session that says nothing.
const USUAL_INTERVAL: u32 = 60;

/// Tokens are given so many characters of chance.
fn token() -> String {
    format!("{:032x}", fastrand::u128(..))
}

pub(crate) fn start_session(model: &mut Model, input: &Value) -> Outcome {
    let text = |name: &str| {
        input[name].as_str().filter(|text| !text.is_empty()).ok_or_else(|| bad(format!("{name} is required")))
    };
    let poll_interval = match &input["RequiredMinimumPollIntervalInSeconds"] {
        Value::Null => USUAL_INTERVAL,
        given => given
            .as_u64()
            .and_then(|seconds| u32::try_from(seconds).ok())
            .filter(|seconds| (15..=86_400).contains(seconds))
            .ok_or_else(|| bad("RequiredMinimumPollIntervalInSeconds must be between 15 and 86400"))?,
    };
    let session = Session {
        application: text("ApplicationIdentifier")?.to_owned(),
        environment: text("EnvironmentIdentifier")?.to_owned(),
        profile: text("ConfigurationProfileIdentifier")?.to_owned(),
        poll_interval,
        next_poll_at: Millis::MIN,
        has: None,
    };
    let key = |id: &str| (session.application.clone(), id.to_owned());
    if !model.environments.contains_key(&key(&session.environment)) {
        return Err(missing("Environment"));
    }
    if !model.profiles.contains_key(&key(&session.profile)) {
        return Err(missing("ConfigurationProfile"));
    }
    let token = token();
    model.sessions.insert(token.clone(), session);
    Ok(document(StatusCode::CREATED, &json!({"InitialConfigurationToken": token})))
}

pub(crate) fn latest_configuration(model: &mut Model, given: &str, now: Millis) -> Outcome {
    let Some(session) = model.sessions.get(given) else { return Err(bad("Token not found or expired")) };
    if now < session.next_poll_at {
        return Err(bad("Request too early"));
    }
    let mut session = session.clone();
    model.sessions.remove(given);
    let served = model.served(&session.application, &session.environment, &session.profile, now);
    let version = served.map(|deployment| deployment.version.clone());
    let key = (session.application.clone(), session.profile.clone());
    let kind = model.profiles.get(&key).map_or("", |profile| profile.kind.as_str());
    let content = version.as_deref().filter(|version| session.has.as_deref() != Some(version));
    let content = content.and_then(|version| model.content(&session.application, &session.profile, version));
    let (content_type, body) = match content {
        Some(content) if kind == FEATURE_FLAGS => (content.content_type.clone(), for_clients(&content.content)),
        Some(content) => (content.content_type.clone(), content.content.clone()),
        None => ("application/octet-stream".to_owned(), Vec::new()),
    };
    session.has = version.or(session.has);
    session.next_poll_at = now + Millis::from(session.poll_interval) * 1000;
    let (next, interval) = (token(), session.poll_interval);
    model.sessions.insert(next.clone(), session);
    let headers = vec![
        ("content-type", content_type),
        ("next-poll-configuration-token", next),
        ("next-poll-interval-in-seconds", interval.to_string()),
    ];
    Ok(Output { status: StatusCode::OK, headers, body })
}
