//! The operations of Elastic Beanstalk.
//! <https://docs.aws.amazon.com/elasticbeanstalk/latest/api/API_Operations.html>

use crate::model::{Environment, Event, Options, Parts, State, Status};
use crate::{Inner, life};
use std::sync::Arc;
use teal_lab_wire::query::Params;
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{ACCOUNT, AwsFault, REGION, iso8601};

type Result<T> = std::result::Result<T, AwsFault>;

/// Severities from the least.
const SEVERITIES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// Answers a call; operations without output give nothing.
pub(crate) fn run(inner: &Arc<Inner>, action: &str, params: &Params<'_>) -> Result<Option<Xml>> {
    match action {
        "CreateApplicationVersion" => create_version(inner, params).map(Some),
        "DescribeApplicationVersions" => describe_versions(inner, params).map(Some),
        "CreateConfigurationTemplate" => create_template(inner, params).map(Some),
        "DeleteConfigurationTemplate" => delete_template(inner, params).map(|()| None),
        "DescribeConfigurationSettings" => describe_settings(inner, params).map(Some),
        "CreateEnvironment" => create(inner, params).map(Some),
        "UpdateEnvironment" => update(inner, params).map(Some),
        "TerminateEnvironment" => terminate(inner, params).map(Some),
        "SwapEnvironmentCNAMEs" => swap(inner, params).map(|()| None),
        "DescribeEnvironments" => Ok(Some(describe(inner, params))),
        "DescribeEnvironmentResources" => describe_resources(inner, params).map(Some),
        "DescribeEvents" => Ok(Some(describe_events(inner, params))),
        other => Err(AwsFault::client("InvalidAction", format!("The lab does not serve {other}."))),
    }
}

fn invalid(message: impl Into<String>) -> AwsFault {
    AwsFault::client("InvalidParameterValue", message)
}

/// A parameter without which there is no call.
fn required<'a>(params: &Params<'a>, name: &str) -> Result<&'a str> {
    let missing = || AwsFault::client("MissingParameter", format!("{name} is required."));
    params.text(name).filter(|value| !value.is_empty()).ok_or_else(missing)
}

/// The environment that a call names by name or id.
fn environment<'s>(state: &'s State, params: &Params<'_>, prefix: &str) -> Result<&'s Environment> {
    let given = |kind: &str| params.text(&format!("{prefix}Environment{kind}"));
    let (Some(named), kind) =
        (given("Id").or_else(|| given("Name")), if given("Id").is_some() { "Id" } else { "Name" })
    else {
        return Err(AwsFault::client("MissingParameter", "Must provide either environment name or environment id."));
    };
    let missing = || invalid(format!("No Environment found for Environment{kind} = '{named}'."));
    state.find(named).ok_or_else(missing)
}

fn require_ready(environment: &Environment) -> Result<()> {
    if environment.status == Status::Ready {
        return Ok(());
    }
    let name = &environment.name;
    Err(invalid(format!("Environment named {name} is in an invalid state for this operation. Must be Ready.")))
}

fn create_version(inner: &Inner, params: &Params<'_>) -> Result<Xml> {
    let (application, label) = (required(params, "ApplicationName")?, required(params, "VersionLabel")?);
    let key = params.structure("SourceBundle").and_then(|bundle| bundle.text("S3Key")).unwrap_or_default();
    let mut state = inner.state();
    let version = (application.to_owned(), label.to_owned());
    if state.versions.contains_key(&version) {
        return Err(invalid(format!("Application Version {label} already exists.")));
    }
    state.versions.insert(version, key.to_owned());
    let mut x = Xml::default();
    x.node("ApplicationVersion", |x| version_members(x, application, label));
    Ok(x)
}

fn version_members(x: &mut Xml, application: &str, label: &str) {
    x.leaf("ApplicationName", application);
    x.leaf("VersionLabel", label);
    x.leaf("Status", "Processed");
}

fn describe_versions(inner: &Inner, params: &Params<'_>) -> Result<Xml> {
    let (application, labels) = (params.text("ApplicationName"), params.texts("VersionLabels"));
    let state = inner.state();
    let wanted = |(of, label): &&(String, String)| {
        application.is_none_or(|application| of == application)
            && (labels.is_empty() || labels.contains(&label.as_str()))
    };
    let mut x = Xml::default();
    x.list("ApplicationVersions", state.versions.keys().filter(wanted), |x, (of, label)| version_members(x, of, label));
    Ok(x)
}

fn create_template(inner: &Inner, params: &Params<'_>) -> Result<Xml> {
    let (application, name) = (required(params, "ApplicationName")?, required(params, "TemplateName")?);
    let mut state = inner.state();
    let options = environment(&state, params, "")?.options.clone();
    let template = (application.to_owned(), name.to_owned());
    if state.templates.contains_key(&template) {
        return Err(invalid(format!("Configuration Template {name} already exists.")));
    }
    state.templates.insert(template, options);
    let mut x = Xml::default();
    x.leaf("ApplicationName", application);
    x.leaf("TemplateName", name);
    Ok(x)
}

fn delete_template(inner: &Inner, params: &Params<'_>) -> Result<()> {
    let (application, name) = (required(params, "ApplicationName")?, required(params, "TemplateName")?);
    let deleted = inner.state().templates.remove(&(application.to_owned(), name.to_owned()));
    let missing = || invalid(format!("No Configuration Template named '{application}/{name}' found."));
    deleted.map(drop).ok_or_else(missing)
}

fn describe_settings(inner: &Inner, params: &Params<'_>) -> Result<Xml> {
    let state = inner.state();
    let environment = environment(&state, params, "")?;
    let mut x = Xml::default();
    x.list("ConfigurationSettings", [environment], |x, environment| {
        x.leaf("ApplicationName", &environment.application);
        x.leaf("EnvironmentName", &environment.name);
        x.leaf("DeploymentStatus", "deployed");
        x.list("OptionSettings", &environment.options.0, |x, ((namespace, name), value)| {
            x.leaf("Namespace", namespace);
            x.leaf("OptionName", name);
            x.leaf("Value", value);
        });
    });
    Ok(x)
}

fn create(inner: &Arc<Inner>, params: &Params<'_>) -> Result<Xml> {
    let (application, name) = (required(params, "ApplicationName")?, required(params, "EnvironmentName")?);
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !(4..=40).contains(&name.len()) || !name.chars().all(is_allowed) || name.starts_with('-') || name.ends_with('-')
    {
        return Err(invalid(format!(
            "Value {name} at 'EnvironmentName' failed to satisfy constraint: Member must have 4 to 40 letters, digits and hyphens."
        )));
    }
    let version = required(params, "VersionLabel")?;
    let mut own = Options::default();
    for option in params.structures("OptionSettings") {
        let text = |name| option.text(name).unwrap_or_default().to_owned();
        own.0.insert((text("Namespace"), text("OptionName")), text("Value"));
    }
    let created = {
        let mut state = inner.state();
        if state.environments.contains_key(name) {
            return Err(invalid(format!("Environment {name} already exists.")));
        }
        if !state.versions.contains_key(&(application.to_owned(), version.to_owned())) {
            return Err(invalid(format!("No Application Version named '{version}' found.")));
        }
        let template = match params.text("TemplateName") {
            None => None,
            Some(template) => {
                Some(state.templates.get(&(application.to_owned(), template.to_owned())).ok_or_else(|| {
                    invalid(format!("No Configuration Template named '{application}/{template}' found."))
                })?)
            }
        };
        let prefix = params.text("CNAMEPrefix").map(str::to_lowercase);
        let id: String = (0..10).map(|_| fastrand::alphanumeric().to_ascii_lowercase()).collect();
        let prefix = prefix.unwrap_or_else(|| format!("{}.eba-{}", name.to_lowercase(), &id[..8]));
        let cname = format!("{prefix}.{REGION}.elasticbeanstalk.com");
        if state.environments.values().any(|one| one.cname == cname) {
            return Err(invalid(format!("DNS name ({cname}) is not available.")));
        }
        let environment = Environment {
            name: name.to_owned(),
            id: format!("e-{id}"),
            application: application.to_owned(),
            version: version.to_owned(),
            description: params.text("Description").unwrap_or_default().to_owned(),
            operations_role: params.text("OperationsRole").map(str::to_owned),
            cname,
            status: Status::Launching,
            health: "Grey",
            options: life::merged(template, own),
            created: inner.clock.now_millis(),
            parts: Parts::default(),
        };
        state.environments.insert(name.to_owned(), environment.clone());
        environment
    };
    life::publish(inner, &created.cname);
    inner.spawn(life::launch(Arc::clone(inner), created.name.clone()));
    let mut x = Xml::default();
    members(&mut x, &created);
    Ok(x)
}

fn update(inner: &Arc<Inner>, params: &Params<'_>) -> Result<Xml> {
    let label = required(params, "VersionLabel")?;
    let updated = {
        let mut state = inner.state();
        let found = environment(&state, params, "")?;
        require_ready(found)?;
        if !state.versions.contains_key(&(found.application.clone(), label.to_owned())) {
            return Err(invalid(format!("No Application Version named '{label}' found.")));
        }
        let updated =
            Environment { version: label.to_owned(), status: Status::Updating, health: "Grey", ..found.clone() };
        state.environments.insert(updated.name.clone(), updated.clone());
        updated
    };
    inner.spawn(life::deploy(Arc::clone(inner), updated.name.clone()));
    let mut x = Xml::default();
    members(&mut x, &updated);
    Ok(x)
}

fn terminate(inner: &Arc<Inner>, params: &Params<'_>) -> Result<Xml> {
    let terminated = {
        let mut state = inner.state();
        let found = environment(&state, params, "")?;
        require_ready(found)?;
        let terminated = Environment { status: Status::Terminating, health: "Grey", ..found.clone() };
        state.environments.insert(terminated.name.clone(), terminated.clone());
        terminated
    };
    inner.spawn(life::terminate(Arc::clone(inner), terminated.name.clone()));
    let mut x = Xml::default();
    members(&mut x, &terminated);
    Ok(x)
}

fn swap(inner: &Arc<Inner>, params: &Params<'_>) -> Result<()> {
    let pair = {
        let mut state = inner.state();
        let source = environment(&state, params, "Source")?;
        let destination = environment(&state, params, "Destination")?;
        require_ready(source)?;
        require_ready(destination)?;
        let pair = [source.name.clone(), destination.name.clone()];
        for name in &pair {
            if let Some(environment) = state.environments.get_mut(name) {
                environment.status = Status::Updating;
            }
        }
        pair
    };
    inner.spawn(life::swap(Arc::clone(inner), pair));
    Ok(())
}

fn describe(inner: &Inner, params: &Params<'_>) -> Xml {
    let (names, ids) = (params.texts("EnvironmentNames"), params.texts("EnvironmentIds"));
    let application = params.text("ApplicationName");
    let state = inner.state();
    let wanted = |environment: &&Environment| {
        (names.is_empty() || names.contains(&environment.name.as_str()))
            && (ids.is_empty() || ids.contains(&environment.id.as_str()))
            && application.is_none_or(|application| environment.application == application)
    };
    let mut x = Xml::default();
    x.list("Environments", state.environments.values().filter(wanted), members);
    x
}

fn members(x: &mut Xml, environment: &Environment) {
    x.leaf("EnvironmentName", &environment.name);
    x.leaf("EnvironmentId", &environment.id);
    x.leaf("ApplicationName", &environment.application);
    x.leaf("VersionLabel", &environment.version);
    x.leaf("Description", &environment.description);
    x.maybe("EndpointURL", environment.parts.endpoint.as_ref());
    x.leaf("CNAME", &environment.cname);
    x.leaf("DateCreated", iso8601(environment.created));
    x.leaf("Status", environment.status.name());
    x.leaf("AbortableOperationInProgress", false);
    x.leaf("Health", environment.health);
    let (application, name) = (&environment.application, &environment.name);
    x.leaf("EnvironmentArn", format!("arn:aws:elasticbeanstalk:{REGION}:{ACCOUNT}:environment/{application}/{name}"));
    x.maybe("OperationsRole", environment.operations_role.as_ref());
}

fn describe_resources(inner: &Inner, params: &Params<'_>) -> Result<Xml> {
    let state = inner.state();
    let environment = environment(&state, params, "")?;
    let parts = &environment.parts;
    let mut x = Xml::default();
    x.node("EnvironmentResources", |x| {
        x.leaf("EnvironmentName", &environment.name);
        x.list("AutoScalingGroups", &parts.group, |x, group| x.leaf("Name", group));
        x.list("Instances", &parts.instances, |x, id| x.leaf("Id", id));
        x.list("LoadBalancers", &parts.load_balancer, |x, arn| x.leaf("Name", arn));
    });
    Ok(x)
}

fn describe_events(inner: &Inner, params: &Params<'_>) -> Xml {
    let rank = |severity: &str| SEVERITIES.iter().position(|known| *known == severity).unwrap_or_default();
    let (name, least) = (params.text("EnvironmentName"), rank(params.text("Severity").unwrap_or("TRACE")));
    let most: usize = params.text("MaxRecords").and_then(|most| most.parse().ok()).unwrap_or(100);
    let state = inner.state();
    let wanted = |event: &&Event| name.is_none_or(|name| event.environment == name) && rank(event.severity) >= least;
    let mut x = Xml::default();
    x.list("Events", state.events.iter().rev().filter(wanted).take(most), |x, event| {
        x.leaf("EventDate", iso8601(event.at));
        x.leaf("EnvironmentName", &event.environment);
        x.leaf("Message", &event.message);
        x.leaf("Severity", event.severity);
    });
    x
}
