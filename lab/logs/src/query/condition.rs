//! What `filter` asks of a line.

use super::token::{Token, Tokens};
use crate::store::Line;
use regex_lite::Regex;
use std::cmp::Ordering;

#[derive(Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// The field contains what the expression describes.
    Like(String, Regex),
    Compare(String, &'static str, String),
}

impl Condition {
    pub(super) fn parse(tokens: &mut Tokens) -> Result<Self, String> {
        let mut any = vec![Self::all(tokens)?];
        while tokens.take(&Token::word("or")) {
            any.push(Self::all(tokens)?);
        }
        Ok(Self::Any(any))
    }

    fn all(tokens: &mut Tokens) -> Result<Self, String> {
        let mut all = vec![Self::one(tokens)?];
        while tokens.take(&Token::word("and")) {
            all.push(Self::one(tokens)?);
        }
        Ok(Self::All(all))
    }

    fn one(tokens: &mut Tokens) -> Result<Self, String> {
        if tokens.take(&Token::word("not")) {
            return Self::one(tokens).map(|condition| Self::Not(Box::new(condition)));
        }
        if tokens.take(&Token::Sign("(")) {
            let inner = Self::parse(tokens)?;
            tokens.expect(&Token::Sign(")"))?;
            return Ok(inner);
        }
        let field = tokens.word()?;
        if tokens.take(&Token::word("not")) {
            tokens.expect(&Token::word("like"))?;
            let like = Self::Like(field.clone(), expression(tokens)?);
            // A line without the field is not one that has it otherwise.
            let has_it = Self::Like(field, compiled("")?);
            return Ok(Self::All(vec![has_it, Self::Not(Box::new(like))]));
        }
        match tokens.next() {
            Some(Token::Word(word)) if word == "like" => Ok(Self::Like(field, expression(tokens)?)),
            Some(Token::Sign("=~")) => Ok(Self::Like(field, expression(tokens)?)),
            Some(Token::Sign(sign @ ("=" | "!=" | "<" | "<=" | ">" | ">="))) => match tokens.next() {
                Some(Token::Text(value) | Token::Word(value)) => Ok(Self::Compare(field, sign, value)),
                found => Err(format!("a value is expected, not {found:?}")),
            },
            found => Err(format!("a comparison is expected, not {found:?}")),
        }
    }

    pub(super) fn holds(&self, line: &Line) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(line)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(line)),
            Self::Not(condition) => !condition.holds(line),
            Self::Like(field, expression) => line.field(field).is_some_and(|value| expression.is_match(&value)),
            Self::Compare(field, sign, value) => line.field(field).is_some_and(|found| {
                let order = match (found.parse::<f64>(), value.parse::<f64>()) {
                    (Ok(found), Ok(value)) => found.partial_cmp(&value),
                    _ => Some(found.as_str().cmp(value)),
                };
                match *sign {
                    "=" => order == Some(Ordering::Equal),
                    "!=" => order != Some(Ordering::Equal),
                    "<" => order == Some(Ordering::Less),
                    "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                    ">" => order == Some(Ordering::Greater),
                    _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                }
            }),
        }
    }
}

/// What `like` compares with: a text that is contained, or a regular expression.
fn expression(tokens: &mut Tokens) -> Result<Regex, String> {
    match tokens.next() {
        Some(Token::Text(text)) => compiled(&regex_lite::escape(&text)),
        Some(Token::Expression(expression)) => compiled(&expression),
        found => Err(format!("a text or a regular expression is expected, not {found:?}")),
    }
}

fn compiled(expression: &str) -> Result<Regex, String> {
    Regex::new(expression).map_err(|problem| problem.to_string())
}
