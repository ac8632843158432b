//! Counts that CloudWatch has of each colour.

use super::metrics::XRayGroups;
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Two counts that CloudWatch has of each colour. What tells the colours apart stands in names and dimensions as
/// `${targetGroup}`, `${service}`, `${colour}` or `${variant}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudWatchPair {
    /// How many were bad. Where there is no datum, none was.
    pub bad: CountSeries,
    /// How many there were, bad ones among them. Where there is no datum, nothing happened.
    pub total: CountSeries,
    /// The period in which both are published: 1s, 5s, 10s or 30s for high-resolution metrics, otherwise 1m.
    #[serde(default = "usual_period")]
    pub period: Span,
}

const fn usual_period() -> Span {
    Span::minutes(1)
}

/// A count over time: one metric, or metric math over several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CountSeries {
    Metric(CountMetric),
    Math(CountMath),
}

/// One metric of CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CountMetric {
    /// The namespace, such as `Shop`.
    pub namespace: ColouredName,
    /// The metric's name, such as `OrdersFailed`, or `Errors-${service}` where a metric filter makes one for each service.
    pub metric: ColouredName,
    /// The dimensions with which it is published: all of them, since CloudWatch does not sum over dimensions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<CloudWatchName, ColouredName>,
    /// The statistic that counts.
    #[serde(default = "sum")]
    pub statistic: CountStatistic,
}

/// Metric math over several metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CountMath {
    /// The expression, such as `FILL(failed, 0) + FILL(lost, 0)`.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
    pub expression: MathExpression,
    /// The metrics that it uses, by the names that it uses for them.
    pub metrics: BTreeMap<MathId, CountMetric>,
}

fn sum() -> CountStatistic {
    CountStatistic("Sum".to_owned())
}

/// What stands for a colour in a dimension, and what only stands for the load balancer of both.
pub const COLOUR_PLACEHOLDERS: [&str; 4] = ["${targetGroup}", "${service}", "${colour}", "${variant}"];
/// Stands for the load balancer, which has no colour.
pub const LOAD_BALANCER_PLACEHOLDER: &str = "${loadBalancer}";

impl CloudWatchPair {
    /// How many traces X-Ray publishes to have seen in a colour's two groups.
    #[must_use]
    pub fn of_groups(groups: &XRayGroups) -> Self {
        let count = |group: &ColouredName| {
            CountMetric::named("AWS/X-Ray", "ApproximateTraceCount", [("GroupName", group.as_str())])
        };
        Self { bad: count(&groups.faults), total: count(&groups.traces), period: usual_period() }
    }

    /// What a metric filter counts in a colour's log, among the requests that the route's meter counts: `requests` in the namespace, with the
    /// dimensions that name the colour's part.
    #[must_use]
    pub fn of_log(filtered: &CountMetric, namespace: &str, requests: &str, dimensions: &[(String, String)]) -> Self {
        let dimensions = dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let requests = CountMetric::named(namespace, requests, dimensions);
        Self { bad: CountSeries::Metric(filtered.clone()), total: requests, period: usual_period() }
    }
}

impl CountMetric {
    fn named<'a>(
        namespace: &str,
        metric: &str,
        dimensions: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> CountSeries {
        let dimension = |(name, value): (&str, &str)| (CloudWatchName(name.to_owned()), ColouredName(value.to_owned()));
        CountSeries::Metric(Self {
            namespace: ColouredName(namespace.to_owned()),
            metric: ColouredName(metric.to_owned()),
            dimensions: dimensions.into_iter().map(dimension).collect(),
            statistic: sum(),
        })
    }

    /// Whether it is another metric for each colour.
    #[must_use]
    pub fn tells_colours_apart(&self) -> bool {
        [&self.namespace, &self.metric]
            .into_iter()
            .chain(self.dimensions.values())
            .any(ColouredName::tells_colours_apart)
    }
}

impl CountSeries {
    /// The metrics that are read for it.
    pub fn metrics(&self) -> impl Iterator<Item = &CountMetric> {
        let (one, several) = match self {
            Self::Metric(metric) => (Some(metric), None),
            Self::Math(math) => (None, Some(math.metrics.values())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }
}

impl ColouredName {
    /// Whether it is another one for each colour.
    #[must_use]
    pub fn tells_colours_apart(&self) -> bool {
        COLOUR_PLACEHOLDERS.iter().any(|placeholder| self.0.contains(placeholder))
    }
}

impl MathExpression {
    /// The expression with every metric's name replaced. Names begin with a lower-case letter, functions and keywords
    /// with an upper-case one; what stands in quotes is left as it is.
    #[must_use]
    pub fn renamed(&self, mut rename: impl FnMut(&str) -> String) -> String {
        let mut text = String::with_capacity(self.0.len());
        for token in tokens(&self.0) {
            if is_id(token) { text.push_str(&rename(token)) } else { text.push_str(token) }
        }
        text
    }

    /// The names of metrics that it uses.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        tokens(&self.0).filter(|token| is_id(token))
    }
}

/// Cuts an expression into words (letters, digits, underscores), quoted texts, and single other characters.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = match first {
            '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, tail) = rest.split_at(end);
        rest = tail;
        Some(token)
    })
}

/// Whether a word of an expression names a metric.
fn is_id(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_lowercase())
}

text_newtype! {
    /// A dimension's name: 1 to 255 characters.
    CloudWatchName {
        noun: "a dimension's name",
        pattern: r"^[^\x00-\x1f:][^\x00-\x1f]{0,254}$",
        examples: &["Service"],
        check: check_cloudwatch_name,
    }
}

text_newtype! {
    /// A namespace, a metric's name, a dimension's value or an X-Ray group: 1 to 255 characters. `${targetGroup}` stands for a colour's target group
    /// (`targetgroup/name/id`), `${service}` for the name of what runs it (an ECS service, say), `${colour}` for `blue` or `green`,
    /// `${variant}` for `on` or `off` where a feature flag is released,
    /// `${loadBalancer}` for the load balancer (`app/name/id`).
    ColouredName {
        noun: "a name or value in CloudWatch",
        pattern: r"^[^\x00-\x1f]{1,255}$",
        examples: &["OrdersFailed", "${service}", "${targetGroup}"],
        check: check_coloured_name,
    }
}

text_newtype! {
    /// A statistic that counts: `Sum`, `SampleCount`, or `TC(a:b)`, the number of samples between two edges.
    CountStatistic {
        noun: "a statistic that counts",
        pattern: r"^(Sum|SampleCount|TC\([0-9.]*:[0-9.]*\))$",
        examples: &["Sum", "SampleCount", "TC(0.5:)"],
        check: check_statistic,
    }
}

text_newtype! {
    /// A metric math expression: 1 to 1024 characters.
    MathExpression {
        noun: "a metric math expression",
        pattern: r"^[^\x00-\x1f]{1,1024}$",
        examples: &["FILL(failed, 0) + FILL(lost, 0)"],
        check: check_expression,
    }
}

text_newtype! {
    /// A metric's name in a metric math expression: a lower-case letter, then up to 39 letters, digits and underscores.
    MathId {
        noun: "a metric's name in an expression",
        pattern: r"^[a-z][A-Za-z0-9_]{0,39}$",
        examples: &["failed"],
        check: check_math_id,
    }
}

fn check_length(text: &str, most: usize) -> Result<(), Invalid> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > most {
        return Err(Invalid::new(format!("it has {length} characters"), format!("Write 1 to {most} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new("it has a control character", "Write it on one line"));
    }
    Ok(())
}

fn check_cloudwatch_name(text: &str) -> Result<(), Invalid> {
    if text.starts_with(':') {
        return Err(Invalid::new("it begins with a colon", "Write the name as CloudWatch shows it"));
    }
    check_length(text, 255)
}

fn check_coloured_name(text: &str) -> Result<(), Invalid> {
    check_length(text, 255)?;
    check_placeholders(text)
}

/// Refuses a placeholder that stands for nothing.
pub(super) fn check_placeholders(text: &str) -> Result<(), Invalid> {
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end + 1);
        let placeholder = &rest[at..end];
        if !COLOUR_PLACEHOLDERS.contains(&placeholder) && placeholder != LOAD_BALANCER_PLACEHOLDER {
            return Err(Invalid::new(
                format!("{placeholder} stands for nothing"),
                "Write ${targetGroup}, ${service}, ${colour}, ${variant} or ${loadBalancer}",
            ));
        }
        rest = &rest[end..];
    }
    Ok(())
}

fn check_statistic(text: &str) -> Result<(), Invalid> {
    let is_edge = |edge: &str| edge.is_empty() || edge.parse::<f64>().is_ok_and(f64::is_finite);
    let is_count = |inner: &str| {
        inner
            .split_once(':')
            .is_some_and(|(from, to)| is_edge(from) && is_edge(to) && !(from.is_empty() && to.is_empty()))
    };
    let between = text.strip_prefix("TC(").and_then(|rest| rest.strip_suffix(')'));
    if matches!(text, "Sum" | "SampleCount") || between.is_some_and(is_count) {
        return Ok(());
    }
    Err(Invalid::new(
        "it does not count",
        "Write \"Sum\", \"SampleCount\", or how many samples lie between two edges, such as \"TC(0.5:)\"",
    ))
}

fn check_expression(text: &str) -> Result<(), Invalid> {
    check_length(text, 1024)
}

fn check_math_id(text: &str) -> Result<(), Invalid> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if is_id(text) && text.len() <= 40 && text.chars().all(is_plain) {
        return Ok(());
    }
    Err(Invalid::new(
        "it is not a lower-case letter followed by at most 39 letters, digits and underscores",
        "Write a name such as \"failed\"",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_an_expression_are_replaced_and_nothing_else() {
        let expression: MathExpression = r#"IF(a1 > 0, FILL(b,0)/1e3, 0) + SEARCH('{x,y} a1', "b")"#.parse().unwrap();
        assert_eq!(
            expression.renamed(|id| format!("s_{id}")),
            r#"IF(s_a1 > 0, FILL(s_b,0)/1e3, 0) + SEARCH('{x,y} a1', "b")"#
        );
        assert_eq!(expression.ids().collect::<Vec<_>>(), ["a1", "b"]);
        let open: MathExpression = "a + 'é".parse().unwrap();
        assert_eq!(open.renamed(str::to_owned), "a + 'é");
    }
}
