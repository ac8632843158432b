//! EventBridge event patterns.
//!
//! Source: "Comparison operators for use in event patterns in Amazon EventBridge" in the EventBridge user guide.

use serde_json::{Map, Value};

/// Whether an event matches a rule's pattern.
///
/// A pattern that uses what the gateway does not know matches nothing: a test then sees that the event is missing.
pub(crate) fn matches(pattern: &Value, event: &Value) -> bool {
    let Value::Object(members) = pattern else { return false };
    matches_object(members, Some(event))
}

fn matches_object(pattern: &Map<String, Value>, event: Option<&Value>) -> bool {
    pattern.iter().all(|(name, expected)| {
        if name == "$or" {
            let Value::Array(choices) = expected else { return false };
            return choices.iter().any(|choice| match choice {
                Value::Object(members) => matches_object(members, event),
                _ => false,
            });
        }
        matches_member(expected, event.and_then(|event| event.get(name)))
    })
}

fn matches_member(expected: &Value, value: Option<&Value>) -> bool {
    match (expected, value) {
        // A list of objects in the event matches if one of them does.
        (Value::Object(members), Some(Value::Array(items))) => {
            items.iter().any(|item| matches_object(members, Some(item)))
        }
        (Value::Object(members), value) => matches_object(members, value),
        (Value::Array(choices), Some(Value::Array(items))) if !items.is_empty() => {
            choices.iter().any(|choice| items.iter().any(|item| matches_leaf(choice, Some(item))))
        }
        (Value::Array(choices), value) => choices.iter().any(|choice| matches_leaf(choice, value)),
        _ => false,
    }
}

fn matches_leaf(expected: &Value, value: Option<&Value>) -> bool {
    let Value::Object(comparison) = expected else {
        return value.is_some_and(|value| equal(expected, value));
    };
    let Some((operator, operand)) = comparison.iter().next().filter(|_| comparison.len() == 1) else { return false };
    let text = value.and_then(Value::as_str);
    match (operator.as_str(), operand) {
        ("exists", Value::Bool(wanted)) => value.is_some_and(|value| !value.is_object()) == *wanted,
        ("prefix", _) => text_test(operand, text, |text, prefix| text.starts_with(prefix)),
        ("suffix", _) => text_test(operand, text, |text, suffix| text.ends_with(suffix)),
        ("equals-ignore-case", Value::String(wanted)) => text.is_some_and(|text| same_ignoring_case(text, wanted)),
        ("wildcard", Value::String(pattern)) => text.is_some_and(|text| crate::wildcard::matches(pattern, text, false)),
        ("anything-but", Value::Object(_)) => value.is_some() && !matches_leaf(operand, value),
        ("anything-but", Value::Array(refused)) => {
            value.is_some_and(|value| !refused.iter().any(|refused| equal(refused, value)))
        }
        ("anything-but", refused) => value.is_some_and(|value| !equal(refused, value)),
        ("numeric", Value::Array(tests)) => value.and_then(Value::as_f64).is_some_and(|number| numeric(tests, number)),
        _ => false,
    }
}

/// `{"prefix": "x"}` or `{"prefix": {"equals-ignore-case": "x"}}`; in `anything-but`, also a list of texts.
fn text_test(operand: &Value, text: Option<&str>, test: impl Fn(&str, &str) -> bool + Copy) -> bool {
    let Some(text) = text else { return false };
    match operand {
        Value::String(part) => test(text, part),
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).any(|part| test(text, part)),
        Value::Object(members) => members
            .get("equals-ignore-case")
            .and_then(Value::as_str)
            .is_some_and(|part| test(&text.to_lowercase(), &part.to_lowercase())),
        _ => false,
    }
}

fn same_ignoring_case(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

/// Numbers are equal by value, other values by kind and value.
fn equal(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

/// `[">", 0, "<=", 5]`: every test must hold.
fn numeric(tests: &[Value], number: f64) -> bool {
    let (pairs, []) = tests.as_chunks::<2>() else { return false };
    !pairs.is_empty()
        && pairs.iter().all(|[operator, operand]| {
            let (Some(operator), Some(operand)) = (operator.as_str(), operand.as_f64()) else { return false };
            match operator {
                "=" => number == operand,
                "<" => number < operand,
                "<=" => number <= operand,
                ">" => number > operand,
                ">=" => number >= operand,
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_over_an_alarm_event() {
        let event = json!({
            "source": "aws.cloudwatch",
            "detail-type": "CloudWatch Alarm State Change",
            "resources": ["arn:aws:cloudwatch:us-east-1:000000000000:alarm:Checkout-5xx"],
            "detail": {
                "alarmName": "Checkout-5xx",
                "state": {"value": "ALARM"},
                "previousState": {"value": "OK"},
                "configuration": {"metrics": [{"id": "m1", "metricStat": {"period": 60}}]},
                "actions": [],
                "note": null,
            },
        });
        let detail = |members: Value| json!({"detail": members});
        let table = [
            (json!({"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}), true),
            (json!({"source": ["aws.states", "aws.cloudwatch"]}), true),
            (json!({"source": ["aws.states"]}), false),
            (json!({"account": ["000000000000"]}), false),
            (json!({"resources": [{"prefix": "arn:aws:cloudwatch:"}]}), true),
            (json!({"resources": [{"suffix": "5xx"}]}), true),
            (detail(json!({"state": {"value": ["ALARM"]}})), true),
            (detail(json!({"state": {"value": ["ALARM"]}, "previousState": {"value": ["ALARM"]}})), false),
            (detail(json!({"previousState": {"value": [{"anything-but": "ALARM"}]}})), true),
            (detail(json!({"previousState": {"value": [{"anything-but": ["OK", "ALARM"]}]}})), false),
            (detail(json!({"alarmName": [{"anything-but": {"prefix": "Teal-"}}]})), true),
            (detail(json!({"alarmName": [{"anything-but": {"prefix": ["Teal-", "Check"]}}]})), false),
            (detail(json!({"absent": [{"anything-but": "x"}]})), false),
            (detail(json!({"alarmName": [{"exists": true}]})), true),
            (detail(json!({"absent": [{"exists": false}]})), true),
            (detail(json!({"alarmName": [{"exists": false}]})), false),
            (detail(json!({"alarmName": [{"equals-ignore-case": "checkout-5XX"}]})), true),
            (detail(json!({"alarmName": [{"prefix": {"equals-ignore-case": "CHECK"}}]})), true),
            (detail(json!({"alarmName": [{"wildcard": "Check*-5??"}]})), false), // EventBridge has no ?
            (detail(json!({"alarmName": [{"wildcard": "Check*-5*"}]})), true),
            (detail(json!({"configuration": {"metrics": {"metricStat": {"period": [60]}}}})), true),
            (
                detail(
                    json!({"configuration": {"metrics": {"metricStat": {"period": [{"numeric": [">", 0, "<=", 60]}]}}}}),
                ),
                true,
            ),
            (
                detail(json!({"configuration": {"metrics": {"metricStat": {"period": [{"numeric": ["<", 60]}]}}}})),
                false,
            ),
            (detail(json!({"note": [null]})), true),
            (detail(json!({"$or": [{"alarmName": ["x"]}, {"state": {"value": ["ALARM"]}}]})), true),
            (detail(json!({"$or": [{"alarmName": ["x"]}, {"state": {"value": ["OK"]}}]})), false),
            (detail(json!({"alarmName": [{"unknown-operator": 1}]})), false),
            (json!([]), false),
            (json!({"source": "aws.cloudwatch"}), false), // a pattern's leaves are lists
        ];
        for (pattern, expected) in table {
            assert_eq!(matches(&pattern, &event), expected, "{pattern}");
        }
    }
}
