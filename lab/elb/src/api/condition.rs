//! Conditions of rules: read, checked and described.

use super::Result;
use crate::model::Condition;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;

/// "Condition values per rule" and "Condition wildcards per rule". Source: Application Load Balancers guide, "Quotas".
const MOST_VALUES: usize = 5;

/// Reads the list `Conditions`.
///
/// Source: API Reference, RuleCondition: `Values` may stand for the config of path-pattern, host-header and
/// http-request-method. Regular expressions, source-ip and transforms are not served and refused.
pub(super) fn read(params: &Params<'_>) -> Result<Vec<Condition>> {
    if params.has("Transforms") {
        return Err(invalid("The lab does not serve rule transforms"));
    }
    let conditions = params.structures("Conditions").iter().map(read_one).collect::<Result<Vec<_>>>()?;
    if conditions.is_empty() {
        return Err(invalid("A rule must have at least one condition"));
    }
    // A rule has at most one path-pattern, host-header and http-request-method condition each.
    // Source: API Reference, CreateRule, Conditions.
    for (index, condition) in conditions.iter().enumerate() {
        let repeatable = matches!(condition, Condition::HttpHeader { .. } | Condition::QueryString(_));
        if !repeatable && conditions[..index].iter().any(|earlier| earlier.field() == condition.field()) {
            return Err(invalid(format!("A rule can have only one '{}' condition", condition.field())));
        }
    }
    let values: usize = conditions.iter().map(Condition::size).sum();
    if values > MOST_VALUES {
        return Err(invalid(format!("A rule can have at most {MOST_VALUES} condition values, not {values}")));
    }
    Ok(conditions)
}

fn read_one(params: &Params<'_>) -> Result<Condition> {
    let values = |config: &str| -> Vec<String> {
        let of_config = params.structure(config).map(|config| config.texts("Values")).unwrap_or_default();
        of_config.into_iter().chain(params.texts("Values")).map(str::to_owned).collect()
    };
    let condition = match params.required("Field")? {
        "path-pattern" => Condition::PathPattern(values("PathPatternConfig")),
        "host-header" => Condition::HostHeader(values("HostHeaderConfig")),
        "http-request-method" => Condition::HttpRequestMethod(values("HttpRequestMethodConfig")),
        "http-header" => {
            let config = params.structure("HttpHeaderConfig").ok_or_else(|| invalid("HttpHeaderConfig is required"))?;
            let name = config.required("HttpHeaderName")?.to_owned();
            Condition::HttpHeader { name, values: values("HttpHeaderConfig") }
        }
        "query-string" => {
            let config =
                params.structure("QueryStringConfig").ok_or_else(|| invalid("QueryStringConfig is required"))?;
            let pairs = config.structures("Values");
            let pairs =
                pairs.iter().map(|pair| Ok((pair.text("Key").map(str::to_owned), pair.required("Value")?.to_owned())));
            Condition::QueryString(pairs.collect::<Result<_>>()?)
        }
        other => return Err(invalid(format!("Condition field '{other}' is not one that the lab serves"))),
    };
    if condition.size() == 0 {
        return Err(invalid(format!("A '{}' condition must have a value", condition.field())));
    }
    Ok(condition)
}

impl Condition {
    fn field(&self) -> &'static str {
        match self {
            Self::PathPattern(_) => "path-pattern",
            Self::HostHeader(_) => "host-header",
            Self::HttpHeader { .. } => "http-header",
            Self::QueryString(_) => "query-string",
            Self::HttpRequestMethod(_) => "http-request-method",
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::PathPattern(values)
            | Self::HostHeader(values)
            | Self::HttpHeader { values, .. }
            | Self::HttpRequestMethod(values) => values.len(),
            Self::QueryString(pairs) => pairs.len(),
        }
    }
}

/// Writes a condition as DescribeRules does: path-pattern and host-header both ways, the others by their config.
pub(super) fn write(x: &mut Xml, condition: &Condition) {
    x.leaf("Field", condition.field());
    match condition {
        Condition::PathPattern(values) => {
            x.values("Values", values);
            x.node("PathPatternConfig", |x| x.values("Values", values));
        }
        Condition::HostHeader(values) => {
            x.values("Values", values);
            x.node("HostHeaderConfig", |x| x.values("Values", values));
        }
        Condition::HttpHeader { name, values } => x.node("HttpHeaderConfig", |x| {
            x.leaf("HttpHeaderName", name);
            x.values("Values", values);
        }),
        Condition::QueryString(pairs) => x.node("QueryStringConfig", |x| {
            x.list("Values", pairs, |x, (key, value)| {
                x.maybe("Key", key.as_ref());
                x.leaf("Value", value);
            });
        }),
        Condition::HttpRequestMethod(values) => x.node("HttpRequestMethodConfig", |x| x.values("Values", values)),
    }
}
