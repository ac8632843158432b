//! The operations.

use crate::deployment::{Deployment, State, Strategy};
use crate::flags::{self, FEATURE_FLAGS};
use crate::model::{Model, Profile, Version};
use crate::wire::{Outcome, Output, answer as written, bad, conflict, document, header, missing, nothing};
use crate::{data, wire};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest, Millis};

pub(crate) fn answer(model: &mut Model, request: &AwsRequest, now: Millis) -> AwsAnswer {
    let path = request.uri.path().trim_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let outcome = route(model, request, &segments, now);
    written(outcome)
}

fn route(model: &mut Model, request: &AwsRequest, path: &[&str], now: Millis) -> Outcome {
    const APPLICATIONS: &str = "applications";
    const ENVIRONMENTS: &str = "environments";
    const PROFILES: &str = "configurationprofiles";
    const VERSIONS: &str = "hostedconfigurationversions";
    const DEPLOYMENTS: &str = "deployments";
    let input = || -> Result<Value, AwsFault> {
        serde_json::from_slice(&request.body).map_err(|problem| bad(format!("Invalid request body: {problem}")))
    };
    match (&request.method, path) {
        (&Method::POST, ["configurationsessions"]) => data::start_session(model, &input()?),
        (&Method::GET, ["configuration"]) => {
            let query = request.uri.query().unwrap_or_default();
            let mut fields = form_urlencoded::parse(query.as_bytes());
            let token = fields.find(|(name, _)| name == "configuration_token");
            let token = token.ok_or_else(|| bad("configuration_token is required"))?.1;
            data::latest_configuration(model, &token, now)
        }
        (&Method::POST, [APPLICATIONS]) => create_application(model, &input()?),
        (&Method::POST, ["deploymentstrategies"]) => create_strategy(model, &input()?),
        (&Method::POST, [APPLICATIONS, application, ENVIRONMENTS]) => create_environment(model, application, &input()?),
        (&Method::GET, [APPLICATIONS, application, ENVIRONMENTS, environment]) => {
            environment_of(model, application, environment, now)
        }
        (&Method::POST, [APPLICATIONS, application, PROFILES]) => create_profile(model, application, &input()?),
        (&Method::POST, [APPLICATIONS, application, PROFILES, profile, VERSIONS]) => {
            create_version(model, application, profile, request)
        }
        (&Method::GET, [APPLICATIONS, application, PROFILES, profile, VERSIONS]) => {
            list_versions(model, application, profile)
        }
        (&Method::GET, [APPLICATIONS, application, PROFILES, profile, VERSIONS, version]) => {
            let found = model.content(application, profile, version);
            let found = found.ok_or_else(|| missing("HostedConfigurationVersion"))?;
            Ok(content(StatusCode::OK, application, profile, version, found))
        }
        (&Method::POST, [APPLICATIONS, application, ENVIRONMENTS, environment, DEPLOYMENTS]) => {
            start_deployment(model, application, environment, &input()?, request.access_key_id(), now)
        }
        (&Method::GET, [APPLICATIONS, application, ENVIRONMENTS, environment, DEPLOYMENTS]) => {
            let all = deployments(model, application, environment)?;
            let items: Vec<Value> = all.iter().rev().map(|one| one.summary(now)).collect();
            Ok(document(StatusCode::OK, &json!({ "Items": items })))
        }
        (&Method::GET, [APPLICATIONS, application, ENVIRONMENTS, environment, DEPLOYMENTS, number]) => {
            let found = deployment(model, application, environment, number)?;
            Ok(document(StatusCode::OK, &found.shown(application, environment, now)))
        }
        (&Method::DELETE, [APPLICATIONS, application, ENVIRONMENTS, environment, DEPLOYMENTS, number]) => {
            let reverts = header(request, "allow-revert") == Some("true");
            stop_deployment(model, application, environment, number, reverts, now)
        }
        (&Method::DELETE, [APPLICATIONS, application]) => {
            model.applications.remove(*application).ok_or_else(|| missing("Application"))?;
            Ok(nothing())
        }
        _ => Err(AwsFault {
            status: StatusCode::NOT_FOUND,
            code: "UnknownOperationException".to_owned(),
            message: format!("{} {}", request.method, request.uri.path()),
        }),
    }
}

fn name(input: &Value) -> Result<String, AwsFault> {
    let name = input["Name"].as_str().filter(|name| (1..=128).contains(&name.len()));
    name.map(str::to_owned).ok_or_else(|| bad("Name is required"))
}

fn key(application: &str, id: &str) -> (String, String) {
    (application.to_owned(), id.to_owned())
}

fn require_application(model: &Model, application: &str) -> Result<(), AwsFault> {
    if model.applications.contains_key(application) { Ok(()) } else { Err(missing("Application")) }
}

fn create_application(model: &mut Model, input: &Value) -> Outcome {
    let (name, id) = (name(input)?, model.new_id());
    model.applications.insert(id.clone(), name.clone());
    Ok(document(StatusCode::CREATED, &json!({"Id": id, "Name": name})))
}

fn create_environment(model: &mut Model, application: &str, input: &Value) -> Outcome {
    require_application(model, application)?;
    let (name, id) = (name(input)?, model.new_id());
    model.environments.insert(key(application, &id), name.clone());
    let shown = json!({"ApplicationId": application, "Id": id, "Name": name, "State": "READY_FOR_DEPLOYMENT"});
    Ok(document(StatusCode::CREATED, &shown))
}

fn environment_of(model: &Model, application: &str, environment: &str, now: Millis) -> Outcome {
    let name = model.environments.get(&key(application, environment)).ok_or_else(|| missing("Environment"))?;
    let newest = deployments(model, application, environment)?.last();
    let state = match newest.map(|newest| newest.state(now)) {
        None | Some(State::Complete) => "READY_FOR_DEPLOYMENT",
        Some(State::Deploying | State::Baking) => "DEPLOYING",
        Some(other) => other.as_str(),
    };
    let shown = json!({"ApplicationId": application, "Id": environment, "Name": name, "State": state});
    Ok(document(StatusCode::OK, &shown))
}

fn create_profile(model: &mut Model, application: &str, input: &Value) -> Outcome {
    require_application(model, application)?;
    if input["LocationUri"] != "hosted" {
        return Err(bad("the lab has hosted configurations only"));
    }
    let (name, id) = (name(input)?, model.new_id());
    let kind = input["Type"].as_str().unwrap_or("AWS.Freeform").to_owned();
    let shown = json!({"ApplicationId": application, "Id": id, "Name": name, "LocationUri": "hosted", "Type": kind});
    model.profiles.insert(key(application, &id), Profile { name, kind, versions: Vec::new() });
    Ok(document(StatusCode::CREATED, &shown))
}

fn create_strategy(model: &mut Model, input: &Value) -> Outcome {
    let number = |name: &str| input[name].as_f64().ok_or_else(|| bad(format!("{name} is required")));
    let growth = number("GrowthFactor")?;
    if !(1.0..=100.0).contains(&growth) {
        return Err(bad("GrowthFactor must be between 1.0 and 100.0"));
    }
    let strategy = Strategy {
        name: name(input)?,
        minutes: number("DeploymentDurationInMinutes")? as i64,
        bake_minutes: input["FinalBakeTimeInMinutes"].as_i64().unwrap_or(0),
        growth,
        growth_type: input["GrowthType"].as_str().unwrap_or("LINEAR").to_owned(),
        id: model.new_id(),
    };
    let shown = strategy.shown();
    model.strategies.insert(strategy.id.clone(), strategy);
    Ok(document(StatusCode::CREATED, &shown))
}

fn content(status: StatusCode, application: &str, profile: &str, version: &str, found: &Version) -> Output {
    let headers = vec![
        ("content-type", found.content_type.clone()),
        ("application-id", application.to_owned()),
        ("configuration-profile-id", profile.to_owned()),
        ("version-number", version.to_owned()),
        ("description", found.description.clone()),
    ];
    Output { status, headers, body: found.content.clone() }
}

fn create_version(model: &mut Model, application: &str, profile_id: &str, request: &AwsRequest) -> Outcome {
    let profile = model.profiles.get_mut(&key(application, profile_id));
    let profile = profile.ok_or_else(|| missing("ConfigurationProfile"))?;
    let newest = profile.versions.len();
    if let Some(expected) = header(request, "latest-version-number")
        && expected != newest.to_string()
    {
        return Err(conflict(format!("The latest version is {newest}, not {expected}")));
    }
    if profile.kind == FEATURE_FLAGS {
        flags::check(&request.body).map_err(|problem| bad(format!("Invalid feature flags: {problem}")))?;
    }
    let version = Version {
        content_type: header(request, "content-type").unwrap_or_default().to_owned(),
        description: header(request, "description").unwrap_or_default().to_owned(),
        content: request.body.to_vec(),
    };
    profile.versions.push(version.clone());
    Ok(content(StatusCode::CREATED, application, profile_id, &(newest + 1).to_string(), &version))
}

fn list_versions(model: &Model, application: &str, profile_id: &str) -> Outcome {
    let profile = model.profiles.get(&key(application, profile_id)).ok_or_else(|| missing("ConfigurationProfile"))?;
    let items = profile.versions.iter().enumerate().rev().map(|(at, version)| {
        json!({
            "ApplicationId": application, "ConfigurationProfileId": profile_id, "VersionNumber": at + 1,
            "ContentType": version.content_type, "Description": version.description,
        })
    });
    Ok(document(StatusCode::OK, &json!({"Items": items.collect::<Vec<_>>()})))
}

fn deployments<'a>(model: &'a Model, application: &str, environment: &str) -> Result<&'a [Deployment], AwsFault> {
    let key = key(application, environment);
    if !model.environments.contains_key(&key) {
        return Err(missing("Environment"));
    }
    Ok(model.deployments.get(&key).map_or(&[], Vec::as_slice))
}

fn deployment<'a>(
    model: &'a Model,
    application: &str,
    environment: &str,
    number: &str,
) -> Result<&'a Deployment, AwsFault> {
    let all = deployments(model, application, environment)?;
    all.iter().find(|one| one.number.to_string() == number).ok_or_else(|| missing("Deployment"))
}

fn start_deployment(
    model: &mut Model,
    application: &str,
    environment: &str,
    input: &Value,
    access_key: Option<String>,
    now: Millis,
) -> Outcome {
    let text = |name: &str| input[name].as_str().ok_or_else(|| bad(format!("{name} is required")));
    let (profile_id, version) = (text("ConfigurationProfileId")?, text("ConfigurationVersion")?);
    let strategy = model.strategies.get(text("DeploymentStrategyId")?).ok_or_else(|| missing("DeploymentStrategy"))?;
    let profile = model.profiles.get(&key(application, profile_id)).ok_or_else(|| missing("ConfigurationProfile"))?;
    if model.content(application, profile_id, version).is_none() {
        return Err(missing("HostedConfigurationVersion"));
    }
    let all = deployments(model, application, environment)?;
    let newest = all.last().map_or(0, |newest| newest.number);
    if let Some(under_way) = all.iter().find(|one| one.state(now).is_under_way()) {
        return Err(conflict(format!("Deployment number {} is already in progress", under_way.number)));
    }
    if input["LatestDeploymentNumber"].as_u64().is_some_and(|expected| expected != newest) {
        return Err(conflict(format!("The latest deployment number is {newest}")));
    }
    let started = Deployment {
        number: newest + 1,
        profile: profile_id.to_owned(),
        profile_name: profile.name.clone(),
        version: version.to_owned(),
        description: input["Description"].as_str().unwrap_or_default().to_owned(),
        strategy: strategy.clone(),
        started_at: now,
        stopped_at: None,
        access_key,
    };
    let shown = started.shown(application, environment, now);
    model.deployments.entry(key(application, environment)).or_default().push(started);
    Ok(document(StatusCode::CREATED, &shown))
}

fn stop_deployment(
    model: &mut Model,
    application: &str,
    environment: &str,
    number: &str,
    reverts: bool,
    now: Millis,
) -> Outcome {
    let state = deployment(model, application, environment, number)?.state(now);
    if !(state == State::Deploying || reverts && matches!(state, State::Baking | State::Complete)) {
        return Err(wire::bad(format!("Deployment number {number} is {}", state.as_str())));
    }
    let all = model.deployments.entry(key(application, environment)).or_default();
    let found = all.iter_mut().find(|one| one.number.to_string() == number).ok_or_else(|| missing("Deployment"))?;
    found.stopped_at = Some(now);
    Ok(document(StatusCode::ACCEPTED, &found.shown(application, environment, now)))
}
