//! The syntax of metric math: text to a tree.
//!
//! Source: "Using math expressions with CloudWatch metrics" in the CloudWatch user guide.

/// A metric math expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    Text(String),
    /// The id of another query of the same request.
    Id(String),
    List(Vec<Expression>),
    Negated(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// Function name in capitals, and its arguments.
    Call(String, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    /// An operator, bracket or comma.
    Sign(&'static str),
}

/// Two-character signs first, so that `<=` is not read as `<`.
const SIGNS: [&str; 20] =
    ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "AND", "OR"];
/// Operators by how tightly they bind, loosest first.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("OR", Operator::Or)],
    &[("&&", Operator::And), ("AND", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        (">=", Operator::GreaterOrEqual),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
    &[("^", Operator::Power)],
];
/// Deeper nesting is refused rather than risked on the stack.
const DEEPEST: usize = 64;

/// Reads an expression.
///
/// # Errors
/// A sentence that says what is wrong, without position.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let expression = parser.operation(0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(expression),
        Some(_) => Err("the expression goes on where it should end".to_owned()),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first.is_ascii_digit() || first == '.' {
            let length = number_length(rest);
            let number = rest[..length].parse().map_err(|_| format!("{} is not a number", &rest[..length]))?;
            (Token::Number(number), length)
        } else if first == '"' || first == '\'' {
            let inner = rest[1..].split(first).next().unwrap_or_default();
            if rest.len() < inner.len() + 2 {
                return Err("a quoted text does not end".to_owned());
            }
            (Token::Text(inner.to_owned()), inner.len() + 2)
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let word = &rest[..length];
            match SIGNS.iter().find(|sign| **sign == word) {
                Some(sign) => (Token::Sign(sign), length),
                None => (Token::Word(word.to_owned()), length),
            }
        } else {
            let sign = SIGNS
                .iter()
                .find(|sign| rest.starts_with(**sign))
                .ok_or_else(|| format!("the character {first} has no meaning here"))?;
            (Token::Sign(sign), sign.len())
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// How long the number at the text's beginning is, exponent included.
fn number_length(text: &str) -> usize {
    let mut previous = ' ';
    text.find(|c: char| {
        let exponent_sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E');
        let inside = c.is_ascii_digit() || c == '.' || matches!(c, 'e' | 'E') || exponent_sign;
        previous = c;
        !inside
    })
    .unwrap_or(text.len())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Result<(), String> {
        if self.take_sign(sign) { Ok(()) } else { Err(format!("a {sign} is missing")) }
    }

    fn operation(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(level) else { return self.operand() };
        let mut left = self.operation(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take_sign(sign)) {
            let right = self.operation(level + 1)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the expression is nested too deeply".to_owned());
        }
        let operand = self.operand_inside();
        self.depth -= 1;
        operand
    }

    fn operand_inside(&mut self) -> Result<Expression, String> {
        if self.take_sign("-") {
            return Ok(Expression::Negated(Box::new(self.operand()?)));
        }
        if self.take_sign("(") {
            let inner = self.operation(0)?;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        if self.take_sign("[") {
            return Ok(Expression::List(self.arguments("]")?));
        }
        let token = self.tokens.get(self.at).cloned().ok_or("the expression ends too early")?;
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Text(text) => Ok(Expression::Text(text)),
            Token::Word(word) if self.take_sign("(") => {
                Ok(Expression::Call(word.to_ascii_uppercase(), self.arguments(")")?))
            }
            Token::Word(word) => Ok(Expression::Id(word)),
            Token::Sign(sign) => Err(format!("a {sign} stands where a value should be")),
        }
    }

    fn arguments(&mut self, closing: &str) -> Result<Vec<Expression>, String> {
        let mut arguments = Vec::new();
        if self.take_sign(closing) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.operation(0)?);
            if !self.take_sign(",") {
                break;
            }
        }
        self.expect_sign(closing)?;
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn multiplication_binds_tighter_than_addition() {
        let tree = parse("1+2*m1").unwrap();
        let Expression::Binary(Operator::Add, _, right) = tree else { panic!("{tree:?}") };
        assert!(matches!(*right, Expression::Binary(Operator::Multiply, _, _)));
    }

    #[test]
    fn what_is_not_an_expression_is_refused() {
        for text in ["", "1+", "(m1", "SUM([m1,)", "m1 m2", "m1 ? 2", "\"open", "1..2", "*2"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"-".repeat(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
