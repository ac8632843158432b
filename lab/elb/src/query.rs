//! Requests of the AWS Query protocol: a flat form whose keys spell out structures (`A.B`) and lists (`A.member.1`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use teal_lab_wire::{AwsFault, AwsRequest};

/// All parameters of one request.
#[derive(Debug)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads the body of a POST, and the query string as SDKs use it for GET.
    pub(crate) fn of(request: &AwsRequest) -> Self {
        let mut all = BTreeMap::new();
        let query = request.uri.query().unwrap_or_default().as_bytes();
        for source in [query, &request.body] {
            all.extend(form_urlencoded::parse(source).into_owned());
        }
        Self(all)
    }

    pub(crate) fn params(&self) -> Params<'_> {
        Params { all: &self.0, prefix: String::new() }
    }
}

/// One structure of the request: the whole of it, or what lies under a prefix.
#[derive(Clone, Debug)]
pub(crate) struct Params<'a> {
    all: &'a BTreeMap<String, String>,
    prefix: String,
}

impl<'a> Params<'a> {
    /// A value, if it was sent.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.all.get(&self.key(name)).map(String::as_str)
    }

    /// A value that AWS requires.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, AwsFault> {
        self.text(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            invalid(format!("Value null at '{}' failed to satisfy constraint: Member must not be null", self.key(name)))
        })
    }

    /// A number within the range that AWS documents.
    pub(crate) fn number<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, AwsFault>
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
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, AwsFault> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(invalid(format!("Value '{other}' at '{}' must be true or false", self.key(name)))),
        }
    }

    /// One of the values of an AWS enumeration.
    pub(crate) fn one_of(&self, name: &str, allowed: &[&'static str]) -> Result<Option<&'static str>, AwsFault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        allowed.iter().find(|value| **value == text).copied().map(Some).ok_or_else(|| {
            invalid(format!("Value '{text}' at '{}' must be one of [{}]", self.key(name), allowed.join(", ")))
        })
    }

    /// Whether anything was sent under `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        let key = self.key(name);
        let below = format!("{key}.");
        self.all.contains_key(&key)
            || self.all.range(below.clone()..).next().is_some_and(|(k, _)| k.starts_with(&below))
    }

    /// The structure under `name`, if anything was sent in it.
    pub(crate) fn structure(&self, name: &str) -> Option<Self> {
        self.has(name).then(|| Self { all: self.all, prefix: format!("{}.", self.key(name)) })
    }

    /// The structures of a list, in order.
    pub(crate) fn structures(&self, name: &str) -> Vec<Self> {
        self.member_keys(name).into_iter().map(|key| Self { all: self.all, prefix: format!("{key}.") }).collect()
    }

    /// The plain values of a list, in order.
    pub(crate) fn texts(&self, name: &str) -> Vec<&'a str> {
        self.member_keys(name).iter().filter_map(|key| self.all.get(key)).map(String::as_str).collect()
    }

    /// Key and value of each entry of a map (`Name.entry.1.key`, `Name.entry.1.value`).
    pub(crate) fn entries(&self, name: &str) -> Vec<(String, String)> {
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

/// A `ValidationError`, the code that this API answers to inputs out of range.
pub(crate) fn invalid(message: impl Into<String>) -> AwsFault {
    AwsFault::client("ValidationError", message)
}

/// One page of a list, as every Describe action with `Marker` and `PageSize` (1-400) answers it. The marker is the
/// key of the last item of the page before, so that it stays right while resources come and go.
///
/// Source: API Reference, for example DescribeTargetGroups.
pub(crate) fn page<T>(
    params: &Params<'_>,
    items: Vec<T>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), AwsFault> {
    let size = params.number("PageSize", 1..=400)?.unwrap_or(400);
    let start = match params.text("Marker").filter(|marker| !marker.is_empty()) {
        None => 0,
        Some(marker) => items
            .iter()
            .position(|item| key(item) == marker)
            .map(|last| last + 1)
            .ok_or_else(|| invalid(format!("The marker '{marker}' is not valid")))?,
    };
    let more = items.len() > start + size;
    let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
    let marker = if more { page.last().map(&key) } else { None };
    Ok((page, marker))
}
