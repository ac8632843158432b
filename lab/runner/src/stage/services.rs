//! A scenario's services in a template: each is a version of what the template runs.

use super::FILLED_BY_TEAL;
use super::functions::{self, FUNCTION};
use crate::aws::LAB_ACCESS_KEY;
use crate::cloudformation::Stack;
use crate::scenario::ServiceSpec;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use teal_lab_wire::Millis;

/// What every service has in its environment, and so in what AWS answers about it: Teal has no business with it.
pub(crate) const SECRET: (&str, &str) = ("DATABASE_PASSWORD", "planted-in-an-environment");

/// Gives the template's task definition, launch template or function blue's behaviour, and adds one like it, or a version of it, for
/// every other service.
pub(super) fn add_services(
    template: &mut Value,
    services: &BTreeMap<String, ServiceSpec>,
    zero: Millis,
) -> Result<(), String> {
    let resources = template.get_mut("Resources").and_then(Value::as_object_mut).ok_or("there are no Resources")?;
    let kind = VERSIONED.into_iter().find(|kind| resources.contains_key(*kind));
    let kind = kind.ok_or_else(|| format!("there is none of {}", VERSIONED.join(", ")))?;
    let original = resources.get(kind).cloned().unwrap_or_default();
    let mut published = BTreeMap::new();
    for (name, service) in services {
        let mut definition = original.clone();
        let environment = environment(service, zero)?;
        let exports = || BASE64_STANDARD.encode(as_exports(&environment));
        if kind == FUNCTION {
            let variables: Map<String, Value> =
                environment.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
            published.insert(name.clone(), Value::from(variables));
            continue;
        } else if kind == APPLICATION_VERSION {
            let bundle = definition.pointer_mut("/Properties/SourceBundle");
            bundle.ok_or("the ApplicationVersion has no SourceBundle")?["S3Key"] = format!("lab/{}", exports()).into();
        } else if kind == LAUNCH_TEMPLATE {
            let script = exports();
            let data = definition.pointer_mut("/Properties/LaunchTemplateData");
            data.ok_or("the LaunchTemplate has no LaunchTemplateData")?["UserData"] = script.into();
            if name != "blue" {
                // A later version, as an update of the stack makes it.
                definition["DependsOn"] = LAUNCH_TEMPLATE.into();
            }
        } else {
            let variables = definition
                .pointer_mut("/Properties/ContainerDefinitions/0/Environment")
                .and_then(Value::as_array_mut)
                .ok_or("the TaskDefinition's container has no Environment")?;
            variables.extend(environment.iter().map(|(name, value)| json!({"Name": name, "Value": value})));
        }
        resources.insert(versioned(kind, name), definition);
    }
    if kind == FUNCTION {
        functions::add(resources, published, versioned);
    }
    Ok(())
}

/// What a service's processes have in their environment. `zero` is when the load begins.
fn environment(service: &ServiceSpec, zero: Millis) -> Result<[(&'static str, String); 3], String> {
    let mut behaviour = service.behaviour.clone();
    behaviour.since.get_or_insert(zero);
    let behaviour = serde_json::to_string(&behaviour).map_err(|error| error.to_string())?;
    let (secret, value) = SECRET;
    let version = ("TEAL_DEMO_VERSION", service.version.clone());
    Ok([version, ("TEAL_DEMO_BEHAVIOUR", behaviour), (secret, value.to_owned())])
}

/// Lines of a script.
fn as_exports(environment: &[(&'static str, String)]) -> String {
    environment.iter().map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', "'\\''"))).collect()
}

/// The same of a service, as its revision installs it on instances.
pub(super) fn exports(service: &ServiceSpec, zero: Millis) -> Result<String, String> {
    environment(service, zero).map(|environment| as_exports(&environment))
}

/// Where flags are read.
pub(super) struct FlagPlace<'a> {
    pub(super) endpoint: &'a str,
    pub(super) outputs: &'a BTreeMap<String, String>,
}

/// Gives the flags that the template of flags deploys at first the users and the salt that services say.
pub(super) fn set_flags(template: &mut Value, services: &BTreeMap<String, ServiceSpec>) -> Result<(), String> {
    let content = template.pointer_mut("/Resources/InitialFlags/Properties/Content");
    let content = content.ok_or("the template has no InitialFlags")?;
    let mut document: Value = serde_json::from_str(content.as_str().unwrap_or_default())
        .map_err(|problem| format!("its InitialFlags are not JSON: {problem}"))?;
    for flag in services.values().filter_map(|service| service.flag.as_ref()) {
        let value = document["values"].get_mut(&flag.key).ok_or_else(|| format!("it has no flag {:?}", flag.key))?;
        if !flag.users.is_empty() {
            value["users"] = json!(flag.users);
        }
        if let Some(salt) = &flag.salt {
            value["salt"] = json!(salt);
        }
    }
    *content = document.to_string().into();
    Ok(())
}

/// Tells the services that have a behaviour behind a flag where that is.
pub(super) fn add_flags(
    template: &mut Value,
    services: &BTreeMap<String, ServiceSpec>,
    place: &FlagPlace<'_>,
    zero: Millis,
) -> Result<(), String> {
    let output = |name: &str| place.outputs.get(name).cloned().unwrap_or_default();
    for (name, flag) in services.iter().filter_map(|(name, service)| Some((name, service.flag.as_ref()?))) {
        let Some(on) = services.get(&flag.on) else { continue };
        let mut behaviour = on.behaviour.clone();
        behaviour.since.get_or_insert(zero);
        let settings = json!({
            "application": output("FlagApplication"),
            "environment": output("FlagEnvironment"),
            "profile": output("FlagProfileId"),
            "key": flag.key,
            "endpoint": place.endpoint.trim_start_matches("http://"),
            "accessKey": LAB_ACCESS_KEY,
            "version": on.version,
            "behaviour": behaviour,
        });
        let definition = versioned("TaskDefinition", name);
        let path = format!("/Resources/{definition}/Properties/ContainerDefinitions/0/Environment");
        let variables = template.pointer_mut(&path).and_then(Value::as_array_mut);
        let variables =
            variables.ok_or("services with flags need a TaskDefinition whose container has an Environment")?;
        variables.push(json!({"Name": "TEAL_DEMO_FLAG", "Value": settings.to_string()}));
    }
    Ok(())
}

/// What has the versions of a service, by the logical ids that templates give it.
const VERSIONED: [&str; 4] = ["TaskDefinition", LAUNCH_TEMPLATE, APPLICATION_VERSION, FUNCTION];
const APPLICATION_VERSION: &str = "ApplicationVersion";
const LAUNCH_TEMPLATE: &str = "LaunchTemplate";

/// The logical id of what a service runs.
fn versioned(kind: &str, service: &str) -> String {
    if service == "blue" { kind.to_owned() } else { format!("{kind}-{service}") }
}

/// What placeholders stand for: parameters, resources and their attributes, outputs, and the task definitions by service.
pub(super) fn names(stack: &Stack, services: &BTreeMap<String, ServiceSpec>) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> =
        FILLED_BY_TEAL.map(|name| (name.to_owned(), format!("${{{name}}}"))).into();
    names.extend(stack.parameters.clone());
    for (logical, resource) in &stack.resources {
        names.insert(logical.clone(), resource.id.clone());
        let attributes = resource.attributes.iter();
        names.extend(attributes.map(|(attribute, value)| (format!("{logical}.{attribute}"), value.clone())));
    }
    names.extend(stack.outputs.clone());
    for service in services.keys() {
        if let Some(resource) = stack.resources.get(&versioned("TaskDefinition", service)) {
            names.insert(format!("taskDefinition.{service}"), resource.id.clone());
        }
        if let Some(resource) = stack.resources.get(&versioned(APPLICATION_VERSION, service)) {
            names.insert(format!("versionLabel.{service}"), resource.id.clone());
        }
        let published = stack.resources.get(&versioned(functions::VERSION, service));
        if let Some(version) = published.and_then(|published| published.attributes.get("Version")) {
            names.insert(format!("functionVersion.{service}"), version.clone());
        }
        let template = stack.resources.get(&versioned(LAUNCH_TEMPLATE, service));
        if let Some(version) = template.and_then(|template| template.attributes.get("LatestVersionNumber")) {
            names.insert(format!("launchTemplateVersion.{service}"), version.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudformation::Template;
    use crate::scenario::Scenario;
    use crate::stage::tests::SCENARIO;
    use std::path::Path;

    #[test]
    fn every_service_gets_a_task_definition_of_its_own_in_the_shipped_template() {
        let scenario = Scenario::parse(SCENARIO).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/cloudformation/alb-ecs.yaml");
        let mut template = Template::read(&file).unwrap();
        add_services(&mut template.document, &scenario.services, 5).unwrap();
        let version = |logical: &str| {
            let path = format!("/Resources/{logical}/Properties/ContainerDefinitions/0/Environment");
            let environment = template.document.pointer(&path).and_then(Value::as_array).cloned().unwrap();
            let value = |name: &str| environment.iter().find(|variable| variable["Name"] == name).cloned().unwrap();
            assert!(value("TEAL_DEMO_BEHAVIOUR")["Value"].as_str().unwrap().contains("\"since\":5"));
            value("TEAL_DEMO_VERSION")["Value"].clone()
        };
        assert_eq!((version("TaskDefinition"), version("TaskDefinition-green")), (json!("1"), json!("2")));
    }

    #[test]
    fn a_flag_is_deployed_with_the_users_and_the_salt_of_the_scenario() {
        let flag = "version: '1', flag: {key: new-checkout, on: green, users: [user-3], salt: '2'}";
        let scenario = Scenario::parse(&SCENARIO.replace("version: '1'", flag)).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/cloudformation/appconfig.yaml");
        let mut template = Template::read(&file).unwrap();
        set_flags(&mut template.document, &scenario.services).unwrap();
        let content = &template.document["Resources"]["InitialFlags"]["Properties"]["Content"];
        let content: Value = serde_json::from_str(content.as_str().unwrap()).unwrap();
        let expected = json!({"enabled": false, "percentage": 0, "users": ["user-3"], "salt": "2"});
        assert_eq!(content["values"]["new-checkout"], expected);

        let mut services = scenario.services;
        services.get_mut("blue").and_then(|blue| blue.flag.as_mut()).unwrap().key = "nothing".to_owned();
        assert!(set_flags(&mut template.document, &services).unwrap_err().contains("nothing"));
    }

    #[test]
    fn every_service_is_a_version_of_the_function_published_after_blues() {
        let scenario = Scenario::parse(&SCENARIO.replace("green:", "another:")).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/cloudformation/lambda-alias.yaml");
        let mut template = Template::read(&file).unwrap();
        add_services(&mut template.document, &scenario.services, 5).unwrap();
        let resources = &template.document["Resources"];
        let version =
            |logical: &str| &resources[logical]["Properties"]["Environment"]["Variables"]["TEAL_DEMO_VERSION"];
        assert_eq!((version("Function"), version("Function-another")), (&json!("1"), &json!("2")));
        assert_eq!(resources["Function-another"]["DependsOn"], "FirstVersion");
        let published = &resources["FirstVersion-another"]["Properties"]["FunctionName"];
        assert_eq!(published, &json!({"Ref": "Function-another"}));
    }

    #[test]
    fn every_service_gets_a_version_of_the_launch_template() {
        let scenario = Scenario::parse(SCENARIO).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/cloudformation/alb-ec2.yaml");
        let mut template = Template::read(&file).unwrap();
        add_services(&mut template.document, &scenario.services, 5).unwrap();
        let script = |logical: &str| {
            let path = format!("/Resources/{logical}/Properties/LaunchTemplateData/UserData");
            let data = template.document.pointer(&path).and_then(Value::as_str).unwrap();
            String::from_utf8(BASE64_STANDARD.decode(data).unwrap()).unwrap()
        };
        assert!(script("LaunchTemplate").starts_with("export TEAL_DEMO_VERSION='1'\n"));
        assert!(
            script("LaunchTemplate-green").starts_with("export TEAL_DEMO_VERSION='2'\nexport TEAL_DEMO_BEHAVIOUR='{")
        );
    }
}
