//! A small CloudFormation: creates the resources of a template through the lab's AWS endpoint.
//!
//! The emulator's own CloudFormation would create load balancers, services and alarms inside itself, not in the
//! gateway. The templates under infra/ describe the user's side of a release; the lab makes exactly what they say by the
//! API calls that CloudFormation makes, so that template and lab cannot drift apart.

mod codedeploy;
mod dynamic;
mod evaluate;
mod functions;
mod resources;

use crate::merge::merge;
use crate::{Aws, LabError};
use evaluate::Scope;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// One created resource: its physical id (what `Ref` gives) and its attributes (what `Fn::GetAtt` gives).
#[derive(Clone, Debug, Default)]
pub(crate) struct Resource {
    pub kind: String,
    pub id: String,
    pub attributes: BTreeMap<String, String>,
}

/// The created resources of one template.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    aws: Aws,
    /// By name, the pseudo parameters included.
    pub parameters: BTreeMap<String, String>,
    /// By logical id.
    pub resources: BTreeMap<String, Resource>,
    pub outputs: BTreeMap<String, String>,
    template: Template,
    scope: Scope,
}

/// A template as it is to be created.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// For messages.
    pub file: Arc<Path>,
    /// The document, with intrinsic functions in their long form.
    pub document: Value,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// If the file cannot be read or is not YAML.
    pub(crate) fn read(file: &Path) -> Result<Self, LabError> {
        let text = std::fs::read_to_string(file).map_err(LabError::io(format!("reading {}", file.display())))?;
        let document = crate::yaml::parse(&text).map_err(|problem| LabError::document(file, problem))?;
        Ok(Self { file: file.into(), document })
    }

    /// Lays `changes` over the template's resources: objects are merged, everything else is replaced, and a resource
    /// that is `null` is left out.
    pub(crate) fn change_resources(&mut self, changes: &Map<String, Value>) {
        let Some(resources) = self.document.get_mut("Resources").and_then(Value::as_object_mut) else { return };
        for (name, change) in changes {
            if change.is_null() {
                resources.remove(name);
            } else {
                merge(resources.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
    }

    /// Creates every resource whose condition holds, each after those it refers to.
    ///
    /// # Errors
    /// If the template says something the lab cannot do, or a call is refused.
    pub(crate) async fn create(
        &self,
        aws: &Aws,
        name: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Stack, LabError> {
        self.create_beside(aws, name, parameters, BTreeMap::new()).await
    }

    /// Creates what is not among `made`: resources that exist already, by their logical ids.
    ///
    /// # Errors
    /// As [`Template::create`].
    pub(crate) async fn create_beside(
        &self,
        aws: &Aws,
        name: &str,
        parameters: &BTreeMap<String, String>,
        made: BTreeMap<String, Resource>,
    ) -> Result<Stack, LabError> {
        let problem = |problem: String| LabError::document(&*self.file, problem);
        let section = |name: &str| self.document.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut scope = Scope::new(name, &section("Parameters"), parameters, section("Conditions")).map_err(problem)?;
        let mut waiting = section("Resources");
        scope.resources = made;
        waiting.retain(|logical, resource| {
            !scope.resources.contains_key(logical)
                && resource
                    .get("Condition")
                    .and_then(Value::as_str)
                    .is_none_or(|name| scope.holds(name).unwrap_or(true))
        });
        while !waiting.is_empty() {
            let names: BTreeSet<String> = waiting.keys().cloned().collect();
            let ready: Vec<_> = waiting
                .iter()
                .filter(|(_, resource)| evaluate::references(resource).is_disjoint(&names))
                .map(|(name, resource)| (name.clone(), resource.clone()))
                .collect();
            if ready.is_empty() {
                return Err(problem(format!("these resources refer to one another in a circle: {names:?}")));
            }
            for (logical, resource) in ready {
                let kind = resource["Type"].as_str().unwrap_or_default();
                let properties = resource.get("Properties").unwrap_or(&Value::Null);
                let mut properties = scope.evaluate(properties).map_err(|e| problem(format!("{logical}: {e}")))?;
                dynamic::resolve(aws, &mut properties).await?;
                let physical = format!("{name}-{logical}");
                let created = resources::create(aws, kind, &physical, properties).await?;
                let created = created.ok_or_else(|| problem(format!("{logical}: the lab does not know {kind}")))?;
                scope.resources.insert(logical.clone(), created);
                waiting.remove(&logical);
            }
        }
        let mut outputs = BTreeMap::new();
        for (name, output) in section("Outputs") {
            let condition = output.get("Condition").and_then(Value::as_str);
            if condition.is_none_or(|name| scope.holds(name).unwrap_or(true)) {
                let value = scope.evaluate(&output["Value"]).map_err(|e| problem(format!("Outputs.{name}: {e}")))?;
                outputs.insert(name, evaluate::text(&value));
            }
        }
        let parameters = scope.parameters.iter().map(|(name, value)| (name.clone(), evaluate::text(value))).collect();
        let (template, resources) = (self.clone(), scope.resources.clone());
        Ok(Stack { aws: aws.clone(), parameters, resources, outputs, template, scope })
    }
}

impl Template {
    /// What the resources come to whose condition holds, without making any: each is known by its logical id.
    ///
    /// # Errors
    /// If the template says something the lab cannot do.
    pub(crate) fn evaluated(
        &self,
        name: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Value>, LabError> {
        let problem = |problem: String| LabError::document(&*self.file, problem);
        let section = |name: &str| self.document.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut scope = Scope::new(name, &section("Parameters"), parameters, section("Conditions")).map_err(problem)?;
        let mut resources = section("Resources");
        resources.retain(|_, resource| {
            resource.get("Condition").and_then(Value::as_str).is_none_or(|name| scope.holds(name).unwrap_or(true))
        });
        for (logical, resource) in &resources {
            let kind = resource["Type"].as_str().unwrap_or_default().to_owned();
            let attributes = BTreeMap::from([("Arn".to_owned(), logical.clone())]);
            scope.resources.insert(logical.clone(), Resource { kind, id: logical.clone(), attributes });
        }
        let evaluated = resources.iter().map(|(logical, resource)| {
            let value = scope.evaluate(resource).map_err(|e| problem(format!("{logical}: {e}")))?;
            Ok((logical.clone(), value))
        });
        evaluated.collect()
    }
}

impl Stack {
    /// Does to listeners and rules what a stack update does once any of their properties has changed: each is written as the template
    /// has it, dynamic references read anew.
    ///
    /// # Errors
    /// The first refusal.
    pub(crate) async fn update_listeners(&self) -> Result<(), LabError> {
        for (logical, resource) in &self.resources {
            let template = &self.template.document["Resources"][logical]["Properties"];
            let problem = |problem| LabError::document(&*self.template.file, format!("{logical}: {problem}"));
            if resources::is_listener(&resource.kind) {
                let mut properties = self.scope.evaluate(template).map_err(problem)?;
                dynamic::resolve(&self.aws, &mut properties).await?;
                resources::update_listener(&self.aws, resource, properties).await?;
            }
        }
        Ok(())
    }

    /// Deletes what runs or listens, services first; the rest ends with the lab.
    ///
    /// # Errors
    /// The first refusal; everything is tried all the same.
    pub(crate) async fn delete(&self) -> Result<(), LabError> {
        resources::delete(&self.aws, self.resources.values()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_touches_only_what_it_names() {
        let document = json!({"Resources": {"A": {"Type": "T", "Properties": {"X": 1, "Y": [1, 2]}}, "B": {}}});
        let mut template = Template { file: Path::new("t").into(), document };
        let changes = json!({"A": {"Properties": {"Y": [3]}}, "B": null, "C": {"Type": "U"}});
        template.change_resources(changes.as_object().unwrap());
        let expected = json!({"A": {"Type": "T", "Properties": {"X": 1, "Y": [3]}}, "C": {"Type": "U"}});
        assert_eq!(template.document["Resources"], expected);
    }
}
