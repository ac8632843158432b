//! A scenario's service in a second account: the role that Teal assumes there, as infra/cloudformation/release-role.yaml has it.

use crate::LabError;
use crate::cloudformation::Template;
use crate::lab::Lab;
use crate::scenario::Scenario;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal_lab_gateway::AssumableRole;
use teal_lab_wire::ACCOUNT;

/// The second account.
const OTHER: &str = "222222222222";

/// The template of the role.
const TEMPLATE: &str = "infra/cloudformation/release-role.yaml";

/// The role of a service in a second account.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountSpec {
    /// The external id that the role asks for.
    pub external_id: String,
    /// Other parameters of the template: what may be released.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

impl Lab {
    /// Makes a role in the second account that may see load balancers, and gives its ARN: for who wants to assume it.
    ///
    /// # Errors
    /// If the gateway cannot check its policy.
    pub fn make_role(&self, name: &str, external_id: &str) -> Result<String, LabError> {
        let sees = json!({"Effect": "Allow", "Action": "elasticloadbalancing:DescribeLoadBalancers", "Resource": "*"});
        let role = AssumableRole {
            arn: format!("arn:aws:iam::{OTHER}:role/{name}"),
            external_id: external_id.to_owned(),
            policies: vec![json!({"Version": "2012-10-17", "Statement": [sees]})],
            owns: name.to_owned(),
            forwards: json!({}),
        };
        let arn = role.arn.clone();
        self.gateway().add_role(role).map_err(|error| LabError::document(&arn, error.to_string()))?;
        Ok(arn)
    }
}

/// Makes the role, and puts what is named after the scenario into its account.
///
/// # Errors
/// If the template says something that the lab does not know.
pub(crate) fn prepare(lab: &Lab, scenario: &Scenario) -> Result<(), LabError> {
    let Some(spec) = &scenario.account else { return Ok(()) };
    let file = lab.places().repository.join(TEMPLATE);
    let problem = |problem: &str| LabError::document(&file, problem);
    let mut parameters = spec.parameters.clone();
    for (name, value) in [
        ("TealAccount", ACCOUNT),
        ("ExternalId", &spec.external_id),
        ("Name", &scenario.name),
        ("AlarmPrefix", &scenario.name),
    ] {
        parameters.insert(name.to_owned(), value.to_owned());
    }
    let resources = Template::read(&file)?.evaluated(&scenario.name, &parameters)?;
    let of_kind = |kind: &str| -> Vec<Value> {
        let resources = resources.values().filter(|resource| resource["Type"] == kind);
        resources.map(|resource| resource["Properties"].clone()).collect()
    };
    let role = resources.get("ReleaseRole").ok_or_else(|| problem("there is no ReleaseRole"))?;
    let trust = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0];
    let asked = trust["Condition"]["StringEquals"]["sts:ExternalId"].as_str();
    let name = role["Properties"]["RoleName"].as_str().unwrap_or_default();
    let rule = of_kind("AWS::Events::Rule").pop().ok_or_else(|| problem("no rule forwards alarms"))?;
    let role = AssumableRole {
        arn: format!("arn:aws:iam::{OTHER}:role/{name}"),
        external_id: asked.ok_or_else(|| problem("the role asks for no external id"))?.to_owned(),
        policies: of_kind("AWS::IAM::ManagedPolicy").iter().map(|policy| policy["PolicyDocument"].clone()).collect(),
        owns: scenario.name.clone(),
        forwards: rule["EventPattern"].clone(),
    };
    lab.gateway().add_role(role).map_err(|error| problem(&error.to_string()))
}

/// A plan as people of the second account write it: with its number in ARNs.
pub(crate) fn as_written_there(scenario: &Scenario, plan: &Value) -> Value {
    if scenario.account.is_none() {
        return plan.clone();
    }
    serde_json::from_str(&plan.to_string().replace(&format!(":{ACCOUNT}:"), &format!(":{OTHER}:"))).unwrap_or(json!({}))
}
