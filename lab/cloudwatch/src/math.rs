//! Metric math: what an expression is over a window.
//!
//! Source: "Using math expressions with CloudWatch metrics" in the CloudWatch user guide. The lab has the arithmetic,
//! comparisons and the functions ABS, AVG, CEIL, FILL, FLOOR, IF, MAX, METRICS, MIN, PERIOD and SUM.

use crate::math_syntax::{Expression, Operator};

/// One optional data point per period.
pub(crate) type Points = Vec<Option<f64>>;

/// What an expression evaluates to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    Series(Points),
    List(Vec<Value>),
}

/// What an expression may refer to.
pub(crate) trait Scope {
    /// The data points of the query with this id.
    fn points(&self, id: &str) -> Result<Points, String>;
    /// The data points of all metrics whose id contains the text, in the order of the request.
    fn metrics(&self, id_contains: &str) -> Result<Vec<Points>, String>;
    fn period_seconds(&self) -> f64;
}

/// Evaluates an expression.
///
/// # Errors
/// A sentence, if the expression does not fit together or uses what the lab does not have.
pub(crate) fn evaluate(expression: &Expression, scope: &impl Scope) -> Result<Value, String> {
    match expression {
        Expression::Number(number) => Ok(Value::Scalar(*number)),
        Expression::Text(_) => Err("a text is only allowed as an argument of METRICS".to_owned()),
        Expression::Id(id) => scope.points(id).map(Value::Series),
        Expression::List(items) => {
            items.iter().map(|item| evaluate(item, scope)).collect::<Result<_, _>>().map(Value::List)
        }
        Expression::Negated(inner) => map(evaluate(inner, scope)?, |value| Some(-value)),
        Expression::Binary(operator, left, right) => {
            let (left, right) = (evaluate(left, scope)?, evaluate(right, scope)?);
            combine(left, &right, |a, b| apply(*operator, a, b))
        }
        Expression::Call(name, arguments) => call(name, arguments, scope),
    }
}

fn call(name: &str, arguments: &[Expression], scope: &impl Scope) -> Result<Value, String> {
    match (name, arguments) {
        ("METRICS", []) => scope.metrics("").map(series_list),
        ("METRICS", [Expression::Text(part)]) => scope.metrics(part).map(series_list),
        ("PERIOD", [_]) => Ok(Value::Scalar(scope.period_seconds())),
        ("ABS", [one]) => map(evaluate(one, scope)?, |value| Some(value.abs())),
        ("CEIL", [one]) => map(evaluate(one, scope)?, |value| Some(value.ceil())),
        ("FLOOR", [one]) => map(evaluate(one, scope)?, |value| Some(value.floor())),
        ("SUM", [one]) => aggregate(evaluate(one, scope)?, |values| values.iter().sum()),
        ("AVG", [one]) => aggregate(evaluate(one, scope)?, |values| values.iter().sum::<f64>() / values.len() as f64),
        ("MAX", [one]) => aggregate(evaluate(one, scope)?, |values| values.iter().copied().fold(f64::MIN, f64::max)),
        ("MIN", [one]) => aggregate(evaluate(one, scope)?, |values| values.iter().copied().fold(f64::MAX, f64::min)),
        ("FILL", [series, Expression::Id(word)]) if word == "REPEAT" => fill_repeating(evaluate(series, scope)?),
        ("FILL", [series, filler]) => fill(evaluate(series, scope)?, &evaluate(filler, scope)?),
        ("IF", [condition, then]) => choose(&evaluate(condition, scope)?, &evaluate(then, scope)?, None),
        ("IF", [condition, then, otherwise]) => {
            choose(&evaluate(condition, scope)?, &evaluate(then, scope)?, Some(&evaluate(otherwise, scope)?))
        }
        _ => Err(format!("the function {name} with {} arguments is not known", arguments.len())),
    }
}

fn series_list(all: Vec<Points>) -> Value {
    Value::List(all.into_iter().map(Value::Series).collect())
}

/// A division by zero and whatever else is not a number has no data point.
fn apply(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let truth = |condition: bool| f64::from(u8::from(condition));
    let result = match operator {
        Operator::Or => truth(left != 0.0 || right != 0.0),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
    };
    result.is_finite().then_some(result)
}

fn map(value: Value, f: impl Fn(f64) -> Option<f64> + Copy) -> Result<Value, String> {
    match value {
        Value::Scalar(number) => f(number).map(Value::Scalar).ok_or_else(|| "a number is out of range".to_owned()),
        Value::Series(points) => Ok(Value::Series(points.into_iter().map(|point| point.and_then(f)).collect())),
        Value::List(items) => items.into_iter().map(|item| map(item, f)).collect::<Result<_, _>>().map(Value::List),
    }
}

/// A list is combined item by item with a scalar or series; two series have a point where both have one.
fn combine(left: Value, right: &Value, f: impl Fn(f64, f64) -> Option<f64> + Copy) -> Result<Value, String> {
    match (left, right) {
        (Value::List(items), right @ (Value::Scalar(_) | Value::Series(_))) => {
            items.into_iter().map(|item| combine(item, right, f)).collect::<Result<_, _>>().map(Value::List)
        }
        (left @ (Value::Scalar(_) | Value::Series(_)), Value::List(items)) => {
            items.iter().map(|item| combine(left.clone(), item, f)).collect::<Result<_, _>>().map(Value::List)
        }
        (Value::List(_), Value::List(_)) => Err("two lists cannot be combined by an operator".to_owned()),
        (Value::Scalar(left), Value::Scalar(right)) => {
            f(left, *right).map(Value::Scalar).ok_or_else(|| "a number is divided by zero".to_owned())
        }
        (Value::Series(left), Value::Scalar(right)) => {
            Ok(Value::Series(left.into_iter().map(|point| f(point?, *right)).collect()))
        }
        (Value::Scalar(left), Value::Series(right)) => {
            Ok(Value::Series(right.iter().map(|point| f(left, (*point)?)).collect()))
        }
        (Value::Series(left), Value::Series(right)) => {
            Ok(Value::Series(left.into_iter().zip(right).map(|(left, right)| f(left?, (*right)?)).collect()))
        }
    }
}

/// Of a list, a series: at each time over the items that have a point. Of a series, one number over its points.
fn aggregate(value: Value, f: impl Fn(&[f64]) -> f64) -> Result<Value, String> {
    match value {
        Value::Scalar(number) => Ok(Value::Scalar(number)),
        Value::Series(points) => {
            let present: Vec<f64> = points.iter().flatten().copied().collect();
            // Without any point there is nothing to draw, and no number either.
            Ok(if present.is_empty() { Value::Series(points) } else { Value::Scalar(f(&present)) })
        }
        Value::List(items) => {
            let length =
                items.iter().find_map(|item| if let Value::Series(points) = item { Some(points.len()) } else { None });
            let Some(length) = length else {
                let numbers: Vec<f64> = items
                    .iter()
                    .filter_map(|item| if let Value::Scalar(number) = item { Some(*number) } else { None })
                    .collect();
                return if numbers.is_empty() {
                    Err("a list is empty".to_owned())
                } else {
                    Ok(Value::Scalar(f(&numbers)))
                };
            };
            let mut points = Vec::with_capacity(length);
            for slot in 0..length {
                let mut present = Vec::with_capacity(items.len());
                let mut measured = false;
                for item in &items {
                    match item {
                        Value::Scalar(number) => present.push(*number),
                        Value::Series(series) => {
                            let point = series.get(slot).copied().flatten();
                            measured |= point.is_some();
                            present.extend(point);
                        }
                        Value::List(_) => return Err("a list cannot hold a list".to_owned()),
                    }
                }
                // Constants alone are no data.
                points.push(measured.then(|| f(&present)));
            }
            Ok(Value::Series(points))
        }
    }
}

fn fill(value: Value, filler: &Value) -> Result<Value, String> {
    match (value, filler) {
        (Value::List(items), filler) => {
            items.into_iter().map(|item| fill(item, filler)).collect::<Result<_, _>>().map(Value::List)
        }
        (Value::Series(points), Value::Scalar(number)) => {
            Ok(Value::Series(points.into_iter().map(|point| point.or(Some(*number))).collect()))
        }
        (Value::Series(points), Value::Series(other)) => {
            Ok(Value::Series(points.into_iter().zip(other).map(|(point, other)| point.or(*other)).collect()))
        }
        _ => Err("FILL takes a metric and what to fill its gaps with".to_owned()),
    }
}

fn fill_repeating(value: Value) -> Result<Value, String> {
    let Value::Series(points) = value else { return Err("FILL takes a metric to fill".to_owned()) };
    let mut last = None;
    let filled = points.into_iter().map(|point| {
        last = point.or(last);
        last
    });
    Ok(Value::Series(filled.collect()))
}

fn choose(condition: &Value, then: &Value, otherwise: Option<&Value>) -> Result<Value, String> {
    let at = |value: &Value, slot: usize| match value {
        Value::Scalar(number) => Ok(Some(*number)),
        Value::Series(points) => Ok(points.get(slot).copied().flatten()),
        Value::List(_) => Err("IF takes no lists".to_owned()),
    };
    let length = [Some(condition), Some(then), otherwise]
        .into_iter()
        .flatten()
        .find_map(|value| if let Value::Series(points) = value { Some(points.len()) } else { None });
    let Some(length) = length else {
        let branch = if at(condition, 0)?.is_some_and(|truth| truth != 0.0) { Some(then) } else { otherwise };
        return branch.cloned().ok_or_else(|| "IF has no value".to_owned());
    };
    let mut points = Vec::with_capacity(length);
    for slot in 0..length {
        points.push(match (at(condition, slot)?, otherwise) {
            (Some(truth), _) if truth != 0.0 => at(then, slot)?,
            (Some(_), Some(otherwise)) => at(otherwise, slot)?,
            (Some(_), None) | (None, _) => None,
        });
    }
    Ok(Value::Series(points))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math_syntax::parse;

    struct Fixed;

    impl Scope for Fixed {
        fn points(&self, id: &str) -> Result<Points, String> {
            match id {
                "m1" => Ok(vec![Some(10.0), None, Some(4.0)]),
                "m2" => Ok(vec![Some(2.0), Some(3.0), Some(0.0)]),
                "none" => Ok(vec![None; 3]),
                _ => Err(format!("{id} is not known")),
            }
        }

        fn metrics(&self, id_contains: &str) -> Result<Vec<Points>, String> {
            ["m1", "m2"].into_iter().filter(|id| id.contains(id_contains)).map(|id| self.points(id)).collect()
        }

        fn period_seconds(&self) -> f64 {
            60.0
        }
    }

    fn series(text: &str) -> Points {
        match evaluate(&parse(text).unwrap(), &Fixed).unwrap() {
            Value::Series(points) => points,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn expressions_over_series_with_gaps() {
        let table: [(&str, [Option<f64>; 3]); 22] = [
            ("m1 + m2", [Some(12.0), None, Some(4.0)]),
            ("m1 - 1", [Some(9.0), None, Some(3.0)]),
            ("100 * m2 / m1", [Some(20.0), None, Some(0.0)]),
            ("m1 / m2", [Some(5.0), None, None]), // a division by zero has no data point
            ("m2 ^ 2", [Some(4.0), Some(9.0), Some(0.0)]),
            ("2 * (m1 + m2)", [Some(24.0), None, Some(8.0)]),
            ("FILL(m1, 0)", [Some(10.0), Some(0.0), Some(4.0)]),
            ("FILL(m1, m2)", [Some(10.0), Some(3.0), Some(4.0)]),
            ("FILL(m1, REPEAT)", [Some(10.0), Some(10.0), Some(4.0)]),
            ("FILL(none, 0)", [Some(0.0); 3]),
            ("SUM([m1, m2])", [Some(12.0), Some(3.0), Some(4.0)]),
            ("SUM(METRICS())", [Some(12.0), Some(3.0), Some(4.0)]),
            ("SUM(METRICS(\"m2\"))", [Some(2.0), Some(3.0), Some(0.0)]),
            ("AVG([m1, m2])", [Some(6.0), Some(3.0), Some(2.0)]),
            ("MAX([m1, m2])", [Some(10.0), Some(3.0), Some(4.0)]),
            ("MIN([m1, m2])", [Some(2.0), Some(3.0), Some(0.0)]),
            ("MAX([m1 - 5, 0])", [Some(5.0), None, Some(0.0)]),
            ("IF(m2 > 1, m1, 0)", [Some(10.0), None, Some(0.0)]),
            ("IF(m2 > 1, 1)", [Some(1.0), Some(1.0), None]),
            ("m2 - MIN(m1)", [Some(-2.0), Some(-1.0), Some(-4.0)]),
            ("m1 >= 4 AND m2 != 0", [Some(1.0), None, Some(0.0)]),
            ("m2 * PERIOD(m2)", [Some(120.0), Some(180.0), Some(0.0)]),
        ];
        for (text, expected) in table {
            assert_eq!(series(text), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_an_error() {
        for text in [
            "m9",
            "NOPE(m1)",
            "SUM()",
            "[m1] + [m2]",
            "FILL(1, 2)",
            "1 / 0",
            "SUM([[m1]])",
            "\"text\"",
            "IF([m1], 1, 2)",
        ] {
            assert!(evaluate(&parse(text).unwrap(), &Fixed).is_err(), "{text}");
        }
    }
}
