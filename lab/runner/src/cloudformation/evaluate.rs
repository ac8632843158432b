//! Intrinsic functions and conditions: "Intrinsic function reference" in the CloudFormation guide.

use super::Resource;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use teal_lab_wire::{ACCOUNT, REGION};

/// What expressions may refer to.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) parameters: BTreeMap<String, Value>,
    conditions: Map<String, Value>,
    pub(super) resources: BTreeMap<String, Resource>,
}

impl Scope {
    /// Pseudo parameters and parameters; those not given take their default.
    pub(super) fn new(
        stack: &str,
        declared: &Map<String, Value>,
        given: &BTreeMap<String, String>,
        conditions: Map<String, Value>,
    ) -> Result<Self, String> {
        if let Some(unknown) = given.keys().find(|name| !declared.contains_key(*name)) {
            return Err(format!("there is no parameter {unknown}"));
        }
        let mut parameters: BTreeMap<String, Value> = [
            ("AWS::StackName", stack),
            ("AWS::Region", REGION),
            ("AWS::AccountId", ACCOUNT),
            ("AWS::Partition", "aws"),
            ("AWS::URLSuffix", "amazonaws.com"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
        for (name, declaration) in declared {
            let value = match given.get(name) {
                Some(value) => Value::from(value.as_str()),
                None => declaration.get("Default").cloned().ok_or(format!("parameter {name} has no value"))?,
            };
            let kind = declaration["Type"].as_str().unwrap_or_default();
            let value = match kind {
                "CommaDelimitedList" => listed(&value),
                list if list.starts_with("List<") => listed(&value),
                "Number" => number(&value).ok_or_else(|| format!("parameter {name} is {value}, not a number"))?,
                _ => value,
            };
            parameters.insert(name.clone(), value);
        }
        Ok(Self { parameters, conditions, resources: BTreeMap::new() })
    }

    /// Whether a named condition holds.
    pub(super) fn holds(&self, name: &str) -> Result<bool, String> {
        let condition = self.conditions.get(name).ok_or_else(|| format!("there is no condition {name}"))?;
        self.truth(condition)
    }

    fn truth(&self, condition: &Value) -> Result<bool, String> {
        if let Some((function, argument)) = single(condition) {
            let operands = argument.as_array().map(Vec::as_slice).unwrap_or_default();
            match function {
                "Condition" => return self.holds(argument.as_str().unwrap_or_default()),
                "Fn::Not" => return Ok(!operands.iter().map(|one| self.truth(one)).any(|one| one == Ok(true))),
                "Fn::And" => {
                    return operands.iter().map(|one| self.truth(one)).try_fold(true, |all, one| Ok(all & one?));
                }
                "Fn::Or" => {
                    return operands.iter().map(|one| self.truth(one)).try_fold(false, |any, one| Ok(any | one?));
                }
                "Fn::Equals" => {
                    let [left, right] = operands else { return Err("Fn::Equals takes two values".into()) };
                    return Ok(text(&self.evaluate(left)?) == text(&self.evaluate(right)?));
                }
                _ => {}
            }
        }
        Err(format!("{condition} is not a condition"))
    }

    /// A value with every function in it applied; `AWS::NoValue` takes its field away.
    pub(super) fn evaluate(&self, value: &Value) -> Result<Value, String> {
        if let Some((function, argument)) = single(value)
            && (function == "Ref" || function.starts_with("Fn::"))
        {
            return self.apply(function, argument);
        }
        match value {
            Value::Array(items) => {
                let items = items.iter().filter(|item| !is_no_value(item)).map(|item| self.evaluate(item));
                Ok(items.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|item| !item.is_null()).collect())
            }
            Value::Object(fields) => {
                let mut evaluated = Map::new();
                for (name, value) in fields {
                    let value = self.evaluate(value)?;
                    if !value.is_null() {
                        evaluated.insert(name.clone(), value);
                    }
                }
                Ok(Value::Object(evaluated))
            }
            other => Ok(other.clone()),
        }
    }

    fn apply(&self, function: &str, argument: &Value) -> Result<Value, String> {
        let list = || argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (function, list()) {
            ("Ref", _) => self.reference(argument.as_str().unwrap_or_default()),
            ("Fn::GetAtt", [resource, attribute]) => self.attribute(&text(resource), &text(attribute)).map(Value::from),
            ("Fn::Sub", [template, own]) => self.substitute(&text(template), own.as_object()),
            ("Fn::Sub", []) => self.substitute(&text(argument), None),
            ("Fn::If", [condition, then, otherwise]) => {
                let branch = if self.holds(&text(condition))? { then } else { otherwise };
                self.evaluate(branch)
            }
            ("Fn::Join", [separator, items]) => {
                let items = self.evaluate(items)?;
                let items: Vec<_> = items.as_array().into_iter().flatten().map(text).collect();
                Ok(items.join(&text(separator)).into())
            }
            ("Fn::Split", [separator, whole]) => {
                let whole = text(&self.evaluate(whole)?);
                Ok(whole.split(text(separator).as_str()).collect())
            }
            ("Fn::Select", [index, items]) => {
                let index: usize = text(&self.evaluate(index)?).parse().map_err(|e| format!("Fn::Select: {e}"))?;
                let items = self.evaluate(items)?;
                items.get(index).cloned().ok_or_else(|| format!("Fn::Select: there is no item {index}"))
            }
            ("Fn::GetAZs", _) => Ok(["a", "b", "c"].map(|zone| format!("{REGION}{zone}")).as_slice().into()),
            _ => Err(format!("the lab does not know {function} with {argument}")),
        }
    }

    fn reference(&self, name: &str) -> Result<Value, String> {
        if name == "AWS::NoValue" {
            return Ok(Value::Null);
        }
        if let Some(resource) = self.resources.get(name) {
            return Ok(resource.id.as_str().into());
        }
        self.parameters.get(name).cloned().ok_or_else(|| format!("Ref {name} refers to nothing"))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<String, String> {
        let found = self.resources.get(resource).and_then(|resource| resource.attributes.get(attribute));
        found.cloned().ok_or_else(|| format!("Fn::GetAtt {resource}.{attribute} refers to nothing"))
    }

    fn substitute(&self, template: &str, own: Option<&Map<String, Value>>) -> Result<Value, String> {
        let mut result = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').ok_or("Fn::Sub: a ${ without its }")?;
            result.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = own.and_then(|own| own.get(name)) {
                result.push_str(&text(&self.evaluate(value)?));
            } else if let Some((resource, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(resource, attribute)?);
            } else {
                result.push_str(&text(&self.reference(name)?));
            }
            rest = behind;
        }
        result.push_str(rest);
        Ok(result.into())
    }
}

/// The names that a resource refers to, `DependsOn` included; names of parameters are among them.
pub(super) fn references(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect_references(value, &mut names);
    match &value["DependsOn"] {
        Value::String(name) => drop(names.insert(name.clone())),
        Value::Array(list) => names.extend(list.iter().map(text)),
        _ => {}
    }
    names
}

fn collect_references(value: &Value, names: &mut BTreeSet<String>) {
    match single(value) {
        Some(("Ref", name)) => drop(names.insert(text(name))),
        Some(("Fn::GetAtt", Value::Array(path))) => names.extend(path.first().map(text)),
        Some(("Fn::Sub", argument)) => {
            let template = argument.as_array().and_then(|list| list.first()).unwrap_or(argument);
            let template = text(template);
            let uses = template.split("${").skip(1).filter_map(|after| after.split_once('}'));
            names.extend(uses.map(|(name, _)| name.split('.').next().unwrap_or(name).to_owned()));
            if let Some(list) = argument.as_array() {
                list.iter().skip(1).for_each(|own| collect_references(own, names));
            }
        }
        _ => match value {
            Value::Array(items) => items.iter().for_each(|item| collect_references(item, names)),
            Value::Object(fields) => fields.values().for_each(|field| collect_references(field, names)),
            _ => {}
        },
    }
}

fn listed(value: &Value) -> Value {
    text(value).split(',').map(str::trim).collect()
}

fn number(value: &Value) -> Option<Value> {
    serde_json::from_str(&text(value)).ok().filter(Value::is_number)
}

/// The one field of an object that has exactly one.
fn single(value: &Value) -> Option<(&str, &Value)> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.iter().next().map(|(name, value)| (name.as_str(), value))
}

fn is_no_value(value: &Value) -> bool {
    single(value) == Some(("Ref", &Value::from("AWS::NoValue")))
}

/// A scalar as CloudFormation passes it on: text without quotes.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        let declared = json!({"Port": {"Type": "Number", "Default": 8080}, "Zones": {"Type": "CommaDelimitedList"}});
        let given = BTreeMap::from([("Zones", "a, b"), ("Port", "80")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let conditions = json!({
            "OnEighty": {"Fn::Equals": [{"Ref": "Port"}, "80"]},
            "Not": {"Fn::Not": [{"Condition": "OnEighty"}]},
        });
        let conditions = conditions.as_object().unwrap().clone();
        let mut scope = Scope::new("shop", declared.as_object().unwrap(), &given, conditions).unwrap();
        let attributes = BTreeMap::from([("Arn".to_owned(), "arn:x".to_owned())]);
        scope.resources.insert("Role".into(), Resource { kind: "K".into(), id: "role-1".into(), attributes });
        scope
    }

    #[test]
    fn functions_are_applied_inside_each_other() {
        let value = json!({
            "ref": {"Ref": "Role"},
            "sub": {"Fn::Sub": ["${AWS::StackName}/${Role.Arn}/${Own}/${!Kept}", {"Own": {"Ref": "Port"}}]},
            "number": {"Ref": "Port"},
            "if": {"Fn::If": ["OnEighty", {"Fn::Select": [1, {"Ref": "Zones"}]}, "no"]},
            "gone": {"Fn::If": ["Not", "x", {"Ref": "AWS::NoValue"}]},
            "join": {"Fn::Join": ["+", [1, {"Fn::GetAtt": ["Role", "Arn"]}]]},
        });
        let expected =
            json!({"ref": "role-1", "sub": "shop/arn:x/80/${Kept}", "number": 80, "if": "b", "join": "1+arn:x"});
        assert_eq!(scope().evaluate(&value), Ok(expected));
    }

    #[test]
    fn what_does_not_exist_is_named() {
        assert!(scope().evaluate(&json!({"Ref": "Nobody"})).unwrap_err().contains("Nobody"));
        assert!(scope().evaluate(&json!({"Fn::GetAtt": ["Role", "Name"]})).unwrap_err().contains("Role.Name"));
        assert!(scope().evaluate(&json!({"Fn::Cidr": ["10.0.0.0/8"]})).unwrap_err().contains("Fn::Cidr"));
    }

    #[test]
    fn references_are_found_in_every_form() {
        let resource = json!({
            "DependsOn": "A",
            "Properties": {"x": [{"Ref": "B"}, {"Fn::Sub": "${C}-${D.Arn}"}], "y": {"Fn::GetAtt": ["E", "Arn"]},
                           "z": {"Fn::If": ["On", {"Ref": "F"}, {"Fn::Sub": ["${Own}", {"Own": {"Ref": "G"}}]}]}},
        });
        let found = references(&resource);
        for name in ["A", "B", "C", "D", "E", "F", "G"] {
            assert!(found.contains(name), "{name} is missing in {found:?}");
        }
    }
}
