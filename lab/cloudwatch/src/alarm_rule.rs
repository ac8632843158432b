//! The rule of a composite alarm: a boolean expression over the states of other alarms.
//!
//! Source: PutCompositeAlarm, parameter AlarmRule, in the CloudWatch API reference.

use crate::evaluation::AlarmState;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AlarmRule {
    Constant(bool),
    /// Whether the alarm of this name is in this state.
    InState(AlarmState, String),
    Not(Box<AlarmRule>),
    And(Box<AlarmRule>, Box<AlarmRule>),
    Or(Box<AlarmRule>, Box<AlarmRule>),
}

impl AlarmRule {
    /// Reads a rule.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text.trim(), depth: 0 };
        let rule = parser.disjunction()?;
        if parser.rest.is_empty() { Ok(rule) } else { Err(format!("the rule goes on with {}", parser.rest)) }
    }

    /// Whether the rule holds; `state` answers `None` for an alarm that does not exist, which is in no state.
    pub(crate) fn holds(&self, state: &impl Fn(&str) -> Option<AlarmState>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::InState(wanted, name) => state(name) == Some(*wanted),
            Self::Not(inner) => !inner.holds(state),
            Self::And(left, right) => left.holds(state) && right.holds(state),
            Self::Or(left, right) => left.holds(state) || right.holds(state),
        }
    }

    /// The names of the alarms that the rule looks at.
    pub(crate) fn alarms(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::InState(_, name) => vec![name],
            Self::Not(inner) => inner.alarms(),
            Self::And(left, right) | Self::Or(left, right) => [left.alarms(), right.alarms()].concat(),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, word: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        let ends = !word.ends_with(|c: char| c.is_ascii_alphabetic())
            || !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if ends {
            self.rest = rest.trim_start();
        }
        ends
    }

    fn disjunction(&mut self) -> Result<AlarmRule, String> {
        let mut left = self.conjunction()?;
        while self.take("OR") {
            left = AlarmRule::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<AlarmRule, String> {
        let mut left = self.term()?;
        while self.take("AND") {
            left = AlarmRule::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<AlarmRule, String> {
        self.depth += 1;
        if self.depth > 100 {
            return Err("the rule is nested too deeply".to_owned());
        }
        let term = self.term_inside();
        self.depth -= 1;
        term
    }

    fn term_inside(&mut self) -> Result<AlarmRule, String> {
        if self.take("NOT") {
            return Ok(AlarmRule::Not(Box::new(self.term()?)));
        }
        if self.take("TRUE") {
            return Ok(AlarmRule::Constant(true));
        }
        if self.take("FALSE") {
            return Ok(AlarmRule::Constant(false));
        }
        if self.take("(") {
            let inner = self.disjunction()?;
            return if self.take(")") { Ok(inner) } else { Err("a ) is missing".to_owned()) };
        }
        for state in [AlarmState::Alarm, AlarmState::Ok, AlarmState::InsufficientData] {
            if self.take(state.name()) {
                return self.argument().map(|name| AlarmRule::InState(state, name));
            }
        }
        Err(format!("no rule begins with {}", self.rest))
    }

    /// `(name)`, `("name")` or `(arn)`.
    fn argument(&mut self) -> Result<String, String> {
        let Some(inner) = self.rest.strip_prefix('(') else { return Err("a ( is missing".to_owned()) };
        let inner = inner.trim_start();
        let (name, rest) = match inner.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quoted name does not end")?,
            None => inner.split_at(inner.find(')').ok_or("a ) is missing")?),
        };
        self.rest = rest.trim_start().strip_prefix(')').ok_or("a ) is missing")?.trim_start();
        let name = name.trim();
        // An ARN ends with the name: arn:aws:cloudwatch:region:account:alarm:name
        Ok(if name.starts_with("arn:") { name.splitn(7, ':').last().unwrap_or(name) } else { name }.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: &str) -> bool {
        AlarmRule::parse(rule).unwrap().holds(&|name| match name {
            "bad" => Some(AlarmState::Alarm),
            "good one" => Some(AlarmState::Ok),
            "unknown" => Some(AlarmState::InsufficientData),
            _ => None,
        })
    }

    #[test]
    fn rules_over_three_alarms() {
        let table = [
            ("ALARM(bad)", true),
            ("ALARM(\"bad\")", true),
            ("ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:bad)", true),
            ("OK(\"good one\") AND ALARM(bad)", true),
            ("NOT ALARM(bad) OR OK(good one)", true),
            ("NOT (ALARM(bad) OR OK(good one))", false),
            ("INSUFFICIENT_DATA(unknown) AND TRUE", true),
            ("ALARM(bad) AND FALSE", false),
            ("ALARM(absent) OR OK(absent) OR INSUFFICIENT_DATA(absent)", false),
            ("ALARM(unknown) AND ALARM(bad) OR ALARM(bad)", true),
        ];
        for (rule, expected) in table {
            assert_eq!(holds(rule), expected, "{rule}");
        }
    }

    #[test]
    fn what_is_not_a_rule_is_refused() {
        for rule in ["", "bad", "ALARM bad", "ALARM(bad", "ALARM(bad) AND", "ALARM(bad) ALARM(bad)", "NOTALARM(bad)"] {
            assert!(AlarmRule::parse(rule).is_err(), "{rule}");
        }
        assert!(AlarmRule::parse(&"(".repeat(10_000)).is_err());
    }

    #[test]
    fn a_rule_names_its_alarms() {
        let rule = AlarmRule::parse("ALARM(a) AND NOT (OK(b) OR TRUE)").unwrap();
        assert_eq!(rule.alarms(), ["a", "b"]);
    }
}
