//! The conditions of policy statements.
//!
//! Source: "IAM JSON policy elements: Condition operators" and "Multivalued context keys" in the IAM user guide.

use crate::iam::policy::texts;
use crate::wildcard;
use serde_json::Value;
use std::collections::BTreeMap;

/// Condition keys and their values for one request. Keys that are absent have no entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Condition keys do not depend on case.
    pub(crate) fn get(&self, key: &str) -> Option<&Vec<String>> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, values)| values)
    }
}

impl FromIterator<(String, Vec<String>)> for Context {
    fn from_iter<I: IntoIterator<Item = (String, Vec<String>)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl Extend<(String, Vec<String>)> for Context {
    fn extend<I: IntoIterator<Item = (String, Vec<String>)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    /// The request has at most one value.
    One,
    ForAllValues,
    ForAnyValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
}

/// One operator with one key.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    quantifier: Quantifier,
    /// `None` is the operator Null: whether the key is absent.
    test: Option<Test>,
    negated: bool,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

impl Condition {
    /// Reads a statement's `Condition`.
    pub(crate) fn read_all(conditions: &Value) -> Result<Vec<Self>, String> {
        let Value::Object(operators) = conditions else { return Err("Condition is not an object".to_owned()) };
        let mut read = Vec::new();
        for (operator, keys) in operators {
            let Value::Object(keys) = keys else { return Err(format!("{operator} is not an object")) };
            for (key, values) in keys {
                read.push(Self::read(operator, key, values)?);
            }
        }
        Ok(read)
    }

    fn read(operator: &str, key: &str, values: &Value) -> Result<Self, String> {
        let values = texts(values).ok_or_else(|| format!("the values of {key} are not texts"))?;
        let (quantifier, plain) = match operator.split_once(':') {
            None => (Quantifier::One, operator),
            Some(("ForAllValues", plain)) => (Quantifier::ForAllValues, plain),
            Some(("ForAnyValue", plain)) => (Quantifier::ForAnyValue, plain),
            Some(_) => return Err(format!("the operator {operator} is not known")),
        };
        let (plain, if_exists) = plain.strip_suffix("IfExists").map_or((plain, false), |plain| (plain, true));
        let (test, negated) = match plain {
            "StringEquals" | "Bool" => (Some(Test::Equals), false),
            "StringNotEquals" => (Some(Test::Equals), true),
            "StringEqualsIgnoreCase" => (Some(Test::EqualsIgnoreCase), false),
            "StringNotEqualsIgnoreCase" => (Some(Test::EqualsIgnoreCase), true),
            "StringLike" | "ArnEquals" | "ArnLike" => (Some(Test::Like), false),
            "StringNotLike" | "ArnNotEquals" | "ArnNotLike" => (Some(Test::Like), true),
            "Null" => (None, false),
            _ => return Err(format!("the operator {operator} is not known")),
        };
        Ok(Self { quantifier, test, negated, if_exists, key: key.to_owned(), values })
    }

    pub(crate) fn holds(&self, context: &Context) -> bool {
        let present = context.get(&self.key);
        let Some(test) = self.test else {
            let absent = present.is_none().to_string();
            return self.values.contains(&absent);
        };
        let Some(present) = present else {
            // An absent key: true for "if exists", for all of no values, and for what must not be equal.
            return self.if_exists || self.quantifier == Quantifier::ForAllValues || self.negated;
        };
        let listed = |value: &String| {
            self.values.iter().any(|wanted| match test {
                Test::Equals => wanted == value,
                Test::EqualsIgnoreCase => wanted.eq_ignore_ascii_case(value),
                Test::Like => wildcard::matches(wanted, value, true),
            })
        };
        let mut values = present.iter();
        match self.quantifier {
            Quantifier::ForAllValues => values.all(|value| listed(value) != self.negated),
            Quantifier::ForAnyValue => values.any(|value| listed(value) != self.negated),
            Quantifier::One => values.any(listed) != self.negated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operators_over_a_request() {
        let context = Context::from_iter([
            ("ecs:cluster".to_owned(), vec!["arn:aws:ecs:us-east-1:000000000000:cluster/prod".to_owned()]),
            ("dynamodb:LeadingKeys".to_owned(), vec!["release#1".to_owned(), "release#2".to_owned()]),
        ]);
        let table = [
            (json!({"StringLike": {"ecs:cluster": "*:cluster/prod"}}), true),
            (json!({"ArnEquals": {"ECS:Cluster": "arn:aws:ecs:*:*:cluster/prod"}}), true),
            (json!({"StringEquals": {"ecs:cluster": "prod"}}), false),
            (json!({"StringNotEquals": {"ecs:cluster": "prod"}}), true),
            (json!({"StringNotLike": {"ecs:cluster": "*prod"}}), false),
            (json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["release#*"]}}), true),
            (json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["release#1"]}}), false),
            (json!({"ForAllValues:StringEquals": {"dynamodb:Attributes": ["x"]}}), true), // absent: all of none
            (json!({"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["release#1"]}}), true),
            (json!({"ForAnyValue:StringEquals": {"dynamodb:Attributes": ["x"]}}), false),
            (json!({"StringEqualsIfExists": {"absent": "x"}}), true),
            (json!({"StringEquals": {"absent": "x"}}), false),
            (json!({"Null": {"absent": "true", "ecs:cluster": false}}), true),
            (json!({"Null": {"ecs:cluster": "true"}}), false),
        ];
        for (condition, expected) in table {
            let conditions = Condition::read_all(&condition).unwrap();
            assert_eq!(conditions.iter().all(|one| one.holds(&context)), expected, "{condition}");
        }
    }
}
