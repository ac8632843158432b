//! Rules that a load balancer tries before a part of a route: one that is added during a release takes requests from both colours.

use super::pattern::exclude_each_other;
use super::{Action, Difference, PartRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// One part of a route as it was read, with what is tried before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartReading {
    pub actions: Vec<Action>,
    /// What the part itself asks of a request; nothing where it takes what no rule has taken.
    pub conditions: Vec<Condition>,
    pub ahead: Vec<RuleAhead>,
}

/// A rule that is tried before a part of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleAhead {
    /// Its ARN.
    pub rule: String,
    /// Its priority: the lowest is tried first.
    pub priority: String,
    pub conditions: Vec<Condition>,
    /// What it does with requests, in words.
    pub does: String,
}

/// What a rule asks of a request: one of these values in this field.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `host-header`, `path-pattern`, `http-request-method` and others.
    pub field: String,
    pub values: Vec<String>,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.values.join(" or "))
    }
}

impl PartReading {
    /// A part before which nothing decides.
    #[must_use]
    pub fn alone(actions: Vec<Action>) -> Self {
        Self { actions, ..Self::default() }
    }

    /// The rules ahead that may take requests which this part would have got, by their ARNs.
    #[must_use]
    pub fn rivals(&self) -> BTreeSet<String> {
        self.rivals_in_full().map(|rule| rule.rule.clone()).collect()
    }

    /// What takes requests from the part, and did not when `known` was read.
    #[must_use]
    pub fn new_rivals(&self, part: &PartRef, known: &BTreeSet<String>) -> Vec<Difference> {
        let new = self.rivals_in_full().filter(|rule| !known.contains(&rule.rule));
        new.map(|rule| Difference::RuleAhead {
            part: part.clone(),
            rule: rule.rule.clone(),
            priority: rule.priority.clone(),
            takes: rule.conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
            does: rule.does.clone(),
        })
        .collect()
    }

    fn rivals_in_full(&self) -> impl Iterator<Item = &RuleAhead> {
        self.ahead.iter().filter(|rule| !are_apart(&rule.conditions, &self.conditions))
    }
}

/// Whether no request can meet both lists of conditions. A request has one host, one path and one method; of everything else it is not
/// known what requests have.
fn are_apart(some: &[Condition], others: &[Condition]) -> bool {
    some.iter().any(|one| others.iter().any(|other| one.field == other.field && exclude(one, other)))
}

fn exclude(one: &Condition, other: &Condition) -> bool {
    let fold = |value: &String| if one.field == "host-header" { value.to_ascii_lowercase() } else { value.clone() };
    let decidable = matches!(one.field.as_str(), "host-header" | "path-pattern" | "http-request-method");
    // No values: a regular expression, say, of which nothing is known.
    let known = !one.values.is_empty() && !other.values.is_empty();
    let apart = |a: &String| other.values.iter().all(|b| exclude_each_other(&fold(a), &fold(b)));
    decidable && known && one.values.iter().all(apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTENER: &str =
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";

    fn condition(field: &str, values: &[&str]) -> Condition {
        Condition { field: field.to_owned(), values: values.iter().map(ToString::to_string).collect() }
    }

    fn rule(name: &str, conditions: Vec<Condition>) -> RuleAhead {
        RuleAhead { rule: name.to_owned(), priority: "5".to_owned(), conditions, does: "redirect".to_owned() }
    }

    #[test]
    fn before_a_default_action_every_rule_takes_requests_from_it() {
        let ahead = vec![rule("r-1", vec![condition("path-pattern", &["/old"])])];
        let reading = PartReading { ahead, ..PartReading::default() };
        let part = PartRef::Listener(LISTENER.parse().unwrap());
        let told: Vec<String> = reading.new_rivals(&part, &BTreeSet::new()).iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1);
        for words in ["r-1", "priority 5", "path-pattern /old", "redirect"] {
            assert!(told[0].contains(words), "{told:?}");
        }
        assert_eq!(reading.new_rivals(&part, &reading.rivals()), [], "it was there before");
    }

    #[test]
    fn before_a_rule_only_those_count_that_can_match_the_same_requests() {
        let shop = vec![condition("host-header", &["shop.example.com"]), condition("path-pattern", &["/cart/*"])];
        let taken = |conditions: Vec<Condition>| {
            let reading =
                PartReading { actions: Vec::new(), conditions: shop.clone(), ahead: vec![rule("r-1", conditions)] };
            !reading.rivals().is_empty()
        };
        assert!(taken(vec![condition("path-pattern", &["/cart/pay"])]));
        assert!(taken(vec![condition("host-header", &["*.EXAMPLE.com"])]));
        assert!(taken(vec![condition("http-header X-Beta", &["1"])]), "who sends it is not known");
        assert!(taken(vec![condition("path-pattern", &[])]), "a regular expression");
        assert!(taken(vec![condition("path-pattern", &["/help", "/cart/*"])]));
        assert!(!taken(vec![condition("path-pattern", &["/help", "/img/*"])]));
        assert!(!taken(vec![condition("host-header", &["blog.example.com"]), condition("path-pattern", &["/cart/*"])]));
    }
}
