//! Requests of the AWS Query protocol: a flat form whose keys spell out structures (`A.B`) and lists (`A.member.1`).

use crate::{AwsFault, AwsRequest};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// All parameters of one request.
#[derive(Debug)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads the body of a POST, and the query string as SDKs use it for GET.
    #[must_use]
    pub fn of(request: &AwsRequest) -> Self {
        let mut all = BTreeMap::new();
        let query = request.uri.query().unwrap_or_default().as_bytes();
        for source in [query, &request.body] {
            all.extend(form_urlencoded::parse(source).into_owned());
        }
        Self(all)
    }

    #[must_use]
    pub fn params(&self) -> Params<'_> {
        Params { all: &self.0, prefix: String::new() }
    }
}

/// One structure of the request: the whole of it, or what lies under a prefix.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    all: &'a BTreeMap<String, String>,
    prefix: String,
}

impl<'a> Params<'a> {
    /// A value, if it was sent.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.all.get(&self.key(name)).map(String::as_str)
    }

    /// A value that AWS requires.
    ///
    /// # Errors
    /// `ValidationError` if it is missing or empty.
    pub fn required(&self, name: &str) -> Result<&'a str, AwsFault> {
        self.text(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            invalid(format!("Value null at '{}' failed to satisfy constraint: Member must not be null", self.key(name)))
        })
    }

    /// A number within the range that AWS documents.
    ///
    /// # Errors
    /// `ValidationError` if it is something else.
    pub fn number<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, AwsFault>
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(invalid(format!(
                "Value '{text}' at '{}' must be a number between {} and {}",
                self.key(name),
                range.start(),
                range.end()
            ))),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// `ValidationError` if it is something else.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, AwsFault> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(invalid(format!("Value '{other}' at '{}' must be true or false", self.key(name)))),
        }
    }

    /// One of the values of an AWS enumeration.
    ///
    /// # Errors
    /// `ValidationError` if it is something else.
    pub fn one_of(&self, name: &str, allowed: &[&'static str]) -> Result<Option<&'static str>, AwsFault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        allowed.iter().find(|value| **value == text).copied().map(Some).ok_or_else(|| {
            invalid(format!("Value '{text}' at '{}' must be one of [{}]", self.key(name), allowed.join(", ")))
        })
    }

    /// Whether anything was sent under `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let key = self.key(name);
        let below = format!("{key}.");
        self.all.contains_key(&key)
            || self.all.range(below.clone()..).next().is_some_and(|(k, _)| k.starts_with(&below))
    }

    /// The structure under `name`, if anything was sent in it.
    #[must_use]
    pub fn structure(&self, name: &str) -> Option<Self> {
        self.has(name).then(|| Self { all: self.all, prefix: format!("{}.", self.key(name)) })
    }

    /// The structures of a list, in order.
    #[must_use]
    pub fn structures(&self, name: &str) -> Vec<Self> {
        self.member_keys(name).into_iter().map(|key| Self { all: self.all, prefix: format!("{key}.") }).collect()
    }

    /// The plain values of a list, in order.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<&'a str> {
        self.member_keys(name).iter().filter_map(|key| self.all.get(key)).map(String::as_str).collect()
    }

    /// Key and value of each entry of a map (`Name.entry.1.key`, `Name.entry.1.value`).
    #[must_use]
    pub fn entries(&self, name: &str) -> Vec<(String, String)> {
        let list = format!("{}.entry.", self.key(name));
        self.numbered(&list)
            .into_iter()
            .filter_map(|n| {
                let key = self.all.get(&format!("{list}{n}.key"))?;
                let value = self.all.get(&format!("{list}{n}.value"))?;
                Some((key.clone(), value.clone()))
            })
            .collect()
    }

    /// Everything that was sent under `name`, for what is kept and given back as it came.
    #[must_use]
    pub fn tree(&self, name: &str) -> Option<Tree> {
        let key = self.key(name);
        if let Some(value) = self.all.get(&key) {
            return Some(Tree::Leaf(value.clone()));
        }
        let inside = self.structure(name)?;
        let list = inside.member_keys_here();
        if !list.is_empty() {
            return Some(Tree::List(list.iter().filter_map(|member| inside.tree(member)).collect()));
        }
        let below = inside.all.range(inside.prefix.clone()..).map_while(|(key, _)| key.strip_prefix(&inside.prefix));
        let names: BTreeSet<&str> = below.filter_map(|rest| rest.split('.').next()).collect();
        Some(Tree::Structure(
            names.into_iter().filter_map(|name| Some((name.to_owned(), inside.tree(name)?))).collect(),
        ))
    }

    /// The names of a list's members, inside the list.
    fn member_keys_here(&self) -> Vec<String> {
        self.numbered(&format!("{}member.", self.prefix)).into_iter().map(|n| format!("member.{n}")).collect()
    }

    fn member_keys(&self, name: &str) -> Vec<String> {
        let list = format!("{}.member.", self.key(name));
        self.numbered(&list).into_iter().map(|n| format!("{list}{n}")).collect()
    }

    fn numbered(&self, list: &str) -> BTreeSet<u32> {
        self.all
            .range(list.to_owned()..)
            .map_while(|(key, _)| key.strip_prefix(list))
            .filter_map(|rest| rest.split('.').next()?.parse().ok())
            .collect()
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// A part of a request, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Structure(BTreeMap<String, Tree>),
}

impl Tree {
    /// The text at the end of a path of names, if there is one.
    #[must_use]
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        match (self, path) {
            (Self::Leaf(text), []) => Some(text),
            (Self::Structure(members), [name, rest @ ..]) => members.get(*name)?.text(rest),
            _ => None,
        }
    }
}

/// A `ValidationError`, the code that this API answers to inputs out of range.
#[must_use]
pub fn invalid(message: impl Into<String>) -> AwsFault {
    AwsFault::client("ValidationError", message)
}

/// How an API gives a list in pages.
#[derive(Clone, Copy, Debug)]
pub struct Paging {
    /// The parameter that says how many items a page has at most.
    pub size: &'static str,
    /// How many without it.
    pub usual: usize,
    /// The most that may be asked for.
    pub most: usize,
    /// The parameter that says where to go on.
    pub marker: &'static str,
    /// The code that a marker which is not one is refused with.
    pub bad_marker: &'static str,
}

impl Paging {
    /// One page of a list, and the marker of the next one. The marker is the key of the last item of the page before,
    /// so that it stays right while resources come and go.
    ///
    /// # Errors
    /// If the size is out of range, or the marker is not a key.
    pub fn page<T>(
        &self,
        params: &Params<'_>,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), AwsFault> {
        let size = params.number(self.size, 1..=self.most)?.unwrap_or(self.usual);
        let start = match params.text(self.marker).filter(|marker| !marker.is_empty()) {
            None => 0,
            Some(marker) => items
                .iter()
                .position(|item| key(item) == marker)
                .map(|last| last + 1)
                .ok_or_else(|| AwsFault::client(self.bad_marker, format!("The marker '{marker}' is not valid")))?,
        };
        let more = items.len() > start + size;
        let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
        let marker = if more { page.last().map(&key) } else { None };
        Ok((page, marker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Xml;

    #[test]
    fn what_was_sent_comes_back_as_it_was() {
        let request = AwsRequest {
            method: http::Method::POST,
            uri: http::Uri::from_static("/"),
            headers: http::HeaderMap::new(),
            body: "A.B.member.10=ten&A.B.member.2=two&A.C.D=d%26&E=e".into(),
        };
        let form = Form::of(&request);
        let mut x = Xml::default();
        for name in ["A", "E", "F"] {
            if let Some(tree) = form.params().tree(name) {
                x.tree(name, &tree);
            }
        }
        let expected = "<A><B><member>two</member><member>ten</member></B><C><D>d&amp;</D></C></A><E>e</E>";
        assert_eq!(x.into_string(), expected);
        assert_eq!(form.params().tree("A").unwrap().text(&["C", "D"]), Some("d&"));
    }
}
