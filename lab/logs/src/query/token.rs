//! The words and signs of a query.

use std::iter::Peekable;
use std::vec::IntoIter;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A command, field, number or function.
    Word(String),
    Text(String),
    /// A regular expression.
    Expression(String),
    Sign(&'static str),
    Bar,
}

/// Signs, the longest first.
const SIGNS: [&str; 10] = ["!=", "<=", ">=", "=~", "=", "<", ">", "(", ")", ","];

#[derive(Debug)]
pub(super) struct Tokens(Peekable<IntoIter<Token>>);

impl Token {
    pub(super) fn word(text: &str) -> Self {
        Self::Word(text.to_owned())
    }
}

impl Tokens {
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, length) = match first {
                '|' => (Token::Bar, 1),
                '"' | '\'' | '`' | '/' => {
                    let (inner, length) = quoted(rest, first)?;
                    let token = match first {
                        '/' => Token::Expression(inner.replace("\\/", "/")),
                        '`' => Token::Word(inner),
                        _ => {
                            Token::Text(inner.replace(&format!("\\{first}"), &first.to_string()).replace("\\\\", "\\"))
                        }
                    };
                    (token, length)
                }
                _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                    Some(sign) => (Token::Sign(sign), sign.len()),
                    None => {
                        let is_word = |c: char| c.is_alphanumeric() || "@_.-*".contains(c);
                        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                        if length == 0 {
                            return Err(format!("{first} is unexpected"));
                        }
                        (Token::word(&rest[..length]), length)
                    }
                },
            };
            tokens.push(token);
            rest = rest[length..].trim_start();
        }
        Ok(Self(tokens.into_iter().peekable()))
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        self.0.next()
    }

    /// Takes the next token if it is this one.
    pub(super) fn take(&mut self, token: &Token) -> bool {
        self.0.next_if_eq(token).is_some()
    }

    pub(super) fn expect(&mut self, token: &Token) -> Result<(), String> {
        match self.next() {
            Some(found) if &found == token => Ok(()),
            found => Err(format!("{token:?} is expected, not {found:?}")),
        }
    }

    pub(super) fn word(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            found => Err(format!("a word is expected, not {found:?}")),
        }
    }

    pub(super) fn number(&mut self) -> Result<usize, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("{word} is no number"))
    }
}

/// What stands between two quotes, and how much of the text that is with them.
fn quoted(text: &str, quote: char) -> Result<(String, usize), String> {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return Ok((text[1..at].to_owned(), at + 1)),
            _ => {}
        }
    }
    Err(format!("{quote} has no end"))
}
