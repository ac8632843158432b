//! Identity policies: statements, and whether they allow an action on a resource.
//!
//! Source: "IAM JSON policy element reference" in the IAM user guide.

use crate::iam::condition::{Condition, Context};
use crate::wildcard;
use serde_json::Value;
use thiserror::Error;

/// Why a policy cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the policy statement {statement} cannot be used: {problem}")]
pub struct PolicyError {
    /// The statement as JSON.
    pub statement: String,
    pub problem: String,
}

/// One statement of an identity policy.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// As it was given, for reports.
    pub(crate) source: Value,
    pub(crate) allows: bool,
    /// `Action` patterns; with `negated_actions`, of `NotAction`.
    pub(crate) actions: Vec<String>,
    negated_actions: bool,
    resources: Vec<String>,
    negated_resources: bool,
    conditions: Vec<Condition>,
}

impl Statement {
    /// Reads the statements of policy documents.
    pub(crate) fn read_all(documents: &[Value]) -> Result<Vec<Self>, PolicyError> {
        let mut statements = Vec::new();
        for document in documents {
            match document.get("Statement") {
                Some(Value::Array(list)) => {
                    for statement in list {
                        statements.push(Self::read(statement)?);
                    }
                }
                Some(one @ Value::Object(_)) => statements.push(Self::read(one)?),
                _ => {
                    return Err(PolicyError {
                        statement: document.to_string(),
                        problem: "it has no Statement".to_owned(),
                    });
                }
            }
        }
        Ok(statements)
    }

    fn read(source: &Value) -> Result<Self, PolicyError> {
        let fail = |problem: String| PolicyError { statement: source.to_string(), problem };
        let allows = match source.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(fail("Effect is neither Allow nor Deny".to_owned())),
        };
        let either = |name: &str, negated: &str| match (source.get(name), source.get(negated)) {
            (Some(value), None) => texts(value).map(|texts| (texts, false)),
            (None, Some(value)) => texts(value).map(|texts| (texts, true)),
            _ => None,
        };
        let (actions, negated_actions) =
            either("Action", "NotAction").ok_or_else(|| fail("it needs Action or NotAction, as texts".to_owned()))?;
        let (resources, negated_resources) = either("Resource", "NotResource")
            .ok_or_else(|| fail("it needs Resource or NotResource, as texts".to_owned()))?;
        let conditions = match source.get("Condition") {
            None => Vec::new(),
            Some(conditions) => Condition::read_all(conditions).map_err(fail)?,
        };
        Ok(Self { source: source.clone(), allows, actions, negated_actions, resources, negated_resources, conditions })
    }

    /// The index of the action pattern by which the statement applies; `None` if it does not.
    fn applies(&self, action: &str, resource: &str, context: &Context) -> Option<usize> {
        let action_at = self.actions.iter().position(|pattern| action_matches(pattern, action));
        let action_at = match (self.negated_actions, action_at) {
            (false, at) => at?,
            (true, None) => 0,
            (true, Some(_)) => return None,
        };
        let listed = self.resources.iter().any(|pattern| wildcard::matches(pattern, resource, true));
        (listed != self.negated_resources && self.conditions.iter().all(|condition| condition.holds(context)))
            .then_some(action_at)
    }
}

/// Where an allowed action was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Grant {
    pub(crate) statement: usize,
    pub(crate) action: usize,
}

/// Every grant that applies, or `None`: no statement allows the action, or one denies it.
pub(crate) fn grants(statements: &[Statement], action: &str, resource: &str, context: &Context) -> Option<Vec<Grant>> {
    let mut grants = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        match (statement.applies(action, resource, context), statement.allows) {
            (Some(_), false) => return None,
            (Some(action), true) => grants.push(Grant { statement: at, action }),
            (None, _) => {}
        }
    }
    (!grants.is_empty()).then_some(grants)
}

/// Service prefix and action names do not depend on case.
fn action_matches(pattern: &str, action: &str) -> bool {
    wildcard::matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase(), true)
}

/// A text or a list of texts.
pub(crate) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(flag) => Some(vec![flag.to_string()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/shop/1/2";

    fn allowed(statements: &Value, action: &str, resource: &str, context: &Context) -> bool {
        let statements = Statement::read_all(&[json!({"Statement": statements})]).unwrap();
        grants(&statements, action, resource, context).is_some()
    }

    #[test]
    fn actions_and_resources() {
        let modify = "elasticloadbalancing:ModifyListener";
        let table = [
            (json!({"Effect": "Allow", "Action": modify, "Resource": LISTENER}), true),
            (json!({"Effect": "Allow", "Action": [modify], "Resource": ["arn:aws:x", LISTENER]}), true),
            (json!({"Effect": "Allow", "Action": "elasticloadbalancing:Modify*", "Resource": "*"}), true),
            (json!({"Effect": "Allow", "Action": "ElasticLoadBalancing:modifylistener", "Resource": "*"}), true),
            (
                json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:elasticloadbalancing:*:*:listener/app/shop/*"}),
                true,
            ),
            (json!({"Effect": "Allow", "Action": "elasticloadbalancing:ModifyRule", "Resource": "*"}), false),
            (
                json!({"Effect": "Allow", "Action": modify, "Resource": "arn:aws:elasticloadbalancing:*:*:listener/net/*"}),
                false,
            ),
            (json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), true),
            (json!({"Effect": "Allow", "NotAction": "elasticloadbalancing:*", "Resource": "*"}), false),
            (json!({"Effect": "Allow", "Action": modify, "NotResource": LISTENER}), false),
            (
                json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": modify, "Resource": "*"}]),
                false,
            ),
            (json!([]), false),
        ];
        for (statements, expected) in table {
            assert_eq!(allowed(&statements, modify, LISTENER, &Context::default()), expected, "{statements}");
        }
    }

    #[test]
    fn an_action_without_resource_types_needs_a_star() {
        let scoped =
            json!({"Effect": "Allow", "Action": "cloudwatch:GetMetricData", "Resource": "arn:aws:cloudwatch:*"});
        let star = json!({"Effect": "Allow", "Action": "cloudwatch:GetMetricData", "Resource": "*"});
        assert!(!allowed(&scoped, "cloudwatch:GetMetricData", "*", &Context::default()));
        assert!(allowed(&star, "cloudwatch:GetMetricData", "*", &Context::default()));
    }

    #[test]
    fn a_condition_on_a_tag_of_the_resource() {
        let statement = json!({"Effect": "Allow", "Action": "ecs:UpdateService", "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/teal": ["managed", "yes"]}}});
        let tagged = |value: &str| Context::from_iter([("aws:ResourceTag/teal".to_owned(), vec![value.to_owned()])]);
        assert!(allowed(&statement, "ecs:UpdateService", "arn", &tagged("managed")));
        assert!(!allowed(&statement, "ecs:UpdateService", "arn", &tagged("other")));
        assert!(!allowed(&statement, "ecs:UpdateService", "arn", &Context::default()));
    }

    #[test]
    fn what_cannot_be_checked_is_not_accepted() {
        for statement in [
            json!({"Action": "*", "Resource": "*"}),
            json!({"Effect": "Allow", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "*", "Resource": {"Fn::GetAtt": ["Table", "Arn"]}}),
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}),
        ] {
            assert!(Statement::read_all(&[json!({"Statement": statement})]).is_err(), "{statement}");
        }
    }
}
