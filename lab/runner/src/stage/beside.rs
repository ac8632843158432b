//! A second template beside a scenario's first one: what deploys to its instances, or what is in front of them.

use super::{fill, parameters, text_of};
use crate::cloudformation::{Stack, Template};
use crate::metadata::Role;
use crate::scenario::{Beside, Infrastructure, Scenario};
use crate::{Lab, LabError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal_lab_gateway::execution_access_key;

/// Makes it; `names` is what placeholders stand for, from then on those of both.
pub(super) async fn make(
    lab: &Lab,
    scenario: &Scenario,
    spec: &Beside,
    names: &mut BTreeMap<String, String>,
) -> Result<Stack, LabError> {
    let file = lab.places().repository.join(format!("infra/cloudformation/{}.yaml", spec.template));
    let problem = |problem: String| LabError::document(&file, problem);
    let filled = fill(&json!(spec.parameters), names).map_err(problem)?;
    let own = filled.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    let template = Template::read(&file)?;
    // With its own parameters in place of the first one's.
    let infrastructure = Infrastructure { parameters: own, ..Infrastructure::default() };
    let of_its_own = Scenario { infrastructure, ..scenario.clone() };
    let given = parameters(&of_its_own, &template.document, lab.deployment().hook());
    let stack = template.create(lab.aws(), &scenario.name, &given).await?;
    give_roles(lab, &template, &scenario.name, &given)?;
    for (logical, resource) in &stack.resources {
        names.insert(logical.clone(), resource.id.clone());
        let attributes = resource.attributes.iter();
        names.extend(attributes.map(|(attribute, value)| (format!("{logical}.{attribute}"), value.clone())));
    }
    names.extend(stack.outputs.clone());
    Ok(stack)
}

/// The instances that a template deploys to have the role to which it attaches policies, and may do what those say.
fn give_roles(
    lab: &Lab,
    template: &Template,
    name: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<(), LabError> {
    let declared = template.document["Resources"].as_object();
    if !declared.is_some_and(|all| all.values().any(|one| one["Type"] == "AWS::IAM::ManagedPolicy")) {
        return Ok(());
    }
    let resources = template.evaluated(name, parameters)?;
    let of_kind = |kind: &'static str| {
        let found = resources.values().filter(move |resource| resource["Type"] == kind);
        found.map(|resource| &resource["Properties"])
    };
    let listed = |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().map(text_of).collect() };
    let mut policies = BTreeMap::<String, Vec<Value>>::new();
    for policy in of_kind("AWS::IAM::ManagedPolicy") {
        for role in listed(&policy["Roles"]) {
            policies.entry(role).or_default().push(policy["PolicyDocument"].clone());
        }
    }
    let groups: Vec<String> =
        of_kind("AWS::CodeDeploy::DeploymentGroup").flat_map(|group| listed(&group["AutoScalingGroups"])).collect();
    for (role, policies) in policies {
        let access_key = execution_access_key(name, &role);
        let registered = lab.gateway().register_role(access_key.clone(), &role, &policies);
        registered.map_err(|error| LabError::document(&*template.file, format!("the role {role}: {error}")))?;
        for group in &groups {
            lab.instances().set_role(group, Role { name: role.clone(), access_key: access_key.clone() });
        }
    }
    Ok(())
}
