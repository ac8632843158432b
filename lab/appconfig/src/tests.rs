use super::*;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use std::time::Duration;

struct Client(AppConfig);

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

impl Client {
    /// A deployment takes a quarter of a second.
    fn new() -> Self {
        Self(AppConfig::new(LabClock::starting_now(20.0)))
    }

    fn send(&self, method: Method, path: &str, headers: &[(&'static str, &str)], body: &Value) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = AwsRequest { method, uri: path.parse().unwrap(), headers, body: body.into() };
        let answer = self.0.handle(&request);
        Answer {
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: serde_json::from_slice(&answer.body).unwrap_or_default(),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], body)
    }

    fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], &Value::Null)
    }

    fn pass(&self, lab_seconds: u64) {
        std::thread::sleep(self.0.clock.real(Duration::from_secs(lab_seconds)));
    }
}

fn document(value: &Value) -> Value {
    let percentage = json!({"constraints": {"type": "number", "minimum": 0, "maximum": 100}});
    json!({"version": "1", "flags": {"f": {"name": "F", "attributes": {"percentage": percentage}}}, "values": {"f": value}})
}

/// Application, environment and profile, as paths.
fn set_up(client: &Client) -> (String, String, String) {
    let id = |answer: &Answer| answer.body["Id"].as_str().unwrap().to_owned();
    let application = id(&client.post("/applications", &json!({"Name": "shop"})));
    let environments = format!("/applications/{application}/environments");
    let environment = id(&client.post(&environments, &json!({"Name": "prod"})));
    let profiles = format!("/applications/{application}/configurationprofiles");
    let profile = json!({"Name": "flags", "LocationUri": "hosted", "Type": "AWS.AppConfig.FeatureFlags"});
    let profile = id(&client.post(&profiles, &profile));
    client.0.adopt_strategy("atonce1");
    (application, environment, profile)
}

#[test]
fn an_environment_has_one_deployment_at_a_time_and_clients_get_it_when_it_is_there() {
    let client = Client::new();
    let (application, environment, profile) = set_up(&client);
    let versions = format!("/applications/{application}/configurationprofiles/{profile}/hostedconfigurationversions");
    let deployments = format!("/applications/{application}/environments/{environment}/deployments");
    let kept = client.post(&versions, &document(&json!({"enabled": true, "percentage": 5, "_updatedAt": "x"})));
    assert_eq!((kept.status, kept.header("version-number")), (201, "1"));
    assert_eq!(client.post(&versions, &document(&json!({"enabled": false, "percentage": 5}))).status, 201);
    let start = |version: &str, latest: Value| {
        client.post(
            &deployments,
            &json!({"ConfigurationProfileId": profile, "ConfigurationVersion": version, "DeploymentStrategyId": "atonce1",
                   "LatestDeploymentNumber": latest}),
        )
    };
    assert_eq!(start("1", Value::Null).body["State"], "DEPLOYING");
    assert_eq!(start("1", Value::Null).header("x-amzn-errortype"), "ConflictException");

    let session = json!({"ApplicationIdentifier": application, "EnvironmentIdentifier": environment,
                         "ConfigurationProfileIdentifier": profile, "RequiredMinimumPollIntervalInSeconds": 15});
    let session = client.post("/configurationsessions", &session);
    let token = session.body["InitialConfigurationToken"].as_str().unwrap().to_owned();
    client.pass(10);
    let poll = |token: &str| client.get(&format!("/configuration?configuration_token={token}"));
    let first = poll(&token);
    assert_eq!(first.body, json!({"f": {"enabled": true, "percentage": 5}}));
    assert_eq!(poll(&token).header("x-amzn-errortype"), "BadRequestException", "a token is good for one call");

    assert_eq!(start("2", json!(0)).header("x-amzn-errortype"), "ConflictException", "another one came in between");
    assert_eq!(start("2", json!(1)).status, 201);
    client.pass(20);
    let second = poll(first.header("next-poll-configuration-token"));
    assert_eq!(second.body, json!({"f": {"enabled": false}}), "of a disabled flag nothing but that");
    client.pass(20);
    let third = poll(second.header("next-poll-configuration-token"));
    assert!(third.status == 200 && third.body.is_null(), "nothing new");
    assert_eq!(client.0.flag_changes().len(), 2);
}

#[test]
fn environments_of_one_application_have_their_flags_apart() {
    let client = Client::new();
    let (application, production, profile) = set_up(&client);
    let environments = format!("/applications/{application}/environments");
    let staging = client.post(&environments, &json!({"Name": "staging"})).body["Id"].as_str().unwrap().to_owned();
    let versions = format!("/applications/{application}/configurationprofiles/{profile}/hostedconfigurationversions");
    client.post(&versions, &document(&json!({"enabled": false, "percentage": 0})));
    client.post(&versions, &document(&json!({"enabled": true, "percentage": 50})));
    for (environment, version) in [(&production, "1"), (&staging, "2")] {
        let deployment = json!({"ConfigurationProfileId": profile, "ConfigurationVersion": version,
                                "DeploymentStrategyId": "atonce1"});
        assert_eq!(client.post(&format!("{environments}/{environment}/deployments"), &deployment).status, 201);
    }
    client.pass(10);
    let served = [&production, &staging].map(|environment| {
        let session = json!({"ApplicationIdentifier": application, "EnvironmentIdentifier": environment,
                             "ConfigurationProfileIdentifier": profile});
        let session = client.post("/configurationsessions", &session);
        let token = session.body["InitialConfigurationToken"].as_str().unwrap().to_owned();
        client.get(&format!("/configuration?configuration_token={token}")).body["f"].clone()
    });
    assert_eq!(served, [json!({"enabled": false}), json!({"enabled": true, "percentage": 50})]);
}

#[test]
fn what_is_stopped_rolls_back_and_what_is_complete_can_be_reverted() {
    let client = Client::new();
    let (application, environment, profile) = set_up(&client);
    let versions = format!("/applications/{application}/configurationprofiles/{profile}/hostedconfigurationversions");
    let deployments = format!("/applications/{application}/environments/{environment}/deployments");
    client.post(&versions, &document(&json!({"enabled": true})));
    let start = |strategy: &str| {
        let input =
            json!({"ConfigurationProfileId": profile, "ConfigurationVersion": "1", "DeploymentStrategyId": strategy});
        assert_eq!(client.post(&deployments, &input).status, 201);
    };
    let stop = |number: u64, reverts: bool| {
        let headers: &[(&str, &str)] = if reverts { &[("allow-revert", "true")] } else { &[] };
        client.send(Method::DELETE, &format!("{deployments}/{number}"), headers, &Value::Null)
    };
    start("atonce1");
    client.pass(10);
    assert_eq!(stop(1, false).header("x-amzn-errortype"), "BadRequestException");
    start("AppConfig.AllAtOnce");
    client.pass(10);
    assert_eq!(stop(2, false).status, 400, "it bakes");
    assert_eq!(stop(2, true).body["State"], "ROLLING_BACK");
    client.pass(10);
    let states = |at: usize| client.get(&deployments).body["Items"][at]["State"].clone();
    assert_eq!((states(0), states(1)), (json!("ROLLED_BACK"), json!("COMPLETE")), "the newest first");
    assert_eq!(stop(1, true).body["State"], "REVERTED");
    assert_eq!(client.0.flag(&application, &environment, &profile, "f"), None);
}

#[test]
fn versions_of_flags_are_checked_against_their_definitions_and_by_number() {
    let client = Client::new();
    let (application, _, profile) = set_up(&client);
    let versions = format!("/applications/{application}/configurationprofiles/{profile}/hostedconfigurationversions");
    for wrong in [json!({"percentage": 101}), json!({"percentage": "5"}), json!({"other": 1}), json!({"enabled": 1})] {
        let refused = client.post(&versions, &document(&wrong));
        assert_eq!(refused.header("x-amzn-errortype"), "BadRequestException", "{wrong}");
    }
    let fine = document(&json!({"enabled": true}));
    let late = client.send(Method::POST, &versions, &[("latest-version-number", "3")], &fine);
    assert_eq!(late.header("x-amzn-errortype"), "ConflictException");
    assert_eq!(client.send(Method::POST, &versions, &[("latest-version-number", "0")], &fine).status, 201);
    assert_eq!(client.get(&versions).body["Items"][0]["VersionNumber"], 1);
    assert_eq!(client.get(&format!("{versions}/2")).header("x-amzn-errortype"), "ResourceNotFoundException");
}
